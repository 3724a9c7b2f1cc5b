"""The command line. Verbs load what they need only when they run."""

from __future__ import annotations

import gc
import os
import sys
import time
from io import TextIOWrapper

LOADED = time.monotonic()


def main() -> None:
    """Run planner; an interrupt or a closed pipe ends it quietly."""
    from planner.cli.app import app
    from planner.cli.terminal import begin

    # a command ends before garbage matters; looking for it takes a third of the time of big plans
    gc.disable()
    begin(LOADED)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app(prog_name="planner")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
