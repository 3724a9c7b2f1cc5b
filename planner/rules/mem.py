"""MEM: memory, of a process (MEM40x, which planner memory raises) and of slots (MEM50x)."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.documents.vocabulary import JobType, UseCase
from planner.graph.kinds import find_kind
from planner.memory.managed import fixed_rocksdb_memory
from planner.memory.off_heap import UNKNOWN_CLIENT, off_heap_use
from planner.memory.taskmanager import derive_taskmanager
from planner.rules.base import (
    FLINK_CODE,
    FLINK_DOCS,
    GroupView,
    JobRule,
    ManifestRule,
    ManifestSubject,
    Match,
    OperatorView,
    OptionRule,
    OptionsView,
    Rule,
    Subject,
)
from planner.units import MIB, format_size, parse_size


class NoMemory(Rule):
    code, name, severity = "MEM401", "no-memory", Severity.ERROR
    summary = "No memory is configured for a process."
    why = "Flink refuses to start: it derives everything from a total, or from the fine-grained parts."
    hint = "set the process size, the Flink size, or task heap and managed memory (JobManager: heap)"
    source = "Flink's ProcessMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ProcessMemoryUtils.java"


class PartsOverTotal(Rule):
    code, name, severity = "MEM402", "parts-over-total", Severity.ERROR
    summary = "The parts of memory do not fit into total Flink memory."
    why = "Flink refuses to start. In small processes framework memory, twice 128 mb, is most of the total."
    hint = "raise the total, or lower a part"
    source = "Flink's TaskExecutorFlinkMemoryUtils and JobManagerFlinkMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/taskmanager/TaskExecutorFlinkMemoryUtils.java"


class NetworkRange(Rule):
    code, name, severity = "MEM403", "network-range", Severity.ERROR
    summary = "Network memory is the remainder of total Flink memory, and it is outside its min and max."
    why = "When both task heap and a total are given, everything else is network memory."
    hint = "remove one of them, or widen network.min and network.max"
    source = "Flink's TaskExecutorFlinkMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/taskmanager/TaskExecutorFlinkMemoryUtils.java"


class OverheadRange(Rule):
    code, name, severity = "MEM404", "overhead-range", Severity.ERROR
    summary = "JVM overhead is the remainder of the process, and it is outside its min and max."
    why = "When both totals are given, the difference less metaspace is the overhead."
    hint = "remove one total, or widen jvm-overhead.min and jvm-overhead.max"
    source = "Flink's ProcessMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ProcessMemoryUtils.java"


class ProcessTooSmall(Rule):
    code, name, severity = "MEM405", "process-too-small", Severity.ERROR
    summary = "Total process memory is smaller than the parts that it has to hold."
    why = "Metaspace, overhead and Flink memory together make up the process."
    hint = "raise the process size, or lower a part"
    source = "Flink's ProcessMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ProcessMemoryUtils.java"


class InconsistentRange(Rule):
    code, name, severity = "MEM406", "inconsistent-range", Severity.ERROR
    summary = "A memory range has a min above its max, or a fraction outside of 0 to 1."
    why = "Flink refuses to start."
    hint = "correct min, max or fraction"
    source = "Flink's ProcessMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ProcessMemoryUtils.java"


class UnreadableValue(Rule):
    code, name, severity = "MEM407", "unreadable-value", Severity.ERROR
    summary = "Flink cannot parse a memory option."
    why = "Sizes are whole numbers with b, kb, mb, gb or tb; fractions are plain decimals."
    hint = "correct the value"
    source = "Flink's ConfigurationUtils and MemorySize"
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/ConfigurationUtils.java"
    )


class NoCpu(Rule):
    code, name, severity = "MEM408", "no-cpu", Severity.ERROR
    summary = "A TaskManager has no CPU cores."
    why = "Without taskmanager.cpu.cores Flink uses the number of slots; both have to be greater than 0."
    hint = "set taskmanager.cpu.cores or taskmanager.numberOfTaskSlots"
    source = "Flink's TaskExecutorProcessUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/clusterframework/TaskExecutorProcessUtils.java"


_NATIVE = ("rocksdb", "forst")


def _members(subject: Subject, group: GroupView) -> Iterator[OperatorView]:
    if subject.graph is None:
        return
    for operator in subject.operators:
        if subject.graph.by_id[subject.node_of[operator.id]].group == group.name:
            yield operator


class NoManagedMemory(JobRule):
    code, name, severity = "MEM501", "no-managed-memory", Severity.ERROR
    otherwise = "or warning where the job runs all the same"
    summary = "A group has no managed memory, but an operator in it uses some."
    why = "Sorts, joins and aggregates of batch jobs, and the sorted inputs of their keyed operators, fail when they start. RocksDB and ForSt run with a cache of 0 bytes, and Flink itself warns that their performance will be poor, because they flush constantly. A Python worker runs without a limit of its memory."
    hint = "give the group managed memory, or remove managed so that planner derives it"
    source = "each tried on real Flinks, docs/benchmarks/zero-managed-memory.md; Flink's ManagedMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ManagedMemoryUtils.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            if group.managed != 0:
                continue
            found = [(why, op) for op in _members(subject, group) if (why := _without_managed(subject, op))]
            found.sort(key=lambda entry: entry[0][0].rank)
            if found:
                (severity, what), operator = found[0]
                message = f"group {group.name!r} has no managed memory, {what.format(repr(operator.id))}"
                yield Match(group.at("managed"), message, severity=severity)


def _without_managed(subject: Subject, operator: OperatorView) -> tuple[Severity, str] | None:
    """Return what becomes of an operator whose slot has no managed memory, None where it uses none."""
    assert subject.graph is not None
    node, kind = subject.graph.by_id[subject.node_of[operator.id]], find_kind(operator.kind)
    if any(use is UseCase.OPERATOR and weight for use, weight in node.managed_weights):
        return Severity.ERROR, "without which {} fails when it starts: it sorts or joins in it"
    backend = operator.backend or ""
    if (
        kind
        and kind.keyed
        and backend in _NATIVE
        and subject.type is JobType.STREAMING
        and _is_managed(subject, backend)
    ):
        return Severity.WARNING, f"so the {backend} state of {{}} has a cache of 0 bytes and performs poorly"
    if kind and kind.python:
        return Severity.WARNING, "so nothing limits the memory of the Python worker of {}"
    return None


def _is_managed(subject: Subject, backend: str) -> bool:
    """Return whether a state backend uses managed memory; of options that cannot be read, CFG404 tells."""
    try:
        return fixed_rocksdb_memory(subject.configuration, backend) is None
    except ValueError:
        return False


class ManagedWaste(JobRule):
    code, name, severity = "MEM502", "managed-waste", Severity.WARNING
    summary = "A group has managed memory that no operator in it uses."
    why = "State on the heap does not use managed memory, so the memory is reserved and never used."
    hint = "move the memory to heap, or keep the state in RocksDB: state.backend.type: rocksdb"
    source = "Flink's memory tuning guide"
    source_url = f"{FLINK_DOCS}deployment/memory/mem_tuning/"

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            if not group.managed or subject.graph is None:
                continue
            members = list(_members(subject, group))
            native = any(operator.stateful and operator.backend in _NATIVE for operator in members)
            python = any(kind and kind.python for kind in (find_kind(operator.kind) for operator in members))
            weighted = any(node.managed_weights for node in subject.graph.nodes if node.group == group.name)
            if members and not (native or python or weighted):
                yield Match(
                    group.at("managed"),
                    f"nothing in group {group.name!r} uses its {format_size(group.managed)} of managed memory",
                )


class NoOffHeap(JobRule):
    code, name, severity = "MEM503", "no-off-heap", Severity.WARNING
    summary = "A group has no off-heap memory, but an operator in it is known to use direct memory."
    why = 'The JVM limits direct memory to the configured size; the task fails with "Direct buffer memory".'
    hint = "raise offHeap, or remove it so that planner derives it"
    source = "Flink's memory troubleshooting guide; planner/memory/off_heap.py has the sizes"
    source_url = f"{FLINK_DOCS}deployment/memory/mem_trouble/"

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            if group.off_heap is None:
                continue
            uses = {
                operator.id: off_heap_use(operator.kind, subject.catalogue)
                for operator in _members(subject, group)
            }
            needed = sum(use.size for use in uses.values())
            if group.off_heap == 0 and needed:
                first = next(name for name, use in uses.items() if use.size)
                yield Match(
                    group.at("offHeap"),
                    f"group {group.name!r} has no off-heap memory; {first!r} alone may use {format_size(uses[first].size)}",
                )


class UnmanagedRocksDb(OptionRule):
    code, name, severity = "MEM504", "unmanaged-rocksdb", Severity.WARNING
    summary = "RocksDB or ForSt is configured not to use managed memory."
    why = (
        "Its block cache and write buffers then grow with every column family, until the container is killed."
    )
    hint = "remove the option, or limit the memory with fixed-per-slot beside it"
    source = "Flink's RocksDBOptions.USE_MANAGED_MEMORY"
    source_url = f"{FLINK_CODE}flink-state-backends/flink-statebackend-rocksdb/src/main/java/org/apache/flink/state/rocksdb/RocksDBOptions.java"

    _NAMES = {"rocksdb": "RocksDB", "forst": "ForSt"}

    def check(self, options: OptionsView) -> Iterator[Match]:
        for backend, shown in self._NAMES.items():
            prefix = f"state.backend.{backend}.memory."
            if options.configuration.get(f"{prefix}managed", "true").strip().lower() != "false":
                continue
            if not any(
                f"{prefix}{fixed}" in options.configuration for fixed in ("fixed-per-slot", "fixed-per-tm")
            ):
                hint = f"remove the option, or limit the memory with {prefix}fixed-per-slot"
                yield Match(options.path(f"{prefix}managed"), f"{shown} does not use managed memory", hint)


class UnknownClient(JobRule):
    code, name, severity = "MEM505", "unknown-client", Severity.INFO
    summary = "It is not known how much direct memory a client of the job uses."
    why = 'A starting value takes its place. A client that uses more fails with "Direct buffer memory" once there is load, since the JVM limits direct memory to what is configured.'
    hint = "declare the figure: spec.offHeapCatalogue: {KIND: SIZE}, or resources: {offHeap: SIZE} of the operator or its group"
    source = "planner's catalogue of off-heap memory, docs/memory.md; Flink's memory troubleshooting guide"
    source_url = f"{FLINK_DOCS}deployment/memory/mem_trouble/"

    def check(self, subject: Subject) -> Iterator[Match]:
        unknown = [
            operator
            for operator in subject.operators
            if subject.graph is not None
            and operator.off_heap is None
            and off_heap_use(operator.kind, subject.catalogue) is UNKNOWN_CLIENT
            and _is_assumed(subject, subject.graph.by_id[subject.node_of[operator.id]].group)
        ]
        if unknown:
            kinds = list(dict.fromkeys(operator.kind for operator in unknown))
            named = ", ".join(kinds[:4]) + (f" and {len(kinds) - 4} more" if len(kinds) > 4 else "")
            size = format_size(UNKNOWN_CLIENT.size)
            yield Match(
                unknown[0].at("kind"),
                f"the direct memory of {named} is not known; {size} for each subtask is assumed",
            )


def _is_assumed(subject: Subject, group: str) -> bool:
    """Return whether the off-heap memory of a group is planner's own sum with the starting value in it."""
    estimate = subject.estimates.get(group, {}).get("off_heap")
    return estimate is not None and UNKNOWN_CLIENT.reason in estimate.reason


class FixedStateMemory(ManifestRule):
    code, name, severity = "MEM506", "fixed-state-memory", Severity.WARNING
    summary = "The fixed memory of RocksDB or ForSt is more than the process of a TaskManager has beside its other parts."
    why = "It is native memory outside of what Flink counts. When the state has grown, the container is killed, or the process by the kernel."
    hint = "lower it, or remove it so that state uses managed memory"
    source = "Flink's RocksDBOptions: fixed memory takes the place of managed memory"
    source_url = f"{FLINK_DOCS}ops/state/large_state_tuning/"

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        options = subject.effective
        named = options.written("state.backend.type") is not None  # else the program may choose
        for backend in _NATIVE:
            key, size = _fixed_memory(options, backend)
            if key is None or (named and options.value("state.backend.type") != backend):
                continue
            try:
                memory = derive_taskmanager(options.configuration)
                limit = float(options.value("kubernetes.taskmanager.memory.limit-factor") or 1)
            except ValueError:
                continue  # other rules report what cannot be read, or does not add up
            free = memory.managed + memory.jvm_overhead + memory.framework_off_heap + memory.task_off_heap
            free += int(memory.process * max(limit - 1, 0))
            if size > free:
                message = (
                    f"{size // MIB} mb of fixed memory, where a process of {memory.process // MIB} mb has"
                    f" {free // MIB} mb beside heap, network memory and metaspace"
                )
                yield Match(options.path(key), message, key=True)


def _fixed_memory(options: OptionsView, backend: str) -> tuple[str | None, int]:
    """Return the option that fixes the memory of a state backend, and how much that is for all slots.

    As in RocksDBSharedResourcesFactory an amount for each slot goes first, then managed memory, which is the
    default, and only then an amount for the TaskManager.
    """
    prefix, slots = f"state.backend.{backend}.memory.", options.count("taskmanager.numberOfTaskSlots")
    each, total = f"{prefix}fixed-per-slot", f"{prefix}fixed-per-tm"
    try:
        if each in options.configuration:
            return (each, parse_size(options.value(each) or "") * slots) if slots else (None, 0)
        if total in options.configuration and options.value(f"{prefix}managed") == "false":
            return total, parse_size(options.value(total) or "")
    except ValueError:
        pass  # CFG404 reports it
    return None, 0
