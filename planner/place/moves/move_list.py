"""What changes between a previous placement and a new one, as a list of moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planner.place.model.problem import Problem, Solution
from planner.place.result import rounded


@dataclass(frozen=True)
class Previous:
    """The quotas of the placement before, by TaskManager id and group, and what a slot's move weighs."""

    quotas: Mapping[str, Mapping[str, int]]
    weights: Mapping[str, Fraction]

    def weight(self, group: str) -> Fraction:
        """Return what the move of a slot of a group weighs."""
        return self.weights.get(group, Fraction(1))


@dataclass(frozen=True)
class MoveStep:
    """Slots of a group that go from one TaskManager to another."""

    group: str
    slots: int
    source: str
    target: str


@dataclass(frozen=True)
class MoveList:
    """What changes against the placement before; ``lost``, ``added`` and ``removed`` are not moves."""

    slack: float
    moved: int
    weight: Fraction
    lost: int
    added: int
    removed: int
    steps: tuple[MoveStep, ...]


@dataclass(frozen=True)
class Point:
    """What a higher CPU utilisation buys: ``weight`` of a later level, which for moves are ``moved`` slots.

    ``level`` is the name of that level, ``knee`` marks the best trade.
    """

    maximum: Fraction
    weight: Fraction
    moved: int | None = None
    level: str = "moves"
    knee: bool = False

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        weight = {self.level: rounded(self.weight)}
        if self.moved is not None:
            weight = {"moved": self.moved, "weight": rounded(self.weight)}
        return {
            "maxCpuUtilisation": rounded(self.maximum),
            **weight,
            **({"knee": True} if self.knee else {}),
        }


def move_list(problem: Problem, solution: Solution, previous: Previous, slack: float) -> MoveList:
    """Return the moves from the previous quotas to those of ``solution``, group by group.

    Those in reserve are there as well: what they held before has moved.
    """
    now: dict[str, Counter[str]] = {tm.id: Counter() for tm in problem.task_managers}
    for index, row in solution.counts.items():
        for slot, number in zip(problem.types, row, strict=True):
            now[problem.task_managers[index].id][slot.group] += number
    here = set(now)
    before = {name: Counter(dict(quotas)) for name, quotas in previous.quotas.items()}
    groups = list(dict.fromkeys([*problem.groups, *(g for quotas in before.values() for g in quotas)]))
    steps: list[MoveStep] = []
    moved = lost = added = removed = 0
    weight = Fraction(0)
    for group in groups:
        was = {name: quotas[group] for name, quotas in before.items()}
        gone = sum(count for name, count in was.items() if name not in here)
        change = {name: now[name][group] - was.get(name, 0) for name in now}
        leaving = [(name, -by) for name, by in change.items() if by < 0]
        coming = [(name, by) for name, by in change.items() if by > 0]
        left, come = sum(by for _, by in leaving), sum(by for _, by in coming)
        total = sum(held[group] for held in now.values()) - sum(was.values())
        count = min(left, come)
        moved += count
        weight += count * previous.weight(group)
        lost += gone
        added += max(total, 0)
        removed += max(-total, 0)
        steps += _pairs(group, leaving, coming)
    return MoveList(slack, moved, weight, lost, added, removed, tuple(steps))


def _pairs(
    group: str, leaving: Sequence[tuple[str, int]], coming: Sequence[tuple[str, int]]
) -> list[MoveStep]:
    """Pair slots that leave with slots that come, in order."""
    found: list[MoveStep] = []
    sources = [name for name, count in leaving for _ in range(count)]
    targets = [name for name, count in coming for _ in range(count)]
    for (source, target), count in Counter(zip(sources, targets, strict=False)).items():
        found.append(MoveStep(group, count, source, target))
    return found
