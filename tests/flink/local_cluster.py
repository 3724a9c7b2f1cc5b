"""A Flink cluster of real processes that lives as long as a block of code."""

from __future__ import annotations

import json
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

from planner.cluster.errors import ClusterFailed
from planner.cluster.processes import (
    STOP_SECONDS,
    cause,
    free_ports,
    jobmanager_command,
    log_file,
    prepare,
    start,
    taskmanager_command,
)
from planner.cluster.rest import registered

START_SECONDS = 90.0


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
        path = log_file(self.folder, name)
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
    prepare(folder)
    ports = free_ports()
    cluster = Cluster(ports.url, folder)
    try:
        cluster.processes["jobmanager"] = start(
            folder, "jobmanager", jobmanager_command(folder, ports, *jobmanager)
        )
        for name, configured in taskmanagers.items():
            command = taskmanager_command(folder, ports, name, *configured)
            cluster.processes[name] = start(folder, name, command)
        _wait(cluster, set(taskmanagers))
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.terminate()
        for name in reversed(list(cluster.processes)):
            cluster.stop(name)


def _wait(cluster: Cluster, names: set[str]) -> None:
    """Wait until all TaskManagers are registered."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for name, process in cluster.processes.items():
            if process.poll() is not None:
                raise ClusterFailed(
                    f"{name} ended with code {process.returncode}: {cause(cluster.log(name))}"
                )
        try:
            found = set(registered(cluster.get("/taskmanagers")["taskmanagers"]))
        except (urllib.error.URLError, OSError, ValueError):
            found = set()
        if found >= names:
            return
        time.sleep(0.3)
    raise ClusterFailed(f"not all of {', '.join(sorted(names))} registered within {START_SECONDS:.0f} s")
