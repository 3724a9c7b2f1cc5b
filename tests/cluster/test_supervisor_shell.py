"""The supervisor in POSIX shell, with every shell that is here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from planner.cluster.supervise import SHELL_PROGRAM
from planner.cluster.supervisor import GAVE_UP, exit_name

SHELLS = [
    words
    for words in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"])
    if shutil.which(words[0]) is not None
] or [["sh"]]
EACH = [
    pytest.param(words, id=" ".join(words), marks=[pytest.mark.extended] if number else [])
    for number, words in enumerate(SHELLS)
]
SECONDS = 60.0


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


class Supervised:
    """A supervisor in a shell, and its journal."""

    def __init__(self, shell: list[str], folder: Path, script: str, *options: str) -> None:
        self.journal = folder / "journal.jsonl"
        words = [*shell, str(SHELL_PROGRAM), "-t", 'tm "1"', "-j", str(self.journal), *options]
        self.process = subprocess.Popen(
            [*words, "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def entries(self, decision: str) -> list[dict[str, Any]]:
        if not self.journal.exists():
            return []
        found = [json.loads(line) for line in self.journal.read_text().splitlines()]
        assert all(entry["taskManager"] == 'tm "1"' for entry in found)
        return [entry for entry in found if entry["decision"] == decision]

    def started(self, run: int = 1) -> int:
        process: int = until(lambda: self.entries("start")[run - 1 : run])[0]["process"]
        return process

    def over(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


Start = Callable[..., Supervised]


@pytest.fixture(params=EACH)
def supervised(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    running: list[Supervised] = []

    def start(script: str, *options: str) -> Supervised:
        running.append(Supervised(request.param, tmp_path, script, *options))
        return running[-1]

    yield start
    for one in running:
        with contextlib.suppress(ProcessLookupError):
            one.process.terminate()
        one.process.communicate(timeout=SECONDS)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_it_is_valid(shell: list[str]) -> None:
    subprocess.run([*shell, "-n", str(SHELL_PROGRAM)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_finds_nothing() -> None:
    subprocess.run(["shellcheck", "-s", "sh", str(SHELL_PROGRAM)], check=True)


def test_killed_it_is_started_again_and_stopped_it_ends(supervised: Start) -> None:
    run = supervised("exec sleep 1000")
    os.kill(run.started(), signal.SIGKILL)
    second = run.started(2)
    (entry,) = run.entries("restart")
    assert (entry["exitCode"], entry["exitName"], entry["outOfMemory"]) == (137, "SIGKILL", None)
    run.process.terminate()
    code, _, said = run.over()
    assert code == 143
    assert not Path(f"/proc/{second}").exists()
    assert 'tm "1": ended with 137 (SIGKILL); starting it again in 0 s' in said
    assert len(run.entries("stop")) == len(run.entries("exit")) == 1


def test_signals_are_passed_on(supervised: Start) -> None:
    run = supervised(
        "trap 'echo used' USR1; trap 'echo ends; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    )
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "ready\n"
    run.process.send_signal(signal.SIGUSR1)
    assert run.process.stdout.readline() == "used\n"
    run.process.send_signal(signal.SIGINT)
    assert run.over()[:2] == (7, "ends\n")


def test_what_does_not_end_is_killed(supervised: Start) -> None:
    run = supervised("trap '' TERM; echo ready; while :; do sleep 0.05; done", "-g", "1")
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "ready\n"
    run.process.terminate()
    assert run.over()[0] == 137


def test_it_gives_up_with_its_own_code(supervised: Start) -> None:
    run = supervised("exit 239", "-n", "2")
    code, _, said = run.over()
    assert code == GAVE_UP
    assert [entry["afterSeconds"] for entry in run.entries("restart")] == [0, 1]
    assert "giving up: 2 restarts in 3600 s; exit code 70" in said
    assert run.entries("give-up")[0]["exitName"] == exit_name(239)


def test_a_quiet_end_is_the_end(supervised: Start) -> None:
    assert supervised("echo done").over()[:2] == (0, "done\n")


def test_stopped_while_it_waits(supervised: Start) -> None:
    run = supervised("exit 1")
    until(lambda: len(run.entries("restart")) == 3)  # the next start is in 2 s
    run.process.terminate()
    assert run.over()[0] == 143
    assert len(run.entries("start")) == 3


def test_the_journal_is_bounded_and_may_fail(supervised: Start, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("x" * 2**20)
    run = supervised("exit 0")
    run.over()
    assert (tmp_path / "journal.jsonl.1").stat().st_size == 2**20
    assert len(run.entries("exit")) == 1
    os.mkfifo(tmp_path / "pipe")  # which nobody reads
    for journal in ("/no/such/folder/j", str(tmp_path / "pipe"), str(tmp_path), "/dev/full"):
        code, out, said = supervised("echo fine", "-j", journal).over()
        assert (code, out, said.count("going on without it")) == (0, "fine\n", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-n", "x", "--", "true"),
        ("-z", "--", "true"),
        ("-w", "9" * 20, "--", "true"),
        ("-g", "-1", "true"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["sh", str(SHELL_PROGRAM), *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: supervisor.sh" in done.stderr
