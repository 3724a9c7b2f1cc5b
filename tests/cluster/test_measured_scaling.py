"""What a running job tells for its rescaling: partitions, what waits, skew, the parts of a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_process import invoke
from rest_server import JOB, JOB_ID, Answers, cluster_answers, planned, serving

import planner
from planner.cluster.rest import Rest
from planner.cluster.restarts import restart_times
from planner.cluster.sources import partitions, partitions_and_pending
from planner.documents.job import Job
from samples import document

KAFKA = "Source__clicks.KafkaSourceReader.topic.clicks_eu.partition.{}.currentOffset"
DYNAMIC = "Source__clicks.kafkaCluster.east.KafkaSourceReader.topic.clicks.partition.{}.currentOffset"
PULSAR = "Source__p.PulsarConsumer.persistent://public/default/t-partition-{}.b4fe1.numMsgsReceived"


def test_partitions_by_the_names_of_metrics() -> None:
    names = [KAFKA.format(n) for n in (0, 1, 2, 1)] + [DYNAMIC.format(n) for n in (0, 1)]
    assert len(partitions([*names, PULSAR.format(3)])) == 6
    others = [
        KAFKA.format("x"),
        KAFKA.format("²"),
        "currentOffset",
        "a.numMsgsReceived",
        PULSAR.format(""),
        "",
        ".....",
    ]
    assert not partitions([*others, KAFKA.format(0).replace("currentOffset", "committedOffset")])


def answers() -> Answers:
    """Return a job whose source tells its partitions and what waits, and whose restart can be told."""
    found = cluster_answers()
    _, _, graph = planned()
    count, read = (vertex.id for vertex in graph.vertices)
    base = f"/jobs/{JOB_ID}/vertices/{read}/subtasks/metrics"
    names = [KAFKA.format(n) for n in range(7)]
    found[base] = [
        {"id": "busyTimeMsPerSecond", "avg": 500.0, "sum": 1000},
        {"id": "backPressuredTimeMsPerSecond", "avg": 400.0, "sum": 800},
        {"id": "numRecordsOutPerSecond", "avg": 10.5, "sum": 21},
        {"id": "numRecordsInPerSecond", "avg": 0.0, "sum": 0},
        {"id": "Source__read.pendingRecords", "avg": 20, "sum": 42.0},
        *({"id": name, "avg": 1.0, "sum": 1} for name in names),
    ]
    found[f"/jobs/{JOB_ID}/vertices/{count}/metrics"] = [
        {"id": "0.busyTimeMsPerSecond", "value": "900"}, {"id": "1.busyTimeMsPerSecond", "value": "100"}
    ]  # fmt: skip
    times = {
        "CREATED": 20,
        "SCHEDULED": 100,
        "DEPLOYING": 300,
        "INITIALIZING": 580,
        "RUNNING": 9000,
        "CANCELED": -1,
    }
    for vertex in graph.vertices:
        for subtask in found[f"/jobs/{JOB_ID}/vertices/{vertex.id}"]["subtasks"]:
            subtask["status-duration"] = times
    found[f"/jobs/{JOB_ID}/checkpoints"] = {"latest": {"completed": {"id": 7, "end_to_end_duration": 2500}}}
    return found


def test_what_a_source_tells() -> None:
    _, _, graph = planned()
    count, read = (vertex.id for vertex in graph.vertices)
    with serving(answers()) as server:
        assert partitions_and_pending(Rest(server.url), JOB_ID, read) == (7, 42.0)
        assert partitions_and_pending(Rest(server.url), JOB_ID, count) == (None, 0.0)


def test_the_parts_of_a_restart() -> None:
    with serving(answers()) as server:
        found = list(restart_times(Rest(server.url), JOB_ID))
    assert [(name, seconds) for name, seconds, _ in found] == [("savepoint", 2.5), ("start and restore", 1.0)]
    with serving(cluster_answers() | {f"/jobs/{JOB_ID}/checkpoints": {}}) as server:
        assert list(restart_times(Rest(server.url), JOB_ID)) == []


@pytest.mark.usefixtures("quick")
def test_a_measured_job_is_scaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planner.save(planner.compile(document(JOB, Job)), "job.profile.json")
    with serving(answers()) as server:
        arguments = ["scale", "job.profile.json", "--rest", server.url, "--window", "1", "--format", "json"]
        answer = invoke([*arguments, "-o", "new.profile.json", "--rate", "read=42"])
        Path("job.yaml").write_text(JOB)
        kept = invoke(["scale", "job.yaml", *arguments[2:]])
    assert answer.exit_code == kept.exit_code == 0, answer.stderr + kept.stderr
    assert json.loads(kept.stdout)["vertices"][0]["bound"] == "fixed"  # as the job names its parallelism
    data = json.loads(answer.stdout)
    read, count = data["vertices"]
    # two subtasks a quarter busy for 21 records a second; twice as many come, from 7 partitions
    assert read["trueRecordsPerSecond"] == 42
    assert (read["rateFactor"], read["division"], read["parts"]) == (2, "partitions", 7)
    assert read["parallelism"] == 2
    # half busy on average, the busiest 0.9 of the time: the keys are skewed, and stay so
    assert count["busyAtPresentParallelism"] == pytest.approx(1.8)
    assert "1.80 times as busy as its share" in answer.stderr
    assert "held back 40% of the time" in answer.stderr
    assert "name the rate that is offered with --rate" in answer.stderr
    assert [part["part"] for part in data["restart"]] == ["savepoint", "start and restore"]
    highest = data["candidates"][0]["busiest"]
    waits = 3.5 + 42 / 42  # the restart, and what waits by the rate
    assert data["candidates"][0]["catchUpSeconds"] == pytest.approx(waits * highest / (1 - highest), abs=0.01)
    written = json.loads(Path("new.profile.json").read_text())
    assert {node["profile"]["parallelism"] for node in written["nodes"]} == {
        read["parallelism"],
        count["parallelism"],
    }


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.cluster.measure.FRESH", 0.01)
    monkeypatch.setattr("planner.cluster.measure.MEASURED_AGAIN", 0.2)
