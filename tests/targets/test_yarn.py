"""A placement as an application on YARN: one size of containers, and what that loses."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from placements import placement, profile, write

import planner
from planner.documents.job import flatten_configuration
from planner.documents.write import to_data
from planner.memory.taskmanager import derive_taskmanager
from planner.targets.options import process_options

GOLDEN = Path(__file__).parent.parent / "golden/orders.yarn.txt"


@cache
def placed(flink: str = "2.2") -> tuple[planner.ResourceProfile, planner.Placement]:
    job = profile(flink)
    return job, placement(job)


@cache
def exported(flink: str = "2.2", **parameters: Any) -> tuple[planner.Placement, dict[str, str]]:
    job, planned = placed(flink)
    return planned, planner.export_yarn(planned, job, **parameters)


def options(files: dict[str, str]) -> dict[str, str]:
    (name,) = (name for name in files if name.endswith(".yaml"))
    return flatten_configuration(yaml.safe_load(files[name]))


def test_a_placement_is_refused_with_what_it_would_lose() -> None:
    with pytest.raises(planner.NotExportable) as caught:
        exported()
    planned, files = exported(degrade=True)
    lost = planner.lost_on_yarn(planned)
    assert [one.split(":")[0] for one in lost] == ["Sizes", "Quotas", "Reserve"]
    assert " ".join(lost) in str(caught.value)
    assert all(f"* {one}\n" in files["README.md"] for one in lost)
    assert "native" not in "".join(lost)


@pytest.mark.parametrize("flink", ["1.20", "2.2"])
def test_a_container_has_room_for_what_any_taskmanager_holds(flink: str) -> None:
    planned, files = exported(flink, degrade=True)
    found = options(files)
    memory = derive_taskmanager(found)
    for tm in planned.task_managers:
        if not tm.reserve:
            wanted = derive_taskmanager(process_options(planned, tm))
            for part in ("task_heap", "task_off_heap", "managed", "network"):
                assert getattr(memory, part) >= getattr(wanted, part)
    assert found["yarn.containers.vcores"] == "4"
    assert found["yarn.application.name"] == "orders"
    assert not [key for key in found if "slot-" in key]


def test_options_are_flinks() -> None:
    """No finding but that planner's own quotas are gone: keys, values and memory of both processes."""
    for flink in ("1.20", "2.2"):
        _, files = exported(flink, degrade=True, node_label="batch_1")
        (name,) = (name for name in files if name.endswith(".yaml"))
        found = planner.validate(*planner.load(files[name].encode(), name))
        assert [one for one in found if "user.text" not in one.message] == []
        assert options(files)["yarn.taskmanager.node-label"] == "batch_1"


def test_a_placement_on_one_taskmanager_loses_nothing() -> None:
    data = to_data(exported(degrade=True)[0])
    data["taskManagers"] = [one for one in data["taskManagers"] if one["id"] == "large-0"]
    planned = planner.Placement.model_validate(data)
    assert planner.lost_on_yarn(planned) == []
    assert "What is lost" not in planner.export_yarn(planned, profile())["README.md"]


def test_a_label_that_yarn_would_not_take() -> None:
    with pytest.raises(planner.NotExportable, match="'a b' is not the label of a node"):
        exported(degrade=True, node_label="a b")


def test_no_secret_is_written() -> None:
    secret = {"s3.secret-key": "hunter2secret", "fs.url": "s3://KEY:hunter2secret@bucket"}
    job, planned = placed()
    given = [tm.model_copy(update={"flink_configuration": secret}) for tm in planned.task_managers]
    edited = planned.model_copy(update={"task_managers": given, "flink_configuration": secret})
    files = planner.export_yarn(edited, job, degrade=True)
    assert not [name for name, text in files.items() if "hunter2secret" in text]
    assert "* `s3.secret-key`\n" in files["README.md"]


@pytest.mark.parametrize(("flink", "action"), [("1.20", "run-application"), ("2.2", "run")])
def test_the_script_calls_flinks_client(tmp_path: Path, flink: str, action: str) -> None:
    write(tmp_path / "yarn", exported(flink, degrade=True)[1])
    client = tmp_path / "flink/bin/flink"
    client.parent.mkdir(parents=True)
    client.write_text('#!/bin/sh\necho "$FLINK_CONF_DIR" "$@"\n')
    client.chmod(0o755)
    words = ["sh", str(tmp_path / "yarn/run.sh"), "a b.jar", "--x"]
    bare = {key: value for key, value in os.environ.items() if key not in ("HADOOP_CLASSPATH", "FLINK_HOME")}
    there = {**bare, "FLINK_HOME": str(tmp_path / "flink")}
    done = subprocess.run(words, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "HADOOP_CLASSPATH is not set" in done.stderr
    done = subprocess.run(
        words, env={**there, "HADOOP_CLASSPATH": "x"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split(" ", 1) == [
        str(tmp_path / "yarn/conf"),
        f"{action} -t yarn-application a b.jar --x\n",
    ]


def test_the_files_are_those_of_the_golden_file(pytestconfig: pytest.Config) -> None:
    files = exported(degrade=True, node_label="batch")[1]
    text = "".join(f"======== {name}\n{content}" for name, content in files.items())
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
