"""Packing: as few TaskManagers as exhaustive search finds, and no claim without proof."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from place.instances import exhaustive, problems
from place.ways import simple
from planner.place.clock import Clock, Stop
from planner.place.levels import packing
from planner.place.levels.packing import only, pack
from planner.place.model.objective import PACK
from planner.place.model.problem import NO_LIMIT, Problem
from planner.place.result import Status
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.feasibility import Feasibility
from planner.place.search.state import State
from planner.place.solve import solve

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def fewest(*ways: Problem) -> int | None:
    """Return the fewest TaskManagers that hold everything, with no load above CPU where any way has that."""
    for highest in (Fraction(1), None):
        found = [
            count
            for way in ways
            for count in range(1, len(way.usable) + 1)
            for some in itertools.combinations(way.usable, count)
            if (best := exhaustive(only(way, some))) is not None and (highest is None or best <= highest)
        ]
        if found:
            return min(found)
    return None


@SMALL
@given(problems(groups=2, task_managers=4, slots=3))
def test_as_few_as_exhaustive_search(problem: Problem) -> None:
    result, least = solve(problem, Clock(Stop(seconds=20)), objective=PACK), fewest(problem)
    if least is None:
        assert result.status is Status.INFEASIBLE
        return
    level = result.levels[0]
    assert (level.name, level.value) == ("taskManagers", least)
    assert level.bound is not None
    assert level.bound.value <= least
    assert len(result.problem.usable) == least
    assert result.solution is not None
    # the next level is the best that any so many TaskManagers allow, and its bound holds for all of them
    best = min(
        found
        for task_managers in itertools.combinations(problem.usable, least)
        if (found := exhaustive(only(problem, task_managers))) is not None
    )
    second = result.levels[1]
    assert second.value == result.solution.max_utilisation(result.problem) >= best
    assert second.bound is None or second.bound.value <= best
    assert not second.optimal or second.value == best


@SMALL
@given(problems(groups=2, task_managers=4, slots=3))
def test_a_packing_comes_with_a_placement_on_its_task_managers(problem: Problem) -> None:
    found = pack(problem, Clock(Stop(seconds=20)))
    if found.start is None:
        return
    state = State.from_solution(found.problem, found.start)
    placed = state.counts.sum(axis=0).tolist()
    assert placed == [slot.count for slot in problem.types]
    anything = np.full(len(state.cpu), NO_LIMIT)
    assert not everywhere(Overflow(state, anything), state).any()


def test_where_no_packing_is_found_in_time_the_level_is_there_and_claims_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "find_feasible", lambda *_: Feasibility(None))
    problem = simple([("a", 4, 5), ("b", 4, 3)], [16, 16, 16])
    result = solve(problem, Clock(Stop(seconds=20)), objective=PACK)
    first, second = result.levels
    assert (first.name, first.value, first.bound) == ("taskManagers", 3, None)
    assert second.name == "maxCpuUtilisation"
    assert result.status is Status.FEASIBLE
