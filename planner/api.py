"""The verbs as functions: documents in, documents out. The command line and the UI call these."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

from planner import __version__
from planner.documents.cluster import Cluster
from planner.documents.finding import Finding
from planner.documents.job import Job
from planner.documents.load import Document, Loaded, load
from planner.documents.placement import Inputs, Meta, Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.recovery import RecoveryInputs, RecoveryPlan, RestartStrategy
from planner.documents.source import DocumentError
from planner.documents.write import digest, to_json
from planner.flink.errors import FlinkMissing, NoFlinkHome, ProgramError
from planner.graph.edits import Drift, edits, keep_edits
from planner.graph.from_job import declare
from planner.graph.from_profile import planner_fields
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.memory.complete import complete_profile
from planner.memory.off_heap import Catalogue, OffHeapUse
from planner.place.bounds.area import lower_bound
from planner.place.check.judge import RefusedError, check
from planner.place.clock import Clock, Stop
from planner.place.document import plan
from planner.place.infeasible import Explanation, count, explain
from planner.place.model.constraints import zone_choices
from planner.place.model.flows import group_flows
from planner.place.model.objective import BALANCE, PACK, Objective, objectives
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, job_slots, move_weights, slot_resources
from planner.place.model.task_managers import ClusterError, task_managers_of
from planner.place.moves.move_list import Previous
from planner.place.result import Level, Progress, Result, Status
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import (
    Prediction,
    default_slots,
    effective,
    outcome,
    predict,
    solution,
    stock_slots,
)
from planner.recover.errors import PlacementMismatchError
from planner.recover.restart_strategy import restart_strategy
from planner.rules.validate import validate

if TYPE_CHECKING:
    from planner.flink.program import Toolchain
    from planner.place.moves.pareto import Point

DEFAULT_SLACK = 0.02
SECONDS_AFTER, SECONDS_PER_SLOT = 0.4, 1.3e-4
"""What checking and writing a placement take after the search, at least and for each slot."""

__all__ = [
    "BALANCE",
    "DEFAULT_SLACK",
    "PACK",
    "ClusterError",
    "Document",
    "DocumentError",
    "Drift",
    "Explanation",
    "Finding",
    "FlinkMissing",
    "Loaded",
    "Mode",
    "NoFlinkHome",
    "Objective",
    "PlacementMismatchError",
    "PlacementResult",
    "Point",
    "Program",
    "ProgramError",
    "RefusedError",
    "Status",
    "Stop",
    "compile_job",
    "compile_program",
    "edits",
    "explanation_data",
    "load",
    "objectives",
    "pareto",
    "place",
    "place_like_flink",
    "point_data",
    "recover",
    "restart_outline",
    "to_json",
    "validate",
]


def compile_job(
    document: Job | ResourceProfile, catalogue: Catalogue | None = None
) -> tuple[ResourceProfile, JobGraph]:
    """Return the complete profile of a job, or of a profile that was edited, and its job graph.

    ``catalogue`` goes before planner's own off-heap catalogue, and the job's goes before both.

    Raises:
        ValueError: when the job is not valid (see `validate`).

    """
    if isinstance(document, ResourceProfile):
        return complete_profile(document, catalogue)
    declared = {
        kind: OffHeapUse(size, "as the job declares for this kind", "spec.offHeapCatalogue", "declared")
        for kind, size in document.spec.off_heap_catalogue.items()
    }
    return complete_profile(declare(document), {**(catalogue or {}), **declared})


def compile_program(
    program: Program,
    previous: ResourceProfile | None = None,
    tools: Toolchain | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[ResourceProfile, Drift | None]:
    """Return the profile of a program as Flink itself compiles it, with the edits of a previous one.

    With a ``previous`` profile comes how the program has drifted from it.

    Raises:
        ProgramError: when the program cannot be read or Flink refuses it.
        FlinkMissing: when the extra ``planner[flink]`` is not installed.
        NoFlinkHome: when the distribution that is named holds no Flink.

    """
    from planner.flink.program import Toolchain, stream_graph
    from planner.flink.stream_graph import flink_version, profile_of

    with stream_graph(program, tools or Toolchain(), note) as (jvm, graph):
        profile = profile_of(jvm, graph, program, flink_version(jvm))
    return (profile, None) if previous is None else keep_edits(profile, previous)


@dataclass(frozen=True)
class PlacementResult:
    """A placement, or why there is none."""

    status: Status
    placement: Placement | None
    explanation: Explanation | None = None


def place(
    document: Job | ResourceProfile,
    cluster: Cluster,
    stop: Stop,
    progress: Progress = lambda *_: None,
    *,
    objective: Sequence[Objective] = BALANCE,
    previous: Placement | None = None,
    slack: float = DEFAULT_SLACK,
    started: float | None = None,
) -> PlacementResult:
    """Place a job on a cluster so that each level of ``objective`` is least, in their order.

    With a ``previous`` placement only the highest CPU utilisation counts, and among the placements that
    are within ``slack`` (a share) of the best one the moves that lead there. ``started`` is when the time
    limit began (`time.monotonic`), now unless given.

    Raises:
        ValueError: when the job is not valid (see `validate`).
        ClusterError: when the figures of a TaskManager do not work out.
        RefusedError: when the checker refuses the placement, which is a defect of planner.

    """
    clock = Clock(stop, started=started)
    task = _task(document, cluster)
    clock.reserve(SECONDS_AFTER + SECONDS_PER_SLOT * len(task.slots))
    if previous is None:
        result = _solve(task, clock, progress, objective)
    else:
        result = _solve(task, clock.part(clock.left() / 2), progress, (Objective.CPU,))
    if result.solution is None:
        found = explain(result.problem, clock) if result.status is Status.INFEASIBLE else None
        return PlacementResult(result.status, None, found)
    moves = None
    if previous is not None:
        from planner.place.moves.least_moves import least_moves

        progress("fewer moves", result.levels[0].value, result.bound.value)
        result, moves = least_moves(result, _previous(task, previous), slack, clock)
    stock = _predictions(task, stop.seed)
    inputs = Inputs(
        profile=digest(task.profile),
        cluster=digest(cluster),
        previous=digest(previous.model_copy(update={"meta": None})) if previous else None,
    )
    placement = plan(task.profile, task.job, task.slots, result, stock, inputs, moves)
    if refused := check(placement, task.profile, cluster, previous):
        raise RefusedError("; ".join(refused[:3]))
    seconds = round(clock.spent(), 3)
    meta = Meta(seconds=seconds, seed=stop.seed, workers=stop.workers, planner_version=__version__)
    return PlacementResult(result.status, placement.model_copy(update={"meta": meta}))


def place_like_flink(
    document: Job | ResourceProfile, cluster: Cluster, mode: Mode, seed: int
) -> Placement | None:
    """Return one possible outcome of stock Flink's own allocation, None where not all slots find room.

    Constraints of groups and limits of slots mean nothing to Flink.

    Raises:
        ValueError: when the job is not valid (see `validate`).
        ClusterError: when the figures of a TaskManager do not work out.

    """
    started = time.monotonic()
    task = _task(document, cluster)
    real, slots = effective(mode, task.job), stock_slots(task.profile, task.job, mode)
    task_managers, resources = task_managers_of(cluster), slot_resources(task.profile)
    problem = build_problem(slots, resources, task_managers, flows=group_flows(task.profile, task.job))
    placed = outcome(problem, slots, real, Random(seed), task.default)
    if placed is None:
        return None
    found, bound = solution(problem, placed), lower_bound(problem)
    level = Level("maxCpuUtilisation", found.max_utilisation(problem), bound)
    status = Status.OPTIMAL if level.optimal else Status.FEASIBLE
    result = Result(status, problem, found, bound, (level,), 0.0, seed)
    inputs = Inputs(profile=digest(task.profile), cluster=digest(cluster))
    predicted = plan(task.profile, task.job, slots, result, _predictions(task, seed), inputs)
    seconds = round(time.monotonic() - started, 3)
    meta = Meta(seconds=seconds, seed=seed, workers=1, planner_version=__version__)
    strategy = f"flink-{mode.name.lower().replace('_', '-')}"
    return predicted.model_copy(update={"strategy": strategy, "meta": meta})


def pareto(
    document: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    stop: Stop,
    progress: Progress = lambda *_: None,
    started: float | None = None,
) -> list[Point] | PlacementResult:
    """Return how balance goes with moves against a ``previous`` placement, or why there is no placement.

    Raises:
        ValueError: when the job is not valid (see `validate`).
        ClusterError: when the figures of a TaskManager do not work out.

    """
    from planner.place.moves.pareto import curve

    clock = Clock(stop, started=started)
    task = _task(document, cluster)
    result = _solve(task, clock.part(clock.left() / 3), progress, (Objective.CPU,))
    if result.solution is None:
        found = explain(result.problem, clock) if result.status is Status.INFEASIBLE else None
        return PlacementResult(result.status, None, found)
    return curve(result, _previous(task, previous), clock, progress)


@dataclass(frozen=True)
class _Task:
    """What is to be placed: the job's slots, and the problem for each choice of zones.

    ``free`` is the problem without constraints of groups. ``relaxed`` tells that only its bound holds
    for the whole: which slots or zones serve a constraint was chosen beforehand. ``complete`` tells that
    ``problems`` are all choices there are, so that what none of them allows is impossible. ``stock`` is
    the problem as Flink alone has it, without a reserve; groups in ``default`` ask it for default slots.
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


def _task(document: Job | ResourceProfile, cluster: Cluster) -> _Task:
    profile, job = compile_job(document)
    slots, resources = job_slots(profile, job), slot_resources(profile)
    task_managers, reserve = task_managers_of(cluster), cluster.spec.reserve.task_managers
    flows = group_flows(profile, job)
    free = build_problem(slots, resources, task_managers, reserve, flows=flows)
    stock = build_problem(slots, resources, task_managers, flows=flows) if reserve else free
    default = default_slots(profile, stock)
    constraints = (profile.planner.placement if profile.planner else None) or {}
    if not constraints:
        return _Task(profile, job, slots, free, stock, default, [free], relaxed=False)
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
    relaxed = chosen or len(choices) > 1
    return _Task(profile, job, slots, free, stock, default, problems, relaxed, complete=every and not chosen)


def _predictions(task: _Task, seed: int) -> dict[str, Prediction]:
    """Return what Flink alone would reach under each of its modes."""
    found = {}
    for mode in Mode:
        real = effective(mode, task.job)
        slots = stock_slots(task.profile, task.job, mode) if real is Mode.TASKS else task.slots
        found[mode.value] = predict(task.stock, slots, real, seed, task.default)
    return found


def _solve(task: _Task, clock: Clock, progress: Progress, objective: Sequence[Objective]) -> Result:
    """Return the best result over the choices of zones."""
    from planner.place.solve import solve  # solvers load only where they are needed

    if task.relaxed and count(task.free) is not None:  # not even without constraints
        return Result(Status.INFEASIBLE, task.free, None, lower_bound(task.free), (), 0.0, clock.stop.seed)
    best: Result | None = None
    least = lower_bound(task.free).value
    refuted = 0
    for number, problem in enumerate(task.problems):
        share = clock if len(task.problems) == 1 else clock.part(clock.left() / (len(task.problems) - number))
        if count(problem) is not None:
            result = Result(Status.INFEASIBLE, problem, None, lower_bound(problem), (), 0.0, clock.stop.seed)
        else:
            result = solve(problem, share, progress, objective)
        refuted += result.status is Status.INFEASIBLE
        if best is None or result.better_than(best):
            best = result
        if clock.expired() or (best.solution is not None and _highest(best) <= least):
            break
    assert best is not None
    if not task.relaxed or (task.complete and refuted == len(task.problems)):
        return best
    return best.with_bound_of(task.free)


def _highest(result: Result) -> Fraction:
    return next(level.value for level in result.levels if level.name == "maxCpuUtilisation")


def _previous(task: _Task, placement: Placement) -> Previous:
    return Previous(
        {tm.id: tm.quotas for tm in placement.task_managers}, move_weights(task.profile, task.job)
    )


def recover(document: Job | ResourceProfile, placement: Placement) -> RecoveryPlan:
    """Return what the loss of each TaskManager of ``placement`` restarts.

    Raises:
        ValueError: when the job is not valid.
        PlacementMismatchError: when the placement is of another job.

    """
    from planner.recover.recovery_plan import recovery_plan  # numpy loads only where it is needed

    profile, job = compile_job(document)
    inputs = RecoveryInputs(
        profile=digest(profile), placement=digest(placement.model_copy(update={"meta": None}))
    )
    return recovery_plan(profile, job, placement, inputs)


def restart_outline(profile: ResourceProfile, job: JobGraph) -> tuple[list[int], RestartStrategy]:
    """Return the sizes of a job's pipelined regions in subtasks, and its restart strategy."""
    sizes = [len(members) for members in pipelined_regions(job).members]
    return sizes, restart_strategy(planner_fields(profile).flink_configuration)


def point_data(point: Point) -> dict[str, object]:
    """Return a point of a Pareto curve as plain data."""
    return {
        "maxCpuUtilisation": round(float(point.maximum), 6),
        "moved": point.moved,
        "weight": round(float(point.weight), 6),
        **({"knee": True} if point.knee else {}),
    }


def explanation_data(explanation: Explanation) -> dict[str, object]:
    """Return why nothing fits as plain data."""
    return {
        "status": Status.INFEASIBLE.value,
        "conflicts": [
            {
                "resource": conflict.resource,
                "groups": list(conflict.groups),
                "taskManagers": list(conflict.task_managers),
                "message": conflict.message,
            }
            for conflict in explanation.conflicts
        ],
        "changes": [change.data() for change in explanation.changes],
        **({"reserve": list(explanation.reserve)} if explanation.reserve else {}),
    }
