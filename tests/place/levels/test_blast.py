"""What losses restart: against every way to draw slots, and every placement of small problems."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems, splits
from place.search.states import SMALL, clock, copy, generator, states
from place.ways import simple
from planner.place.bounds.holders import expected_restarts_bound
from planner.place.clock import Clock, Stop
from planner.place.levels.blast import blast_of, lower_blast
from planner.place.levels.kept import keep_maximum
from planner.place.model.objective import CPU_LEVEL, Objective
from planner.place.model.problem import Problem, Restarts, Solution
from planner.place.result import Level
from planner.place.search.group_costs import Restarting
from planner.place.search.state import State
from planner.place.solve import lower_levels, solve


@st.composite
def hits(draw: st.DrawFn, problem: Problem) -> Problem:
    """The problem with random subtasks that losses of its slots restart, often all of a group."""
    slots = {
        g: sum(t.count for t in problem.types if t.group == name) for g, name in enumerate(problem.groups)
    }
    found = []
    for _ in range(draw(st.integers(1, 3))):
        groups = draw(st.lists(st.sampled_from(sorted(slots)), min_size=1, unique=True))
        restarted = tuple(
            (g, draw(st.sampled_from([slots[g], draw(st.integers(1, slots[g]))]))) for g in groups
        )
        found.append(
            Restarts(Fraction(draw(st.integers(1, 12)), draw(st.sampled_from([1, 1, 3]))), restarted)
        )
    return replace(problem, restarts=tuple(found))


def expected(problem: Problem, counts: tuple[int, ...]) -> Fraction:
    """Return what the loss of a TaskManager restarts, over every set of slots that it may hold."""
    held = dict.fromkeys(range(len(problem.groups)), 0)
    total = dict.fromkeys(range(len(problem.groups)), 0)
    for slot, count in zip(problem.types, counts, strict=True):
        held[problem.groups.index(slot.group)] += count
        total[problem.groups.index(slot.group)] += slot.count
    value = Fraction(0)
    for one in problem.restarts:
        spared = Fraction(1)
        for group, number in one.slots:
            drawn = list(itertools.combinations(range(total[group]), held[group]))
            spared *= Fraction(sum(all(i >= number for i in lost) for lost in drawn), len(drawn))
        value += one.weight * (1 - spared)
    return value


def least(problem: Problem, highest: Fraction) -> Fraction:
    """Return the least expected restarts of all placements whose utilisation is at most the highest."""
    best = Fraction(10**9)
    for ways in itertools.product(*(splits(slot.count, len(problem.usable)) for slot in problem.types)):
        counts = list(zip(*ways, strict=True))
        solution = Solution(dict(zip(problem.usable, counts, strict=True)))
        state = State.from_solution(problem, solution)
        if solution.max_utilisation(problem) <= highest and state.within_limits().all():
            best = min(best, sum((expected(problem, one) for one in counts), Fraction(0)) / len(counts))
    return best


@SMALL
@given(states(), st.data())
def test_costs_are_those_of_every_way_to_draw(state: State, data: st.DataObject) -> None:
    problem = data.draw(hits(state.problem))
    costs = Restarting(problem).at(np.arange(len(state.cpu)), state.counts)
    for cost, counts in zip(costs, state.counts.tolist(), strict=True):
        assert cost == pytest.approx(float(expected(problem, tuple(counts))))


@SMALL
@given(states(), st.data())
def test_the_gain_of_a_single_slot_is_exact(state: State, data: st.DataObject) -> None:
    if len(state.cpu) < 2:
        return
    problem = data.draw(hits(state.problem))
    cost = Restarting(problem, data.draw(st.sampled_from([0.25, 1.0])))
    row = data.draw(st.integers(0, len(state.cpu) - 1))
    other = data.draw(st.sampled_from([n for n in range(len(state.cpu)) if n != row]))
    bundles = state.bundles
    single = (bundles.second == state.types) & state.available[row]
    out = data.draw(st.sampled_from(np.flatnonzero(single).tolist()))
    back = len(bundles.load) - 1  # nothing
    gain = cost.estimate(state, row, np.array([out]), np.array([other]), np.array([back]))[0, 0]
    swapped = copy(state)
    swapped.swap(row, out, other, back)
    rows = np.array([row, other])
    assert gain == pytest.approx(
        float((cost.at(rows, state.counts[rows]) - cost.at(rows, swapped.counts[rows])).sum())
    )


@SMALL
@given(problems(groups=3, task_managers=3, slots=3), st.data())
def test_the_level_is_the_least_where_it_is_proven_and_its_bound_is_one(
    problem: Problem, data: st.DataObject
) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    problem = data.draw(hits(problem))
    slack = data.draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(2)]))
    found = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
    result = lower_levels(found, clock(), objective=(Objective.CPU, Objective.BLAST), slack=slack)
    highest, level = result.levels
    assert result.solution is not None
    assert highest.value == result.solution.max_utilisation(problem) <= best * (1 + slack)
    answer = least(problem, best * (1 + slack))
    assert level.bound is not None
    assert float(level.bound.value) <= float(answer) + 1e-6
    assert float(level.value) >= float(answer) - 1e-6
    assert not level.optimal or float(level.value) == pytest.approx(float(answer), abs=2e-6)


@SMALL
@given(problems(), st.data())
def test_slots_on_the_largest_are_a_bound(problem: Problem, data: st.DataObject) -> None:
    problem = data.draw(hits(problem))
    caps = [2 * entry.cpu for entry in problem.classes]
    bound = expected_restarts_bound(problem, caps)
    for ways in itertools.islice(
        itertools.product(*(splits(s.count, len(problem.usable)) for s in problem.types)), 300
    ):
        state = State.from_solution(
            problem, Solution(dict(zip(problem.usable, zip(*ways, strict=True), strict=True)))
        )
        if state.within_limits().all() and (state.load <= 2 * state.cpu).all():
            total = sum((expected(problem, tuple(row)) for row in state.counts.tolist()), Fraction(0))
            assert bound <= total


def test_two_pipelines_part_where_cpu_may_rise() -> None:
    """Eight slots of each on four TaskManagers: balanced they are everywhere, with slack on two each."""
    from place.instances import BLANK
    from planner.place.model.problem import build_problem
    from planner.place.model.slots import JobSlot, SlotResources
    from planner.place.model.task_managers import Capacity, TaskManager
    from planner.units import CORE, GIB

    resources = {name: SlotResources(CORE // 8, GIB // 64, 0, 0, 0) for name in ("a", "b")}
    slots = [
        JobSlot(name, ((v, i),), ((2 + v) * CORE // 24,)) for v, name in enumerate("ab") for i in range(8)
    ]
    tms = [TaskManager(f"tm-{i}", None, Capacity(CORE, GIB, (None,) * 4, None, (), BLANK)) for i in range(4)]
    restarts = (Restarts(Fraction(8), ((0, 8),)), Restarts(Fraction(8), ((1, 8),)))
    problem = replace(build_problem(slots, resources, tms), restarts=restarts)
    balanced = solve(problem, clock(), objective=(Objective.CPU, Objective.BLAST))
    apart = lower_levels(
        solve(problem, clock(), objective=(Objective.CPU,)),
        clock(),
        objective=(Objective.BLAST,),
        slack=Fraction(1, 4),
    )
    assert [float(one.levels[1].value) for one in (balanced, apart)] == [16.0, 8.0]
    assert balanced.levels[1].optimal
    assert apart.levels[1].optimal


def test_many_pipelines_come_near_the_bound() -> None:
    """Twenty pipelines of 30 slots on 60 TaskManagers: without keeping them together each would hold ten."""
    problem = simple([(f"p{i}", 3 + i % 4, 30) for i in range(20)], [100] * 60)
    restarts = tuple(Restarts(Fraction(30), ((g, 30),)) for g in range(20))
    best = solve(replace(problem, restarts=restarts), clock(20), objective=(Objective.CPU,))
    for slack, times in ((Fraction(0), 4), (Fraction(1, 10), 2)):
        level = lower_levels(best, clock(20), objective=(Objective.BLAST,), slack=slack).levels[1]
        assert level.bound is not None
        assert level.value <= times * level.bound.value


def test_a_problem_that_knows_of_no_restarts_has_none() -> None:
    from place.instances import BLANK
    from planner.place.bounds.area import Bound
    from planner.place.model.problem import build_problem
    from planner.place.model.task_managers import Capacity, TaskManager
    from planner.units import CORE, GIB

    problem = build_problem(
        [], {}, [TaskManager("a", None, Capacity(CORE, GIB, (None,) * 4, None, (), BLANK))]
    )
    state = State(problem)
    kept = keep_maximum(state, Level(CPU_LEVEL, Fraction(0), Bound(Fraction(0), "item")))
    assert lower_blast(state, kept, clock().part(0.1), generator()).optimal
    assert blast_of(state) == 0
