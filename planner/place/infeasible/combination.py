"""Conflicts that only a search finds, and whether everything fits at all."""

from __future__ import annotations

from planner.place.clock import Clock
from planner.place.infeasible.counting import (
    Conflict,
    class_names,
    counting_conflict,
    reasons,
    scarcest,
    without,
)
from planner.place.model.choices import choices, settle
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS


def combined_conflict(problem: Problem, clock: Clock) -> Conflict:
    """Take group after group away while the others still do not fit: none of those left can go."""
    left = problem
    for group in problem.groups:
        fewer = without(left, (group,))
        if fewer.types and possible(fewer, clock) is False:
            left = fewer
    counted = counting_conflict(left)
    if counted is not None and set(counted.groups) == set(left.groups):
        return counted
    apart = ", with groups that may not share one," if left.rivals else ""
    kept = f" with {left.reserve} of them in reserve" if left.reserve else ""
    return Conflict(
        scarcest(left),
        left.groups,
        class_names(left),
        f"every resource is enough in total, but slots and TaskManagers{apart} do not divide so that all of"
        f" them fit{kept}{reasons(left, *left.groups)}",
    )


def possible(problem: Problem, clock: Clock) -> bool | None:
    """Tell whether there is a placement: None where that was not found out in the time."""
    if counting_conflict(problem) is not None:
        return False
    if clock.expired():
        return None
    # numpy and solvers: only where they are needed
    from planner.place.cp_sat import is_small
    from planner.place.search.counts import any_placement
    from planner.place.search.feasibility import find_feasible

    trial = clock.part(PARAMETERS.trial_work)
    if not problem.open:
        answer = find_feasible(problem, trial)
        return True if answer.state is not None else False if answer.impossible else None
    ways, complete = choices(problem)
    if is_small(problem) and len(ways) > 1:
        found = any_placement(problem, trial, trial.left())
        if found.solution is not None or found.infeasible:
            return found.solution is not None
    answers: set[bool | None] = set()
    for number, choice in enumerate(ways):
        share = clock.part(PARAMETERS.trial_work / (len(ways) - number))
        answers.add(possible(settle(problem, choice), share))
        if True in answers:
            return True
    return False if complete and answers <= {False} else None
