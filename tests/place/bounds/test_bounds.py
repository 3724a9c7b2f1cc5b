"""Every bound holds, and each is tight on the instance it is made for."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import BLANK, exhaustive, problems
from place.search.states import SMALL, clock
from planner.place.bounds.area import (
    carried,
    item_bound,
    level_at_most,
    load_grain,
    lower_bound,
    next_level,
    rounded_area_bound,
)
from planner.place.bounds.classes import class_bound
from planner.place.bounds.patterns import Verdict, judge
from planner.place.model.contents import Pool
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import Capacity, TaskManager
from planner.units import CORE, MIB


def instance(
    loads: list[int], cpus: list[int], memory: int = 1, size: int = 1024, cpu_reserved: int = 0
) -> Problem:
    slots = [JobSlot("g", ((0, n),), (load * CORE,)) for n, load in enumerate(loads)]
    resources = {"g": SlotResources(cpu_reserved, memory * MIB, 0, 0, 0)}
    task_managers = [
        TaskManager(f"t{n}", None, Capacity(cpu * CORE, size * MIB, (None,) * 4, None, (), BLANK))
        for n, cpu in enumerate(cpus)
    ]
    return build_problem(slots, resources, task_managers)


@pytest.mark.parametrize(
    ("loads", "cpus", "item", "area"),
    [
        ([6, 1, 1], [4, 8], Fraction(6, 8), Fraction(3, 4)),
        ([1, 1, 1], [1, 1], Fraction(1), Fraction(2)),  # three whole slots on two: one has two
        ([2, 2, 2, 2], [3, 5], Fraction(2, 5), Fraction(6, 5)),  # in steps of 2: 3 carries 2, 5 carries 6
        ([], [1], Fraction(0), Fraction(0)),
    ],
)
def test_item_and_area(loads: list[int], cpus: list[int], item: Fraction, area: Fraction) -> None:
    problem = instance(loads, cpus)
    assert item_bound(problem).value == item
    assert rounded_area_bound(problem).value == area
    assert lower_bound(problem).value == max(item, area) == (exhaustive(problem) or 0)


def test_the_area_bound_is_in_whole_grains() -> None:
    problem = instance([4, 4, 4], [6, 6])
    assert load_grain(problem) * problem.grain == 4 * CORE
    assert carried(problem, Fraction(1)) * problem.grain == 2 * 4 * CORE
    assert rounded_area_bound(problem).value == Fraction(8, 6)


@SMALL
@given(problems(), st.fractions(0, 3, max_denominator=50))
def test_levels_are_the_next_ones_that_loads_can_have(problem: Problem, utilisation: Fraction) -> None:
    at_least, above = next_level(problem, utilisation), next_level(problem, utilisation, above=True)
    assert utilisation <= at_least <= above
    assert above > utilisation
    assert level_at_most(problem, utilisation) <= utilisation
    assert level_at_most(problem, at_least) == at_least
    if utilisation < at_least:
        assert carried(problem, utilisation) < carried(problem, at_least)


@SMALL
@given(problems())
def test_every_bound_holds(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    classes = class_bound(problem)
    assert lower_bound(problem).value <= best
    assert classes is None or classes.value <= best


def test_the_class_bound_sees_memory_that_keeps_load_off_the_large_one() -> None:
    """Four slots of 300 mb and one core: the large TaskManager has memory for one of them only."""
    slots = [JobSlot("g", ((0, n),), (CORE,)) for n in range(4)]
    resources = {"g": SlotResources(0, 300 * MIB, 0, 0, 0)}
    sizes = [("large", 8, 400), ("small", 2, 1200)]
    task_managers = [
        TaskManager(name, None, Capacity(cpu * CORE, size * MIB, (None,) * 4, None, (), BLANK))
        for name, cpu, size in sizes
    ]
    problem = build_problem(slots, resources, task_managers)
    bound = class_bound(problem)
    assert bound is not None
    assert lower_bound(problem).value < bound.value <= exhaustive(problem) == Fraction(3, 2)


@SMALL
@given(problems())
def test_patterns_refute_only_what_is_impossible(problem: Problem) -> None:
    best = exhaustive(problem)
    for level in [best] if best is not None else []:
        caps = [level.numerator * entry.cpu // level.denominator for entry in problem.classes]
        assert judge(problem, caps, Pool.empty(problem), clock()) is not Verdict.REFUTED
    anything: list[int | None] = [None] * len(problem.classes)
    verdict = judge(problem, anything, Pool.empty(problem), clock())
    assert best is None or verdict is not Verdict.REFUTED


def test_patterns_refute_what_counting_does_not() -> None:
    """Slots of 3, 3 and 3 units on TaskManagers of 5 and 5: each content holds one slot, the area nearly two."""
    problem = instance([3, 3, 3], [5, 5], memory=500, size=900)
    caps: list[int | None] = [None, None] if len(problem.classes) == 2 else [None]
    assert judge(problem, caps, Pool.empty(problem), clock()) is Verdict.REFUTED
