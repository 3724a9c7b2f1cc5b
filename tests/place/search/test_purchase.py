"""Purchases: they hold every slot, within limits and offers, and cost what the bill says."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from planner.place.bounds.worth import Offer
from planner.place.model.contents import Pool
from planner.place.model.problem import Problem
from planner.place.search.purchase import bill, buy


def caps_of(problem: Problem) -> list[int]:
    return [4 * entry.cpu // 5 for entry in problem.classes]


@SMALL
@given(problems(), st.data())
def test_what_is_bought_is_a_placement(problem: Problem, data: st.DataObject) -> None:
    offers = []
    for entry in problem.classes:
        there = data.draw(st.integers(0, len(entry.members)))
        more = data.draw(st.integers(0, 3))
        offers.append(Offer(there, more, data.draw(st.integers(1, 9))))
    bought = buy(problem, offers, caps_of(problem), Pool.empty(problem), clock(), Random(1))
    if bought is None:
        return
    for t, slot in enumerate(problem.types):
        assert sum(content[t] for _, content in bought) == slot.count
    used = Counter(index for index, _ in bought)
    assert all(used[index] <= offer.there + offer.more for index, offer in enumerate(offers))
    for index, content in bought:
        entry = problem.classes[index]
        assert (
            sum(n * slot.load for n, slot in zip(content, problem.types, strict=True)) <= 4 * entry.cpu // 5
        )
        for r, limit in enumerate(entry.limits):
            need = sum(n * slot.demand[r] for n, slot in zip(content, problem.types, strict=True))
            assert limit is None or need <= limit


@SMALL
@given(problems())
def test_where_there_is_enough_of_everything_something_is_bought(problem: Problem) -> None:
    best = exhaustive(problem)
    plenty = [Offer(0, problem.total_slots, entry.cpu) for entry in problem.classes]
    bought = buy(problem, plenty, caps_of(problem), Pool.empty(problem), clock(), Random(1))
    if best is not None and best <= Fraction(4, 5):
        assert bought is not None
        used = Counter(index for index, _ in bought)
        # the slots stand on the TaskManagers that there are: it is no dearer to begin with as many
        assert 0 < bill(plenty, used) <= sum(offer.more * offer.price for offer in plenty)


def test_a_bill_counts_what_is_more_than_there_is() -> None:
    offers = [Offer(2, 5, 3), Offer(0, 5, 10)]
    assert bill(offers, {0: 2}) == 0
    assert bill(offers, {0: 4, 1: 1}) == 16
