"""What runs, as documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from planner.api.clusters import FOLDER, rest_of
from planner.api.compiling import Note, compile_job
from planner.cluster.measure import Measured, measured_profile
from planner.cluster.read_job import cluster_document, job_profile
from planner.cluster.rest import only_job
from planner.documents.cluster import Cluster
from planner.documents.profile import ResourceProfile

if TYPE_CHECKING:
    pass


def import_load(
    profile: ResourceProfile,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    window: float = 30.0,
    samples: int = 1,
    note: Note = lambda _: None,
) -> tuple[ResourceProfile, Measured]:
    """Return a profile with the load of a running job, measured over ``window`` seconds, and that load.

    With several ``samples`` there is one after the other, each of so many seconds; CPU load is then that of
    each. Those in which subtasks restarted, or nothing was busy, are left out.

    Raises:
        DocumentError: when the profile is not valid.
        RestError: when the cluster does not answer, or the job is not one that can be measured.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    complete, graph = compile_job(profile)
    loaded, measured = measured_profile(
        cluster, job or only_job(cluster), complete, graph, window, note, samples
    )
    return compile_job(loaded)[0], measured


def import_job(
    *, rest: str | None = None, folder: str | Path = FOLDER, job: str | None = None
) -> ResourceProfile:
    """Return a running job as a profile: what REST reports of it, and planner's defaults.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    return compile_job(job_profile(cluster, job or only_job(cluster)))[0]


def import_cluster(
    name: str = "cluster",
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    note: Note = lambda _: None,
) -> tuple[Cluster, list[str]]:
    """Return the TaskManagers of a running cluster, and the ids of those whose cores Flink may have guessed.

    Raises:
        RestError: when the cluster does not answer, or has no TaskManagers.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    return cluster_document(rest_of(rest, folder), name, note)
