"""``planner scale`` as users and scripts meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import Answer, invoke
from rest_server import serving

import planner
from planner.cluster.rest import Rest
from samples import FOLDER

JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: clicks}
spec:
  maxParallelism: 128
  slotSharingGroups: [{name: state, resources: {cpu: 0.8, heap: 256 mb}}]
  operators:
    - {id: clicks, kind: kafka-source, load: {busy: 0.35, cpu: 0.3, recordsPerSecond: 1000}}
    - {id: count, kind: window, parallelism: 4, group: state, inputs: [{from: clicks, ship: hash}], load: {busy: 0.8, cpu: 0.8}}
    - {id: out, kind: kafka-sink, parallelism: 2, inputs: [count], load: {cpu: 0.1}}
"""
CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec: {taskManagerClasses: [{name: tm, count: 4, cpu: 4, memory: {process: 8 gb}}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scale(*arguments: str, code: int = 0) -> Answer:
    answer = invoke(["scale", *arguments])
    assert answer.exit_code == code, answer.stderr
    return answer


def scaled(*arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scale(*arguments, "--format", "json", code=code).stdout)
    return found


def parallelism(data: dict[str, Any]) -> dict[str, int]:
    return {vertex["name"]: vertex["parallelism"] for vertex in data["vertices"]}


@pytest.mark.usefixtures("folder")
def test_the_least_for_the_loads_in_the_job() -> None:
    data = scaled()
    # 3.2 busy subtasks over 128 key groups: 28 of them at most for 70 %; the job names 2 for the sink
    assert parallelism(data) == {"Source: clicks": 1, "count": 5, "out: Writer": 2}
    assert {vertex["name"]: vertex["bound"] for vertex in data["vertices"]}["out: Writer"] == "fixed"
    assert data["groups"]["state"] == {"present": 4, "slots": 5}
    assert (
        data["resourceRequirements"] is None
    )  # a group has resources, which only the default scheduler keeps
    (first, *others) = data["candidates"]
    assert first["name"] == data["chosen"] == "70%"
    assert first["taskManagers"] == 4
    assert first["restartedSubtasks"] == 8
    assert {one["name"] for one in others} >= {"70%+step", "60%", "80%"}
    assert any(one["efficient"] for one in data["candidates"])


def test_the_new_profile_is_placed_and_has_the_options(folder: Path) -> None:
    data = scaled("--rate", "clicks=4000", "-o", "new.profile.json")
    profile = planner.load_profile(folder / "new.profile.json")
    assert profile.planner is not None
    now = {vertex.id: vertex.parallelism for vertex in profile.planner.vertices}
    pairs = data["options"]["pipeline.jobvertex-parallelism-overrides"].split(",")
    assert {pair.split(":")[0]: int(pair.split(":")[1]) for pair in pairs} == now
    assert now == {vertex["id"]: vertex["parallelism"] for vertex in data["vertices"]}
    placed = planner.place(profile, planner.load_cluster(folder / "cluster.yaml"))
    assert placed.imbalance.max <= data["candidates"][0]["maxCpuUtilisation"]


def test_another_candidate_can_be_chosen(folder: Path) -> None:
    (folder / "cluster.yaml").unlink()
    data = scaled("--candidate", "60%")
    assert data["chosen"] == "60%"
    assert parallelism(data)["count"] == 6
    answer = scale("--candidate", "55%", code=2)
    assert "there is no candidate '55%'; they are '70%', " in answer.stderr


def test_catch_up_follows_from_the_restart(folder: Path) -> None:
    (folder / "cluster.yaml").unlink()
    one, two = scaled("--restart", "10"), scaled("--restart", "20", "--utilisation", "0.7")
    first, second = one["candidates"][0], two["candidates"][0]
    busiest = first["busiest"]
    assert first["catchUpSeconds"] == pytest.approx(10 * busiest / (1 - busiest), abs=0.01)
    assert second["catchUpSeconds"] == pytest.approx(2 * first["catchUpSeconds"], abs=0.01)
    assert one["restart"] == [{"part": "restart", "seconds": 10.0, "source": "--restart"}]
    late = scaled("--restart", "10", "--rate", "clicks=20000", "--fixed", "count")
    assert late["candidates"][0]["keepsUp"] is False
    assert "catchUpSeconds" not in late["candidates"][0]
    assert "catchUpSeconds" not in scaled()["candidates"][0]


@pytest.mark.usefixtures("folder")
def test_moves_are_those_against_the_present_placement() -> None:
    invoke(["place", "job.yaml", "-c", "cluster.yaml", "-o", "job.placement.json"])
    data = scaled("-p", "job.placement.json")
    assert all("movedSlots" in one for one in data["candidates"])
    assert data["candidates"][0]["movedSlots"] <= 2


@pytest.mark.usefixtures("folder")
def test_tables_fit_the_screen() -> None:
    text = scale("--format", "text", "--rate", "clicks=4000", "--partitions", "clicks=6").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "no subtask busier than 70%" in text
    assert "\n * 70% " in text  # nothing of a row is squeezed out
    assert "7 of 128 key groups" in text
    assert "pipeline.jobvertex-parallelism-overrides:" in text


def test_without_a_cluster_there_are_no_placements(folder: Path) -> None:
    (folder / "cluster.yaml").unlink()
    data = scaled()
    assert all("taskManagers" not in one and "doesNotFit" not in one for one in data["candidates"])


def test_what_does_not_fit_says_so(folder: Path) -> None:
    (folder / "cluster.yaml").write_text(CLUSTER.replace("count: 4, cpu: 4", "count: 1, cpu: 4"))
    answer = scale("--rate", "clicks=9000", "--format", "json", code=3)
    assert "does not fit the cluster" in answer.stderr
    assert json.loads(answer.stdout)["candidates"][0]["doesNotFit"]


def test_a_batch_job_is_refused() -> None:
    answer = scale(str(FOLDER / "nightly-batch/job.yaml"), code=2)
    assert "batch job" in answer.stderr


def test_only_one_document_comes_from_stdin() -> None:
    assert "stdin" in scale("-", "-c", "-", code=2).stderr


def cluster_with(scheduler: str) -> dict[str, Any]:
    return {
        "/jobmanager/config": [{"key": "jobmanager.scheduler", "value": scheduler}],
        "/jobs": {"jobs": []},
    }


def test_what_cannot_be_applied_is_refused_before_anything_is_asked_of_a_job(folder: Path) -> None:
    invoke(["compile", "job.yaml", "-o", "job.profile.json"])
    invoke(["place", "job.yaml", "-c", "cluster.yaml", "-o", "job.placement.json"])
    with serving(cluster_with("Default")) as server:
        answer = scale("job.yaml", "--apply", "--rest", server.url, code=2)
    assert "--apply with --rest is for the adaptive scheduler" in answer.stderr
    assert not server.sent
    for text, arguments in REFUSED.items():
        with serving(cluster_with("Default")) as server, pytest.MonkeyPatch.context() as patch:
            for module in ("clusters", "recovery"):
                patch.setattr(f"planner.api.{module}.rest_of", lambda *_: Rest(server.url))
            answer = scale(*arguments, "--apply", code=2)
        assert text in answer.stderr
        assert not server.sent
    assert "no cluster in .planner" in scale("job.yaml", "--apply", code=2).stderr


REFUSED = {
    "needs the placement": ["job.profile.json"],
    "needs the profile of a program": [
        "job.profile.json",
        "-p",
        "job.placement.json",
        "-o",
        "new.profile.json",
    ],
}
"""What the command line says, by what it is given."""


@pytest.mark.usefixtures("folder")
def test_an_input_is_not_overwritten() -> None:
    assert "is an input" in scale("job.yaml", "-o", "job.yaml", code=2).stderr
