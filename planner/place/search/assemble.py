"""Contents put together to whole placements by an integer program."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.patterns import Verdict
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.model.contents import Content, Pool
from planner.place.model.problem import NO_LIMIT, Problem
from planner.place.search.state import Floats, Ints, State


def add_state(pool: Pool, state: State, caps: Sequence[int | None]) -> None:
    """Add to ``pool`` what stands on TaskManagers now, where it keeps to the caps and limits."""
    good = state.within_limits()
    for row, tm in enumerate(state.task_managers):
        index = state.problem.class_of[tm]
        cap = caps[index]
        if good[row] and (cap is None or state.load[row] <= cap):
            pool.contents[index][tuple(state.counts[row].tolist())] = None


def assemble_exactly(
    problem: Problem, pool: Pool, cap: Floats, clock: Clock, seconds: float
) -> tuple[State | None, Verdict]:
    """Put contents of a complete pool together so that every slot is held exactly once.

    ``seconds`` limits the work. Where the contents cannot do that, nothing keeps to the pool's caps.
    """
    model = cp_model.CpModel()
    chosen, held = _columns(model, problem, pool)
    for slot, parts in zip(problem.types, held, strict=True):
        model.add(sum(parts) == slot.count)
    solver = new_solver(clock, seconds, clock.stop.seed)
    # few contents fit together: the relaxation leads to them
    solver.parameters.linearization_level = 2
    status = run(solver, model, clock)
    if status == cp_model.INFEASIBLE:
        return None, Verdict.REFUTED
    if status not in SOLVED:
        return None, Verdict.OPEN
    return _filled(problem, _picked(solver, chosen), cap), Verdict.POSSIBLE


def assemble(
    problem: Problem, pool: Pool, cap: Floats, clock: Clock, seconds: float, seed: int
) -> State | None:
    """Put contents together so that least load is left over; place the rest where it overflows least.

    ``seconds`` limits the work.
    """
    model = cp_model.CpModel()
    chosen, held = _columns(model, problem, pool)
    left = [model.new_int_var(0, slot.count, "") for slot in problem.types]
    for slot, parts, missing in zip(problem.types, held, left, strict=True):
        model.add(cp_model.LinearExpr.sum([*parts, missing]) >= slot.count)
    model.minimize(
        sum(missing * max(slot.load, 1) for missing, slot in zip(left, problem.types, strict=True))
    )
    solver = new_solver(clock, seconds, seed)
    status = run(solver, model, clock)
    if status not in SOLVED:
        return None
    return _filled(problem, _picked(solver, chosen), cap)


def assemble_cheapest(
    problem: Problem,
    pool: Pool,
    cost: Callable[[Ints], Ints],
    start: State,
    clock: Clock,
    seconds: float,
) -> tuple[State | None, int | None]:
    """Put contents of a complete pool together so that every slot is held once and they cost least.

    Returns what is found, and a bound. ``cost`` is that of contents, (rows, types) to (rows); ``start`` is a
    solution of the pool to begin with, ``seconds`` limits the work.
    """
    model = cp_model.CpModel()
    chosen, held = _columns(model, problem, pool)
    for slot, parts in zip(problem.types, held, strict=True):
        model.add(sum(parts) == slot.count)
    contents = np.array([content for _, content, _ in chosen], dtype=np.int64).reshape(-1, start.types)
    model.minimize(cp_model.LinearExpr.weighted_sum([times for *_, times in chosen], cost(contents).tolist()))
    now = Counter(
        (problem.class_of[tm], tuple(row))
        for tm, row in zip(start.task_managers, start.counts.tolist(), strict=True)
    )
    for index, content, times in chosen:
        model.add_hint(times, now[index, content])
    solver = new_solver(clock, seconds, clock.stop.seed)
    status = run(solver, model, clock)
    if status not in SOLVED:
        return None, None
    bound = math.ceil(solver.best_objective_bound - 1e-6)
    return _filled(problem, _picked(solver, chosen), np.full(len(start.cpu), NO_LIMIT)), bound


_Chosen = list[tuple[int, Content, cp_model.IntVar]]


def _columns(
    model: cp_model.CpModel, problem: Problem, pool: Pool
) -> tuple[_Chosen, list[list[cp_model.LinearExprT]]]:
    """Add how often each content is used; return that, and what holds the slots of each type."""
    held: list[list[cp_model.LinearExprT]] = [[] for _ in problem.types]
    chosen: _Chosen = []
    for index, entry in enumerate(problem.classes):
        mine = []
        for content in pool.contents[index]:
            some = [-(-problem.types[t].count // n) for t, n in enumerate(content) if n]
            if not some:
                continue
            times = model.new_int_var(0, min(len(entry.members), *some), "")
            mine.append(times)
            chosen.append((index, content, times))
            for t, count in enumerate(content):
                if count:
                    held[t].append(times * count)
        model.add(sum(mine) <= len(entry.members))
    return chosen, held


def _picked(solver: cp_model.CpSolver, chosen: _Chosen) -> list[tuple[int, Content, int]]:
    return [(index, content, solver.value(times)) for index, content, times in chosen]


def _filled(problem: Problem, picked: Sequence[tuple[int, Content, int]], cap: Floats) -> State:
    """Return the state of contents on TaskManagers, with no slot twice and those left over added."""
    state = State(problem)
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    empty = [[row_of[tm] for tm in reversed(entry.members)] for entry in problem.classes]
    left = state.copies.copy()
    for index, content, times in picked:
        for _ in range(times):
            row = empty[index].pop()
            for t, count in enumerate(content):
                count = min(count, int(left[t]))
                if count:
                    state.change(row, t, count)
                    left[t] -= count
    for t in np.argsort(-state.loads_of, kind="stable"):
        for _ in range(int(left[t])):
            over = np.maximum(0.0, state.load + state.loads_of[t] - cap) + 1e9 * ~state.fits(int(t))
            state.change(int(over.argmin()), int(t), 1)
    return state
