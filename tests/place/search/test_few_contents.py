"""Few contents hold every slot once, within the limits of their class, on as many TaskManagers as there are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.search.test_contents import holds
from place.ways import simple
from planner.place.model.problem import Problem
from planner.place.search import few_contents
from planner.place.search.few_contents import halves, powers


def is_a_placement(problem: Problem, caps: list[int], found: few_contents.Times) -> None:
    for t, slot in enumerate(problem.types):
        assert sum(times * content[t] for (_, content), times in found.items()) == slot.count
    for index, entry in enumerate(problem.classes):
        assert sum(times for (i, _), times in found.items() if i == index) == len(entry.members)
    for index, content in found:
        assert holds(problem, problem.classes[index], content, caps[index])


@SMALL
@given(problems(task_managers=5))
def test_few_contents_are_a_placement(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None or not problem.usable:
        return
    caps = [best.numerator * entry.cpu // best.denominator for entry in problem.classes]
    found = few_contents.few_contents(problem, caps, clock())
    assert found is not None
    is_a_placement(problem, caps, found)


@SMALL
@given(problems(task_managers=5))
def test_so_are_those_of_a_linear_program(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None or not problem.usable:
        return
    caps = [2 * best.numerator * entry.cpu // best.denominator for entry in problem.classes]
    found = few_contents._filled(problem, caps, clock())
    if found is not None:
        is_a_placement(problem, caps, found)


def test_so_are_those_that_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(few_contents, "_rounded", lambda *_: None)
    test_so_are_those_of_a_linear_program()


@SMALL
@given(st.integers(0, 5000), st.integers(1, 12))
def test_halves_add_up(number: int, most: int) -> None:
    assert sum(halves(number, most)) == number
    assert len(halves(number, most)) <= most


@SMALL
@given(st.integers(1, 5000), st.integers(1, 15))
def test_powers_add_up_and_make_any_number(number: int, count: int) -> None:
    parts = powers(number, count)
    assert sum(parts) == number
    assert len(parts) == min(count, number)
    assert parts == sorted(parts, reverse=True)
    assert parts[-1] >= 1
    assert count == 1 or parts[-1] == 1
    if count >= number.bit_length():  # each number of slots is a sum of parts, none of them twice
        reached = 0
        for part in reversed(parts):
            assert part <= reached + 1
            reached += part


def test_what_was_not_tried_in_time_is_still_open() -> None:
    problem = simple([("a", 1, 5)], [8, 8, 8])
    partings = list(few_contents._partings(problem))
    before = list(partings)
    assert before
    assert few_contents._fewest(problem, [8], partings, itertools.count(), None, clock().part(0)) is None
    assert partings == before


def test_a_parting_that_has_no_contents_is_not_tried_again() -> None:
    problem = simple([("a", 1, 5)], [8, 8, 8])
    partings = [[few_contents.Part(0, 3)], [few_contents.Part(0, 2), few_contents.Part(0, 1)]]
    found = few_contents._fewest(problem, [8], partings, itertools.count(), None, clock())
    assert found is not None  # 5 is no multiple of 3, and it is 2 * 2 + 1
    assert sum(found.values()) == 3
    assert [len(parts) for parts in partings] == [2]
