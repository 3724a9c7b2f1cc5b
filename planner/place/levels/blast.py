"""Level: the least that the loss of a TaskManager is expected to restart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from planner.graph.components import components
from planner.place.bounds.area import Bound
from planner.place.bounds.holders import expected_restarts_bound
from planner.place.clock import Clock
from planner.place.levels.kept import Kept, exceeds, lower, part, weighed
from planner.place.model.contents import every_content
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.assemble import assemble_cheapest
from planner.place.search.construct import fill
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.group_costs import Restarting
from planner.place.search.state import Ints, State
from planner.place.search.swap import swap

PARTS_PER_SUBTASK = 1_000_000
"""Resolution at which expected restarts are compared: sums of floats differ beyond it."""


def lower_blast(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower what the loss of one TaskManager is expected to restart.

    From the placement as it is, and from others that fill one TaskManager after the other, swaps lead to a
    better one. Where few contents are possible, CP-SAT puts the best of them together, and proves it.
    """
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    cost = Restarting(state.problem)
    best = state.counts.copy()
    for start in (state, *_filled(state, overflow, kept, clock, rng)):
        for share in PARAMETERS.blast_shares:
            # under a share a TaskManager with fewer slots of a group is better: a way to those without any
            lower(start, Restarting(state.problem, share), overflow, kept, clock, rng)
        if _total(cost, start.counts) < _total(cost, best):
            best = start.counts.copy()
    state.set(best)
    bound = _holders(state, kept)
    if _total(cost, best) > bound and not kept.sums and not clock.expired():
        found, proven = _by_contents(state, kept, cost, clock)
        bound = max(bound, proven or bound)
        # levels before may have set limits and floors that contents know nothing of
        if (
            found is not None
            and _total(cost, found.counts) < _total(cost, best)
            and not everywhere(overflow, found).any()
        ):
            state.set(found.counts.copy())
    total = _total(cost, state.counts)
    kept.sums.append((cost, float(total) / PARTS_PER_SUBTASK))
    return Level("expectedRestarts", blast_of(state), Bound(_mean(min(bound, total), state), "contents"))


def _filled(
    state: State, overflow: Overflow, kept: Kept, clock: Clock, rng: np.random.Generator
) -> Iterator[State]:
    """Yield placements that keep slots together which restart the same, where swaps make them possible."""
    problem = state.problem
    pairs = [(one.slots[0][0], group) for one in problem.restarts for group, _ in one.slots]
    number = {group: index for index, group in enumerate(problem.groups)}
    parts = [
        [t for t, slot in enumerate(problem.types) if number[slot.group] in together]
        for together in components(len(problem.groups), pairs)
    ]
    if len(parts) < 2:
        return
    for _ in range(PARAMETERS.blast_orders):
        if clock.expired():
            return
        found = fill(problem, [parts[index] for index in rng.permutation(len(parts))], kept.cap)
        clock.charge(PARAMETERS.work_of_swap * len(found.cpu) * len(problem.types))
        if everywhere(overflow, found).any():
            swap(found, weighed(overflow, kept.sums), part(state, clock), rng, walk=False)
        more = any(exceeds(one, most, found) for one, most in kept.sums)
        if not more and not everywhere(overflow, found).any():
            yield found


def blast_of(state: State) -> Fraction:
    """Return what the loss of one TaskManager, each as likely, is expected to restart."""
    return _mean(_total(Restarting(state.problem), state.counts), state)


def _mean(total: int, state: State) -> Fraction:
    return Fraction(total, PARTS_PER_SUBTASK * max(len(state.cpu), 1))


def _total(cost: Restarting, counts: Ints) -> int:
    return int(_costs(cost, counts).sum())


def _costs(cost: Restarting, counts: Ints) -> Ints:
    """Return what losses of TaskManagers restart, in whole parts of a subtask: (rows, types) to (rows)."""
    restarted = cost.at(np.arange(len(counts)), counts)
    return np.rint(restarted * PARTS_PER_SUBTASK).astype(np.int64)


def _caps(state: State, kept: Kept) -> list[int]:
    """Return the highest load by class, where levels before left TaskManagers of one class different ones."""
    caps = [0] * len(state.problem.classes)
    for row, tm in enumerate(state.task_managers):
        index = state.problem.class_of[tm]
        caps[index] = max(caps[index], int(kept.cap[row]))
    return caps


def _holders(state: State, kept: Kept) -> int:
    """Return a bound in whole parts. Those of a TaskManager are rounded, by half a part at most."""
    bound = expected_restarts_bound(state.problem, _caps(state, kept)) * PARTS_PER_SUBTASK
    whole = all(
        one.weight.denominator == 1
        and all(hits == state.problem.group_slots[group] for group, hits in one.slots)
        for one in state.problem.restarts
    )
    return math.ceil(bound) if whole else math.floor(bound - len(state.cpu))


def _by_contents(state: State, kept: Kept, cost: Restarting, clock: Clock) -> tuple[State | None, int | None]:
    """Return the best of all contents put together, and a bound; neither where they are too many."""
    pool = every_content(state.problem, _caps(state, kept), clock)
    if pool is None or sum(map(len, pool.contents)) > PARAMETERS.blast_contents:
        return None, None
    work = PARAMETERS.level_exact_work
    return assemble_cheapest(state.problem, pool, lambda counts: _costs(cost, counts), state, clock, work)
