"""Clusters that run: started, given jobs, looked at and ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.api.compiling import Note, compile_job
from planner.api.several_jobs import part_of
from planner.cluster import standalone
from planner.cluster.errors import (
    ClusterFailed,
    ClusterFolderError,
)
from planner.cluster.launches import Launch, launches, stock_launches, too_large
from planner.cluster.rescale import ADAPTIVE, require_vertices, stop_with_savepoint
from planner.cluster.rescale import set_parallelism as rescale_running
from planner.cluster.rest import ENDED, Rest, jobs, only_job
from planner.cluster.run import Plan, Run, execute, planned_job, run_program
from planner.cluster.run import verify as verify_cluster
from planner.cluster.standalone import Standalone
from planner.cluster.supervise import PROGRAM, SHELL_PROGRAM, Supervision, in_container, in_folder
from planner.cluster.verify import Deviation
from planner.documents.cluster import Cluster
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.vocabulary import Recovery
from planner.documents.write import digest
from planner.files import real
from planner.flink.program import COMPILE_SECONDS, Toolchain, as_compiled
from planner.recover.rescaling import requirements
from planner.recover.scaling_plan import ScalingPlan

if TYPE_CHECKING:
    pass

FOLDER = Path(".planner")
"""Where a local cluster keeps its state and logs."""


def up(
    placement: Placement | None = None,
    cluster: Cluster | None = None,
    *,
    folder: str | Path = FOLDER,
    options: Mapping[str, str] | None = None,
    time_limit: float = 120.0,
    flink_home: Path | None = None,
    note: Note = lambda _: None,
) -> Standalone:
    """Start a local cluster with the TaskManagers of a placement, or those of a cluster as they are.

    Of a cluster that runs in ``folder`` already, only what is not running is started. TaskManagers in reserve
    start when a job runs: with `run`, or when this is called again. The value of a
    sensitive option may be ``@FILE`` or ``@env:NAME``, which hold the secret.

    Raises:
        PlacementMismatch: when both are given and the placement was made for another cluster.
        OptionRefused: when one of ``options`` is set otherwise by the document or by planner, or a secret
            that it names cannot be had.
        ClusterError: when the figures of a TaskManager are inconsistent.
        ClusterFailed: when the cluster is too large for this machine, or does not come up.
        ClusterFolderError: when the folder cannot hold a cluster, or one with these ids.
        ClusterBusy: when another planner process uses the folder.
        TimedOut: when not every TaskManager is registered in time.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.
        TypeError: when there is neither a placement nor a cluster.

    """
    wanted = _launches(placement, cluster, options or {})
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if reason := too_large(wanted, machine):
        raise ClusterFailed(f"not a cluster for this machine: {reason}")
    spares = [tm.id for tm in placement.task_managers if tm.reserve] if placement is not None else []
    warm_up = placement is not None and placement.recovery is Recovery.FAST
    return standalone.up(Path(folder), wanted, time_limit, flink_home, note, spares, options, warm_up=warm_up)


def _launches(
    placement: Placement | None, cluster: Cluster | None, options: Mapping[str, str]
) -> dict[str, Launch]:
    if placement is None:
        if cluster is None:
            raise TypeError("up needs a placement or a cluster")
        return stock_launches(cluster, options)
    if cluster is not None and digest(cluster) != placement.inputs.cluster:
        raise PlacementMismatch(
            f"the placement was made for another cluster than {cluster.metadata.name!r}; place again"
        )
    return launches(placement, options)


@dataclass(frozen=True)
class ClusterStatus:
    """A local cluster: its REST address, and of every process its id, None where it does not run.

    ``registered`` are the TaskManagers that the JobManager has registered; ``spares`` start when a job runs.
    """

    url: str
    processes: Mapping[str, int | None]
    registered: frozenset[str]
    spares: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether every process runs and every TaskManager is registered; spares may be waiting for a job."""
        needed = {name: pid for name, pid in self.processes.items() if name not in self.spares}
        return None not in needed.values() and needed.keys() - {"jobmanager"} <= self.registered


def status(folder: str | Path = FOLDER) -> ClusterStatus | None:
    """Return the state of the local cluster in ``folder``, None where there is none.

    Raises:
        ClusterFolderError: when its state cannot be read.

    """
    cluster = standalone.read(real(folder))
    if cluster is None:
        return None
    running = cluster.running()
    processes = {cluster.process(name): running.get(cluster.process(name)) for name in cluster.launches}
    processes |= {name: pid for name, pid in running.items() if name not in processes}
    spares = frozenset(map(cluster.process, cluster.spares))
    return ClusterStatus(cluster.url, processes, frozenset(standalone.registered(cluster)), spares)


def down(folder: str | Path = FOLDER) -> list[str] | None:
    """End every process of the local cluster in ``folder`` and return their names, None without a cluster.

    Raises:
        ClusterFolderError: when its state cannot be read.
        ClusterBusy: when another planner process uses the folder.

    """
    return standalone.down(Path(folder))


def supervise(
    placement: Placement,
    task_manager: str,
    command: Sequence[str],
    *,
    rest: str | None = None,
    journal: str | None = None,
    settings: Mapping[str, float] | None = None,
    adjust: str = "propose",
) -> Supervision:
    """Return how ``command`` runs as a TaskManager of a placement, for `become_supervisor`.

    ``settings`` are fields of `planner.cluster.supervisor.Settings`, in the spelling of the specification.
    ``adjust`` is what happens when memory runs out: off, propose a change, or apply it.

    Raises:
        OptionRefused: when the placement has no such TaskManager, or says nothing of its memory.
        NoAnswer: when ``rest`` is no address.

    """
    return in_container(placement, task_manager, command, rest, journal, settings, adjust)


def supervise_local(
    task_manager: str,
    *,
    folder: str | Path = FOLDER,
    settings: Mapping[str, float] | None = None,
    note: Note = lambda _: None,
    placement: Placement | None = None,
    adjust: str = "propose",
) -> Supervision:
    """Return how a TaskManager of the local cluster in ``folder`` runs; the one that runs now is ended.

    ``adjust`` as for `supervise`, where the ``placement`` of the cluster is given; else nothing is adjusted.

    Raises:
        ClusterFolderError: when there is no cluster in ``folder``, or its state cannot be read.
        ClusterBusy: when another planner process uses the folder.
        ClusterFailed: when its JobManager does not run, or the TaskManager is supervised already.
        OptionRefused: when it has no such TaskManager, or gives it other memory than the placement.

    """
    return in_folder(Path(folder), task_manager, settings, note, placement, adjust)


def supervisor_program(*, shell: bool = False) -> str:
    """Return the program that supervises, which needs nothing of planner: in Python, or in POSIX shell."""
    return (SHELL_PROGRAM if shell else PROGRAM).read_text(encoding="utf-8")


def plan_run(
    program: Program,
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    flink_home: Path | None = None,
    python: str = "python3",
    time_limit: float = COMPILE_SECONDS,
    note: Note = lambda _: None,
) -> Plan:
    """Return what `run` would change of a program, without submitting anything.

    Exceptions are those of `run` that do not concern a cluster.
    """
    placement, profile = part_of(placement, profile)
    program = as_compiled(program, profile)
    return execute(program, profile, placement, None, Toolchain(flink_home, python, time_limit), note)[0]


def run(
    program: Program,
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    savepoint: str | None = None,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    time_limit: float = 120.0,
    wait: float = 0.0,
    flink_home: Path | None = None,
    python: str = "python3",
    note: Note = lambda _: None,
) -> Run:
    """Run a program on a cluster as a placement plans it, and verify that the cluster obeys.

    The cluster is the one at the REST address ``rest``, else the local one in ``folder``. ``profile`` is
    what the placement was made from; without it the program has to compile to that. Of a placement of several
    jobs the one is run whose profile it is. The job starts from
    ``savepoint``, a path that the cluster can read, where one is named. The program's main has
    ``time_limit`` seconds, and so have its subtasks to start; before that the JobManager has ``wait`` seconds
    to answer, and the TaskManagers to register.

    Raises:
        NotAsPlanned: when the TaskManagers are not those of the placement; nothing is submitted then.
        SlotsTaken: when another job runs in their slots.
        TimedOut: when the program makes no job in time, or when not every subtask runs in time; ``best`` is
            then the `Run` so far.
        ProgramError: when the program cannot be compiled, or program, profile and placement do not match.
        RestError: when the cluster does not answer, does not take the job, or the job fails.
        ClusterFolderError: when there is no cluster in ``folder``.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.

    """
    cluster = rest_of(rest, folder)
    home = flink_home if flink_home or rest else _home(folder)
    several = len(placement.jobs or ())
    placement, profile = part_of(placement, profile)
    program = as_compiled(program, profile)
    tools = Toolchain(home, python, time_limit)
    if rest is not None:
        return run_program(
            program, profile, placement, cluster, tools, time_limit, note, savepoint=savepoint, wait=wait
        )
    local = Path(folder)
    if not any(state not in ENDED for state in jobs(cluster).values()):
        standalone.stop_spares(local)

    def start_spares() -> None:
        # of several jobs, the last one: what is submitted when spares are there may be placed on them
        if sum(state not in ENDED for state in jobs(cluster).values()) >= several:
            standalone.start_spares(local, time_limit, note)

    return run_program(
        program, profile, placement, cluster, tools, time_limit, note, start_spares, savepoint, wait
    )


def stop(
    profile: ResourceProfile | None = None,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    savepoint_dir: str | Path | None = None,
    time_limit: float = 300.0,
    note: Note = lambda _: None,
) -> str:
    """Stop a job with a savepoint and return where the savepoint is; cluster and job are as for `verify`.

    ``savepoint_dir`` is a path that the cluster can write, its own setting unless given. Only a job of
    ``profile`` is stopped, if one is given.

    Raises:
        RestError: when the cluster does not answer, it is not clear which job is meant, it is another one
            than that of the profile, or the savepoint fails; the job runs on then.
        TimedOut: when the job has not stopped in time.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    directory = None if savepoint_dir is None else str(savepoint_dir)
    name = job or only_job(cluster)
    if profile is not None:
        require_vertices(cluster, name, [vertex.id for vertex in compile_job(profile)[1].vertices])
    return stop_with_savepoint(cluster, name, directory, time_limit, note)


def set_parallelism(
    plan: ScalingPlan,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    time_limit: float = 300.0,
    note: Note = lambda _: None,
) -> str:
    """Let Flink's adaptive scheduler rescale a running job as planned, and return its id.

    Cluster and job are as for `verify`.

    Raises:
        RestError: when the scheduler is another one, the job is not the one of the plan, or it fails.
        TimedOut: when the job does not run with its new parallelism in time.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    name = job or only_job(cluster)
    rescale_running(cluster, name, requirements(plan.scaling), time_limit, note)
    return name


def adaptive(*, rest: str | None = None, folder: str | Path = FOLDER) -> bool:
    """Tell whether the jobs of a cluster can be rescaled while they run.

    Raises:
        RestError: when the cluster does not answer.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    return rest_of(rest, folder).scheduler() in ADAPTIVE


def options_beside(placement: Placement, folder: str | Path = FOLDER) -> dict[str, str]:
    """Return the options that the local cluster in ``folder`` was started with beside those of ``placement``.

    Raises:
        ClusterFolderError: when there is no cluster in ``folder``.
        PlacementMismatch: when the cluster was started with another placement.

    """
    local = standalone.read(real(folder))
    if local is None:
        raise ClusterFolderError(f"no cluster in {folder}; start one with planner up")
    given: dict[str, str] = {}
    for name, (_, planned) in launches(placement, {}).items():
        options = local.launches[name][1] if name in local.launches else {}
        given |= {key: value for key, value in options.items() if planned.get(key) != value}
    as_started = {name: (list(words), dict(own)) for name, (words, own) in local.launches.items()}
    planned_so = {name: (list(words), dict(own)) for name, (words, own) in launches(placement, given).items()}
    if as_started != planned_so:
        raise PlacementMismatch(
            f"the cluster in {folder} was not started with this placement; name the one that it runs"
        )
    return given


def verify(
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    note: Note = lambda _: None,
) -> list[Deviation]:
    """Return what a cluster does otherwise than a placement says; cluster and profile are as for `run`.

    Of a placement of several jobs it is the part of the one whose profile is given.

    ``job`` is the id of a job; unless given, it is the only one that runs, or that holds slots of the
    placement. Without ``profile`` subtasks are not compared.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = rest_of(rest, folder)
    alone = placement.jobs is None
    placement, profile = part_of(placement, profile)
    complete, graph = compile_job(profile) if profile is not None else (None, None)
    job = job or planned_job(cluster, placement, alone=alone)
    return verify_cluster(cluster, placement, job, complete, graph, note)


def rest_of(rest: str | None, folder: str | Path) -> Rest:
    """Return the cluster at an address, without one the local cluster in ``folder``.

    Raises:
        NoAnswer: when that is not an address.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    if rest is not None:
        return Rest.at(rest)
    local = standalone.read(real(folder))
    if local is None:
        raise ClusterFolderError(
            f"no cluster in {folder}; start one with planner up, or name one by its REST address (--rest URL)"
        )
    return Rest(local.url)


def _home(folder: str | Path) -> Path | None:
    """Return the Flink distribution that the local cluster runs, None for that of the extra.

    Only of one that runs: what a folder alone says is not a reason to run what it names.
    """
    local = standalone.read(real(folder))
    return local.home if local and local.running() else None
