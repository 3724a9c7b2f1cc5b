"""planner as its users call it, for the measurements beside this file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
"""What starts clusters and programs for tests does so for measurements."""


def planner(folder: Path, *arguments: str) -> str:
    """Run planner in a folder and return what it says on stderr.

    Raises:
        RuntimeError: when it fails.

    """
    done = subprocess.run(
        [sys.executable, "-m", "planner", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"planner {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stderr
