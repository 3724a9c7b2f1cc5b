"""Several jobs on one cluster: placed together, and each of them taken from their placement again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.api.compiling import compile_job
from planner.api.placing import checked_slack, with_options
from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.job import Job
from planner.documents.placement import Placement, PlannedGroup
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.graph.job_graph import JobGraph
from planner.graph.several_jobs import JobPart, job_groups, together
from planner.memory.estimates import without_reasons
from planner.place.bend import as_planned
from planner.place.clock import Clock, Stop
from planner.place.model.objective import BALANCE, Objective
from planner.place.result import Progress


def place_jobs(
    jobs: Sequence[Job | ResourceProfile],
    cluster: Cluster,
    *,
    time_limit: float = 10.0,
    gap_limit: float = 0.0,
    seed: int = 1,
    workers: int = 1,
    objective: Sequence[Objective] = BALANCE,
    previous: Placement | None = None,
    keep: Placement | None = None,
    slack: float | None = None,
    contents: int | None = None,
    progress: Progress = lambda *_: None,
    clock: Clock | None = None,
) -> Placement:
    """Return one placement of several jobs that share a cluster, on which the whole is balanced.

    Jobs are told apart by their names. Groups are called ``job/group`` in it, operators ``job/operator``, and
    every slot of a group asks for a quota of that name. ``keep`` is a placement of some of the jobs, whose
    slots stay where they are and are called as they were. Other parameters are those of `place`.

    Raises:
        PlacementMismatch: when the jobs cannot share a cluster, or ``keep`` or ``previous`` is of other ones.
        DocumentError, ClusterError, Infeasible, TimedOut, ValueError, RefusedError: as `place`.

    """
    from planner.place import engine
    from planner.place.several_jobs import placed_jobs, standing

    if not jobs:
        raise ValueError("there is no job to place")
    slack = checked_slack(objective, slack, contents, moving=previous is not None)
    parts, planned = _parts(jobs, keep, previous)
    profile, graph = together(cluster.metadata.name, parts)
    kept = {part.name for part in parts if part.stays}
    placement = engine.place(
        profile,
        graph,
        cluster,
        clock or Clock(Stop(time_limit, gap_limit, seed, workers)),
        progress,
        objective=objective,
        previous=previous,
        slack=slack,
        contents=contents,
        standing=standing(keep) if keep is not None else None,
        predicted=False,  # what Flink makes of several jobs depends on the order in which they come
    )
    bent = {**planned, **(placement.planned_groups or {})}
    parts = [_bent(part, bent) for part in parts]
    found = placed_jobs(placement, parts, cluster, kept)
    placement = placement.model_copy(update={"jobs": found, "planned_groups": bent or None})
    return with_options(placement, profile)


def _parts(
    jobs: Sequence[Job | ResourceProfile], keep: Placement | None, previous: Placement | None = None
) -> tuple[list[JobPart], Mapping[str, PlannedGroup]]:
    """Return the jobs, and what ``keep`` plans for groups whose estimates it had to lower.

    Their groups are called as in ``keep`` or ``previous``, where those have them.

    Raises:
        PlacementMismatch: when a job of ``keep`` is not among them, or not in this version.

    """
    from planner.place.several_jobs import called_in, groups_in

    planned = (keep.planned_groups if keep is not None else None) or {}
    parts = []
    for job in jobs:
        profile, graph = compile_job(job)
        name = job_name(profile)
        groups = groups_in(keep, name, profile) if keep is not None else None
        stays = groups is not None
        if groups is None and previous is not None:
            groups = called_in(previous, name, profile)
        part = JobPart(name, profile, graph, groups or job_groups(name, profile), digest(profile), stays)
        if stays:  # its slots take what they take
            part = _bent(part, planned)
            part = replace(part, profile=without_reasons(part.profile))
        parts.append(part)
    missing = {*(keep.jobs or [keep.metadata.name])} if keep is not None else set()
    if missing := missing - {part.name for part in parts if part.stays}:
        raise PlacementMismatch(
            f"the slots of {min(missing)!r} are to stay where they are, and its profile is not among the jobs"
        )
    return parts, planned


def _bent(part: JobPart, planned: Mapping[str, PlannedGroup]) -> JobPart:
    """Return a job with what is planned for those of its groups whose estimates were lowered."""
    own = {group: planned[called] for group, called in part.groups.items() if called in planned}
    return replace(part, profile=as_planned(part.profile, own))


def jobs_together(
    placement: Placement, jobs: Sequence[Job | ResourceProfile]
) -> tuple[ResourceProfile, JobGraph]:
    """Return the jobs of a placement of several as one profile and job graph, as they are in there.

    Raises:
        PlacementMismatch: when the placement is not of these jobs.

    """
    parts, _ = _parts(jobs, placement)
    return together(placement.metadata.name, parts)


def job_part(placement: Placement, name: str) -> Placement:
    """Return the part of a job in a placement of several jobs, as `job_of` does, by its name."""
    from planner.place.several_jobs import part_of

    return part_of(placement, name)


def jobs_of(placement: Placement) -> dict[str, str]:
    """Return the jobs of a placement, one or several: their names by the digests of their profiles."""
    if placement.jobs is None:
        return {placement.inputs.profile: placement.metadata.name}
    return {job.profile: name for name, job in placement.jobs.items()}


def job_name(profile: ResourceProfile) -> str:
    """Return the name by which a job is told from others."""
    return profile.metadata.name if profile.metadata else "job"


def part_of(
    placement: Placement, profile: ResourceProfile | None
) -> tuple[Placement, ResourceProfile | None]:
    """Return the part of a job in a placement as `job_of`; of a placement of one job, what is given.

    Raises:
        PlacementMismatch: when the placement is of several jobs, and not of the profile or there is none.

    """
    if placement.jobs is None:
        return placement, profile
    if profile is None:
        raise PlacementMismatch(
            f"the placement is of several jobs, {', '.join(placement.jobs)}; name the profile of the one"
            " that is meant with --profile"
        )
    return job_of(placement, profile)


def job_of(placement: Placement, job: Job | ResourceProfile) -> tuple[Placement, ResourceProfile]:
    """Return the part of a job in a placement of several jobs, and the job's profile as it is in there.

    The placement says of the TaskManagers what is true of all jobs: memory, options, load, utilisation. Of a
    placement of one job both are returned as they are.

    Raises:
        DocumentError: when the job is not valid.
        PlacementMismatch: when the placement is not of the job, or of another version of it.

    """
    from planner.place.several_jobs import of_job

    profile, _ = compile_job(job)
    if placement.jobs is None:
        return placement, profile
    return of_job(placement, job_name(profile), profile)
