"""Journals of supervisors as logs: what they restarted a TaskManager on, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import invoke

from planner.documents.finding import Severity
from planner.recover.diagnosis.diagnose import Diagnosis, diagnose

OPTIONS = {"taskmanager.memory.process.size": "4g", "state.backend.type": "hashmap"}


def entry(decision: str, second: int, **facts: Any) -> str:
    time = f"2026-03-02T02:31:{second:02d}.411Z"
    return json.dumps({"time": time, "taskManager": "tm 1", "decision": decision, "run": 1, **facts}) + "\n"


def found(*entries: str, log: str = "") -> list[Diagnosis]:
    logs = [
        ("tm-1.supervise.jsonl", ["".join(entries).encode()]),
        *([("tm-1.log", [log.encode()])] if log else []),
    ]
    return diagnose(logs, options=OPTIONS)


def restart(second: int, code: int, name: str, **facts: Any) -> str:
    return entry("restart", second, seen=f"ended with {code} ({name})", exitCode=code, **facts)


def test_memory_that_ran_out_comes_first() -> None:
    output = ["INFO a.b.C - fine", "java.lang.OutOfMemoryError: Metaspace", "RECEIVED SIGNAL 15: SIGTERM."]
    start = entry("start", 1, process=5)
    first, second = found(start, restart(20, 239, "-17", outOfMemory="metaspace", output=output))
    assert (first.kind.name, first.process, first.evidence.number) == ("metaspace", "tm_1", 2)
    assert first.evidence.text == "java.lang.OutOfMemoryError: Metaspace"
    assert first.changes[0].option == "taskmanager.memory.jvm-metaspace.size"
    assert (second.kind.name, second.follows, second.severity) == ("ended", 0, Severity.INFO)


def test_the_memory_of_the_container() -> None:
    first, second = found(restart(20, 137, "SIGKILL", outOfMemory="container", output=["x"]))
    assert (first.kind.name, first.process, second.kind.name) == ("container-killed", "tm_1", "ended")
    assert first.changes[0].option.startswith("taskmanager.memory.jvm-overhead.")


@pytest.mark.parametrize(
    ("told", "option"),
    [
        ("direct memory", "taskmanager.memory.task.off-heap.size"),
        ("metaspace", "taskmanager.memory.jvm-metaspace.size"),
        ("resident memory", "taskmanager.memory.jvm-overhead.min"),
        ("the number of threads", None),
    ],
)
def test_a_leak(told: str, option: str | None) -> None:
    end = entry("end", 20, reason="leak", seen=f"{told} at 91% of its limit, growing for 300 s")
    first, second = found(end, restart(21, 143, "SIGTERM"))
    assert (first.kind.name, first.process, second.follows) == ("leak", "tm_1", 0)
    assert (first.changes[0].option if first.changes else None) == option


def test_a_cancellation_that_hangs() -> None:
    end = entry("end", 20, reason="cancellation", seen="cancelling Source: a (3) takes 61 s")
    first, second = found(
        end, entry("kill", 30, seen="it has not ended by itself"), restart(31, 137, "SIGKILL")
    )
    assert (first.kind.name, second.kind.name) == ("stuck-cancel", "ended")


def test_a_kill_is_known_and_its_own_log_says_why() -> None:
    (alone,) = found(restart(20, 137, "SIGKILL"))
    assert (alone.kind.name, alone.severity, alone.changes) == ("ended", Severity.ERROR, ())
    log = (
        "2026-03-02 02:31:00,000 INFO  org.apache.flink.runtime.taskexecutor.TaskManagerRunner - Starting TaskManager"
        " with ResourceID: tm_1\n"
        "2026-03-02 02:31:19,000 ERROR org.apache.flink.runtime.taskexecutor.TaskManagerRunner - Fatal error occurred"
        " while executing the TaskManager. Shutting it down...\njava.lang.OutOfMemoryError: Metaspace\n"
    )
    first, *others = found(restart(20, 1, "Flink ended it after a fatal error"), log=log)
    assert first.kind.name == "metaspace"
    assert {one.kind.name for one in others} == {"fatal-error", "ended"}


def test_what_was_meant_is_no_failure() -> None:
    quiet = [entry("start", 1), entry("forward", 2, seen="SIGQUIT"), entry("stop", 3, seen="SIGTERM")]
    quiet += [entry("exit", 4, seen="ended with 143 (SIGTERM)", output=["OutOfMemoryError"])]
    quiet += [
        entry(name, 5, seen="metaspace ran out", changes=[]) for name in ("propose", "adjust", "take-back")
    ]
    assert found(*quiet) == []


def test_nonsense_is_no_traceback() -> None:
    for facts in (
        {"seen": 5},
        {"output": "x", "outOfMemory": 7},
        {"output": [1, None], "outOfMemory": "heap"},
    ):
        found(entry("restart", 1, **facts))
    assert found(json.dumps({"taskManager": 5, "decision": "restart"}), "{}\n", json.dumps([1])) == []


def test_journals_of_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "tm-1.supervise.jsonl").write_text(restart(20, 137, "SIGKILL"))
    answer = invoke(["diagnose", str(tmp_path)])
    assert (answer.exit_code, "its process ended unasked (ended)" in answer.stdout) == (1, True)
