"""``planner diagnose``: files and folders, formats, exit codes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from in_process import invoke
from rest_server import planned

from planner import api
from planner.memory.taskmanager import derive_taskmanager
from planner.units import MIB

LOGS = Path(__file__).parent.parent / "recover/logs"
HEAP, KILLED = LOGS / "composed-gc", LOGS / "composed-container-killed"
HEALTHY, TO_KNOW = LOGS / "composed-healthy-user-log", LOGS / "composed-re-registered"


def test_exit_codes(tmp_path: Path) -> None:
    assert invoke(["diagnose", str(HEAP)]).exit_code == 1
    healthy = invoke(["diagnose", str(HEALTHY)])
    assert (healthy.exit_code, healthy.stdout, healthy.stderr) == (0, "", "1 log read: nothing failed\n")
    assert invoke(["diagnose", str(TO_KNOW)]).exit_code == 0
    assert invoke(["diagnose", str(TO_KNOW), "--fail-on", "info"]).exit_code == 1
    assert invoke(["diagnose", str(HEAP), "--fail-on", "never"]).exit_code == 0
    for name in ("nothing", str(tmp_path), "a" * 5000, str(HEAP / "tm-1.log/x")):
        answer = invoke(["diagnose", name])
        assert answer.exit_code == 2
        assert name[:300] in answer.stderr


def test_the_logs_of_a_folder(tmp_path: Path) -> None:
    for name in ("tm.log", "tm.log.1", "flink-root-taskexecutor-0-host.out"):
        (tmp_path / name).write_bytes((HEAP / "tm-1.log").read_bytes())
    (tmp_path / "notes.txt").write_text("java.lang.OutOfMemoryError: Java heap space")
    assert "3 logs read: 1 first cause" in invoke(["diagnose", str(tmp_path)]).stderr


def test_the_logs_of_the_local_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".planner/log").mkdir(parents=True)
    (tmp_path / ".planner/log/tm-1.log").write_bytes((HEAP / "tm-1.log").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert "the Java heap is full" in invoke(["diagnose"]).stdout
    assert invoke(["diagnose", "--dir", "elsewhere"]).exit_code == 2


def test_stdin() -> None:
    text = (HEAP / "tm-1.log").read_text()
    answer = invoke(["diagnose", "-"], stdin=text)
    assert answer.exit_code == 1
    assert "<stdin>:3" in answer.stdout


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_a_device_is_no_log(device: str) -> None:
    answer = invoke(["diagnose", device])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert f"cannot read {device}: it is a device, which has no end" in answer.stderr


def test_compressed_logs(tmp_path: Path) -> None:
    packed = gzip.compress((HEAP / "tm-1.log").read_bytes())
    (tmp_path / "tm.log.1.gz").write_bytes(packed)
    assert "the Java heap is full" in invoke(["diagnose", str(tmp_path)]).stdout
    for broken in (packed[:40], packed[:100] + bytes(9), packed[:2]):
        (tmp_path / "tm.log.1.gz").write_bytes(broken)
        answer = invoke(["diagnose", str(tmp_path)])
        assert answer.exit_code == 2
        assert f"cannot read {tmp_path}/tm.log.1.gz: " in answer.stderr


def test_of_what_is_no_text_it_is_said(tmp_path: Path) -> None:
    for content in (
        b"\x7fELF" + bytes(range(256)) * 9,
        "ERROR a.b - c\n".encode("utf-16-le") * 9,
        b"PK\3\4" + b"\xff" * 99,
    ):
        (tmp_path / "x.log").write_bytes(content)
        assert "x.log is no text, so nothing can be told of it" in invoke(["diagnose", str(tmp_path)]).stderr
    for text in (
        b"",
        b"\0" * 9000,
        "\x1b[31mERROR\x1b[0m ü\n".encode("latin-1") * 9,
        "ERROR\n".encode("utf-16") * 9,
    ):
        (tmp_path / "x.log").write_bytes(text)
        assert "is no text" not in invoke(["diagnose", str(tmp_path)]).stderr


def test_json() -> None:
    answer = invoke(["diagnose", str(KILLED), "--format", "json"])
    first, second = json.loads(answer.stdout)
    assert (first["class"], first["firstCause"], second["follows"]) == ("container-killed", True, 0)
    assert first["process"] == "orders-taskmanager-1-2"
    assert first["file"].endswith("jobmanager.log")
    assert "OOMKilled" in (KILLED / "jobmanager.log").read_text().splitlines()[first["line"] - 1]
    options = {change["option"]: (change["from"], change["to"]) for change in first["changes"]}
    assert options["state.backend.rocksdb.memory.managed"] == ("false", "true")


def test_sarif(tmp_path: Path) -> None:
    output = tmp_path / "out.sarif"
    assert invoke(["diagnose", str(KILLED), "--format", "sarif", "-o", str(output)]).exit_code == 1
    (run,) = json.loads(output.read_text())["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["container-killed", "connection-lost"]
    assert [result["level"] for result in run["results"]] == ["error", "note"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 10


def test_secrets_and_control_characters_of_a_log_are_masked(tmp_path: Path) -> None:
    log = tmp_path / "tm.log"
    log.write_text(
        "2026-03-02 02:31:10,420 WARN  org.apache.flink.runtime.taskmanager.Task - a (1/1)#0 (b_c_0_0) switched from"
        " RUNNING to FAILED with failure cause:\n"
        "java.sql.SQLException: \x1b[31mno route to jdbc://user:hunter2@db/x with password=hunter3\n"
        "\tat com.example.Sink.open(Sink.java:3)\n"
    )
    for form in ("text", "json", "sarif"):
        answer = invoke(["diagnose", str(log), "--format", form])
        assert "SQLException" in answer.stdout
        assert not {"hunter2", "hunter3", "\x1b"} & {
            word for word in ("hunter2", "hunter3", "\x1b") if word in answer.stdout
        }


def test_a_placement_says_what_its_taskmanagers_have(tmp_path: Path) -> None:
    placement, _, _ = planned()
    api.save(placement, tmp_path / "plan.json")
    tm = placement.task_managers[0]
    (tmp_path / "jm.log").write_text(
        "2026-03-02 02:31:31,411 INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - count (1/2) (a_b_0_0)"
        f" switched from RUNNING to FAILED on {tm.id} @ host (dataPort=4711).\n"
        "java.lang.OutOfMemoryError: Java heap space\n"
    )
    answer = invoke(
        ["diagnose", str(tmp_path / "jm.log"), "-p", str(tmp_path / "plan.json"), "--format", "json"]
    )
    (found,) = json.loads(answer.stdout)
    assert tm.memory is not None
    options = tm.memory.dynamic_options
    for change in found["changes"]:
        assert change["fromSource"] == "the placement"
        assert change["from"] == options[change["option"]]
    changed = {change["option"]: change["to"] for change in found["changes"]}
    before, after = derive_taskmanager(options), derive_taskmanager({**options, **changed})
    assert after.task_heap > before.task_heap
    assert after.process <= before.process + MIB or "the process grows" in answer.stdout
    assert "raise heap of its groups" in answer.stdout


def test_a_log_is_not_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "tm.log"
    log.write_bytes((HEAP / "tm-1.log").read_bytes())
    assert invoke(["diagnose", str(log), "-o", str(log)]).exit_code == 2
    assert log.read_bytes() == (HEAP / "tm-1.log").read_bytes()


def test_every_line_fits_a_terminal() -> None:
    for folder in LOGS.iterdir():
        for line in invoke(["diagnose", str(folder)]).stdout.splitlines():
            assert len(line) <= 80 or " " not in line.strip()
