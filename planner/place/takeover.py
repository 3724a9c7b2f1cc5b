"""One TaskManager takes over all that another one holds: the move that replaces a single process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from planner.documents.cluster import Cluster, Reserve, TaskManager
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import Inputs, PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.graph.job_graph import JobGraph
from planner.place.bend import as_planned
from planner.place.bounds.area import lower_bound
from planner.place.check.judge import check
from planner.place.clock import Clock
from planner.place.document import placement_document
from planner.place.engine import Instance, instance_of, predictions
from planner.place.model.choices import chosen, settle
from planner.place.model.objective import CPU_LEVEL
from planner.place.model.problem import Solution
from planner.place.model.slots import move_weights, subtask_names
from planner.place.model.task_managers import class_ids, task_manager_ids
from planner.place.moves.move_list import Previous, move_list
from planner.place.result import Level, Result, Status
from planner.place.spares import spares_of


def without(cluster: Cluster, names: set[str]) -> Cluster:
    """Return a cluster without some TaskManagers; those that are left keep their ids.

    Raises:
        PlacementMismatch: when one of them is not there.

    """
    spec = cluster.spec
    if missing := sorted(names - set(task_manager_ids(cluster))):
        raise PlacementMismatch(f"cluster {cluster.metadata.name!r} has no TaskManager {missing[0]!r}")
    classes, named = [], []
    for entry in spec.task_manager_classes:
        left = [name for name in class_ids(entry) if name not in names]
        if len(left) == len(class_ids(entry)):
            classes.append(entry)
            continue
        classes.append(entry.model_copy(update={"count": 0, "min": None, "max": None}))
        named += [TaskManager.model_validate({"id": name, "class": entry.name}) for name in left]
    named += [one for one in spec.task_managers if one.id not in names]
    changed = spec.model_copy(update={"task_manager_classes": classes, "task_managers": named})
    return cluster.model_copy(update={"spec": changed})


def with_reserve(cluster: Cluster, count: int) -> Cluster:
    """Return a cluster that keeps ``count`` TaskManagers in reserve, whatever it asks for."""
    spec = cluster.spec.model_copy(update={"reserve": Reserve(task_managers=count)})
    return cluster.model_copy(update={"spec": spec})


def empty_ones(placement: Placement) -> Iterator[PlacedTaskManager]:
    """Yield the TaskManagers without slots, those in reserve first."""
    free = [tm for tm in placement.task_managers if not tm.slots]
    yield from sorted(free, key=lambda tm: not tm.reserve)


def takeover(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    previous: Placement,
    source: str,
    target: str,
    clock: Clock,
) -> Placement | None:
    """Return ``previous`` with all that is on ``source`` on ``target`` instead, None where that does not fit.

    ``cluster`` may be without ``source``. The figures are those of a placement that nobody searched for.

    Raises:
        PlacementMismatch: when the placement is not of this job.

    """
    instance = instance_of(as_planned(profile, previous.planned_groups), job, cluster)
    counts = _counts(instance, previous, source, target)
    spare = [
        index
        for index, tm in enumerate(instance.problem.task_managers)
        if _in_reserve(previous, tm.id, source, target)
    ]
    problem = replace(instance.problem, reserve=len(spare))
    choice, solution = chosen(problem, Solution(counts), spare)
    settled = settle(problem, choice)
    bound = lower_bound(settled)
    level = Level(CPU_LEVEL, solution.max_utilisation(settled), bound)
    status = Status.OPTIMAL if level.optimal else Status.FEASIBLE
    result = Result(status, settled, solution, bound, (level,), 0.0, clock.stop.seed)
    quotas = {tm.id: {} if tm.reserve else tm.quotas for tm in previous.task_managers}
    placement = placement_document(
        instance.profile,
        job,
        instance.slots,
        result,
        predictions(instance, clock.stop.seed),
        Inputs(
            profile=digest(profile),
            cluster=digest(cluster),
            previous=digest(previous.model_copy(update={"meta": None})),
        ),
        move_list(settled, solution, Previous(quotas, move_weights(instance.profile, job)), 0.0),
        spares_of(problem, result, clock),
    ).model_copy(update={"planned_groups": previous.planned_groups})
    return None if check(placement, profile, cluster, previous) else placement


def _in_reserve(previous: Placement, name: str, source: str, target: str) -> bool:
    """Tell whether a TaskManager is in reserve now: the two change their parts."""
    asked = {source: target, target: source}.get(name, name)
    return any(tm.id == asked and bool(tm.reserve) for tm in previous.task_managers)


def _counts(instance: Instance, previous: Placement, source: str, target: str) -> dict[int, tuple[int, ...]]:
    problem = instance.problem
    types = {(t.group, t.load): index for index, t in enumerate(problem.types)}
    slot_type = {
        (slot.group, tuple(subtask_names(instance.profile, instance.job, slot))): types[
            slot.group, slot.load // problem.grain
        ]
        for slot in instance.slots
    }
    held = {tm.id: tm.slots for tm in previous.task_managers}
    counts = {}
    for index, tm in enumerate(problem.task_managers):
        name = {source: target, target: source}.get(tm.id, tm.id)
        row = [0] * len(problem.types)
        for slot in held.get(name, ()):
            number = slot_type.get((slot.group, tuple(slot.subtasks)))
            if number is None:
                raise PlacementMismatch(
                    "the previous placement is of another job, or of another version of it"
                )
            row[number] += 1
        counts[index] = tuple(row)
    return counts
