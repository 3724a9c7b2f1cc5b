"""The exception history of a job, as a log that is diagnosed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from in_process import invoke
from rest_server import JOB_ID, Answers, serving

from planner.cluster.errors import RestError
from planner.cluster.failures import failed_job, failure_log
from planner.cluster.rest import Rest

CLOSED = (
    "org.apache.flink.runtime.io.network.netty.exception.RemoteTransportException: Connection unexpectedly closed by"
    " remote task manager '10.0.0.2/10.0.0.2:38511 [ tm-2 ] '. This might indicate that the remote task manager was lost."
)
HEAP = "java.lang.OutOfMemoryError: Java heap space\n\tat com.example.Sessions.add(Sessions.java:88)\n"


def failure(stacktrace: str, timestamp: int, task_manager: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "exceptionName": stacktrace.partition(":")[0],
        "stacktrace": stacktrace,
        "timestamp": timestamp,
        "taskName": "sessions (1/2) - execution #0",
        "endpoint": "worker-2:38511",
        "taskManagerId": task_manager,
        **more,
    }


def answers(*entries: dict[str, Any], **jobs: str) -> Answers:
    return {
        "/jobs": {
            "jobs": [{"id": name, "status": state} for name, state in (jobs or {JOB_ID: "FAILED"}).items()]
        },
        f"/jobs/{JOB_ID}/exceptions": {"exceptionHistory": {"entries": list(entries), "truncated": False}},
        "/jobmanager/config": [{"key": "taskmanager.memory.process.size", "value": "1728m"}],
    }


def test_the_first_cause_is_among_those_that_came_with_it() -> None:
    loud = failure(CLOSED, 1772422812904, "tm-1", concurrentExceptions=[failure(HEAP, 1772422812000, "tm-2")])
    with serving(answers(loud)) as server:
        answer = invoke(["diagnose", "--rest", server.url, "--format", "json"])
    first, second = json.loads(answer.stdout)
    assert (answer.exit_code, first["class"], first["process"]) == (1, "heap", "tm-2")
    assert (second["class"], second["follows"]) == ("connection-lost", 0)
    assert (first["file"], first["line"]) == (f"{server.url}/jobs/{JOB_ID}/exceptions", 2)
    (change,) = first["changes"]
    assert change["option"] == "taskmanager.memory.managed.size"  # task heap is what the others leave
    assert "task heap" in change["why"]


def test_a_job_without_failures() -> None:
    with serving(answers()) as server:
        answer = invoke(["diagnose", "--rest", server.url])
    assert (answer.exit_code, answer.stdout) == (0, "")


def test_names_are_one_word_of_a_line() -> None:
    with serving(answers(failure(HEAP, 10**30, "tm\n2 x", taskName="a\nb"))) as server:
        answer = invoke(["diagnose", "--rest", server.url])
    assert answer.exit_code == 2  # no time of Flink's
    with serving(answers(failure(HEAP, 2**60, "tm\n2 x", taskName="a\nb"))) as server:
        _, pieces = failure_log(Rest.at(server.url), JOB_ID)
    assert (
        pieces[0]
        .decode()
        .splitlines()[0]
        .endswith("a_b switched from RUNNING to FAILED on tm_2_x @ worker-2:38511 (dataPort=0).")
    )


@pytest.mark.parametrize(
    ("jobs", "meant"),
    [
        ({"a" * 32: "FINISHED", JOB_ID: "RUNNING"}, JOB_ID),
        ({JOB_ID: "FAILED"}, JOB_ID),
        ({"a" * 32: "FAILED", JOB_ID: "FAILED"}, None),
        ({"a" * 32: "RUNNING", JOB_ID: "RUNNING"}, None),
    ],
)
def test_which_job_is_meant(jobs: dict[str, str], meant: str | None) -> None:
    with serving(answers(**jobs)) as server:
        if meant is None:
            with pytest.raises(RestError, match="--job ID"):
                failed_job(Rest.at(server.url))
        else:
            assert failed_job(Rest.at(server.url)) == meant


def test_a_job_needs_a_cluster() -> None:
    answer = invoke(["diagnose", "--job", JOB_ID])
    assert answer.exit_code == 2
    assert "--rest" in answer.stderr
