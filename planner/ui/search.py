"""A search that runs beside the screen: for a placement, or for the load of a running job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from planner import api
from planner.report.tables import infeasible_lines


@dataclass
class Search:
    """What a search has found so far; ``result`` names a placement, ``loads`` are what was measured.

    ``groups`` are those of which it is proven that they do not fit.
    """

    what: str
    began: float = field(default_factory=time.monotonic)
    step: str = "starting"
    best: float | None = None
    bound: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    result: str | None = None
    problem: str | None = None
    groups: tuple[str, ...] = ()
    loads: dict[str, Any] | None = None
    running: bool = True

    def note(self, what: str, value: Fraction | None, bound: Fraction) -> None:
        """Take note of a step; see `planner.place.result.Progress`."""
        self.step, self.bound = what, float(bound)
        self.best = None if value is None else float(value)

    def data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "what": self.what,
            "running": self.running,
            "seconds": time.monotonic() - self.began,
            "step": self.step,
            "best": self.best,
            "bound": self.bound,
            "result": self.result,
            "problem": self.problem,
            "groups": list(self.groups),
            "loads": self.loads,
        }


def begin(search: Search, work: Callable[[Search], None]) -> None:
    """Do the work of a search in a thread; what goes wrong is its ``problem``."""

    def run() -> None:
        try:
            work(search)
        except api.Infeasible as error:
            conflicts = error.explanation.conflicts
            search.groups = tuple({group: None for one in conflicts for group in one.groups})
            search.problem = "\n".join(["proven infeasible:", *infeasible_lines(error.explanation)])
        except api.TimedOut as error:
            stopped = search.stopped.is_set()
            search.problem = "stopped before there was a placement" if stopped else str(error)
        except api.PlannerError as error:
            search.problem = str(error)
        except BaseException:
            search.problem = "planner failed; its terminal shows why"
            raise
        finally:
            search.running = False

    threading.Thread(target=run, name="planner-search", daemon=True).start()
