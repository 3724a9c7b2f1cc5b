"""Names that lead nowhere, and numbers without end, in the place of every option that takes one."""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cli.hostile import COMPANIONS, NOWHERE
from in_process import invoke
from rest_server import planned

from planner import api
from planner.cli.app import app

PLACES = {
    "a-link-to-itself": "loop",
    "below-a-link-to-itself": "loop/x",
    "a-long-name": "x" * 300,
    "a-long-path": "y/" * 3000,
    "below-a-file": "job.yaml/x",
    "no-utf-8": "\udcff",
}
APPLY = ("migrate", "plan.profile.json", "-p", "plan.json", "--home", "--apply")
VERBS: dict[str, tuple[str, ...]] = {
    "status": ("status", "--dir", "@"),
    "down": ("down", "--dir", "@"),
    "up": ("up", "-p", "plan.json", "-D", "rest.port=1", "--dir", "@"),
    "up with a Flink": ("up", "-p", "plan.json", "--flink-home", "@"),
    "migrate": (*APPLY, "--dir", "@"),
    "migrate --status": ("migrate", "--status", "--dir", "@"),
    "migrate --resume": ("migrate", "--resume", "--dir", "@"),
    "migrate --to": ("migrate", "plan.profile.json", "-p", "plan.json", "--to", "@"),
    "supervise": ("supervise", "-t", "tm-0", "--dir", "@"),
    "supervise -p": ("supervise", "-t", "tm-0", "-p", "@", "--", "true"),
    "scale": ("scale", "plan.profile.json", "--job", "0" * 32, "--dir", "@"),
    "scale -p": ("scale", "plan.profile.json", "-c", "cluster.yaml", "-p", "@"),
    "diagnose": ("diagnose", "@"),
    "diagnose --dir": ("diagnose", "--dir", "@"),
    "diagnose -p": ("diagnose", "job.yaml", "-p", "@"),
    "verify": ("verify", "plan.json", "--dir", "@"),
    "verify --profile": ("verify", "plan.json", "--profile", "@", "--rest", NOWHERE),
    "run": ("run", "@", "--kind", "sql", "-p", "plan.json", "--rest", NOWHERE),
    "run --dir": ("run", "job.sql", "-p", "plan.json", "--dir", "@"),
    "run --from-savepoint": ("run", "job.sql", "-p", "plan.json", "--rest", NOWHERE, "--from-savepoint", "@"),
    "run --jar": ("run", "job.sql", "--jar", "@", "-p", "plan.json", "--rest", NOWHERE),
    "compile": ("compile", "@", "--kind", "sql"),
    "compile --catalogue": ("compile", "job.yaml", "--catalogue", "@"),
    "place --from": ("place", "job.yaml", "-c", "cluster.yaml", "--from", "@"),
    "recover -p": ("recover", "job.yaml", "-p", "@"),
    "import load": ("import", "load", "plan.profile.json", "--dir", "@"),
    "import job": ("import", "job", "--dir", "@"),
    "import cluster": ("import", "cluster", "--dir", "@"),
    "import deployment": ("import", "deployment", "@"),
    "explain memory": ("explain", "memory", "@"),
    "memory --config": ("memory", "--config", "@"),
}
NOTHING_THERE = frozenset({"status", "down", "migrate --status", "migrate --resume"})
"""What may say of such a place that there is nothing, which is fine."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    for name, text in COMPANIONS.items():
        (folder / name).write_text(text)
    placement, profile, _ = planned()
    api.save(placement, folder / "plan.json")
    api.save(profile, folder / "plan.profile.json")
    (folder / "job.sql").write_text("")
    (folder / "loop").symlink_to("loop")
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_a_place_that_cannot_be_is_said(verb: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    before = {*os.listdir(), ".planner"}
    for place in PLACES.values():
        answer = invoke([place if word == "@" else word for word in VERBS[verb]])
        assert answer.exit_code == 2 or (answer.exit_code in (0, 1) and verb in NOTHING_THERE), place
        assert answer.stderr.count("\n") <= 4
        assert "planner: " in answer.stderr or "DOC000" in answer.stderr, answer.stderr
    assert {*os.listdir(), ".planner"} == before


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "down",
        "migrate --status",
        "validate job.yaml",
        "diagnose",
        "compile job.sql",
        "place",
        "verify",
    ],
)
def test_the_current_folder_is_gone(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    answer = invoke(line.split())
    assert answer.exit_code in (0, 1, 2)
    assert "planner: " in answer.stderr or "DOC000" in answer.stdout


@pytest.fixture
def no_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with files whose names are bytes of no encoding."""
    (tmp_path / "b\udcffd.yaml").write_text("kind: Nope\n")
    (tmp_path / "b\udcffd.log").write_text("java.lang.OutOfMemoryError: Java heap space\n")
    (tmp_path / "b\udcffd.sql").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "line", ["validate b\udcffd.yaml", "validate *.yaml", "diagnose b\udcffd.log", "diagnose ."]
)
@pytest.mark.parametrize("form", ["text", "concise", "github", "json", "gitlab", "junit", "sarif"])
def test_names_of_files_that_are_no_text(line: str, form: str, no_utf_8: Path) -> None:
    if line.startswith("diagnose") and form not in ("text", "json", "sarif"):
        return
    told = invoke([*line.split(), "--format", form])
    assert told.exit_code == 1
    assert invoke([*line.split(), "--format", form, "-o", "out"]).exit_code == 1
    written = (no_utf_8 / "out").read_text()
    assert written == told.stdout
    if form in ("json", "gitlab", "sarif"):
        assert "b\ufffdd." in unquote(json.dumps(json.loads(written), ensure_ascii=False))


@pytest.mark.parametrize(
    "line",
    [
        "compile b\udcffd.sql",
        "compile job.sql --jar b\udcffd.sql",
        "compile job.sql -D a=\udcff",
        "compile x.jar --class \udcff",
        f"import job --rest {NOWHERE} --job \udcff",
        f"diagnose --rest {NOWHERE} --job \udcff",
        "import job --rest http://me:\udcff@127.0.0.1:9",
    ],
)
def test_words_that_are_no_text(line: str, no_utf_8: Path) -> None:
    answer = invoke(line.split())
    assert answer.exit_code == 2
    assert answer.stderr.startswith("planner: ")


def numbers() -> Iterator[tuple[str, Any]]:
    """Yield every option of every verb that takes a number, with what is declared of it."""
    commands = [(command.name, command.callback) for command in app.registered_commands]
    for group in app.registered_groups:
        commands += [(f"import {one.name}", one.callback) for one in group.typer_instance.registered_commands]
    for verb, function in commands:
        for name, hint in typing.get_type_hints(function, include_extras=True).items():
            kind, *declared = typing.get_args(hint) or (None,)
            if {int, float} & {kind, *typing.get_args(kind)}:
                yield f"{verb} {name}", declared[0]


def test_every_number_has_an_end() -> None:
    """What is infinite is no number of JSON, and no time that a system waits."""
    found = dict(numbers())
    assert len(found) > 15
    assert [name for name, option in found.items() if option.min is None or option.max is None] == []


@pytest.mark.parametrize("number", ["inf", "1e308", "nan", "1" + "0" * 400])
@pytest.mark.parametrize("option", ["--grace", "--window", "--cancel-limit", "--restarts"])
def test_a_specification_is_json(
    option: str, number: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    name = planned()[0].task_managers[0].id
    words = ("supervise", "-t", name, "-p", "plan.json", "--print", "spec")
    assert invoke([*words, option, number, "--", "true"]).exit_code == 2
    found = invoke([*words, option, "1", "--", "true"])
    json.loads(found.stdout, parse_constant=lambda constant: pytest.fail(constant))
