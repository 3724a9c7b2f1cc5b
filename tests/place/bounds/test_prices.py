"""The bound by classes for any prices, and what patterns refute: just below the best."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.ways import simple
from planner.place.bounds.classes import Prices, class_bound, value_at
from planner.place.bounds.patterns import Pricing, Verdict, judge, refutes, weigh
from planner.place.model.contents import Pool
from planner.place.model.problem import Problem

PRICE = st.fractions(0, 3, max_denominator=7)


@SMALL
@given(problems(), st.data())
def test_any_prices_give_a_bound(problem: Problem, data: st.DataObject) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    raw = [data.draw(PRICE) for _ in problem.classes]
    whole = sum((p * e.cpu * len(e.members) for p, e in zip(raw, problem.classes, strict=True)), Fraction(0))
    if not whole:
        return
    rest = [
        {r: data.draw(PRICE) / limit / 4 for r, limit in enumerate(entry.limits) if limit}
        for entry in problem.classes
    ]
    assert value_at(problem, Prices([price / whole for price in raw], rest)) <= best


def test_equal_prices_of_load_alone_are_the_area() -> None:
    problem = simple([("a", 1, 3), ("b", 2, 2)], [2, 3, 5])
    even = Prices([Fraction(1, problem.total_cpu)] * 3, [{}, {}, {}])
    assert value_at(problem, even) == Fraction(problem.total_load, problem.total_cpu) == Fraction(7, 10)


def test_the_class_bound_where_a_slot_fits_nowhere_and_where_nothing_weighs() -> None:
    big = simple([("a", 1, 1)], [1], memory={"a": 10}, room=5)
    assert not big.classes[0].can_hold(big.types[0])
    assert class_bound(big) is None
    weightless = class_bound(simple([("a", 0, 2)], [1]))
    assert weightless is not None
    assert weightless.value == 0


@settings(parent=SMALL, max_examples=40)
@given(problems(groups=2, task_managers=3, slots=3))
def test_patterns_are_right_just_below_the_best_and_at_it(problem: Problem) -> None:
    """Where they refute a utilisation, no placement reaches it; from the best on they never do."""
    best = exhaustive(problem)
    if not best:
        return
    for share in (Fraction(1, 3), Fraction(3, 4), Fraction(999, 1000), Fraction(1), Fraction(3, 2)):
        level = best * share
        verdict = judge(problem, problem.caps(level), Pool.empty(problem), clock())
        if verdict is Verdict.REFUTED:
            assert share < 1
        if level < Fraction(problem.total_load, problem.total_cpu):
            assert verdict is Verdict.REFUTED  # not even the area is enough


def test_patterns_refute_what_area_and_item_do_not() -> None:
    """Three slots of 3 on two TaskManagers of 5 at 100 %: load for nine of ten, but one slot each."""
    problem = simple([("a", 3, 3)], [5, 5])
    assert judge(problem, [5, 5], Pool.empty(problem), clock()) is Verdict.REFUTED
    assert judge(problem, [6, 6], Pool.empty(problem), clock()) is Verdict.POSSIBLE
    assert judge(problem, [-1, 6], Pool.empty(problem), clock()) is Verdict.REFUTED


@settings(parent=SMALL, max_examples=40)
@given(problems(groups=2, task_managers=3, slots=3), st.data())
def test_prices_refute_no_utilisation_that_a_placement_has(problem: Problem, data: st.DataObject) -> None:
    best = exhaustive(problem)
    prices = [data.draw(st.integers(0, 9)) for _ in problem.types]
    if best is None:
        return
    assert not refutes(problem, problem.caps(best), prices, clock())


def test_the_prices_that_refute_one_utilisation_may_refute_the_next() -> None:
    """Three slots of 3 on two TaskManagers: at one slot each nothing is enough, whether 3 fit or 5."""
    problem = simple([("a", 3, 3)], [5, 5])
    verdict, prices = weigh(problem, [3, 3], Pool.empty(problem), clock())
    assert verdict is Verdict.REFUTED
    assert refutes(problem, [5, 5], prices, clock())
    assert not refutes(problem, [6, 6], prices, clock())
    assert not refutes(problem, [5, 5], [0], clock())


@settings(parent=SMALL, max_examples=40)
@given(problems(groups=2, task_managers=3, slots=3), st.data())
def test_contents_on_the_way_to_the_best_one_are_contents_too(problem: Problem, data: st.DataObject) -> None:
    prices = [data.draw(st.integers(0, 9)) for _ in problem.types]
    for entry in problem.classes:
        found = Pricing(problem, entry, entry.cpu).best(prices, clock())
        assert found is not None
        contents, bound = found
        worth = [sum(p * n for p, n in zip(prices, content, strict=True)) for content in contents]
        assert worth[0] == max(worth) == bound
        for content in contents:
            assert sum(n * slot.load for n, slot in zip(content, problem.types, strict=True)) <= entry.cpu
            for r, limit in enumerate(entry.limits):
                used = sum(n * slot.demand[r] for n, slot in zip(content, problem.types, strict=True))
                assert limit is None or used <= limit
