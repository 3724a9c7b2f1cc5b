"""Placements against one before: no more moves than exhaustive search needs, proven, and a true list."""

from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from place.instances import exhaustive, problems, splits
from place.model.test_choices import problem_of, zoned
from place.ways import simple
from planner.documents.job import GroupPlacement
from planner.place.choose import choose_and_solve
from planner.place.clock import Clock, Stop
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem, Solution
from planner.place.moves.least_moves import least_moves
from planner.place.moves.move_list import MoveList, Previous
from planner.place.moves.pareto import curve
from planner.place.moves.replacement import Replacement, replace_within, replacement
from planner.place.parameters import PARAMETERS
from planner.place.result import Result
from planner.place.solve import solve

SMALL = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def quotas_of(problem: Problem, counts: dict[int, tuple[int, ...]]) -> dict[str, Counter[str]]:
    found = {}
    for tm, row in counts.items():
        held: Counter[str] = Counter()
        for slot, count in zip(problem.types, row, strict=True):
            held[slot.group] += count
        found[problem.task_managers[tm].id] = held
    return found


def moved(problem: Problem, before: dict[str, Counter[str]], now: dict[str, Counter[str]]) -> int:
    """Count slots that leave a TaskManager that is still there while others of their group arrive."""
    total = 0
    for group in problem.groups:
        change = [now[name][group] - before.get(name, Counter())[group] for name in now]
        total += min(sum(-by for by in change if by < 0), sum(by for by in change if by > 0))
    return total


def fewest_moves(problem: Problem, before: dict[str, Counter[str]], limit: Fraction) -> int:
    """Return the fewest moves over every placement within ``limit``."""
    task_managers, best = list(problem.usable), 10**9
    limits = [problem.classes[problem.class_of[tm]].limits for tm in task_managers]
    for ways in itertools.product(*(splits(slot.count, len(task_managers)) for slot in problem.types)):
        counts = {tm: tuple(way[m] for way in ways) for m, tm in enumerate(task_managers)}
        fits = all(
            top is None
            or sum(n * slot.demand[r] for n, slot in zip(counts[h], problem.types, strict=True)) <= top
            for h, tops in zip(task_managers, limits, strict=True)
            for r, top in enumerate(tops)
        )
        if fits and Solution(counts).max_utilisation(problem) <= limit:
            best = min(best, moved(problem, before, quotas_of(problem, counts)))
    return best


@st.composite
def replaced(draw: st.DrawFn) -> tuple[Problem, Previous]:
    """A problem and any quotas from before, also on a TaskManager that is gone."""
    problem = draw(problems(groups=2, task_managers=3, slots=3))
    names = [*(problem.task_managers[tm].id for tm in problem.usable), "gone"]
    quotas: dict[str, Counter[str]] = {name: Counter() for name in names}
    for group in problem.groups:
        for _ in range(draw(st.integers(0, 5))):
            quotas[draw(st.sampled_from(names))][group] += 1
    return problem, Previous(quotas, {})


def best(problem: Problem) -> Result:
    return solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))


@SMALL
@given(replaced(), st.sampled_from([0.0, 0.1, 0.5]))
def test_no_more_moves_than_exhaustive_search(case: tuple[Problem, Previous], slack: float) -> None:
    problem, previous = case
    result = best(problem)
    if result.solution is None:
        return
    found, moves = least_moves(problem, result, previous, slack, Clock(Stop(seconds=20)))
    assert found.solution is not None
    limit = result.levels[0].value * (1 + Fraction(slack).limit_denominator(1000))
    assert found.solution.max_utilisation(problem) <= limit
    before = {name: Counter(dict(quotas)) for name, quotas in previous.quotas.items()}
    now = quotas_of(problem, dict(found.solution.counts))
    assert moves.moved == moved(problem, before, now) == fewest_moves(problem, before, limit)
    assert found.levels[1].optimal
    follow(moves, before, now)


def follow(moves: MoveList, before: dict[str, Counter[str]], now: dict[str, Counter[str]]) -> None:
    """Make the moves: what then differs is only lost, added or removed."""
    held = {name: Counter(quotas) for name, quotas in before.items()}
    for step in moves.steps:
        held[step.source][step.group] -= step.slots
        held[step.target][step.group] += step.slots
    for group in {group for quotas in (*before.values(), *now.values()) for group in quotas}:
        left = [now[name][group] - held.get(name, Counter())[group] for name in now]
        assert all(by >= 0 for by in left) or all(by <= 0 for by in left)


@SMALL
@given(replaced())
def test_the_curve_only_goes_down(case: tuple[Problem, Previous]) -> None:
    problem, previous = case
    result = best(problem)
    if result.solution is None:
        return
    points = curve(problem, result, previous, Clock(Stop(seconds=20)), lambda *_: None)
    assert all(a.weight < b.weight and a.maximum > b.maximum for a, b in itertools.pairwise(points))
    assert points[-1].maximum == exhaustive(problem)
    assert sum(point.knee for point in points) == (len(points) > 2)
    before = {name: Counter(dict(quotas)) for name, quotas in previous.quotas.items()}
    for slack in PARAMETERS.pareto_slacks:
        limit = points[-1].maximum * (1 + slack)
        fewest = fewest_moves(problem, before, limit)
        assert min(point.weight for point in points if point.maximum <= limit) == fewest


WHOLE = [
    ("g0", 112, 4), ("g0", 100, 6), ("g0", 19, 5), ("g1", 112, 4), ("g1", 48, 2), ("g1", 39, 1),
    ("g2", 39, 3), ("g2", 12, 7), ("g4", 65, 7), ("g3", 41, 7),
]  # fmt: skip
"""Loads that hardly even out on eleven TaskManagers: nearly every placement within 2 % of the best is new."""
HELD = [
    {"g1": 1, "g4": 2}, {"g1": 1, "g4": 2}, {"g1": 2, "g2": 2, "g3": 1}, {"g1": 1, "g4": 2},
    {"g1": 2, "g3": 2, "g4": 1}, {"g0": 3, "g2": 2}, {"g0": 3, "g2": 2}, {"g0": 3, "g2": 2},
    {"g2": 2, "g3": 4}, {"g0": 3}, {"g0": 3},
]  # fmt: skip
STATES = {"g0": Fraction(13869, 10240), "g1": Fraction(5, 4), "g2": Fraction(31, 6), "g4": Fraction(16, 3)}


def uneven() -> tuple[Problem, Previous]:
    problem = simple(WHOLE, [800] * 9 + [1600] * 2)
    return problem, Previous({f"tm-{n}": quotas for n, quotas in enumerate(HELD)}, STATES)


def near(problem: Problem, gap: float) -> Result:
    """Return a placement within ``gap`` of its bound, for which nobody looked at the one before."""
    return solve(problem, Clock(Stop(seconds=60, gap=gap)), objective=(Objective.CPU,))


def start_of(problem: Problem, previous: Previous, gap: float) -> Replacement:
    solution = near(problem, gap).solution
    assert solution is not None
    return replacement(problem, solution, previous)


def test_few_moves_although_the_best_placement_has_many() -> None:
    """Nine moves of weight 10.1 are the fewest there are, which HiGHS finds as well."""
    problem, previous = uneven()
    limit = Fraction(26, 100) * Fraction(102, 100)
    many = start_of(problem, previous, 0.025)
    found = replace_within(problem, previous, limit, Clock(Stop(seconds=60)), [many])
    assert many.weight > 60
    assert found.optimal
    assert found.weight == Fraction(103469, 10240)
    assert found.solution.max_utilisation(problem) <= limit


def test_with_no_time_left_the_moves_are_those_of_the_placement_itself() -> None:
    problem, previous = uneven()
    start = start_of(problem, previous, 0.025)
    limit = start.solution.max_utilisation(problem)
    assert replace_within(problem, previous, limit, Clock(Stop(seconds=60)).part(0), [start]) == start


def test_what_is_proven_for_one_limit_is_not_for_a_higher_one() -> None:
    problem = simple([("g0", 0, 1), ("g1", 2, 1), ("g1", 1, 2)], [16, 32, 8])
    previous = Previous({"tm-0": {"g0": 1}, "tm-2": {"g1": 1}}, {})
    points = curve(problem, best(problem), previous, Clock(Stop(seconds=20)), lambda *_: None)
    assert [(point.maximum, point.moved) for point in points] == [(Fraction(1, 8), 0), (Fraction(3, 32), 1)]


def test_another_task_manager_in_reserve_or_another_zone_where_that_takes_less_moves() -> None:
    """Equal TaskManagers of which the last would be in reserve, as nobody looks at what stood there."""
    wanted = GroupPlacement(min_zones=2)
    machines = zoned(("x", 4), ("x", 4), ("y", 4), ("y", 4))
    problem = problem_of(machines, wanted, loads=(2, 1, 1, 1, 1), reserve=1)
    previous = Previous({"tm-1": {"g": 2}, "tm-2": {"g": 1}, "tm-3": {"g": 2}}, {})
    result = choose_and_solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
    found, moves = least_moves(problem, result, previous, 0.0, Clock(Stop(seconds=20)))
    assert found.levels[1].optimal
    assert found.problem.spare == (0,)
    assert moves.moved == 0
