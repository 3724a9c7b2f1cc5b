"""planner called in this process, as its command line is; the tree of its commands is built once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from planner.cli.app import app


@dataclass(frozen=True)
class Answer:
    """What a command line answered."""

    exit_code: int
    stdout: str
    stderr: str


@cache
def _command() -> Any:
    return get_command(app)


def invoke(arguments: Sequence[str], stdin: str | None = None) -> Answer:
    """Run planner; what it raises, other than its end, is raised here."""
    with CliRunner().isolation(stdin) as (stdout, stderr, _):
        code = 0
        try:
            _command().main(args=list(arguments), prog_name="planner")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
        told = [stream.getvalue().decode("utf-8", "replace") for stream in (stdout, stderr)]
    return Answer(code, *told)
