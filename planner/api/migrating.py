"""A running job from one placement to another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from planner.api.clusters import FOLDER, rest_of
from planner.api.compiling import Note, compile_job, made_from
from planner.api.several_jobs import job_part, jobs_together
from planner.cluster import standalone
from planner.cluster.errors import (
    ClusterFolderError,
)
from planner.cluster.launches import launches
from planner.cluster.migrate import journal_of
from planner.cluster.migrate import migrate as run_migration
from planner.cluster.migrate import resume as go_on
from planner.cluster.migrate_pods import migrate_pods, resume_pods, workload
from planner.cluster.migrate_pods import unfinished as unfinished_pods
from planner.cluster.migration import Journal, Migrated
from planner.cluster.rest import ENDED, Rest, jobs
from planner.cluster.run import jobs_holding
from planner.cluster.run import verify as verify_cluster
from planner.cluster.verify import Deviation
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.write import to_data
from planner.files import real
from planner.recover.migration import Migration
from planner.recover.migration import migration as plan_migration
from planner.targets.kubernetes import for_scripts
from planner.targets.options import committed, exported_task_managers

if TYPE_CHECKING:
    pass


def migration(before: Placement, after: Placement, *jobs: Job | ResourceProfile) -> Migration:
    """Return which TaskManagers change between two placements of jobs, and what restarts meanwhile.

    The jobs are those of ``before``.

    Raises:
        PlacementMismatch: when ``before`` is not of these jobs.

    """
    if before.jobs is None:
        return plan_migration(before, after, *compile_job(jobs[0]))
    return plan_migration(before, after, *jobs_together(before, jobs))


def migrate(
    before: Placement,
    after: Placement,
    profile: Job | ResourceProfile | None = None,
    *,
    folder: str | Path = FOLDER,
    kubernetes: str | Path | None = None,
    rest: str | None = None,
    callbacks: Mapping[str, str] | None = None,
    checkpoint: bool = False,
    time_limit: float = 120.0,
    note: Note = lambda _: None,
) -> tuple[Migrated, list[Deviation]]:
    """Bring a cluster from one placement to another, and verify it: the local one in ``folder``, or pods.

    On the local cluster new TaskManagers are registered before old ones end, so the job restarts once. With
    ``kubernetes``, the folder of manifests that ``after`` was exported to, pods that change are replaced
    together, by kubectl; ``rest`` is the address of their JobManager. ``callbacks`` are commands, or
    addresses of webhooks, by name: preRequestResource, postRequestResource, preRestart, postRestart,
    preDeploy, postDeploy. With ``checkpoint`` the job takes one right before TaskManagers end, so that it
    has less to process again. A migration that is interrupted is ended by `resume_migration`.

    Raises:
        CallbackFailed: when a callback before a change fails; the cluster is as it was.
        CheckpointFailed: when the checkpoint could not be taken; the cluster is as it was.
        MigrationUnfinished: when another migration is to be resumed or aborted first.
        ClusterFailed: when a process ends that should not.
        KubernetesError: when kubectl refuses, or manifests and placements do not go together.
        ClusterFolderError: when there is no cluster in ``folder``.
        ClusterBusy: when another planner process uses the folder.
        TimedOut: when a step takes longer than ``time_limit``.
        RestError: when the cluster does not answer.

    """
    placements = to_data(committed(before)), to_data(committed(after))
    place_of = Path(folder)
    if kubernetes is not None:
        at = rest_of(rest, place_of)
        done = migrate_pods(
            workload(Path(kubernetes)),
            at,
            (_options_in_manifests(before), _options_in_manifests(after)),
            (_in_reserve(before), _in_reserve(after)),
            placements,
            callbacks=callbacks or {},
            checkpoint=checkpoint,
            seconds=time_limit,
            note=note,
        )
        return done, _verified_at(at, after, profile, note)
    local = standalone.read(real(place_of))
    options = dict(local.options) if local is not None else {}
    wanted = {name: one for name, one in launches(after, options).items() if name != "jobmanager"}
    done = run_migration(
        place_of,
        wanted,
        _in_reserve(after),
        placements,
        callbacks=callbacks or {},
        checkpoint=checkpoint,
        seconds=time_limit,
        note=note,
    )
    return done, _verified(after, profile, place_of, note)


def _options_in_manifests(placement: Placement) -> dict[str, Mapping[str, str]]:
    return {name: for_scripts(one).options for name, one in exported_task_managers(placement).items()}


def _in_reserve(placement: Placement) -> frozenset[str]:
    return frozenset(tm.id for tm in placement.task_managers if tm.reserve)


def resume_migration(
    profile: ResourceProfile | None = None,
    *,
    folder: str | Path = FOLDER,
    kubernetes: str | Path | None = None,
    rest: str | None = None,
    abort: bool = False,
    time_limit: float = 120.0,
    note: Note = lambda _: None,
) -> tuple[Migrated, Placement, list[Deviation]]:
    """End an unfinished migration at its target, or with ``abort`` where it came from; see `migrate`.

    Returned is the placement that the cluster has then as well.
    """
    if kubernetes is not None:
        at = rest_of(rest, Path(folder))
        done, journal = resume_pods(workload(Path(kubernetes)), at, time_limit, note, abort=abort)
        placement = _target_of(journal)
        return done, placement, _verified_at(at, placement, profile, note)
    unfinished = unfinished_migration(folder)
    if unfinished is None:
        raise ClusterFolderError(f"no migration in {folder} is unfinished")
    placement = _target_of(unfinished, abort=abort)
    done = go_on(Path(folder), time_limit, note, abort=abort)
    return done, placement, _verified(placement, profile, Path(folder), note)


def _target_of(journal: Journal, *, abort: bool = False) -> Placement:
    return Placement.model_validate(journal.before if abort or journal.aborting else journal.after)


def unfinished_migration(folder: str | Path = FOLDER, kubernetes: str | Path | None = None) -> Journal | None:
    """Return the migration that is to be ended, None where there is none; see `migrate`.

    Raises:
        ClusterFolderError: when its journal in ``folder`` cannot be read.
        KubernetesError: when that on Kubernetes cannot be.

    """
    return journal_of(real(folder)) if kubernetes is None else unfinished_pods(workload(Path(kubernetes)))


def _verified(
    placement: Placement, profile: Job | ResourceProfile | None, folder: Path, note: Note
) -> list[Deviation]:
    return _verified_at(rest_of(None, folder), placement, profile, note)


def _verified_at(
    cluster: Rest, placement: Placement, profile: Job | ResourceProfile | None, note: Note
) -> list[Deviation]:
    """Return what a cluster does otherwise than a placement says; nothing where no job runs."""
    running = [job for job, state in jobs(cluster).items() if state not in ENDED]
    if placement.jobs is not None:
        parts = [job_part(placement, name) for name in placement.jobs]
        holders = {
            name: jobs_holding(cluster, part) for name, part in zip(placement.jobs, parts, strict=True)
        }
        return [
            deviation
            for name, part in zip(placement.jobs, parts, strict=True)
            for job in sorted(holders[name].intersection(running))
            for deviation in verify_cluster(cluster, part, job, None, None, note)
        ]
    if len(running) != 1:
        return []
    known = profile is not None and made_from(placement, profile)
    complete, graph = compile_job(profile) if known and profile is not None else (None, None)
    return verify_cluster(cluster, placement, running[0], complete, graph, note)
