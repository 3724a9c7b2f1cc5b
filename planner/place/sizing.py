"""The cheapest TaskManagers: how many of each class a job takes, and a bound of what that costs.

An integer program over how many there are of each class proposes the cheapest ones; the search for a
placement finds one on them that is within a utilisation, or proves that there is none, or runs out of time.
What it refutes is not proposed again, and neither is anything smaller.

Prices of slots make the proposals good from the start: for whole prices p, all slots are worth
sum(n_t p_t), and a TaskManager holds no more than its class's max p(content), so that TaskManagers which hold
less than that are too few. The prices are those of a linear program over contents. See Gilmore and Gomory
(1961), Farley (1990), and Hooker and Ottosson (2003) for the scheme.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ortools.sat.python import cp_model

from planner.documents.cluster import Cluster
from planner.place.bounds.patterns import Master, Pricing
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.model.contents import Content
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem, SlotType
from planner.place.model.task_managers import class_count, class_ids
from planner.place.parameters import PARAMETERS
from planner.place.reserve import place_with_reserve
from planner.place.result import Status
from planner.place.sizing_plan import Counts, Sizing, counted, prices, whole_prices


def cheapest(
    cluster: Cluster,
    problem_of: Callable[[Cluster], Problem],
    target: Fraction,
    clock: Clock,
    progress: Callable[[Fraction | None, Fraction], None] = lambda *_: None,
) -> Sizing:
    """Return the cheapest TaskManagers on which a placement has no utilisation above ``target``.

    Of each class there are at least ``min`` and at most ``max``, or ``count``. ``problem_of`` makes the
    problem of a job on a cluster. Without any price each TaskManager costs one.
    """
    search = _Search(cluster, problem_of, target, clock, progress)
    search.run()
    return search.result()


class _Search:
    def __init__(
        self,
        cluster: Cluster,
        problem_of: Callable[[Cluster], Problem],
        target: Fraction,
        clock: Clock,
        progress: Callable[[Fraction | None, Fraction], None],
    ) -> None:
        classes = cluster.spec.task_manager_classes
        self.cluster, self.problem_of, self.target = cluster, problem_of, target
        self.clock, self.progress = clock, progress
        known = prices(classes)
        self.scale = whole_prices(known)
        least = [entry.min or 0 if entry.count is None else 0 for entry in classes]
        self.market = _Market(
            [int(price * self.scale) for price in known], least, [class_count(entry) for entry in classes]
        )
        everything = problem_of(counted(cluster, self.market.most))
        self.best: Counts | None = None
        self.bound = 0
        self.impossible = not all(_fits_somewhere(slot, everything, target) for slot in everything.types)
        self.cuts: list[_Cut] = []
        self.more = _cuts(everything, cluster, target, clock)
        self.refuted: list[Counts] = []
        self.open: list[Counts] = []

    def run(self) -> None:
        """Try the cheapest, then dearer ones until one is enough, then those between, while there is time."""
        floor, step, work = 0, PARAMETERS.sizing_step, self.clock.left() / 3
        while not self.impossible:
            self._cut(work)
            self._raise_bound()
            if self.impossible or self._proven() or self.clock.expired():
                return
            floor = max(floor, self.bound)
            counts = self._propose([*self.refuted, *self.open], floor).counts
            if counts is None:
                if floor == self.bound:
                    return
                floor, step = 0, PARAMETERS.sizing_step
                continue
            price = self.market.price(counts)
            before = self.clock.left()
            verdict = self._enough(counts)
            # as much for cuts as for a proposal: where that was quick, cuts are not what is missing
            work = before - self.clock.left()
            if verdict:
                self.best = counts
                floor = (self.bound + price) // 2
                continue
            (self.open if verdict is None else self.refuted).append(counts)
            if self.best is not None:
                floor = (price + self.market.price(self.best)) // 2
            else:
                most = self.market.price(self.market.most)
                floor, step = min(math.ceil(price * (1 + step)), most), 2 * step

    def result(self) -> Sizing:
        """Return what is known now."""
        price = self.market.price(self.best) if self.best is not None else 0
        return Sizing(
            self.best, Fraction(price, self.scale), Fraction(self.bound, self.scale), self.impossible
        )

    def _cut(self, work: float) -> None:
        """Take more cuts, for some seconds of work."""
        until = self.clock.left() - work
        while self.clock.left() > until and (cut := next(self.more, None)) is not None:
            self.cuts.append(cut)

    def _propose(self, excluded: Sequence[Counts], low: int) -> _Proposal:
        high = None if self.best is None else self.market.price(self.best) - 1
        return self.market.cheapest(self.cuts, excluded, low, high, self.clock)

    def _proven(self) -> bool:
        return self.best is not None and self.market.price(self.best) <= self.bound

    def _raise_bound(self) -> None:
        """Find what is not refuted at the least price: nothing cheaper is enough."""
        found = self._propose(self.refuted, self.bound)
        if not found.impossible:
            self.bound = max(self.bound, found.bound)
        elif self.best is not None:
            self.bound = self.market.price(self.best)
        else:
            self.impossible = True
        best = None if self.best is None else Fraction(self.market.price(self.best), self.scale)
        self.progress(best, Fraction(self.bound, self.scale))

    def _enough(self, counts: Counts) -> bool | None:
        """Tell whether so many TaskManagers are enough, None where that is not known in time."""
        part = Clock(
            replace(self.clock.stop, target=self.target),
            budget=self.clock.left() / PARAMETERS.sizing_shares,
            whole=self.clock,
        )
        problem = self.problem_of(counted(self.cluster, counts))
        result, _ = place_with_reserve(problem, part, objective=(Objective.CPU,))
        if result.solution is not None and result.levels[0].value <= self.target:
            return True
        # how many a cover takes is searched for: a bound is of one number of them
        bounded = problem.cover is None and result.bound.value > self.target
        return False if bounded or result.status is Status.INFEASIBLE else None


def _fits_somewhere(slot: SlotType, problem: Problem, target: Fraction) -> bool:
    """Tell whether an empty TaskManager of some class holds a slot within a utilisation."""
    return any(entry.can_hold(slot) and slot.load <= target * entry.cpu for entry in problem.classes)


@dataclass(frozen=True)
class _Cut:
    """What slots on a TaskManager of each class are worth at most; all together have to reach ``worth``."""

    each: Sequence[int]
    worth: int


@dataclass(frozen=True)
class _Market:
    """By class: the whole price, and how many there are at least and at most."""

    each: Sequence[int]
    least: Sequence[int]
    most: Sequence[int]

    def price(self, counts: Sequence[int]) -> int:
        return sum(price * count for price, count in zip(self.each, counts, strict=True))

    def cheapest(
        self, cuts: Sequence[_Cut], excluded: Sequence[Counts], low: int, high: int | None, clock: Clock
    ) -> _Proposal:
        """Return the cheapest counts within prices that no cut forbids, none of them within ``excluded``."""
        model = cp_model.CpModel()
        counts = [model.new_int_var(*bounds, "") for bounds in zip(self.least, self.most, strict=True)]
        for cut in cuts:
            model.add(cp_model.LinearExpr.weighted_sum(counts, list(cut.each)) >= cut.worth)
        for other in excluded:
            more = []
            for count, number, most in zip(counts, other, self.most, strict=True):
                if number < most:
                    more.append(model.new_bool_var(""))
                    model.add(count > number).only_enforce_if(more[-1])
            model.add_bool_or(more)
        price = cp_model.LinearExpr.weighted_sum(counts, list(self.each))
        model.add(price >= low)
        if high is not None:
            model.add(price <= high)
        model.minimize(price)
        solver = new_solver(clock, PARAMETERS.sizing_work, clock.stop.seed)
        solver.parameters.linearization_level = 2
        status = run(solver, model, clock)
        if status == cp_model.INFEASIBLE:
            return _Proposal(None, low, impossible=True)
        bound = max(low, math.ceil(solver.best_objective_bound - 1e-6))
        if status not in SOLVED:
            return _Proposal(None, bound)
        return _Proposal(tuple(solver.value(count) for count in counts), bound)


@dataclass(frozen=True)
class _Proposal:
    """The cheapest counts found, and a bound of their price; whether it is proven that there are none."""

    counts: Counts | None
    bound: int
    impossible: bool = False


def _cuts(problem: Problem, cluster: Cluster, target: Fraction, clock: Clock) -> Iterator[_Cut]:
    """Yield cuts of ever better prices, until no content is worth more than its TaskManager costs."""
    classes = cluster.spec.task_manager_classes
    entries = {
        problem.task_managers[tm].id: index
        for index, entry in enumerate(problem.classes)
        for tm in entry.members
    }
    entry_of = [entries.get(names[0]) if (names := class_ids(entry)) else None for entry in classes]
    sold = {index: number for number, index in enumerate(entry_of) if index is not None}
    more = [class_count(classes[sold[e]]) if e in sold else 0 for e in range(len(problem.classes))]
    there = [len(entry.members) - count for entry, count in zip(problem.classes, more, strict=True)]
    known = prices(classes)
    dearer = 2 * max([1.0, *map(float, known)])
    master = Master(problem, there, [dearer] * len(problem.types))
    for index, number in sold.items():
        master.buy(index, more[index], float(known[number]))
    caps = [target.numerator * entry.cpu // target.denominator for entry in problem.classes]
    pricing = [Pricing(problem, entry, cap) for entry, cap in zip(problem.classes, caps, strict=True)]
    seen: list[set[Content]] = [set() for _ in problem.classes]
    grown, gap = True, PARAMETERS.sizing_pricing_gap
    while (grown or gap) and not clock.expired():
        gap = gap if grown else 0.0
        _, slots, task_managers = master.solve()
        clock.charge(PARAMETERS.work_of_lp)
        scale = PARAMETERS.price_scale / max([*slots, 1e-9])
        whole = [round(price * scale) for price in slots]
        most, grown = [], False
        for index in range(len(problem.classes)):
            found = pricing[index].best(whole, clock, gap, PARAMETERS.sizing_pricing_work)
            if found is None:
                return
            content, upper = found
            most.append(upper)
            worth = sum(price * count for price, count in zip(whole, content, strict=True))
            if worth > task_managers[index] * scale + 1 and content not in seen[index]:
                seen[index].add(content)
                master.add(index, content)
                grown = True
        total = sum(price * slot.count for price, slot in zip(whole, problem.types, strict=True))
        total -= sum(number * upper for number, upper in zip(there, most, strict=True))
        yield _Cut([0 if index is None else most[index] for index in entry_of], total)
