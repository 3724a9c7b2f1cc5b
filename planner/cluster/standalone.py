"""A local cluster that stays up when planner has ended: started, looked at and ended by its folder.

The folder holds the state: ports and a mark. Which processes run is never remembered but looked up, by
the mark in their environment: so nothing is lost when planner is killed at any moment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from planner.cluster import cgroups
from planner.cluster.errors import ClusterBusy, ClusterFailed, ClusterFolderError, RestError
from planner.cluster.launches import Launch
from planner.cluster.processes import (
    LONGEST_NAME,
    Ports,
    cause,
    end,
    free_ports,
    jobmanager_command,
    log_file,
    marked,
    names_files,
    prepare,
    resource_id,
    start,
    taskmanager_command,
)
from planner.cluster.rest import Rest
from planner.cluster.rest import registered as ready
from planner.errors import TimedOut
from planner.files import write_atomically
from planner.flink.jvm import flink_jars, java

STATE = "cluster.json"
SHOWN_NAME = 60


@dataclass(frozen=True, slots=True)
class Standalone:
    """A cluster in a folder; ``launches`` are its processes as they were last asked for.

    ``control_group`` holds the CPU limits of its TaskManagers, None where none can be set; ``home`` is the
    Flink distribution that it runs, None for that of the extra.
    """

    folder: Path
    mark: str
    ports: Ports
    launches: Mapping[str, Launch]
    control_group: Path | None = None
    home: Path | None = None

    @property
    def url(self) -> str:
        """The REST address."""
        return self.ports.url

    def running(self) -> dict[str, int]:
        """Return the ids of the running processes by name."""
        found = {name: pid for pid in marked(self.mark) if (name := resource_id(pid)) is not None}
        return dict(sorted(found.items(), key=lambda entry: (entry[0] != "jobmanager", entry[0])))


def read(folder: Path) -> Standalone | None:
    """Return the cluster of a folder, None where there is none.

    Raises:
        ClusterFolderError: when its state cannot be read.

    """
    file = folder / STATE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        launches = {name: (list(one[0]), dict(one[1])) for name, one in data["launches"].items()}
        ports = Ports(data["restPort"], data["rpcPort"])
        group, home = (Path(data[key]) if data.get(key) else None for key in ("controlGroup", "flinkHome"))
        return Standalone(folder, str(data["mark"]), ports, launches, group, home)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ClusterFolderError(
            f"{file} cannot be read ({error}): the file was modified or is corrupt"
        ) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other planners off the folder; the lock ends with this process."""
    try:
        import fcntl
    except ImportError:
        raise ClusterFolderError("a local cluster needs Linux or macOS") from None

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "lock", "w", encoding="utf-8")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise ClusterFolderError(f"{folder} cannot hold a cluster: {error.strerror or error}") from None
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
) -> Standalone:
    """Start what is not running of a cluster, wait until every TaskManager is registered, and return it.

    ``launches`` has the JobManager under ``jobmanager`` and TaskManagers under their ids. ``home`` is a
    Flink distribution; a cluster that is there already goes on with its own.

    Raises:
        ClusterFailed: when the folder's cluster runs with different settings, or does not come up.
        ClusterFolderError: when the folder cannot hold a cluster, or one with these ids.
        ClusterBusy: when another planner process uses the folder.
        TimedOut: when not every TaskManager is registered within ``seconds``.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``home`` holds no Flink.

    """
    folder, home = folder.resolve(), home and home.resolve()
    for name in launches:
        if not names_files(name):
            shown = name if len(name) <= SHOWN_NAME else name[:SHOWN_NAME] + "..."
            raise ClusterFolderError(
                f"{shown!r} cannot be the id of a TaskManager here: its log is a file of that name, which"
                f" may have {LONGEST_NAME} bytes, no slash and no control character"
            )
    with _locked(folder):
        cluster = read(folder)
        wanted = {name: (list(arguments), dict(options)) for name, (arguments, options) in launches.items()}
        if cluster is not None and (cluster.launches != wanted or home not in (None, cluster.home)):
            if cluster.running():
                raise ClusterFailed(
                    f"the cluster that runs in {folder} was started with different settings (placement,"
                    " cluster, -D or --flink-home): use the same again, or end it first: planner down"
                )
            _forget(cluster)
            cluster = None
        if cluster is None:
            mark = uuid.uuid4().hex
            cluster = Standalone(folder, mark, free_ports(), wanted, home=home)
        running = cluster.running()
        flink_jars(cluster.home)  # raises before anything is written that a later planner would go on with
        java()
        if not running:  # nothing of it was started, or the machine was since
            _forget(cluster)
            cluster = replace(cluster, ports=free_ports(), control_group=cgroups.folder_for(cluster.mark))
            _write(cluster)
        prepare(folder)
        before = registered(cluster) if "jobmanager" in running else {}
        started = {}
        for name in cluster.launches:
            if name not in running:
                note(f"starting {name}")
                started[name] = start(folder, name, _command(cluster, name), cluster.mark)
            else:
                before.pop(name, None)  # it has not changed, so its registration is good
        _wait(cluster, started, before, seconds, note)
        return cluster


def _forget(cluster: Standalone) -> None:
    """Remove what the kernel keeps of a cluster none of whose processes runs."""
    if cluster.control_group is not None:
        cgroups.remove(cluster.control_group)


def _command(cluster: Standalone, name: str) -> list[str]:
    arguments, options = cluster.launches[name]
    if name == "jobmanager":
        return jobmanager_command(cluster.folder, cluster.ports, arguments, options, cluster.home)
    command = taskmanager_command(cluster.folder, cluster.ports, name, arguments, options, cluster.home)
    cores = options.get("taskmanager.cpu.cores")
    if cluster.control_group is None or cores is None:
        return command
    try:
        return cgroups.limited(cluster.control_group, name, float(cores), command)
    except OSError as error:
        raise ClusterFailed(f"the CPU of {name} cannot be limited: {error}") from None


def _write(cluster: Standalone) -> None:
    data = {
        "mark": cluster.mark,
        "restPort": cluster.ports.rest,
        "rpcPort": cluster.ports.rpc,
        "controlGroup": str(cluster.control_group) if cluster.control_group else None,
        "flinkHome": str(cluster.home) if cluster.home else None,
        "launches": cluster.launches,
    }
    write_atomically(cluster.folder / STATE, json.dumps(data, indent=2) + "\n")


def registered(cluster: Standalone) -> dict[str, str]:
    """Return the addresses of the TaskManagers that the JobManager knows; none where it does not answer."""
    try:
        return ready(Rest(cluster.url).get("/taskmanagers")["taskmanagers"])
    except RestError:
        return {}


def _wait(
    cluster: Standalone,
    started: Mapping[str, subprocess.Popen[bytes]],
    before: Mapping[str, str],
    seconds: float,
    note: Callable[[str], None],
) -> None:
    """Wait until every TaskManager is registered, those in ``before`` at another address than that."""
    until = time.monotonic() + seconds
    task_managers = set(cluster.launches) - {"jobmanager"}
    while True:
        known = {name for name, place in registered(cluster).items() if before.get(name) != place}
        note(f"{len(known & task_managers)} of {len(task_managers)} TaskManagers registered")
        running = cluster.running()
        for name in cluster.launches:
            # one that was just started is not seen while it becomes Java
            if name not in running and (name not in started or started[name].poll() is not None):
                text = log_file(cluster.folder, name).read_text(encoding="utf-8", errors="replace")
                raise ClusterFailed(f"{name} ended: {cause(text) or 'its log is empty'}")
        if known >= task_managers:
            return
        if time.monotonic() > until:
            missing = ", ".join(sorted(task_managers - known)[:5])
            raise TimedOut(f"not registered within {seconds:g} s: {missing}; see {cluster.folder}/log")
        time.sleep(0.3)


def down(folder: Path) -> list[str] | None:
    """End every process of a folder's cluster and remove its state; return their names, None without one.

    Raises:
        ClusterFolderError: when its state cannot be read.
        ClusterBusy: when another planner process uses the folder.

    """
    folder = folder.resolve()
    if not (folder / STATE).exists():
        return None
    with _locked(folder):
        cluster = read(folder)
        if cluster is None:
            return None
        names = list(cluster.running())
        end(marked(cluster.mark))
        _forget(cluster)
        (folder / STATE).unlink(missing_ok=True)
        for place in ("conf", "tmp"):
            shutil.rmtree(folder / place, ignore_errors=True)
    return names
