"""``planner validate --fix`` and ``--diff``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
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


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_diff_writes_nothing_and_applies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.chdir(tmp_path)
    wrong, right = (text.replace(", s3.secret-key: abcdefgh", "\t") for text in (WRONG, RIGHT))
    file = tmp_path / "d.yaml"
    file.write_bytes(wrong.replace("\n", end).encode())
    result = run("d.yaml", "--diff")
    assert result.exit_code == 1
    assert file.read_bytes() == wrong.replace("\n", end).encode()
    subprocess.run(["patch", "-p1", "--binary"], input=result.stdout_bytes, check=True, capture_output=True)
    assert file.read_bytes() == right.replace("\n", end).encode()
    assert run("d.yaml", "--diff").exit_code == 0


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
    assert "; --diff shows what --fix corrects" in run(str(file)).stderr
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


SECRETS = (
    """\
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {plain: geheim0}
---
"""
    + WRONG.replace("abcdefgh", "geheim1")
    + """\
  podTemplate:
    spec:
      containers:
      - name: flink-main-container
        args: [--password, geheim2]
        env:
        - name: MY_TOKEN
          value: "geheim3"
        - {name: DB_PASSWORD, value: 98765432}
        - name: API_SECRET
          value: 87654321
        - name: PLAIN
          value: 5
      volumes: [{name: v, secret: {secretName: seen}}]
"""
)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(SECRETS)
    for arguments in ([], ["--diff"], ["--fix"]):
        output = run(str(file), *arguments).output
        for secret in ("geheim", "98765432", "87654321"):
            assert secret not in output
    assert 'value: "5"' in file.read_text()
    assert "value: 87654321" in file.read_text()  # a change that nobody sees is none of --fix


def test_several_secrets_in_one_line_are_all_hidden(tmp_path: Path) -> None:
    more = (
        "a.password: longsecretvalue1, b.password: geheim2, c.token: geheim3geheim3, s3.secret-key: abcdefgh"
    )
    (file := tmp_path / "d.yaml").write_text(WRONG.replace("s3.secret-key: abcdefgh", more))
    shown = run(str(file), "--diff").stdout
    assert "a.password: ******, b.password: ******, c.token: ******, s3.secret-key: ******}" in shown
    assert not any(secret in shown for secret in ("longsecret", "geheim", "abcdefgh"))


def test_what_cannot_be_read_is_said_beside_a_diff(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(WRONG)
    (broken := tmp_path / "b.yaml").write_text("a: [")
    result = run(str(file), str(broken), str(tmp_path / "none.yaml"), "--diff")
    assert result.exit_code == 2
    assert "+  flinkVersion: v1_20" in result.stdout
    assert "b.yaml:1" in result.stderr
    assert "none.yaml" in result.stderr


def test_two_names_of_one_file_are_one(tmp_path: Path) -> None:
    (file := tmp_path / "d.yaml").write_text(WRONG)
    (other := tmp_path / "link.yaml").symlink_to(file)
    result = run(str(file), str(other), "--fix")
    assert (file.read_text(), result.exit_code) == (RIGHT, 0)
    assert result.stderr.count("+  flinkVersion") == 1


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
    assert "use one of 1.15, 1.16" in run(str(file), "--operator-version", "2").stderr
