"""Another parallelism for a running job, as a cluster answers it and as it should not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from rest_server import JOB_ID, Answers, cluster_answers, planned, serving

import planner
from planner.cluster.errors import NoAnswer, RestError
from planner.cluster.rescale import set_parallelism, stop_with_savepoint
from planner.cluster.rest import Rest
from planner.errors import TimedOut

REQUEST = "ab" * 16
STOP, SAVEPOINT = f"/jobs/{JOB_ID}/stop", f"/jobs/{JOB_ID}/savepoints/{REQUEST}"
REQUIREMENTS = f"/jobs/{JOB_ID}/resource-requirements"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.cluster.rescale.POLL_SECONDS", 0.01)


def completed(**operation: Any) -> dict[str, Any]:
    return {"status": {"id": "COMPLETED"}, "operation": operation}


def stopping(*outcomes: Any) -> Answers:
    """Return the answers of a cluster that is asked for a savepoint again and again, and then has no job."""
    after = itertools.chain(outcomes, itertools.repeat(outcomes[-1]))
    return {
        "/jobs": {"jobs": [{"id": JOB_ID, "status": "FINISHED"}]},
        STOP: {"request-id": REQUEST},
        SAVEPOINT: lambda: next(after),
    }


IN_PROGRESS = {"status": {"id": "IN_PROGRESS"}, "operation": None}


def test_a_job_is_stopped_with_a_savepoint() -> None:
    with serving(stopping(IN_PROGRESS, IN_PROGRESS, completed(location="file:/s/savepoint-1"))) as server:
        found = stop_with_savepoint(Rest(server.url), JOB_ID, "/s", 10)
    assert found == "file:/s/savepoint-1"
    assert server.sent == [{"drain": False, "targetDirectory": "/s"}]


def test_where_a_savepoint_goes_may_be_left_to_the_cluster() -> None:
    with serving(stopping(completed(location="s3://b/savepoint-1"))) as server:
        stop_with_savepoint(Rest(server.url), JOB_ID, None, 10)
    assert server.sent == [{"drain": False}]


def test_why_there_is_no_savepoint() -> None:
    trace = "a.CompletionException: x\n\tat y\nCaused by: java.io.IOException: disk full\n\tat z"
    outcome = completed(**{"failure-cause": {"class": "a", "stack-trace": trace}})
    with serving(stopping(outcome)) as server, pytest.raises(RestError, match="disk full; it runs on"):
        stop_with_savepoint(Rest(server.url), JOB_ID, "/s", 10)


def test_a_savepoint_that_takes_too_long() -> None:
    with serving(stopping(IN_PROGRESS)) as server, pytest.raises(TimedOut, match="may still do so"):
        stop_with_savepoint(Rest(server.url), JOB_ID, "/s", 0.05)


def test_only_the_job_that_is_meant_is_stopped() -> None:
    _, profile, _ = planned()
    there = {**cluster_answers(), **stopping(completed(location="s"))}
    with serving(there) as server:
        assert planner.stop(profile, rest=server.url, job=JOB_ID) == "s"
    there[f"/jobs/{JOB_ID}"] = {**there[f"/jobs/{JOB_ID}"], "vertices": []}
    with serving(there) as server, pytest.raises(RestError, match="does not have the vertices"):
        planner.stop(profile, rest=server.url, job=JOB_ID)
    assert not server.sent


@pytest.mark.parametrize("answer", [{"request-id": "../x"}, {}, b"<html>", {"request-id": 7}])
def test_a_server_that_is_no_flink(answer: Any) -> None:
    with serving({STOP: answer}) as server, pytest.raises(NoAnswer):
        stop_with_savepoint(Rest(server.url), JOB_ID, "/s", 1)


def adaptive() -> tuple[Answers, dict[str, dict[str, dict[str, int]]]]:
    """Return a cluster whose job runs at parallelism 2 under the adaptive scheduler, and what to ask for."""
    answers = {**cluster_answers(), REQUIREMENTS: {}}
    answers["/jobmanager/config"] = [{"key": "jobmanager.scheduler", "value": "Adaptive"}]
    _, _, graph = planned()
    wanted = {v.id: {"parallelism": {"lowerBound": 1, "upperBound": v.parallelism}} for v in graph.vertices}
    return answers, wanted


def test_the_adaptive_scheduler_takes_the_requirements() -> None:
    answers, wanted = adaptive()
    with serving(answers) as server:
        found = set_parallelism(Rest(server.url), JOB_ID, wanted, 10)
    assert found.running
    assert server.sent == [wanted]


def test_a_parallelism_that_does_not_come() -> None:
    answers, wanted = adaptive()
    first = next(iter(wanted))
    wanted[first]["parallelism"]["upperBound"] = 7
    with serving(answers) as server, pytest.raises(TimedOut, match=r"1 of 2 tasks have it.*too few slots"):
        set_parallelism(Rest(server.url), JOB_ID, wanted, 0.05)


def test_nothing_is_sent_to_another_scheduler_or_job() -> None:
    answers, wanted = adaptive()
    with serving({**answers, "/jobmanager/config": []}) as server:
        with pytest.raises(RestError, match="with the default scheduler"):
            set_parallelism(Rest(server.url), JOB_ID, wanted, 1)
        assert server.sent == []
    with serving(answers) as server:
        with pytest.raises(RestError, match="does not have the vertices"):
            set_parallelism(Rest(server.url), JOB_ID, dict(list(wanted.items())[:1]), 1)
        assert server.sent == []


def test_a_job_that_fails_meanwhile() -> None:
    answers, wanted = adaptive()
    wanted[next(iter(wanted))]["parallelism"]["upperBound"] = 7
    answers[f"/jobs/{JOB_ID}"] = {**answers[f"/jobs/{JOB_ID}"], "state": "FAILED"}
    with serving(answers) as server, pytest.raises(RestError, match="is FAILED: a.B: why"):
        set_parallelism(Rest(server.url), JOB_ID, wanted, 10)
