"""Costs of a TaskManager by how many slots of each group it holds: moves, traffic, what its loss restarts."""

from __future__ import annotations

import numpy as np

from planner.place.model.problem import Problem
from planner.place.search.costs import Rows, Steps
from planner.place.search.state import Floats, Ints, State


def membership(problem: Problem) -> Floats:
    """Return which type belongs to which group: (types, groups), groups in order of the problem."""
    number = {group: index for index, group in enumerate(problem.groups)}
    found = np.zeros((len(problem.types), len(number)))
    for t, slot in enumerate(problem.types):
        found[t, number[slot.group]] = 1.0
    return found


class Moves:
    """What slots that change their TaskManager weigh, against the quotas of before: (rows, groups).

    A group that keeps or gains slots moves as many as leave their TaskManagers, one that loses slots as
    many as arrive on others: what is lost or new anyway does not count. ``total`` is what each group had on
    all TaskManagers that are still there.
    """

    def __init__(self, problem: Problem, before: Ints, weights: Floats, total: Ints) -> None:
        self.member = membership(problem)
        self.before = before.astype(np.float64)
        self.weights = weights
        now = np.array([slot.count for slot in problem.types], dtype=np.float64) @ self.member
        self.shrinks = now < total

    def at(self, rows: Rows, counts: Ints) -> Floats:
        """Return the weight of the moves of TaskManagers if they held ``counts``."""
        change = counts @ self.member - self.before[rows]
        moved = np.where(self.shrinks, np.maximum(change, 0.0), np.maximum(-change, 0.0))
        return np.asarray(moved @ self.weights)

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return what swaps gain when every slot counts for itself."""
        change = state.counts @ self.member - self.before
        add = np.where(self.shrinks, change >= 0, -1.0 * (change < 0)) * self.weights
        drop = np.where(self.shrinks, -1.0 * (change > 0), change <= 0) * self.weights
        by_type = self.member.T
        return Steps.gain(state, row, out, others, back, add @ by_type, drop @ by_type)


class Crossing:
    """Bytes a second that leave a TaskManager, expected when Flink picks slots within a group at random.

    A flow from group g to h stays on TaskManager m with probability (n_gm / n_g) (n_hm / n_h).
    """

    def __init__(self, problem: Problem) -> None:
        self.member = membership(problem)
        slots = np.array([slot.count for slot in problem.types], dtype=np.float64) @ self.member
        groups = len(problem.groups)
        self.leaving = np.zeros(groups)
        self.pairs = np.zeros((groups, groups))
        for source, target, rate in problem.flows:
            self.leaving[source] += rate / slots[source]
            self.pairs[source, target] += rate / (slots[source] * slots[target])
        self.both = self.pairs + self.pairs.T

    def at(self, rows: Rows, counts: Ints) -> Floats:
        """Return the bytes a second that leave TaskManagers if they held ``counts``."""
        del rows
        held = counts @ self.member
        return np.asarray(
            held @ self.leaving - np.einsum("kg,gh,kh->k", held, self.pairs, held, optimize=True)
        )

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return what swaps gain when every slot counts for itself."""
        held = state.counts @ self.member
        near, alone = held @ self.both, np.diag(self.pairs)
        add = self.leaving - near - alone
        drop = near - self.leaving - alone
        by_type = self.member.T
        return Steps.gain(state, row, out, others, back, add @ by_type, drop @ by_type)


class Restarting:
    """What the loss of a TaskManager is expected to restart, when Flink picks slots within a group at random.

    Of n slots of a group, h restart a subtask: k lost ones spare it with probability C(n-h, k) / C(n, k), and
    groups do so independently. ``share`` takes so much of each h: below one, a TaskManager that holds fewer
    slots of a group is better although the loss of a single one restarts all, which leads to those that hold
    none.
    """

    def __init__(self, problem: Problem, share: float = 1.0) -> None:
        self.member = membership(problem)
        slots = np.array([slot.count for slot in problem.types], dtype=np.float64) @ self.member
        self.weights = np.array([float(one.weight) for one in problem.restarts])
        self.most = slots.astype(np.int64)
        self.spared = np.ones((len(problem.groups), int(slots.max(initial=0)) + 1, len(problem.restarts)))
        for index, one in enumerate(problem.restarts):
            for group, hits in one.slots:
                lost = np.arange(self.most[group])
                left = (slots[group] - share * hits - lost) / (slots[group] - lost)
                self.spared[group, 1 : self.most[group] + 1, index] = np.cumprod(np.maximum(left, 0.0))

    def at(self, rows: Rows, counts: Ints) -> Floats:
        """Return what the loss of TaskManagers is expected to restart if they held ``counts``."""
        del rows
        held = np.rint(counts @ self.member).astype(np.int64)
        spared = np.ones((len(held), len(self.weights)))
        for group, table in enumerate(self.spared):
            spared *= table[held[:, group]]
        return np.asarray((1.0 - spared) @ self.weights)

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return what swaps gain when every slot counts for itself."""
        rows = np.unique(np.append(others, row))
        held = np.rint(state.counts[rows] @ self.member).astype(np.int64).T
        groups = np.arange(len(held))[:, None]
        now, nothing = self.spared[groups, held], np.ones((1, len(rows), len(self.weights)))
        before = np.concatenate([nothing, np.cumprod(now[:-1], axis=0)])
        after = np.concatenate([np.cumprod(now[:0:-1], axis=0)[::-1], nothing])
        others_spare = before * after * self.weights
        more = self.spared[groups, np.minimum(held + 1, self.most[:, None])]
        less = self.spared[groups, np.maximum(held - 1, 0)]
        add, drop = np.zeros((2, len(state.cpu), len(held)))
        add[rows] = (others_spare * (now - more)).sum(axis=2).T
        drop[rows] = (others_spare * (now - less)).sum(axis=2).T
        by_type = self.member.T
        return Steps.gain(state, row, out, others, back, add @ by_type, drop @ by_type)
