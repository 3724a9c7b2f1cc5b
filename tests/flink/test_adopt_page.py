"""docs/adopt.md: from a FlinkDeployment to a running plan, as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages import ROOT, blocks

PAGE = ROOT / "docs/adopt.md"
FILES = {"yaml": ("# ", "deployment.yaml"), "sql": ("-- ", "totals.sql")}


@pytest.mark.flink
@pytest.mark.extended
def test_from_a_deployment_to_a_running_plan(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    def run(command: str) -> None:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"

    found = blocks(PAGE.read_text(encoding="utf-8"))
    for block in found:
        comment, name = FILES.get(block.language, ("", ""))
        if name and block.text.startswith(f"{comment}{name}"):
            (tmp_path / name).write_text(block.text.partition("\n")[2])
    commands = [
        line.removeprefix("$ ")
        for block in found
        if block.language == "console"
        for line in block.text.splitlines()
    ]
    assert len(commands) == 7
    try:
        for command in commands:
            run(command)
    finally:
        subprocess.run(["sh", "-c", "planner down"], cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "deploy/README.md").exists()
