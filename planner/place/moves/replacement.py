"""A placement that stays near the one before: the least moves that keep the load within a slack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from ortools.graph.python import linear_sum_assignment
from ortools.sat.python import cp_model

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.model.choices import chosen, merged, settle
from planner.place.model.problem import Problem, Solution
from planner.place.moves.move_list import Previous
from planner.place.parameters import PARAMETERS
from planner.place.search import counts
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
    """A placement, and what the moves that it takes weigh; ``problem`` is what it is a solution of.

    ``bound`` is of that weight, among all placements within the same utilisation.
    """

    problem: Problem
    solution: Solution
    weight: Fraction
    bound: Bound | None = None

    @property
    def optimal(self) -> bool:
        """Tell whether it is proven that nothing takes less."""
        return self.bound is not None and self.weight <= self.bound.value


def replacement(problem: Problem, solution: Solution, previous: Previous) -> Replacement:
    """Return a solution with what its moves weigh."""
    moved = moves_of(problem, solution, previous)
    weight = sum((count * previous.weight(group) for group, count in moved.items()), Fraction(0))
    return Replacement(problem, solution, weight, Bound(Fraction(0), "zero") if not weight else None)


def replace_within(
    whole: Problem, previous: Previous, limit: Fraction, clock: Clock, starts: Sequence[Replacement]
) -> Replacement:
    """Return the placement of least moves found in which no utilisation is above ``limit``.

    ``starts`` are placements within it. They are of what is left of ``whole`` when a choice is made (see
    `planner.place.model.choices`); CP-SAT decides on that as well where the cluster is not too large.
    """
    rng = np.random.default_rng(clock.stop.seed)
    # what was proven of them holds for another limit
    starts = [one if not one.weight else replace(one, bound=None) for one in starts]
    found = min(starts, key=_weight)
    few = len(whole.usable) <= PARAMETERS.moves_exact_task_managers
    if few:
        found = _by_cp_sat(whole, found, previous, limit, clock, clock.left() / 2)
    if not found.optimal:
        swapped = _by_swaps(previous, limit, clock, starts, rng)
        found = replace(min(swapped, found, key=_weight), bound=swapped.bound or found.bound)
    if not few:
        found = _by_cp_sat(whole, found, previous, limit, clock, PARAMETERS.moves_exact_work)
    if not found.optimal:
        found = _by_neighbourhoods(found, previous, limit, clock, rng)
    return _by_cp_sat(whole, found, previous, limit, clock, clock.left())


def _weight(one: Replacement) -> Fraction:
    return one.weight


def _by_swaps(
    previous: Previous,
    limit: Fraction,
    clock: Clock,
    starts: Sequence[Replacement],
    rng: np.random.Generator,
) -> Replacement:
    """Return the best of ``starts``, or what swaps make of the previous placement, with moves taken back."""
    problem = starts[0].problem
    moves = _moves(problem, previous)
    state = _kept(problem, quotas_before(problem, previous))
    overflow = _overflow(state, limit)
    heaviest = max(float(moves.weights.max(initial=1.0)), 1e-9)
    scale = float(state.loads_of.max(initial=1.0)) / heaviest
    # first only moves that relieve much, then ever less; what comes after has as much time as each of these
    for step in range(PARAMETERS.relief_halvings):
        share = clock.share(1 / (PARAMETERS.relief_halvings - step + 3))
        weighed = Together(overflow, moves, scale / 2**step)
        swap(state, weighed, share.part(PARAMETERS.relief_work), rng, walk=False)
        if not everywhere(overflow, state).any():
            break
    best = min(starts, key=_weight)
    if swap(state, overflow, clock.part(PARAMETERS.walk_work), rng) <= 0:
        repaired = replacement(problem, state.solution(), previous)
        best = min(repaired, best, key=_weight)
    if best.problem != problem:
        return best
    state = State.from_solution(problem, best.solution)
    swap(state, Within(moves, overflow), clock.part(PARAMETERS.relief_work), rng, walk=False)
    return replacement(problem, state.solution(), previous)


def _by_cp_sat(
    whole: Problem, found: Replacement, previous: Previous, limit: Fraction, clock: Clock, work: float
) -> Replacement:
    """Return the least moves of all where CP-SAT proves them, or the best that it knows, and a bound.

    What a cover asks for is no constraint of its model: then it is of the choice that was made, unbounded.
    """
    problem = whole if whole.cover is None else found.problem
    if not is_small(problem, PARAMETERS.moves_exact_variables) or found.optimal or clock.expired():
        return found
    weights = [previous.weight(group) for group in problem.groups]
    hint = found.solution if problem == found.problem else merged(problem, found.problem, found.solution)
    before = quotas_before(problem, previous)
    least = counts.fewest_moves(problem, before, weights, limit, hint, clock, min(work, clock.left()))
    if least.solution is not None:
        choice, solution = chosen(problem, least.solution, least.spare)
        better = replacement(settle(problem, choice), solution, previous)
        found = min(found, better, key=_weight)
    if least.bound is None or whole.cover is not None or found.optimal:
        return found
    known = found.bound.value if found.bound is not None else Fraction(0)
    return replace(found, bound=Bound(max(least.bound, known), "cp-sat"))


def _moves(problem: Problem, previous: Previous) -> Moves:
    weights = np.array([float(previous.weight(group)) for group in problem.groups])
    return Moves(problem, quotas_before(problem, previous), weights, _total_before(problem, previous))


def _overflow(state: State, limit: Fraction) -> Overflow:
    return Overflow(state, state.caps(limit.numerator, limit.denominator))


def quotas_before(problem: Problem, previous: Previous) -> Ints:
    """Return the previous quotas of the TaskManagers that are still there: (rows, groups)."""
    quotas = np.zeros((len(problem.usable), len(problem.groups)), dtype=np.int64)
    number = {group: index for index, group in enumerate(problem.groups)}
    for row, tm in enumerate(problem.usable):
        for group, count in previous.quotas.get(problem.task_managers[tm].id, {}).items():
            if group in number:
                quotas[row, number[group]] = count
    return quotas


def moves_of(problem: Problem, solution: Solution, previous: Previous) -> dict[str, int]:
    """Return how many slots of each group change their TaskManager without having to.

    Those that could stay are as many as there were, and as there are: that they were on TaskManagers in
    reserve now does not excuse them.
    """
    held, before = _by_group(problem, solution), quotas_before(problem, previous)
    stay = np.minimum(held, before).sum(axis=0)
    could = np.minimum(held.sum(axis=0), _total_before(problem, previous))
    return {group: int(could[g] - stay[g]) for g, group in enumerate(problem.groups)}


def _total_before(problem: Problem, previous: Previous) -> Ints:
    """Return how many slots each group had on TaskManagers that are still there."""
    here = [previous.quotas.get(tm.id, {}) for tm in problem.task_managers]
    return np.array([sum(held.get(g, 0) for held in here) for g in problem.groups], dtype=np.int64)


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


def _by_neighbourhoods(
    found: Replacement, previous: Previous, limit: Fraction, clock: Clock, rng: np.random.Generator
) -> Replacement:
    """Return less moves within the same limit, where CP-SAT finds them on a few TaskManagers at a time."""
    moves = _moves(found.problem, previous)
    state = State.from_solution(found.problem, found.solution)
    overflow = _overflow(state, limit)
    rows = np.arange(len(state.cpu))
    idle = 0
    while idle < PARAMETERS.move_dead_ends and not clock.expired():
        touched = np.flatnonzero((state.counts @ moves.member != moves.before).any(axis=1))
        if not len(touched) or not moves.at(rows, state.counts).any():
            break
        size = min(PARAMETERS.move_neighbours, len(rows))
        first = rng.choice(touched, min(size * 2 // 3, len(touched)), replace=False)
        rest = np.setdiff1d(rows, first)
        others = rng.choice(rest, min(size - len(first), len(rest)), replace=False)
        chosen_rows = [*map(int, first), *map(int, others)]
        idle = 0 if _neighbourhood(state, moves, overflow, chosen_rows, clock) else idle + 1
    better = replacement(found.problem, state.solution(), previous)
    return better if better.optimal else replace(better, bound=found.bound)


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
