"""``planner supervise``: what it would run, and that a small process of its own runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from in_process import Answer, invoke

from planner.api import place
from planner.cluster.processes import Ports
from planner.cluster.standalone import Standalone, write
from planner.cluster.supervise import PROGRAM, SHELL_PROGRAM
from planner.cluster.supervisor import read_spec
from planner.documents.write import to_data
from planner.memory.taskmanager import derive_taskmanager
from samples import cluster_of, job_of

NAME = "click-enrichment"
MEMORY_KB = 40 * 1024


@pytest.fixture(scope="module")
def placed() -> dict[str, Any]:
    data: dict[str, Any] = to_data(place(job_of(NAME), cluster_of(NAME)))
    return data


@pytest.fixture
def here(placed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a placement in it."""
    (tmp_path / "job.placement.json").write_text(json.dumps(placed))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def supervise(*arguments: str, code: int = 0) -> Answer:
    answer = invoke(["supervise", *arguments])
    assert answer.exit_code == code, answer.stderr
    return answer


def options_of(command: list[str]) -> dict[str, str]:
    return dict(
        after.split("=", 1)
        for word, after in pairwise(command)
        if word == "-D"  # the last one counts, as in Flink
    )


def test_what_flinks_script_would_run(here: Path, placed: dict[str, Any]) -> None:
    one = next(tm for tm in placed["taskManagers"] if tm["slots"])
    words = ["taskmanager.sh", "start-foreground", "-D", "a=b", "-D", "taskmanager.memory.process.size=1g"]
    answer = supervise(
        "-t", one["id"], "--rest", "https://me:hunter2@jm:443", "--print", "spec", "--", *words
    )
    assert "hunter2" not in answer.stdout
    found = json.loads(answer.stdout)
    assert found["command"][: len(words)] == words
    assert (found["rest"], found["taskManager"]) == ("https://jm:443", one["id"])
    options = options_of(found["command"])
    assert options.items() >= one["memory"]["dynamicOptions"].items()
    assert options["external-resources"] == one["memory"]["dynamicOptions"]["external-resources"]
    assert '"' not in options["external-resources"]
    assert options["taskmanager.resource-id"] == one["id"]
    assert options["taskmanager.numberOfTaskSlots"] == str(len(one["slots"]))
    memory = derive_taskmanager(one["memory"]["dynamicOptions"])
    assert derive_taskmanager(options) == memory, "the sizes of the image's configuration are set again"
    assert found["limits"]["resident"] == memory.process
    assert f"-XX:MaxDirectMemorySize={found['limits']['direct']}" in one["memory"]["jvmArguments"]
    assert f"-XX:MaxMetaspaceSize={found['limits']['metaspace']}" in one["memory"]["jvmArguments"]
    assert read_spec(answer.stdout).settings.restarts == 10


def test_java_itself_gets_the_arguments_of_the_jvm(here: Path, placed: dict[str, Any]) -> None:
    one = placed["taskManagers"][0]
    answer = supervise("-t", one["id"], "--print", "spec", "--", "/opt/java/bin/java", "-cp", "x", "Main")
    command = json.loads(answer.stdout)["command"]
    assert command[: 4 + len(one["memory"]["jvmArguments"])] == [
        "/opt/java/bin/java",
        *one["memory"]["jvmArguments"],
        *("-cp", "x", "Main"),
    ]


def test_settings(here: Path, placed: dict[str, Any]) -> None:
    given = ["--cancel-limit", "30", "--grace", "5", "--window", "60", "--restarts", "3", "--journal", "j"]
    answer = supervise("-t", placed["taskManagers"][0]["id"], *given, "--print", "spec", "--", "true")
    spec = read_spec(answer.stdout)
    settings = spec.settings
    assert (settings.cancel_limit, settings.grace, settings.window, settings.restarts) == (30, 5, 60, 3)
    assert spec.journal == "j"


def test_secrets_are_left_to_the_image(here: Path, placed: dict[str, Any]) -> None:
    data = json.loads(json.dumps(placed))
    one = data["taskManagers"][0]
    one["flinkConfiguration"] = {"s3.secret-key": "******", "env.x": "y", "s3.access.secret": "hunter2"}
    one["flinkConfiguration"] |= {"x.url": "jdbc://me:hunter2@h", "env.java.opts.all": "-Dpassword=hunter2"}
    data["flinkConfiguration"] = {"heartbeat.interval": "1 s"}
    (here / "job.placement.json").write_text(json.dumps(data))
    answer = supervise("-t", one["id"], "--print", "spec", "--", "true")
    assert "s3.secret-key" not in answer.stdout
    assert "hunter2" not in answer.stdout
    for key in ("s3.secret-key", "s3.access.secret", "x.url", "env.java.opts.all"):
        assert f"{key} holds a secret" in answer.stderr
    options = options_of(json.loads(answer.stdout)["command"])
    assert (options["env.x"], options["heartbeat.interval"]) == ("y", "1 s")


def followed(spec: dict[str, Any], *kinds: str) -> dict[str, Any]:
    """Return the step that a way leads to."""
    steps: dict[str, Any] = spec["adjust"]["steps"]
    for kind in kinds:
        found: dict[str, Any] = steps[kind]
        steps = found["then"]
    return found


@pytest.mark.parametrize("command", [("taskmanager.sh", "start-foreground"), ("java", "Main")])
def test_steps_are_those_of_the_placement(here: Path, placed: dict[str, Any], command: list[str]) -> None:
    one = placed["taskManagers"][0]
    answer = supervise("-t", one["id"], "--adjust", "apply", "--print", "spec", "--", *command)
    spec = read_spec(answer.stdout)
    found = json.loads(answer.stdout)
    assert spec.adjust.mode == "apply"
    before = derive_taskmanager(one["memory"]["dynamicOptions"])
    for way in (["metaspace"], ["direct"], ["direct", "metaspace"], ["container", "direct"]):
        step, words = spec.adjust.step(way), followed(found, *way)["words"]
        assert step is not None
        assert words.keys() <= set(found["command"])
        adjusted = [words.get(word, word) for word in found["command"]]
        options = options_of(adjusted)
        after = derive_taskmanager(options)  # totals and parts fit each other
        assert after.process <= before.process
        assert after != before
        for figure, limit in {**spec.limits, **step.limits}.items():
            if figure == "metaspace":
                assert limit == after.jvm_metaspace
            if figure == "direct":
                assert limit == after.framework_off_heap + after.task_off_heap + after.network
        if command[0] == "java":
            assert f"-Xmx{after.framework_heap + after.task_heap}" in adjusted
            assert f"-XX:MaxMetaspaceSize={after.jvm_metaspace}" in adjusted
        changed = {change["option"]: change["to"] for change in found["adjust"]["steps"][way[0]]["changes"]}
        assert len(way) > 1 or changed.items() <= options.items()


def test_adjusting_is_a_proposal_unless_told_otherwise(here: Path, placed: dict[str, Any]) -> None:
    words = ["-t", placed["taskManagers"][0]["id"], "--print", "spec"]
    assert json.loads(supervise(*words, "--", "true").stdout)["adjust"]["mode"] == "propose"
    off = json.loads(supervise(*words, "--adjust", "off", "--", "true").stdout)
    assert off["adjust"] == {"mode": "off", "steps": {}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--", "true"), "name a TaskManager"),
        (("-t", "none", "--", "true"), "no TaskManager 'none'; it has "),
        (("-t", "x", "--rest", "ftp://a", "--", "true"), "no TaskManager 'x'"),
        (("-t", "x"), "no cluster in"),
        (("-t", "x", "--journal", "j"), "are for a COMMAND"),
        (("-t", "x", "--adjust", "apply"), "needs the placement of the cluster"),
        (("-t", "x", "-p", "job.placement.json"), "no TaskManager 'x'"),
        (("-t", "x", "--print", "spec"), "needs a COMMAND"),
        (("-t", "x", "-p", "nothing.json", "--", "true"), "nothing.json"),
    ],
)
def test_what_is_refused(here: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in supervise(*arguments, code=2).stderr


def test_a_bad_address_is_refused(here: Path, placed: dict[str, Any]) -> None:
    answer = supervise("-t", placed["taskManagers"][0]["id"], "--rest", "ftp://a", "--", "true", code=2)
    assert "not a valid REST address" in answer.stderr


def test_the_programs_are_printed() -> None:
    assert supervise("--print", "python").stdout == PROGRAM.read_text()
    assert supervise("--print", "shell").stdout == SHELL_PROGRAM.read_text()


def test_it_becomes_a_small_process(here: Path, placed: dict[str, Any]) -> None:
    one = placed["taskManagers"][0]
    script = 'echo "$@"; tr "\\0" " " < /proc/$PPID/cmdline; grep VmHWM /proc/$PPID/status; read -r x || echo none; exit 0'
    words = ["supervise", "-t", one["id"], "--", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [sys.executable, "-m", "planner", *words], capture_output=True, text=True, timeout=60, check=True
    )
    options, second, stdin = done.stdout.splitlines()
    assert f"-D taskmanager.resource-id={one['id']}" in options
    process, _, memory = second.partition("VmHWM:")
    assert str(PROGRAM) in process
    assert int(memory.split()[0]) < MEMORY_KB
    assert stdin == "none"
    assert len((here / f"{one['id']}.supervise.jsonl").read_text().splitlines()) == 2


def test_the_placement_has_to_be_that_of_the_local_cluster(here: Path, placed: dict[str, Any]) -> None:
    """Nothing is ended where the placement says another memory than the cluster was started with."""
    one = placed["taskManagers"][0]
    options = {**one["memory"]["dynamicOptions"], "taskmanager.memory.managed.size": "1m"}
    launches = {"jobmanager": ([], {}), one["id"]: ([], options)}
    folder = here / ".planner"
    folder.mkdir()
    write(Standalone(folder, "0" * 32, Ports(1, 2), launches))
    words = ("-t", one["id"], "-p", "job.placement.json", "--adjust", "apply")
    assert "other memory than the cluster does" in supervise(*words, code=2).stderr
