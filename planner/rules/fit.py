"""FIT: whether a job fits the cluster that it is meant for."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.finding import Path, Severity
from planner.memory.slot_resources import slot_counts
from planner.place.model.constraints import ZONE
from planner.place.model.problem import PARTS
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager
from planner.rules.base import FLINK_CODE, FLINK_DOCS, ClusterSubject, FitRule, Match, Subject
from planner.units import format_cpu, rounded_size


class GroupTooBig(FitRule):
    code, name, severity = "FIT801", "group-too-big", Severity.ERROR
    summary = "A slot of a group does not fit on any TaskManager of the cluster."
    why = "Flink can never allocate the slot, and the job fails when the slot request times out."
    hint = "lower the group's resources, or add a larger TaskManager"
    source = "Flink's DefaultResourceAllocationStrategy"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/resourcemanager/slotmanager/DefaultResourceAllocationStrategy.java"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        for group, slot in subject.resources.items():
            reasons = [_too_big(slot, tm) for tm in cluster.task_managers]
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


def _too_big(slot: SlotResources, tm: TaskManager) -> tuple[float, str] | None:
    """Return how far and why ``slot`` is too big for ``tm``, None if it fits."""
    capacity = tm.capacity
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
                f"needs {amount} {name}, and TaskManagers such as {tm.id!r} have {offered.get(name, 0)}",
            )
    for name, need, limit, is_cpu in checks:
        if limit is not None and need > limit:
            spell = format_cpu if is_cpu else rounded_size
            return (
                need / max(limit, 1),
                f"needs {spell(need)} {name}; the closest, {tm.id!r}, has {spell(limit)}",
            )
    return None


class TotalTooBig(FitRule):
    code, name, severity = "FIT802", "total-too-big", Severity.ERROR
    summary = "All slots together need more than the whole cluster has."
    why = "The slots cannot all be placed, in whatever order."
    hint = "add TaskManagers, or lower parallelism or resources; planner place reports how many are missing"
    source = "the sums over slots and TaskManagers; Flink's fine-grained resource management"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        if subject.job_graph is None or not cluster.task_managers:
            return
        counts = slot_counts(subject.job_graph)
        reserve = cluster.cluster.spec.reserve.task_managers
        used = sorted(cluster.task_managers, key=lambda tm: (-tm.capacity.cpu, -tm.capacity.memory))[reserve:]
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
        if all(tm.capacity.slots is not None for tm in used):
            slots, limit = sum(counts.values()), sum(tm.capacity.slots or 0 for tm in used)
            if slots > limit:
                yield Match(path, f"the job has {slots} slots, the cluster allows {limit}", key=True)


class UnknownPlace(FitRule):
    code, name, severity = "FIT803", "unknown-place", Severity.WARNING
    summary = (
        "The placement of a group refers to a TaskManager, class or zone that the cluster does not have."
    )
    why = "Slots that are pinned to it cannot be placed, and forbidding it has no effect."
    hint = "correct the name, or label the TaskManagers with their zone"
    source = "planner's document format, which follows Kubernetes' node affinity"
    source_url = "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        known = {tm.id for tm in cluster.task_managers} | {tm.class_name for tm in cluster.task_managers}
        zones = {zone for tm in cluster.task_managers if (zone := dict(tm.labels).get(ZONE))}
        for group, (wanted, path) in subject.placements.items():
            for field, names in (("pinned", wanted.pinned), ("forbidden", wanted.forbidden)):
                for number, name in enumerate(names):
                    if name not in known:
                        yield Match(
                            (*path, field, number), f"the cluster has no TaskManager and no class {name!r}"
                        )
            if wanted.min_zones is not None and wanted.min_zones > len(zones):
                yield Match(
                    (*path, "minZones"),
                    f"group {group!r} needs {wanted.min_zones} zones, the cluster has {len(zones)}",
                )
