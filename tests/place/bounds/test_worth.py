"""Cuts: none forbids TaskManagers on which everything fits, and what is far too little is forbidden."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from planner.place.bounds.worth import Offer, Worth
from planner.place.model.contents import Pool
from planner.place.model.problem import Problem


def worth_of(problem: Problem, target: Fraction) -> Worth:
    caps = [target.numerator * entry.cpu // target.denominator for entry in problem.classes]
    return Worth(problem, caps, Pool.empty(problem), clock())


@SMALL
@given(problems(), st.sampled_from([Fraction(1, 2), Fraction(4, 5), Fraction(1)]))
def test_what_is_enough_is_never_forbidden(problem: Problem, target: Fraction) -> None:
    best = exhaustive(problem)
    enough = best is not None and best <= target
    numbers = [len(entry.members) for entry in problem.classes]
    worth = worth_of(problem, target)
    cuts = list(worth.of_purchases([Offer(0, number, 1) for number in numbers]))
    against = worth.against(numbers)
    assert not (enough and any(cut.forbids(numbers) for cut in cuts))
    assert not (enough and against is not None)
    assert against is None or against.forbids(numbers)


@SMALL
@given(problems())
def test_less_load_than_there_is_is_forbidden(problem: Problem) -> None:
    """Half of the CPU that all slots need cannot hold them: the linear program sees at least that."""
    numbers = [len(entry.members) for entry in problem.classes]
    target = Fraction(problem.total_load, 2 * problem.total_cpu)
    if target:
        assert worth_of(problem, target).against(numbers) is not None
