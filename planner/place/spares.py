"""Spares: what TaskManagers in reserve offer, so that Flink itself restarts there what a loss takes.

A spare has quotas as any TaskManager has, and its parts of memory are set when it starts. Which of several
spares takes which slot is Flink's choice: so on each has to fit, at once, all that a loss may bring there:
the lesser of its quota and of what was lost, for every group. No order then leaves a slot without room.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from planner.documents.vocabulary import Cover
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.model.constraints import zone_of
from planner.place.model.problem import NO_LIMIT, TOGETHER, Problem
from planner.place.model.task_managers import PARTS
from planner.place.parameters import PARAMETERS
from planner.place.result import Result

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spare:
    """A TaskManager in reserve: its quotas by group, and the most that a loss brings it of each memory part.

    Parts are in the order of `planner.place.model.task_managers.PARTS`.
    """

    quotas: Mapping[str, int]
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spares:
    """What each TaskManager in reserve offers, by number, and those whose loss they do not cover."""

    offers: Mapping[int, Spare]
    uncovered: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Losses:
    """What may be lost: slots by group, the spares that are left then, and the TaskManagers concerned.

    Equal losses are one, with the TaskManagers of all of them.
    """

    lost: Ints
    left: Flags
    names: list[tuple[str, ...]]

    def some(self, rows: Sequence[int]) -> _Losses:
        return _Losses(self.lost[rows], self.left[rows], [self.names[row] for row in rows])


@dataclass(frozen=True)
class _Limits:
    """What a slot of each group needs, and what each spare has: (groups, resources), (spares, resources)."""

    needs: Ints
    limits: Ints
    parts: list[int]
    sums: list[tuple[int, list[int]]]
    rivals: list[tuple[int, int]]

    @property
    def direct(self) -> list[int]:
        """The resources that any loss has to fit in by itself; parts of memory are set for all of them."""
        special = {*self.parts, *(index for index, _ in self.sums)}
        return [r for r in range(self.needs.shape[1]) if r not in special]


def spares_of(problem: Problem, result: Result, clock: Clock) -> Spares:
    """Return what the TaskManagers in reserve of a solved ``problem`` offer.

    They cover as many losses as can be, of those that the problem's cover asks for, else those of any one.
    """
    spare = result.problem.spare
    if result.solution is None or not spare or not problem.types:
        return Spares({})
    losses = _losses(problem, result, spare)
    limits = _limits(problem, spare)
    quotas, covered = _quotas(losses, limits, clock)
    need = np.minimum(quotas[None], losses.lost[:, None, :]) * losses.left[:, :, None] @ limits.needs
    most = need[covered].max(axis=0, initial=0)
    offers = {
        tm: Spare(
            {group: int(count) for group, count in zip(problem.groups, quotas[row], strict=True) if count},
            tuple(int(most[row, part]) for part in limits.parts),
        )
        for row, tm in enumerate(spare)
    }
    uncovered = [name for row in np.flatnonzero(~covered) for name in losses.names[row]]
    return Spares(offers, tuple(dict.fromkeys(uncovered)))


def _losses(problem: Problem, result: Result, spare: Sequence[int]) -> _Losses:
    """Return what each loss that is to be covered takes, equal ones once."""
    groups = {group: number for number, group in enumerate(problem.groups)}
    assert result.solution is not None
    contents: dict[int, Ints] = {}
    for tm in result.problem.usable:
        row = np.zeros(len(groups), dtype=np.int64)
        for slot, count in zip(result.problem.types, result.solution.counts[tm], strict=True):
            row[groups[slot.group]] += count
        if row.any():
            contents[tm] = row
    seen: dict[tuple[bytes, tuple[int, ...]], tuple[Ints, list[str]]] = {}
    for lost, gone in _scenarios(problem, contents, spare):
        alive = tuple(int(not is_gone) for is_gone in _gone(problem, spare, gone))
        _, names = seen.setdefault((lost.tobytes(), alive), (lost, []))
        names += (problem.task_managers[tm].id for tm in gone)
    rows = [lost for lost, _ in seen.values()]
    return _Losses(
        np.array(rows, dtype=np.int64).reshape(len(rows), len(groups)),
        np.array([alive for _, alive in seen], dtype=np.bool_).reshape(len(rows), len(spare)),
        [tuple(names) for _, names in seen.values()],
    )


def _gone(problem: Problem, spare: Sequence[int], lost: Sequence[int]) -> list[bool]:
    """Tell of every spare whether it is lost as well: by itself, or with its zone."""
    zones = {zone_of(problem.task_managers[tm]) for tm in lost} if problem.cover is Cover.ANY_ZONE else set()
    return [tm in lost or zone_of(problem.task_managers[tm]) in zones for tm in spare]


def _scenarios(
    problem: Problem, contents: Mapping[int, Ints], spare: Sequence[int]
) -> Iterator[tuple[Ints, tuple[int, ...]]]:
    """Yield the slots of every loss that is to be covered, with the TaskManagers that are lost."""
    if problem.cover is Cover.ANY_ZONE:
        zones: dict[str | None, list[int]] = {}
        for tm in contents:
            zones.setdefault(zone_of(problem.task_managers[tm]), []).append(tm)
        for members in zones.values():
            yield sum((contents[tm] for tm in members), np.zeros_like(contents[members[0]])), tuple(members)
        return
    if problem.cover is not Cover.ANY_TWO or len(contents) + len(spare) < 2:
        yield from ((lost, (tm,)) for tm, lost in contents.items())
        return
    largest = _largest(contents)
    yield from ((contents[a] + contents[b], (a, b)) for a, b in itertools.combinations(largest, 2))
    yield from ((contents[tm], (tm, one)) for tm in largest for one in spare)


def _largest(contents: Mapping[int, Ints]) -> list[int]:
    """Return TaskManagers of which any two others lose no more than some two of them: no third holds more."""
    found: list[int] = []
    kinds: list[Ints] = []
    for tm, row in sorted(contents.items(), key=lambda entry: -int(entry[1].sum())):
        if sum(bool((row <= other).all()) for other in kinds) < 2:
            found.append(tm)
            kinds.append(row)
    return found


def _limits(problem: Problem, spare: Sequence[int]) -> _Limits:
    demand = {slot.group: slot.demand for slot in problem.types}
    parts = [problem.resources.index(name) for name in PARTS]
    named = {name: number for number, name in zip(parts, PARTS, strict=True)}
    sums = [(problem.resources.index("memory"), parts)] + [
        (r, [named[name] for name in shared.split(TOGETHER)])
        for r, shared in enumerate(problem.resources)
        if TOGETHER in shared and shared not in problem.reasons
    ]
    staying = set(problem.kept.names.values())  # until they are lost
    limits = [
        [
            int(NO_LIMIT) if limit is None or name in staying else limit
            for name, limit in zip(
                problem.resources, problem.classes[problem.class_of[tm]].limits, strict=True
            )
        ]
        for tm in spare
    ]
    numbers = {group: number for number, group in enumerate(problem.groups)}
    pairs = {(numbers[problem.types[a].group], numbers[problem.types[b].group]) for a, b in problem.rivals}
    return _Limits(
        np.array([demand[group] for group in problem.groups], dtype=np.int64),
        np.array(limits, dtype=np.int64),
        parts,
        sums,
        sorted(pairs),
    )


def _quotas(losses: _Losses, limits: _Limits, clock: Clock) -> tuple[Ints, Flags]:
    """Return quotas (spares, groups) that cover most losses, and which.

    One spare that suffices for all is the best; else CP-SAT decides, for the largest losses first
    and again with those that its answer leaves.
    """
    count = losses.left.shape[1]
    for row in np.argsort([limits.limits[c, 0] for c in range(count)], kind="stable"):
        quotas = np.zeros((count, losses.lost.shape[1]), dtype=np.int64)
        quotas[row] = losses.lost.max(axis=0, initial=0)
        covered = _covered(quotas, losses, limits)
        if covered.all():
            return quotas, covered
    active = list(np.argsort(-losses.lost.sum(axis=1), kind="stable")[: PARAMETERS.first_losses])
    while True:
        quotas = _solved(losses.some(active), limits, clock)
        covered = _covered(quotas, losses, limits)
        missing = [row for row in np.flatnonzero(~covered) if row not in set(active)]
        if not missing or clock.expired():
            return quotas, covered
        active += missing[: PARAMETERS.first_losses]


def _covered(quotas: Ints, losses: _Losses, limits: _Limits) -> Flags:
    """Tell which losses find room whatever Flink's order; all that are told so together.

    Parts of memory are set to the most that any of them needs: where they do not fit together, the losses
    that need most are left out until the rest does.
    """
    brought = np.minimum(quotas[None], losses.lost[:, None, :]) * losses.left[:, :, None]
    need = brought @ limits.needs
    covered: Flags = (brought.sum(axis=1) >= losses.lost).all(axis=1)
    covered &= (need[:, :, limits.direct] <= limits.limits[None][:, :, limits.direct]).all(axis=(1, 2))
    covered &= (need[:, :, limits.parts] <= limits.limits[None][:, :, limits.parts]).all(axis=(1, 2))
    for a, b in limits.rivals:
        covered &= ~((brought[:, :, a] > 0) & (brought[:, :, b] > 0)).any(axis=1)
    while covered.any():
        most = need[covered].max(axis=0)
        over = [
            (c, parts)
            for index, parts in limits.sums
            for c in range(len(limits.limits))
            if most[c, parts].sum() > limits.limits[c, index]
        ]
        if not over:
            break
        c, parts = over[0]
        rows = np.flatnonzero(covered)
        covered[rows[np.argmax((need[rows][:, c, parts] / np.maximum(most[c, parts], 1)).max(axis=1))]] = (
            False
        )
    return covered


def _solved(losses: _Losses, limits: _Limits, clock: Clock) -> Ints:
    """Return quotas that cover as many of a few losses as can be, on as few spares, with as few slots."""
    model = cp_model.CpModel()
    count, groups = losses.left.shape[1], losses.lost.shape[1]
    most = losses.lost.max(axis=0)
    quotas = [[model.new_int_var(0, int(most[g]), "") for g in range(groups)] for _ in range(count)]
    used = [model.new_bool_var("") for _ in range(count)]
    for c in range(count):
        for g in range(groups):
            model.add(quotas[c][g] <= int(most[g]) * used[c])
    sizes = [
        [model.new_int_var(0, _size(limits, c, part), "") for part in limits.parts] for c in range(count)
    ]
    for c in range(count):
        for index, parts in limits.sums:
            shared = [sizes[c][limits.parts.index(part)] for part in parts]
            if limits.limits[c, index] < NO_LIMIT:
                model.add(cp_model.LinearExpr.sum(shared) <= int(limits.limits[c, index]))
    covered = [model.new_bool_var("") for _ in losses.names]
    for row, met in enumerate(covered):
        _cover(model, losses, row, limits, quotas, sizes, met)
    offered = [one for row in quotas for one in row]
    slots = int(most.sum()) * count + 1
    model.minimize(
        cp_model.LinearExpr.sum(offered)
        + slots * cp_model.LinearExpr.sum(used)
        - slots * (count + 1) * cp_model.LinearExpr.sum(covered)
    )
    solver = new_solver(clock, PARAMETERS.spares_work, clock.stop.seed)
    status = run(solver, model, clock)
    if status not in SOLVED:
        return np.zeros((count, groups), dtype=np.int64)
    return np.array([[solver.value(one) for one in row] for row in quotas], dtype=np.int64)


def _size(limits: _Limits, c: int, part: int) -> int:
    memory, _ = limits.sums[0]
    return int(min(limits.limits[c, part], limits.limits[c, memory]))


def _cover(
    model: cp_model.CpModel,
    losses: _Losses,
    row: int,
    limits: _Limits,
    quotas: Sequence[Sequence[cp_model.IntVar]],
    sizes: Sequence[Sequence[cp_model.IntVar]],
    met: cp_model.IntVar,
) -> None:
    """Let ``met`` mean that a loss finds room on the spares that are left, in whatever order."""
    lost = losses.lost[row]
    groups = [g for g in range(len(lost)) if lost[g]]
    left = [c for c in range(losses.left.shape[1]) if losses.left[row, c]]
    if not left:
        model.add(met == 0)
    brought = {(c, g): model.new_int_var(0, int(lost[g]), "") for c in left for g in groups}
    for (c, g), one in brought.items():
        model.add_min_equality(one, [quotas[c][g], int(lost[g])])
    for g in groups:
        there = cp_model.LinearExpr.sum([brought[c, g] for c in left])
        model.add(there >= int(lost[g])).only_enforce_if(met)
    for c in left:
        for r in (*limits.direct, *limits.parts):
            needs = [int(limits.needs[g, r]) for g in groups]
            if not any(needs):
                continue
            taken = cp_model.LinearExpr.weighted_sum([brought[c, g] for g in groups], needs)
            if r in limits.parts:
                model.add(taken <= sizes[c][limits.parts.index(r)]).only_enforce_if(met)
            elif limits.limits[c, r] < NO_LIMIT:
                model.add(taken <= int(limits.limits[c, r])).only_enforce_if(met)
        for a, b in limits.rivals:
            if a in groups and b in groups:
                first, second = model.new_bool_var(""), model.new_bool_var("")
                model.add(brought[c, a] == 0).only_enforce_if(first, met)
                model.add(brought[c, b] == 0).only_enforce_if(second, met)
                model.add_bool_or(first, second)
