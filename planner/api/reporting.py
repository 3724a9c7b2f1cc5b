"""What a report shows of a job, a placement and its recovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from planner.api.compiling import compile_job, made_from
from planner.api.placing import as_planned, zones
from planner.api.recovery import recover
from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.write import to_data
from planner.graph.from_profile import planner_fields

if TYPE_CHECKING:
    pass


def report(
    job: Job | ResourceProfile,
    placement: Placement | None,
    cluster: Cluster | None = None,
    *,
    earlier: Mapping[str, Placement] | None = None,
) -> dict[str, Any]:
    """Return what a report shows of a placement, as plain data for `planner.report.html.page`.

    That is the documents ``profile``, ``placement`` and ``recovery``, ``zones`` by TaskManager where the
    ``cluster`` is given, and ``earlier`` placements with their names, oldest first. Reports are passed on:
    options of Flink, arguments of programs and the memory of processes are left out, and of earlier
    placements the slots, which their quotas tell. Without a placement it is the profile of the job alone,
    and what depends on one is None.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when the placement was not made from ``job``.

    """
    profile, _ = as_planned(job, placement) if placement else compile_job(job)
    if placement and not made_from(placement, job):
        raise PlacementMismatch("the placement was made from another version of the job; place it again")
    return {
        "profile": to_data(shared_profile(profile)),
        "placement": to_data(shared(placement)) if placement else None,
        "recovery": to_data(recover(job, placement, cluster)) if placement else None,
        "zones": zones(cluster),
        "earlier": [
            {"name": name, "placement": to_data(shared(other, slots=False))}
            for name, other in (earlier or {}).items()
        ],
    }


def shared_profile(profile: ResourceProfile, placement: Placement | None = None) -> ResourceProfile:
    """Return a complete profile as a placement plans it, without options, which may hold secrets."""
    from planner.place import bend

    if placement is not None:
        profile = bend.as_planned(profile, placement.planned_groups)
    fields = planner_fields(profile).model_copy(update={"flink_configuration": {}, "program": None})
    return profile.model_copy(update={"planner": fields})


def shared(placement: Placement, *, slots: bool = True) -> Placement:
    """Return a placement without options, which may hold secrets, and without facts about its run."""
    kept: dict[str, Any] = {"memory": None, "flink_configuration": None, **({} if slots else {"slots": []})}
    task_managers = [tm.model_copy(update=kept) for tm in placement.task_managers]
    return placement.model_copy(
        update={"task_managers": task_managers, "flink_configuration": None, "meta": None}
    )
