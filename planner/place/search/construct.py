"""First placements: slots one by one in several orders, the best of them to start from."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from planner.place.model.problem import NO_LIMIT, Problem
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.state import Floats, Ints, State


def construct(problem: Problem, cap: Floats) -> State:
    """Return the greedy placement that overflows least: all slots placed, though limits may be broken.

    ``cap`` is the load each TaskManager should stay under.
    """
    best: State | None = None
    least = np.inf
    for order, tight in _portfolio(problem):
        state = State(problem)
        # what stays has no choice, so that the others see what is there
        _greedy(state, sorted(order, key=lambda t: t not in problem.staying), tight)
        overflow = Overflow(state, cap)
        cost = float(everywhere(overflow, state).sum())
        if cost < least:
            best, least = state, cost
        if not overflow.violation(np.arange(len(state.cpu)), state.used, state.counts).any():
            break
    assert best is not None
    return best


def _portfolio(problem: Problem) -> list[tuple[Sequence[int], bool]]:
    """Return orders of types with whether scarce memory counts: heaviest first, then scarcest first."""
    types = range(len(problem.types))
    by_load = sorted(types, key=lambda t: -problem.types[t].load)
    totals = [
        sum((entry.limits[r] or 0) * len(entry.members) for entry in problem.classes)
        for r in range(len(problem.resources))
    ]

    def share(slot_type: int) -> float:
        demand = problem.types[slot_type].demand
        return max((need / total for need, total in zip(demand, totals, strict=True) if total), default=0.0)

    by_share = sorted(types, key=lambda t: -share(t))
    return [(by_load, False), (by_share, False), (by_share, True), (by_load, True)]


def _greedy(state: State, order: Sequence[int], tight: bool) -> None:
    """Put slots one by one where the utilisation stays least; what fits nowhere, where it harms least.

    With ``tight`` the fullest resource counts, not only the load.
    """
    limits = np.where(state.limits < NO_LIMIT, np.maximum(state.limits, 1.0), np.inf)
    left: Ints = np.zeros(state.types, dtype=np.int64)
    for slot_type in order:
        load, need = state.loads_of[slot_type], state.demand[slot_type]
        room = state.fits(slot_type)
        score = (state.load + load) / state.cpu
        if tight and limits.shape[1]:
            score = np.maximum(score, ((state.used + need) / limits).max(axis=1))
        heap = [(float(score[row]), int(row)) for row in np.flatnonzero(room)]
        heapq.heapify(heap)
        placed: dict[int, int] = {}
        for _ in range(int(state.copies[slot_type])):
            if not heap:
                left[slot_type] += 1
                continue
            _, row = heapq.heappop(heap)
            count = placed[row] = placed.get(row, 0) + 1
            used = state.used[row] + (count + 1) * need
            if (used <= state.limits[row]).all():
                level = (state.load[row] + (count + 1) * load) / state.cpu[row]
                if tight and limits.shape[1]:
                    level = max(level, (used / limits[row]).max())
                heapq.heappush(heap, (float(level), row))
        for row, count in placed.items():
            state.change(row, slot_type, count)
    place_left(state, left)


def fill(problem: Problem, parts: Sequence[Sequence[int]], cap: Floats) -> State:
    """Fill one TaskManager after the other with slots of one part of the types, and only then of the next.

    The largest are first, each is filled up to ``cap`` with the heaviest slots first. What fits nowhere
    stands where it harms least.
    """
    state = State(problem)
    left = state.copies.astype(np.int64)
    for row in np.argsort(-cap, kind="stable"):
        for part in parts:
            for slot_type in sorted(part, key=lambda t: -problem.types[t].load):
                if left[slot_type] and not any(state.counts[row, o] for o in state.rivals_of(slot_type)):
                    need = np.append(state.demand[slot_type], state.loads_of[slot_type])
                    room = np.append(state.limits[row] - state.used[row], cap[row] - state.load[row])
                    some = need > 0
                    most = int((room[some] // need[some]).min(initial=float(left[slot_type])))
                    count = min(max(most, 0), int(left[slot_type]))
                    state.change(int(row), slot_type, count)
                    left[slot_type] -= count
            if left[list(part)].any():
                break
    place_left(state, left)
    return state


def place_left(state: State, left: Ints) -> None:
    """Place ``left`` more slots of each type, heaviest first, where that harms least."""
    limits = np.where(state.limits < NO_LIMIT, np.maximum(state.limits, 1.0), np.inf)
    for slot_type in np.argsort(-state.loads_of, kind="stable"):
        for _ in range(int(left[slot_type])):
            over = np.maximum(0.0, state.used + state.demand[slot_type] - state.limits) / limits
            clash = np.zeros(len(state.cpu))
            for other in state.rivals_of(int(slot_type)):
                clash += state.counts[:, other] > 0
            level = (state.load + state.loads_of[slot_type]) / state.cpu
            harm = over.sum(axis=1) + clash + 1e-6 * level
            state.change(int(harm.argmin()), int(slot_type), 1)
