"""Local search: swap up to two slots each between two TaskManagers while that lowers a cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.place.clock import Clock
from planner.place.parameters import PARAMETERS
from planner.place.search.costs import Cost, Rows, everywhere
from planner.place.search.state import Floats, Ints, State

NONE: Ints = np.zeros((0, 0), dtype=np.int64)


@dataclass(frozen=True)
class _Offer:
    """Exchanges that one TaskManager could make: bundles out, partners, bundles back, estimated gains."""

    row: int
    out: Rows
    others: Rows
    back: Rows
    gains: Floats


def swap(state: State, cost: Cost, clock: Clock, rng: np.random.Generator, *, walk: bool = True) -> float:
    """Lower ``cost`` by swaps until it is zero or time is up, and return what is left of it.

    At a dead end ``walk`` goes on by swaps that cost nothing and, now and then, by random ones, and
    comes back to the best state. Otherwise the search ends when no TaskManager finds anything.
    """
    current = everywhere(cost, state)
    best, saved = float(current.sum()), state.counts
    patience, size = 0, PARAMETERS.swaps_few
    idle: set[int] = set()
    if len(state.cpu) < 2:
        return best
    while not clock.expired():
        wanting = np.flatnonzero(current > PARAMETERS.tiny)
        if not len(wanting):
            break
        if not walk:
            wanting = np.array([row for row in wanting if row not in idle], dtype=np.intp)
            if not len(wanting):
                break
        greedy = rng.random() < PARAMETERS.swap_greedy_share
        row = int(wanting[current[wanting].argmax()] if greedy else rng.choice(wanting))
        offer = _offer(state, cost, row, size, rng)
        clock.charge(PARAMETERS.work_of_swap_step + PARAMETERS.work_of_swap * offer.gains.size)
        found = _best(state, cost, offer, current, rng) or (
            _sideways(state, cost, offer, current, rng) if walk else None
        )
        if found is None:
            idle.add(row)
            size = min(size * 2, PARAMETERS.swaps_many)
        else:
            out, other, back = found
            state.swap(row, out, other, back)
            _update(state, cost, current, row, other)
            idle.clear()
        total = float(current.sum())
        if total < best - PARAMETERS.tiny:
            best, patience = total, 0
            size = max(PARAMETERS.swaps_few, size // 2)
            continue
        patience += 1
        size = min(size * 2, PARAMETERS.swaps_many) if patience % 3 == 0 else size
        if walk and patience >= PARAMETERS.kick_after:
            # swaps sideways keep the cost, so only a kick leaves the best state
            if total > best + PARAMETERS.tiny:
                state.set(saved)
                current = everywhere(cost, state)
            saved = state.counts.copy()
            _kick(state, cost, current, rng)
            patience = 0
    if float(current.sum()) > best + PARAMETERS.tiny:
        state.set(saved)
    return best


def _update(state: State, cost: Cost, current: Floats, *rows: int) -> None:
    picked = np.array(rows)
    current[picked] = cost.at(picked, state.load[picked], state.used[picked], state.counts[picked])


def _offer(state: State, cost: Cost, row: int, size: int, rng: np.random.Generator) -> _Offer:
    partners = _partners(state, cost, row, rng)
    out = np.flatnonzero(state.available[row])
    if len(out) > PARAMETERS.swap_bundles_out:
        out = rng.choice(out, PARAMETERS.swap_bundles_out, replace=False)
    there = np.flatnonzero(state.available[partners])
    if len(there) * len(out) > size:
        there = there[rng.integers(0, len(there), max(size // len(out), 1))]
    at, back = np.divmod(there, len(state.bundles.load))
    others = partners[at]
    return _Offer(row, out, others, back, cost.estimate(state, row, out, others, back))


def _partners(state: State, cost: Cost, row: int, rng: np.random.Generator) -> Rows:
    """Return TaskManagers to swap with: all of few, else those with most room and some others."""
    count = len(state.cpu)
    most = PARAMETERS.swap_partners
    if count <= most:
        partners = np.arange(count)
    else:
        partners = rng.integers(0, count, most)
        room = cost.room(state)
        if room is not None:
            drawn = rng.integers(0, count, 4 * most)
            partners[: most // 2] = drawn[np.argsort(-room[drawn], kind="stable")[: most // 2]]
        partners = np.unique(partners)
    return np.asarray(partners[partners != row])


def _gains(state: State, cost: Cost, offer: _Offer, current: Floats, picked: Rows) -> Floats:
    """Return what the swaps ``picked`` of an offer really gain."""
    i, j = np.divmod(picked, len(offer.back))
    out, back, others = offer.out[i], offer.back[j], offer.others[j]
    bundles, row = state.bundles, offer.row
    load = bundles.load[out] - bundles.load[back]
    used = bundles.demand[out] - bundles.demand[back]
    counts: Ints = NONE
    counts_here = counts_there = counts
    if cost.by_counts:
        counts = bundles.counts(out, state.types) - bundles.counts(back, state.types)
        counts_here, counts_there = state.counts[row] - counts, state.counts[others] + counts
    here = np.full(len(picked), row)
    after = cost.at(here, state.load[row] - load, state.used[row] - used, counts_here)
    after = after + cost.at(others, state.load[others] + load, state.used[others] + used, counts_there)
    return np.asarray(current[row] + current[others] - after)


def _best(
    state: State, cost: Cost, offer: _Offer, current: Floats, rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """Return the swap that gains most: of those that look best, or of a random lot where nothing does."""
    if not offer.gains.size:
        return None
    estimates = offer.gains.ravel()
    most = PARAMETERS.swaps_checked
    picked = np.flatnonzero(estimates > PARAMETERS.tiny)
    if len(picked) > most:
        # stable: which of equal ones come first would depend on the instructions that a processor has
        picked = picked[np.argsort(-estimates[picked], kind="stable")[:most]]
    if cost.blind(state, offer.row):
        picked = np.concatenate([picked, rng.integers(0, len(estimates), 4 * most)])
    if not len(picked):
        return None
    gains = _gains(state, cost, offer, current, picked)
    best = int(gains.argmax())
    return _swap_of(offer, int(picked[best])) if gains[best] > PARAMETERS.tiny else None


def _sideways(
    state: State, cost: Cost, offer: _Offer, current: Floats, rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """Return a random swap that changes something and costs nothing."""
    if not offer.gains.size:
        return None
    moved = state.bundles.load[offer.out][:, None] != state.bundles.load[offer.back][None, :]
    picked = np.flatnonzero((np.abs(offer.gains) < PARAMETERS.tiny).ravel() & moved.ravel())
    if not len(picked):
        return None
    most = PARAMETERS.swaps_checked // 3
    if len(picked) > most:
        picked = rng.choice(picked, most, replace=False)
    free = np.flatnonzero(_gains(state, cost, offer, current, picked) >= -PARAMETERS.tiny)
    return _swap_of(offer, int(picked[rng.choice(free)])) if len(free) else None


def _swap_of(offer: _Offer, index: int) -> tuple[int, int, int]:
    i, j = divmod(index, len(offer.back))
    return int(offer.out[i]), int(offer.others[j]), int(offer.back[j])


def _kick(state: State, cost: Cost, current: Floats, rng: np.random.Generator) -> None:
    """Make a few random swaps that break no hard limit, whatever they cost."""
    allowed = float(current.sum()) + float(state.loads_of.max(initial=1.0))
    fewest, most = PARAMETERS.kick_swaps
    for _ in range(fewest + int(rng.integers(0, most - fewest + 1))):
        row = int(rng.integers(0, len(state.cpu)))
        offer = _offer(state, cost, row, PARAMETERS.swaps_few, rng)
        if not offer.gains.size:
            continue
        picked = rng.integers(0, offer.gains.size, PARAMETERS.swaps_checked // 3)
        gains = _gains(state, cost, offer, current, picked)
        bearable = np.flatnonzero(float(current.sum()) - gains <= allowed)
        if len(bearable):
            out, other, back = _swap_of(offer, int(picked[rng.choice(bearable)]))
            state.swap(row, out, other, back)
            _update(state, cost, current, row, other)
