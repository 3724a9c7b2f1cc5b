"""What an interpreter prints is not believed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from planner.documents.profile import Program
from planner.flink.confined import EXIT_SECONDS
from planner.flink.errors import ProgramError
from planner.flink.pyflink import pyflink_graph

SECONDS = 60.0


def interpreter(folder: Path, script: str) -> str:
    """Return an interpreter that does what a shell script says."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "ended: it printed nothing"),
        ("echo why >&2; exit 3", "ended: why"),
        ("echo hello", "is no answer: it is not valid JSON"),
        ("echo '[]'", "expected a mapping"),
        ("echo null", "expected a mapping"),
        ("echo 7", "expected a mapping"),
        ("echo '{}'", "names no JVM"),
        ("""echo '{"port": "x", "error": null}'""", "port: "),
        ("""echo '{"port": 99999999, "error": null}'""", "port: "),
        ("""echo '{"port": -1}'""", "port: "),
        ("""echo '{"error": {"a": 1}}'""", "error: expected text"),
        ("""echo '{"missing": 7}'""", "missing: expected text"),
        ("""echo '{"missing": "numpy", "error": "cannot import numpy"}'""", "cannot import numpy"),
        ("printf '\\377\\376\\n'", "is no answer"),
        ("head -c 100000 /dev/zero | tr '\\000' '['", "is no answer"),
        ("yes x | tr -d '\\n'", "is no answer"),
        ("head -c 3000000 /dev/zero | tr '\\000' 'e' >&2; exit 1", "ended: eee"),
        ("""echo '{"port": 9, "error": null}'""", "names port 9, where no JVM has the program"),
    ],
)
def test_no_answer_is_a_traceback(tmp_path: Path, script: str, reason: str) -> None:
    (tmp_path / "job.py").write_text("")
    program = Program(file=str(tmp_path / "job.py"), kind="python")
    begun = time.monotonic()
    with (
        pytest.raises(ProgramError) as raised,
        pyflink_graph(program, interpreter(tmp_path, script), SECONDS),
    ):
        pass
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 1000
    assert time.monotonic() - begun < EXIT_SECONDS


def test_what_cannot_be_run(tmp_path: Path) -> None:
    file = tmp_path / "python"
    file.write_bytes(b"\x7fELF nothing")
    file.chmod(0o755)
    with (
        pytest.raises(ProgramError, match="Exec format error"),
        pyflink_graph(Program(file="job.py", kind="python"), str(file), SECONDS),
    ):
        pass
