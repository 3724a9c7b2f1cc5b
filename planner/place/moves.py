"""Placements against one before: the fewest moves within a slack, and how balance goes with moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.place.problem import Problem, Solution
from planner.place.result import Level, Progress, Result, Status
from planner.place.stop import Clock

SLACKS = tuple(Fraction(slack, 1000) for slack in (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500))


@dataclass(frozen=True)
class Previous:
    """The quotas of the placement before, by TaskManager id and group, and what a slot's move weighs."""

    quotas: Mapping[str, Mapping[str, int]]
    weights: Mapping[str, Fraction]


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
    """What ``moved`` slots buy: the highest CPU utilisation; ``knee`` marks the best trade."""

    maximum: Fraction
    moved: int
    weight: Fraction
    knee: bool = False


def least_moves(result: Result, previous: Previous, slack: float, clock: Clock) -> tuple[Result, MoveList]:
    """Return a result within ``slack`` of the best value with the least moves found, and those moves."""
    from planner.place.replace import quotas_before, relabelled, replace_within

    problem, best = result.problem, result.solution
    assert best is not None
    start = relabelled(problem, best, quotas_before(problem, previous))
    limit = result.levels[0].value * (1 + Fraction(slack).limit_denominator(10**6))
    found = replace_within(problem, previous, limit, clock, [start])
    solution = found.solution or start
    value = solution.max_utilisation(problem)
    moves = _moves(problem, solution, previous, slack)
    first = Level("maxCpuUtilisation", value, result.levels[0].bound)
    levels = (first, Level("moves", moves.weight))
    status = Status.OPTIMAL if first.optimal else Status.FEASIBLE
    return replace(result, solution=solution, levels=levels, status=status), moves


def curve(result: Result, previous: Previous, clock: Clock, progress: Progress) -> list[Point]:
    """Return the placements of which none has both fewer moves and a lower maximum, fewest moves first."""
    from planner.place.replace import quotas_before, relabelled, replace_within

    problem, best = result.problem, result.solution
    assert best is not None
    before = quotas_before(problem, previous)
    known = [relabelled(problem, best, before)]
    for number, slack in enumerate(SLACKS):
        progress(f"moves within {float(slack):.1%}", result.levels[0].value, result.bound.value)
        limit = result.levels[0].value * (1 + slack)
        found = replace_within(
            problem, previous, limit, clock.part(clock.left() / (len(SLACKS) - number)), known
        )
        if found.solution is not None:
            known.append(found.solution)
            if not found.moved:
                break
    kept: dict[tuple[Fraction, Fraction], Point] = {}
    for solution in known:
        moves = _moves(problem, solution, previous, 0.0)
        point = Point(solution.max_utilisation(problem), moves.moved, moves.weight)
        same = kept.get((point.weight, point.maximum))
        if same is None or point.moved < same.moved:
            kept[point.weight, point.maximum] = point
    points = kept.values()
    return _with_knee(
        sorted(
            (
                point
                for point in points
                if not any(
                    other != point and other.weight <= point.weight and other.maximum <= point.maximum
                    for other in points
                )
            ),
            key=lambda point: point.weight,
        )
    )


def _with_knee(points: Sequence[Point]) -> list[Point]:
    """Mark the point that lies farthest below the line between the ends, both axes from 0 to 1."""
    if len(points) < 3:
        return list(points)
    first, last = points[0], points[-1]

    def below(point: Point) -> Fraction:
        along = (point.weight - first.weight) / (last.weight - first.weight)
        down = (first.maximum - point.maximum) / (first.maximum - last.maximum)
        return down - along

    best = max(points, key=below)
    return [replace(point, knee=point is best) for point in points]


def _moves(problem: Problem, solution: Solution, previous: Previous, slack: float) -> MoveList:
    now: dict[str, Counter[str]] = {}
    for index in problem.usable:
        held: Counter[str] = Counter()
        for slot, number in zip(problem.types, solution.counts[index], strict=True):
            held[slot.group] += number
        now[problem.hosts[index].id] = held
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
        weight += count * previous.weights.get(group, Fraction(1))
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
