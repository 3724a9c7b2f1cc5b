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
from planner.place.model.choices import choices, chosen, settle
from planner.place.model.objective import BALANCE, CPU_LEVEL, Objective, is_packing
from planner.place.model.problem import Problem, Solution
from planner.place.parameters import PARAMETERS
from planner.place.result import Progress, Result, Status
from planner.place.search import counts
from planner.place.solve import solve


@dataclass(frozen=True, slots=True)
class _Settled:
    """A problem that one choice leaves, a bound of it, and a solution where one is known."""

    problem: Problem
    bound: Bound
    start: Solution | None = None


def choose_and_solve(
    problem: Problem,
    clock: Clock,
    progress: Progress = lambda *_: None,
    objective: Sequence[Objective] = BALANCE,
) -> Result:
    """Place the slots of ``problem`` so that each level of ``objective`` is least, over all its choices.

    The choices are solved one after the other, the one with the lowest bound first; those that are bounded
    away are not. Where the first does not settle a small problem, CP-SAT decides on the choice and the counts
    together.
    """
    if counting_conflict(problem) is not None:
        return _nothing(problem, lower_bound(problem), clock, impossible=True)
    if not problem.open:
        return solve(problem, clock, progress, objective)
    ways, complete = choices(problem)
    settled = [settle(problem, choice) for choice in ways]
    if complete and len(settled) == 1:
        return solve(settled[0], clock, progress, objective)
    waiting = sorted((_Settled(one, lower_bound(one)) for one in settled), key=lambda one: one.bound.value)
    search = _Search(problem, _bound_of_all(problem), clock, progress, objective)
    for number, one in enumerate(waiting):
        search.consider(one, len(waiting) - number)
        if number == 0 and not search.closed() and is_small(problem) and not search.packing:
            search.decide_on_all()
        if search.impossible:
            return _nothing(problem, search.bound, clock, impossible=True)
    return search.result(complete)


class _Search:
    """The best result over the choices that were considered, and bounds of all of them."""

    def __init__(
        self,
        problem: Problem,
        bound: Bound,
        clock: Clock,
        progress: Progress,
        objective: Sequence[Objective],
    ) -> None:
        self.problem = problem
        self.bound = bound
        self.packing = is_packing(objective)
        self.best: Result | None = None
        self.impossible = False
        self._clock, self._progress, self._objective = clock, progress, objective
        self._results: list[Result] = []
        self._problems: list[Problem] = []
        self._bounds: list[Bound] = []
        self._all = True

    def closed(self) -> bool:
        """Tell whether no choice is better than the best so far."""
        return self.best is not None and _highest(self.best) <= self.bound.value and not self.packing

    def consider(self, one: _Settled, parts: int) -> None:
        """Solve what a choice leaves, in one of so many parts of the time, unless it is bounded away."""
        if self.closed() or (
            self.best is not None and not self.packing and _highest(self.best) <= one.bound.value
        ):
            self._bound(one.problem, one.bound)
            return
        if self._clock.expired():
            self._all = False
            return
        if counting_conflict(one.problem) is not None:
            return
        share = self._clock if parts == 1 else self._clock.part(self._clock.left() / parts)
        result = solve(one.problem, share, self._progress, self._objective, one.start)
        if result.status is Status.INFEASIBLE:
            return
        self._results.append(result)
        self._bound(one.problem, result.bound)
        if result.solution is not None and (self.best is None or result.better_than(self.best)):
            self.best = result

    def _bound(self, problem: Problem, bound: Bound) -> None:
        """Keep the higher bound of a choice, which may be considered twice."""
        if problem not in self._problems:
            self._problems.append(problem)
            self._bounds.append(bound)
        else:
            index = self._problems.index(problem)
            self._bounds[index] = max(self._bounds[index], bound, key=_value)

    def decide_on_all(self) -> None:
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
            self.consider(_Settled(settled, lower_bound(settled), start), 2)

    def result(self, complete: bool) -> Result:
        """Return the best; ``complete`` tells that all choices were considered."""
        complete = complete and self._all
        best = self.best
        if best is None:
            impossible = complete and not self._bounds
            return _nothing(self.problem, self.bound, self._clock, impossible=impossible)
        bound, value = self.bound, _highest(best)
        if complete and not self.packing:
            bound = max(bound, min(self._bounds, key=_value), key=_value)
        # a later level is bounded over this choice alone: that holds where no other reaches the level before
        alone = complete and not self.packing and sum(one.value <= value for one in self._bounds) == 1
        first = next(number for number, level in enumerate(best.levels) if level.name == CPU_LEVEL)
        before = [_least(self._results, number) if complete else None for number in range(first)]
        after = [level.bound if alone else None for level in best.levels[first + 1 :]]
        bounds = [*before, Bound(min(bound.value, value), bound.kind), *after]
        levels = [replace(level, bound=own) for level, own in zip(best.levels, bounds, strict=True)]
        proven = all(level.optimal for level in levels[: first + 1])
        status = Status.OPTIMAL if proven else Status.FEASIBLE
        return replace(best, status=status, bound=bound, levels=tuple(levels))


def _least(results: Sequence[Result], number: int) -> Bound | None:
    """Return the least bound of a level over results, where each has one."""
    found = [one.levels[number].bound if one.solution is not None else None for one in results]
    bounds = [bound for bound in found if bound is not None]
    return min(bounds, key=_value) if len(bounds) == len(found) else None


def _value(bound: Bound) -> Fraction:
    return bound.value


def _nothing(problem: Problem, bound: Bound, clock: Clock, *, impossible: bool) -> Result:
    status = Status.INFEASIBLE if impossible else Status.UNKNOWN
    return Result(status, problem, None, bound, (), clock.spent(), clock.stop.seed)


def _bound_of_all(problem: Problem) -> Bound:
    """Return a bound of the problem without a reserve and without places to stand in."""
    free = replace(problem, presences=(), reserve=0)
    area, classes = lower_bound(free), class_bound(free)
    return classes if classes is not None and classes.value > area.value else area


def _highest(result: Result) -> Fraction:
    return next(level.value for level in result.levels if level.name == CPU_LEVEL)
