"""Small random placement problems, and answers that need no cleverness."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from planner.memory.taskmanager import TaskManagerMemory
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import Capacity, TaskManager
from planner.units import CORE, MIB

BLANK = TaskManagerMemory(0, 0, 0, 0, 0, 0, 0, 0)


@st.composite
def problems(
    draw: st.DrawFn, groups: int = 3, task_managers: int = 4, slots: int = 4, samples: int = 1
) -> Problem:
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
        JobSlot(name, ((0, i),), tuple(draw(st.integers(0, 12)) * CORE // 8 for _ in range(samples)))
        for name in names
        for i in range(draw(st.integers(1, slots)))
    ]
    task_managers = [
        TaskManager(
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
        for i in range(draw(st.integers(1, task_managers)))
    ]
    return build_problem(found, resources, task_managers)


def splits(count: int, parts: int) -> list[tuple[int, ...]]:
    """Return all ways to part ``count`` into ``parts`` numbers."""
    if parts == 1:
        return [(count,)]
    return [(first, *rest) for first in range(count + 1) for rest in splits(count - first, parts - 1)]


def exhaustive(problem: Problem) -> Fraction | None:
    """Return the least highest utilisation over every placement, None if there is none.

    Type after type goes on the TaskManagers in every way; ways that break a limit end there.
    """
    task_managers = [problem.classes[problem.class_of[tm]] for tm in problem.usable]
    best: Fraction | None = None

    def deeper(index: int, used: list[list[int]], loads: list[list[int]], kinds: list[set[int]]) -> None:
        nonlocal best
        value = max(
            (Fraction(max(load), h.cpu) for load, h in zip(loads, task_managers, strict=True)),
            default=Fraction(0),
        )
        if best is not None and value >= best:
            return
        if index == len(problem.types):
            best = value
            return
        slot = problem.types[index]
        rivals = {b if a == index else a for a, b in problem.rivals if index in (a, b)}
        for way in splits(slot.count, len(task_managers)):
            if any(n and kinds[m] & rivals for m, n in enumerate(way)):
                continue
            more = [
                [u + n * d for u, d in zip(row, slot.demand, strict=True)]
                for row, n in zip(used, way, strict=True)
            ]
            if all(
                limit is None or need <= limit
                for row, tm in zip(more, task_managers, strict=True)
                for need, limit in zip(row, tm.limits, strict=True)
            ):
                heavier = [
                    [had + n * more for had, more in zip(load, slot.samples, strict=True)]
                    for load, n in zip(loads, way, strict=True)
                ]
                now = [kinds[m] | {index} if n else kinds[m] for m, n in enumerate(way)]
                deeper(index + 1, more, heavier, now)

    zeros = [[0] * len(problem.resources) for _ in task_managers]
    nothing = [[0] * problem.samples for _ in task_managers]
    deeper(0, zeros, nothing, [set() for _ in task_managers])
    return best
