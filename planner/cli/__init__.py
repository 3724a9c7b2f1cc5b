"""The command line. Verbs load what they need only when they run."""

from __future__ import annotations

import gc
import sys
import time

LOADED = time.monotonic()


def main() -> None:
    """Run planner; an interrupt ends it quietly."""
    # a command ends before garbage matters; looking for it takes a third of the time of big placements
    gc.disable()
    try:
        from planner.cli.app import app
        from planner.cli.errors import data_lost
        from planner.cli.streams import own_streams
        from planner.cli.terminal import begin

        begin(LOADED)
        own_streams(data_lost)
        app(prog_name="planner")
    except KeyboardInterrupt:
        sys.exit(130)  # Exit.INTERRUPTED, which may not be loaded yet
