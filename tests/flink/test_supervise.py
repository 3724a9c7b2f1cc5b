"""TaskManagers under supervision on a real cluster: whatever ends them, the job runs again as planned."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flink.commands import CLUSTER, ENVIRONMENT, STOPPED, command, placed, planner
from planner.cluster.answers import TaskManagers
from planner.cluster.processes import marked
from planner.cluster.rest import Rest, RunningJob, jobs, registered, running_job
from planner.cluster.standalone import STATE, Standalone, read
from planner.flink.jvm import java
from planner.memory.taskmanager import derive_taskmanager

pytestmark = [pytest.mark.flink, pytest.mark.extended]
JAR = Path(__file__).parent / "jobs/leak-job.jar"
SECONDS = 240.0
SETTINGS = ("--window", "10", "--cancel-limit", "5", "--restarts", "20")
OPTIONS = (
    *("-D", "restart-strategy.type=fixed-delay", "-D", "restart-strategy.fixed-delay.attempts=1000"),
    *("-D", "restart-strategy.fixed-delay.delay=200 ms", "-D", "heartbeat.interval=1 s"),
    *("-D", "heartbeat.rpc-failure-threshold=1"),
)
SMALL = CLUSTER.replace(" mb}", " mb, network: 64 mb, jvmMetaspace: 100 mb, jvmOverhead: 360 mb}")
GROUP = Path("/sys/fs/cgroup/memory")


def until(true: Callable[[], Any], seconds: float = SECONDS) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


class Harmed:
    """A cluster whose TaskManagers are supervised, and the job that does harm when it is told."""

    def __init__(self, folder: Path, cluster: Standalone) -> None:
        self.folder, self.cluster = folder, cluster
        self.rest = Rest(cluster.url)
        self.control = folder / "control"

    def job(self) -> RunningJob:
        (name,) = jobs(self.rest)
        return running_job(self.rest, name)

    def where(self, subtask: int) -> str:
        """Return the TaskManager of a subtask that does harm."""
        vertex = next(vertex for vertex in self.job().vertices if "Harm" in vertex.name)
        return vertex.subtasks[subtask].task_manager

    def entries(self, name: str, decision: str) -> list[dict[str, Any]]:
        file = self.folder / ".planner/log" / f"{name}.supervise.jsonl"
        found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [entry for entry in found if entry["decision"] == decision]

    def harm(self, what: str) -> None:
        self.control.with_suffix(".new").write_text(what)
        self.control.with_suffix(".new").replace(self.control)

    def runs(self) -> None:
        """Wait until the job runs on all TaskManagers."""
        until(lambda: set(self.cluster.running()) == set(self.cluster.launches))
        until(lambda: registered(self.rest.get("/taskmanagers", TaskManagers).task_managers).keys()
              == self.cluster.launches.keys() - {"jobmanager"})  # fmt: skip
        until(lambda: self.job().running)
        time.sleep(1)
        until(lambda: self.job().running)

    def healed(self) -> None:
        """Wait until the job runs as planned."""
        self.runs()
        assert "as planned" in planner(self.folder, "verify").stderr

    def restarted(
        self, what: str, subtask: int = 0, *, planned: bool = True
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Let a subtask do harm until its TaskManager is restarted; return the entries of that."""
        name = self.where(subtask)
        ends, restarts = len(self.entries(name, "end")), len(self.entries(name, "restart"))
        self.harm(f"{what} {subtask}")
        restart = until(lambda: self.entries(name, "restart")[restarts:])[0]
        self.harm("")
        self.healed() if planned else self.runs()
        return (self.entries(name, "end")[ends:] or [{}])[0], restart

    def decided(self, decision: str, name: str, what: str) -> list[dict[str, Any]]:
        """Let the subtask on a TaskManager do harm until its supervisor has decided; return the entries of that.

        On a busy machine Flink halts itself before Java has said what ran out, and nobody can know.
        """
        for _ in range(3):
            subtask = next(number for number in (0, 1) if self.where(number) == name)
            self.restarted(what, subtask, planned=False)
            if found := self.entries(name, decision):
                return found
        return []


@contextmanager
def supervisors(
    folder: Path,
    cluster: Standalone,
    names: Collection[str],
    before: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Supervise TaskManagers of a cluster that is up, by name; at the end the cluster is down."""
    running = {}
    try:
        for name in names:
            words = [*before, sys.executable, "-m", "planner", "supervise", "-t", name, *options]
            with (folder / f"{name}.said").open("w") as said:
                running[name] = subprocess.Popen(words, cwd=folder, env=ENVIRONMENT, stderr=said)
            until(lambda name=name: name in cluster.supervised())  # type: ignore[misc]
        until(lambda: cluster.running().keys() >= set(names))
        yield running
    finally:
        planner(folder, "down")
        for process in running.values():
            process.wait(SECONDS)
        if (folder / ".planner" / STATE).exists():
            planner(folder, "down")


@contextmanager
def supervised(folder: Path, before: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Iterator[Harmed]:
    """Run the job that does harm, under supervision, until the block ends."""
    (folder / "cluster.yaml").write_text(SMALL)
    arguments = ("--args", str(folder / "control"))
    placed(folder, str(JAR), *arguments, group="harm", operators="Harm", parallelism=2)
    planner(folder, "up", *OPTIONS)
    cluster = read(folder / ".planner")
    assert cluster is not None
    names = cluster.launches.keys() - {"jobmanager"}
    with supervisors(folder, cluster, names, before, (*SETTINGS, *options)) as running:
        planner(folder, "up", *OPTIONS)  # waits until they are registered again
        planner(folder, "run", str(JAR), *arguments)
        harmed = Harmed(folder, cluster)
        harmed.healed()
        yield harmed
    assert {process.wait(SECONDS) for process in running.values()} <= STOPPED
    assert not marked(cluster.mark)


def test_ends_and_cancellations(tmp_path: Path) -> None:
    with supervised(tmp_path) as harmed:
        # killed
        name = harmed.where(0)
        before = harmed.cluster.running()[name]
        words = command(before)
        os.kill(before, signal.SIGKILL)
        until(lambda: harmed.cluster.running().get(name, before) != before)
        harmed.healed()
        assert command(harmed.cluster.running()[name]) == words
        entry = harmed.entries(name, "restart")[0]
        assert (entry["exitCode"], entry["outOfMemory"]) == (137, None)
        assert entry["peak"]["resident"] > 100 * 2**20

        # a second supervisor, and up, leave it alone
        assert "is supervised already" in planner(tmp_path, "supervise", "-t", name, code=1).stderr
        planner(tmp_path, "up", *OPTIONS)

        # a cancellation that hangs
        harmed.harm("stuck 1 0")
        until((tmp_path / "control.stuck").exists)
        name = harmed.where(0)
        harmed.harm("fail 1 1")  # and all others are cancelled
        until(lambda: harmed.job().state == "RESTARTING")
        harmed.harm("")
        end = until(lambda: harmed.entries(name, "end"))[0]
        harmed.healed()
        assert end["reason"] == "cancellation"
        assert 5 <= end["seconds"] < 60
        assert "Harm" in end["subtask"]
        log = (tmp_path / ".planner/log" / f"{name}.log.1").read_text()
        assert "Full thread dump" in log
        assert "LeakJob$Harm.harm" in log


LEAKS = {
    "threads 6": "threads",
    "direct 250000": "direct",
    "classes 20": "metaspace",
    "native 800000": "resident",
}


def test_leaks(tmp_path: Path) -> None:
    with supervised(tmp_path) as harmed:
        for what, figure in LEAKS.items():
            end, restart = harmed.restarted(what)
            # a busy machine may be too slow to see that metaspace grows before it is used up
            ran_out = figure == "metaspace" and restart["outOfMemory"] == "metaspace"
            assert ran_out or (end["reason"], end["figure"]) == ("leak", figure)


def test_memory_is_adjusted_and_taken_back(tmp_path: Path) -> None:
    """Metaspace that runs out is raised within the process; where it runs out again, that is taken back."""
    with supervised(tmp_path, options=("--adjust", "apply", "-p", "job.placement.json")) as harmed:
        name = harmed.where(0)
        planned = command(harmed.cluster.running()[name])
        (adjust,) = harmed.decided("adjust", name, "classes 60")
        adjusted = command(harmed.cluster.running()[name])
        assert "-XX:MaxMetaspaceSize=104857600" in planned
        assert "-XX:MaxMetaspaceSize=209715200" in adjusted
        assert "taskmanager.memory.jvm-metaspace.size=209715200b" in adjusted
        assert adjust["memory"] == "metaspace"
        assert {change["option"] for change in adjust["changes"]} > {"taskmanager.memory.jvm-metaspace.size"}
        before, after = (derive_taskmanager(dict(word.split("=") for word in words if "memory." in word))
                         for words in (planned, adjusted))  # fmt: skip
        assert after.process <= before.process
        assert "209715200 bytes, planned: 104857600 bytes" in planner(tmp_path, "verify", code=1).stderr

        (back,) = harmed.decided("take-back", name, "classes 60")
        harmed.healed()
        assert back["memory"] == "metaspace"
        assert command(harmed.cluster.running()[name]) == planned


@pytest.mark.skipif(
    os.geteuid() != 0 or not (GROUP / "memory.limit_in_bytes").exists(),
    reason="only root can make control groups, of version 1 here",
)
def test_an_oom_kill(tmp_path: Path) -> None:
    group = GROUP / f"planner-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text("1400M")
        enter = ("/bin/sh", "-c", f'echo 0 > {group}/cgroup.procs && exec "$@"', "sh")
        with supervised(tmp_path, enter) as harmed:
            end, restart = harmed.restarted("native 30000000")
            assert end == {}
            assert (restart["exitCode"], restart["outOfMemory"]) == (137, "container")
            assert restart["limits"]["resident"] == 1400 * 2**20
    finally:
        until(lambda: not (group / "cgroup.procs").read_text().split())
        group.rmdir()


@pytest.mark.skipif("PLANNER_PYFLINK" not in os.environ, reason="needs Flink's scripts: make test-all")
def test_flinks_own_script(folder: Path) -> None:
    """What taskmanager.sh starts, whatever its configuration says, is the TaskManager of the placement."""
    find = "import pyflink, os; print(os.path.dirname(pyflink.__file__))"
    interpreter = [os.environ["PLANNER_PYFLINK"], "-c", find]
    home = subprocess.run(interpreter, capture_output=True, text=True, check=True).stdout.strip()
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=3)
    planner(folder, "up", *OPTIONS)
    cluster = read(folder / ".planner")
    assert cluster is not None
    os.kill(cluster.running()["large-0"], signal.SIGKILL)
    until(lambda: "large-0" not in cluster.running())
    shutil.copytree(f"{home}/conf", folder / "flink-conf")
    assert "process:" in (folder / "flink-conf/config.yaml").read_text(), "1728m, as Flink ships it"
    there = {"jobmanager.rpc.address": "127.0.0.1", "jobmanager.rpc.port": str(cluster.ports.rpc)}
    there |= {"taskmanager.host": "127.0.0.1", "taskmanager.bind-host": "127.0.0.1"}
    words = [sys.executable, "-m", "planner", "supervise", "-t", "large-0", "--rest", cluster.url, "--"]
    words += [f"{home}/bin/taskmanager.sh", "start-foreground"]
    words += [word for key, value in there.items() for word in ("-D", f"{key}={value}")]
    environment = {
        **ENVIRONMENT,
        "FLINK_CONF_DIR": str(folder / "flink-conf"),
        "FLINK_LOG_DIR": str(folder),
        "JAVA_HOME": str(Path(java()).parent.parent),
    }
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        journal = folder / "large-0.supervise.jsonl"
        until(lambda: journal.exists() and "\n" in journal.read_text())
        first = json.loads(journal.read_text().splitlines()[0])["process"]
        planned = json.loads((folder / "job.placement.json").read_text())
        large = next(tm for tm in planned["taskManagers"] if tm["id"] == "large-0")
        until(lambda: command(first)[0].endswith("java"))
        assert [word for word in command(first) if word.startswith(("-Xm", "-XX:Max"))] == large["memory"][
            "jvmArguments"
        ]
        # until then the JobManager may still count the one before, and miss it a moment later
        until(lambda: "Successful registration at resource manager" in (folder / "said").read_text())
        assert "as planned" in planner(folder, "run", "job.sql").stderr
        os.kill(first, signal.SIGKILL)
        until(lambda: len(journal.read_text().splitlines()) == 3)
        # RESTARTING lasts for as long as the delay of 200 ms: then the job is RUNNING, and its tasks wait for slots
        until(lambda: not running_job(Rest(cluster.url), *jobs(Rest(cluster.url))).running)
        until(lambda: running_job(Rest(cluster.url), *jobs(Rest(cluster.url))).running)
        assert "as planned" in planner(folder, "verify").stderr
    finally:
        process.terminate()
        assert process.wait(SECONDS) in STOPPED
