"""Migrations of a running job, whole and killed at each step; losses that those in reserve make up for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flink.commands import HEALING, placed, planner, roles, started
from planner.cluster.checkpoints import take_checkpoint
from planner.cluster.errors import CheckpointFailed
from planner.cluster.processes import marked
from planner.cluster.rest import Rest, jobs, running_job
from planner.cluster.standalone import JOURNAL, Standalone, read

pytestmark = [pytest.mark.flink, pytest.mark.extended]
SECONDS = 90.0
FAST = (
    *("-D", "heartbeat.interval=1 s", "-D", "heartbeat.rpc-failure-threshold=1"),
    *("-D", "heartbeat.timeout=10 s", "-D", "restart-strategy.type=fixed-delay"),
    *("-D", "restart-strategy.fixed-delay.attempts=1000", "-D", "restart-strategy.fixed-delay.delay=200 ms"),
)
"""The delay does not grow, as Flink's own does up to a minute when migrations follow one another."""
MANUAL = "Triggering a manual checkpoint"
"""What a JobManager logs where somebody asks for a checkpoint."""


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def cluster(folder: Path) -> Iterator[Standalone]:
    """Return a cluster with a running job and with those in reserve; what it leaves behind is counted."""
    (folder / "cluster.yaml").write_text(HEALING)
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=3)
    planner(folder, "up", *FAST)
    assert "as planned" in planner(folder, "run", "job.sql").stderr
    found = read(folder / ".planner")
    assert found is not None
    yield found
    planner(folder, "down")
    assert not marked(found.mark)


def state(cluster: Standalone) -> tuple[bool, int]:
    rest = Rest(cluster.url)
    (job,) = jobs(rest)
    found = running_job(rest, job)
    return found.running, sum(subtask.attempt for vertex in found.vertices for subtask in vertex.subtasks)


def test_a_loss_heals_and_the_job_goes_home(folder: Path, cluster: Standalone) -> None:
    lost, spare = roles(folder / "job.placement.json")
    for number in (signal.SIGTERM, signal.SIGKILL):
        attempts = state(cluster)[1]
        os.kill(cluster.running()[lost], number)
        until(lambda before=attempts: state(cluster)[0] and state(cluster)[1] > before)
        said = planner(folder, "verify", code=1).stderr
        assert "runs on TaskManagers in reserve" in said
        assert f"{lost}: the TaskManager: missing" in said
        planner(folder, "up", *FAST)
        planner(folder, "migrate", "--home", "--apply")
        assert "as planned" in planner(folder, "verify").stderr
        status = planner(folder, "status").stdout
        assert f"{spare} " in status
        assert "registered, in reserve" in status


def test_a_taskmanager_is_drained_and_comes_back(folder: Path, cluster: Standalone) -> None:
    drained, spare = roles(folder / "job.placement.json")
    callbacks = [
        f"{when}{what}" for what in ("RequestResource", "Restart", "Deploy") for when in ("pre", "post")
    ]
    on = [word for name in callbacks for word in ("--on", f"{name}=cat >> seen; echo >> seen")]
    manual = (cluster.folder / "log/jobmanager.log").read_text().count(MANUAL)
    planner(folder, "migrate", "--drain", drained, "--apply", "-o", "new.placement.json", "--checkpoint", *on)
    assert (cluster.folder / "log/jobmanager.log").read_text().count(MANUAL) == manual + 1
    seen = [json.loads(line)["event"] for line in (folder / "seen").read_text().splitlines()]
    assert seen == [
        "preRequestResource",
        "postRequestResource",
        "preRestart",
        "preDeploy",
        "postRestart",
        "postDeploy",
    ]
    assert "as planned" in planner(folder, "verify", "new.placement.json").stderr
    running = cluster.running()
    assert drained not in running
    assert f"{spare}~1" in running
    planner(folder, "migrate", "-p", "new.placement.json", "--to", "job.placement.json", "--apply")
    assert "as planned" in planner(folder, "verify", "job.placement.json").stderr
    assert drained in cluster.running()


def test_checkpoints_are_taken_when_they_are_asked_for(cluster: Standalone) -> None:
    rest = Rest(cluster.url)
    (job,) = jobs(rest)
    first, second = (take_checkpoint(rest, job, SECONDS) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first < second
    with pytest.raises(CheckpointFailed, match="takes no checkpoint"):
        take_checkpoint(rest, "0" * 32, SECONDS)


def test_a_callback_that_refuses_changes_nothing(folder: Path, cluster: Standalone) -> None:
    drained, _ = roles(folder / "job.placement.json")
    before, attempts = {n for n in cluster.running() if "~" not in n}, state(cluster)[1]
    for name in ("preRequestResource", "preRestart", "preDeploy"):
        refused = ("--on", f"{name}=echo not now >&2; exit 1")
        said = planner(
            folder, "migrate", "--drain", drained, "--apply", "-o", "x.json", *refused, code=1
        ).stderr
        assert f"callback {name}: the command ends with 1: not now" in said
        assert "no migration" in planner(folder, "migrate", "--status").stderr
        assert "as planned" in planner(folder, "verify", "job.placement.json").stderr
    assert state(cluster) == (True, attempts)
    assert before <= {name.partition("~")[0] for name in cluster.running()}


def journal(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / ".planner" / JOURNAL).read_text())
    except FileNotFoundError:
        return {}
    return found


def killed_at(folder: Path, drained: str, when: Callable[[dict[str, Any]], bool]) -> bool:
    """Kill a migration when its journal says so; tell whether it was under way."""
    process = started(
        folder, "migrate", "--drain", drained, "--apply", "-p", "job.placement.json", "-o", "new.json"
    )
    while process.poll() is None:
        if when(journal(folder)):
            process.kill()
            break
        time.sleep(0.005)
    process.communicate(timeout=SECONDS)
    return bool(journal(folder))


MOMENTS: dict[str, Callable[[Path, Standalone, str], Callable[[dict[str, Any]], bool]]] = {
    "journal written": lambda folder, cluster, _: lambda seen: bool(seen),
    "spare ended": lambda folder, cluster, spare: (
        lambda seen: bool(seen) and not any(name.startswith(spare) for name in cluster.running())
    ),
    "replacement started": lambda folder, cluster, spare: (
        lambda seen: bool(seen) and any(name.startswith(f"{spare}~") for name in cluster.running())
    ),
    "restart begun": lambda folder, cluster, _: lambda seen: seen.get("step") == "restart",
    "job restarting": lambda folder, cluster, _: (
        lambda seen: seen.get("step") == "restart" and not state(cluster)[0]
    ),
    "spares to start": lambda folder, cluster, _: lambda seen: seen.get("step") == "startSpares",
}


TAKEN_BACK = ("replacement started", "job restarting", "spares to start")
"""The moments after which a migration is aborted as well: before, in the middle of, and after the restart."""


@pytest.mark.parametrize("way", ["--resume", "--abort"])
def test_killed_at_every_step(way: str, folder: Path, cluster: Standalone) -> None:
    drained, spare = roles(folder / "job.placement.json")
    for moment, condition in MOMENTS.items():
        if way == "--abort" and moment not in TAKEN_BACK:
            continue
        unfinished = killed_at(folder, drained, condition(folder, cluster, spare))
        if not unfinished:  # it was quicker
            planner(folder, "migrate", "-p", "new.json", "--to", "job.placement.json", "--apply")
            continue
        assert "unfinished" in planner(folder, "migrate", "--status", code=1).stderr, moment
        assert "unfinished" in planner(folder, "up", "-p", "job.placement.json", *FAST, code=1).stderr, moment
        planner(folder, "migrate", way)
        assert not journal(folder)
        target = "new.json" if way == "--resume" else "job.placement.json"
        assert "as planned" in planner(folder, "verify", target).stderr, moment
        planned = {tm["id"] for tm in json.loads((folder / target).read_text())["taskManagers"]}
        names = [name.partition("~")[0] for name in cluster.running() if name != "jobmanager"]
        assert sorted(names) == sorted(planned), moment  # none left over
        if way == "--resume":
            planner(folder, "migrate", "-p", "new.json", "--to", "job.placement.json", "--apply")
        subprocess.run(["rm", "-f", str(folder / "new.json")], check=True)
