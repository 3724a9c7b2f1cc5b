"""What ``planner up`` refuses before it starts anything, and what it would start."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from planner.api import place
from planner.cli.app import app
from planner.cluster import standalone
from planner.cluster.errors import ClusterFolderError
from planner.cluster.launches import launches, stock_launches
from planner.cluster.processes import LONGEST_NAME, names_files
from planner.cluster.standalone import read
from planner.documents.write import to_data, to_json
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import derive_taskmanager
from samples import FOLDER, SAMPLES, cluster_of, job_of

NAME = "click-enrichment"
CLUSTER = FOLDER / NAME / "cluster.yaml"
SMALL = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec: {taskManagerClasses: [{name: tm, count: 1, cpu: 1, memory: {process: 1 gb}}]}
"""


def up(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["up", *arguments])


@pytest.fixture(scope="module")
def placement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    placed = place(job_of(NAME), cluster_of(NAME))
    file = tmp_path_factory.mktemp("up") / "job.placement.json"
    file.write_text(to_json(to_data(placed)))
    return file


@pytest.mark.parametrize("name", SAMPLES)
def test_a_cluster_without_a_plan(name: str) -> None:
    cluster = cluster_of(name)
    found = stock_launches(cluster, {"taskmanager.load-balance.mode": "TASKS"})
    classes = {entry.name: entry for entry in cluster.spec.task_manager_classes}
    assert found.pop("jobmanager")[1]["taskmanager.load-balance.mode"] == "TASKS"
    assert len(found) == sum(entry.count or entry.max or 0 for entry in classes.values()) + len(
        cluster.spec.task_managers
    )
    for manager, (arguments, options) in found.items():
        memory = derive_taskmanager(options)
        assert list(arguments) == jvm_arguments(memory)
        shape = classes.get(manager.rpartition("-")[0])
        if shape is not None:
            assert memory.process == shape.memory.process or shape.memory.process is None
            assert options.get("taskmanager.numberOfTaskSlots") == (str(shape.slots) if shape.slots else None)
        assert not any(key.startswith("external-resource.slot-") for key in options)


def test_options_may_not_contradict_the_plan(placement: Path) -> None:
    result = up("-p", str(placement), "-D", "taskmanager.memory.managed.size=1b")
    assert result.exit_code == 2
    assert "-D taskmanager.memory.managed.size=1b: the placement sets it to" in result.stderr


@pytest.mark.parametrize("option", ["rest.port=8081", "taskmanager.resource-id=x"])
def test_options_that_planner_chooses(placement: Path, option: str) -> None:
    result = up("-p", str(placement), "-D", option)
    assert result.exit_code == 2
    assert f"-D {option.partition('=')[0]}: planner chooses that" in result.stderr


def test_memory_of_the_jobmanager() -> None:
    arguments, options = stock_launches(cluster_of(NAME), {"jobmanager.memory.heap.size": "300m"})[
        "jobmanager"
    ]
    assert "-Xmx314572800" in arguments
    assert "jobmanager.memory.process.size" not in options


def test_options_reach_every_process() -> None:
    placed = place(job_of(NAME), cluster_of(NAME))
    found = launches(placed, {"restart-strategy.type": "none"})
    assert all(options["restart-strategy.type"] == "none" for _, options in found.values())


def test_a_plan_for_another_cluster(placement: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    cluster = yaml.safe_load(CLUSTER.read_text())
    cluster["spec"]["taskManagerClasses"][0]["cpu"] = 99
    other.write_text(yaml.safe_dump(cluster))
    result = up(str(other), "-p", str(placement))
    assert result.exit_code == 2
    assert "was made for another cluster" in result.stderr


def test_a_cluster_that_this_machine_cannot_hold(tmp_path: Path) -> None:
    cluster = yaml.safe_load(CLUSTER.read_text())
    cluster["spec"]["taskManagerClasses"][0]["count"] = 5000
    (tmp_path / "huge.yaml").write_text(yaml.safe_dump(cluster))
    result = up(str(tmp_path / "huge.yaml"), "--dir", str(tmp_path / "state"))
    assert result.exit_code == 1
    assert "TaskManagers take" in result.stderr
    assert not (tmp_path / "state").exists()


def test_a_cluster_that_flink_would_not_start(tmp_path: Path) -> None:
    small = tmp_path / "small.yaml"
    cluster = yaml.safe_load(CLUSTER.read_text())
    cluster["spec"]["taskManagerClasses"][0]["memory"] = {"process": "700 mb"}
    small.write_text(yaml.safe_dump(cluster))
    result = up(str(small))
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.stderr
    assert "memory" in result.stderr.lower()


def test_a_prediction_is_no_plan(tmp_path: Path) -> None:
    job, output = FOLDER / NAME / "job.yaml", tmp_path / "flink.placement.json"
    strategy = ["--strategy", "flink-slots", "--seed", "7"]
    placed = CliRunner().invoke(app, ["place", str(job), "-c", str(CLUSTER), *strategy, "-o", str(output)])
    assert placed.exit_code == 0
    written = json.loads(output.read_text())
    assert (written["strategy"], written["meta"]["seed"]) == ("flink-slots", 7)
    result = up("-p", str(output))
    assert result.exit_code == 2
    assert "(flink-slots) is a simulation, not a placement" in result.stderr


def test_a_folder_without_flink_is_not_remembered(tmp_path: Path) -> None:
    small = tmp_path / "cluster.yaml"
    small.write_text(SMALL)
    result = up(str(small), "--flink-home", str(tmp_path), "--dir", str(tmp_path / "state"))
    assert result.exit_code == 2
    assert "is not a Flink distribution" in result.stderr
    assert read(tmp_path / "state") is None


@pytest.mark.parametrize("verb", ["up", "run job.sql", "verify"])
def test_a_placement_whose_memory_is_inconsistent_is_refused_at_its_place(placement: Path, verb: str) -> None:
    text = placement.read_text().replace(
        '"taskmanager.memory.network.max": "', '"taskmanager.memory.network.max": "-', 1
    )
    broken = placement.with_name("broken.placement.json")
    broken.write_text(text)
    line = 1 + text[: text.index('"dynamicOptions"')].count("\n")
    arguments = [*verb.split(), *([] if verb == "verify" else ["-p"]), str(broken)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert f"{broken}:{line}:" in result.stderr
    assert "memory settings are inconsistent" in result.stderr


@pytest.mark.parametrize("name", ["a" * 300, "é" * 125, "a/b", "..", "a\u202eb", "a\x00b", "a\nb", "\ud800"])
def test_an_id_that_cannot_name_a_file(tmp_path: Path, name: str) -> None:
    """Every TaskManager has a log, a control group and a folder of Flink's by its id."""
    with pytest.raises(ClusterFolderError, match="cannot be the id of a TaskManager here"):
        standalone.up(tmp_path, {"jobmanager": ([], {}), name: ([], {})}, 1)
    assert not [*tmp_path.iterdir()]


def test_the_longest_id_names_every_file(tmp_path: Path) -> None:
    name = "é" * (LONGEST_NAME // 2)
    assert names_files(name)
    (tmp_path / f"{name}.log.1").touch()
    (tmp_path / f"tm_{name}").mkdir()


@pytest.mark.parametrize("verb", ["up", "down"])
def test_another_planner_in_the_folder_is_no_bad_usage(tmp_path: Path, verb: str) -> None:
    (tmp_path / "cluster.yaml").write_text(SMALL)
    (tmp_path / standalone.STATE).write_text("{}")
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        arguments = [str(tmp_path / "cluster.yaml")] if verb == "up" else []
        result = CliRunner().invoke(app, [verb, *arguments, "--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert f"another planner process is using {tmp_path}" in result.stderr


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "config.yaml")

    monkeypatch.setattr(standalone, "prepare", full)
    (tmp_path / "cluster.yaml").write_text(SMALL)
    result = up(str(tmp_path / "cluster.yaml"), "--dir", str(tmp_path))
    assert result.exit_code == 2
    assert "config.yaml: No space left on device" in result.stderr


def test_the_list_of_verbs_is_not_cut() -> None:
    lines = CliRunner().invoke(app, ["--help"]).stdout.splitlines()
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert "[[" not in "".join(
        CliRunner().invoke(app, [verb, "--help"]).stdout for verb in ("up", "verify", "show")
    )
