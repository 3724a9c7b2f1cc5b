"""What the autoscaler of the Kubernetes operator makes of a rate: `JobVertexScaler.scale` and its alignment.

Followed is the operator's main branch of 2026, in which `BuiltInAlignmentMode` and `ParallelismAligner` stand
for what `JobVertexScaler` did itself before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

LEAST, MOST = 1, 200
"""Defaults of ``job.autoscaler.vertex.min-parallelism`` and ``max-parallelism``."""
SCALE_DOWN, SCALE_UP = 0.6, 100_000.0
"""Defaults of ``job.autoscaler.scale-down.max-factor`` and ``scale-up.max-factor``."""
Mode = Callable[[int, int, int, int], int]
"""Of target, present parallelism, number of parts and upper limit, the aligned parallelism."""


def target_parallelism(
    present: int,
    rate: float,
    true_rate: float,
    utilisation: float,
    most: int,
    scale_down: float = SCALE_DOWN,
) -> int:
    """Return the parallelism before alignment, for a vertex of which one subtask handles ``true_rate``."""
    average = true_rate * present
    factor = rate / utilisation / average
    factor = min(max(factor, 1 - scale_down), 1 + SCALE_UP)
    wanted = int(min(math.ceil(factor * present), 2**31 - 1))
    return min(max(min(present, LEAST), wanted), upper_limit(present, most))


def upper_limit(present: int, most: int) -> int:
    """Return the most that the autoscaler gives a vertex with a max parallelism of ``most``."""
    return min(most, max(present, MOST))


def balanced(target: int, present: int, parts: int, limit: int) -> int:
    """Return the first parallelism that divides the parts or lowers the load of a subtask."""
    return _aligned(target, present, parts, limit, lower=True)


def evenly_spread(target: int, present: int, parts: int, limit: int) -> int:
    """Return the first parallelism that divides the parts."""
    return _aligned(target, present, parts, limit, lower=False)


def off(target: int, present: int, parts: int, limit: int) -> int:
    """Return the target as it is."""
    del present, parts, limit
    return target


def _aligned(target: int, present: int, parts: int, limit: int, *, lower: bool) -> int:
    """Follow `ParallelismAligner.firstAlignedInRegion`: the target where nothing is found."""
    end = min(parts, limit)
    if target <= present:
        end = min(present, end)
    for parallelism in range(target, end + 1):
        if parts % parallelism == 0 or (lower and parts // parallelism < parts // target):
            return parallelism
    return target


MODES: dict[str, Mode] = {"BALANCED": balanced, "EVENLY_SPREAD": evenly_spread, "OFF": off}


def busy(parts: int, parallelism: int, rate: float, true_rate: float) -> Fraction:
    """Return how busy the subtask with the most parts is."""
    return Fraction(-(-parts // parallelism), parts) * Fraction(rate) / Fraction(true_rate)
