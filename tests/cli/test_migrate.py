"""planner migrate without a cluster: what it shows and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from planner.cli.app import app

FILES = {
    "job.yaml": """apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  slotSharingGroups: [{name: g, resources: {cpu: 1, heap: 100 mb, offHeap: 0 mb}}]
  operators: [{id: s, kind: source, group: g, parallelism: 4}]
""",
    "cluster.yaml": """apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses: [{name: m, count: 3, cpu: 2, memory: {process: 1600 mb}}]
  reserve: {cover: any-one}
""",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert run("place", "-o", "j.placement.json")[0] == 0
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def held(file: Path) -> dict[str, int]:
    found = json.loads(file.read_text())["taskManagers"]
    return {tm["id"]: len(tm["slots"]) for tm in found}


def test_a_drain_is_shown_and_written(folder: Path) -> None:
    drained = next(name for name, count in held(folder / "j.placement.json").items() if count)
    code, shown, said = run("migrate", "--drain", drained, "--format", "text")
    assert code == 0
    assert f" {drained} " in shown
    assert "Restarts         2 of 4 subtasks" in shown  # every subtask is a region
    assert "keeps no TaskManager in reserve" in said
    code, shown, _ = run("migrate", "--drain", drained, "-o", "new.placement.json")
    assert (code, shown) == (0, "")
    assert drained not in held(folder / "new.placement.json")
    assert sum(held(folder / "new.placement.json").values()) == 4
    assert run("migrate", "-p", "j.placement.json", "--to", "new.placement.json")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of --drain, --hot, --replace, --to and --home"),
        (("--drain", "m-0", "--home"), "one of --drain, --hot, --replace, --to and --home"),
        (("--drain", "m-9"), "no TaskManager 'm-9'"),
        (("--replace", "m-0"), "write the ids of two TaskManagers"),
        (("--drain", "m-0", "--apply"), "-o new.placement.json"),
        (("--home", "--apply"), "no cluster runs in"),
        (("--home", "--on", "preRestat=x"), "write CALLBACK=COMMAND with one of preRequestResource"),
        (("--resume", "--abort"), "--resume, --abort: leave out all but one of them"),
        (("--status", "--drain", "m-0"), "--status, --drain: leave out all but one of them"),
        (("--home", "-o", "new.json"), "-o is for the new placement of --drain, --hot and --replace"),
        (("--home", "--on", "preRestart=a", "--on", "preRestart=b"), "--on preRestart is there twice"),
        (("--replace", "m-0=m-0"), "cannot take over what 'm-0' holds"),
        (("--replace", "m-0=m-1=m-2"), "no TaskManager 'm-1=m-2'"),
        (("--drain", "*"), "no TaskManager '*'"),
        (("--drain", ""), "no TaskManager ''"),
        (("--drain", "m-0", "-o", "cluster.yaml"), "cluster.yaml is an input of this command"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    code, _, shown = run("migrate", *arguments)
    assert code == 2
    assert said in " ".join(shown.split())


def edited(data: dict[str, Any], how: str) -> str:
    """Return a placement that somebody has changed."""
    tms = data["taskManagers"]
    used = [tm for tm in tms if tm["slots"]]
    match how:
        case "holds nothing":
            tms.clear()
        case "reserve holds slots":
            for tm in tms:
                tm["reserve"] = True
        case "one is gone":
            tms.remove(used[0])
        case "one is another":
            return json.dumps(data).replace(f'"{used[0]["id"]}"', '"../ghost"')
        case "no memory":
            for tm in tms:
                del tm["memory"]
        case "odd memory":
            used[0]["memory"]["dynamicOptions"] = {
                "taskmanager.memory.process.size": "1 b",
                "": "\n",
                "a b": ";",
            }
        case "unknown classes":
            for tm in tms:
                tm["class"] = "ghost"
        case "many quotas":
            used[0]["quotas"] = {"g": 1000}
        case "all on one":
            used[0]["slots"] += used[1]["slots"]
            used[1]["slots"] = []
    return json.dumps(data)


@pytest.mark.parametrize(
    "how",
    ["holds nothing", "reserve holds slots", "one is gone", "one is another", "no memory", "odd memory",
     "unknown classes", "many quotas", "all on one"],
)  # fmt: skip
def test_placements_that_were_edited(how: str, folder: Path) -> None:
    data = json.loads((folder / "j.placement.json").read_text())
    used, free = (
        next(tm["id"] for tm in data["taskManagers"] if bool(tm["slots"]) is holds) for holds in (True, False)
    )
    (folder / "edited.json").write_text(edited(data, how))
    for line in (
        f"migrate -p edited.json --drain {used}",
        f"migrate -p edited.json --hot {used}",
        f"migrate -p edited.json --replace {used}={free}",
        "migrate -p edited.json --to j.placement.json",
        "migrate -p j.placement.json --to edited.json",
        "recover -p edited.json -c cluster.yaml --task s",
        f"explain memory edited.json -t {used}",
        f"supervise -p edited.json -t {used} --print spec -- java",
    ):
        code, _, said = run(*line.split())
        assert code in (0, 1, 2, 3), line
        assert code == 0 or said, line
        if how == "reserve holds slots":
            assert (code, "it is in reserve and holds slots" in said) == (1, True), line


def test_nothing_is_unfinished(folder: Path) -> None:
    for option in ("--status", "--resume", "--abort"):
        code, _, said = run("migrate", option)
        assert code == 0
        assert "no migration in .planner is unfinished" in said


def test_a_job_that_changed_is_refused(folder: Path) -> None:
    (folder / "job.yaml").write_text(FILES["job.yaml"].replace("cpu: 1", "cpu: 1.5"))
    code, _, said = run("migrate", "--home")
    assert code == 2
    assert "another version of this job" in said
