"""The processes of a local cluster: their command lines, and finding and ending them.

JobManager and TaskManagers are started by their entry point classes, with the JVM arguments and
options that planner derived; no shell script of Flink stands in between. Everything listens on the
loopback interface only. Options are in a configuration file of each process, which only its owner reads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import ModuleType
from typing import TYPE_CHECKING

import yaml

from planner.cluster import supervisor
from planner.cluster.errors import ClusterFailed
from planner.files import write_atomically
from planner.flink.errors import FlinkMissing, OptionRefused
from planner.flink.jvm import flink_jars, java
from planner.memory.jvm_arguments import JAVA_17
from planner.targets.options import console_logging

if TYPE_CHECKING:
    import psutil

JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
HOST = "127.0.0.1"
CHOSEN = (
    "jobmanager.rpc.address",
    "jobmanager.rpc.port",
    "jobmanager.bind-host",
    "rest.address",
    "rest.bind-address",
    "rest.port",
    "rest.bind-port",
    "taskmanager.host",
    "taskmanager.bind-host",
    "taskmanager.resource-id",
)
"""Options that a local cluster cannot be given, since planner finds its processes by them."""
STOP_SECONDS = 10.0
_RESOURCE_ID = "taskmanager.resource-id"
MARK = "PLANNER_CLUSTER"
"""Environment variable by which the processes of a cluster are found again, whatever was lost."""
LONGEST_NAME = 248
"""Bytes of a process's name: with ``.log.1`` behind it, it names a file, which may have 255."""
PORTS = range(20_000, 32_000)
_OLD_JAVA_OPTIONS = "env.java.opts"
"""What Flink still reads in place of ``env.java.opts.all``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a JobManager."""

    rest: int
    rpc: int

    @property
    def url(self) -> str:
        """The REST address."""
        return f"http://{HOST}:{self.rest}"


def free_ports() -> Ports:
    """Return ports of the loopback interface that nobody listens on now.

    Below those that the system hands out by itself: one of these may be taken before Flink binds it.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            found.append(port)
        if len(found) == 2:
            return Ports(*found)
    raise ClusterFailed(f"no free port from {PORTS.start} to {PORTS.stop} of this machine")


def private(path: str, flags: int) -> int:
    """Open a file for its owner only, and no link; what `open` takes as its ``opener``."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def prepare(folder: Path) -> None:
    """Make the folders of a cluster.

    Raises:
        OSError: when one of them cannot be made, or is a link to elsewhere.

    """
    for place in ("conf", "log", "tmp"):
        _make_private(folder / place)


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner may read; through a link nothing is written."""
    if folder.is_symlink():
        raise OSError(errno.ELOOP, f"{folder} is a link")
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def configure(folder: Path, name: str, options: Mapping[str, str]) -> None:
    """Write the configuration of a process: command lines are for everybody to see, this is not."""
    place = folder / "conf" / name
    _make_private(place)
    text = yaml.safe_dump(dict(options), default_style='"', width=2**31, sort_keys=False)
    write_atomically(place / "config.yaml", text, private=True)
    write_atomically(place / "log4j.properties", console_logging(options), private=True)


def jobmanager_options(folder: Path, ports: Ports) -> dict[str, str]:
    """Return the Flink options that every JobManager here has."""
    return _shared(folder, ports)


def taskmanager_options(folder: Path, ports: Ports, name: str) -> dict[str, str]:
    """Return the Flink options that every TaskManager here has, and the resource id of this one."""
    local = {"taskmanager.host": HOST, "taskmanager.bind-host": HOST, _RESOURCE_ID: name}
    return {**_shared(folder, ports), **local}


def java_options(folder: Path, name: str, options: Mapping[str, str]) -> list[str]:
    """Return the JVM arguments that options ask for, as Flink's start scripts read them.

    Behind those of the memory, so that they win. As there, quotes end with the text and do not hold a
    blank together; of variables there are those of the environment and ``FLINK_LOG_PREFIX``.

    Raises:
        OptionRefused: when the quotes of an option do not end.

    """
    process = "jobmanager" if name == "jobmanager" else "taskmanager"
    keys = [f"env.java.{kind}.{who}" for who in ("all", process) for kind in ("default-opts", "opts")]
    given = {key: options[key] for key in keys if key in options}
    if _OLD_JAVA_OPTIONS in options:
        given.setdefault("env.java.opts.all", options[_OLD_JAVA_OPTIONS])
    variables = {**os.environ, "FLINK_LOG_PREFIX": str(log_file(folder, name).with_suffix(""))}
    found: list[str] = []
    for key in keys:
        try:
            words = shlex.split(Template(given.get(key, "")).safe_substitute(variables))
        except ValueError:
            raise OptionRefused(f"{key}: a quote in it does not end") from None
        found += " ".join(words).split()
    return found


def jobmanager_command(folder: Path, arguments: Sequence[str], home: Path | None = None) -> list[str]:
    """Return the command line of a JobManager with these JVM arguments."""
    return _command(folder, "jobmanager", JOBMANAGER, arguments, home)


def taskmanager_command(
    folder: Path, name: str, arguments: Sequence[str], home: Path | None = None
) -> list[str]:
    """Return the command line of the TaskManager with a resource id and JVM arguments.

    The id stands in it, so that the process is found by it.
    """
    return [*_command(folder, name, TASKMANAGER, arguments, home), "-D", f"{_RESOURCE_ID}={name}"]


def _shared(folder: Path, ports: Ports) -> dict[str, str]:
    return {
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": str(ports.rpc),
        "jobmanager.bind-host": HOST,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": str(ports.rest),
        "io.tmp.dirs": str(folder / "tmp"),
        # what REST tells is at most this old, for those who watch and measure
        "web.refresh-interval": "200",
        "metrics.fetcher.update-interval": "1 s",
    }


def _command(folder: Path, name: str, entry: str, arguments: Sequence[str], home: Path | None) -> list[str]:
    classpath = os.pathsep.join(str(jar) for jar in flink_jars(home))
    place = folder / "conf" / name
    logging = f"-Dlog4j.configurationFile=file:{place / 'log4j.properties'}"
    return [java(), *arguments, *JAVA_17, logging, "-cp", classpath, entry, "--configDir", str(place)]


def names_files(name: str) -> bool:
    """Tell whether a process of that name can have its log, its control group and Flink's folder for it."""
    return (
        name.isprintable()
        and "/" not in name
        and name not in ("", ".", "..")
        and len(os.fsencode(name)) <= LONGEST_NAME
    )


def log_file(folder: Path, name: str) -> Path:
    """Return where a process writes its log."""
    return folder / "log" / f"{name}.log"


def start(folder: Path, name: str, command: Sequence[str], mark: str = "") -> subprocess.Popen[bytes]:
    """Start a process; with a ``mark`` it outlives this one and is found again by it."""
    environment = {**os.environ, **({MARK: mark} if mark else {})}
    path = log_file(folder, name)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))  # why the one before ended
    with open(path, "wb", opener=private) as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=bool(mark),
            cwd=folder,
            umask=0o077,
        )


def marked(mark: str, folder: Path | None = None) -> list[int]:
    """Return the ids of the running processes with a mark, and in ``folder`` if that is given.

    Copies of a folder have its mark, but no process works in them.

    Raises:
        FlinkMissing: when the extra ``flink`` is not installed.

    """
    found = (process for process in _psutil().process_iter() if _environment(process).get(MARK) == mark)
    return [process.pid for process in found if folder is None or _works_in(process, folder)]


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return os.path.realpath(process.cwd()) == os.path.realpath(folder)
    except (_psutil().Error, OSError):
        return False


def _psutil() -> ModuleType:
    try:
        import psutil
    except ImportError:
        raise FlinkMissing from None
    return psutil


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment of a process, an empty one where it has ended or belongs to others."""
    try:
        return process.environ()
    except (_psutil().Error, OSError):
        return {}


def resource_id(pid: int) -> str | None:
    """Return the name of a running process of a cluster, None where it is not one."""
    try:
        words = _psutil().Process(pid).cmdline()
    except _psutil().Error:
        return None
    if JOBMANAGER in words:
        return "jobmanager"
    prefix = f"{_RESOURCE_ID}="
    return next((word.removeprefix(prefix) for word in words if word.startswith(prefix)), None)


def supervised_id(pid: int) -> str | None:
    """Return the TaskManager that a running process supervises, None where it supervises none."""
    try:
        words = _psutil().Process(pid).cmdline()
    except _psutil().Error:
        return None
    return words[-1] if str(supervisor.__file__) in words[:-1] else None


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    times = _psutil().Process(pid).cpu_times()
    return float(times.user + times.system)


def end(pids: Iterable[int], seconds: float = STOP_SECONDS) -> None:
    """End processes, by force those that are still there after some seconds."""
    library = _psutil()
    left = []
    for pid in pids:
        with contextlib.suppress(library.NoSuchProcess):
            left.append(library.Process(pid))
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(library.NoSuchProcess):
                process.send_signal(number)
        _, left = library.wait_procs(left, timeout=seconds)


def cause(log: str) -> str:
    """Return the lines of a log that say why a process ended."""
    lines = [line.strip() for line in log.splitlines()]
    causes = [line for line in lines if line.startswith("Caused by:") or " ERROR " in line]
    return "\n".join((causes or lines)[-6:])
