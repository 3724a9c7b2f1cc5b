"""A sample with an error and an info, planner validate over it in a format, and published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rules.samples import FOLDER, run

PATH = FOLDER / "GRA301.yaml"
LINE = 16
"""Where its error is."""
CODES = ("GRA309", "GRA301")
UNEQUAL = "slots of group 'default' are unequal: its tasks have parallelism 4, 8"
UNEQUAL_HINT = "move tasks of different parallelism to separate groups, or set the same parallelism"
FORWARD = "'orders' -> 'clean' is FORWARD from parallelism 4 to 8"
FORWARD_HINT = "use ship: rescale or ship: rebalance, or set the same parallelism on both sides"
SCHEMAS = Path(__file__).parent / "schemas"


def output(name: str) -> str:
    result = run(PATH, "--format", name)
    assert result.exit_code == 1
    assert result.stderr == "1 document checked: 1 error, 1 info\n"
    return result.stdout


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
