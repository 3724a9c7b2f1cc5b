"""A placement whose slots somebody else put where they are: its figures, and what it breaks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import Inputs, Placement, Slot
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.graph.job_graph import JobGraph
from planner.place.bend import as_planned
from planner.place.bounds.area import Bound, lower_bound, next_level
from planner.place.check.judge import check
from planner.place.clock import Clock
from planner.place.document import placement_document
from planner.place.engine import Instance, instance_of, predictions
from planner.place.model.choices import chosen, settle
from planner.place.model.objective import CPU_LEVEL
from planner.place.model.problem import Solution
from planner.place.model.slots import move_weights, subtask_names, vertex_operators
from planner.place.moves.move_list import Previous, move_list
from planner.place.result import DIGITS, Level, Result, Status
from planner.place.spares import spares_of


def arranged(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    previous: Placement,
    held: Mapping[str, Sequence[Slot]],
    spare: Collection[str],
    clock: Clock,
) -> tuple[Placement, list[str]]:
    """Return the placement with the slots ``held`` by each TaskManager, and what is wrong with it.

    ``held`` are the slots of ``previous``, by the TaskManager that holds them now; those named in ``spare``
    are in reserve.

    Raises:
        PlacementMismatch: when the slots are not those of this job.

    """
    instance = instance_of(as_planned(profile, previous.planned_groups), job, cluster)
    indices = [index for index, tm in enumerate(instance.problem.task_managers) if tm.id in spare]
    problem = replace(instance.problem, reserve=len(indices))
    choice, solution = chosen(problem, Solution(_counts(instance, held)), indices)
    settled = settle(problem, choice)
    inputs = Inputs(
        profile=digest(profile),
        cluster=digest(cluster),
        previous=digest(previous.model_copy(update={"meta": None})),
    )
    value, bound = solution.max_utilisation(settled), lower_bound(settled)
    if (proven := _proven(instance, previous, inputs, len(indices))) and bound.value < proven.value <= value:
        bound = proven
    level = Level(CPU_LEVEL, value, bound)
    status = Status.OPTIMAL if level.optimal else Status.FEASIBLE
    result = Result(status, settled, solution, bound, (level,), 0.0, clock.stop.seed)
    quotas = {tm.id: {} if tm.reserve else tm.quotas for tm in previous.task_managers}
    placement = placement_document(
        instance.profile,
        job,
        instance.slots,
        result,
        predictions(instance, clock.stop.seed),
        inputs,
        move_list(settled, solution, Previous(quotas, move_weights(instance.profile, job)), 0.0),
        spares_of(problem, result, clock),
    ).model_copy(update={"planned_groups": previous.planned_groups})
    return placement, check(placement, profile, cluster, previous)


def _proven(instance: Instance, previous: Placement, inputs: Inputs, spares: int) -> Bound | None:
    """Return what the search for ``previous`` proved of all placements that the new one is among.

    That is none where the job, the cluster or the number of spares is another one, where the highest CPU
    utilisation came after another level of the objective, or where the search had losses to cover.
    """
    level = previous.objective[0] if previous.objective else None
    spare = {tm.id for tm in previous.task_managers if tm.reserve}
    if (
        level is None
        or level.name != CPU_LEVEL
        or level.bound is None
        or level.bound_kind is None
        or (previous.inputs.profile, previous.inputs.cluster) != (inputs.profile, inputs.cluster)
        or len(spare) != spares
        or instance.problem.cover is not None
    ):
        return None
    least = Fraction(str(level.bound)) - _ROUNDING
    return Bound(next_level(instance.problem, least), level.bound_kind)  # an optimum is a level that there is


_ROUNDING = Fraction(1, 2 * 10**DIGITS)
"""By how much a figure of a document may be above what it stands for."""


def _counts(instance: Instance, held: Mapping[str, Sequence[Slot]]) -> dict[int, tuple[int, ...]]:
    problem, operators = instance.problem, vertex_operators(instance.profile, instance.job)
    slot_type = {
        (slot.group, tuple(subtask_names(operators, slot))): problem.number_of[problem.key_of(slot)]
        for slot in instance.slots
    }
    counts = {}
    there = {tm.id for tm in problem.task_managers}
    if gone := sorted(name for name, slots in held.items() if slots and name not in there):
        raise PlacementMismatch(f"TaskManager {gone[0]!r} is not in the cluster")
    for index, tm in enumerate(problem.task_managers):
        row = [0] * len(problem.types)
        for slot in held.get(tm.id, ()):
            number = slot_type.get((slot.group, tuple(slot.subtasks)))
            if number is None:
                raise PlacementMismatch(
                    "the previous placement is of another job, or of another version of it"
                )
            row[number] += 1
        counts[index] = tuple(row)
    return counts
