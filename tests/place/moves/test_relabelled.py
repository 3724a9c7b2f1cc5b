"""Equal TaskManagers exchanged so that most slots stay; quotas of before; pairs of moves."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from place.search.states import SMALL
from place.ways import simple
from planner.place.model.problem import Problem, Solution, TaskManagerClass
from planner.place.moves.move_list import Previous, move_list
from planner.place.moves.replacement import moves_of, quotas_before, relabelled


def equal(count: int) -> Problem:
    """Return a problem on equal TaskManagers, which are one class."""
    problem = simple([("a", 2, 3), ("b", 1, 3)], [10] * count)
    first = problem.classes[0]
    return replace(problem, classes=(TaskManagerClass("tm", first.cpu, first.limits, tuple(range(count))),))


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=3)


@settings(parent=SMALL, max_examples=80)
@given(ROWS, ROWS)
def test_no_other_order_of_equal_ones_keeps_more(
    now: list[tuple[int, int]], before: list[tuple[int, int]]
) -> None:
    problem = equal(3)
    solution = Solution(dict(enumerate(now)))
    found = relabelled(problem, solution, np.array(before, dtype=np.int64))
    assert Counter(found.counts.values()) == Counter(now)

    def stay(rows: tuple[tuple[int, int], ...]) -> int:
        return sum(
            min(n, o) for row, old in zip(rows, before, strict=True) for n, o in zip(row, old, strict=True)
        )

    assert stay(tuple(found.counts[tm] for tm in range(3))) == max(map(stay, itertools.permutations(now)))


def test_unequal_ones_keep_what_they_hold() -> None:
    problem = simple([("a", 1, 2)], [10, 20])
    solution = Solution({0: (2,), 1: (0,)})
    assert relabelled(problem, solution, np.array([[0], [2]])) == solution


def test_quotas_of_task_managers_and_groups_that_are_gone_do_not_count() -> None:
    problem = simple([("a", 1, 2), ("b", 1, 1)], [10, 20])
    previous = Previous({"tm-1": {"b": 2, "old": 5}, "gone": {"a": 9}}, {})
    assert quotas_before(problem, previous).tolist() == [[0, 0], [0, 2]]


def test_moves_are_listed_by_group_from_where_to_where() -> None:
    problem = simple([("a", 1, 3), ("b", 1, 1)], [10, 20])
    previous = Previous({"tm-0": {"a": 3}, "tm-1": {"b": 1, "old": 1}, "gone": {"b": 1}}, {"a": 2})
    solution = Solution({0: (1, 0), 1: (2, 1)})
    moves = move_list(problem, solution, previous, 0.0)
    assert [(s.group, s.slots, s.source, s.target) for s in moves.steps] == [("a", 2, "tm-0", "tm-1")]
    assert (moves.moved, moves.weight, moves.lost, moves.added, moves.removed) == (2, 4, 1, 0, 2)
    assert moves_of(problem, solution, previous) == {"a": 2, "b": 0}


def test_what_stood_on_one_in_reserve_has_moved() -> None:
    """Of three slots on the TaskManager that is in reserve now two could have stayed, as there are but two."""
    problem = simple([("a", 1, 2), ("b", 1, 1)], [10, 20, 10])
    problem = replace(problem, classes=problem.classes[:2], spare=(2,))
    previous = Previous({"tm-2": {"a": 3}, "tm-0": {"b": 1}}, {})
    solution = Solution({0: (0, 1), 1: (2, 0)})
    moves = move_list(problem, solution, previous, 0.0)
    assert [(s.group, s.slots, s.source, s.target) for s in moves.steps] == [("a", 2, "tm-2", "tm-1")]
    assert (moves.moved, moves.lost, moves.removed) == (2, 0, 1)
    assert moves_of(problem, solution, previous) == {"a": 2, "b": 0}
