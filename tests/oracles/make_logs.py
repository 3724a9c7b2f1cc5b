"""Logs of real Flink clusters that were broken on purpose.

Run ``python tests/oracles/make_logs.py [--flink-home DIR] [SCENARIO]...`` to write what JobManager and
TaskManagers of that Flink logged to ``tests/recover/logs/SCENARIO-VERSION``. It needs a JDK (javac and jar),
which tests do not. Of long logs only the lines around what happened are kept, of long traces only some
frames; paths of this machine become neutral ones.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.cluster.processes import (
    Ports,
    configure,
    end,
    free_ports,
    jobmanager_command,
    jobmanager_options,
    log_file,
    prepare,
    start,
    taskmanager_command,
    taskmanager_options,
)
from planner.flink.jvm import flink_jars
from planner.memory.launch import launch_jobmanager, launch_taskmanager

HERE = Path(__file__).parent
LOGS = HERE.parent / "recover/logs"
LAYOUTS = {
    "flink": "%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n",
    "planner": "%d %-5p %c - %m%n",
    "bare": "%-5p %c - %m%n",
}
"""Layouts of log lines: that of Flink's distribution, that of planner's local cluster, one without time."""
JSON_LAYOUT = {
    "appender.out.layout.type": "JsonTemplateLayout",
    "appender.out.layout.eventTemplateUri": "classpath:EcsLayout.json",
}
OPTIONS = {
    "jobmanager.memory.process.size": "800m",
    "taskmanager.memory.process.size": "640m",
    "taskmanager.memory.framework.heap.size": "96m",
    "taskmanager.memory.framework.off-heap.size": "64m",
    "taskmanager.memory.jvm-metaspace.size": "128m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
    "taskmanager.memory.managed.size": "32m",
    "taskmanager.numberOfTaskSlots": "2",
    "parallelism.default": "4",
    "pekko.startup-timeout": "2 min",
    "execution.checkpointing.interval": "1 s",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "1",
    "restart-strategy.fixed-delay.delay": "500 ms",
}
"""Options of every cluster here, unless a scenario says otherwise."""
SECONDS = 180.0
PIDS = Path("/sys/fs/cgroup/pids")
"""Where control groups of version 1 limit the number of threads."""
LONGEST_LOG = 200
FRAMES = 4
"""Frames of a trace that are kept below each exception."""


@dataclass
class Broken:
    """A cluster of two TaskManagers that a scenario breaks."""

    folder: Path
    home: Path | None
    jar: Path
    ports: Ports
    options: Mapping[str, str]
    layout: str
    threads: int | None = None
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    uploaded: str = ""

    @property
    def version(self) -> str:
        """The version of its Flink."""
        (dist,) = (jar.name for jar in flink_jars(self.home) if jar.name.startswith("flink-dist"))
        return dist.removeprefix("flink-dist-").removesuffix(".jar")

    def begin(self, name: str) -> None:
        """Start a process."""
        if name == "jobmanager":
            launch = launch_jobmanager(self.options)
            own = jobmanager_options(self.folder, self.ports)
            command = jobmanager_command(self.folder, launch.jvm_arguments, self.home)
        else:
            launch = launch_taskmanager(self.options)
            own = taskmanager_options(self.folder, self.ports, name)
            command = taskmanager_command(self.folder, name, launch.jvm_arguments, self.home)
        dynamic = {key: value.strip('"') for key, value in launch.dynamic_options.items()}
        configure(self.folder, name, {**self.options, **own, **dynamic})
        place = self.folder / "conf" / name / "log4j.properties"
        if self.layout == "json":
            lines = [line for line in place.read_text().splitlines() if "layout" not in line]
            lines += [f"{key} = {value}" for key, value in JSON_LAYOUT.items()]
            place.write_text("\n".join(lines) + "\n")
        else:
            place.write_text(place.read_text().replace(LAYOUTS["planner"], LAYOUTS[self.layout]))
        self.processes[name] = start(self.folder, name, command)
        if self.threads is not None and name != "jobmanager":
            self.limit(self.processes[name].pid, self.threads)

    def limit(self, process: int, threads: int) -> None:
        """Let a process have no more than so many threads, by a control group of version 1, as root only."""
        group = PIDS / f"{self.folder.name}-{process}"
        group.mkdir()
        (group / "pids.max").write_text(str(threads))
        (group / "cgroup.procs").write_text(str(process))

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process."""
        self.processes[name].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.processes[name].wait(timeout=SECONDS)

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Ask the JobManager."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "multipart/form-data; boundary=part" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(self.ports.url + path, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or b"{}")

    def until(self, true: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Wait until something is so, and return it."""
        last = time.monotonic() + seconds
        while True:
            with suppress(OSError, ValueError, KeyError):
                if found := true():
                    return found
            if time.monotonic() > last:
                raise TimeoutError(f"{self.folder}: not within {seconds:g} s")
            time.sleep(0.2)

    def submit(self, *arguments: str, **settings: Any) -> str:
        """Run the job and return its id."""
        if not self.uploaded:
            content = self.jar.read_bytes()
            head = b'--part\r\nContent-Disposition: form-data; name="jarfile"; filename="job.jar"\r\n'
            body = head + b"Content-Type: application/x-java-archive\r\n\r\n" + content + b"\r\n--part--\r\n"
            self.uploaded = self.ask("/jars/upload", body)["filename"].rpartition("/")[2]
        wanted = {"programArgsList": list(arguments), "parallelism": int(self.options["parallelism.default"])}
        answer = self.ask(f"/jars/{self.uploaded}/run", {**wanted, **settings})
        return str(answer["jobid"])

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return str(self.ask(f"/jobs/{job}")["state"])

    def reaches(self, job: str, *states: str, seconds: float = SECONDS) -> str:
        """Wait until a job is in one of these states."""
        return str(self.until(lambda: (found := self.state(job)) in states and found, seconds))

    def runs(self, job: str) -> None:
        """Wait until every task of a job runs."""
        self.until(
            lambda: all(
                vertex["tasks"]["RUNNING"] == vertex["parallelism"]
                for vertex in self.ask(f"/jobs/{job}")["vertices"]
            )
        )

    def checkpoints(self, job: str, count: int) -> None:
        """Wait until so many checkpoints are complete."""
        self.until(lambda: self.ask(f"/jobs/{job}/checkpoints")["counts"]["completed"] >= count)

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        self.ask(f"/jobs/{job}", method="PATCH")

    def savepoint(self, job: str) -> str:
        """Stop a job with a savepoint, and return where that is."""
        answer = self.ask(
            f"/jobs/{job}/stop", {"targetDirectory": f"file://{self.folder}/savepoints", "drain": False}
        )

        def done() -> str | None:
            told = self.ask(f"/jobs/{job}/savepoints/{answer['request-id']}")
            return told["operation"]["location"] if told["status"]["id"] == "COMPLETED" else None

        return str(self.until(done))

    def task_managers(self, count: int) -> None:
        """Wait until so many TaskManagers are registered."""
        self.until(lambda: self.ask("/overview")["taskmanagers"] == count)


def finish(cluster: Broken) -> None:
    job = cluster.submit("finish", "200")
    cluster.reaches(job, "FINISHED")


def cancel(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 2)
    cluster.cancel(job)
    cluster.reaches(job, "CANCELED")


def stop_with_savepoint(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.savepoint(job)
    cluster.reaches(job, "FINISHED")


def down_while_running(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 2)
    names = [name for name in cluster.processes if name != "jobmanager"]
    for name in ["jobmanager", *names]:
        cluster.processes[name].send_signal(signal.SIGTERM)
    for name in cluster.processes:
        cluster.processes[name].wait(timeout=SECONDS)


def scale_in(cluster: Broken) -> None:
    cluster.reaches(cluster.submit("finish", "100"), "FINISHED")
    cluster.signal("tm-2", signal.SIGTERM)
    time.sleep(3)


def failing(how: str, *arguments: str) -> Callable[[Broken], None]:
    def act(cluster: Broken) -> None:
        cluster.reaches(cluster.submit(how, *arguments), "FAILED", seconds=SECONDS)

    return act


def ending(how: str) -> Callable[[Broken], None]:
    """Wait until the TaskManager that fails ends itself, and the job is given up."""

    def act(cluster: Broken) -> None:
        job = cluster.submit(how)
        names = [name for name in cluster.processes if name != "jobmanager"]
        cluster.until(lambda: any(cluster.processes[name].poll() is not None for name in names))
        cluster.reaches(job, "FAILED", "RESTARTING", seconds=SECONDS)
        time.sleep(3)

    return act


def killed(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.signal("tm-2", signal.SIGKILL)
    cluster.until(lambda: cluster.ask("/overview")["taskmanagers"] == 1)
    time.sleep(2)
    cluster.begin("tm-3")
    cluster.runs(job)
    cluster.cancel(job)
    cluster.reaches(job, "CANCELED")


def killed_for_good(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.signal("tm-2", signal.SIGKILL)
    cluster.reaches(job, "FAILED", seconds=SECONDS)


def started_again(cluster: Broken) -> None:
    """A TaskManager dies and is back before anybody missed it."""
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.signal("tm-2", signal.SIGKILL)
    cluster.begin("tm-2")
    log = log_file(cluster.folder, "jobmanager")
    cluster.until(lambda: "re-registered with a new session id" in log.read_text())
    cluster.runs(job)
    cluster.cancel(job)
    cluster.reaches(job, "CANCELED")


def jobmanager_killed(cluster: Broken) -> None:
    """The JobManager dies, and what is started after that finds nobody."""
    cluster.checkpoints(cluster.submit("run"), 1)
    cluster.signal("jobmanager", signal.SIGKILL)
    cluster.begin("tm-3")
    names = [name for name in cluster.processes if name != "jobmanager"]
    cluster.until(lambda: all(cluster.processes[name].poll() is not None for name in names))


def drained(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.signal("tm-2", signal.SIGTERM)
    cluster.begin("tm-3")
    cluster.task_managers(2)
    cluster.runs(job)
    cluster.cancel(job)
    cluster.reaches(job, "CANCELED")


def frozen(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    cluster.signal("tm-2", signal.SIGSTOP)
    try:
        cluster.until(lambda: "timed out" in log_file(cluster.folder, "jobmanager").read_text())
        time.sleep(1)
    finally:
        cluster.signal("tm-2", signal.SIGCONT)
    time.sleep(6)
    with suppress(urllib.error.URLError):
        cluster.cancel(job)
        cluster.reaches(job, "CANCELED", "FAILED")


def too_few_slots(cluster: Broken) -> None:
    cluster.reaches(cluster.submit("run", parallelism=8), "FAILED")


def no_task_managers(cluster: Broken) -> None:
    for name in ("tm-1", "tm-2"):
        cluster.signal(name, signal.SIGTERM)
    cluster.reaches(cluster.submit("run"), "FAILED")


def stuck(cluster: Broken) -> None:
    job = cluster.submit("hang")
    time.sleep(8)
    cluster.cancel(job)
    names = [name for name in cluster.processes if name != "jobmanager"]
    cluster.until(lambda: any(cluster.processes[name].poll() is not None for name in names))
    time.sleep(3)


def slow_checkpoints(cluster: Broken) -> None:
    job = cluster.submit("slow")
    log = log_file(cluster.folder, "jobmanager")
    cluster.until(lambda: log.read_text().count("expired before completing") >= 2)
    cluster.cancel(job)
    cluster.reaches(job, "CANCELED")


def renamed(cluster: Broken) -> None:
    job = cluster.submit("run")
    cluster.checkpoints(job, 1)
    place = cluster.savepoint(job)
    cluster.reaches(job, "FINISHED")
    _refused(cluster, "run", str(2**40), "counted", savepointPath=place)


def other_max_parallelism(cluster: Broken) -> None:
    job = cluster.submit("run", str(2**40), "count", "64")
    cluster.checkpoints(job, 1)
    place = cluster.savepoint(job)
    cluster.reaches(job, "FINISHED")
    _refused(cluster, "run", str(2**40), "count", "32", savepointPath=place)


def _refused(cluster: Broken, *arguments: str, **settings: Any) -> None:
    with suppress(urllib.error.HTTPError):
        cluster.reaches(cluster.submit(*arguments, **settings), "FAILED")
    time.sleep(2)


def oversized(cluster: Broken) -> None:
    with suppress(urllib.error.HTTPError):
        job = cluster.submit("ballast")
        cluster.reaches(job, "FAILED", "RESTARTING")
    time.sleep(3)


def two_causes(cluster: Broken) -> None:
    """The code of one job fails, then a TaskManager dies under another."""
    cluster.reaches(cluster.submit("exception", parallelism=1), "FAILED")
    killed(cluster)


def three_causes(cluster: Broken) -> None:
    """A job lacks a class, the code of another one fails, and then a TaskManager runs out of metaspace."""
    for how in ("missing", "exception"):
        cluster.reaches(cluster.submit(how, parallelism=1), "FAILED")
    ending("metaspace")(cluster)


@dataclass(frozen=True)
class Scenario:
    """What is done to a cluster, and how that is configured."""

    act: Callable[[Broken], None]
    options: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None


NO_RESTART = {"restart-strategy.type": "none"}
QUICK = {
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "5000",
    "heartbeat.rpc-failure-threshold": "2",
    "restart-strategy.fixed-delay.attempts": "10",
}
SLOTS = {"slot.request.timeout": "3000", "resourcemanager.standalone.start-up-time": "1000"}
SCENARIOS = {
    "healthy-finish": Scenario(finish),
    "healthy-cancel": Scenario(cancel),
    "healthy-savepoint": Scenario(stop_with_savepoint),
    "healthy-down": Scenario(down_while_running),
    "healthy-adaptive": Scenario(down_while_running, {"jobmanager.scheduler": "adaptive"}),
    "healthy-scale-in": Scenario(scale_in),
    "heap": Scenario(failing("heap")),
    "direct": Scenario(failing("direct"), NO_RESTART),
    "metaspace": Scenario(ending("metaspace"), {"taskmanager.memory.jvm-metaspace.size": "64m"}),
    "threads": Scenario(failing("threads"), NO_RESTART, threads=200),
    "user-code": Scenario(failing("exception")),
    "missing-class": Scenario(failing("missing"), NO_RESTART),
    "killed": Scenario(killed, QUICK),
    "killed-for-good": Scenario(killed_for_good, {**QUICK, **SLOTS}),
    "re-registered": Scenario(
        started_again,
        {
            "heartbeat.rpc-failure-threshold": "100",
            "restart-strategy.fixed-delay.attempts": "10",
            "restart-strategy.fixed-delay.delay": "15 s",
        },
    ),
    "jobmanager-killed": Scenario(
        jobmanager_killed, {**QUICK, **NO_RESTART, "taskmanager.registration.timeout": "10 s"}
    ),
    "drained": Scenario(drained, QUICK),
    "frozen": Scenario(frozen, QUICK),
    "no-slots": Scenario(too_few_slots, {**SLOTS, **NO_RESTART}),
    "no-slots-adaptive": Scenario(
        no_task_managers,
        {
            **NO_RESTART,
            "jobmanager.scheduler": "adaptive",
            "jobmanager.adaptive-scheduler.resource-wait-timeout": "2 s",
            "jobmanager.adaptive-scheduler.submission.resource-wait-timeout": "2 s",
        },
    ),
    "network-pressure": Scenario(
        down_while_running,
        {"taskmanager.memory.network.min": "1mb", "taskmanager.memory.network.max": "1mb"},
    ),
    "network-buffers": Scenario(
        failing("run"),
        {
            **NO_RESTART,
            "taskmanager.memory.network.min": "1mb",
            "taskmanager.memory.network.max": "1mb",
            "taskmanager.numberOfTaskSlots": "4",
            "parallelism.default": "8",
        },
    ),
    "stuck": Scenario(stuck, {"task.cancellation.timeout": "5000", "task.cancellation.interval": "2000"}),
    "checkpoint-expired": Scenario(
        slow_checkpoints,
        {
            "execution.checkpointing.timeout": "2 s",
            "execution.checkpointing.tolerable-failed-checkpoints": "10",
        },
    ),
    "checkpoint-failed": Scenario(failing("snapshot"), {**NO_RESTART}),
    "checkpoint-tolerance": Scenario(
        failing("slow"), {**NO_RESTART, "execution.checkpointing.timeout": "2 s"}
    ),
    "checkpoint-storage": Scenario(failing("large"), NO_RESTART),
    "weight": Scenario(
        failing("run"),
        {
            **NO_RESTART,
            "state.backend.type": "rocksdb",
            "taskmanager.memory.managed.consumer-weights": "OPERATOR:70,PYTHON:30",
        },
    ),
    "uid": Scenario(renamed),
    "max-parallelism": Scenario(other_max_parallelism),
    "rpc-size": Scenario(
        oversized,
        {
            **NO_RESTART,
            "pekko.framesize": "200000b",
            "pekko.ask.timeout": "6 s",
            "parallelism.default": "1",
        },
    ),
    "two-causes": Scenario(two_causes, {**QUICK, "restart-strategy.fixed-delay.attempts": "3"}),
    "three-causes": Scenario(three_causes, {**NO_RESTART, "taskmanager.memory.jvm-metaspace.size": "64m"}),
}


@contextmanager
def cluster(home: Path | None, jar: Path, scenario: Scenario, layout: str) -> Iterator[Broken]:
    """Run a cluster for a scenario."""
    folder = Path(tempfile.mkdtemp(prefix="flink-"))
    prepare(folder)
    options = {**OPTIONS, **scenario.options}
    broken = Broken(folder, home, jar, free_ports(), options, layout, scenario.threads)
    try:
        for name in ("jobmanager", "tm-1", "tm-2"):
            broken.begin(name)
        broken.task_managers(2)
        yield broken
    finally:
        end([process.pid for process in broken.processes.values() if process.poll() is None])
        shutil.rmtree(folder)
        for group in PIDS.glob(f"{folder.name}-*"):
            group.rmdir()


def job_jar(home: Path | None, folder: Path) -> Path:
    """Compile the job that fails, and leave a class of it out of its jar."""
    classes, jar = folder / "classes", folder / "job.jar"
    classpath = os.pathsep.join(map(str, flink_jars(home)))
    source = HERE / "failing-job/FailingJob.java"
    subprocess.run(
        ["javac", "--release", "11", "-Xlint:-options", "-cp", classpath, "-d", classes, source], check=True
    )
    (classes / "LeftOut.class").unlink()
    subprocess.run(
        ["jar", "--create", "--file", jar, "--main-class", "FailingJob", "-C", classes, "."], check=True
    )
    return jar


KEPT = re.compile(
    r" (WARN|ERROR|FATAL) |\"(WARN|ERROR)\"|Starting TaskManager with|Version: |RECEIVED SIGNAL|Terminating"
    r"|property: (taskmanager\.(memory|num)|jobmanager\.memory|execution|heartbeat|restart|state\.|task\.|pekko)"
    r"|switched from (state|\w+ to (RUNNING|FAILED|FINISHED|CANCELED))|ompleted checkpoint|[Hh]eartbeat of"
    r"|timed out|Registering TaskManager|no longer reachable|reached terminal|is shutting down|Exception"
)
NOISE = re.compile(
    r"Classpath:|NativeCodeLoader|JaasModule|ObjectArrayTypeInfo|plugins|is not public|MetricQueryService"
    r"|sending final execution state"
)


def trimmed(text: str, folder: str, home: str) -> str:
    """Return the lines of a log that have a part in what happened, without what names this machine."""
    lines, kept, frames = [], True, 0
    for line in text.splitlines():
        if re.match(r"\s+at ", line):
            frames += 1
            keep = kept and frames <= FRAMES
        elif re.match(r"\d{4}-|INFO|WARN|ERROR|DEBUG|\{", line):
            keep = kept = KEPT.search(line) is not None and NOISE.search(line) is None
            frames = 0
        else:
            keep, frames = kept, 0
        if keep:
            lines.append(line)
    if len(lines) > LONGEST_LOG:
        lines = lines[:LONGEST_LOG]
    found = "\n".join(lines) + "\n"
    for own in (folder, home):
        found = found.replace(own, "/opt/flink")
    return re.sub(rf"\b{re.escape(socket.gethostname())}\b", "node-1", found)


def main(arguments: Sequence[str]) -> None:
    """Write the logs that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flink-home", type=lambda name: Path(name).resolve())
    parser.add_argument("--layout", choices=[*LAYOUTS, "json"], default="flink")
    parser.add_argument("--whole", type=Path, help="keep the whole logs there as well")
    parser.add_argument("scenario", nargs="*")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that clusters end as well
    with tempfile.TemporaryDirectory() as folder:
        jar = job_jar(given.flink_home, Path(folder))
        for name in given.scenario or SCENARIOS:
            begun = time.monotonic()
            error = ""
            try:
                with cluster(given.flink_home, jar, SCENARIOS[name], given.layout) as broken:
                    try:
                        SCENARIOS[name].act(broken)
                    except Exception as problem:
                        error = f"{type(problem).__name__}: {problem}"
                    end([process.pid for process in broken.processes.values() if process.poll() is None])
                    suffix = "" if given.layout == "flink" else f"-{given.layout}"
                    home = str(flink_jars(broken.home)[0].parent.parent)
                    place = Path(f"{name}-{broken.version}{suffix}")
                    for log in sorted((broken.folder / "log").iterdir()):
                        text = log.read_text(encoding="utf-8", errors="replace")
                        if given.whole is not None:
                            (given.whole / place).mkdir(parents=True, exist_ok=True)
                            (given.whole / place / log.name).write_text(text)
                        if not error:
                            (LOGS / place).mkdir(parents=True, exist_ok=True)
                            (LOGS / place / log.name).write_text(trimmed(text, str(broken.folder), home))
            except Exception as problem:
                error = f"{type(problem).__name__}: {problem}"
            print(f"{name} {time.monotonic() - begun:.0f} s {error}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
