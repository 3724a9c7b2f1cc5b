"""Which TaskManagers a job needs, and on what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from planner.api.compiling import Note, compile_job
from planner.api.placing import place
from planner.documents.cluster import Cluster
from planner.documents.foreign.nodes import Room
from planner.documents.job import Job
from planner.documents.profile import ResourceProfile
from planner.errors import TimedOut
from planner.memory.jobmanager import derive_jobmanager
from planner.place.clock import Clock, Stop, never
from planner.place.model.objective import Objective
from planner.place.model.task_managers import task_managers_of
from planner.place.sizing_plan import (
    NotSizable,
    Sizing,
    SizingPlan,
    counted,
    of_one_class,
    require_prices,
)
from planner.recover.rates import decimal
from planner.targets.advice import Advice, advice
from planner.targets.options import JOBMANAGER_MEMORY
from planner.units import CORE

if TYPE_CHECKING:
    from planner.place.pods import Pods

SIZED_SHARE = 2 / 3
"""The share of the time for all classes together, where the rest is for each of them alone."""
SIZED_UTILISATION = 0.8
"""The highest CPU utilisation that a cluster is sized for: a fifth is left for what is not known."""


def size(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    utilisation: float = SIZED_UTILISATION,
    time_limit: float = 20.0,
    seed: int = 1,
    nodes: Sequence[Room] = (),
    quota: Room | None = None,
    interrupted: Callable[[], bool] = never,
    note: Note = lambda _: None,
) -> SizingPlan:
    """Return the cheapest TaskManagers on which a job has no CPU utilisation above ``utilisation``, a share.

    There are ``min`` to ``max`` of each class of the cluster, or up to its ``count``; a class costs its
    ``price``, or each TaskManager the same where none has one. What a placement has to keep to besides, such
    as a reserve or zones, is kept to. A third of ``time_limit`` is for what each class costs alone.
    ``interrupted`` is asked now and then whether to end with what there is.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent, or prices cannot be compared.
        Infeasible: when all TaskManagers that there may be cannot hold the job.
        NotSizable: when the utilisation is above that on all of them, or they fit neither nodes nor quota.
        TooManyNodes: when there are more nodes than the search is meant for.
        TimedOut: when none were found in time.
        ValueError: when ``utilisation`` is not a share.

    """
    if not 0 < utilisation <= 1:
        raise ValueError(
            f"the highest utilisation has to be a share above 0 and at most 1, not {utilisation}"
        )
    classes = cluster.spec.task_manager_classes
    require_prices(classes)
    profile, graph = compile_job(job)
    target = decimal(utilisation)
    from planner.place.engine import instance_of
    from planner.place.sizing import cheapest

    pods = _pods(cluster, nodes, quota)

    def found(of: Cluster, seconds: float, what: str) -> Sizing:
        def told(best: Fraction | None, bound: Fraction) -> None:
            so_far = "" if best is None else f", best {float(best):g}"
            note(f"{what}: at least {float(bound):g}{so_far}")

        clock = Clock(Stop(seconds, seed=seed, interrupted=interrupted))
        return cheapest(of, lambda one: instance_of(profile, graph, one).problem, target, clock, told, pods)

    share = time_limit if len(classes) < 2 else time_limit * SIZED_SHARE
    best = found(cluster, share, "all classes")
    if best.counts is None and interrupted():
        raise TimedOut("interrupted before there were TaskManagers that are enough")
    if best.counts is None and best.impossible and pods is not None:
        where = " and ".join([*(["on the nodes"] if nodes else []), *(["within the quota"] if quota else [])])
        raise NotSizable(f"no TaskManagers that are enough, and a JobManager, fit {where}")
    if best.counts is None:
        placement = place(job, cluster, time_limit=share, seed=seed, objective=(Objective.CPU,))
        least = placement.objective[0].bound or 0.0
        if best.impossible or least > utilisation:
            raise NotSizable(
                f"on all TaskManagers that there may be, the highest CPU utilisation is at least {least:.1%}:"
                " offer more of them, or allow a higher one"
            )
        raise TimedOut(f"no TaskManagers that are enough were found in {time_limit:g} s")
    alone = {
        entry.name: found(
            of_one_class(cluster, number), (time_limit - share) / len(classes), f"only class {entry.name}"
        )
        for number, entry in enumerate(classes)
        if len(classes) > 1
    }
    for one in alone.values():
        # the search over all classes has the better bound, and at times not the better price
        if one.counts is not None and one.price < best.price:
            best = replace(best, counts=one.counts, price=one.price, solution=one.solution)
    assert best.counts is not None
    name = profile.metadata.name if profile.metadata else "job"
    return SizingPlan(name, target, best, counted(cluster, best.counts), alone)


def advise(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    time_limit: float = 10.0,
    interrupted: Callable[[], bool] = never,
) -> Advice:
    """Return how to run a job on a cluster: what follows from its placement beside Flink's own scheduler.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when the job has no placement.
        TimedOut: when none was found in time.

    """
    profile = compile_job(job)[0]
    clock = Clock(Stop(time_limit, interrupted=interrupted))
    return advice(place(profile, cluster, clock=clock), profile)


def _pods(cluster: Cluster, nodes: Sequence[Room], quota: Room | None) -> Pods | None:
    """Return where the pods of a cluster's classes have to fit, None where that is not said."""
    if not nodes and quota is None:
        return None
    from planner.place.pods import Pod, Pods, pod_of

    spec = cluster.spec
    one_each = [
        entry.model_copy(update={"min": None, "max": None, "count": 1}) for entry in spec.task_manager_classes
    ]
    sample = cluster.model_copy(update={"spec": spec.model_copy(update={"task_manager_classes": one_each})})
    each = [pod_of(tm) for tm in task_managers_of(sample)]
    master = derive_jobmanager(JOBMANAGER_MEMORY)
    others = [*each[len(one_each) :], Pod(CORE, master.process)]
    return Pods(each[: len(one_each)], others, nodes, quota)
