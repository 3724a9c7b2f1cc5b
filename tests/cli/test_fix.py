"""``planner validate --fix`` and ``--diff``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from planner.cli.app import app

WRONG = """\
# ours
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: a}
spec:
  serviceAccount: flink
  flinkVersion: "1.20"  # the cluster's
  flinkConfiguration: {state.backend: rocksdb, s3.secret-key: abcdefgh}
  jobManager: {resource: {memory: 1600m, cpu: 1}}
  taskManager: {resource: {memory: 2g, cpu: 1}}
"""
RIGHT = WRONG.replace('"1.20"', "v1_20").replace("state.backend:", "state.backend.type:")


def run(*arguments: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, ["validate", *arguments], input=stdin)


def test_a_diff_writes_nothing_and_applies(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(WRONG.replace(", s3.secret-key: abcdefgh", ""))
    result = run(str(file), "--diff")
    assert result.exit_code == 1
    assert file.read_text() == WRONG.replace(", s3.secret-key: abcdefgh", "")
    patch = result.stdout.replace(str(file), "d.yaml")
    subprocess.run(["patch", "-p1"], input=patch, text=True, cwd=tmp_path, check=True, capture_output=True)
    assert file.read_text() == RIGHT.replace(", s3.secret-key: abcdefgh", "")
    assert run(str(file), "--diff").exit_code == 0


def test_files_are_written_and_what_is_left_is_reported(tmp_path: Path) -> None:
    file, other = tmp_path / "d.yaml", tmp_path / "e.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + WRONG.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    other.write_text(RIGHT)
    result = run(str(file), str(other), "--fix", "--format", "concise")
    assert file.read_bytes() == b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert (other.read_text(), result.exit_code) == (RIGHT, 0)
    assert [line.split(": ")[1].split()[0] for line in result.stdout.splitlines()] == ["OPS606", "OPS606"]
    assert "+  flinkVersion: v1_20" in result.stderr
    assert "abcdefgh" not in result.output


def test_the_summary_says_what_can_be_corrected(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(WRONG)
    assert "; --fix corrects 1 of them, --diff shows how" in run(str(file)).stderr
    assert "--fix" not in run(str(file), "--fix").stderr


def test_what_cannot_be_written_says_so_and_stays(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(WRONG)
    file.chmod(0o440)
    result = run(str(file), "--fix")
    assert (result.exit_code, file.read_text()) == (2, WRONG)
    assert "d.yaml cannot be written" in result.stderr


def test_stdin_has_a_diff_and_no_fix() -> None:
    assert "+  flinkVersion: v1_20" in run("-", "--diff", stdin=WRONG).stdout
    result = run("-", "--fix", stdin=WRONG)
    assert result.exit_code == 2
    assert "--diff shows what would change" in result.stderr


def test_an_ignored_code_is_left(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(WRONG)
    run(str(file), "--fix", "--ignore", "CFG")
    assert "state.backend:" in file.read_text()


def test_a_version_of_the_operator_is_one_that_is_known(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(
        RIGHT.replace("resource: {memory: 2g, cpu: 1}", "resources: {requests: {memory: 2g, cpu: 1}}")
    )
    assert run(str(file), "--operator-version", "1.16").exit_code == 0
    assert run(str(file), "--operator-version", "1.15").exit_code == 1
    assert "one of 1.15, 1.16" in run(str(file), "--operator-version", "2").stderr
