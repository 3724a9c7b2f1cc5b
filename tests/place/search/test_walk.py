"""Swaps by hand, what a guarded search keeps, and walks and kicks that come back to the best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from place.search.states import SMALL
from place.ways import keeps, rich_states, simple, state_of
from planner.place.clock import Clock, Stop
from planner.place.parameters import PARAMETERS
from planner.place.search import swap as module
from planner.place.search.costs import Overflow, Within, everywhere
from planner.place.search.group_costs import Crossing, Moves
from planner.place.search.state import State
from planner.place.search.swap import swap

FEW = settings(parent=SMALL, max_examples=40)


def steps(number: int) -> Clock:
    """Return a clock for at most so many steps."""
    return Clock(Stop(seconds=600), budget=number * PARAMETERS.work_of_swap_step)


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_one_swap_evens_two_task_managers() -> None:
    state = state_of(simple([("a", 3, 2), ("b", 1, 2)], [10, 10]), [[2, 0], [0, 2]])
    assert swap(state, Overflow(state, np.array([4.0, 4.0])), steps(40), seeded(), walk=False) == 0
    assert state.counts.tolist() == [[1, 1], [1, 1]]


def test_two_slots_go_for_one() -> None:
    """5 and 5 beside 3 and 2: no single slot for another brings the first down to its cap of 10 - 1."""
    state = state_of(simple([("a", 5, 2), ("b", 2, 2)], [10, 10]), [[2, 0], [0, 2]])
    assert swap(state, Overflow(state, np.array([9.0, 5.0])), steps(40), seeded(), walk=False) == 0
    assert state.load.tolist() == [9.0, 5.0]


def test_where_nothing_is_wanted_no_work_is_done() -> None:
    state = state_of(simple([("a", 3, 2)], [10, 10]), [[1], [1]])
    clock = steps(40)
    assert swap(state, Overflow(state, np.array([4.0, 4.0])), clock, seeded()) == 0
    assert clock.left() == steps(40).left()


@pytest.mark.parametrize("seed", range(4))
def test_rivals_are_parted_although_no_estimate_sees_them(seed: int) -> None:
    problem = replace(simple([("a", 2, 2), ("b", 1, 2)], [10, 10]), rivals=((0, 1),))
    state = state_of(problem, [[1, 1], [1, 1]])
    assert swap(state, Overflow(state, np.array([5.0, 5.0])), steps(60), seeded(seed)) == 0
    assert sorted(state.counts.tolist()) == [[0, 2], [2, 0]]


@FEW
@given(rich_states(), st.integers(0, 99))
def test_a_guarded_search_leaves_no_band_and_breaks_no_limit(state: State, seed: int) -> None:
    if not keeps(state.problem, state.solution().counts):
        return
    crossing, rows = Crossing(state.problem), np.arange(len(state.cpu))
    overflow = Overflow(state, state.load + 1.0, np.maximum(state.load - 1.0, 0.0))
    low, high = overflow.floor.copy(), overflow.cap.copy()
    before = float(crossing.at(rows, state.counts).sum())
    swap(state, Within(crossing, overflow), steps(40), seeded(seed), walk=False)
    assert ((low <= state.load) & (state.load <= high)).all()
    assert keeps(state.problem, state.solution().counts)
    assert float(crossing.at(rows, state.counts).sum()) <= before + 1e-6


@pytest.mark.parametrize(
    ("rivals", "room", "crossing"), [((), 8, 0), ((), 6, 50), ((), 4, 50), (((0, 1),), 8, 100)]
)
def test_traffic_is_no_reason_to_break_a_limit(
    rivals: tuple[tuple[int, int], ...], room: int, crossing: int
) -> None:
    """All four slots on one TaskManager are least traffic: where there is room, and no rivals."""
    problem = simple([("a", 1, 2), ("b", 1, 2)], [10, 10], memory={"a": 2, "b": 2}, room=room)
    problem = replace(problem, flows=((0, 1, 100),), rivals=rivals)
    state = state_of(problem, [[2, 0], [0, 2]])
    overflow = Overflow(state, np.full(2, 10.0))
    swap(state, Within(Crossing(problem), overflow), steps(60), seeded(), walk=False)
    assert keeps(problem, state.solution().counts)
    assert Crossing(problem).at(np.arange(2), state.counts).sum() == crossing


@FEW
@given(rich_states(), st.data())
def test_estimates_by_groups_are_exact_for_one_slot(state: State, data: st.DataObject) -> None:
    """A slot for nothing: that is all that a sum over single slots can promise."""
    groups = len(state.problem.groups)
    before = [[data.draw(st.integers(0, 3)) for _ in range(groups)] for _ in state.task_managers]
    weights = np.array([data.draw(st.sampled_from([1.0, 2.5])) for _ in range(groups)])
    held = np.array(before, dtype=np.int64)
    moves = Moves(state.problem, held, weights, held.sum(axis=0))
    bundles, rows = state.bundles, np.arange(len(state.cpu))
    empty = np.array([len(bundles.load) - 1])
    for cost in (moves, Crossing(state.problem)):
        now = float(cost.at(rows, state.counts).sum())
        for bundle in np.flatnonzero(state.available[0] & (bundles.second == state.types)):
            if bundles.first[bundle] == state.types:
                continue
            for other in rows[1:]:
                gain = cost.estimate(state, 0, np.array([bundle]), np.array([other]), empty)[0, 0]
                after = state.counts.copy()
                after[0, bundles.first[bundle]] -= 1
                after[other, bundles.first[bundle]] += 1
                assert gain == pytest.approx(now - float(cost.at(rows, after).sum()))


def test_of_a_group_that_shrinks_what_arrives_counts() -> None:
    """Two of four slots are gone: staying on one TaskManager is no move, one on the other is."""
    moves = Moves(simple([("a", 1, 2)], [10, 10]), np.array([[4], [0]]), np.array([2.0]), np.array([4]))
    assert moves.at(np.arange(2), np.array([[2], [0]])).tolist() == [0.0, 0.0]
    assert moves.at(np.arange(2), np.array([[1], [1]])).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("seed", range(8))
def test_walks_and_kicks_come_back_to_the_best(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """No placement meets these caps, so the search walks and kicks until its work is done."""
    kicked, seen = [], []
    kick, update = module._kick, module._update

    def record_kick(state: State, cost: Overflow, current: np.ndarray, rng: np.random.Generator) -> None:
        kick(state, cost, current, rng)
        kicked.append(float(everywhere(cost, state).sum()))

    def record(state: State, cost: Overflow, current: np.ndarray, *rows: int) -> None:
        update(state, cost, current, *rows)
        seen.append(float(current.sum()))

    monkeypatch.setattr(module, "_kick", record_kick)
    monkeypatch.setattr(module, "_update", record)
    monkeypatch.setattr(module, "PARAMETERS", replace(PARAMETERS, kick_after=5))
    problem = simple([("a", 7, 3), ("b", 5, 4), ("c", 3, 5), ("d", 2, 2)], [20] * 4)
    state = state_of(problem, [[3, 4, 0, 0], [0, 0, 5, 0], [0, 0, 0, 2], [0, 0, 0, 0]])
    overflow = Overflow(state, np.full(4, 14.0))
    left = swap(state, overflow, steps(150), seeded(seed))
    assert max(kicked) > left > 0  # the search really left its best
    assert left == min(seen)
    assert float(everywhere(overflow, state).sum()) == left


def test_a_walk_passes_swaps_that_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step sideways keeps the cost, rivals that no estimate sees included, and changes loads."""
    taken = []
    sideways = module._sideways

    def record(state: State, cost: Overflow, offer: object, current: np.ndarray, *rest: object) -> object:
        found = sideways(state, cost, offer, current, *rest)  # type: ignore[arg-type]
        if found is not None:
            out, other, back = found
            copy = State.from_solution(state.problem, state.solution())
            copy.swap(offer.row, out, other, back)  # type: ignore[attr-defined]
            costs = everywhere(cost, copy).sum() - everywhere(cost, state).sum()
            taken.append((float(costs), copy.load.tolist() != state.load.tolist()))
        return found

    monkeypatch.setattr(module, "_sideways", record)
    problem = simple([("a", 7, 3), ("b", 5, 4), ("c", 3, 5)], [20] * 4)
    problem = replace(problem, rivals=((0, 1), (1, 2)))
    for seed in range(6):
        state = state_of(problem, [[3, 0, 0], [0, 4, 0], [0, 0, 5], [0, 0, 0]])
        swap(state, Overflow(state, np.full(4, 13.0)), steps(80), seeded(seed))
    assert taken
    assert all(costs <= PARAMETERS.tiny and changed for costs, changed in taken)
