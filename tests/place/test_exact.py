"""What placements claim, against an exact solver: a few of what bench/exact.py compares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.extended
@pytest.mark.parametrize("seed", [11, 12])
def test_no_claim_is_contradicted(seed: int) -> None:
    python = os.environ.get("PLANNER_HIGHS")
    if not python:
        pytest.skip("PLANNER_HIGHS names no interpreter with highspy; make test-all does")
    command = [sys.executable, "bench/exact.py", "--count", "30", "--seed", str(seed), "--python", python]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout
