"""Rules over clusters, and over a job and the cluster it is meant for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from planner.documents.finding import Path, Severity
from planner.memory.slot_resources import slot_counts
from planner.place.model.problem import PARTS
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager
from planner.rules.base import ClusterRule, ClusterSubject, FitRule, Match, Subject
from planner.units import format_cpu, rounded_size


class DuplicateTaskManager(ClusterRule):
    code, name, severity = "CLU701", "duplicate-taskmanager", Severity.ERROR
    summary = "Two classes or two TaskManagers have the same name."
    why = "A plan names TaskManagers by their id, those of a class as name-0, name-1 and so on."
    hint = "rename one of them"
    source = "planner's document format"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        spec = subject.cluster.spec
        seen: set[str] = set()
        for index, entry in enumerate(spec.task_manager_classes):
            if entry.name in seen:
                yield Match(
                    ("spec", "taskManagerClasses", index, "name"),
                    f"class {entry.name!r} is there twice",
                )
            seen.add(entry.name)
        ids = Counter(host.id for host in subject.hosts)
        named = Counter(one.id for one in spec.task_managers)
        for index, one in enumerate(spec.task_managers):
            if ids[one.id] > 1 or named[one.id] > 1:
                yield Match(("spec", "taskManagers", index, "id"), f"TaskManager {one.id!r} is there twice")


class BrokenTaskManager(ClusterRule):
    code, name, severity = "CLU702", "broken-taskmanager", Severity.ERROR
    summary = "The figures of a TaskManager do not work out."
    why = "Flink would refuse to start a process with this memory, or the class it names is not there."
    hint = (
        "correct the figures; planner memory --set taskmanager.memory.process.size=... shows how they add up"
    )
    source = "Flink's TaskExecutorProcessUtils"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        for path, message in subject.errors:
            yield Match(path, message)


class NoTaskManagers(ClusterRule):
    code, name, severity = "CLU703", "no-taskmanagers", Severity.ERROR
    summary = "A cluster has no TaskManagers."
    why = "Nothing can be placed on it."
    hint = "add taskManagerClasses with a count, or taskManagers"
    source = "planner's document format"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        if not subject.hosts and not subject.errors:
            yield Match(("spec",), "the cluster has no TaskManagers", key=True)


class TooMuchReserve(ClusterRule):
    code, name, severity = "CLU704", "too-much-reserve", Severity.ERROR
    summary = "As many TaskManagers are kept in reserve as there are."
    why = "None is left to place slots on."
    hint = "lower reserve.taskManagers"
    source = "planner's document format"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        reserve = subject.cluster.spec.reserve.task_managers
        if subject.hosts and reserve >= len(subject.hosts):
            yield Match(
                ("spec", "reserve", "taskManagers"),
                f"{reserve} of {len(subject.hosts)} TaskManagers are kept in reserve",
            )


class ContradictingCounts(ClusterRule):
    code, name, severity = "CLU705", "contradicting-counts", Severity.ERROR
    summary = "The numbers of a TaskManager class contradict each other."
    why = "min has to be at most max, and a fixed count leaves no range."
    hint = "give count, or min and max"
    source = "planner's document format"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        for index, entry in enumerate(subject.cluster.spec.task_manager_classes):
            path = ("spec", "taskManagerClasses", index)
            if entry.min is not None and entry.max is not None and entry.min > entry.max:
                yield Match((*path, "min"), f"class {entry.name!r}: min {entry.min} is over max {entry.max}")
            elif entry.count is not None and (entry.min is not None or entry.max is not None):
                yield Match((*path, "count"), f"class {entry.name!r} has a count and a range")


class GroupTooBig(FitRule):
    code, name, severity = "FIT801", "group-too-big", Severity.ERROR
    summary = "A slot of a group fits on no TaskManager of the cluster."
    why = "Flink could never allocate the slot, and the job fails when its slot request times out."
    hint = "lower the group's resources, or add a larger TaskManager"
    source = "Flink's DefaultResourceAllocationStrategy"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        for group, slot in subject.resources.items():
            reasons = [_too_big(slot, host) for host in cluster.hosts]
            if reasons and all(reasons):
                path = _group_path(subject, group)
                closest = min(filter(None, reasons), key=lambda reason: reason[0])
                yield Match(path, f"a slot of group {group!r} {closest[1]}")


def _group_path(subject: Subject, group: str) -> Path:
    """Return where a group is declared, or its first operator where it is not."""
    declared = next((entry for entry in subject.groups if entry.name == group), None)
    if declared:
        return declared.at("name")
    nodes = subject.graph.by_id if subject.graph else {}
    first = next((o for o in subject.operators if nodes[subject.node_of[o.id]].group == group), None)
    return first.at("id") if first else ()


def _too_big(slot: SlotResources, host: TaskManager) -> tuple[float, str] | None:
    """Return how far and why ``slot`` is too big for ``host``, None if it fits."""
    capacity = host.capacity
    checks: list[tuple[str, int, int | None, bool]] = [
        ("cpu", slot.cpu, capacity.cpu, True),
        ("memory", slot.memory, capacity.memory, False),
    ]
    sizes = (slot.heap, slot.off_heap, slot.managed, slot.network)
    checks += [
        (name, size, limit, False) for name, size, limit in zip(PARTS, sizes, capacity.parts, strict=True)
    ]
    offered = dict(capacity.external)
    for name, amount in slot.external:
        if amount > offered.get(name, 0):
            return (
                float("inf"),
                f"needs {amount} {name}, and TaskManagers such as {host.id!r} have {offered.get(name, 0)}",
            )
    for name, need, limit, is_cpu in checks:
        if limit is not None and need > limit:
            spell = format_cpu if is_cpu else rounded_size
            return (
                need / max(limit, 1),
                f"needs {spell(need)} {name}; the closest, {host.id!r}, has {spell(limit)}",
            )
    return None


class TotalTooBig(FitRule):
    code, name, severity = "FIT802", "total-too-big", Severity.ERROR
    summary = "All slots together need more than the whole cluster has."
    why = "No placement exists, whatever the order."
    hint = "add TaskManagers, or lower parallelism or resources; planner place says how many are missing"
    source = "the sums over slots and TaskManagers"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        if subject.job_graph is None or not cluster.hosts:
            return
        counts = slot_counts(subject.job_graph)
        reserve = cluster.cluster.spec.reserve.task_managers
        used = sorted(cluster.hosts, key=lambda host: (-host.capacity.cpu, -host.capacity.memory))[reserve:]
        cpu = sum(subject.resources[group].cpu * n for group, n in counts.items())
        memory = sum(subject.resources[group].memory * n for group, n in counts.items())
        path = ("spec", "operators") if subject.kind == "Job" else ("nodes",)
        has_cpu, has_memory = (
            sum(h.capacity.cpu for h in used),
            sum(h.capacity.memory for h in used),
        )
        if cpu > has_cpu:
            yield Match(
                path,
                f"the job's slots reserve {format_cpu(cpu)} cores, the cluster has {format_cpu(has_cpu)}",
                key=True,
            )
        if memory > has_memory:
            yield Match(
                path,
                f"the job's slots need {rounded_size(memory)}, the cluster has {rounded_size(has_memory)} for slots",
                key=True,
            )
        if all(host.capacity.slots is not None for host in used):
            slots, limit = sum(counts.values()), sum(host.capacity.slots or 0 for host in used)
            if slots > limit:
                yield Match(path, f"the job has {slots} slots, the cluster allows {limit}", key=True)
