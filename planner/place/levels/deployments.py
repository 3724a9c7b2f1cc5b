"""Level: the fewest different quotas, each of which is a Deployment of its own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.cp_sat import new_solver, run
from planner.place.levels.kept import Kept
from planner.place.levels.traffic import PARTS_PER_BYTE
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.costs import Overflow
from planner.place.search.group_costs import Crossing, membership
from planner.place.search.state import State


def lower_deployments(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the number of different quotas: put together as few contents as possible."""
    del rng
    problem = state.problem
    kinds: dict[tuple[int, tuple[int, ...]], int] = {}
    for row, tm in enumerate(state.task_managers):
        key = problem.class_of[tm], tuple(map(int, state.counts[row]))
        kinds[key] = kinds.get(key, 0) + 1
    classes = {_deployment(state, tm) for tm in state.task_managers}
    if len(classes) < len(kinds) <= PARAMETERS.deployment_kinds and not clock.expired():
        pool = {**kinds, **dict.fromkeys(_even_contents(state, kept), 0)}
        _fewest_kinds(state, kept, pool, kinds, clock)
    return Level("deployments", deployments_of(state), Bound(Fraction(len(classes)), "classes"))


def deployments_of(state: State) -> Fraction:
    """Return how many Deployments the TaskManagers are: equal ones with equal quotas."""
    quotas = (state.counts @ membership(state.problem)).astype(np.int64)
    return Fraction(
        len({(_deployment(state, tm), tuple(quotas[i])) for i, tm in enumerate(state.task_managers)})
    )


def _deployment(state: State, tm: int) -> tuple[object, ...]:
    """Return what TaskManagers of one Deployment have in common beside their quotas."""
    found = state.problem.task_managers[tm]
    return found.class_name or found.id, found.capacity


def _even_contents(state: State, kept: Kept) -> list[tuple[int, tuple[int, ...]]]:
    """Return contents near the mean of each class: what its TaskManagers hold, rounded down and up."""
    found = []
    problem = state.problem
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    for index, entry in enumerate(problem.classes):
        rows = np.array([row_of[tm] for tm in entry.members])
        mean = state.counts[rows].mean(axis=0)
        for share in np.linspace(0.05, 0.95, 10):
            content = np.floor(mean + share).astype(np.int64)
            load, used = float(content @ state.loads_of), content @ state.demand
            at = rows[:1]
            if not overflow.at(at, np.array([load]), used[None, :], content[None, :]).any():
                found.append((index, tuple(map(int, content))))
    return found


def _fewest_kinds(
    state: State,
    kept: Kept,
    pool: dict[tuple[int, tuple[int, ...]], int],
    now: dict[tuple[int, tuple[int, ...]], int],
    clock: Clock,
) -> None:
    problem, model = state.problem, cp_model.CpModel()
    times, used = {}, {}
    for key, count in pool.items():
        times[key] = model.new_int_var(0, len(problem.classes[key[0]].members), "")
        used[key] = model.new_bool_var("")
        model.add(times[key] <= len(problem.classes[key[0]].members) * used[key])
        model.add_hint(times[key], count)
        model.add_hint(used[key], count > 0)
    for index, entry in enumerate(problem.classes):
        model.add(
            cp_model.LinearExpr.sum([times[key] for key in pool if key[0] == index]) == len(entry.members)
        )
    for t, slot in enumerate(problem.types):
        model.add(
            cp_model.LinearExpr.sum([times[key] * key[1][t] for key in pool if key[1][t]]) == slot.count
        )
    if kept.traffic is not None and problem.flows:
        crossing, at = Crossing(problem), np.zeros(1, dtype=np.intp)
        share = {
            key: float(crossing.at(at, np.array([key[1]], dtype=np.int64))[0]) / max(kept.traffic, 1.0)
            for key in pool
        }
        scaled = {key: int(np.ceil(value * PARTS_PER_BYTE)) for key, value in share.items()}
        most = sum(scaled[key] * count for key, count in now.items())
        model.add(cp_model.LinearExpr.sum([times[key] * scaled[key] for key in pool]) <= most)
    model.minimize(cp_model.LinearExpr.sum(list(used.values())))
    solver = new_solver(clock, PARAMETERS.level_exact_work, clock.stop.seed)
    status = run(solver, model, clock)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE) or solver.objective_value >= len(now):
        return
    counts = state.counts.copy()
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    for index, entry in enumerate(problem.classes):
        rows = iter([row_of[tm] for tm in entry.members])
        for key in pool:
            if key[0] == index:
                for _ in range(solver.value(times[key])):
                    counts[next(rows)] = key[1]
    state.set(counts)
