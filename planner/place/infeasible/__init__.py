"""Why nothing fits: the demands that conflict, and the smallest changes that would make everything fit."""

from __future__ import annotations

from dataclasses import dataclass

from planner.errors import PlannerError
from planner.place.clock import Clock
from planner.place.infeasible.changes import Change, LessForGroup, MoreTaskManagers, helpful_changes
from planner.place.infeasible.combination import combined_conflict, possible
from planner.place.infeasible.counting import Conflict, counting_conflict, without
from planner.place.model.problem import Problem

__all__ = [
    "Change",
    "Conflict",
    "Explanation",
    "Infeasible",
    "LessForGroup",
    "MoreTaskManagers",
    "counting_conflict",
    "explain",
    "without",
]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Conflicts, without whose groups all others fit, and single changes each of which is enough.

    No group of a conflict can be left out of it, as far as there was time to find out. ``complete``
    tells whether it was verified that the other groups fit. ``reserve`` are TaskManagers that are there
    and kept empty.
    """

    conflicts: tuple[Conflict, ...]
    changes: tuple[Change, ...]
    complete: bool
    reserve: tuple[str, ...] = ()

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "status": "infeasible",
            "conflicts": [conflict.data() for conflict in self.conflicts],
            "changes": [change.data() for change in self.changes],
            **({"reserve": list(self.reserve)} if self.reserve else {}),
        }


class Infeasible(PlannerError):
    """It is proven that there is no placement; ``explanation`` says why, and what would help."""

    def __init__(self, explanation: Explanation) -> None:
        lines = [conflict.message for conflict in explanation.conflicts]
        lines += [str(change) for change in explanation.changes]
        super().__init__("; ".join(["no placement exists", *lines]))
        self.explanation = explanation


def explain(problem: Problem, clock: Clock) -> Explanation:
    """Return why ``problem``, which is proven to be infeasible, has no placement."""
    reserve = tuple(problem.task_managers[index].id for index in problem.spare)
    if not problem.usable:
        nobody = Conflict("slots", problem.groups, (), "there is no TaskManager to place slots on")
        return Explanation((nobody,), (), complete=True, reserve=reserve)
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
        conflicts.append(conflict)
        rest = without(rest, conflict.groups)
    else:
        complete = True
    return Explanation(tuple(conflicts), tuple(helpful_changes(problem, conflicts, clock)), complete, reserve)
