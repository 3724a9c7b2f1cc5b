"""Problems with rivals and flows, problems written by hand, and every placement that there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from place.instances import BLANK, problems, splits
from planner.place.model.problem import Problem, Solution, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import Capacity, TaskManager
from planner.place.search.state import State
from planner.units import CORE

Counts = Mapping[int, tuple[int, ...]]


def simple(
    loads: Sequence[tuple[str, int, int]],
    cpus: Sequence[int],
    slots: int | None = None,
    memory: Mapping[str, int] | None = None,
    room: int = 1 << 40,
) -> Problem:
    """Return a problem of ``loads`` (group, load, count) on TaskManagers of ``cpus``.

    A slot of a group takes ``memory`` bytes of the ``room`` of every TaskManager.
    """
    jobs = [JobSlot(g, ((0, i),), (load * CORE,)) for g, load, count in loads for i in range(count)]
    resources = {g: SlotResources(0, (memory or {}).get(g, 0), 0, 0, 0) for g, _, _ in loads}
    task_managers = [
        TaskManager(f"tm-{i}", None, Capacity(cpu * CORE, room, (None,) * 4, slots, (), BLANK))
        for i, cpu in enumerate(cpus)
    ]
    return build_problem(jobs, resources, task_managers)


@st.composite
def rich_problems(draw: st.DrawFn, groups: int = 2, task_managers: int = 3, slots: int = 3) -> Problem:
    """Small problems with rivals and flows."""
    problem = draw(problems(groups, task_managers, slots))
    pairs = [
        (a, b)
        for a, b in itertools.combinations(range(len(problem.types)), 2)
        if problem.types[a].group != problem.types[b].group
    ]
    group = st.integers(0, len(problem.groups) - 1)
    return replace(
        problem,
        rivals=tuple(draw(st.lists(st.sampled_from(pairs), max_size=2, unique=True))) if pairs else (),
        flows=tuple(draw(st.lists(st.tuples(group, group, st.integers(1, 1000)), max_size=3))),
    )


@st.composite
def rich_states(draw: st.DrawFn) -> State:
    """Every slot of such a problem somewhere, whatever that breaks."""
    state = State(draw(rich_problems(groups=3, task_managers=4, slots=4)))
    for t, slot in enumerate(state.problem.types):
        for _ in range(slot.count):
            state.change(draw(st.integers(0, len(state.cpu) - 1)), t, 1)
    return state


def state_of(problem: Problem, rows: Sequence[Sequence[int]]) -> State:
    """Return a state that holds ``rows``: counts by type for each TaskManager."""
    state = State(problem)
    state.set(np.array(rows, dtype=np.int64))
    return state


def keeps(problem: Problem, counts: Counts) -> bool:
    """Tell whether counts keep to every limit and rivals apart."""
    for tm, row in counts.items():
        for r, limit in enumerate(problem.classes[problem.class_of[tm]].limits):
            used = sum(n * slot.demand[r] for n, slot in zip(row, problem.types, strict=True))
            if limit is not None and used > limit:
                return False
        if any(row[a] and row[b] for a, b in problem.rivals):
            return False
    return True


def complete(problem: Problem, counts: Counts) -> bool:
    """Tell whether every slot stands somewhere, once."""
    return [sum(column) for column in zip(*counts.values(), strict=True)] == [t.count for t in problem.types]


def every_placement(problem: Problem) -> Iterator[Solution]:
    """Yield every placement that keeps to the limits."""
    task_managers = problem.usable
    for ways in itertools.product(*(splits(slot.count, len(task_managers)) for slot in problem.types)):
        counts = {tm: tuple(way[m] for way in ways) for m, tm in enumerate(task_managers)}
        if keeps(problem, counts):
            yield Solution(counts)
