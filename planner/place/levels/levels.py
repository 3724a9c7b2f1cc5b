"""The levels of the objective after the highest CPU utilisation, each without harm to those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.cp_sat import new_solver, run
from planner.place.model.objective import Objective
from planner.place.result import Level
from planner.place.search import counts
from planner.place.search.costs import Overflow, Together, Within
from planner.place.search.group_costs import Crossing, membership
from planner.place.search.state import MEMORY, NO_LIMIT, Floats, State
from planner.place.search.swap import exchange

EXACT_VARIABLES = 1500
EXACT_WORK = 0.15
BISECTIONS = 6
MEMORY_BISECTIONS = 3
WORK, WORK_PER_HOST = 0.02, 0.0002
LEVEL_WORK, LEVEL_WORK_PER_HOST, MOST_WORK = 0.06, 0.0015, 2.0
PEELINGS = 4
MAX_KINDS = 400
DIGITS = 1_000_000


@dataclass
class Kept:
    """What later levels may not change: a band of load, limits of resources, traffic.

    ``least`` is a bound of the highest utilisation, which later levels may still lower.
    """

    least: Fraction
    cap: Floats
    floor: Floats
    limits: Floats
    traffic: float | None = None


Improve = Callable[[State, Kept, Clock, np.random.Generator], Level]


def keep_maximum(state: State, highest: Level) -> Kept:
    """Return what is kept when no utilisation may be above the level of the highest one."""
    cap = state.caps(highest.value.numerator, highest.value.denominator)
    least = highest.bound.value if highest.bound is not None else Fraction(0)
    return Kept(least, cap, np.zeros_like(cap), state.limits.copy())


def _part(state: State, clock: Clock) -> Clock:
    return clock.part(WORK + WORK_PER_HOST * len(state.cpu))


def level_clock(state: State, clock: Clock) -> Clock:
    """Return the share of time that one level may take."""
    return clock.part(min(LEVEL_WORK + LEVEL_WORK_PER_HOST * len(state.cpu), MOST_WORK))


def _reach(state: State, overflow: Overflow, kept: Kept, clock: Clock, rng: np.random.Generator) -> bool:
    """Change ``state`` so that nothing overflows and traffic is no more; otherwise leave it as it was."""
    before = state.counts.copy()
    rows = np.arange(len(state.cpu))
    if kept.traffic is None:
        exchange(state, overflow, _part(state, clock), rng)
    else:
        crossing = Crossing(state.problem)
        weight = overflow.hard / max(kept.traffic, 1.0)
        exchange(state, Together(overflow, crossing, weight), _part(state, clock), rng, walk=False)
        if float(crossing.of(rows, state.counts).sum()) > kept.traffic * (1 + 1e-9):
            state.set(before)
            return False
    if overflow.of(rows, state.load, state.used, state.counts).any():
        state.set(before)
        return False
    return True


def _spread(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the TaskManagers under those that cannot go lower, then raise the lowest."""
    problem = state.problem
    highest = max(_utilisations(state))
    mean = Fraction(problem.total_load, problem.total_cpu)
    bound = Bound(max(kept.least - mean, Fraction(0)), "mean")
    small = len(state.cpu) * state.types <= EXACT_VARIABLES and kept.traffic is None
    if small and highest - min(_utilisations(state)) > bound.value:
        found = counts.maximise_minimum(problem, state.solution(), highest, clock, EXACT_WORK)
        if found.solution is not None:
            state.set(State.of(problem, found.solution).counts.copy())
        if found.bound is not None:
            exactly = Bound(max(kept.least - found.bound, Fraction(0)), "cp-sat")
            bound = max(bound, exactly, key=lambda one: one.value)
    if highest - min(_utilisations(state)) > bound.value:
        _peel(state, kept, clock, rng)
        _raise(state, kept, clock, rng)
    lowest = min(_utilisations(state))
    kept.floor = np.minimum(np.ceil(state.cpu * float(lowest) - 1e-9), state.load)
    return Level("cpuUtilisationSpread", _spread_of(state), bound)


def _spread_of(state: State) -> Fraction:
    utilisation = _utilisations(state)
    return max(utilisation) - min(utilisation)


def _utilisations(state: State) -> list[Fraction]:
    return [Fraction(int(load), int(cpu)) for load, cpu in zip(state.load, state.cpu, strict=True)]


def _peel(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> None:
    """Set aside TaskManagers at the maximum that cannot go lower, and lower the highest of the others."""
    free = np.ones(len(state.cpu), dtype=np.bool_)
    for _ in range(PEELINGS):
        level = np.where(free, state.load / state.cpu, -1.0)
        highest = float(level.max(initial=0.0))
        floor = float(state.load[free].sum() / max(state.cpu[free].sum(), 1.0))
        low, high = floor, highest
        for _ in range(BISECTIONS):
            if clock.expired() or high - low <= 1e-4 * max(high, 1e-9):
                break
            middle = low + (high - low) / 4 if high == highest else (low + high) / 2
            cap = np.where(free, np.floor(state.cpu * middle + 1e-9), kept.cap)
            if _reach(state, Overflow(state, cap, kept.floor, kept.limits), kept, clock, rng):
                high = float((state.load / state.cpu)[free].max())
            else:
                low = middle
        kept.cap = np.where(free, np.minimum(kept.cap, np.floor(state.cpu * high + 1e-9)), kept.cap)
        pinned = free & (state.load / state.cpu >= high * (1 - 1e-9))
        if high - floor <= 0.01 * high or pinned.all() or clock.expired() or pinned.sum() > free.sum() // 2:
            return
        free &= ~pinned


def _raise(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> None:
    """Raise the lowest utilisation by bisection."""
    low = float((state.load / state.cpu).min())
    high = float(state.load.sum() / state.cpu.sum())
    for _ in range(BISECTIONS):
        if clock.expired() or high - low <= 1e-4 * high:
            return
        middle = (low + high) / 2
        floor = np.minimum(np.ceil(state.cpu * middle - 1e-9), kept.cap)
        if _reach(state, Overflow(state, kept.cap, floor, kept.limits), kept, clock, rng):
            low = float((state.load / state.cpu).min())
        else:
            high = middle


def _memory_columns(state: State) -> list[int]:
    return [
        column
        for column, resource in enumerate(state.resources)
        if state.problem.resources[resource] in MEMORY and (state.limits[:, column] < NO_LIMIT).all()
    ]


def _memory(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the highest share of memory, or of a part of it, that a TaskManager uses."""
    columns = _memory_columns(state)
    if not columns:
        return Level("maxMemoryUtilisation", Fraction(0), Bound(Fraction(0), "area"))
    limits = np.maximum(state.limits[:, columns], 1.0)
    totals = state.copies @ state.demand[:, columns]
    area = max(Fraction(int(t), int(w)) for t, w in zip(totals, limits.sum(axis=0), strict=True))
    low, high = float(area), float(_memory_of(state))
    for _ in range(MEMORY_BISECTIONS):
        if clock.expired() or high - low <= 1e-3 * high:
            break
        middle = low + (high - low) / 2
        kept_limits = kept.limits.copy()
        kept_limits[:, columns] = np.minimum(kept_limits[:, columns], np.floor(limits * middle))
        if _reach(state, Overflow(state, kept.cap, kept.floor, kept_limits), kept, clock, rng):
            high = float(_memory_of(state))
        else:
            low = middle
    value = _memory_of(state)
    held = np.floor(limits * float(value) + 1e-6)
    kept.limits = kept.limits.copy()
    kept.limits[:, columns] = np.minimum(kept.limits[:, columns], np.maximum(held, state.used[:, columns]))
    return Level("maxMemoryUtilisation", value, Bound(area, "area"))


def _memory_of(state: State) -> Fraction:
    columns = _memory_columns(state)
    if not columns:
        return Fraction(0)
    limits = np.maximum(state.limits[:, columns], 1.0)
    shares = state.used[:, columns] / limits
    row, column = np.unravel_index(int(shares.argmax()), shares.shape)
    return Fraction(int(state.used[row, columns[column]]), int(limits[row, column]))


def _traffic(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the bytes a second that are expected to cross between TaskManagers."""
    crossing = Crossing(state.problem)
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    if state.problem.flows:
        exchange(state, Within(crossing, overflow), _part(state, clock), rng, walk=False)
    value = _traffic_of(state)
    kept.traffic = float(value)
    return Level("crossTraffic", value)


def _traffic_of(state: State) -> Fraction:
    leaving = Crossing(state.problem).of(np.arange(len(state.cpu)), state.counts).sum()
    return Fraction(round(max(float(leaving), 0.0) * DIGITS), DIGITS)


def _deployments(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the number of different quotas: put together as few contents as possible."""
    del rng
    problem = state.problem
    kinds: dict[tuple[int, tuple[int, ...]], int] = {}
    for row, host in enumerate(state.hosts):
        key = problem.class_of[host], tuple(map(int, state.counts[row]))
        kinds[key] = kinds.get(key, 0) + 1
    classes = {_deployment(state, host) for host in state.hosts}
    if len(classes) < len(kinds) <= MAX_KINDS and not clock.expired():
        pool = {**kinds, **dict.fromkeys(_even_contents(state, kept), 0)}
        _fewest_kinds(state, kept, pool, kinds, clock)
    return Level("deployments", _deployments_of(state), Bound(Fraction(len(classes)), "classes"))


def _deployments_of(state: State) -> Fraction:
    quotas = (state.counts @ membership(state.problem)).astype(np.int64)
    return Fraction(len({(_deployment(state, host), tuple(quotas[i])) for i, host in enumerate(state.hosts)}))


def _deployment(state: State, host: int) -> tuple[object, ...]:
    """Return what TaskManagers of one Deployment have in common beside their quotas."""
    found = state.problem.hosts[host]
    return found.class_name or found.id, found.capacity


def _even_contents(state: State, kept: Kept) -> list[tuple[int, tuple[int, ...]]]:
    """Return contents near the mean of each class: what its TaskManagers hold, rounded down and up."""
    found = []
    problem = state.problem
    row_of = {host: row for row, host in enumerate(state.hosts)}
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    for index, entry in enumerate(problem.classes):
        rows = np.array([row_of[host] for host in entry.members])
        mean = state.counts[rows].mean(axis=0)
        for share in np.linspace(0.05, 0.95, 10):
            content = np.floor(mean + share).astype(np.int64)
            load, used = float(content @ state.loads_of), content @ state.demand
            at = rows[:1]
            if not overflow.of(at, np.array([load]), used[None, :], content[None, :]).any():
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
            key: float(crossing.of(at, np.array([key[1]], dtype=np.int64))[0]) / max(kept.traffic, 1.0)
            for key in pool
        }
        scaled = {key: int(np.ceil(value * DIGITS)) for key, value in share.items()}
        most = sum(scaled[key] * count for key, count in now.items())
        model.add(cp_model.LinearExpr.sum([times[key] * scaled[key] for key in pool]) <= most)
    model.minimize(cp_model.LinearExpr.sum(list(used.values())))
    solver = new_solver(clock, EXACT_WORK, clock.stop.seed)
    status = run(solver, model, clock)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE) or solver.objective_value >= len(now):
        return
    counts = state.counts.copy()
    row_of = {host: row for row, host in enumerate(state.hosts)}
    for index, entry in enumerate(problem.classes):
        rows = iter([row_of[host] for host in entry.members])
        for key in pool:
            if key[0] == index:
                for _ in range(solver.value(times[key])):
                    counts[next(rows)] = key[1]
    state.set(counts)


LEVELS: dict[Objective, Improve] = {
    Objective.SPREAD: _spread,
    Objective.MEMORY: _memory,
    Objective.TRAFFIC: _traffic,
    Objective.DEPLOYMENTS: _deployments,
}


_MEASURES: dict[str, Callable[[State], Fraction]] = {
    "cpuUtilisationSpread": _spread_of,
    "maxMemoryUtilisation": _memory_of,
    "crossTraffic": _traffic_of,
    "deployments": _deployments_of,
}


def measured(level: Level, state: State) -> Level:
    """Return a level with its value in ``state``: later levels may have lowered earlier ones as well."""
    if level.name not in _MEASURES:
        return level
    value = _MEASURES[level.name](state)
    return replace(
        level, value=value, bound=level.bound if level.bound and level.bound.value <= value else None
    )
