"""What another parallelism would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.api.compiling import Note, compile_job
from planner.api.placing import place
from planner.cluster.measure import Measured
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.errors import TimedOut
from planner.graph.from_job import declare
from planner.graph.from_profile import planner_fields
from planner.graph.from_profile import stream_graph as graph_of
from planner.graph.job_graph import JobGraph
from planner.place.infeasible import Infeasible
from planner.place.model.objective import Objective
from planner.recover.candidates import Candidate, RestartPart, catch_up, efficient, variants
from planner.recover.rates import NotScalable, Work, decimal, declared_work, demands, source_named
from planner.recover.rescaling import fixed_nodes, limits, rescaled_profile
from planner.recover.scaling_plan import ScalingPlan

if TYPE_CHECKING:
    pass

SCALE_GAP = 0.01
"""How far from proven least the highest CPU of a candidate may be: they are compared, not run."""
UTILISATION = 0.7
"""The share of the time that a subtask may be busy: the target of the Kubernetes operator's autoscaler."""


def scale(
    job: Job | ResourceProfile,
    cluster: Cluster | None = None,
    *,
    utilisation: float = UTILISATION,
    rates: Mapping[str, float] | None = None,
    partitions: Mapping[str, int] | None = None,
    fixed: Sequence[str] = (),
    measured: Measured | None = None,
    restart: Sequence[RestartPart] = (),
    previous: Placement | None = None,
    candidate: str | None = None,
    time_limit: float = 10.0,
    seed: int = 1,
    note: Note = lambda _: None,
) -> ScalingPlan:
    """Return the least parallelism of a job at which no subtask is busier than ``utilisation``, a share.

    What the vertices do now is what was ``measured`` (by `import_load`), else the loads in the job. ``rates``
    are records a second by source, where they are to be others than now, ``partitions`` how many partitions
    a source reads. ``fixed`` operators keep their parallelism, and so do sources and sinks for which a
    Job itself names one. With a ``cluster`` every candidate is placed, near a ``previous`` placement
    where there is one, for ``time_limit`` seconds together. ``restart`` are the parts of the time that the
    job stands still, for the catch-up. ``candidate`` names the one to choose instead of the least.

    Raises:
        DocumentError: when the job is not valid.
        NotScalable: when it is a batch job, or a source, operator or candidate that is named is not there.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when ``previous`` is a simulation.
        ValueError: when ``utilisation`` is not a share, or a rate or a number of partitions is negative.

    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"the target utilisation has to be a share above 0 and at most 1, not {utilisation}")
    if any(rate < 0 for rate in (rates or {}).values()) or any(n < 1 for n in (partitions or {}).values()):
        raise ValueError("rates and numbers of partitions have to be positive")
    profile, graph = compile_job(job)
    work = declared_work(profile, graph)
    if measured is not None:
        work |= _measured_work(graph, measured, work)
    wanted = {source_named(profile, graph, name): decimal(rate) for name, rate in (rates or {}).items()}
    known = {source_named(profile, graph, name): count for name, count in (partitions or {}).items()}
    demand = demands(graph, work, wanted, known)
    allowed = limits(profile, graph_of(profile), graph, fixed_nodes(profile, [*fixed, *fixed_in(job)]))
    found = variants(graph, work, demand, allowed, decimal(utilisation))
    chosen = next((one for one in found if candidate in (None, one.name)), None)
    if chosen is None:
        names = ", ".join(repr(one.name) for one in found)
        raise NotScalable(f"there is no candidate {candidate!r}; they are {names}")
    seconds = sum(part.seconds for part in restart)
    base = declare(job) if isinstance(job, Job) else profile
    profiles = [compile_job(rescaled_profile(base, one.scaling))[0] for one in found]
    if cluster is not None:
        limit = time_limit / len(found)
        placed = [
            _placed(one, new, cluster, previous, limit, seed, note)
            for one, new in zip(found, profiles, strict=True)
        ]
    else:
        placed = found
    figured = [replace(one, catch_up=catch_up(one.scaling, seconds) if restart else None) for one in placed]
    marked = [replace(o, efficient=good) for o, good in zip(figured, efficient(figured), strict=True)]
    number = found.index(chosen)
    return ScalingPlan(
        name=profile.metadata.name if profile.metadata else "job",
        chosen=marked[number],
        candidates=tuple(marked),
        profile=profiles[number],
        restart=tuple(restart),
        fine_grained=bool(planner_fields(profile).compiled_groups),
    )


def _measured_work(graph: JobGraph, measured: Measured, declared: Mapping[int, Work]) -> dict[int, Work]:
    """Return what was measured of the vertices that were busy for a time that Flink measures."""
    indices = {vertex.id: vertex.index for vertex in graph.vertices}
    found = {}
    for told in measured.vertices:
        index = indices.get(told.vertex)
        if index is None:
            continue
        known = told.cpu is not None
        found[index] = Work(
            parallelism=told.parallelism,
            busy=decimal(told.busy) if known else declared[index].busy,
            busiest=decimal(told.busiest) if known else None,
            records_in=decimal(told.records_in or told.records) * told.parallelism,
            records_out=decimal(told.records) * told.parallelism,
            partitions=told.partitions,
            pending=decimal(told.pending),
        )
    return found


def fixed_in(job: Job | ResourceProfile) -> list[str]:
    """Return the sources and sinks for which a Job names a parallelism; a profile does not tell who did."""
    if not isinstance(job, Job):
        return []
    read = {edge.from_ for operator in job.spec.operators for edge in operator.inputs}
    return [
        operator.id
        for operator in job.spec.operators
        if operator.parallelism is not None and (not operator.inputs or operator.id not in read)
    ]


def _placed(
    candidate: Candidate,
    profile: ResourceProfile,
    cluster: Cluster,
    previous: Placement | None,
    time_limit: float,
    seed: int,
    note: Note,
) -> Candidate:
    """Return a candidate with its placement, or with the reason why there is none."""
    note(f"placing {candidate.name}")
    try:
        placement = place(
            profile,
            cluster,
            time_limit=time_limit,
            gap_limit=SCALE_GAP,
            seed=seed,
            objective=(Objective.CPU,),
            previous=previous,
        )
    except Infeasible as error:
        conflicts = error.explanation.conflicts
        return replace(candidate, reason=conflicts[0].message if conflicts else str(error))
    except TimedOut as error:
        return replace(candidate, reason=str(error))
    return replace(candidate, placement=placement)
