"""MEM: memory, of a process (MEM40x, which planner memory raises) and of slots (MEM50x)."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.graph.kinds import find_kind
from planner.memory.off_heap import off_heap_use
from planner.rules.base import FLINK_CODE, FLINK_DOCS, GroupView, JobRule, Match, OperatorView, Rule, Subject
from planner.units import format_size


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
    summary = "A group has no managed memory, but an operator in it needs some."
    why = "RocksDB, ForSt and Python workers use the managed memory of the slot. Without it, the task fails when it starts."
    hint = "give the group managed memory, or remove managed so that planner derives it"
    source = "Flink's ManagedMemoryUtils; the managed memory of a slot comes only from its profile"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ManagedMemoryUtils.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            if group.managed != 0:
                continue
            for operator in _members(subject, group):
                kind = find_kind(operator.kind)
                if kind and (kind.python or (kind.keyed and operator.backend in _NATIVE)):
                    what = "Python" if kind.python else f"its {operator.backend} state"
                    yield Match(
                        group.at("managed"),
                        f"group {group.name!r} has no managed memory, which {operator.id!r} needs for {what}",
                    )
                    break


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
            uses = {operator.id: off_heap_use(operator.kind) for operator in _members(subject, group)}
            needed = sum(use.size for use in uses.values())
            if group.off_heap == 0 and needed:
                first = next(name for name, use in uses.items() if use.size)
                yield Match(
                    group.at("offHeap"),
                    f"group {group.name!r} has no off-heap memory; {first!r} alone may use {format_size(uses[first].size)}",
                )


class UnmanagedRocksDb(JobRule):
    code, name, severity = "MEM504", "unmanaged-rocksdb", Severity.WARNING
    summary = "RocksDB is configured not to use managed memory."
    why = (
        "Its block cache and write buffers then grow with every column family, until the container is killed."
    )
    hint = "remove the option, or limit the memory with state.backend.rocksdb.memory.fixed-per-slot"
    source = "Flink's RocksDBOptions.USE_MANAGED_MEMORY"
    source_url = f"{FLINK_CODE}flink-state-backends/flink-statebackend-rocksdb/src/main/java/org/apache/flink/state/rocksdb/RocksDBOptions.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        key = "state.backend.rocksdb.memory.managed"
        if subject.configuration.get(key, "true").strip().lower() == "false":
            fixed = "state.backend.rocksdb.memory.fixed-per-slot" in subject.configuration
            if not fixed and "state.backend.rocksdb.memory.fixed-per-tm" not in subject.configuration:
                yield Match(subject.option_path(key), "RocksDB does not use managed memory")
