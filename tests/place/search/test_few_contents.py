"""Few contents hold every slot once, within the limits of their class, on as many TaskManagers as there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.search.test_contents import holds
from place.ways import simple
from planner.place.model.problem import Problem
from planner.place.search import few_contents
from planner.place.search.few_contents import halves


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
def test_halves_add_up_and_make_any_number(number: int, most: int) -> None:
    assert sum(halves(number)) == sum(halves(number, most)) == number
    assert len(halves(number, most)) <= most
    reached = 0
    for part in reversed(halves(number)):
        assert part <= reached + 1
        reached += part


def test_what_was_not_tried_in_time_is_still_open() -> None:
    problem = simple([("a", 1, 5)], [8, 8, 8])
    partings = list(few_contents._partings(problem))
    assert len(partings) > 1
    assert few_contents._first(problem, [8, 8], partings, clock().part(0), 1.0) == (None, partings)
