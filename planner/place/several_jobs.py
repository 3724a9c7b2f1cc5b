"""What each of several jobs on one cluster has of a placement, and its part as a placement of its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import PlacedJob, PlacedTaskManager, Placement, Slot
from planner.documents.profile import ResourceProfile
from planner.documents.write import digest
from planner.graph.several_jobs import BETWEEN, JobPart, group_names, job_groups, with_groups
from planner.place.bounds.area import lower_bound
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, added, job_slots, slot_resources
from planner.place.model.standing import Standing
from planner.place.model.task_managers import task_managers_of
from planner.place.result import rounded


def groups_in(placement: Placement, name: str, profile: ResourceProfile) -> dict[str, str] | None:
    """Return what the groups of a job are called in a placement, None where that is not of the job.

    ``profile`` is complete. In a placement of one job they are called as the job itself does.

    Raises:
        PlacementMismatch: when the placement is of another version of a job of that name.

    """
    if placement.jobs is None:
        same = digest(profile) == placement.inputs.profile
        return {group: group for group in group_names(profile)} if same else None
    if name not in placement.jobs:
        return None
    if placement.jobs[name].profile != digest(profile):
        raise PlacementMismatch(f"the placement was made from another version of {name!r}; place again")
    return _called(placement.jobs[name], name, profile)


def called_in(placement: Placement, name: str, profile: ResourceProfile) -> dict[str, str] | None:
    """Return what the groups of a job are called in a placement, None where it is not there.

    The job may be in another version there.
    """
    if placement.jobs is None:
        return {group: group for group in group_names(profile)} if placement.metadata.name == name else None
    if name not in placement.jobs:
        return None
    return _called(placement.jobs[name], name, profile)


def _called(job: PlacedJob, name: str, profile: ResourceProfile) -> dict[str, str]:
    """Return what groups are called: as the job itself does where it was placed alone before."""
    alone = not any(group.startswith(f"{name}{BETWEEN}") for group in job.groups)
    return {group: group for group in group_names(profile)} if alone else job_groups(name, profile)


def standing(placement: Placement) -> Standing:
    """Return where the slots of a placement stand, their subtasks called as in one of several jobs."""
    prefix = "" if placement.jobs is not None else f"{placement.metadata.name}{BETWEEN}"
    return Standing(
        {
            (slot.group, tuple(prefix + name for name in slot.subtasks)): tm.id
            for tm in placement.task_managers
            for slot in tm.slots
        },
        frozenset(tm.id for tm in placement.task_managers if tm.reserve),
    )


def placed_jobs(
    placement: Placement, parts: Sequence[JobPart], cluster: Cluster, kept: Collection[str]
) -> dict[str, PlacedJob]:
    """Return what each of several jobs has of a placement.

    ``kept`` are the names of those that stayed where they were.
    """
    problem = build_problem([], {}, task_managers_of(cluster))
    found: dict[str, PlacedJob] = {}
    for part in parts:
        slots, called = job_slots(part.profile, part.graph), set(part.groups.values())
        on = [tm for tm in placement.task_managers if any(slot.group in called for slot in tm.slots)]
        found[part.name] = PlacedJob.model_construct(
            profile=part.digest,
            groups=[*part.groups.values()],
            kept=True if part.name in kept else None,
            slots=len(slots),
            task_managers=len(on),
            cpu=max(added(slots), default=0),
            highest=max((tm.utilisation["cpu"] for tm in on), default=0.0),
            alone=_alone(part, slots, problem),
        )
    return found


def _alone(part: JobPart, slots: Sequence[JobSlot], empty: Problem) -> float:
    """Return a bound of the highest utilisation of a job that has all TaskManagers to itself."""
    own = build_problem(slots, slot_resources(part.profile), empty.task_managers)
    return rounded(lower_bound(own).value)


def of_job(placement: Placement, name: str, profile: ResourceProfile) -> tuple[Placement, ResourceProfile]:
    """Return the part of one job of a placement of several, and the profile that it is made from.

    ``profile`` is complete; the one returned has its groups called as they are there. Memory and options of
    the TaskManagers, their load and utilisation, and the objective are those of all jobs.

    Raises:
        PlacementMismatch: when the placement is not of the job, or of another version of it.

    """
    groups = groups_in(placement, name, profile)
    if groups is None:
        jobs = ", ".join(placement.jobs or [placement.metadata.name])
        raise PlacementMismatch(f"the placement is not of {name!r}, but of {jobs}")
    if placement.jobs is None:
        return placement, profile
    part = part_of(placement, name)
    renamed = with_groups(profile, groups)
    inputs = placement.inputs.model_copy(update={"profile": digest(renamed)})
    return part.model_copy(update={"inputs": inputs}), renamed


def part_of(placement: Placement, name: str) -> Placement:
    """Return the part of one job of a placement of several; see `of_job`."""
    assert placement.jobs is not None
    called = set(placement.jobs[name].groups)
    planned = {group: one for group, one in (placement.planned_groups or {}).items() if group in called}
    return placement.model_copy(
        update={
            "metadata": placement.metadata.model_copy(update={"name": name}),
            "jobs": None,
            "slot_load": None,
            "planned_groups": planned or None,
            "task_managers": [_own(tm, name, called) for tm in placement.task_managers],
        }
    )


def _own(tm: PlacedTaskManager, job: str, groups: Collection[str]) -> PlacedTaskManager:
    """Return a TaskManager with the slots and quotas of one job."""
    prefix = f"{job}{BETWEEN}"
    slots = [
        Slot.model_construct(group=slot.group, subtasks=[name.removeprefix(prefix) for name in slot.subtasks])
        for slot in tm.slots
        if slot.group in groups
    ]
    quotas = {group: count for group, count in tm.quotas.items() if group in groups}
    return tm.model_copy(update={"slots": slots, "quotas": quotas})
