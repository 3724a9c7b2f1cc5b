"""Why nothing fits: the demands that conflict, and the smallest changes that would make everything fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.errors import PlannerError
from planner.place.clock import Clock
from planner.place.infeasible.changes import (
    Change,
    LessForGroup,
    MoreNetwork,
    MoreTaskManagers,
    followed,
    helpful_changes,
)
from planner.place.infeasible.combination import combined_conflict, possible
from planner.place.infeasible.counting import Conflict, counting_conflict, without
from planner.place.model.problem import Problem

__all__ = [
    "Change",
    "Conflict",
    "Explanation",
    "Infeasible",
    "LessForGroup",
    "MoreNetwork",
    "MoreTaskManagers",
    "counting_conflict",
    "explain",
    "followed",
    "possible",
    "without",
]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Conflicts, without whose groups all others fit, and single changes each of which is enough.

    No group of a conflict can be left out of it, as far as there was time to find out. ``complete``
    tells whether it was verified that the other groups fit. ``reserve`` is how many TaskManagers are kept
    empty.
    """

    conflicts: tuple[Conflict, ...]
    changes: tuple[Change, ...]
    complete: bool
    reserve: int = 0

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "status": "infeasible",
            "conflicts": [conflict.data() for conflict in self.conflicts],
            "changes": [change.data() for change in self.changes],
            **({"reserve": self.reserve} if self.reserve else {}),
        }


class Infeasible(PlannerError):
    """It is proven that there is no placement; ``explanation`` says why, and what would help."""

    def __init__(self, explanation: Explanation) -> None:
        lines = [conflict.message for conflict in explanation.conflicts]
        lines += [str(change) for change in explanation.changes]
        super().__init__("; ".join(["no placement exists", *lines]))
        self.explanation = explanation


def explain(problem: Problem, clock: Clock, prices: Mapping[str, float] | None = None) -> Explanation:
    """Return why ``problem``, which is proven to be infeasible, has no placement.

    ``prices`` are what a TaskManager of a class costs, where classes have them.
    """
    conflicts: list[Conflict] = []
    rest, complete = problem, False
    while rest.types:
        conflict = counting_conflict(rest)
        if conflict is None:
            fits = possible(rest, clock)
            if fits is not False:
                complete = fits is True
                break
            conflict = combined_conflict(rest, clock)
        elif len(conflict.groups) > 1:
            conflict = _smallest(conflict, rest, clock)
        conflicts.append(conflict)
        rest = without(rest, conflict.groups)
    else:
        complete = True
    changes = tuple(helpful_changes(problem, conflicts, clock, prices or {}))
    return Explanation(tuple(conflicts), changes, complete, problem.reserve)


def _smallest(conflict: Conflict, problem: Problem, clock: Clock) -> Conflict:
    """Return a conflict of some of the groups of one that counting found, if already those do not fit."""
    others = [group for group in problem.groups if group not in conflict.groups]
    found = combined_conflict(without(problem, others), clock.part(clock.left() / 2))
    return found if len(found.groups) < len(conflict.groups) else conflict
