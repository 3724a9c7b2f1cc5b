"""A placement that stays near the one before: the least moves that keep the load within a slack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from ortools.graph.python import linear_sum_assignment
from ortools.sat.python import cp_model

from planner.place.clock import Clock
from planner.place.model.problem import Problem, Solution
from planner.place.moves.move_list import Previous
from planner.place.parameters import PARAMETERS
from planner.place.search.construct import place_left
from planner.place.search.costs import Overflow, Together, Within, everywhere
from planner.place.search.counts import Rearrangement
from planner.place.search.group_costs import Moves
from planner.place.search.state import Ints, State
from planner.place.search.swap import swap

PARTS_PER_MOVE = 1000
"""Resolution of the weight of a move for CP-SAT: a slot weighs one, its state besides, by the GiB."""


@dataclass(frozen=True)
class Replacement:
    """A placement within a utilisation, and the moves it takes; None where none was found."""

    solution: Solution | None
    moved: int = 0
    weight: Fraction = Fraction(0)


def replace_within(
    problem: Problem, previous: Previous, limit: Fraction, clock: Clock, others: Sequence[Solution] = ()
) -> Replacement:
    """Return the placement of least moves found in which no utilisation is above ``limit``.

    ``others`` are placements to start from as well, where they keep to the limit.
    """
    rng = np.random.default_rng(clock.stop.seed)
    before = quotas_before(problem, previous)
    weights = np.array([float(previous.weights.get(g, Fraction(1))) for g in problem.groups])
    moves = Moves(problem, before, weights)
    state = _kept(problem, before)
    cap = state.caps(limit.numerator, limit.denominator)
    overflow = Overflow(state, cap)
    rows = np.arange(len(cap))
    scale = float(state.loads_of.max(initial=1.0)) / max(float(weights.max(initial=1.0)), 1e-9)
    # first only moves that relieve much, then ever less
    for step in range(PARAMETERS.relief_halvings):
        swap(
            state,
            Together(overflow, moves, scale / 2**step),
            clock.part(PARAMETERS.relief_work),
            rng,
            walk=False,
        )
        if not everywhere(overflow, state).any():
            break
    within: list[State] = []
    if swap(state, overflow, clock.part(PARAMETERS.walk_work), rng) <= 0:
        within.append(state)
    for other in others:
        start = State.from_solution(problem, other)
        if not everywhere(overflow, start).any():
            within.append(start)
    if not within:
        return Replacement(None)
    best = min(within, key=lambda one: float(moves.at(rows, one.counts).sum()))
    _fewer(best, moves, overflow, clock, rng)
    solution = best.solution()
    moved = moves_of(problem, solution, before)
    return Replacement(
        solution,
        sum(moved.values()),
        sum(
            (count * previous.weights.get(group, Fraction(1)) for group, count in moved.items()), Fraction(0)
        ),
    )


def quotas_before(problem: Problem, previous: Previous) -> Ints:
    """Return the previous quotas of the TaskManagers that are still there: (rows, groups)."""
    quotas = np.zeros((len(problem.usable), len(problem.groups)), dtype=np.int64)
    number = {group: index for index, group in enumerate(problem.groups)}
    for row, tm in enumerate(problem.usable):
        for group, count in previous.quotas.get(problem.task_managers[tm].id, {}).items():
            if group in number:
                quotas[row, number[group]] = count
    return quotas


def moves_of(problem: Problem, solution: Solution, before: Ints) -> dict[str, int]:
    """Return how many slots of each group change their TaskManager without having to."""
    held = _by_group(problem, solution)
    left = np.maximum(before - held, 0).sum(axis=0)
    come = np.maximum(held - before, 0).sum(axis=0)
    return {group: int(min(left[g], come[g])) for g, group in enumerate(problem.groups)}


def _by_group(problem: Problem, solution: Solution) -> Ints:
    counts = np.array([solution.counts[tm] for tm in problem.usable], dtype=np.int64)
    group_of = [problem.groups.index(slot.group) for slot in problem.types]
    held: Ints = np.zeros((len(counts), len(problem.groups)), dtype=np.int64)
    for t, group in enumerate(group_of):
        held[:, group] += counts[:, t]
    return held


def relabelled(problem: Problem, solution: Solution, before: Ints) -> Solution:
    """Return the same placement with equal TaskManagers traded so that most slots stay."""
    held = _by_group(problem, solution)
    row_of = {tm: row for row, tm in enumerate(problem.usable)}
    counts = dict(solution.counts)
    for entry in problem.classes:
        rows = [row_of[tm] for tm in entry.members]
        if not 1 < len(rows) <= PARAMETERS.matched_task_managers:
            continue
        stay = np.minimum(held[rows][:, None, :], before[rows][None, :, :]).sum(axis=2)
        size = len(rows)
        left, right = np.divmod(np.arange(size * size), size)
        matching = linear_sum_assignment.SimpleLinearSumAssignment()
        matching.add_arcs_with_cost(left, right, -stay.ravel())
        if matching.solve() != matching.OPTIMAL:
            continue
        for index in range(size):
            counts[entry.members[matching.right_mate(index)]] = solution.counts[entry.members[index]]
    return Solution(counts)


def _kept(problem: Problem, before: Ints) -> State:
    """Return the previous placement with slots that are gone taken away and new ones added."""
    state = State(problem)
    by_group: dict[str, list[int]] = {}
    for t, slot in enumerate(problem.types):
        by_group.setdefault(slot.group, []).append(t)
    counts = np.zeros((len(problem.usable), len(problem.types)), dtype=np.int64)
    for g, group in enumerate(problem.groups):
        left = {t: problem.types[t].count for t in by_group[group]}
        surplus = int(before[:, g].sum()) - sum(left.values())
        want = before[:, g].copy()
        for row in np.argsort(-want, kind="stable"):
            take = min(int(want[row]), max(surplus, 0), 1)
            want[row] -= take
            surplus -= take
        while surplus > 0:
            row = int(want.argmax())
            want[row] -= 1
            surplus -= 1
        for row in np.flatnonzero(want):
            for t in by_group[group]:
                take = min(int(want[row]), left[t])
                counts[row, t] += take
                want[row] -= take
                left[t] -= take
    state.set(counts)
    place_left(state, state.copies - counts.sum(axis=0))
    return state


def _fewer(state: State, moves: Moves, overflow: Overflow, clock: Clock, rng: np.random.Generator) -> None:
    """Take moves back while load and limits allow it: by swaps, then on a few TaskManagers by CP-SAT."""
    swap(state, Within(moves, overflow), clock.part(PARAMETERS.relief_work), rng, walk=False)
    rows = np.arange(len(state.cpu))
    idle = 0
    while idle < PARAMETERS.move_dead_ends and not clock.expired():
        touched = np.flatnonzero((state.counts @ moves.member != moves.before).any(axis=1))
        if not len(touched) or not moves.at(rows, state.counts).any():
            return
        size = min(PARAMETERS.move_neighbours, len(rows))
        first = rng.choice(touched, min(size * 2 // 3, len(touched)), replace=False)
        rest = np.setdiff1d(rows, first)
        others = rng.choice(rest, min(size - len(first), len(rest)), replace=False)
        better = _neighbourhood(state, moves, overflow, [*map(int, first), *map(int, others)], clock)
        idle = 0 if better else idle + 1


def _neighbourhood(state: State, moves: Moves, overflow: Overflow, rows: Sequence[int], clock: Clock) -> bool:
    """Rearrange what stands on ``rows`` with the least moves; tell whether they became less."""
    whole = Rearrangement(state, rows)
    group_of = moves.member.argmax(axis=1)
    weighted: list[cp_model.LinearExprT] = []
    for row in rows:
        counts = whole.add(row, int(overflow.cap[row]))
        for g, weight in enumerate(moves.weights):
            members = np.flatnonzero(group_of == g)
            was = int(moves.before[row, g])
            if not was and not moves.shrinks[g]:
                continue
            if not any(state.counts[rows, t].any() for t in members):
                continue
            moved = whole.model.new_int_var(0, max(was, state.problem.total_slots), "")
            held = cp_model.LinearExpr.sum([counts[t] for t in members])
            whole.model.add(moved >= (held - was if moves.shrinks[g] else was - held))
            weighted.append(moved * max(round(weight * PARTS_PER_MOVE), 1))
    better = whole.minimise(cp_model.LinearExpr.sum(weighted), clock, PARAMETERS.move_neighbours_work)
    if better is None:
        return False
    at, new = np.array(rows), better[0]
    if moves.at(at, new).sum() >= moves.at(at, state.counts[at]).sum() - 1e-9:
        return False
    whole.apply(new)
    return True
