"""When to stop: a limit of seconds for the user, a limit of work so that runs can be repeated."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from planner.place.parameters import PARAMETERS

LEAST_SHARE = 1 / 4
"""Of the time limit, for the search itself: a small job is placed in a part of a second."""


def never() -> bool:
    """Say that nobody interrupted."""
    return False


@dataclass(frozen=True, slots=True)
class Stop:
    """When to stop and how to be reproducible.

    ``seconds`` limit the time, ``gap`` is a relative gap between value and bound that is good enough,
    ``seed`` starts everything random, ``workers`` are solver threads. With one worker the search is
    limited by counted work as well, so that the same seed gives the same placement. ``interrupted`` is asked
    now and then whether to end with what there is. With a ``target`` a search ends as soon as its value is
    that low, or it is proven that none is.
    """

    seconds: float = 10.0
    gap: float = 0.0
    seed: int = 1
    workers: int = 1
    interrupted: Callable[[], bool] = never
    target: Fraction | None = None

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and self.gap >= 0 and self.workers >= 1 and self.seed >= 0):
            raise ValueError("time limit and workers have to be more than 0, gap and seed at least 0")

    def good_enough(self, value: Fraction, bound: Fraction) -> bool:
        """Tell whether a value is near enough to its bound."""
        if self.target is not None and value <= self.target:
            return True
        return value <= bound or (bound > 0 and value / bound - 1 <= self.gap)

    def refuted(self, bound: Fraction) -> bool:
        """Tell whether a bound proves that the target is out of reach."""
        return self.target is not None and bound > self.target


class Clock:
    """What is left of a time limit and of a budget of work, both in seconds.

    Work is an estimate made from sizes alone, so that it is the same on every machine; a part has a
    budget of its own and charges its whole as well.
    """

    def __init__(
        self,
        stop: Stop,
        *,
        started: float | None = None,
        budget: float | None = None,
        whole: Clock | None = None,
    ) -> None:
        self.stop = stop
        self._started: float = whole._started if whole else time.monotonic() if started is None else started
        self._end: float = whole._end if whole else self._started + stop.seconds
        unlimited = math.inf if stop.workers > 1 else stop.seconds * PARAMETERS.work_per_second
        self._budget = unlimited if budget is None else budget
        self._whole = whole
        self._budget_end = math.inf if budget is None else time.monotonic() + 2 * budget + 0.05
        self._repeatable = stop.workers == 1

    def part(self, work: float) -> Clock:
        """Return a clock with at most ``work`` seconds of work."""
        return Clock(self.stop, budget=work, whole=self)

    def share(self, share: float) -> Clock:
        """Return a clock with a share of the work and of the time that are left.

        What comes after it keeps the rest also where a machine takes longer for work than is counted.
        """
        part = self.part(self.left() * share)
        part._end -= max(self._end - time.monotonic(), 0.0) * (1 - share)
        return part

    def begin(self) -> None:
        """Leave a share of the time for the search that begins, however late a busy machine comes to it."""
        self._end = max(self._end, time.monotonic() + self.stop.seconds * LEAST_SHARE)

    def reserve(self, seconds: float) -> None:
        """Keep ``seconds``, but no more than half of the time, for what comes after the search.

        What work could be done in them is not given out either.
        """
        kept = min(seconds, self.stop.seconds / 2)
        self._end -= kept
        self._budget -= kept * PARAMETERS.work_per_second

    def charge(self, work: float) -> None:
        """Count ``work`` seconds of work as done."""
        self._budget -= work
        if self._whole is not None:
            self._whole.charge(work)

    def left(self) -> float:
        """Return the seconds of work that may still be done, never negative."""
        now = time.monotonic()
        left = min(self._budget, self._end - now)
        if not self._repeatable:
            left = min(left, self._budget_end - now)
        if self._whole is not None:
            left = min(left, self._whole.left())
        return 0.0 if self.stop.interrupted() else max(left, 0.0)

    def spent(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def seconds(self) -> float:
        """Return the seconds until the time limit, whatever work is left."""
        return 0.0 if self.stop.interrupted() else max(self._end - time.monotonic(), 0.0)

    def expired(self) -> bool:
        """Tell whether to stop."""
        return self.left() <= 0
