"""A job and a cluster to a placement: a problem for each choice of zones, search, document, judge."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import Inputs, Meta, Placement
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.errors import TimedOut
from planner.graph.job_graph import JobGraph
from planner.place.bounds.area import lower_bound
from planner.place.check.judge import RefusedError, check
from planner.place.clock import Clock
from planner.place.document import placement_document
from planner.place.infeasible import Infeasible, counting_conflict, explain
from planner.place.model.constraints import zone_choices
from planner.place.model.flows import group_flows
from planner.place.model.objective import CPU_LEVEL, Objective
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, job_slots, move_weights, slot_resources
from planner.place.model.task_managers import task_managers_of
from planner.place.moves.least_moves import least_moves
from planner.place.moves.move_list import Point, Previous
from planner.place.moves.pareto import curve
from planner.place.parameters import PARAMETERS
from planner.place.result import Level, Progress, Result, Status
from planner.place.solve import solve
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import (
    NoRoom,
    Prediction,
    default_slots,
    effective,
    outcome,
    predict,
    solution,
    stock_slots,
)
from planner.version import __version__


@dataclass(frozen=True)
class Instance:
    """What is to be placed: the job's slots, and the problem for each choice of zones.

    ``free`` is the problem without constraints of groups. ``relaxed`` tells that only its bound holds
    for the whole: which slots or zones serve a constraint was chosen beforehand. ``complete`` tells that
    ``problems`` are all choices there are, so that what none of them allows is impossible. ``stock`` is
    the problem as Flink's own scheduler has it, without a reserve; groups in ``default`` ask it for
    default slots.
    """

    profile: ResourceProfile
    job: JobGraph
    slots: list[JobSlot]
    free: Problem
    stock: Problem
    default: frozenset[str]
    problems: list[Problem]
    relaxed: bool
    complete: bool = True


def instance_of(profile: ResourceProfile, job: JobGraph, cluster: Cluster) -> Instance:
    """Return the instance of a complete profile with its job graph, on a cluster.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.

    """
    slots, resources = job_slots(profile, job), slot_resources(profile)
    task_managers, reserve = task_managers_of(cluster), cluster.spec.reserve.task_managers
    flows = group_flows(profile, job)
    free = build_problem(slots, resources, task_managers, reserve, flows=flows)
    stock = build_problem(slots, resources, task_managers, flows=flows) if reserve else free
    default = default_slots(profile, stock)
    constraints = (profile.planner.placement if profile.planner else None) or {}
    if not constraints:
        return Instance(profile, job, slots, free, stock, default, [free], relaxed=False)
    choices, every = zone_choices(constraints, [task_managers[index] for index in free.usable])
    problems = [
        build_problem(slots, resources, task_managers, reserve, constraints, zones, flows)
        for zones in choices
    ]
    loads = Counter(group for group, _ in {(slot.group, slot.load) for slot in slots})
    chosen = any(
        loads[group] > 1 and (wanted.min_task_managers or wanted.min_zones)
        for group, wanted in constraints.items()
    )
    return Instance(
        profile,
        job,
        slots,
        free,
        stock,
        default,
        problems,
        relaxed=chosen or len(choices) > 1,
        complete=every and not chosen,
    )


def place(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    clock: Clock,
    progress: Progress,
    *,
    objective: Sequence[Objective],
    previous: Placement | None,
    slack: float,
) -> Placement:
    """Return the best placement found until ``clock`` has expired, judged by the checker.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement.
        TimedOut: when none was found.
        PlacementMismatch: when ``previous`` is of another job, or a simulation.
        RefusedError: when the checker refuses the placement, which is a defect of planner.

    """
    instance = instance_of(profile, job, cluster)
    clock.reserve(PARAMETERS.seconds_after + PARAMETERS.seconds_after_per_slot * len(instance.slots))
    if previous is None:
        result = _search(instance, clock, progress, objective)
    else:
        result = _search(instance, clock.part(clock.left() / 2), progress, (Objective.CPU,))
    _require_solution(result, clock)
    moves = None
    if previous is not None:
        progress("fewer moves", result.levels[0].value, result.bound.value)
        result, moves = least_moves(result, _previous(instance, previous), slack, clock)
    inputs = Inputs(
        profile=digest(profile),
        cluster=digest(cluster),
        previous=digest(previous.model_copy(update={"meta": None})) if previous else None,
    )
    stock = predictions(instance, clock.stop.seed)
    placement = placement_document(profile, job, instance.slots, result, stock, inputs, moves)
    if refused := check(placement, profile, cluster, previous):
        raise RefusedError("; ".join(refused[:3]))
    return _with_meta(placement, clock.spent(), clock.stop.seed, clock.stop.workers)


def pareto(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    previous: Placement,
    clock: Clock,
    progress: Progress,
) -> list[Point]:
    """Return how balance goes with moves against a ``previous`` placement, fewest moves first.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement.
        TimedOut: when none was found.

    """
    instance = instance_of(profile, job, cluster)
    result = _search(instance, clock.part(clock.left() / 3), progress, (Objective.CPU,))
    _require_solution(result, clock)
    return curve(result, _previous(instance, previous), clock, progress)


def simulate(profile: ResourceProfile, job: JobGraph, cluster: Cluster, mode: Mode, seed: int) -> Placement:
    """Return one possible outcome of Flink's own scheduler, to which constraints mean nothing.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        NoRoom: when not every slot finds room in the order of TaskManagers that ``seed`` draws.

    """
    started = time.monotonic()
    instance = instance_of(profile, job, cluster)
    real, slots = effective(mode, job), stock_slots(profile, job, mode)
    problem = build_problem(
        slots, slot_resources(profile), task_managers_of(cluster), flows=group_flows(profile, job)
    )
    placed = outcome(problem, slots, real, Random(seed), instance.default)
    if placed is None:
        raise NoRoom(
            f"Flink's own scheduler, with mode {mode.name}, finds no room for every slot in the order of"
            f" TaskManagers that seed {seed} draws; another seed may"
        )
    simulated, bound = solution(problem, placed), lower_bound(problem)
    level = Level(CPU_LEVEL, simulated.max_utilisation(problem), bound)
    status = Status.OPTIMAL if level.optimal else Status.FEASIBLE
    result = Result(status, problem, simulated, bound, (level,), 0.0, seed)
    inputs = Inputs(profile=digest(profile), cluster=digest(cluster))
    stock = predictions(instance, seed)
    placement = placement_document(profile, job, slots, result, stock, inputs)
    strategy = f"flink-{mode.name.lower().replace('_', '-')}"
    return _with_meta(
        placement.model_copy(update={"strategy": strategy}), time.monotonic() - started, seed, workers=1
    )


def _with_meta(placement: Placement, seconds: float, seed: int, workers: int) -> Placement:
    meta = Meta(seconds=round(seconds, 3), seed=seed, workers=workers, planner_version=__version__)
    return placement.model_copy(update={"meta": meta})


def predictions(instance: Instance, seed: int) -> Mapping[str, Prediction]:
    """Return what Flink's own scheduler would reach under each of its modes."""
    predictions = {}
    for mode in Mode:
        real = effective(mode, instance.job)
        balanced = real is Mode.TASKS
        slots = stock_slots(instance.profile, instance.job, mode) if balanced else instance.slots
        predictions[mode.value] = predict(instance.stock, slots, real, seed, instance.default)
    return predictions


def _search(instance: Instance, clock: Clock, progress: Progress, objective: Sequence[Objective]) -> Result:
    """Return the best result over the choices of zones."""
    if instance.relaxed and counting_conflict(instance.free) is not None:  # not even without constraints
        return _refuted(instance.free, clock)
    best: Result | None = None
    least = lower_bound(instance.free).value
    refuted = 0
    for number, problem in enumerate(instance.problems):
        left = len(instance.problems) - number
        share = clock if len(instance.problems) == 1 else clock.part(clock.left() / left)
        if counting_conflict(problem) is not None:
            result = _refuted(problem, clock)
        else:
            result = solve(problem, share, progress, objective)
        refuted += result.status is Status.INFEASIBLE
        if best is None or result.better_than(best):
            best = result
        if clock.expired() or (best.solution is not None and _highest(best) <= least):
            break
    assert best is not None
    if not instance.relaxed or (instance.complete and refuted == len(instance.problems)):
        return best
    return best.with_bound_of(instance.free)


def _refuted(problem: Problem, clock: Clock) -> Result:
    return Result(Status.INFEASIBLE, problem, None, lower_bound(problem), (), 0.0, clock.stop.seed)


def _highest(result: Result) -> Fraction:
    return next(level.value for level in result.levels if level.name == CPU_LEVEL)


def _require_solution(result: Result, clock: Clock) -> None:
    if result.status is Status.INFEASIBLE:
        raise Infeasible(explain(result.problem, clock))
    if result.solution is None:
        raise TimedOut(
            f"no placement, and no proof that there is none, was found in {clock.stop.seconds:g} s;"
            " try a longer time limit"
        )


def _previous(instance: Instance, placement: Placement) -> Previous:
    quotas = {tm.id: tm.quotas for tm in placement.task_managers}
    groups = {group for held in quotas.values() for group in held}
    if placement.strategy is not None:
        raise PlacementMismatch(f"the previous placement is a simulation ({placement.strategy})")
    if groups and groups.isdisjoint(slot.group for slot in instance.slots):
        raise PlacementMismatch("the previous placement is of another job: no group is in both")
    return Previous(quotas, move_weights(instance.profile, instance.job))
