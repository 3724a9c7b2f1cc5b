"""Candidates side by side: which there are, which none of the others beats, and when they catch up."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.graph.from_profile import stream_graph
from planner.recover.candidates import Candidate, catch_up, efficient, variants
from planner.recover.rates import declared_work, demands
from planner.recover.rescaling import Rescaling, Scaled, group_slots, limits
from recover.test_rescaling import PIPELINE, compiled, scaled

QUICK = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
TWO_IN_A_GROUP = PIPELINE.replace(
    "group: out, inputs: [{from: count, ship: forward}]", "group: state, inputs: [count]"
).replace("kind: kafka-sink,", "kind: kafka-sink, parallelism: 3,")


def found(text: str, target: Fraction = Fraction(7, 10)) -> dict[str, Candidate]:
    profile, job = compiled(text)
    work = declared_work(profile, job)
    demand = demands(job, work, {}, {})
    allowed = limits(profile, stream_graph(profile), job, {})
    return {one.name: one for one in variants(job, work, demand, allowed, target)}


def test_steps_relieve_and_filling_takes_no_slot() -> None:
    candidates = found(TWO_IN_A_GROUP)
    least, step, filled = (candidates[name] for name in ("70%", "70%+step", "70%+filled"))
    assert step.scaling.highest < least.scaling.highest
    assert filled.slots == least.slots
    assert filled.subtasks > least.subtasks
    slots = group_slots(filled.scaling)
    assert all(one.parallelism == slots[one.vertex.group][1] for one in filled.scaling.vertices)
    assert candidates["60%"].scaling.highest <= Fraction(6, 10)
    assert next(iter(candidates)) == "70%"


def test_those_that_come_to_the_same_are_there_once() -> None:
    candidates = found(PIPELINE)
    sets = [tuple(one.scaling.parallelism.items()) for one in candidates.values()]
    assert len(set(sets)) == len(sets)
    assert "70%+filled" not in candidates  # every group has one vertex


@cache
def first_vertex() -> Scaled:
    return scaled(PIPELINE)[0].vertices[0]


def candidate(slots: int, busy: int) -> Candidate:
    """Return a candidate of one vertex, with as many slots as it has subtasks."""
    one = replace(first_vertex(), parallelism=slots)
    demand = replace(one.demand, divided=Fraction(busy * slots, 100), everywhere=Fraction(0))
    return Candidate(f"{slots}", Rescaling(Fraction(7, 10), (replace(one, demand=demand),)))


@QUICK
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 99)), min_size=1, max_size=8))
def test_the_efficient_ones_are_those_that_nothing_beats(figures: list[tuple[int, int]]) -> None:
    marks = list(efficient([candidate(*one) for one in figures]))
    for mine, mark in zip(figures, marks, strict=True):
        beaten = any(a <= mine[0] and b <= mine[1] and (a, b) != mine for a, b in figures)
        assert mark is not beaten


def test_what_does_not_fit_is_not_compared() -> None:
    small, large = replace(candidate(1, 10), reason="no room"), candidate(5, 50)
    assert list(efficient([small, large])) == [False, True]


def test_the_backlog_is_worked_off_with_what_is_left_of_the_capacity() -> None:
    scaling = candidate(2, 80).scaling
    assert catch_up(scaling, 30) == 120  # 30 s of records; 100 % less 80 %: a quarter of the rate
    assert catch_up(candidate(2, 100).scaling, 30) == float("inf")
    (one,) = scaling.vertices
    waiting = replace(one, work=replace(one.work, pending=Fraction(5000), records_in=Fraction(1000)))
    assert catch_up(Rescaling(scaling.target, (waiting,)), 30) == 140
    unknown = replace(one, demand=replace(one.demand, divided=None))
    assert catch_up(Rescaling(scaling.target, (unknown,)), 30) is None
