"""The best choice of what a problem leaves open, and the placement that it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.place.bounds.area import Bound, lower_bound
from planner.place.bounds.classes import class_bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.infeasible.counting import counting_conflict
from planner.place.levels.packing import overloaded
from planner.place.model.choices import choices, chosen, settle
from planner.place.model.objective import BALANCE, CPU_LEVEL, Objective, is_packing
from planner.place.model.problem import Problem, Solution
from planner.place.parameters import PARAMETERS
from planner.place.result import Progress, Result, Status
from planner.place.search import counts
from planner.place.solve import solve


@dataclass
class _Way:
    """What one choice leaves: a problem, a bound of it, and the best result; whether it has none at all."""

    problem: Problem
    bound: Bound
    start: Solution | None = None
    result: Result | None = None
    refuted: bool = False
    overloaded: bool = False
    """Whether it is proven that loads cannot stay under the CPU that there is."""


def choose_and_solve(
    problem: Problem,
    clock: Clock,
    progress: Progress = lambda *_: None,
    objective: Sequence[Objective] = BALANCE,
    start: Solution | None = None,
) -> Result:
    """Place the slots of ``problem`` so that each level of ``objective`` is least, over all its choices.

    ``start`` is a solution to begin with, where there is nothing to choose.

    The choices are solved one after the other, the one with the lowest bound first; those that are bounded
    away are not. Where the first does not settle a small problem, CP-SAT decides on the choice and the counts
    together.
    """
    if counting_conflict(problem) is not None:
        return _nothing(problem, lower_bound(problem), clock, impossible=True)
    if not problem.open:
        return solve(problem, clock, progress, objective, start)
    chosen_ways, complete = choices(problem)
    every = [settle(problem, choice) for choice in chosen_ways]
    settled = [one for one in every if counting_conflict(one) is None]
    if complete and len(settled) == 1:
        return solve(settled[0], clock, progress, objective)
    ways = sorted((_Way(one, _quick_bound(one)) for one in settled), key=lambda one: one.bound.value)
    free = replace(problem, presences=(), reserve=0, reserve_by_class=())
    search = _Search(problem, ways, _quick_bound(free), clock, progress, objective)
    search.run()
    return search.result(complete)


class _Search:
    """The best result over the choices that were solved, and a bound of all of them."""

    def __init__(
        self,
        problem: Problem,
        ways: list[_Way],
        bound: Bound,
        clock: Clock,
        progress: Progress,
        objective: Sequence[Objective],
    ) -> None:
        self.problem = problem
        self.ways = ways
        self.bound = bound
        self.packing = is_packing(objective)
        self.best: Result | None = None
        self.impossible = False
        self._clock, self._progress, self._objective = clock, progress, objective

    def run(self) -> None:
        """Solve choice after choice, then again those that are still open, until none is or time is up."""
        if self.packing:
            work = min(PARAMETERS.trial_work, self._clock.left() / (4 * max(len(self.ways), 1)))
            for way in self.ways:
                way.overloaded = overloaded(way.problem, self._clock.part(work))
            self.ways.sort(key=lambda way: way.overloaded)
        waiting = list(self.ways)
        if waiting:
            self._solve(waiting.pop(0), len(self.ways))
        by_number = self.problem.cover is None  # what a cover asks for is no constraint of that model
        if by_number and is_small(self.problem) and not self.packing and not self._closed():
            self._decide_on_all()
        while waiting and not self.impossible:
            before = self._clock.left()
            for number, way in enumerate(waiting):
                if self._open(way) and not self._clock.expired():
                    self._solve(way, len(waiting) - number)
            waiting = [way for way in self.ways if self._open(way)]
            if self.packing or self._clock.expired() or self._clock.left() >= before:
                return

    def _closed(self) -> bool:
        """Tell whether no choice is better than the best so far."""
        return self.best is not None and _highest(self.best) <= self.bound.value and not self.packing

    def _open(self, way: _Way) -> bool:
        """Tell whether a choice may be better than the best so far."""
        if way.refuted or self._closed():
            return False
        if way.overloaded and self.best is not None and not self.best.overloaded:
            return False
        return self.packing or self.best is None or way.bound.value < _highest(self.best)

    def _solve(self, way: _Way, parts: int) -> None:
        """Solve what a choice leaves, in one of so many parts of the time."""
        share = self._clock if parts == 1 else self._clock.part(self._clock.left() / parts)
        result = solve(way.problem, share, self._progress, self._objective, way.start)
        way.refuted = result.status is Status.INFEASIBLE
        way.bound = max(way.bound, result.bound, key=_value)
        if result.solution is not None:
            way.result = result
            way.start = None if self.packing else result.solution
            if self.best is None or result.better_than(self.best):
                self.best = result

    def _decide_on_all(self) -> None:
        """Let CP-SAT decide on the choice and the counts together, and solve what its choice leaves."""
        self._progress("CP-SAT over all choices", None, self.bound.value)
        work = min(PARAMETERS.choice_work, self._clock.left() / 2)
        found = counts.minimise_maximum(self.problem, None, self.bound.value, self._clock, work)
        self.impossible = found.infeasible
        if found.bound is not None and found.bound > self.bound.value:
            self.bound = Bound(found.bound, "cp-sat")
        if found.solution is not None:
            choice, start = chosen(self.problem, found.solution, found.spare)
            settled = settle(self.problem, choice)
            way = next((one for one in self.ways if one.problem == settled), None)
            if way is None:
                way = _Way(settled, _quick_bound(settled))
                self.ways.append(way)
            if way.result is None or _highest(way.result) > start.max_utilisation(settled):
                way.start = start
                self._solve(way, 2)

    def result(self, complete: bool) -> Result:
        """Return the best; ``complete`` tells that there are no other choices."""
        best, left = self.best, [way for way in self.ways if not way.refuted]
        if best is None:
            impossible = self.impossible or (complete and not left)
            return _nothing(self.problem, self.bound, self._clock, impossible=impossible)
        bound, value = self.bound, _highest(best)
        if complete and not self.packing:
            bound = max(bound, min((way.bound for way in left), key=_value), key=_value)
        # a later level is bounded over this choice alone: that holds where no other reaches the level before
        rivals = [way for way in left if way.bound.value <= value]
        alone = complete and not self.packing and len(rivals) == 1
        first = next(number for number, level in enumerate(best.levels) if level.name == CPU_LEVEL)
        able = left if best.overloaded else [way for way in left if not way.overloaded]
        before = [_least(able, number) if complete else None for number in range(first)]
        after = [level.bound if alone else None for level in best.levels[first + 1 :]]
        bounds = [*before, Bound(min(bound.value, value), bound.kind), *after]
        levels = [replace(level, bound=own) for level, own in zip(best.levels, bounds, strict=True)]
        proven = all(level.optimal for level in levels[: first + 1])
        status = Status.OPTIMAL if proven else Status.FEASIBLE
        return replace(best, status=status, bound=bound, levels=tuple(levels))


def _least(ways: Sequence[_Way], number: int) -> Bound | None:
    """Return the least bound of a level over choices, where each has one."""
    found = [way.result.levels[number].bound if way.result is not None else None for way in ways]
    bounds = [bound for bound in found if bound is not None]
    return min(bounds, key=_value) if len(bounds) == len(found) else None


def _value(bound: Bound) -> Fraction:
    return bound.value


def _nothing(problem: Problem, bound: Bound, clock: Clock, *, impossible: bool) -> Result:
    status = Status.INFEASIBLE if impossible else Status.UNKNOWN
    return Result(status, problem, None, bound, (), clock.spent(), clock.stop.seed)


def _quick_bound(problem: Problem) -> Bound:
    """Return the best bound that takes no search."""
    area, classes = lower_bound(problem), class_bound(problem)
    return classes if classes is not None and classes.value > area.value else area


def _highest(result: Result) -> Fraction:
    return next(level.value for level in result.levels if level.name == CPU_LEVEL)
