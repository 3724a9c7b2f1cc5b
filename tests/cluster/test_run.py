"""What a run says of the cluster that it submits to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planner import api
from planner.cli.run import say_lacking
from planner.cluster import run
from planner.cluster.errors import RestError
from planner.cluster.rest import Rest, RunningJob, RunningSubtask, RunningVertex
from planner.cluster.run import lacking_options
from planner.cluster.verify import Deviation

SAMPLE = Path(__file__).parent.parent.parent / "samples/click-enrichment"
PLANNED = {"slot.idle.timeout": "100", "heartbeat.interval": "1 s"}


@pytest.fixture(scope="module")
def placement() -> api.Placement:
    job, cluster = api.load_job(SAMPLE / "job.yaml"), api.load_cluster(SAMPLE / "cluster.yaml")
    return api.place(job, cluster).model_copy(update={"flink_configuration": PLANNED})


@pytest.mark.parametrize(
    ("there", "lacking"),
    [
        ({}, {"slot.idle.timeout": None, "heartbeat.interval": None}),
        ({**PLANNED, "other": "x"}, {}),
        ({"slot.idle.timeout": "100 ms", "heartbeat.interval": "1000"}, {}),
        ({**PLANNED, "heartbeat.interval": "10 s"}, {"heartbeat.interval": "10 s"}),
    ],
)
def test_options_that_the_jobmanager_lacks(
    placement: api.Placement, there: dict[str, str], lacking: dict[str, str | None]
) -> None:
    assert lacking_options(placement, there, "2.2") == lacking


def test_a_placement_without_options_lacks_none(placement: api.Placement) -> None:
    plain = placement.model_copy(update={"flink_configuration": None})
    assert lacking_options(plain, {"a": "b"}, "1.20") == {}


def test_what_lacks_is_said(placement: api.Placement, capsys: pytest.CaptureFixture[str]) -> None:
    lacking = lacking_options(placement, {"heartbeat.interval": "10 s"}, "2.2")
    say_lacking("http://h:8081", lacking, placement)
    first, *others = capsys.readouterr().err.splitlines()
    assert "http://h:8081 was started without options that the placement has for it" in first
    assert others == ["  slot.idle.timeout: 100 (there not set)", "  heartbeat.interval: 1 s (there 10 s)"]
    say_lacking("http://h:8081", {}, placement)
    assert capsys.readouterr().err == ""


def deviation(actual: str) -> Deviation:
    return Deviation("large-0", "the TaskManager", "registered", actual)


def test_taskmanagers_have_time_to_register(
    placement: api.Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JobManager that elects a leader, then none of the TaskManagers, then all of them."""
    told: list[str] = []
    answers: Iterator[Any] = iter(
        [RestError("an election is going on"), ["missing", "registered"], ["registered"], ["late"]]
    )

    def task_managers(*_: object) -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, RestError):
            raise answer
        return {str(number): one for number, one in enumerate(answer)}

    monkeypatch.setattr(run, "task_managers", task_managers)
    monkeypatch.setattr(run, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(run, "deviations", lambda _, there, __: [*map(deviation, there.values())])
    run.wait_until_registered(Rest("http://127.0.0.1:1"), placement, 60, told.append)
    assert told == ["waiting for http://127.0.0.1:1", "waiting for large-0 to register"]
    assert next(answers) == ["late"], "it ends as soon as none is missing"


def test_the_wait_ends(placement: api.Placement, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "POLL_SECONDS", 0.01)
    run.wait_until_registered(Rest("http://127.0.0.1:1"), placement, 0.2)


def test_a_subtask_that_has_finished_is_nowhere() -> None:
    """Flink tells where it was, and does not restart it when its TaskManager ends."""
    done, runs = RunningSubtask(0, "FINISHED", "a"), RunningSubtask(1, "RUNNING", "b")
    job = RunningJob("", "", "RUNNING", (RunningVertex("", "", 2, (done, runs)),))
    assert not job.is_on({"a"})
    assert job.is_on({"a", "b"})
