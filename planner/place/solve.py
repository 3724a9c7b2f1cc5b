"""Problem to result: bounds, construction, swaps, patterns, CP-SAT, and the proof."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np

from planner.place.bounds import patterns
from planner.place.bounds.area import Bound, lower_bound, next_level
from planner.place.bounds.classes import class_bound
from planner.place.bounds.dual_feasible import dual_feasible_bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.levels.kept import keep_maximum, level_clock
from planner.place.levels.levels import LEVELS, as_it_is, measured
from planner.place.levels.packing import Packing, best_packed, pack, packed_bound
from planner.place.model.contents import Pool, contents_within, every_content
from planner.place.model.objective import BALANCE, CPU_LEVEL, Objective, is_packing
from planner.place.model.problem import NO_LIMIT, Problem, Solution
from planner.place.parameters import PARAMETERS
from planner.place.result import Level, Progress, Result, Status
from planner.place.search import assemble, counts
from planner.place.search.construct import construct
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.feasibility import find_feasible
from planner.place.search.purchase import fill
from planner.place.search.state import Floats, State
from planner.place.search.swap import swap


def solve(
    problem: Problem,
    clock: Clock,
    progress: Progress = lambda *_: None,
    objective: Sequence[Objective] = BALANCE,
    start: Solution | None = None,
) -> Result:
    """Place the slots of ``problem`` so that each level of ``objective`` is least, in their order.

    The problem leaves nothing open (see `planner.place.model.choices`); ``start`` is a solution of it, where
    one is known.
    """
    first: list[Level] = []
    bound: Bound | None = None
    if is_packing(objective) and problem.usable:
        progress("packing", None, Fraction(0))
        packing, bound = _packed(problem, clock)
        problem, first, start = packing.problem, [packing.level], packing.start
    search = Search(problem, clock, progress, start)
    result = search.run()
    if result.solution is None:
        return result
    highest = result.levels[0] if bound is None else replace(result.levels[0], bound=bound)
    return lower_levels(replace(result, levels=(*first, highest)), clock, progress, objective)


def lower_levels(
    result: Result,
    clock: Clock,
    progress: Progress = lambda *_: None,
    objective: Sequence[Objective] = BALANCE,
    slack: Fraction = Fraction(0),
) -> Result:
    """Lower the levels of ``objective`` after the highest utilisation, which may rise by a share for them.

    ``slack`` is that share. The levels of ``result``, which has a solution, end with the highest utilisation.
    """
    problem, highest = result.problem, result.levels[-1]
    before, levels = len(result.levels) - 1, list(result.levels)
    assert result.solution is not None
    limit = replace(highest, value=highest.value * (1 + slack))
    state = State.from_solution(problem.within(limit.value), result.solution)
    kept = keep_maximum(state, limit)
    for name in objective:
        idle = (
            (name is Objective.TRAFFIC and not problem.flows)
            or (name is Objective.BLAST and not problem.restarts)
            or (name is Objective.SPREAD and problem.samples > 1)  # what is even at noon is not at night
        )
        if name not in LEVELS or idle:
            continue
        if clock.expired():
            levels.append(as_it_is(name, state))
            continue
        progress(f"{name}", highest.value, result.bound.value)
        rng = np.random.default_rng(clock.stop.seed)
        counts_before, kept_before = state.counts.copy(), replace(kept, sums=list(kept.sums))
        # blast is a level that somebody asked for; slack is for levels that matter to somebody
        asked = name is Objective.BLAST or slack > 0
        last = name is objective[-1]
        part = clock.share(3 / 4 if last else 1 / 2) if asked else level_clock(state, clock)
        level = LEVELS[name](state, kept, part, rng)
        if _harmed([limit, *levels[before + 1 :]], state):
            state.set(counts_before)
            kept = kept_before
            level = measured(level, state)
        levels.append(level)
    # evening out may have lowered the highest as well
    value = state.solution().max_utilisation(problem)
    final = tuple(replace(one, value=value) if one is highest else measured(one, state) for one in levels)
    proven = all(level.optimal for level in final[: before + 1])
    return replace(
        result,
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        solution=state.solution(),
        bound=final[before].bound or result.bound,
        levels=final,
        seconds=clock.spent(),
    )


def balanced_mean(problem: Problem, clock: Clock, progress: Progress = lambda *_: None) -> Fraction | None:
    """Return the highest utilisation of a placement that balances the mean of all samples of the load.

    None where no such placement was found in time.
    """
    progress("balancing the mean", None, Fraction(0))
    found = Search(problem.on_average(), clock, lambda *_: None).run()
    return None if found.solution is None else found.solution.max_utilisation(problem)


def unlowered(result: Result, lowered: Result) -> Result:
    """Return a result with the levels of another one of it, as they are in its own placement, unproven."""
    assert result.solution is not None
    state = State.from_solution(result.problem, result.solution)
    others = [replace(measured(level, state), bound=None) for level in lowered.levels[len(result.levels) :]]
    return replace(result, levels=(*result.levels, *others))


def _harmed(levels: Sequence[Level], state: State) -> bool:
    """Tell whether a level is worse in ``state`` than it was: none may give up one before it."""
    highest, *others = levels
    return state.solution().max_utilisation(state.problem) > highest.value or any(
        float(measured(one, state).value) > float(one.value) * (1 + 1e-9) for one in others
    )


def _packed(problem: Problem, clock: Clock) -> tuple[Packing, Bound | None]:
    """Return a packing, and a bound of the next level.

    The bound holds for whichever as many TaskManagers; None where those that were chosen are the only
    ones, or as good as any.
    """
    packing = pack(problem, clock.share(1 / 2))
    count = len(packing.problem.usable)
    if count == len(problem.usable) or len(problem.classes) == 1:
        return packing, None
    best = best_packed(problem, packing, clock.share(1 / 3))
    return best if best is not None else (packing, packed_bound(problem, count))


class Search:
    """One search for the least highest utilisation: the best placement and bound so far, and the time."""

    def __init__(
        self, problem: Problem, clock: Clock, progress: Progress, start: Solution | None = None
    ) -> None:
        self.problem = problem
        self.clock = clock
        self.stop = clock.stop
        self.rng = np.random.default_rng(self.stop.seed)
        self.bound = lower_bound(problem)
        self.best: Solution | None = None
        self.value: Fraction | None = None
        self.infeasible = False
        self.pool = Pool.empty(problem)
        """Contents that were found to be worth something at some utilisation."""
        self.possible: Fraction | None = None
        """The least utilisation at which contents may do it, as far as is known."""
        self.random = Random(self.stop.seed)
        self._at: tuple[Fraction, Problem] | None = None
        self._progress = progress
        self._started = time.monotonic()
        if start is not None:
            self._offer(State.from_solution(problem, start))

    def run(self) -> Result:
        """Search until there is a proof or time is up."""
        if not self.problem.usable:
            status = Status.INFEASIBLE if self.problem.types else Status.OPTIMAL
            return Result(status, self.problem, None, self.bound, (), 0.0, self.stop.seed)
        state = self._first()
        for stage in (self._by_classes, self._exactly, self._by_functions, self._close):
            if self.done():
                break
            stage(state)
        return self.result()

    def done(self) -> bool:
        """Tell whether nothing better can be found, or time is up."""
        if self.infeasible or self.clock.expired() or self.stop.refuted(self.bound.value):
            return True
        return self.value is not None and self.stop.good_enough(self.value, self.bound.value)

    def result(self) -> Result:
        """Return what is known now."""
        seconds = time.monotonic() - self._started
        if self.best is None or self.value is None:
            status = Status.INFEASIBLE if self.infeasible else Status.UNKNOWN
            return Result(status, self.problem, None, self.bound, (), seconds, self.stop.seed)
        bound = self.bound if self.bound.value <= self.value else Bound(self.value, self.bound.kind)
        level = Level(CPU_LEVEL, self.value, bound)
        status = Status.OPTIMAL if level.optimal else Status.FEASIBLE
        return Result(status, self.problem, self.best, bound, (level,), seconds, self.stop.seed)

    def _tell(self, what: str) -> None:
        self._progress(what, self.value, self.bound.value)

    def _offer(self, state: State) -> None:
        """Keep ``state`` if it is a placement and the best so far."""
        cap = np.full(len(state.cpu), NO_LIMIT)
        state = self._freed(state)
        if everywhere(Overflow(state, cap), state).any():
            return
        solution = state.solution()
        value = solution.max_utilisation(self.problem)
        if self.value is None or value < self.value:
            self.best, self.value = solution, value

    def _prove(self, bound: Bound) -> None:
        if bound.value > self.bound.value:
            self.bound = bound

    def _caps(self, state: State, target: Fraction) -> Floats:
        return state.caps(target.numerator, target.denominator)

    def _reach(self, state: State, target: Fraction, work: float) -> bool:
        """Exchange slots until no utilisation is above ``target``; tell whether that was reached."""
        problem = self._within(target)
        tried = state
        if state.problem is not problem:
            tried = State(problem)
            tried.set(state.counts)
        left = swap(tried, Overflow(tried, self._caps(tried, target)), self.clock.part(work), self.rng)
        if tried is not state:
            state.set(tried.counts)
        self._offer(state)
        return left <= 0

    def _freed(self, state: State) -> State:
        """Return a state of the problem in which samples may be at any utilisation."""
        if state.problem is self.problem:
            return state
        return State.from_solution(self.problem, state.solution())

    def _within(self, target: Fraction) -> Problem:
        """Return the problem in which no sample may be above ``target``: itself where there is only one."""
        if self._at is None or self._at[0] != target:
            self._at = target, self.problem.within(target)
        return self._at[1]

    def _first(self) -> State:
        """Return a first placement, brought as near to the bound as a short search gets it."""
        self._tell("first placement")
        target = self.bound.value
        empty = State(self.problem)
        state = construct(self._within(target), self._caps(empty, target))
        self._offer(state)
        if self.done():
            return state
        state = self._freed(state)
        self._tell("swapping slots")
        work = PARAMETERS.first_work + PARAMETERS.first_work_per_task_manager * len(empty.cpu)
        self._reach(state, target, PARAMETERS.first_work_small if is_small(self.problem) else work)
        if self.best is None and not self.done():
            self._tell("looking for room")
            found = find_feasible(self.problem, self.clock, state)
            self.infeasible = found.impossible
            if found.state is not None:
                self._offer(found.state)
                state = found.state
        return state

    def _by_classes(self, state: State) -> None:
        self._tell("bounding by classes")
        self._raise_bound(state, class_bound(self.problem))

    def _by_functions(self, state: State) -> None:
        self._tell("bounding by functions")
        self._raise_bound(state, dual_feasible_bound(self.problem, self.bound.value))

    def _raise_bound(self, state: State, found: Bound | None) -> None:
        """Take a bound where it is higher, and try to reach it."""
        if found is not None and found.value > self.bound.value:
            self._prove(found)
            if not self.done():
                self._reach(state, found.value, PARAMETERS.first_work)

    def _exactly(self, state: State, turn: int = 1) -> None:
        """Solve small problems whole with CP-SAT, for longer each turn."""
        if not is_small(self.problem):
            return
        self._tell("CP-SAT")
        work = min(turn * PARAMETERS.exact_work, self.clock.left() / 2)
        found = counts.minimise_maximum(self.problem, self.best, self.bound.value, self.clock, work)
        self.infeasible = found.infeasible
        if found.solution is not None:
            self._offer(State.from_solution(self.problem, found.solution))
        if found.bound is not None:
            self._prove(Bound(found.bound, "cp-sat"))

    def _fill_to(self, target: Fraction) -> bool:
        """Fill TaskManagers content by content up to ``target``; tell whether that was reached.

        That leads to placements where memory is so short that exchanging slots does not.
        """
        self._tell("filling")
        part = self.clock.part(min(PARAMETERS.filling_work, self.clock.left() * PARAMETERS.filling_share))
        if self._judge(target, part) is patterns.Verdict.REFUTED:
            return False
        caps = self.problem.caps(target)
        pool = contents_within(self.problem, caps, self.pool)
        filled = fill(self._within(target), caps, pool, part, self.random)
        if filled is not None:
            self._offer(filled)
        return filled is not None

    def _judge(self, target: Fraction, clock: Clock) -> patterns.Verdict:
        """Tell whether contents can do it at a utilisation, as fractions; that they cannot is a bound."""
        if len(self.problem.classes) * len(self.problem.types) > PARAMETERS.content_variables:
            return patterns.Verdict.OPEN
        caps = self.problem.caps(target)
        pool = contents_within(self.problem, caps, self.pool)
        verdict, prices = patterns.weigh(self._within(target), caps, pool, clock)
        for mine, found in zip(self.pool.contents, pool.contents, strict=True):
            mine.update(found)
        if verdict is patterns.Verdict.REFUTED:
            refuted = self._refuted_by(prices, target, clock) if prices else target
            self._prove(Bound(next_level(self.problem, refuted, above=True), "patterns"))
        elif self.possible is None or target < self.possible:
            self.possible = target
        return verdict

    def _refuted_by(self, prices: Sequence[int], target: Fraction, clock: Clock) -> Fraction:
        """Return the highest utilisation from ``target`` on that the same prices are found to refute."""
        steps = 1
        while steps and not clock.expired():
            above = next_level(self.problem, target, above=True, steps=steps)
            known = [one for one in (self.value, self.possible) if one is not None]
            if (not known or above < min(known)) and patterns.refutes(
                self._within(above), self.problem.caps(above), prices, clock
            ):
                target, steps = above, 2 * steps
            else:
                steps //= 2
        return target

    def _close(self, state: State) -> None:
        """Refute or reach one utilisation after the other, the lowest that is open first."""
        turn, open_at = 0, None
        while not self.done():
            if self.bound.value != open_at:
                self._tell("patterns")
                self._refute()
                open_at = self.bound.value
                if self.value is not None and self.value > open_at * (1 + PARAMETERS.filling_gap):
                    self._fill_to((open_at + self.value) / 2)
                continue
            turn += 1
            self._tell("patterns and swaps")
            self._approach(self.bound.value, turn)
            if not self.done():
                self._regroup(state)
            if not self.done() and self.value is not None:
                self._fill_to((self.bound.value + self.value) / 2)
            if not self.done():
                self._exactly(state, turn + 1)

    def _refute(self) -> None:
        """Raise the bound over every utilisation that contents refute, or meet it where they can."""
        steps, part = 0, self.clock.share(PARAMETERS.refuting_share)
        while not (self.done() or part.expired()):
            if steps == 0 and self._by_every_content():
                continue
            target = self.bound.value
            if steps:
                target = self._beyond(steps)
            if self._judge(target, part) is patterns.Verdict.REFUTED:
                steps = 2 * steps + 1
            elif steps == 0:
                return
            else:
                steps //= 4

    def _beyond(self, steps: int) -> Fraction:
        """Return a utilisation some steps above the bound, below all at which contents may do it."""
        bound = self.bound.value
        target = next_level(self.problem, bound, above=True, steps=steps)
        known = [one for one in (self.value, self.possible) if one is not None]
        if known and target >= min(known):
            target = next_level(self.problem, (bound + min(known)) / 2)
        return target if not known or target < min(known) else bound

    def _by_every_content(self) -> bool:
        """Meet or refute the bound where few contents can do it at all; say whether either was done."""
        target = self.bound.value
        caps = self.problem.caps(target)
        problem = self._within(target)
        every = every_content(problem, caps, self.clock)
        if every is None:
            return False
        cap = self._caps(State(self.problem), target)
        found, verdict = assemble.assemble_exactly(problem, every, cap, self.clock, self.clock.left() / 3)
        if found is not None:
            self._offer(found)
        elif verdict is patterns.Verdict.REFUTED:
            self._prove(Bound(next_level(self.problem, target, above=True), "patterns"))
        return verdict is not patterns.Verdict.OPEN

    def _approach(self, target: Fraction, turn: int) -> None:
        """Try to reach ``target`` from contents put together, and to get nearer from the best placement."""
        caps = self._caps(State(self.problem), target)
        whole = self.problem.caps(target)
        pool = contents_within(self.problem, whole, self.pool)
        state = assemble.assemble(
            self._within(target), pool, caps, self.clock, PARAMETERS.round_work, self.stop.seed + turn
        )
        if state is not None:
            state = self._freed(state)
            self._reach(state, target, PARAMETERS.round_work)
            if not self.done():
                self._rearrange(state, target, self.clock)
            assemble.add_state(self.pool, state, whole)
        if self.best is None or self.value is None or self.done():
            return
        state = State.from_solution(self.problem, self.best)
        while not self.done() and self._reach(state, (target + self.value) / 2, PARAMETERS.round_work / 2):
            pass
        assemble.add_state(self.pool, state, whole)

    def _regroup(self, state: State) -> None:
        """Let CP-SAT rearrange one neighbourhood of the best placement after the other."""
        del state
        if self.best is None or self.value is None:
            return
        self._tell("rearranging TaskManagers")
        state = State.from_solution(self.problem, self.best)
        part = self.clock.part(self.clock.left() * PARAMETERS.neighbours_share)
        while not (part.expired() or self.done()):
            target = (self.bound.value + self.value) / 2
            part.charge(PARAMETERS.work_of_lp)  # what is refuted while it is built takes no counted work
            if not self._rearrange(state, target, part):
                state = State.from_solution(self.problem, self.best)

    def _rearrange(self, state: State, target: Fraction, clock: Clock) -> bool:
        """Let CP-SAT rearrange a TaskManager over the target with a few others; tell whether one was over it.

        Where more than loads is exceeded, nothing is done.
        """
        overflow = Overflow(state, self._caps(state, target))
        rows = np.arange(len(state.cpu))
        if overflow.violation(rows, state.used, state.counts).any():
            return False
        band = overflow.band(rows, state.highest_load())
        over = np.flatnonzero(band > 0)
        if not len(over):
            return False
        others = np.flatnonzero(band <= 0)
        size = min(PARAMETERS.neighbours - 1, len(others))
        chosen = [int(self.rng.choice(over)), *map(int, self.rng.choice(others, size, replace=False))]
        if counts.rearrange(state, overflow, chosen, clock, PARAMETERS.neighbours_work):
            self._offer(state)
        return True
