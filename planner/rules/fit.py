"""FIT: whether a job fits the cluster that it is meant for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from planner.documents.finding import Path, Severity
from planner.memory.network import NETWORK_KEYS
from planner.memory.slot_resources import slot_counts
from planner.place.model.constraints import ZONE
from planner.place.model.problem import TOGETHER
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import PARTS, TaskManager
from planner.rules.base import (
    FLINK_CODE,
    FLINK_DOCS,
    ClusterSubject,
    FitRule,
    Match,
    Subject,
    TogetherRule,
)
from planner.rules.cfg import same_value
from planner.units import format_cpu, rounded_size


class GroupTooBig(FitRule):
    code, name, severity = "FIT801", "group-too-big", Severity.ERROR
    summary = "A slot of a group does not fit on any TaskManager of the cluster."
    why = "Flink can never allocate the slot, and the job fails when the slot request times out."
    hint = "lower the group's resources, or add a larger TaskManager"
    source = "Flink's DefaultResourceAllocationStrategy"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/resourcemanager/slotmanager/DefaultResourceAllocationStrategy.java"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        for group, slot in subject.firm.items():
            if closest := _nowhere(slot, cluster):
                path = _group_path(subject, group, closest.what)
                yield Match(path, f"a slot of group {group!r} {closest.why}")


@dataclass(frozen=True)
class _TooBig:
    """How far a slot is too big for a TaskManager, what of it is, and why."""

    by: float
    what: str
    why: str


def _nowhere(slot: SlotResources, cluster: ClusterSubject) -> _TooBig | None:
    """Return why ``slot`` fits on no TaskManager, told of the closest one, None where it fits on some."""
    reasons = [_too_big(slot, tm) for tm in cluster.task_managers]
    if not reasons or not all(reasons):
        return None
    return min(filter(None, reasons), key=lambda reason: reason.by)


def _group_path(subject: Subject, group: str, what: str = "name") -> Path:
    """Return where a group is declared, or ``what`` of it if that is; its first operator where it is not."""
    declared = next((entry for entry in subject.groups if entry.name == group), None)
    if declared:
        return declared.at(what if what in declared.given else "name")
    nodes = subject.graph.by_id if subject.graph else {}
    first = next((o for o in subject.operators if nodes[subject.node_of[o.id]].group == group), None)
    return first.at("id") if first else ()


def _too_big(slot: SlotResources, tm: TaskManager) -> _TooBig | None:
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
    together = sum(size for size, limit in zip(sizes, capacity.parts, strict=True) if limit is None)
    checks.append((TOGETHER.join(capacity.open_parts), together, capacity.open_memory, False))
    offered = dict(capacity.external)
    for name, amount in slot.external:
        if amount > offered.get(name, 0):
            why = f"needs {amount} {name}, and TaskManagers such as {tm.id!r} have {offered.get(name, 0)}"
            return _TooBig(float("inf"), "external", why)
    for name, need, limit, is_cpu in checks:
        if limit is not None and need > limit:
            spell = format_cpu if is_cpu else rounded_size
            why = f"needs {spell(need)} {name}; the closest, {tm.id!r}, has {spell(limit)}"
            return _TooBig(need / max(limit, 1), name, why)
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
        path = ("spec", "operators") if subject.kind == "Job" else ("nodes",)
        for message in _totals(subject, subject.firm, cluster):
            yield Match(path, message, key=True)
        limits = [tm.capacity.slots for tm in cluster.task_managers]
        slots, limit = sum(slot_counts(subject.job_graph).values()), _offered(limits, cluster)
        if limit is not None and slots > limit:
            yield Match(path, f"the job has {slots} slots, the cluster allows {limit}", key=True)


def _totals(
    subject: Subject, resources: Mapping[str, SlotResources], cluster: ClusterSubject
) -> Iterator[str]:
    """Yield of what all slots together need more than there is."""
    if subject.job_graph is None:
        return
    counts = slot_counts(subject.job_graph)
    cpu = sum(resources[group].cpu * n for group, n in counts.items())
    memory = sum(resources[group].memory * n for group, n in counts.items())
    has_cpu = _offered([tm.capacity.cpu for tm in cluster.task_managers], cluster)
    has_memory = _offered([tm.capacity.memory for tm in cluster.task_managers], cluster)
    # which TaskManagers are in reserve is chosen with the placement: here it is the smallest
    beside = " at most, beside its reserve" if cluster.cluster.spec.reserve.count else ""
    if has_cpu is not None and cpu > has_cpu:
        yield f"the job's slots reserve {format_cpu(cpu)} cores, the cluster has {format_cpu(has_cpu)}{beside}"
    if has_memory is not None and memory > has_memory:
        has = rounded_size(has_memory)
        yield f"the job's slots need {rounded_size(memory)}, the cluster has {has} for slots{beside}"


def _offered(amounts: Sequence[int | None], cluster: ClusterSubject) -> int | None:
    """Return what all TaskManagers but those in reserve have at most, None where one has no limit."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    return sum(sorted(known)[cluster.cluster.spec.reserve.count :])


class EstimatesBend(FitRule):
    code, name, severity = "FIT804", "estimates-bend", Severity.WARNING
    summary = "What planner estimates for a job is more than the cluster has."
    why = "Nobody declared these figures, so planner place lowers them until the slots fit. The job may need what they say: less CPU than it needs shows as backpressure, less memory as an OutOfMemoryError."
    hint = "declare resources of the group or its operators, or measure the load: planner import load"
    source = "planner's estimates; planner explain compile shows each with its source"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        if not cluster.task_managers:
            return
        for group, found in subject.estimates.items():
            closest = _nowhere(subject.resources[group], cluster)
            if closest and not _nowhere(subject.firm[group], cluster):
                why = "; ".join(dict.fromkeys(one.reason for one in found.values()))
                message = f"by planner's estimate a slot of group {group!r} {closest.why} ({why})"
                yield Match(_group_path(subject, group), message)
        if any(_totals(subject, subject.firm, cluster)):
            return
        path = ("spec", "operators") if subject.kind == "Job" else ("nodes",)
        for message in _totals(subject, subject.resources, cluster):
            groups = ", ".join(map(repr, subject.estimates))
            yield Match(path, f"by planner's estimates of {groups} {message}", key=True)


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


class TogetherTooBig(TogetherRule):
    code, name, severity = "FIT805", "together-too-big", Severity.ERROR
    summary = "Several jobs together need more than the whole cluster has."
    why = "They cannot all run at the same time: the last of them waits for slots, and fails."
    hint = "add TaskManagers, or lower parallelism or resources; check jobs that do not run together apart"
    source = "the sums over slots and TaskManagers; Flink's fine-grained resource management"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subjects: Sequence[Subject], cluster: ClusterSubject) -> Iterator[Match]:
        capacities = [tm.capacity for tm in cluster.task_managers]
        slots = [sum(_slots(subject).values()) for subject in subjects]
        cores = [sum(s.firm[name].cpu * n for name, n in _slots(s).items()) for s in subjects]
        sizes = [sum(s.firm[name].memory * n for name, n in _slots(s).items()) for s in subjects]
        sums: list[tuple[str, list[int], list[int | None], Callable[[int], str]]] = [
            ("slots", slots, [one.slots for one in capacities], str),
            ("cores", cores, [one.cpu for one in capacities], format_cpu),
            ("of memory", sizes, [one.memory for one in capacities], rounded_size),
        ]
        for what, needs, offers, spell in sums:
            limit = _offered(offers, cluster)
            if limit is not None and sum(needs) > limit >= max(needs):
                jobs = zip(subjects, needs, strict=True)
                each = ", ".join(f"{subject.name!r} ({spell(need)})" for subject, need in jobs)
                message = f"{each} need {spell(sum(needs))} {what} together, the cluster has {spell(limit)}"
                yield Match(("spec",), message, key=True)


def _slots(subject: Subject) -> Mapping[str, int]:
    return {} if subject.job_graph is None else slot_counts(subject.job_graph)


class OtherBuffers(FitRule):
    code, name, severity = "FIT806", "other-buffers", Severity.WARNING
    summary = "A TaskManager class has other network buffers than the job is planned with."
    why = "The JobManager announces the network memory of a slot, and planner plans it, by the job's options; a TaskManager divides that memory by its own. With larger buffers it has fewer of them than the job's tasks require, which then fail with an insufficient number of network buffers; with smaller ones the announced memory is too much."
    hint = "set the same value in the job and in every class, and for the JobManager"
    source = "Flink's NettyShuffleMaster and NettyShuffleServiceFactory"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/shuffle/NettyShuffleMaster.java"
    )

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        classes = zip(cluster.cluster.spec.task_manager_classes, cluster.options, strict=True)
        for entry, options in classes:
            for key in NETWORK_KEYS.values():
                option, there = subject.options.table.find(key), options.configuration.get(key)
                here = subject.configuration.get(key, option.default if option else None)
                if option is None or there is None or here is None or same_value(option, here, there):
                    continue
                message = f"{key} is {there!r} in class {entry.name!r}, and the job is planned with {here!r}"
                yield Match(options.path(key), message, in_cluster=True)
                if key in subject.configuration:
                    yield Match(subject.option_path(key), message)
