"""The root of what planner raises. Kinds are beside what raises them, exit codes in `cli/errors.py`."""

from __future__ import annotations


class PlannerError(Exception):
    """Something that planner refuses or could not do; the message says what, and what to do about it."""


class TimedOut(PlannerError):
    """Time was up; ``best`` is what had been reached by then, None where that was nothing."""

    def __init__(self, message: str, best: object | None = None) -> None:
        super().__init__(message)
        self.best = best
