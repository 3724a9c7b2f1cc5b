"""What has to cross between TaskManagers: never more than any placement lets cross, and exact where it is plain."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from place.search.states import SMALL, clock
from place.ways import every_placement, rich_problems, simple
from planner.place.bounds.crossing import crossing_bound
from planner.place.model.problem import Problem, Solution


def crossing(problem: Problem, solution: Solution) -> Fraction:
    """Return what is expected to cross, by the definition."""
    held = []
    for counts in solution.counts.values():
        groups = dict.fromkeys(problem.groups, 0)
        for slot, count in zip(problem.types, counts, strict=True):
            groups[slot.group] += count
        held.append(list(groups.values()))
    total = [sum(column) for column in zip(*held, strict=True)]
    return sum(
        (
            rate * (1 - Fraction(sum(row[a] * row[b] for row in held), total[a] * total[b]))
            for a, b, rate in problem.flows
        ),
        Fraction(0),
    )


@settings(parent=SMALL, max_examples=60)
@given(rich_problems(), st.data())
def test_no_placement_lets_less_cross(problem: Problem, data: st.DataObject) -> None:
    groups = range(len(problem.groups))
    flows = tuple((a, b, data.draw(st.integers(1, 9))) for a in groups for b in groups)
    problem = replace(problem, flows=flows)
    most = data.draw(st.fractions(Fraction(1, 2), 3, max_denominator=4))
    bound = crossing_bound(problem, problem.caps(most), clock())
    assert 0 <= bound <= sum(rate for *_, rate in flows)
    for solution in every_placement(problem):
        if solution.max_utilisation(problem) <= most:
            assert bound <= crossing(problem, solution)


def test_what_fits_together_need_not_cross() -> None:
    problem = replace(simple([("a", 1, 2), ("b", 1, 2)], [4, 4]), flows=((0, 1, 10),))
    assert crossing_bound(problem, [4, 4], clock()) == 0


def test_half_of_a_flow_crosses_between_two_halves() -> None:
    """Two slots of each on two TaskManagers of two: one of each on both, or all of a flow crosses."""
    problem = replace(simple([("a", 1, 2), ("b", 1, 2)], [2, 2]), flows=((0, 1, 10),))
    assert crossing_bound(problem, [2, 2], clock()) == 5


def test_a_flow_within_a_group_crosses_where_its_slots_part() -> None:
    problem = replace(simple([("a", 1, 4)], [2, 2]), flows=((0, 0, 8),))
    assert crossing_bound(problem, [2, 2], clock()) == 4


def test_without_time_nothing_is_claimed() -> None:
    problem = replace(simple([("a", 1, 4)], [2, 2]), flows=((0, 0, 8),))
    assert crossing_bound(problem, [2, 2], clock().part(0)) == 0
