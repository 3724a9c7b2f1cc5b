"""Placements of few different contents: how often each is used is settled first, then what it is.

The TaskManagers of a class are parted into halves, and those of one class down to a single one, each part so
many times smaller than the one before, so that any number of slots is a sum of parts as any number is a sum
of powers. What one TaskManager of each part holds is then a program of as many knapsacks as there are parts,
however many TaskManagers there are.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds import patterns
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, add_knapsack, new_solver, run
from planner.place.model.contents import Content, Pool
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS
from planner.place.search.construct import construct
from planner.place.search.costs import Overflow
from planner.place.search.purchase import fill
from planner.place.search.state import State
from planner.place.search.swap import swap

Times = dict[tuple[int, Content], int]
"""How many TaskManagers of a class, by its number, hold a content."""


@dataclass(frozen=True, slots=True)
class Part:
    """TaskManagers of a class, by its number, that all hold the same."""

    index: int
    size: int


def few_contents(problem: Problem, caps: Sequence[int], clock: Clock) -> Times | None:
    """Return contents within ``caps`` that hold every slot once, few of them; None where none were found.

    ``caps`` is the highest load of each class.
    """
    open_, turns = list(_partings(problem)), itertools.count()
    best = _fewest(problem, caps, open_, turns, None, clock.share(PARAMETERS.few_contents_share))
    if best is None:  # where memory is short no parting may do it
        best = _filled(problem, caps, clock)
    return _fewest(problem, caps, open_, turns, best, clock)


def _fewest(
    problem: Problem,
    caps: Sequence[int],
    open_: list[list[Part]],
    turns: Iterator[int],
    best: Times | None,
    clock: Clock,
) -> Times | None:
    """Return the contents of fewer parts than ``best``, as few as are found.

    Partings that have none are taken from ``open_``. A solver finds contents at once or not for long: each
    parting is tried again and again, otherwise and for longer each turn.
    """
    for turn in turns:
        fewer = [parts for parts in open_ if best is None or len(parts) < len(best)]
        if not fewer or clock.expired():
            break
        for parts in fewer:
            if clock.expired():
                break
            if best is not None and len(parts) >= len(best):
                continue
            found, status = _contents_of(problem, caps, parts, clock, turn)
            best = best if found is None else found
            if status == cp_model.INFEASIBLE:
                open_.remove(parts)
    return best


def _partings(problem: Problem) -> Iterator[list[Part]]:
    """Yield ways to part the TaskManagers: those of the class that holds most down to one, others in a few.

    Those that may lead to few contents soon come first: others in few parts, and that class in many.
    """
    sizes = [len(entry.members) for entry in problem.classes]
    if not sizes or len(sizes) > PARAMETERS.deployment_kinds:
        return
    finest = max(range(len(sizes)), key=lambda i: sizes[i] * problem.classes[i].cpu)
    others = max((size for i, size in enumerate(sizes) if i != finest), default=1)
    for depth in range(1, min(others.bit_length(), PARAMETERS.few_contents_depth) + 1):
        # with as many parts as bits each is about half of the one before
        for count in range(sizes[finest].bit_length(), 0, -1):
            yield [
                Part(index, part)
                for index, size in enumerate(sizes)
                for part in (powers(size, count) if index == finest else halves(size, depth))
            ]


def powers(number: int, count: int) -> list[int]:
    """Return a number as ``count`` parts down to one, each so many times smaller than the one before."""
    if count >= number:
        return [1] * number
    low, high = 1.0, float(number)
    while high - low > 1 / number:
        factor = (low + high) / 2
        low, high = (factor, high) if sum(factor**i for i in range(count)) < number else (low, factor)
    smaller = [round(low**i) for i in range(count - 1)]
    return [number - sum(smaller), *reversed(smaller)]


def halves(number: int, most: int) -> list[int]:
    """Return a number as its half, the half of the rest and so on, in ``most`` parts."""
    found: list[int] = []
    while number > 1 and len(found) < most - 1:
        found.append(-(-number // 2))
        number //= 2
    return [*found, number] if number else found


def _contents_of(
    problem: Problem, caps: Sequence[int], parts: Sequence[Part], clock: Clock, turn: int
) -> tuple[Times | None, cp_model.CpSolverStatus]:
    """Return what each part holds so that every slot is held once, and what the solver says in a turn."""
    model = cp_model.CpModel()
    counts = [add_knapsack(model, problem, problem.classes[part.index], caps[part.index]) for part in parts]
    for t, slot in enumerate(problem.types):
        model.add(sum(part.size * row[t] for part, row in zip(parts, counts, strict=True)) == slot.count)
    solver = new_solver(clock, PARAMETERS.few_contents_work * (1 + turn), clock.stop.seed + turn)
    solver.parameters.linearization_level = 2 - turn % 2
    status = run(solver, model, clock)
    if status not in SOLVED:
        return None, status
    found: Counter[tuple[int, Content]] = Counter()
    for part, row in zip(parts, counts, strict=True):
        found[part.index, tuple(map(solver.value, row))] += part.size
    return dict(found), status


def _filled(problem: Problem, caps: Sequence[int], clock: Clock) -> Times | None:
    """Return contents of a linear program as often as they are whole, and others for what is left."""
    pool = Pool.empty(problem)
    if patterns.judge(problem, caps, pool, clock.share(3 / 4)) is not patterns.Verdict.POSSIBLE:
        return None
    found = _rounded(problem, caps, pool, clock.share(1 / 2))
    if found is not None:
        return found
    state = fill(problem, caps, pool, clock.part(PARAMETERS.filling_work), Random(clock.stop.seed))
    return None if state is None else _times(state)


def _rounded(problem: Problem, caps: Sequence[int], pool: Pool, clock: Clock) -> Times | None:
    """Return the contents of a pool as often as they are whole, and swaps for what is left."""
    master = patterns.Master(
        problem, [len(entry.members) for entry in problem.classes], [1.0] * len(problem.types)
    )
    for index, contents in enumerate(pool.contents):
        for content in contents:
            master.add(index, content)
    if master.solve() is None:
        return None
    whole, rest = _whole(problem, master)
    cap = np.array([caps[rest.class_of[tm]] for tm in rest.usable], dtype=np.float64)
    state = construct(rest, cap)
    if swap(state, Overflow(state, cap), clock, np.random.default_rng(clock.stop.seed)) > 0:
        return None
    return dict(Counter(whole) + Counter(_times(state)))


def _whole(problem: Problem, master: patterns.Master) -> tuple[Times, Problem]:
    """Return contents as often as they are whole and hold no slot twice, and the problem of what is left."""
    left, members = [slot.count for slot in problem.types], [list(entry.members) for entry in problem.classes]
    whole: Times = {}
    for index, content, used in master.used():
        room = [count // n for count, n in zip(left, content, strict=True) if n]
        times = min([int(used), len(members[index]), *room])
        if times and room:
            whole[index, content] = times
            del members[index][:times]
            left = [count - times * n for count, n in zip(left, content, strict=True)]
    types = [replace(slot, count=count) for slot, count in zip(problem.types, left, strict=True)]
    classes = [
        replace(entry, members=tuple(mine)) for entry, mine in zip(problem.classes, members, strict=True)
    ]
    return whole, replace(problem, types=tuple(types), classes=tuple(classes))


def _times(state: State) -> Times:
    rows = zip(state.task_managers, state.counts.tolist(), strict=True)
    return dict(Counter((state.problem.class_of[tm], tuple(row)) for tm, row in rows))
