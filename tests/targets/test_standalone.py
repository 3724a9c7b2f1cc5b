"""A placement on hosts: which process is started where and how, and that it is ended again."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from placements import check_as_planned, options_of, placement, profile, write
from typer.main import get_command

import planner
from planner.cli.app import app
from planner.targets.standalone_scripts import taskmanager_unit

HOSTS = """\
# where everything is
jobmanager node-1
large-0 node-2
large-1 node-1 reserve
small-1-0-0a107170 node-2
small-1-1-a7560b87 node-1   # beside the JobManager
small-1-2-80788d94 node-2
jobmanager-173240ea node-1
"""
SLEEPING = """#!/bin/sh
printf '%s\\0' "$FLINK_CONF_DIR" "${0##*/}" "$@" >"$FLINK_LOG_DIR/$(basename "$FLINK_CONF_DIR").started"
exec sleep 300
"""


@cache
def exported(hosts: str | None = None) -> tuple[planner.Placement, dict[str, str]]:
    job = profile()
    planned = placement(job)
    return planned, planner.export_standalone(planned, job, hosts=hosts)


def clusters(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the exported folder on processes that sleep."""
    return subprocess.run(
        ["sh", str(folder / "out/cluster.sh"), *arguments],
        env={
            "PATH": "/usr/bin:/bin",
            "FLINK_HOME": str(folder / "flink"),
            "FLINK_PID_DIR": str(folder / "pids"),
            "FLINK_LOG_DIR": str(folder / "logs"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    write(tmp_path / "out", exported(HOSTS)[1])
    write(tmp_path / "flink/bin", {"taskmanager.sh": SLEEPING, "jobmanager.sh": SLEEPING})
    for script in (tmp_path / "flink/bin").iterdir():
        script.chmod(0o755)
    yield tmp_path
    for pid in running(tmp_path).values():
        os.kill(pid, signal.SIGKILL)


def running(folder: Path) -> dict[str, int]:
    """Return the processes that sleep, by the names of their files."""
    pids = {file.stem: int(file.read_text()) for file in (folder / "pids").glob("*.pid")}
    return {name: pid for name, pid in pids.items() if Path(f"/proc/{pid}").exists()}


def started(folder: Path) -> dict[str, list[str]]:
    """Return what start scripts of Flink were started with, by the folder of their configuration."""
    files = (folder / "logs").glob("*.started")
    return {file.stem: file.read_text().split("\0")[1:-1] for file in files}


def until_started(folder: Path, count: int) -> dict[str, list[str]]:
    for _ in range(200):
        if len(found := started(folder)) == count:
            return found
        subprocess.run(["sleep", "0.05"], check=True)
    raise AssertionError(started(folder))


def test_hosts_start_and_stop_their_own_processes(folder: Path) -> None:
    planned, _ = exported(HOSTS)
    assert clusters(folder, "start", "node-2", "-D", "a.b=c d").returncode == 0
    found = until_started(folder, 3)
    assert found.keys() == {"large-0", "small-1-0-0a107170", "small-1-2-80788d94"}
    script, *words = found["large-0"]
    assert script == "taskmanager.sh"
    options = options_of(words)
    (large,) = (tm for tm in planned.task_managers if tm.id == "large-0")
    assert large.memory
    assert options == {
        "external-resources": large.memory.dynamic_options["external-resources"],
        "a.b": "c d",
    }
    assert ";" in options["external-resources"], "a list, which Flink's script would spell wrongly"
    assert clusters(folder, "start", "node-1").returncode == 0
    assert until_started(folder, 6).keys() == set(found) | {
        "jobmanager",
        "jobmanager-173240ea",
        "small-1-1-a7560b87",
    }
    assert clusters(folder, "spares", "node-1").returncode == 0
    assert "large-1" in until_started(folder, 7)
    assert len(running(folder)) == 7
    assert clusters(folder, "stop", "node-1").returncode == 0
    assert len(running(folder)) == 3
    assert clusters(folder, "stop", "node-2").returncode == 0
    assert not list((folder / "pids").iterdir())
    assert clusters(folder, "stop", "node-2").returncode == 0, "nothing to do is no fault"


def test_what_runs_is_not_started_again(folder: Path) -> None:
    clusters(folder, "start", "node-2")
    before = running(folder)
    os.kill(before["flink-orders-large-0"], signal.SIGKILL)
    for _ in range(100):
        if len(running(folder)) == 2:
            break
        subprocess.run(["sleep", "0.05"], check=True)
    again = clusters(folder, "start", "node-2")
    assert again.stdout.count("runs already") == 2
    after = running(folder)
    assert {name for name in before if before[name] != after[name]} == {"flink-orders-large-0"}


@pytest.mark.parametrize("arguments", [[], ["start"], ["start", "nowhere"], ["go", "node-1"]])
def test_wrong_arguments_say_what_to_write(arguments: list[str], folder: Path) -> None:
    done = clusters(folder, *arguments)
    assert done.returncode == 64
    assert "cluster.sh: say start, spares or stop, and a host that is in" in done.stderr


def test_the_configuration_is_that_of_flink_conf() -> None:
    job = profile()
    planned, files = exported(HOSTS)
    theirs = planner.export_flink_conf(planned, job, jobmanager="node-1")
    assert {name for name in theirs if files[name] != theirs[name]} == {"README.md"}
    assert files["hosts"].splitlines() == [
        " ".join(line.partition("#")[0].split()) for line in HOSTS.splitlines()[1:]
    ]
    assert planner.export_standalone(planned, job, hosts=files["hosts"]) == files, "not the same bytes"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("large-0 node-2\n", "", r"hosts: there is no line for large-0; say where each runs"),
        ("large-0 node-2", "large-0", r"hosts:3: write the name of a process and its host"),
        ("large-0 node-2", "large-0 node_2/", r"hosts:3: write the name"),
        ("large-0 node-2", "large-0 node-2 x", r"hosts:3: write the name"),
        ("large-0 node-2", "large-1 node-2", r"hosts:4: large-1 is there twice; leave one out"),
        (
            "large-0 node-2",
            "Small_1-0 node-2",
            r"hosts:3: the placement has no process 'Small_1-0'; it has job",
        ),
        ("jobmanager node-1", "jobmanager localhost", r"where large-0 on node-2 does not find it"),
    ],
)
def test_hosts_that_do_not_have_each_process_once_are_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(planner.NotExportable, match=message):
        exported(HOSTS.replace(old, new, 1))


def test_units_of_systemd_supervise_taskmanagers() -> None:
    planned, files = exported(HOSTS)
    units = {name: text for name, text in files.items() if name.startswith("systemd/")}
    assert len(units) == len(planned.task_managers) + 1
    verb = get_command(app).commands["supervise"]  # type: ignore[attr-defined]
    known = {option for parameter in verb.params for option in parameter.opts}
    found = set()
    for name, text in units.items():
        (command,) = re.findall("^ExecStart=(.*)$", text, re.MULTILINE)
        words = shlex.split(command)
        process = name.removeprefix("systemd/flink-orders-").removesuffix(".service")
        assert words[-3:] == ["/bin/sh", "${EXPORT}/start.sh", process]
        assert f"{process}/config.yaml" in files
        if process != "jobmanager":
            assert words[1:3] == ["planner", "supervise"]
            options = dict(zip(words[3:-4:2], words[4:-4:2], strict=True))
            assert options.keys() <= known
            assert options["--rest"] == "http://node-1:8081"
            assert options["-p"].removeprefix("${EXPORT}/") in files
            found.add(options["-t"])
    assert found == {tm.id for tm in planned.task_managers}
    assert "systemctl enable --now flink-orders-large-0 " in files["README.md"]


def test_the_name_of_a_taskmanager_is_one_word_of_systemd() -> None:
    text = taskmanager_unit("j", "n", 'a "b" 5%$x\\', "http://h:1")
    assert 'supervise -t "a \\"b\\" 5%%$$x\\\\" -p' in text


def test_options_of_every_process_are_those_of_the_placement() -> None:
    def flat(tree: dict[str, object], path: str = "") -> Iterator[tuple[str, str]]:
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from flat(value, f"{path}{key}.")
            else:
                yield f"{path}{key}", str(value)

    planned, files = exported(HOSTS)
    found = {}
    for name, text in files.items():
        if name.endswith("/config.yaml") and not name.startswith("jobmanager/"):
            options = dict(flat(yaml.safe_load(text)))
            assert options["jobmanager.rpc.address"] == "node-1"
            assert "taskmanager.bind-host" not in options
            found[options["taskmanager.resource-id"]] = options
    check_as_planned(found, planned)


def test_no_secret_is_written() -> None:
    job, (planned, _) = profile(), exported()
    secret = {"s3.secret-key": "hunter2secret"}
    edited = planned.model_copy(update={"flink_configuration": secret})
    files = planner.export_standalone(edited, job)
    assert not [name for name, text in files.items() if "hunter2secret" in text]
    assert "* `s3.secret-key`\n" in files["README.md"]
