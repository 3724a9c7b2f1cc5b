"""What a failure restarts, and why it happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planner.api.clusters import FOLDER, rest_of
from planner.api.compiling import compile_job
from planner.api.documents import validate
from planner.api.placing import zones
from planner.cluster.rest import Rest, only_job
from planner.cluster.restarts import restart_times
from planner.documents.cluster import Cluster
from planner.documents.finding import Severity
from planner.documents.job import Job
from planner.documents.load import Loaded, load
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import RecoveryInputs, RecoveryPlan, RestartStrategy
from planner.documents.write import digest
from planner.graph.from_profile import planner_fields
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.recover.candidates import RestartPart
from planner.recover.diagnosis.diagnose import Diagnosis, Log
from planner.recover.diagnosis.patch import NotPatchable, Patched
from planner.recover.diagnosis.patch import patched as patched_text
from planner.recover.restart_strategy import restart_strategy

if TYPE_CHECKING:
    pass


def recover(job: Job | ResourceProfile, placement: Placement, cluster: Cluster | None = None) -> RecoveryPlan:
    """Return what restarts when each part of a job is lost, and for how long the job stands still.

    With the ``cluster`` of the placement that is told of its zones as well.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when the placement is of another job.

    """
    from planner.recover.recovery_plan import recovery_plan

    profile, graph = compile_job(job)
    inputs = RecoveryInputs(
        profile=digest(profile), placement=digest(placement.model_copy(update={"meta": None}))
    )
    return recovery_plan(profile, graph, placement, inputs, zones(cluster))


def diagnose(
    logs: Iterable[Log],
    placement: Placement | None = None,
    *,
    rest: str | None = None,
    job: str | None = None,
) -> list[Diagnosis]:
    """Return what failed and why, the first cause first.

    ``logs`` are the bytes of logs in pieces, by name; ``placement`` says what its TaskManagers have.
    ``rest`` is the address of a cluster that tells why a job failed, the one named or its only one.

    Raises:
        RestError: when the cluster does not answer as Flink does, or it is not clear which job is meant.

    """
    from planner.cluster.failures import failed_job, failure_log
    from planner.recover.diagnosis.diagnose import diagnose as diagnoses

    if rest is None:
        return diagnoses(logs, placement)
    cluster = Rest.at(rest)
    told = failure_log(cluster, job or failed_job(cluster))
    return diagnoses([told, *logs], placement, cluster.options())


def patched(
    loaded: Sequence[Loaded], diagnoses: Sequence[Diagnosis], placement: Placement | None = None
) -> Patched:
    """Return the text of a file, of which ``loaded`` are the documents, with the changes of diagnoses.

    Raises:
        NotPatchable: when no change can be put into that file, or it would not be valid then.

    """
    found = patched_text(loaded, diagnoses, placement)
    known = {(finding.code, finding.message) for finding in validate(*loaded)}
    for finding in validate(*load(found.after, loaded[0].source.name)):
        if finding.severity is Severity.ERROR and (finding.code, finding.message) not in known:
            raise NotPatchable(
                f"it would not be valid with these changes: {finding.message} ({finding.code})"
            )
    return found


def restart_outline(profile: ResourceProfile, graph: JobGraph) -> tuple[list[int], RestartStrategy]:
    """Return the sizes of a job's pipelined regions in subtasks, and its restart strategy."""
    sizes = [len(members) for members in pipelined_regions(graph).members]
    return sizes, restart_strategy(planner_fields(profile).flink_configuration)


def restart_parts(
    *, rest: str | None = None, folder: str | Path = FOLDER, job: str | None = None
) -> tuple[RestartPart, ...]:
    """Return what can be told of the restart of a running job, for `scale`; cluster and job as for `verify`.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    return tuple(RestartPart(*part) for part in restart_times(cluster, job or only_job(cluster)))
