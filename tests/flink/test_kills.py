"""Killed in the middle: a clear message, nothing left running, and the next command works."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flink.commands import command, descendants, placed, planner, started
from planner.cluster.processes import JOBMANAGER, marked
from planner.cluster.rest import Rest, jobs
from planner.cluster.standalone import Standalone, read

pytestmark = [pytest.mark.flink, pytest.mark.extended]
SECONDS = 180.0
HEARTBEATS = ("-D", "heartbeat.interval=1000", "-D", "heartbeat.timeout=10000")
"""Milliseconds after which processes of the cluster notice that another is gone, instead of 50 s."""


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def bridges(process: subprocess.Popen[str]) -> list[int]:
    """Return the JVMs that a planner has started for itself."""
    return [pid for pid in descendants(process.pid) if command(pid)[0].endswith("/java")]


@pytest.fixture
def cluster(folder: Path) -> Iterator[Standalone]:
    """Return a running cluster under a plan; the processes that it leaves behind are counted."""
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=2)
    planner(folder, "up", *HEARTBEATS)
    found = read(folder / ".planner")
    assert found is not None
    yield found
    planner(folder, "down")
    assert not marked(found.mark)
    assert found.control_group is None or not found.control_group.exists()


def test_kills_in_the_middle_of_run(folder: Path, cluster: Standalone) -> None:
    # the bridge: planner says so
    run = started(folder, "run", "job.sql")
    until(lambda: bridges(run))
    os.kill(bridges(run)[0], signal.SIGKILL)
    _, said = run.communicate(timeout=SECONDS)
    assert run.returncode == 2
    assert "the JVM" in said
    assert "Traceback" not in said

    # planner: its bridge ends with it, nothing was submitted
    run = started(folder, "run", "job.sql")
    until(lambda: bridges(run))
    (bridge,) = bridges(run)
    run.kill()
    run.communicate(timeout=SECONDS)
    until(lambda: not alive(bridge))
    rest = Rest(cluster.url)
    assert not jobs(rest)

    # planner after it has submitted: the job is there, and a run says how to go on
    run = started(folder, "run", "job.sql")
    until(lambda: jobs(rest))
    run.kill()
    run.communicate(timeout=SECONDS)
    (job,) = jobs(rest)
    until(lambda: rest.get(f"/jobs/{job}", dict[str, Any])["state"] == "RUNNING")
    again = planner(folder, "run", "job.sql", code=1)
    assert f"curl -X PATCH {cluster.url}/jobs/{job}" in again.stderr

    # the JobManager: verify says so, up starts it again, run waits for the slots of the job that is lost
    os.kill(cluster.running()["jobmanager"], signal.SIGKILL)
    until(lambda: "jobmanager" not in cluster.running())
    assert "no Flink REST API" in planner(folder, "verify", code=2).stderr
    assert "not running" in planner(folder, "status", code=1).stdout
    planner(folder, "up", *HEARTBEATS)
    assert "as planned" in planner(folder, "run", "job.sql").stderr

    # and for those of a job that was cancelled just now
    (job,) = jobs(rest)
    rest.patch(f"/jobs/{job}")
    until(lambda: jobs(rest)[job] == "CANCELED")
    assert "as planned" in planner(folder, "run", "job.sql").stderr


def test_processes_of_the_cluster_killed_in_the_middle_of_run(folder: Path, cluster: Standalone) -> None:
    rest = Rest(cluster.url)

    # a TaskManager: the job waits for it, and in the end planner says what is missing
    run = started(folder, "run", "job.sql", "--time-limit", "35")  # compiled within it on a busy machine too
    until(lambda: bridges(run))
    os.kill(cluster.running()["small-0"], signal.SIGKILL)
    _, said = run.communicate(timeout=SECONDS)
    assert run.returncode == 4, said
    assert "small-0: the TaskManager: missing" in said
    planner(folder, "up", *HEARTBEATS)  # and the job begins
    (job,) = jobs(rest)
    until(lambda: rest.get(f"/jobs/{job}", dict[str, Any])["state"] == "RUNNING")
    rest.patch(f"/jobs/{job}")
    until(lambda: jobs(rest)[job] == "CANCELED")

    # the JobManager: nobody takes the job
    run = started(folder, "run", "job.sql")
    until(lambda: bridges(run))
    os.kill(cluster.running()["jobmanager"], signal.SIGKILL)
    _, said = run.communicate(timeout=SECONDS)
    assert run.returncode == 2
    assert "no Flink REST API" in said
    planner(folder, "up", *HEARTBEATS)
    assert "as planned" in planner(folder, "run", "job.sql").stderr


def test_a_killed_up_leaves_nothing_behind(folder: Path) -> None:
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=1)
    up = started(folder, "up")
    until(lambda: (found := read(folder / ".planner")) is not None and found.running())
    up.kill()
    up.communicate(timeout=SECONDS)
    planner(folder, "up")  # goes on where the other was killed
    cluster = read(folder / ".planner")
    assert cluster is not None
    assert len(cluster.running()) == 3
    os.kill(cluster.running()["jobmanager"], signal.SIGTERM)  # while down is at work, or before
    planner(folder, "down")
    assert not marked(cluster.mark)
    assert "nothing to end" in planner(folder, "down").stderr


def test_the_jobmanager_ends_while_the_cluster_comes_up(folder: Path) -> None:
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=1)
    up = started(folder, "up")
    until(lambda: (found := read(folder / ".planner")) is not None and "jobmanager" in found.running())
    cluster = read(folder / ".planner")
    assert cluster is not None
    until(lambda: JOBMANAGER in Path(f"/proc/{cluster.running()['jobmanager']}/cmdline").read_text())
    os.kill(cluster.running()["jobmanager"], signal.SIGKILL)
    _, said = up.communicate(timeout=SECONDS)
    assert up.returncode == 1
    assert "jobmanager ended" in said
    planner(folder, "up")
    planner(folder, "down")
    assert not marked(cluster.mark)
