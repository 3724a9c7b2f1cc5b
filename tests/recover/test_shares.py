"""The least parallelism for a load, alone and beside what the Kubernetes operator's autoscaler gives."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from planner.recover.shares import Division, Shares
from recover.operator_modes import MODES, busy, target_parallelism, upper_limit

QUICK = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
PARTS = st.one_of(st.none(), st.integers(1, 5000))
LIMITS = st.fractions(Fraction(1, 20_000), Fraction(3))


def shares(parts: int | None) -> Shares:
    return Shares(Division.EQUAL if parts is None else Division.KEY_GROUPS, parts)


@QUICK
@given(PARTS, LIMITS)
def test_the_least_parallelism_keeps_the_limit_and_one_less_does_not(
    parts: int | None, limit: Fraction
) -> None:
    mine = shares(parts)
    least = mine.least(limit)
    if least is None:
        assert parts is not None
        assert mine.fullest(parts) > limit
        return
    assert mine.fullest(least) <= limit
    assert least == 1 or mine.fullest(least - 1) > limit


@QUICK
@given(PARTS, st.integers(1, 300))
def test_the_next_step_is_the_first_that_relieves_the_fullest_subtask(
    parts: int | None, parallelism: int
) -> None:
    mine = shares(parts)
    after = mine.next_step(parallelism)
    if after is None:
        assert parts is not None
        assert parallelism >= parts
        return
    assert mine.fullest(after) < mine.fullest(parallelism) == mine.fullest(after - 1)


def test_nothing_is_enough_for_no_time_at_all() -> None:
    assert shares(None).least(Fraction(0)) is None
    assert shares(128).least(Fraction(-1)) is None


@QUICK
@given(
    parts=st.integers(1, 2**15),
    present=st.integers(1, 300),
    rate=st.floats(1, 1e7),
    true_rate=st.floats(0.1, 1e6),
    percent=st.integers(10, 100),
)
@example(parts=128, present=10, rate=43.0, true_rate=1.0, percent=100)
@example(parts=100, present=3, rate=1e7, true_rate=0.1, percent=10)
def test_never_more_subtasks_than_the_operator_and_never_more_load(
    parts: int, present: int, rate: float, true_rate: float, percent: int
) -> None:
    present, goal = min(present, parts), Fraction(percent, 100)
    target = target_parallelism(present, rate, true_rate, percent / 100, parts)
    mine, work = Shares(Division.KEY_GROUPS, parts), Fraction(rate) / Fraction(true_rate)
    for mode in MODES.values():
        theirs = mode(target, present, parts, upper_limit(present, parts))
        load = busy(parts, theirs, rate, true_rate)
        least = mine.least(max(goal, load) / work)
        assert least is not None
        assert least <= theirs
        assert work * mine.fullest(least) <= max(goal, load)
