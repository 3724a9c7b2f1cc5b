"""The verbs as functions: documents in, documents out. The command line and the UI call these."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from planner import __version__
from planner.documents.cluster import Cluster
from planner.documents.finding import Finding
from planner.documents.job import Job
from planner.documents.load import Document, Loaded, load
from planner.documents.placement import Inputs, Meta, Placement
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import RecoveryInputs, RecoveryPlan
from planner.documents.source import DocumentError
from planner.documents.write import digest, to_json
from planner.flink.option_tables import option_table
from planner.graph.declare import declare
from planner.graph.job import JobGraph
from planner.memory.offheap import Catalogue, OffHeapUse
from planner.memory.profile import complete_profile
from planner.place.capacity import ClusterError, hosts
from planner.place.infeasible import Conflict, explain
from planner.place.plan import plan
from planner.place.problem import build_problem
from planner.place.slots import job_slots, slot_resources
from planner.place.solve import Progress, Status, Stop, solve
from planner.place.stock import Mode, predict
from planner.recover.errors import PlacementMismatchError
from planner.rules import run

__all__ = [
    "ClusterError",
    "Conflict",
    "Document",
    "DocumentError",
    "Finding",
    "Loaded",
    "PlacementMismatchError",
    "PlacementResult",
    "Status",
    "Stop",
    "compile_job",
    "load",
    "place",
    "recover",
    "to_json",
    "validate",
]


def validate(documents: Sequence[Loaded]) -> list[Finding]:
    """Return what is wrong with ``documents``, jobs also against a cluster that is among them."""
    return run.validate(documents, option_table)


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


@dataclass(frozen=True)
class PlacementResult:
    """A placement, or why there is none."""

    status: Status
    placement: Placement | None
    conflict: Conflict | None = None


def place(
    document: Job | ResourceProfile,
    cluster: Cluster,
    stop: Stop,
    progress: Progress = lambda *_: None,
) -> PlacementResult:
    """Place a job on a cluster so that the highest CPU utilisation is least, then the spread.

    Raises:
        ValueError: when the job is not valid (see `validate`).
        ClusterError: when the figures of a TaskManager do not work out.

    """
    started = time.monotonic()
    profile, job = compile_job(document)
    slots, resources = job_slots(profile, job), slot_resources(profile)
    problem = build_problem(slots, resources, hosts(cluster), cluster.spec.reserve.task_managers)
    conflict = explain(problem, quick=True, seconds=stop.seconds / 2)
    if conflict is not None:
        return PlacementResult(Status.INFEASIBLE, None, conflict)
    result = solve(problem, stop, progress)
    if result.solution is None:
        found = (
            explain(problem, quick=False, seconds=stop.seconds / 2)
            if result.status is Status.INFEASIBLE
            else None
        )
        return PlacementResult(result.status, None, found)
    stock = {mode.value: predict(problem, slots, mode, stop.seed) for mode in Mode}
    inputs = Inputs(profile=digest(profile), cluster=digest(cluster))
    placement = plan(profile, job, problem, slots, result, stock, inputs)
    seconds = round(time.monotonic() - started, 3)
    meta = Meta(seconds=seconds, seed=stop.seed, workers=stop.workers, planner_version=__version__)
    return PlacementResult(result.status, placement.model_copy(update={"meta": meta}))


def recover(document: Job | ResourceProfile, placement: Placement) -> RecoveryPlan:
    """Return what the loss of each TaskManager of ``placement`` restarts.

    Raises:
        ValueError: when the job is not valid.
        PlacementMismatchError: when the placement is of another job.

    """
    from planner.recover.plan import recovery_plan  # numpy loads only where it is needed

    profile, job = compile_job(document)
    inputs = RecoveryInputs(
        profile=digest(profile), placement=digest(placement.model_copy(update={"meta": None}))
    )
    return recovery_plan(profile, job, placement, inputs)
