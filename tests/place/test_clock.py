"""Budgets of work: parts charge the whole, and nothing is ever given out twice."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from planner.place.clock import Clock, Stop
from planner.place.parameters import PARAMETERS


def test_a_part_charges_the_whole_and_is_no_more_than_is_left() -> None:
    whole = Clock(Stop(seconds=1000))
    all_of_it = 1000 * PARAMETERS.work_per_second
    assert whole.left() == pytest.approx(all_of_it)
    part = whole.part(10)
    inner = part.part(50)
    assert (part.left(), inner.left()) == (10, 10)
    inner.charge(4)
    assert (part.left(), inner.left()) == (6, 6)
    assert whole.left() == pytest.approx(all_of_it - 4)
    inner.charge(100)
    assert inner.left() == part.left() == 0
    assert part.expired()
    assert not whole.expired()


def test_a_share_leaves_the_rest_of_work_and_time() -> None:
    whole = Clock(Stop(seconds=1000))
    whole.reserve(200)
    share = whole.share(1 / 4)
    assert share.left() == pytest.approx(800 * PARAMETERS.work_per_second / 4)
    assert (share.seconds(), whole.seconds()) == pytest.approx((200, 800), abs=5)
    assert share.part(1).seconds() == pytest.approx(200, abs=5)


def test_what_is_kept_is_at_most_half_of_the_time() -> None:
    few, many = Clock(Stop(seconds=1000)), Clock(Stop(seconds=1000))
    few.reserve(400)
    many.reserve(900)
    assert few.seconds() == pytest.approx(600, abs=5)
    assert many.seconds() == pytest.approx(500, abs=5)


def test_a_slow_start_leaves_a_quarter_for_the_search() -> None:
    late = Clock(Stop(seconds=1000), started=time.monotonic() - 2000)
    late.begin()
    assert late.seconds() == pytest.approx(250, abs=5)
    early = Clock(Stop(seconds=1000), started=time.monotonic() - 100)
    early.begin()
    assert early.seconds() == pytest.approx(900, abs=5)


def test_an_interrupt_leaves_nothing() -> None:
    clock = Clock(Stop(seconds=1000, interrupted=lambda: True))
    assert clock.expired()
    assert clock.seconds() == clock.part(5).left() == 0


def test_several_workers_have_no_budget_but_time() -> None:
    clock = Clock(Stop(seconds=1000, workers=2))
    clock.charge(5000)
    assert not clock.expired()


@pytest.mark.parametrize(
    ("value", "bound", "gap", "enough"),
    [
        (Fraction(1), Fraction(1), 0.0, True),
        (Fraction(11, 10), Fraction(1), 0.1 + 1e-9, True),
        (Fraction(11, 10), Fraction(1), 0.05, False),
        (Fraction(1), Fraction(0), 9.0, False),
    ],
)
def test_good_enough(value: Fraction, bound: Fraction, gap: float, enough: bool) -> None:
    assert Stop(gap=gap).good_enough(value, bound) is enough


def test_a_target_is_met_refuted_or_open() -> None:
    stop = Stop(target=Fraction(1, 2))
    assert stop.good_enough(Fraction(1, 2), Fraction(0))
    assert not stop.good_enough(Fraction(3, 5), Fraction(0))
    assert stop.refuted(Fraction(3, 5))
    assert not stop.refuted(Fraction(1, 2))
    assert not Stop().refuted(Fraction(9))
