"""Each later level improves its own value and harms none before it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock, generator
from planner.place.bounds.area import lower_bound
from planner.place.levels.kept import keep_maximum
from planner.place.levels.levels import LEVELS, measured
from planner.place.levels.spread import spread_of
from planner.place.model.objective import CPU_LEVEL, Objective
from planner.place.model.problem import Problem
from planner.place.result import Level
from planner.place.search.counts import minimise_maximum
from planner.place.search.state import State

ORDER = (Objective.SPREAD, Objective.MEMORY, Objective.TRAFFIC, Objective.DEPLOYMENTS)


@SMALL
@given(problems())
def test_levels_harm_none_before_them(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    solution = minimise_maximum(problem, None, Fraction(0), clock(), 5.0).solution
    assert solution is not None
    state = State.from_solution(problem, solution)
    kept = keep_maximum(state, Level(CPU_LEVEL, best, lower_bound(problem)))
    levels: list[Level] = []
    for name in ORDER:
        before = spread_of(state)
        levels.append(LEVELS[name](state, kept, clock().part(0.2), generator()))
        assert state.solution().max_utilisation(problem) <= best
        assert state.within_limits().all()
        assert (state.counts.sum(axis=0) == state.copies).all()
        if name is Objective.SPREAD:
            assert spread_of(state) <= before
        for level in levels:
            now = measured(level, state)
            assert float(now.value) <= float(level.value) * (1 + 1e-9)
            assert level.bound is None or level.bound.value <= level.value


@pytest.mark.parametrize("name", ORDER)
def test_a_level_of_an_empty_problem_is_zero(name: Objective) -> None:
    from place.instances import BLANK
    from planner.place.bounds.area import Bound
    from planner.place.model.problem import build_problem
    from planner.place.model.task_managers import Capacity, TaskManager
    from planner.units import CORE, GIB

    capacity = Capacity(CORE, GIB, (None,) * 4, None, (), BLANK)
    problem = build_problem([], {}, [TaskManager("a", None, capacity)])
    state = State(problem)
    kept = keep_maximum(state, Level(CPU_LEVEL, Fraction(0), Bound(Fraction(0), "item")))
    level = LEVELS[name](state, kept, clock().part(0.1), np.random.default_rng(1))
    assert level.value == (1 if name is Objective.DEPLOYMENTS else 0)
