"""Rules over the memory of slots."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.graph.kinds import find_kind
from planner.memory.off_heap import off_heap_use
from planner.rules.base import GroupView, JobRule, Match, OperatorView, Subject
from planner.units import format_size

_NATIVE = ("rocksdb", "forst")


def _members(subject: Subject, group: GroupView) -> Iterator[OperatorView]:
    if subject.graph is None:
        return
    for operator in subject.operators:
        if subject.graph.by_id[subject.node_of[operator.id]].group == group.name:
            yield operator


class NoManagedMemory(JobRule):
    code, name, severity = "MEM501", "no-managed-memory", Severity.ERROR
    summary = "A group has no managed memory, but an operator in it cannot run without."
    why = "RocksDB, ForSt and Python workers take their memory from the managed memory of the slot; with none the task fails when it starts."
    hint = "give the group managed memory, or leave managed out so that planner derives it"
    source = "Flink's ManagedMemoryUtils; managed memory of a slot comes from its profile alone"

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
    summary = "A group has managed memory that nothing in it uses."
    why = "State on the heap does not use managed memory, so it is reserved for nothing."
    hint = "give the memory to heap, or keep the state in RocksDB: state.backend.type: rocksdb"
    source = "Flink's memory tuning guide"

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
    why = 'The JVM limits direct memory to what is configured; the task fails with "Direct buffer memory".'
    hint = "raise offHeap, or leave it out so that planner derives it"
    source = "planner/memory/offheap.py"

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
    summary = "RocksDB is told not to keep to managed memory."
    why = "Its block cache and write buffers then grow with every column family, and the container is killed."
    hint = "remove the option, or state its limits with state.backend.rocksdb.memory.fixed-per-slot"
    source = "Flink's RocksDBOptions.USE_MANAGED_MEMORY"

    def check(self, subject: Subject) -> Iterator[Match]:
        key = "state.backend.rocksdb.memory.managed"
        if subject.configuration.get(key, "true").strip().lower() == "false":
            fixed = "state.backend.rocksdb.memory.fixed-per-slot" in subject.configuration
            if not fixed and "state.backend.rocksdb.memory.fixed-per-tm" not in subject.configuration:
                yield Match(subject.option_path(key), "RocksDB does not keep to managed memory")
