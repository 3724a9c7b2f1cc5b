"""How balance goes with a later level: what it gains where the highest CPU utilisation may be more."""

from __future__ import annotations

from collections.abc import Callable

from planner.place.clock import Clock
from planner.place.model.objective import Objective
from planner.place.moves.move_list import Point
from planner.place.moves.pareto import unbeaten
from planner.place.parameters import PARAMETERS
from planner.place.result import Progress, Result
from planner.place.solve import lower_levels, unlowered


def level_curve(
    result: Result,
    level: Objective,
    clock: Clock,
    progress: Progress,
    good: Callable[[Result], bool] = lambda _: True,
) -> list[Point]:
    """Return the placements of which none has both less of a level and a lower maximum, least of it first.

    ``result`` is the best placement, without levels after the highest utilisation. Only ``good`` ones count.
    """
    points = []
    for number, slack in enumerate(PARAMETERS.pareto_slacks):
        progress(f"{level} within {float(slack):.1%}", result.levels[-1].value, result.bound.value)
        share = clock.share(1 / (len(PARAMETERS.pareto_slacks) - number))
        found = lower_levels(result, share, objective=(level,), slack=slack)
        if not good(found):
            found = unlowered(result, found)
        highest, *others = found.levels
        points += [Point(highest.value, one.value, level=one.name) for one in others]
    return unbeaten(points)
