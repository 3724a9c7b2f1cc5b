"""The levels after the highest utilisation: none harms one before it, and bounds are bounds."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from place.instances import exhaustive, problems, splits
from planner.place.clock import Clock, Stop
from planner.place.levels.memory import memory_of
from planner.place.levels.spread import spread_of
from planner.place.model.objective import BALANCE, Objective, objectives
from planner.place.model.problem import Problem, Restarts, Solution
from planner.place.search.state import State
from planner.place.solve import lower_levels, solve

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@SMALL
@given(problems())
def test_later_levels_keep_the_highest(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    result = solve(problem, Clock(Stop(seconds=20)), objective=BALANCE)
    assert result.solution is not None
    assert result.levels[0].value == best == result.solution.max_utilisation(problem)
    for tm, row in result.solution.counts.items():
        limits = problem.classes[problem.class_of[tm]].limits
        used = [
            sum(n * slot.demand[r] for n, slot in zip(row, problem.types, strict=True))
            for r in range(len(limits))
        ]
        assert all(top is None or need <= top for need, top in zip(used, limits, strict=True))
    for level in result.levels:
        assert level.bound is None or level.bound.value <= level.value
    utilisation = result.solution.utilisations(problem).values()
    levels = {level.name: level.value for level in result.levels}
    assert levels["cpuUtilisationSpread"] == max(utilisation) - min(utilisation)


@SMALL
@given(problems())
def test_without_time_every_level_says_its_value(problem: Problem) -> None:
    first = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
    if first.solution is None:
        return
    late = lower_levels(first, Clock(Stop(interrupted=lambda: True)), objective=BALANCE)
    utilisation = first.solution.utilisations(problem).values()
    spread, memory, *others = late.levels[1:]
    assert (spread.name, spread.value) == ("cpuUtilisationSpread", max(utilisation) - min(utilisation))
    assert (memory.name, memory.value) == (
        "maxMemoryUtilisation",
        memory_of(State.from_solution(problem, first.solution)),
    )
    assert "deployments" in [level.name for level in others]
    assert all(level.bound is None for level in late.levels[1:])


@SMALL
@given(problems(groups=2, task_managers=3, slots=3))
def test_the_lowest_is_as_high_as_it_can_be(problem: Problem) -> None:
    """Spread on small problems is proven: what is called optimal is what every placement shows."""
    best = exhaustive(problem)
    if best is None:
        return
    result = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU, Objective.SPREAD))
    level = next(level for level in result.levels if level.name == "cpuUtilisationSpread")
    least = _least_spread(problem, best)
    assert level.bound is not None
    assert level.bound.value <= least <= level.value


def _least_spread(problem: Problem, highest: Fraction) -> Fraction:
    import itertools

    from place.instances import splits
    from planner.place.model.problem import Solution

    task_managers, least = list(problem.usable), Fraction(10**9)
    for ways in itertools.product(*(splits(slot.count, len(task_managers)) for slot in problem.types)):
        solution = Solution({tm: tuple(way[m] for way in ways) for m, tm in enumerate(task_managers)})
        values = solution.utilisations(problem).values()
        if max(values) - min(values) >= least or max(values) > highest:
            continue
        if all(
            top is None
            or sum(n * slot.demand[r] for n, slot in zip(solution.counts[tm], problem.types, strict=True))
            <= top
            for tm in task_managers
            for r, top in enumerate(problem.classes[problem.class_of[tm]].limits)
        ):
            least = max(values) - min(values)
    return least


@SMALL
@given(problems(groups=2, task_managers=3, slots=3))
def test_no_spread_is_called_least_from_a_highest_that_can_fall(problem: Problem) -> None:
    """A search that is content early leaves the highest where later levels may still lower it."""
    if exhaustive(problem) is None:
        return
    content = Clock(Stop(seconds=20, gap=5.0))
    result = solve(problem, content, objective=(Objective.CPU, Objective.SPREAD))
    highest, spread = result.levels
    least = _least_spread(problem, highest.value)
    assert spread.value >= least
    assert spread.optimal <= (spread.value == least)


def test_an_objective_is_read_in_order() -> None:
    assert objectives("cpu,memory, spread") == (Objective.CPU, Objective.MEMORY, Objective.SPREAD)


def _least_of(problem: Problem, highest: Fraction, measure: Callable[[State], Fraction]) -> Fraction:
    """Return the least of a level over every placement whose utilisation is at most the highest."""
    best: list[Fraction] = []
    for ways in itertools.product(*(splits(slot.count, len(problem.usable)) for slot in problem.types)):
        solution = Solution(dict(zip(problem.usable, zip(*ways, strict=True), strict=True)))
        state = State.from_solution(problem, solution)
        if solution.max_utilisation(problem) <= highest and state.within_limits().all():
            best.append(measure(state))
    return min(best)


@SMALL
@given(
    problems(groups=3, task_managers=3, slots=3),
    st.sampled_from([Fraction(1, 20), Fraction(1, 4), Fraction(1)]),
)
def test_a_level_with_slack_is_proven_over_all_that_slack_allows(problem: Problem, slack: Fraction) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    first = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
    for name, measure in ((Objective.SPREAD, spread_of), (Objective.MEMORY, memory_of)):
        result = lower_levels(first, Clock(Stop(seconds=20)), objective=(name,), slack=slack)
        assert result.solution is not None
        highest, level = result.levels
        assert highest.value == result.solution.max_utilisation(problem) <= best * (1 + slack)
        least = _least_of(problem, best * (1 + slack), measure)
        assert level.value >= least
        assert level.bound is None or level.bound.value <= least
        assert name is not Objective.MEMORY or (level.optimal and level.value == least)


@SMALL
@given(problems(groups=3, task_managers=3, slots=3), st.data())
def test_sums_that_levels_before_reached_are_kept(problem: Problem, data: st.DataObject) -> None:
    """Two sums one after the other, and a level after them that has to keep both."""
    if exhaustive(problem) is None:
        return
    groups = range(len(problem.groups))
    flows = tuple((a, b, 1000 * (a + 2 * b + 1)) for a in groups for b in groups)
    slots = [sum(slot.count for slot in problem.types if slot.group == group) for group in problem.groups]
    restarts = tuple(Restarts(Fraction(g + 1), ((g, slots[g]),)) for g in groups)
    problem = replace(problem, flows=flows, restarts=restarts)
    first = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
    order = data.draw(st.permutations([Objective.BLAST, Objective.TRAFFIC, Objective.MEMORY]))
    one_by_one = [
        lower_levels(first, Clock(Stop(seconds=20)), objective=order[:count], slack=Fraction(1, 4)).levels
        for count in range(1, 4)
    ]
    for shorter, longer in itertools.pairwise(one_by_one):
        for before, after in zip(shorter[1:], longer[1:], strict=False):
            assert float(after.value) <= float(before.value) * (1 + 1e-9)
