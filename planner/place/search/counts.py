"""CP-SAT over integer counts: exact on small problems, and on a few TaskManagers of a big one."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.area import level_at_most, next_level
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, add_knapsack, new_solver, run
from planner.place.model.constraints import Presence, zone_of
from planner.place.model.problem import Problem, Solution
from planner.place.search.costs import Overflow
from planner.place.search.state import Ints, State

INT_LIMIT = 2**52
"""CP-SAT tells its bounds as doubles, which hold whole numbers up to here."""


@dataclass(frozen=True)
class Outcome:
    """What CP-SAT found: a solution if any, a bound if any, and whether there is provably none.

    ``spare`` are the TaskManagers that the solution keeps in reserve.
    """

    solution: Solution | None
    bound: Fraction | None
    infeasible: bool = False
    spare: tuple[int, ...] = ()


class _Model:
    """The counts on every TaskManager as variables; resources, places and the reserve as hard constraints.

    ``alike`` tells that it does not matter which of equal TaskManagers holds what.
    """

    def __init__(self, problem: Problem, *, alike: bool = True) -> None:
        self.problem = problem
        self._alike = alike and not problem.presences
        self.model = cp_model.CpModel()
        self.counts = {
            tm: add_knapsack(self.model, problem, problem.classes[problem.class_of[tm]], None)
            for tm in problem.usable
        }
        for index, slot in enumerate(problem.types):
            self.model.add(sum(row[index] for row in self.counts.values()) == slot.count)
        for presence in problem.presences:
            self._stand(presence)
        self.spare = self._reserve() if problem.reserve else {}

    def _stand(self, presence: Presence) -> None:
        """Let a group stand in as many places as it has to."""
        problem = self.problem
        types = [t for t, slot in enumerate(problem.types) if slot.group == presence.group]
        held: defaultdict[str, list[cp_model.IntVar]] = defaultdict(list)
        for tm, row in self.counts.items():
            place = zone_of(problem.task_managers[tm]) if presence.zones else f"{tm}"
            if place is not None:
                held[place] += [row[t] for t in types]
        there = []
        for counts in held.values():
            there.append(self.model.new_bool_var(""))
            self.model.add(there[-1] <= cp_model.LinearExpr.sum(counts))
        self.model.add(cp_model.LinearExpr.sum(there) >= presence.least)

    def _reserve(self) -> dict[int, cp_model.IntVar]:
        """Keep TaskManagers empty: so many of each class, or such that on each fits what any other holds."""
        problem, model = self.problem, self.model
        spare = {tm: model.new_bool_var("") for tm in problem.usable}
        model.add(cp_model.LinearExpr.sum(list(spare.values())) == problem.reserve)
        for name, count in problem.reserve_by_class:
            members = [tm for entry in problem.classes if entry.name == name for tm in entry.members]
            model.add(cp_model.LinearExpr.sum([spare[tm] for tm in members]) == count)
        for tm, row in self.counts.items():
            for x, slot in zip(row, problem.types, strict=True):
                model.add(x <= slot.count * (1 - spare[tm]))
        for entry in problem.classes:
            for first, second in itertools.pairwise(entry.members if self._alike else ()):
                model.add(spare[first] <= spare[second])
        for entry in problem.classes if not problem.reserve_by_class else ():
            some = model.new_bool_var("")
            for tm in entry.members:
                model.add(some >= spare[tm])
            for r, limit in enumerate(entry.limits):
                if limit is None or problem.resources[r] in problem.reasons:
                    continue
                needs = [slot.demand[r] for slot in problem.types]
                for tm, row in self.counts.items():
                    own = problem.classes[problem.class_of[tm]].limits[r]
                    if own is None or own > limit:
                        used = cp_model.LinearExpr.weighted_sum(row, needs)
                        model.add(used <= limit).only_enforce_if(some)
        return spare

    def load(self, tm: int) -> cp_model.LinearExprT:
        """Return the load of a TaskManager as an expression, at the peak where there are several samples."""
        return self.loads(tm)[self.problem.peak]

    def loads(self, tm: int) -> list[cp_model.LinearExprT]:
        """Return the load of a TaskManager in each sample as expressions."""
        row, types = self.counts[tm], self.problem.types
        return [
            sum(x * slot.samples[sample] for x, slot in zip(row, types, strict=True))
            for sample in range(self.problem.samples)
        ]

    def uses(self, tm: int, resource: int) -> cp_model.LinearExprT:
        """Return how much of a resource stands on a TaskManager as an expression."""
        needs = [slot.demand[resource] for slot in self.problem.types]
        return cp_model.LinearExpr.weighted_sum(self.counts[tm], needs)

    def used(self) -> dict[int, cp_model.IntVar]:
        """Return for every TaskManager whether it holds slots; the first of equal ones do."""
        found = {tm: self.model.new_bool_var("") for tm in self.problem.usable}
        for tm, row in self.counts.items():
            for x, slot in zip(row, self.problem.types, strict=True):
                self.model.add(x <= slot.count * found[tm])
        for entry in self.problem.classes:
            for first, second in itertools.pairwise(entry.members):
                self.model.add(found[first] >= found[second])
        return found

    def hint(self, solution: Solution) -> None:
        for tm, row in self.counts.items():
            for x, count in zip(row, solution.counts[tm], strict=True):
                self.model.add_hint(x, count)

    def solve(
        self, clock: Clock, seconds: float, linearization: int = 1
    ) -> tuple[cp_model.CpSolverStatus, cp_model.CpSolver]:
        """Solve it; with ``linearization`` 2 the linear relaxation holds all that it can."""
        solver = new_solver(clock, seconds, clock.stop.seed)
        solver.parameters.linearization_level = linearization
        status = run(solver, self.model, clock)
        return status, solver

    def extract(self, solver: cp_model.CpSolver) -> Solution:
        return Solution({tm: tuple(solver.value(x) for x in row) for tm, row in self.counts.items()})

    def kept(self, solver: cp_model.CpSolver) -> tuple[int, ...]:
        """Return the TaskManagers that are in reserve."""
        return tuple(tm for tm, flag in self.spare.items() if solver.value(flag))


def _scale(problem: Problem) -> int:
    """Return what a utilisation of 1 is as an integer: exact where the sizes allow it."""
    sizes = [entry.cpu for entry in problem.classes]
    exact, heaviest = math.lcm(*sizes), max(problem.total_load, *sizes)
    fits = max(heaviest * (exact // min(sizes)), 4 * exact) < INT_LIMIT
    return exact if fits else max(INT_LIMIT // (4 * heaviest), 1)


def _rounding(problem: Problem, scale: int) -> int:
    """Return by how many steps of 1/scale a solver's integer may differ from the true utilisation."""
    return 0 if scale % math.lcm(*(entry.cpu for entry in problem.classes)) == 0 else 1


def minimise_maximum(
    problem: Problem,
    hint: Solution | None,
    bound: Fraction,
    clock: Clock,
    seconds: float,
    most_task_managers: int | None = None,
) -> Outcome:
    """Minimise the highest utilisation, given a lower bound that is proven already.

    ``most_task_managers`` is how many TaskManagers may hold slots, where not all may.
    """
    scale = _scale(problem)
    build = _Model(problem)
    if most_task_managers is not None:
        build.model.add(sum(build.used().values()) <= most_task_managers)
    low = bound.numerator * scale // bound.denominator
    high = max(problem.total_load * scale // min(entry.cpu for entry in problem.classes) + 1, low)
    if hint is not None:
        best = hint.max_utilisation(problem)
        high = -(-best.numerator * scale // best.denominator)
        build.hint(hint)
    top = build.model.new_int_var(low, max(high, low), "top")
    for tm in problem.usable:
        cpu = problem.cpu(tm)
        common = math.gcd(scale, cpu)
        for load in build.loads(tm):
            build.model.add(load * (scale // common) <= top * (cpu // common))
    if hint is not None:
        build.model.add_hint(top, high)
    build.model.minimize(top)
    status, solver = build.solve(clock, seconds)
    if status == cp_model.INFEASIBLE:
        return Outcome(None, None, infeasible=hint is None)
    if status not in SOLVED:
        return Outcome(None, None)
    proven = Fraction(
        max(math.ceil(solver.best_objective_bound - 1e-6) - _rounding(problem, scale), 0), scale
    )
    best_bound = next_level(problem, max(proven, bound))
    return Outcome(build.extract(solver), best_bound, spare=build.kept(solver))


def maximise_minimum(
    problem: Problem,
    hint: Solution,
    ceiling: Fraction,
    clock: Clock,
    seconds: float,
    limits: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> Outcome:
    """Raise the lowest utilisation while the highest stays at most ``ceiling``.

    ``limits`` are more limits by TaskManager, each after the number of its resource. The outcome's bound is
    an upper bound of the lowest utilisation.
    """
    scale = _scale(problem)
    build = _Model(problem)
    build.hint(hint)
    mean = Fraction(problem.total_load, problem.total_cpu)
    lowest = min(hint.utilisations(problem).values())
    start = lowest.numerator * scale // lowest.denominator
    bottom = build.model.new_int_var(start, mean.numerator * scale // mean.denominator, "bottom")
    for tm in problem.usable:
        cpu = problem.cpu(tm)
        build.model.add(build.load(tm) <= ceiling.numerator * cpu // ceiling.denominator)
        for resource, limit in (limits or {}).get(tm, ()):
            build.model.add(build.uses(tm, resource) <= limit)
        common = math.gcd(scale, cpu)
        build.model.add(build.load(tm) * (scale // common) >= bottom * (cpu // common))
    build.model.add_hint(bottom, start)
    build.model.maximize(bottom)
    status, solver = build.solve(clock, seconds)
    if status not in SOLVED:
        return Outcome(None, None)
    most = Fraction(math.floor(solver.best_objective_bound + 1e-6) + _rounding(problem, scale), scale)
    return Outcome(build.extract(solver), level_at_most(problem, most))


@dataclass(frozen=True)
class Shares:
    """What is wanted of a placement whose shares of some resources are to be low, by TaskManager.

    Loads are between ``floor`` and ``cap``. ``limits`` are more limits, each after the number of its
    resource, ``sizes`` are what there is of each resource whose share counts.
    """

    cap: Mapping[int, int]
    floor: Mapping[int, int]
    limits: Mapping[int, Sequence[tuple[int, int]]]
    sizes: Mapping[int, Mapping[int, int]]


SHARE_STEPS = 10**6
"""In how many steps CP-SAT tells shares apart."""


def lower_shares(
    problem: Problem, hint: Solution, wanted: Shares, below: Fraction, clock: Clock, seconds: float
) -> Outcome:
    """Return the least highest share of some resources that is found below one that is reached.

    Where there is none, that is proven (``infeasible``), or neither is known.
    """
    build = _Model(problem)
    build.hint(hint)
    top = build.model.new_int_var(0, math.ceil(below * SHARE_STEPS), "top")
    for tm in problem.usable:
        build.model.add(build.load(tm) <= wanted.cap[tm])
        build.model.add(build.load(tm) >= wanted.floor[tm])
        for resource, limit in wanted.limits[tm]:
            build.model.add(build.uses(tm, resource) <= limit)
        for resource, size in wanted.sizes[tm].items():
            used = build.uses(tm, resource)
            build.model.add(used <= math.ceil(below * size) - 1)
            build.model.add(used * (SHARE_STEPS // math.gcd(SHARE_STEPS, size)) <= top * _part(size))
    build.model.minimize(top)
    status, solver = build.solve(clock, seconds)
    if status in SOLVED:
        return Outcome(build.extract(solver), None)
    return Outcome(None, None, infeasible=status == cp_model.INFEASIBLE)


def _part(size: int) -> int:
    return size // math.gcd(SHARE_STEPS, size)


def any_placement(problem: Problem, clock: Clock, seconds: float) -> Outcome:
    """Return any placement, or that there is none, or neither when time was too short."""
    build = _Model(problem)
    status, solver = build.solve(clock, seconds)
    if status in SOLVED:
        return Outcome(build.extract(solver), None, spare=build.kept(solver))
    return Outcome(None, None, infeasible=status == cp_model.INFEASIBLE)


def fewest_task_managers(
    problem: Problem, at_least: int, clock: Clock, seconds: float
) -> tuple[set[int], int] | None:
    """Return the fewest TaskManagers that hold everything and a bound of their number, None if unknown."""
    build = _Model(problem)
    used = build.used()
    build.model.add(sum(used.values()) >= at_least)
    build.model.minimize(sum(used.values()))
    status, solver = build.solve(clock, seconds)
    if status not in SOLVED:
        return None
    bound = math.ceil(solver.best_objective_bound - 1e-6)
    return {tm for tm, flag in used.items() if solver.value(flag)}, bound


def fewest_moves(
    problem: Problem,
    before: Ints,
    weights: Sequence[Fraction],
    limit: Fraction,
    hint: Solution | None,
    clock: Clock,
    seconds: float,
) -> Outcome:
    """Return the placement within ``limit`` of which most stands where it stood before.

    ``before`` are quotas of before by row and group, ``weights`` what the moves of slots weigh by group.
    The outcome's bound is of the weight that moves. Of a group that has N slots and had B, min(N, B) could
    stay; those of them move that do not.
    """
    build = _Model(problem, alike=False)
    scale = _weight_scale(problem, weights)
    parts = [math.floor(weight * scale) for weight in weights]
    types = [[t for t, slot in enumerate(problem.types) if slot.group == group] for group in problem.groups]
    kept: list[cp_model.LinearExprT] = []
    for was, (tm, row) in zip(before, build.counts.items(), strict=True):
        build.model.add(build.load(tm) <= limit.numerator * problem.cpu(tm) // limit.denominator)
        for g, members in enumerate(types):
            if not was[g]:
                continue
            stays = build.model.new_int_var(0, int(was[g]), "")
            build.model.add(stays <= cp_model.LinearExpr.sum([row[t] for t in members]))
            kept.append(stays * parts[g])
            if hint is not None:
                held = sum(hint.counts[tm][t] for t in members)
                build.model.add_hint(stays, min(held, int(was[g])))
    if hint is not None:
        build.hint(hint)
    most = sum(
        part * min(int(before[:, g].sum()), sum(problem.types[t].count for t in types[g]))
        for g, part in enumerate(parts)
    )
    build.model.minimize(most - cp_model.LinearExpr.sum(kept))
    status, solver = build.solve(clock, seconds, linearization=2)
    if status not in SOLVED:
        return Outcome(None, None, infeasible=status == cp_model.INFEASIBLE)
    least = Fraction(max(math.ceil(solver.best_objective_bound - 1e-6), 0)) / scale
    return Outcome(build.extract(solver), least, spare=build.kept(solver))


def _weight_scale(problem: Problem, weights: Sequence[Fraction]) -> Fraction:
    """Return by what weights of moves become whole numbers: exact where the sizes allow it."""
    exact = Fraction(
        math.lcm(*(weight.denominator for weight in weights)),
        math.gcd(*(weight.numerator for weight in weights)) or 1,
    )
    heaviest = max(weights, default=Fraction(1)) * max(problem.total_slots, 1)
    return exact if heaviest * exact < INT_LIMIT else INT_LIMIT / heaviest / 2


class Rearrangement:
    """What stands on a few TaskManagers as variables: within limits, each type held as often as before.

    The counts that stand there now are hints. Each TaskManager is added once, then the whole is solved.
    """

    def __init__(self, state: State, rows: Sequence[int]) -> None:
        self.model = cp_model.CpModel()
        self._state = state
        self._rows = rows
        self._counts: list[list[cp_model.IntVar]] = []

    def add(self, row: int, cap: int | None) -> list[cp_model.IntVar]:
        """Add a TaskManager, with a load of at most ``cap`` if given, and return its counts by type."""
        state = self._state
        entry = state.problem.classes[state.problem.class_of[state.task_managers[row]]]
        counts = add_knapsack(self.model, state.problem, entry, cap)
        for t, x in enumerate(counts):
            self.model.add_hint(x, int(state.counts[row, t]))
        self._counts.append(counts)
        return counts

    def minimise(self, cost: cp_model.LinearExprT, clock: Clock, seconds: float) -> tuple[Ints, float] | None:
        """Return the counts (rows, types) of least ``cost`` found and that cost, None where none were."""
        state, rows = self._state, self._rows
        for t in range(state.types):
            self.model.add(sum(counts[t] for counts in self._counts) == int(state.counts[rows, t].sum()))
        self.model.minimize(cost)
        solver = new_solver(clock, seconds, clock.stop.seed)
        if run(solver, self.model, clock) not in SOLVED:
            return None
        new = np.array([[solver.value(x) for x in counts] for counts in self._counts], dtype=np.int64)
        return new, solver.objective_value

    def apply(self, new: Ints) -> None:
        """Let the TaskManagers hold ``new``: (rows, types)."""
        for row, counts in zip(self._rows, new, strict=True):
            for t, count in enumerate(counts):
                if by := int(count - self._state.counts[row, t]):
                    self._state.change(row, t, by)


def rearrange(state: State, overflow: Overflow, rows: Sequence[int], clock: Clock, seconds: float) -> bool:
    """Rearrange what stands on ``rows`` so that least overflows; tell whether that became less.

    The TaskManagers have to keep to their limits before; they do after.
    """
    problem, whole = state.problem, Rearrangement(state, rows)
    over: list[cp_model.IntVar] = []
    present = np.flatnonzero(state.counts[rows].sum(axis=0))
    for row in rows:
        counts = whole.add(row, None)
        excess = whole.model.new_int_var(0, problem.total_load + int(overflow.floor[row]), "")
        for sample in range(problem.samples):
            load = sum(counts[t] * problem.types[t].samples[sample] for t in present)
            whole.model.add(load - excess <= int(overflow.cap[row]))
        whole.model.add(
            sum(counts[t] * problem.types[t].load for t in present) + excess >= int(overflow.floor[row])
        )
        over.append(excess)
    before = overflow.band(np.array(rows), state.highest_load(rows)).sum()
    better = whole.minimise(sum(over), clock, seconds)
    if better is None or better[1] >= before:
        return False
    whole.apply(better[0])
    return True
