"""What Flink refuses when it builds a job graph, and programs that would run where they are compiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flink.commands import JAR, Run

pytestmark = pytest.mark.flink


def compiled(here: Run, folder: Path, entry: str, argument: str, *settings: str) -> dict[str, Any]:
    options = [part for setting in settings for part in ("-D", setting)]
    answer = here(folder, "compile", str(JAR), "--class", entry, "--args", argument, *options)
    profile: dict[str, Any] = json.loads(answer.stdout)
    return profile


@pytest.mark.parametrize(
    ("program", "settings", "reason"),
    [
        ("custom", [], "Unaligned checkpoints are currently not supported for custom partitioners"),
        ("together", ["execution.runtime-mode=BATCH"], "Cannot co-locate operators from different slot sharing"),
        ("plain", ["execution.state-recovery.approximate-local-recovery=true", "execution.checkpointing.unaligned.enabled=true", "execution.checkpointing.interval=10 s"], "can not be used together"),
        ("plain", ["pipeline.auto-generate-uids=false"], "Auto generated UIDs have been disabled"),
        ("plain", ["execution.runtime-mode=BATCH", "execution.sorted-inputs.enabled=false"], "requires the sorted inputs"),
    ],
)  # fmt: skip
def test_flinks_reason_is_told(
    folder: Path, here: Run, program: str, settings: list[str], reason: str
) -> None:
    options = [part for setting in settings for part in ("-D", setting)]
    arguments = [str(JAR), "--class", "UnusualJob", "--args", program, *options]
    assert reason in here(folder, "compile", *arguments, code=2).stderr


def test_what_the_program_sets_goes_before_what_is_given_beside_it(folder: Path, here: Run) -> None:
    given = ["parallelism.default=7", "pipeline.operator-chaining.enabled=true", "table.exec.state.ttl=1 h"]
    profile = compiled(here, folder, "UnusualJob", "settings", *given)
    options = profile["planner"]["flinkConfiguration"]
    assert options["parallelism.default"] == "3"
    assert options["pipeline.operator-chaining.enabled"] == "false"
    assert options["table.exec.state.ttl"] == "1 h"
    assert {node["profile"]["parallelism"] for node in profile["nodes"]} == {3}
    assert len(profile["vertices"]) == len(profile["nodes"])
    assert profile["planner"]["program"]["configuration"]["parallelism.default"] == "7"


def test_what_the_script_sets_goes_before_what_is_given_beside_it(folder: Path, here: Run) -> None:
    (folder / "job.sql").write_text(
        "SET 'execution.runtime-mode' = 'streaming'; SET 'parallelism.default' = '2';\n"
        "CREATE TABLE s (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '9');\n"
        "CREATE TABLE k (a INT) WITH ('connector' = 'blackhole');\nINSERT INTO k SELECT a FROM s;\n"
    )
    given = ["-D", "execution.runtime-mode=batch", "-D", "parallelism.default=5"]
    profile = json.loads(here(folder, "compile", "job.sql", *given).stdout)
    options = profile["planner"]["flinkConfiguration"]
    assert profile["planner"]["type"] == "streaming"
    assert options["execution.runtime-mode"].lower() == "streaming"
    assert options["parallelism.default"] == "2"
    assert {node["profile"]["parallelism"] for node in profile["nodes"]} == {2}


def test_side_outputs_and_caches_are_read_of_a_program(folder: Path, here: Run) -> None:
    profile = compiled(here, folder, "UnusualJob", "side", "execution.runtime-mode=BATCH")
    tags = {edge["planner"].get("outputTag") for edge in profile["edges"]}
    assert tags == {None, "odd"}
    profile = compiled(here, folder, "UnusualJob", "cache", "execution.runtime-mode=BATCH")
    types = {edge["type"] for vertex in profile["planner"]["vertices"] for edge in vertex.get("inputs", [])}
    assert types == {"BLOCKING", "BLOCKING_PERSISTENT"}
    profile = compiled(here, folder, "UnusualJob", "together")
    groups = [node["planner"].get("coLocationGroup") for node in profile["nodes"]]
    assert groups.count("pair") == 2


def test_a_program_of_the_second_api_is_compiled_and_not_run(folder: Path, here: Run) -> None:
    """Its operator makes a file where it runs."""
    ran = folder / "ran"
    profile = compiled(here, folder, "SecondApiJob", str(ran), "parallelism.default=3")
    assert not ran.exists()
    assert [node["desc"] for node in profile["nodes"]] == ["Source: numbers", "touch", "out: Writer"]
    assert [node["profile"]["parallelism"] for node in profile["nodes"]] == [3, 2, 3]
    assert "execution.target" not in profile["planner"]["flinkConfiguration"]


def test_a_program_of_the_second_api_is_refused_where_it_would_run(
    folder: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Flink keeps the environment elsewhere, before `main` runs."""
    monkeypatch.setattr("planner.flink.datastream_v2._PACKAGE", "elsewhere.")
    ran = folder / "ran"
    arguments = [str(JAR), "--class", "SecondApiJob", "--args", str(ran)]
    found = here(folder, "compile", *arguments, code=2).stderr
    assert "is of the DataStream API V2, which planner cannot compile" in found
    assert not ran.exists()
