"""A first placement, and a better one: greedy orders, then moves and swaps on the fullest TaskManager."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from planner.place.problem import Problem, SlotType, Solution

Ints = NDArray[np.int64]
HUGE = 2**62


class State:
    """Counts and what they leave free, as arrays over TaskManagers (rows) that can change in place."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.hosts = problem.usable
        rows = [problem.classes[problem.class_of[host]] for host in self.hosts]
        self.cpu: Ints = np.array([row.cpu for row in rows], dtype=np.int64)
        limits = [[HUGE if limit is None else limit for limit in row.limits] for row in rows]
        self.free: Ints = np.array(limits, dtype=np.int64).reshape(len(rows), len(problem.resources))
        self.demand: Ints = np.array([t.demand for t in problem.types], dtype=np.int64).reshape(
            len(problem.types), len(problem.resources)
        )
        self.load_of: Ints = np.array([t.load for t in problem.types], dtype=np.int64)
        self.counts: Ints = np.zeros((len(rows), len(problem.types)), dtype=np.int64)
        self.load: Ints = np.zeros(len(rows), dtype=np.int64)

    def change(self, row: int, slot_type: int, by: int) -> None:
        """Add ``by`` slots of a type to a TaskManager."""
        self.counts[row, slot_type] += by
        self.free[row] -= by * self.demand[slot_type]
        self.load[row] += by * self.load_of[slot_type]

    def utilisation(self) -> NDArray[np.float64]:
        """Return load / capacity."""
        return np.asarray(self.load / self.cpu, dtype=np.float64)

    def solution(self) -> Solution:
        """Return the counts as a solution."""
        return Solution({host: tuple(map(int, self.counts[row])) for row, host in enumerate(self.hosts)})

    @classmethod
    def of(cls, problem: Problem, solution: Solution) -> State:
        """Return the state of a solution."""
        state = cls(problem)
        for row, host in enumerate(state.hosts):
            for slot_type, count in enumerate(solution.counts[host]):
                if count:
                    state.change(row, slot_type, count)
        return state


Order = Callable[[Problem], Iterable[int]]


def _by_load(problem: Problem) -> Iterable[int]:
    return sorted(range(len(problem.types)), key=lambda t: (-problem.types[t].load, t))


def _by_dominant_share(problem: Problem) -> Iterable[int]:
    totals = [
        sum((entry.limits[r] or 0) * len(entry.members) for entry in problem.classes) or 1
        for r in range(len(problem.resources))
    ]

    def share(slot: SlotType) -> Fraction:
        return max(Fraction(need, total) for need, total in zip(slot.demand, totals, strict=True))

    return sorted(range(len(problem.types)), key=lambda t: (-share(problem.types[t]), t))


def _by_memory(problem: Problem) -> Iterable[int]:
    memory = problem.resources.index("memory")
    return sorted(range(len(problem.types)), key=lambda t: (-problem.types[t].demand[memory], t))


ORDERS: tuple[Order, ...] = (_by_load, _by_dominant_share, _by_memory)


def construct(problem: Problem) -> Solution | None:
    """Return the best of several greedy placements, or None where all of them get stuck."""
    tries = [_greedy(problem, order, tight) for order in ORDERS for tight in (False, True)]
    found = [solution for solution in tries if solution is not None]
    return min(found, key=lambda s: s.max_utilisation(problem), default=None)


def _greedy(problem: Problem, order: Order, tight: bool) -> Solution | None:
    """Put slots one by one on the TaskManager where utilisation stays least.

    With ``tight`` the fullest resource counts instead of CPU load alone, for scarce memory.
    """
    state = State(problem)
    limited = np.where(state.free >= HUGE, 0, state.free)
    limits = np.maximum(limited, 1).astype(np.float64)
    for slot_type in order(problem):
        need, load = state.demand[slot_type], int(state.load_of[slot_type])
        heap: list[tuple[float, int]] = []
        for row in range(len(state.hosts)):
            if (state.free[row] >= need).all():
                heap.append((_score(state, row, slot_type, load, limits, limited, tight), row))
        heapq.heapify(heap)
        for _ in range(problem.types[slot_type].count):
            if not heap:
                return None
            _, row = heapq.heappop(heap)
            state.change(row, slot_type, 1)
            if (state.free[row] >= need).all():
                heapq.heappush(heap, (_score(state, row, slot_type, load, limits, limited, tight), row))
    return state.solution()


def _score(
    state: State,
    row: int,
    slot_type: int,
    load: int,
    limits: NDArray[np.float64],
    limited: Ints,
    tight: bool,
) -> float:
    cpu = float((state.load[row] + load) / state.cpu[row])
    if not tight:
        return cpu
    used = limited[row] - np.where(limited[row] == 0, 0, state.free[row]) + state.demand[slot_type]
    return max(cpu, float((np.where(limited[row] == 0, 0, used) / limits[row]).max()))


def improve(
    problem: Problem, solution: Solution, target: Fraction, rng: random.Random, rounds: int
) -> Solution:
    """Move and swap slots off the fullest TaskManager until ``target`` is met or nothing helps.

    A step has to lower the pair's higher utilisation, so the sorted vector of utilisations falls.
    """
    state = State.of(problem, solution)
    stuck: set[int] = set()
    goal = float(target) * (1 + 1e-12)
    for _ in range(rounds):
        utilisation = state.utilisation()
        order = np.argsort(-utilisation, kind="stable")
        row = next((int(r) for r in order if int(r) not in stuck), None)
        if row is None or utilisation[row] <= goal:
            break
        step = _best_step(state, row, utilisation)
        if step is None:
            if utilisation[row] < utilisation[order[0]] * (1 - 1e-12):
                break
            stuck.add(row)
            continue
        out, other, back = step
        state.change(row, out, -1)
        state.change(other, out, 1)
        if back is not None:
            state.change(other, back, -1)
            state.change(row, back, 1)
        stuck.clear()
    del rng
    return state.solution()


def _best_step(
    state: State, row: int, utilisation: NDArray[np.float64]
) -> tuple[int, int, int | None] | None:
    """Return the best move or swap (type out, TaskManager, type back) that relieves ``row``."""
    best: tuple[float, int, int, int | None] | None = None
    here = utilisation[row]
    for out in np.flatnonzero(state.counts[row]):
        load_out = state.load_of[out]
        if load_out == 0:
            continue
        gained = (state.load + load_out) / state.cpu
        room = (state.free >= state.demand[out]).all(axis=1)
        room[row] = False
        moved_here = (state.load[row] - load_out) / state.cpu[row]
        worst = np.where(room, np.maximum(gained, moved_here), np.inf)
        other = int(worst.argmin())
        if worst[other] < here * (1 - 1e-12) and (best is None or worst[other] < best[0]):
            best = (float(worst[other]), int(out), other, None)
        for back in range(len(state.load_of)):
            load_back = state.load_of[back]
            if load_back >= load_out:
                continue
            swapped_here = (state.load[row] - load_out + load_back) / state.cpu[row]
            if best is not None and swapped_here >= best[0]:
                continue
            change = state.demand[out] - state.demand[back]
            if not (state.free[row] >= -change).all():
                continue
            possible = (state.counts[:, back] > 0) & (state.free >= change).all(axis=1)
            possible[row] = False
            level = np.where(
                possible,
                np.maximum((state.load + load_out - load_back) / state.cpu, swapped_here),
                np.inf,
            )
            other = int(level.argmin())
            if level[other] < here * (1 - 1e-12) and (best is None or level[other] < best[0]):
                best = (float(level[other]), int(out), other, back)
    return None if best is None else best[1:]
