"""Whether all slots fit at all, whatever the load: a placement, a proof that there is none, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np

from planner.place.bounds import patterns
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.model.contents import Pool
from planner.place.model.problem import NO_LIMIT, Problem
from planner.place.parameters import PARAMETERS
from planner.place.search import assemble, counts
from planner.place.search.construct import construct
from planner.place.search.costs import Overflow
from planner.place.search.purchase import fill
from planner.place.search.state import State
from planner.place.search.swap import swap


@dataclass(frozen=True)
class Feasibility:
    """A placement within all limits, or whether it is proven that there is none."""

    state: State | None
    impossible: bool = False


def find_feasible(problem: Problem, clock: Clock, start: State | None = None) -> Feasibility:
    """Look for any placement within the limits, from ``start`` if given, until the clock has expired."""
    rng = np.random.default_rng(clock.stop.seed)
    if not problem.types:
        return Feasibility(State(problem))
    if not problem.usable:
        return Feasibility(None, impossible=True)
    any_load = np.full(len(problem.usable), NO_LIMIT)
    state = construct(problem, any_load) if start is None else start
    small = is_small(problem)
    work = PARAMETERS.feasible_work_small if small else PARAMETERS.feasible_work
    if swap(state, Overflow(state, any_load), clock.part(work), rng) <= 0:
        return Feasibility(state)
    if small and not clock.expired():
        found = counts.any_placement(problem, clock, clock.left() / 2)
        if found.infeasible or found.solution is not None:
            solution = found.solution
            return Feasibility(State.from_solution(problem, solution) if solution else None, found.infeasible)
    pool = Pool.empty(problem)
    if not clock.expired():
        anything: list[int | None] = [None] * len(problem.classes)
        if patterns.judge(problem, anything, pool, clock) is patterns.Verdict.REFUTED:
            return Feasibility(None, impossible=True)
    bought = _bought(problem, pool, clock)
    if bought is not None:
        return Feasibility(bought)
    for trial in _starts(problem, pool, clock, state):
        if swap(trial, Overflow(trial, any_load), clock.part(PARAMETERS.round_work), rng) <= 0:
            return Feasibility(trial)
    return Feasibility(None)


def _bought(problem: Problem, pool: Pool, clock: Clock) -> State | None:
    """Fill TaskManagers content by content: where memory is short, exchanging slots does not lead there."""
    random = Random(clock.stop.seed)
    for _ in range(PARAMETERS.purchase_trials):
        if clock.expired():
            break
        state = fill(problem, [problem.total_load] * len(problem.classes), pool, clock, random)
        if state is not None:
            return state
    return None


def _starts(problem: Problem, pool: Pool, clock: Clock, state: State) -> Iterator[State]:
    """Yield what to search from: contents put together in another way each time, and the state so far."""
    any_load = np.full(len(problem.usable), NO_LIMIT)
    turn = 0
    while not clock.expired():
        turn += 1
        put = assemble.assemble(problem, pool, any_load, clock, PARAMETERS.round_work, clock.stop.seed + turn)
        if put is not None:
            yield put
        yield state
