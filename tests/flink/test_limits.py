"""Processes are held to their CPU by control groups, where these can be made."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest

from planner.cluster import cgroups as limits


def test_a_process_starts_in_its_limited_group() -> None:
    folder = limits.folder_for(uuid.uuid4().hex)
    if folder is None:
        pytest.skip("control groups cannot be made here")
    try:
        command = limits.limited(folder, "one", 0.25, ["/bin/sh", "-c", "echo up; read line"])
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            assert str(process.pid) in (folder / "one/cgroup.procs").read_text().split()
            quota, period = _limit(folder / "one")
            assert quota / period == 0.25
            process.communicate("\n", timeout=10)
    finally:
        limits.remove(folder)
    assert not folder.exists()


def _limit(group: Path) -> tuple[int, int]:
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
        return int(quota), int(period)
    return int((group / "cpu.cfs_quota_us").read_text()), int((group / "cpu.cfs_period_us").read_text())


def test_where_no_group_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / limits.PROCESSES).touch()  # a place for processes, but without limits of CPU
    monkeypatch.setattr(limits, "_parents", lambda: iter([tmp_path / "none", tmp_path]))
    assert limits.folder_for("mark") is None
    assert [file.name for file in tmp_path.iterdir()] == [limits.PROCESSES]
