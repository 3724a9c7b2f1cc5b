"""Placements: made, weighed, simulated, and changed for TaskManagers that come or go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from planner.api.compiling import compile_job
from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import Recovery
from planner.errors import TimedOut
from planner.graph.from_profile import planner_fields
from planner.graph.job_graph import JobGraph
from planner.memory.taskmanager import derive_taskmanager
from planner.place.clock import Clock, Stop, never
from planner.place.infeasible import Infeasible
from planner.place.model.constraints import ZONE
from planner.place.model.objective import BALANCE, PACK, Objective, objectives
from planner.place.model.slots import turn_options
from planner.place.model.task_managers import task_manager_ids, task_managers_of
from planner.place.moves.move_list import Point
from planner.place.result import Progress
from planner.place.sizing_plan import (
    SizingPlan,
)
from planner.place.stock.allocation import Mode
from planner.recover.settings import recovery_options
from planner.units import CORE, parse_cpu

if TYPE_CHECKING:
    pass

DEFAULT_SLACK = 0.02


def place(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    time_limit: float = 10.0,
    gap_limit: float = 0.0,
    seed: int = 1,
    workers: int = 1,
    objective: Sequence[Objective] = BALANCE,
    previous: Placement | None = None,
    slack: float | None = None,
    contents: int | None = None,
    sized: SizingPlan | None = None,
    progress: Progress = lambda *_: None,
    clock: Clock | None = None,
) -> Placement:
    """Return the placement of a job on a cluster on which each level of ``objective`` is least, in order.

    The search ends with a proof, after ``time_limit`` seconds, or within ``gap_limit`` (a share) of the
    optimum. With one worker the same ``seed`` gives the same placement. With a ``previous`` placement only
    the highest CPU utilisation counts, and among the placements that are within ``slack`` (a share, 2 %
    unless given) of the best one the fewest moves. Without one ``slack`` is how far above the best value the
    highest CPU utilisation may be for the later levels of ``objective``; with ``contents`` there are at
    most so many different contents of TaskManagers, and it is as little above as that takes. Where
    ``sized`` is what the cluster comes from, the search begins with the placement that it found.
    ``progress`` is told each step with the best value and the bound. A ``clock`` that runs already takes
    the place of the limits, seed and workers.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement; it carries the explanation.
        TimedOut: when no placement was found in time, or none with so few ``contents``.
        PlacementMismatch: when ``previous`` is of another job, or a simulation.
        ValueError: when a limit or the objective is not possible.
        RefusedError: when planner's checker refuses the placement, which is a defect of planner.

    """
    slack = checked_slack(objective, slack, contents, moving=previous is not None)
    if previous is not None and previous.jobs is not None:
        raise PlacementMismatch("the previous placement is of several jobs; place_jobs is for those")
    profile, graph = compile_job(job)
    clock = clock or Clock(Stop(time_limit, gap_limit, seed, workers))
    from planner.place import engine

    placement = engine.place(
        profile,
        graph,
        cluster,
        clock,
        progress,
        objective=objective,
        previous=previous,
        slack=slack,
        contents=contents,
        start=sized.sizing.solution if sized is not None else None,
    )
    return with_options(placement, profile)


def checked_slack(
    objective: Sequence[Objective], slack: float | None, contents: int | None = None, *, moving: bool
) -> float:
    """Return the slack that there is for an objective, or for moves: the default where none is given.

    Raises:
        ValueError: when it, or the objective, is not possible.

    """
    if tuple(objective) != PACK:
        objectives(",".join(objective))
    if slack is None:
        slack = DEFAULT_SLACK if moving else 0.0
    if slack < 0:
        raise ValueError(f"slack has to be a share of at least 0, not {slack}")
    if contents is not None and (moving or slack or tuple(objective) == PACK):
        raise ValueError("contents has an objective of its own; leave out previous, slack and packing")
    if slack and not moving and tuple(objective) == PACK:
        raise ValueError("slack is for the levels after the highest CPU utilisation, and packing has none")
    return slack


def as_planned(job: Job | ResourceProfile, placement: Placement) -> tuple[ResourceProfile, JobGraph]:
    """Return the complete profile of a job with what a placement plans for groups whose estimates bent.

    Raises:
        DocumentError: when the job is not valid.

    """
    from planner.place import bend

    profile, graph = compile_job(job)
    return bend.as_planned(profile, placement.planned_groups), graph


def pareto(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement | None = None,
    *,
    objective: Sequence[Objective] = (),
    time_limit: float = 10.0,
    seed: int = 1,
    workers: int = 1,
    progress: Progress = lambda *_: None,
    clock: Clock | None = None,
) -> list[Point]:
    """Return how balance goes with moves against a ``previous`` placement, fewest moves first.

    Without one it is how balance goes with the level that follows cpu in an ``objective`` of two levels.
    Parameters and exceptions are those of `place`; there is no gap to stop at.
    """
    if previous is None and len(objectives(",".join(objective))) != 2:
        raise ValueError("the objective has to be cpu and one more level, for what balance is compared with")
    profile, graph = compile_job(job)
    clock = clock or Clock(Stop(time_limit, 0.0, seed, workers))
    from planner.place import engine

    return engine.pareto(profile, graph, cluster, clock, progress, previous=previous, objective=objective)


def simulate(job: Job | ResourceProfile, cluster: Cluster, mode: Mode, *, seed: int = 1) -> Placement:
    """Return one possible outcome of Flink's own scheduler under ``taskmanager.load-balance.mode``.

    It is a simulation, not a placement to run: its ``strategy`` says so.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        NoRoom: when not every slot finds room in the order of TaskManagers that ``seed`` draws.

    """
    profile, graph = compile_job(job)
    from planner.place import engine

    return engine.simulate(profile, graph, cluster, mode, seed)


def zones(cluster: Cluster | None) -> dict[str, str]:
    """Return the zone of every TaskManager that has one, by id."""
    if cluster is None:
        return {}
    found = {tm.id: dict(tm.labels).get(ZONE) for tm in task_managers_of(cluster)}
    return {name: zone for name, zone in found.items() if zone is not None}


def drain(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    task_managers: Collection[str],
    *,
    time_limit: float = 10.0,
    progress: Progress = lambda *_: None,
    interrupted: Callable[[], bool] = never,
) -> tuple[Placement, Cluster]:
    """Return a placement without some TaskManagers, and the cluster without them.

    Where a single one is drained and another TaskManager that holds no slots can take over all that it holds,
    that one does, since then no other has to change; else the slots are placed with the fewest moves. Where
    what is left is too little for a reserve, there is none. ``interrupted`` is asked whether to end with the
    best so far.

    Raises:
        PlacementMismatch: when a TaskManager is not there, or the placement is of another job.
        Infeasible: when the slots do not fit on the other TaskManagers.
        TimedOut: when no placement was found in time.

    """
    from planner.place.takeover import with_reserve, without

    names = set(task_managers)
    left = without(cluster, names)
    if len(names) == 1:
        (source,) = names
        found = _takeovers(job, left, previous, source, None)
        if found is not None:
            return found
    stop = Stop(time_limit, interrupted=interrupted)
    try:
        return place(job, left, previous=previous, progress=progress, clock=Clock(stop)), left
    except (Infeasible, TimedOut):
        bare = with_reserve(left, ())
        if left == bare or interrupted():
            raise
        return place(job, bare, previous=previous, progress=progress, clock=Clock(stop)), bare


def take_over(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    source: str,
    target: str | None = None,
) -> tuple[Placement, Cluster]:
    """Return a placement with all that is on one TaskManager on another one that holds no slots instead.

    Without ``target`` the one with the lowest CPU utilisation afterwards takes over. The two change their
    parts: where the target was in reserve, the source is then.

    Raises:
        PlacementMismatch: when a TaskManager is not there, or none can take over.

    """
    from planner.place.takeover import without

    without(cluster, {source, *([target] if target else [])})  # raises where one of them is not there
    found = _takeovers(job, cluster, previous, source, target)
    if found is None:
        who = f"TaskManager {target!r}" if target else "no TaskManager without slots"
        raise PlacementMismatch(
            f"{who} can{'not' if target else ''} take over what {source!r} holds; planner migrate --drain"
            " spreads it over the others"
        )
    return found


def rearrange(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    group: str,
    source: str,
    target: str,
) -> tuple[Placement, list[str]]:
    """Return a placement with one slot of a group moved by hand, and what it breaks; nothing where it holds.

    Raises:
        PlacementMismatch: when no slot of the group is on ``source``, a TaskManager is not there, or the
            placement is of another job.

    """
    from planner.place.arranged import arranged

    held = {tm.id: list(tm.slots) for tm in previous.task_managers}
    slot = next((one for one in reversed(held.get(source, [])) if one.group == group), None)
    if slot is None:
        raise PlacementMismatch(f"TaskManager {source!r} holds no slot of group {group!r}")
    if target not in held:
        raise PlacementMismatch(f"the placement has no TaskManager {target!r}")
    held[source].remove(slot)
    held[target].append(slot)
    spare = {tm.id for tm in previous.task_managers if tm.reserve} - {target}
    profile, graph = compile_job(job)
    placement, problems = arranged(profile, graph, cluster, previous, held, spare, Clock(Stop()))
    return with_options(placement, profile), problems


def with_options(placement: Placement, profile: ResourceProfile) -> Placement:
    """Return a placement with the options that its cluster needs to keep it, and to recover as asked."""
    fields = planner_fields(profile)
    slowest = _slowest(placement) if fields.recovery is Recovery.FAST else (0, CORE)
    chosen = recovery_options(fields.recovery, fields.flink_configuration, fields.flink_version, *slowest)
    options = {**turn_options(profile), **chosen}
    return placement.model_copy(update={"flink_configuration": options or None, "recovery": fields.recovery})


def _slowest(placement: Placement) -> tuple[int, int]:
    """Return heap and CPU units of the TaskManager with the longest garbage collection."""
    slowest, cores = 0, CORE
    for tm in placement.task_managers:
        if tm.memory is not None:
            memory = derive_taskmanager(tm.memory.dynamic_options)
            heap = memory.framework_heap + memory.task_heap
            cpu = parse_cpu(tm.memory.dynamic_options["taskmanager.cpu.cores"])
            if heap * cores > slowest * cpu:
                slowest, cores = heap, cpu
    return slowest, cores


def _takeovers(
    job: Job | ResourceProfile, cluster: Cluster, previous: Placement, source: str, target: str | None
) -> tuple[Placement, Cluster] | None:
    """Return the best placement in which a TaskManager without slots takes over from ``source``."""
    from planner.place.takeover import empty_ones, takeover, with_reserve

    profile, graph = compile_job(job)
    parts = {tm.id: tm for tm in previous.task_managers}
    for name in (source, target):
        if name is not None and name not in parts:
            raise PlacementMismatch(f"the placement has no TaskManager {name!r}")
    best: tuple[Placement, Cluster] | None = None
    for one in empty_ones(previous):
        if one.id == source or target not in (None, one.id):
            continue
        swap = {source: one.id, one.id: source}
        there = [name for name in task_manager_ids(cluster) if name in parts]
        spare = [parts[name] for name in there if parts[swap.get(name, name)].reserve]
        for asked in (cluster, with_reserve(cluster, spare)):
            found = takeover(profile, graph, asked, previous, source, one.id, Clock(Stop()))
            if found is not None:
                found = with_options(found, profile)
                if best is None or found.imbalance.max < best[0].imbalance.max:
                    best = found, asked
                break
    return best
