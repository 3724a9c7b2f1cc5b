"""Small random placement problems, and answers that need no cleverness."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import strategies as st

from planner.memory.taskmanager import TaskManagerMemory
from planner.place.capacity import Capacity, Host
from planner.place.problem import Problem, build_problem
from planner.place.slots import JobSlot, SlotResources
from planner.units import CORE, MIB

BLANK = TaskManagerMemory(0, 0, 0, 0, 0, 0, 0, 0)


@st.composite
def problems(draw: st.DrawFn, groups: int = 3, hosts: int = 4, slots: int = 4) -> Problem:
    """Problems small enough to try every placement."""
    names = [f"g{i}" for i in range(draw(st.integers(1, groups)))]
    resources = {
        name: SlotResources(
            cpu=draw(st.sampled_from([CORE // 4, CORE // 2, CORE])),
            heap=draw(st.sampled_from([1, 2, 3])) * 256 * MIB,
            off_heap=0,
            managed=draw(st.sampled_from([0, 1])) * 256 * MIB,
            network=MIB,
        )
        for name in names
    }
    found = [
        JobSlot(name, ((0, i),), draw(st.integers(0, 12)) * CORE // 8)
        for name in names
        for i in range(draw(st.integers(1, slots)))
    ]
    machines = [
        Host(
            f"tm-{i}",
            None,
            Capacity(
                cpu=draw(st.sampled_from([1, 2, 4])) * CORE,
                memory=draw(st.sampled_from([1, 2, 4])) * 1024 * MIB,
                parts=(None, None, None, None),
                slots=draw(st.sampled_from([None, 2, 4])),
                external=(),
                fixed=BLANK,
            ),
        )
        for i in range(draw(st.integers(1, hosts)))
    ]
    return build_problem(found, resources, machines)


def splits(count: int, parts: int) -> list[tuple[int, ...]]:
    """Return all ways to part ``count`` into ``parts`` numbers."""
    if parts == 1:
        return [(count,)]
    return [(first, *rest) for first in range(count + 1) for rest in splits(count - first, parts - 1)]


def exhaustive(problem: Problem) -> Fraction | None:
    """Return the least highest utilisation over every placement, None if there is none."""
    hosts = problem.usable
    best: Fraction | None = None
    ways = [splits(slot.count, len(hosts)) for slot in problem.types]
    for choice in itertools.product(*ways):
        value = Fraction(0)
        for column, host in enumerate(hosts):
            entry = problem.classes[problem.class_of[host]]
            used = [
                sum(way[column] * slot.demand[r] for way, slot in zip(choice, problem.types, strict=True))
                for r in range(len(problem.resources))
            ]
            if any(
                limit is not None and need > limit for need, limit in zip(used, entry.limits, strict=True)
            ):
                break
            load = sum(way[column] * slot.load for way, slot in zip(choice, problem.types, strict=True))
            value = max(value, Fraction(load, entry.cpu))
        else:
            best = value if best is None else min(best, value)
    return best
