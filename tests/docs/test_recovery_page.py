"""docs/recovery.md: its commands are one walk on a real cluster, from the first to the last."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import ROOT, blocks

PAGE = ROOT / "docs/recovery.md"


@pytest.mark.flink
@pytest.mark.extended
def test_the_walk(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples/sql", tmp_path / "samples/sql")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    folder, lost = tmp_path, False
    commands = [
        line.removeprefix("$ ")
        for block in blocks(PAGE.read_text(encoding="utf-8"))
        if block.language == "console"
        for line in block.text.splitlines()
    ]
    assert commands[-1] == "planner down"
    try:
        for command in commands:
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )
            if command.endswith("cd walk"):
                folder = tmp_path / "walk"
            lost = (lost or command.startswith("kill")) and command != "planner up"
            expected = 1 if lost and command == "planner verify" else 0  # on those in reserve
            assert done.returncode == expected, f"{command}: {done.stderr}"
    finally:
        subprocess.run(["planner", "down"], cwd=folder, env=environment, capture_output=True, check=False)
