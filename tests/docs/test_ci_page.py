"""docs/ci.md: its commands are one walk, and print what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from docs.pages import ROOT, blocks

PAGE = ROOT / "docs/ci.md"


def test_the_walk(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples/click-enrichment", tmp_path / "samples/click-enrichment")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    folder = tmp_path
    steps = 0
    for block in blocks(PAGE.read_text(encoding="utf-8")):
        if block.language == "yaml" and block.text.startswith("# deployment.yaml"):
            (folder / "deployment.yaml").write_text(block.text.partition("\n")[2])
        if block.language != "console":
            continue
        for step in block.text.removeprefix("$ ").split("\n$ "):
            command, _, printed = step.partition("\n")
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == (1 if "--fail-on error" in command else 0), f"{command}: {done.stderr}"
            assert done.stdout.rstrip("\n") == printed.rstrip("\n"), command
            if " cd " in command:
                folder = folder / command.rpartition(" cd ")[2]
            steps += 1
    assert steps > 10
    comment = (folder / "comment.md").read_text(encoding="utf-8")
    assert comment.startswith("```mermaid\nflowchart LR\n")
    assert "| TaskManagers | before | after |" in comment


def test_its_files_for_ci_systems_are_yaml() -> None:
    found = [block.text for block in blocks(PAGE.read_text(encoding="utf-8")) if block.language == "yaml"]
    assert [text.partition("\n")[0] for text in found] == [
        "# deployment.yaml",
        "# .github/workflows/flink.yml",
        "# .gitlab-ci.yml",
    ]
    for text in found:
        assert isinstance(yaml.safe_load(text), dict)
