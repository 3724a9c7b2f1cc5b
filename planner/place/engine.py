"""A job and a cluster to a placement: a problem for each choice of zones, search, document, judge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import Inputs, Meta, Placement, PlannedGroup
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.errors import TimedOut
from planner.graph.job_graph import JobGraph
from planner.place.bend import bend, without_estimates
from planner.place.bounds.area import lower_bound
from planner.place.check.judge import RefusedError, check
from planner.place.clock import Clock
from planner.place.document import placement_document
from planner.place.infeasible import Change, Infeasible, explain, followed, possible
from planner.place.infeasible.counting import LOST
from planner.place.level_curve import level_curve
from planner.place.model.constraints import Kept
from planner.place.model.flows import group_flows
from planner.place.model.objective import CPU_LEVEL, Objective
from planner.place.model.problem import Problem, Solution, build_problem
from planner.place.model.restarts import restarts_of
from planner.place.model.slots import JobSlot, job_slots, move_weights, slot_resources, vertex_operators
from planner.place.model.standing import Standing
from planner.place.model.task_managers import task_managers_of, templates_of
from planner.place.moves.least_moves import least_moves
from planner.place.moves.move_list import MoveList, Point, Previous
from planner.place.moves.pareto import curve
from planner.place.parameters import PARAMETERS
from planner.place.reserve import place_with_reserve
from planner.place.result import Level, Progress, Result, Status
from planner.place.solve import balanced_mean, lower_levels, unlowered
from planner.place.spares import Spares, spares_of
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import (
    NoRoom,
    Prediction,
    default_slots,
    effective,
    orders,
    outcome,
    predict,
    solution,
    steps,
    stock_slots,
)
from planner.version import __version__


@dataclass(frozen=True)
class Instance:
    """What is to be placed: the job's slots, and the problem of placing them.

    ``stock`` is the problem as Flink's own scheduler has it, without constraints and reserve; groups in
    ``default`` ask it for default slots.
    """

    profile: ResourceProfile
    job: JobGraph
    slots: list[JobSlot]
    problem: Problem
    stock: Problem
    default: frozenset[str]
    standing: Standing | None


def instance_of(
    profile: ResourceProfile, job: JobGraph, cluster: Cluster, standing: Standing | None = None
) -> Instance:
    """Return the instance of a complete profile with its job graph, on a cluster.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.

    """
    slots, resources = job_slots(profile, job), slot_resources(profile)
    task_managers, flows = task_managers_of(cluster), group_flows(profile, job)
    kept = Kept()
    if standing is not None:
        kept = standing.kept(slots, vertex_operators(profile, job))
        slots = standing.in_place(slots, vertex_operators(profile, job), task_managers)
    constraints = profile.planner.placement if profile.planner else None
    problem = build_problem(
        slots,
        resources,
        task_managers,
        cluster.spec.reserve,
        constraints,
        flows,
        templates_of(cluster),
        kept,
    )
    stock = build_problem(slots, resources, task_managers, flows=flows)
    return Instance(profile, job, slots, problem, stock, default_slots(profile, stock), standing)


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
    start: Solution | None = None,
    standing: Standing | None = None,
    predicted: bool = True,
    contents: int | None = None,
) -> Placement:
    """Return the best placement found until ``clock`` has expired, judged by the checker.

    ``start`` is a solution of the same job and cluster to begin with (`planner.place.sizing`). What is
    ``standing`` stays where it is. With ``predicted`` it says what Flink's own scheduler reaches.

    ``slack`` is how far above the best value the highest CPU utilisation may be, as a share: for fewer moves
    where there is a ``previous`` placement, else for the later levels. With ``contents`` it is as little as
    is found to be enough for at most so many different contents of TaskManagers.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement.
        TimedOut: when none was found, or none with so few ``contents``.
        PlacementMismatch: when ``previous`` is of another job, or a simulation.
        RefusedError: when the checker refuses the placement, which is a defect of planner.

    """
    instance = instance_of(profile, job, cluster, standing)
    clock.begin()
    clock.reserve(_seconds_after(instance, predicted=predicted))
    in_turn = previous is not None or slack > 0 or contents is not None
    levels = (Objective.CPU,) if in_turn else objective
    sampled = instance.problem.samples > 1
    whole = clock.share(1 - PARAMETERS.mean_share) if sampled else clock
    limit = whole.share(1 / 2) if in_turn else whole
    instance, result, planned, spares = _solved(instance, cluster, limit, progress, levels, start)
    moves = None
    if previous is not None:
        progress("fewer moves", result.levels[0].value, result.bound.value)
        result, moves, spares = _with_least_moves(instance, result, previous, slack, whole)
    elif contents is not None:
        result, spares = _with_few(instance, result, spares, contents, whole, progress)
    elif in_turn:
        result, spares = _within(instance, result, spares, objective, slack, whole, progress)
    mean = balanced_mean(result.problem, clock, progress) if sampled else None
    inputs = Inputs(
        profile=digest(profile),
        cluster=digest(cluster),
        previous=digest(previous.model_copy(update={"meta": None})) if previous else None,
    )
    stock = predictions(instance, clock.stop.seed) if predicted else {}
    placement = placement_document(
        instance.profile, job, instance.slots, result, stock, inputs, moves, spares, mean
    )
    placement = placement.model_copy(update={"planned_groups": planned or None})
    if refused := check(placement, profile, cluster, previous, job):
        raise RefusedError("; ".join(refused[:3]))
    return _with_meta(placement, clock.spent(), clock.stop.seed, clock.stop.workers)


def _seconds_after(instance: Instance, *, predicted: bool) -> float:
    """Return how long what comes after the search takes, about."""
    slots, seconds = len(instance.slots), PARAMETERS.seconds_after
    seconds += PARAMETERS.seconds_after_per_slot * slots
    seconds += PARAMETERS.seconds_after_per_task_manager * len(instance.problem.task_managers)
    if predicted:
        times = orders(instance.stock, slots) * steps(instance.stock, slots)
        seconds += PARAMETERS.seconds_after_per_step * times
    return seconds


def _with_least_moves(
    instance: Instance, result: Result, previous: Placement, slack: float, clock: Clock
) -> tuple[Result, MoveList, Spares]:
    """Return a result with the least moves whose losses are covered as its cluster asks for."""
    before = _previous(instance, previous)
    found, moves = least_moves(instance.problem, result, before, slack, clock)
    spares = spares_of(instance.problem, found, clock)
    if spares.uncovered and instance.problem.cover is not None:
        found, moves = least_moves(instance.problem, result, before, slack, clock.part(0))
        spares = spares_of(instance.problem, found, clock)
    return found, moves, spares


def _within(
    instance: Instance,
    result: Result,
    spares: Spares,
    objective: Sequence[Objective],
    slack: float,
    clock: Clock,
    progress: Progress,
) -> tuple[Result, Spares]:
    """Return a result with lower later levels, whose highest utilisation is within ``slack`` of the best."""
    share = Fraction(slack).limit_denominator(10**6)
    aware = replace(result, problem=_aware(result.problem, instance, objective))
    found = lower_levels(aware, clock, progress, objective, share)
    if instance.problem.open:  # those of another choice may be lower
        levels = [found.levels[0], *(replace(level, bound=None) for level in found.levels[1:])]
        found = replace(found, levels=tuple(levels))
    covered = spares_of(instance.problem, found, clock)
    if covered.uncovered and instance.problem.cover is not None:
        return unlowered(aware, found), spares
    return found, covered


def _with_few(
    instance: Instance, result: Result, spares: Spares, most: int, clock: Clock, progress: Progress
) -> tuple[Result, Spares]:
    """Return a result with at most so many different contents, as little above the best value as is found.

    Raises:
        TimedOut: when none was found.

    """
    slacks = PARAMETERS.contents_slacks
    fewest: Result | None = None
    for number, slack in enumerate(slacks):
        progress(f"{most} contents within {float(slack):.1%}", result.levels[0].value, result.bound.value)
        share = clock.share(1 / (len(slacks) - number))
        objective = (Objective.CPU, Objective.DEPLOYMENTS)
        found, covered = _within(instance, result, spares, objective, float(slack), share, progress)
        level = found.levels[-1]
        if level.name == "deployments" and level.value <= most:
            return found, covered
        if level.name == "deployments" and (fewest is None or level.value < fewest.levels[-1].value):
            fewest = found
    found_few = f"the fewest are {int(fewest.levels[-1].value):,}" if fewest is not None else "none at all"
    raise TimedOut(
        f"no placement with at most {most:,} different quotas was found in {clock.stop.seconds:g} s;"
        f" {found_few}, with a highest CPU utilisation up to {float(slacks[-1]):.0%} above the best"
    )


def _aware(problem: Problem, instance: Instance, objective: Sequence[Objective]) -> Problem:
    """Return a problem of an instance with what losses restart, where the objective asks for that."""
    if Objective.BLAST not in objective:
        return problem
    restarts = restarts_of(instance.profile, instance.job, instance.slots, problem.groups)
    return replace(problem, restarts=restarts)


def _solved(
    instance: Instance,
    cluster: Cluster,
    clock: Clock,
    progress: Progress,
    objective: Sequence[Objective],
    start: Solution | None = None,
) -> tuple[Instance, Result, Mapping[str, PlannedGroup], Spares]:
    """Return the solution of an instance, or of one whose estimates are lowered so that it has one.

    Raises:
        Infeasible: when it is proven that there is no placement, whatever the estimates.
        TimedOut: when none was found.

    """
    problem = _aware(instance.problem, instance, objective)
    result, spares = place_with_reserve(problem, clock, progress, objective, start)
    planned: Mapping[str, PlannedGroup] = {}
    if result.status is Status.INFEASIBLE:
        progress("lowering estimates", None, result.bound.value)
        bent = bend(
            instance.profile,
            list(instance.problem.task_managers),
            lambda one: possible(instance_of(one, instance.job, cluster, instance.standing).problem, clock),
        )
        if bent is not None:
            instance = instance_of(bent.profile, instance.job, cluster, instance.standing)
            planned = bent.groups
            problem = _aware(instance.problem, instance, objective)
            result, spares = place_with_reserve(problem, clock, progress, objective)
        elif possible(_firm(instance, cluster).problem, clock) is not False:
            result = replace(result, status=Status.UNKNOWN)  # there was no time to find out
    _require_solution(instance, cluster, result, clock)
    return instance, result, planned, spares


def pareto(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    clock: Clock,
    progress: Progress,
    *,
    previous: Placement | None,
    objective: Sequence[Objective],
) -> list[Point]:
    """Return how balance goes with moves against a ``previous`` placement, fewest moves first.

    Without one it is how balance goes with the last level of the ``objective``, least of that first.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement.
        TimedOut: when none was found.

    """
    instance = instance_of(profile, job, cluster)
    clock.begin()
    share = clock.share(1 / 3)
    instance, result, _, _ = _solved(instance, cluster, share, progress, (Objective.CPU,))
    if previous is not None:
        return curve(instance.problem, result, _previous(instance, previous), clock, progress)
    aware = replace(result, problem=_aware(result.problem, instance, objective))

    def covers(found: Result) -> bool:
        return instance.problem.cover is None or not spares_of(instance.problem, found, clock).uncovered

    return level_curve(aware, objective[-1], clock, progress, covers)


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


def _require_solution(instance: Instance, cluster: Cluster, result: Result, clock: Clock) -> None:
    if result.status is Status.INFEASIBLE:
        prices = {
            entry.name: entry.price for entry in cluster.spec.task_manager_classes if entry.price is not None
        }
        firm = _firm(instance, cluster)
        explanation = explain(firm.problem, clock, prices)
        changes = tuple(one for one in explanation.changes if _helps(one, firm, cluster, clock))
        raise Infeasible(replace(explanation, changes=changes))
    if result.solution is None:
        covering = (
            f" in which the loss of {LOST[cover]} is covered" if (cover := instance.problem.cover) else ""
        )
        how = (
            "was found in {:g} s; try a longer time limit"
            if clock.expired()
            else "was found by all that the search tries; a time limit longer than {:g} s does not help"
        )
        raise TimedOut(
            f"no placement{covering}, and no proof that there is none, {how.format(clock.stop.seconds)}"
        )


def _firm(instance: Instance, cluster: Cluster) -> Instance:
    """Return the instance with what binds a placement, without estimates."""
    return instance_of(without_estimates(instance.profile), instance.job, cluster, instance.standing)


def _helps(change: Change, instance: Instance, cluster: Cluster, clock: Clock) -> bool:
    """Follow a proposal, and tell whether the checker finds the placement good that there is then."""
    profile, larger = followed(change, instance.profile, cluster)
    again = instance_of(profile, instance.job, larger, instance.standing)
    result, spares = place_with_reserve(again.problem, clock.part(PARAMETERS.trial_work), objective=())
    if result.solution is None:
        return False
    inputs = Inputs(profile=digest(profile), cluster=digest(larger))
    placement = placement_document(profile, instance.job, again.slots, result, {}, inputs, spares=spares)
    return not check(placement, profile, larger, job=instance.job)


def _previous(instance: Instance, placement: Placement) -> Previous:
    quotas = {tm.id: {} if tm.reserve else tm.quotas for tm in placement.task_managers}
    groups = {group for held in quotas.values() for group in held}
    if placement.strategy is not None:
        raise PlacementMismatch(f"the previous placement is a simulation ({placement.strategy})")
    if groups and groups.isdisjoint(slot.group for slot in instance.slots):
        raise PlacementMismatch("the previous placement is of another job: no group is in both")
    return Previous(quotas, move_weights(instance.profile, instance.job))
