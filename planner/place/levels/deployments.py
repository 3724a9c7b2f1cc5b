"""Level: the fewest different quotas, each of which is a Deployment of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.area import Bound
from planner.place.bounds.fewest import CLASSES, MULTIPLES, Alike, fewest_contents
from planner.place.bounds.holders import most_alone
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.levels.kept import Kept
from planner.place.model.problem import NO_LIMIT, Problem
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.costs import GroupCost, Overflow
from planner.place.search.few_contents import few_contents
from planner.place.search.group_costs import membership
from planner.place.search.state import State

MILLION = 1_000_000
"""Resolution at which costs of kinds are compared."""
_Kind = tuple[int, tuple[int, ...]]
"""What a TaskManager may be: its class, and how many slots of each type it holds."""


def lower_deployments(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the number of different quotas: put together as few contents as possible."""
    del rng
    kinds = before = _kinds(state)
    classes = {_deployment(state, tm) for tm in state.task_managers}
    # others before it ask for more than limits of each TaskManager
    free = not kept.sums and not kept.floor.any()
    if len(classes) < len(kinds) and free and not clock.expired():
        problem, caps = _limited(state, kept)
        few = few_contents(problem, caps, clock)
        if few is not None and len(few) < len(kinds):
            _hold(state, few)
            kinds = _kinds(state)
    if len(classes) < len(kinds) <= PARAMETERS.deployment_kinds and not clock.expired():
        pool = dict(kinds)
        known = before if len(before) <= PARAMETERS.deployment_kinds else {}
        for kind in (*known, *_even_contents(state, kept)):
            pool.setdefault(kind, 0)
        times = _fewest_kinds(state.problem, kept, pool, clock)
        if times is not None:
            _hold(state, times)
    return Level("deployments", deployments_of(state), _bound(state, kept))


def _bound(state: State, kept: Kept) -> Bound:
    """Return how many Deployments there are at least, under the highest load that levels before leave."""
    problem, classes = state.problem, Counter(_deployment(state, tm) for tm in state.task_managers)
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    caps = [int(min(kept.cap[row_of[entry.members[0]]], NO_LIMIT)) for entry in problem.classes]
    alone = [
        [most_alone(problem, entry, cap, group) for group in problem.groups]
        for entry, cap in zip(problem.classes, caps, strict=True)
    ]
    most = {deployment: [0] * len(problem.groups) for deployment in classes}
    for deployment, index in {(_deployment(state, tm), problem.class_of[tm]) for tm in state.task_managers}:
        most[deployment] = list(map(max, most[deployment], alone[index]))
    least = fewest_contents(
        [Alike(size, tuple(most[deployment])) for deployment, size in classes.items()], problem.group_slots
    )
    return Bound(Fraction(least), CLASSES if least == len(classes) else MULTIPLES)


def _kinds(state: State) -> dict[_Kind, int]:
    """Return how many TaskManagers are of each kind."""
    return dict(
        Counter(
            (state.problem.class_of[tm], tuple(row))
            for tm, row in zip(state.task_managers, state.counts.tolist(), strict=True)
        )
    )


def _limited(state: State, kept: Kept) -> tuple[Problem, list[int]]:
    """Return the problem with the limits that levels before leave, and the highest load of each class."""
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    classes, caps = [], []
    for entry in state.problem.classes:
        rows = [row_of[tm] for tm in entry.members]
        limits = list(entry.limits)
        for r, limit in zip(state.resources, kept.limits[rows].min(axis=0), strict=True):
            limits[r] = int(limit) if limit < NO_LIMIT else None
        classes.append(replace(entry, limits=tuple(limits)))
        caps.append(int(min(kept.cap[rows].min(), NO_LIMIT)))
    return replace(state.problem, classes=tuple(classes)), caps


def deployments_of(state: State) -> Fraction:
    """Return how many Deployments the TaskManagers are: equal ones with equal quotas."""
    quotas = (state.counts @ membership(state.problem)).astype(np.int64)
    return Fraction(
        len({(_deployment(state, tm), tuple(quotas[i])) for i, tm in enumerate(state.task_managers)})
    )


def _deployment(state: State, tm: int) -> tuple[object, ...]:
    """Return what TaskManagers of one Deployment have in common beside their quotas."""
    one = state.problem.task_managers[tm]
    return one.class_name or one.id, one.capacity


def _even_contents(state: State, kept: Kept) -> list[_Kind]:
    """Return contents near the mean of each class: what its TaskManagers hold, rounded down and up."""
    even = []
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    for index, entry in enumerate(state.problem.classes):
        rows = np.array([row_of[tm] for tm in entry.members])
        mean = state.counts[rows].mean(axis=0)
        for share in np.linspace(0.05, 0.95, 10):
            content = np.floor(mean + share).astype(np.int64)
            load, used = float(content @ state.loads_of), content @ state.demand
            at = rows[:1]
            if not overflow.at(at, np.array([load]), used[None, :], content[None, :]).any():
                even.append((index, tuple(map(int, content))))
    return even


def _fewest_kinds(
    problem: Problem, kept: Kept, pool: dict[_Kind, int], clock: Clock
) -> dict[_Kind, int] | None:
    """Return how often to use each kind so that fewest are used, None where that is no fewer than now.

    ``pool`` are the kinds there may be with how often they are used now. Every slot is held exactly once,
    every TaskManager is of one kind, and no sum is more than now.
    """
    model = cp_model.CpModel()
    times: dict[_Kind, cp_model.IntVar] = {}
    used: dict[_Kind, cp_model.IntVar] = {}
    for kind, count in pool.items():
        members = len(problem.classes[kind[0]].members)
        times[kind] = model.new_int_var(0, members, "")
        used[kind] = model.new_bool_var("")
        model.add(times[kind] <= members * used[kind])
        model.add_hint(times[kind], count)
        model.add_hint(used[kind], count > 0)
    for index, entry in enumerate(problem.classes):
        mine = [times[kind] for kind in pool if kind[0] == index]
        model.add(cp_model.LinearExpr.sum(mine) == len(entry.members))
    for t, slot in enumerate(problem.types):
        held = [times[kind] * kind[1][t] for kind in pool if kind[1][t]]
        model.add(cp_model.LinearExpr.sum(held) == slot.count)
    for cost, total in kept.sums:
        parts = _parts(cost, pool, total)
        most = sum(parts[kind] * count for kind, count in pool.items())
        model.add(cp_model.LinearExpr.sum([times[kind] * parts[kind] for kind in pool]) <= most)
    model.minimize(cp_model.LinearExpr.sum(list(used.values())))
    work = max(PARAMETERS.level_exact_work, clock.left() / 2)
    solver = new_solver(clock, work, clock.stop.seed)
    status = run(solver, model, clock)
    now = sum(count > 0 for count in pool.values())
    if status not in SOLVED or solver.objective_value >= now:
        return None
    return {kind: solver.value(variable) for kind, variable in times.items()}


def _parts(cost: GroupCost, pool: Iterable[_Kind], total: float) -> dict[_Kind, int]:
    """Return what a TaskManager of each kind costs, in millionths of ``total``."""
    at = np.zeros(1, dtype=np.intp)
    share = {
        kind: float(cost.at(at, np.array([kind[1]], dtype=np.int64))[0]) / max(total, 1.0) for kind in pool
    }
    return {kind: int(np.ceil(value * MILLION)) for kind, value in share.items()}


def _hold(state: State, times: dict[_Kind, int]) -> None:
    """Let as many TaskManagers as ``times`` says be of each kind, those of a class in their order."""
    counts = state.counts.copy()
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    for index, entry in enumerate(state.problem.classes):
        rows = iter([row_of[tm] for tm in entry.members])
        for kind, count in times.items():
            if kind[0] == index:
                for _ in range(count):
                    counts[next(rows)] = kind[1]
    state.set(counts)
