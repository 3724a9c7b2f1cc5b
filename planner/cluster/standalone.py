"""A local cluster that stays up when planner has ended: started, looked at and ended by its folder.

The folder holds the state: ports and a mark. Which processes run is never remembered but looked up, by
the mark in their environment: so nothing is lost when planner is killed at any moment.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from planner.cluster import cgroups
from planner.cluster.answers import TaskManagers
from planner.cluster.errors import (
    ClusterBusy,
    ClusterFailed,
    ClusterFolderError,
    MigrationUnfinished,
    RestError,
)
from planner.cluster.launches import Launch
from planner.cluster.processes import (
    LONGEST_NAME,
    Ports,
    cause,
    configure,
    end,
    free_ports,
    java_options,
    jobmanager_command,
    jobmanager_options,
    log_file,
    marked,
    names_files,
    prepare,
    private,
    resource_id,
    start,
    supervised_id,
    taskmanager_command,
    taskmanager_options,
)
from planner.cluster.rest import Rest, jobs, running_job
from planner.cluster.rest import registered as ready
from planner.cluster.warm_up import warm_up as run_warm_up
from planner.documents.answers import MAX_ANSWER, Answer, AnswerError, Port, read_answer
from planner.errors import TimedOut
from planner.files import real, write_atomically
from planner.flink.errors import OptionRefused
from planner.flink.jvm import flink_jars, java
from planner.flink.options import resolved

STATE = "cluster.json"
JOURNAL = "migration.json"
"""The file in the folder of a cluster that holds an unfinished migration."""
SHOWN_NAME = 60


@dataclass(frozen=True, slots=True)
class Standalone:
    """A cluster in a folder; ``launches`` are its processes as they were last asked for.

    ``spares`` are those of them that start when a job runs: before, Flink would put slots of it there.
    ``options`` are those that all of its processes were given beside their own. ``generations`` counts how
    often a TaskManager was replaced by another process: two of one name run for a while, and Flink tells
    them by their resource ids.
    ``control_group`` holds the CPU limits of its TaskManagers, None where none can be set; ``home`` is the
    Flink distribution that it runs, None for that of the extra. With ``warm_up``, a TaskManager that starts
    beside a job that runs first has a small job of its own.
    """

    folder: Path
    mark: str
    ports: Ports
    launches: Mapping[str, Launch]
    control_group: Path | None = None
    home: Path | None = None
    spares: frozenset[str] = frozenset()
    generations: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    warm_up: bool = False

    def process(self, name: str) -> str:
        """Return the resource id under which a TaskManager runs."""
        return process_name(name, self.generations.get(name, 0))

    @property
    def url(self) -> str:
        """The REST address."""
        return self.ports.url

    def running(self) -> dict[str, int]:
        """Return the ids of the running processes by resource id, ``jobmanager`` first."""
        own = marked(self.mark, self.folder)
        found = {name: pid for pid in own if (name := resource_id(pid)) is not None}
        return dict(sorted(found.items(), key=lambda entry: (entry[0] != "jobmanager", entry[0])))

    def supervised(self) -> dict[str, int]:
        """Return the ids of the processes that supervise TaskManagers, by resource id."""
        own = marked(self.mark, self.folder)
        return {name: pid for pid in own if (name := supervised_id(pid)) is not None}

    def to_end(self, names: Collection[str]) -> list[int]:
        """Return the processes to end so that TaskManagers, by resource id, end for good.

        Supervisors come first: they would start again what ends before they know that it has to.
        """
        return [
            pid for each in (self.supervised(), self.running()) for name, pid in each.items() if name in names
        ]


def read(folder: Path) -> Standalone | None:
    """Return the cluster of a folder, None where there is none.

    Raises:
        ClusterFolderError: when its state cannot be read, is not planner's, or belongs to another user.

    """
    file = folder / STATE
    raw = content(file)
    if raw is None:
        return None
    try:
        state = read_answer(raw, _State)
    except AnswerError as error:
        raise unreadable(file, str(error)) from None
    group, home = (Path(told) if told else None for told in (state.control_group, state.flink_home))
    if group is not None and not cgroups.is_folder_for(group, state.mark):
        raise unreadable(file, f"{group} is not the control group of a cluster")
    ports = Ports(state.rest_port, state.rpc_port)
    return Standalone(
        folder,
        state.mark,
        ports,
        state.launches,
        group,
        home,
        frozenset(state.spares),
        state.generations,
        state.options,
        state.warm_up,
    )


def content(file: Path) -> bytes | None:
    """Return what a file in the folder of a cluster holds, None where there is none.

    Raises:
        ClusterFolderError: when it cannot be read, is no file of planner's, or belongs to another user.

    """
    try:
        facts = file.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise unreadable(file, "it is no regular file")
        if facts.st_uid != os.geteuid():
            raise ClusterFolderError(f"{file} belongs to another user; name a folder of your own with --dir")
        with open(file, "rb") as stream:
            return stream.read(MAX_ANSWER + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from None


def unreadable(file: Path, reason: str) -> ClusterFolderError:
    """Return the error of a file in the folder of a cluster that cannot be read."""
    return ClusterFolderError(
        f"{file} cannot be read ({reason}): it was modified, or is not planner's; remove it"
    )


def _usable(name: str) -> str:
    """Return the name of a process, which names its files as well.

    Raises:
        ValueError: when no file can have that name.

    """
    if not names_files(name):
        shown = name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + "..."
        raise ValueError(
            f"{shown!r} cannot be the id of a TaskManager here: its log is a file of that name, which"
            f" may have {LONGEST_NAME} bytes, no slash and no control character"
        )
    return name


UsableName = Annotated[str, AfterValidator(_usable)]


class _State(Answer):
    """What the folder of a cluster holds; anybody may have written it."""

    mark: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    rest_port: Port
    rpc_port: Port
    control_group: str | None = None
    flink_home: str | None = None
    spares: list[str] = []
    generations: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = {}
    options: dict[str, str] = {}
    warm_up: bool = False
    launches: Annotated[
        dict[UsableName, tuple[list[str], dict[str, str]]],
        AfterValidator(lambda found: _with_jobmanager(found)),
    ]

    @model_validator(mode="after")
    def _spares_are_known(self) -> _State:
        known(self.spares, self.launches)
        return self


def known(spares: Collection[str], launches: Mapping[str, Launch]) -> None:
    """Refuse spares that are not among the processes of a cluster.

    Raises:
        ValueError: when one is not.

    """
    if unknown := set(spares) - launches.keys():
        raise ValueError(f"it has no {min(unknown)!r}, which is to be spare")


def _with_jobmanager(found: dict[str, Launch]) -> dict[str, Launch]:
    if "jobmanager" not in found:
        raise ValueError("it has no jobmanager")
    return found


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    """Say of what cannot be written that the folder cannot hold a cluster."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise ClusterFolderError(f"{folder} cannot hold a cluster: {what}{error.strerror or error}") from None


def process_name(name: str, generation: int) -> str:
    """Return the resource id of a TaskManager that was replaced so many times by another process."""
    return f"{name}~{generation}" if generation else name


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other planners off the folder; the lock ends with this process."""
    try:
        import fcntl
    except ImportError:
        raise ClusterFolderError("a local cluster needs Linux or macOS") from None

    with _written_to(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(folder / "lock", "w", encoding="utf-8", opener=private)  # noqa: SIM115 (closed below)
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterBusy(
                f"another planner process is using {folder}; try again when it has ended"
            ) from None
        try:
            yield
        except OSError as error:  # such as a full disk
            raise ClusterFolderError(f"{error.filename or folder}: {error.strerror or error}") from None


def up(
    folder: Path,
    launches: Mapping[str, Launch],
    seconds: float,
    home: Path | None = None,
    note: Callable[[str], None] = lambda _: None,
    spares: Collection[str] = (),
    options: Mapping[str, str] | None = None,
    *,
    warm_up: bool = False,
) -> Standalone:
    """Start what is not running of a cluster, wait until every TaskManager is registered, and return it.

    ``launches`` has the JobManager under ``jobmanager`` and TaskManagers under their ids; ``spares`` of these
    start only when a job runs; with ``warm_up`` they run a small job then (`planner.cluster.warm_up`), and so
    does what else starts beside a job. ``options`` are those that all of them were given. ``home`` is a Flink
    distribution; a cluster that is there already goes on with its own.

    Raises:
        ClusterFailed: when the folder's cluster runs with different settings, or does not come up.
        ClusterFolderError: when the folder cannot hold a cluster, or one with these ids.
        ClusterBusy: when another planner process uses the folder.
        OptionRefused: when a secret that an option names cannot be had.
        TimedOut: when not every TaskManager is registered within ``seconds``.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``home`` holds no Flink.

    """
    folder, home = real(folder), home and real(home)
    for name in launches:
        try:
            _usable(name)
        except ValueError as error:
            raise ClusterFolderError(str(error)) from None
    with locked(folder):
        wanted = {name: (list(arguments), dict(options)) for name, (arguments, options) in launches.items()}
        cluster, running = _there_or_new(folder, wanted, home, frozenset(spares), options or {})
        flink_jars(cluster.home)  # raises before anything is written that a later planner would go on with
        java()
        for name, (_, options) in cluster.launches.items():
            resolved(options)
            java_options(folder, name, options)
        with _written_to(folder):
            if not running:
                cluster = replace(cluster, control_group=cgroups.folder_for(cluster.mark))
            if not running or cluster.warm_up != warm_up:
                cluster = replace(cluster, warm_up=warm_up)
                write(cluster)
            prepare(folder)
        until = time.monotonic() + seconds
        launch(cluster, [name for name in cluster.launches if name not in cluster.spares], until, note)
        if cluster.spares and job_runs(cluster):
            launch(cluster, sorted(cluster.spares), until, note)
        return cluster


def start_spares(folder: Path, seconds: float, note: Callable[[str], None] = lambda _: None) -> None:
    """Start those spares of a folder's cluster that do not run, and wait until they are registered.

    Exceptions are those of `up`.
    """
    folder = real(folder)
    with locked(folder):
        cluster = read(folder)
        if cluster is not None and cluster.spares:
            launch(cluster, sorted(cluster.spares), time.monotonic() + seconds, note)


def stop_spares(folder: Path) -> None:
    """End the spares of a folder's cluster, so that a job that is submitted now gets no slots there.

    Raises:
        ClusterFolderError: when its state cannot be read.
        ClusterBusy: when another planner process uses the folder.

    """
    folder = real(folder)
    with locked(folder):
        cluster = read(folder)
        if cluster is not None:
            end(cluster.to_end({cluster.process(name) for name in cluster.spares}))


def launch(cluster: Standalone, names: Sequence[str], until: float, note: Callable[[str], None]) -> None:
    """Start those of some processes that do not run, and wait until all of them are registered.

    Raises:
        ClusterFailed: when one of them ends.
        TimedOut: when not all are registered at the time ``until``.

    """
    running, supervised = cluster.running(), cluster.supervised()
    before = registered(cluster) if "jobmanager" in running else {}
    started = {}
    with _written_to(cluster.folder):
        for name in names:
            process = cluster.process(name)
            if process not in running and process not in supervised:
                note(f"starting {process}")
                started[process] = start(cluster.folder, process, _command(cluster, name), cluster.mark)
            elif process in running:
                before.pop(process, None)  # it has not changed, so its registration is good
    _wait(cluster, [cluster.process(name) for name in names], started, before, until, note)
    new = started.keys() - {"jobmanager"}
    if cluster.warm_up and new and job_runs(cluster):
        run_warm_up(Rest(cluster.url), new, cluster.home, note)


def job_runs(cluster: Standalone) -> bool:
    """Tell whether a job has all of its slots: only then do new TaskManagers get none of them."""
    rest = Rest(cluster.url)
    try:
        running = [job for job, state in jobs(rest).items() if state == "RUNNING"]
        return bool(running) and all(running_job(rest, job).running for job in running)
    except RestError:
        return False


def _there_or_new(
    folder: Path,
    wanted: Mapping[str, Launch],
    home: Path | None,
    spares: frozenset[str],
    options: Mapping[str, str],
) -> tuple[Standalone, Mapping[str, int]]:
    """Return the cluster that runs in a folder with its processes, else a new one.

    Of one that does not run nothing is taken over: a file alone is no reason to run what it names.

    Raises:
        ClusterFailed: when the folder's cluster has other settings than those that are wanted.

    """
    cluster = read(folder)
    running = cluster.running() if cluster is not None else {}
    if running and os.path.lexists(folder / JOURNAL):
        raise MigrationUnfinished(
            f"a migration of the cluster in {folder} is unfinished: planner migrate --resume, or --abort"
        )
    if cluster is not None and running:
        if cluster.launches != wanted or home not in (None, cluster.home):
            raise ClusterFailed(
                f"the cluster that runs in {folder} was started with different settings (placement,"
                " cluster, -D or --flink-home): use the same again, or end it first: planner down"
            )
        return cluster, running
    if cluster is not None:
        (folder / JOURNAL).unlink(missing_ok=True)  # of processes that are gone
        if home is None and cluster.home is not None:
            raise ClusterFailed(
                f"the cluster in {folder} does not run any more; its Flink was {cluster.home}: name that"
                " again with --flink-home, or forget the cluster: planner down"
            )
        _forget(cluster)
    mark, ports = uuid.uuid4().hex, free_ports()
    return Standalone(folder, mark, ports, wanted, home=home, spares=spares, options=dict(options)), {}


def _forget(cluster: Standalone) -> None:
    """End what is left of a cluster, and remove what the kernel keeps of it.

    In a copy of the folder of a cluster nothing is left: the processes and limits are the original's.
    """
    end(marked(cluster.mark, cluster.folder))
    if cluster.control_group is not None and not marked(cluster.mark):
        cgroups.remove(cluster.control_group)


def _command(cluster: Standalone, name: str) -> list[str]:
    """Return the command line of a process, whose options are written to its configuration.

    Raises:
        OptionRefused: when a secret that an option names cannot be had.
        OSError: when the configuration cannot be written.

    """
    folder, (arguments, options) = cluster.folder, cluster.launches[name]
    jobmanager, name = name == "jobmanager", cluster.process(name)
    own = (
        jobmanager_options(folder, cluster.ports)
        if jobmanager
        else taskmanager_options(folder, cluster.ports, name)
    )
    configure(folder, name, {**own, **resolved(options)})
    arguments = [*arguments, *java_options(folder, name, options)]
    if jobmanager:
        return jobmanager_command(folder, arguments, cluster.home)
    command = taskmanager_command(folder, name, arguments, cluster.home)
    cores = options.get("taskmanager.cpu.cores")
    if cluster.control_group is None or cores is None:
        return command
    try:
        return cgroups.limited(cluster.control_group, name, float(cores), command)
    except OSError as error:
        raise ClusterFailed(f"the CPU of {name} cannot be limited: {error}") from None


def write(cluster: Standalone) -> None:
    """Write what is to be known of a cluster into its folder."""
    data = {
        "mark": cluster.mark,
        "restPort": cluster.ports.rest,
        "rpcPort": cluster.ports.rpc,
        "controlGroup": str(cluster.control_group) if cluster.control_group else None,
        "flinkHome": str(cluster.home) if cluster.home else None,
        "spares": sorted(cluster.spares),
        "generations": dict(cluster.generations),
        "options": dict(cluster.options),
        "warmUp": cluster.warm_up,
        "launches": cluster.launches,
    }
    write_atomically(cluster.folder / STATE, json.dumps(data, indent=2) + "\n", private=True)


def registered(cluster: Standalone) -> dict[str, str]:
    """Return the addresses of the TaskManagers that the JobManager knows; none where it does not answer."""
    try:
        return ready(Rest(cluster.url).get("/taskmanagers", TaskManagers).task_managers)
    except RestError:
        return {}


def _wait(
    cluster: Standalone,
    names: Sequence[str],
    started: Mapping[str, subprocess.Popen[bytes]],
    before: Mapping[str, str],
    until: float,
    note: Callable[[str], None],
) -> None:
    """Wait until every TaskManager is registered, those in ``before`` at another address than that."""
    began = time.monotonic()
    task_managers = set(names) - {"jobmanager"}
    while True:
        known = {name for name, place in registered(cluster).items() if before.get(name) != place}
        note(f"{len(known & task_managers)} of {len(task_managers)} TaskManagers registered")
        running = {*cluster.running(), *cluster.supervised()}
        for name in names:
            # one that was just started is not seen while it becomes Java
            if name not in running and (name not in started or started[name].poll() is not None):
                text = log_file(cluster.folder, name).read_text(encoding="utf-8", errors="replace")
                raise ClusterFailed(f"{name} ended: {cause(text) or 'its log is empty'}")
        if known >= task_managers:
            return
        if time.monotonic() > until:
            missing = ", ".join(sorted(task_managers - known)[:5])
            waited = f"{time.monotonic() - began:.0f} s"
            raise TimedOut(f"not registered within {waited}: {missing}; see {cluster.folder}/log")
        time.sleep(0.3)


def hand_over(
    folder: Path, name: str, note: Callable[[str], None] = lambda _: None
) -> tuple[Standalone, str, list[str]]:
    """End a TaskManager of the cluster in a folder; return its resource id and its command line.

    Raises:
        ClusterFolderError: when there is no cluster in the folder, or its state cannot be read.
        ClusterBusy: when another planner process uses the folder.
        ClusterFailed: when its JobManager does not run, or the TaskManager is supervised already.
        OptionRefused: when it has no such TaskManager, or that is spare, or a secret that an option names
            cannot be had.

    """
    folder = real(folder)
    if not os.path.lexists(folder / STATE):
        raise ClusterFolderError(f"no cluster in {folder}; start one with planner up")
    with locked(folder):
        cluster = read(folder)
        running = cluster.running() if cluster is not None else {}
        if cluster is None or "jobmanager" not in running:
            raise ClusterFailed(f"the cluster in {folder} does not run; start it with planner up")
        task_managers = sorted(cluster.launches.keys() - {"jobmanager"})
        if name not in task_managers:
            raise OptionRefused(f"the cluster in {folder} has no TaskManager {name!r}: {task_managers}")
        if name in cluster.spares:
            raise OptionRefused(f"{name} is spare: planner starts and ends it with the jobs of this cluster")
        process = cluster.process(name)
        if (other := cluster.supervised().get(process)) is not None:
            raise ClusterFailed(f"{process} is supervised already, by process {other}")
        with _written_to(folder):
            command = _command(cluster, name)
        if process in running:
            note(f"ending {process}, which is then started again")
            end([running[process]])
        return cluster, process, command


def down(folder: Path) -> list[str] | None:
    """End every process of a folder's cluster and remove its state; return their names, None without one.

    Raises:
        ClusterFolderError: when its state cannot be read.
        ClusterBusy: when another planner process uses the folder.

    """
    folder = real(folder)
    if not os.path.lexists(folder / STATE):
        return None
    with locked(folder):
        cluster = read(folder)
        if cluster is None:
            return None
        names = list(cluster.running())
        _forget(cluster)
        for file in (JOURNAL, STATE):
            (folder / file).unlink(missing_ok=True)
        for place in ("conf", "tmp"):
            shutil.rmtree(folder / place, ignore_errors=True)
    return names
