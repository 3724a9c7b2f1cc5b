"""The cheapest TaskManagers: how many of each class a job takes, and a bound of what that costs.

An integer program over how many there are of each class proposes the cheapest ones; the search for a
placement finds one on them that is within a utilisation, or proves that there is none, or runs out of time.
What it refutes is not proposed again, and neither is anything smaller. Before that, contents of TaskManagers
are bought one after the other: that is cheap already, and mostly a placement by itself.

Prices of slots make the proposals good (`bounds/worth.py`): those of a linear program over contents, and for
each proposal those that forbid it, where there are such. See Hooker and Ottosson (2003) for the scheme.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import le
from random import Random

from ortools.sat.python import cp_model

from planner.documents.cluster import Cluster
from planner.place.bounds.worth import Cut, Offer, Worth
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.model.contents import Pool
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem, SlotType, Solution
from planner.place.model.task_managers import class_count, class_ids
from planner.place.parameters import PARAMETERS
from planner.place.pods import Pods
from planner.place.reserve import place_with_reserve
from planner.place.result import Status
from planner.place.search.purchase import Bought, buy
from planner.place.search.state import State
from planner.place.sizing_plan import Counts, Sizing, counted, prices, whole_prices


def cheapest(
    cluster: Cluster,
    problem_of: Callable[[Cluster], Problem],
    target: Fraction,
    clock: Clock,
    progress: Callable[[Fraction | None, Fraction], None] = lambda *_: None,
    pods: Pods | None = None,
) -> Sizing:
    """Return the cheapest TaskManagers on which a placement has no utilisation above ``target``.

    Of each class there are at least ``min`` and at most ``max``, or ``count``. ``problem_of`` makes the
    problem of a job on a cluster. Without any price each TaskManager costs one. ``pods`` says where they have
    to fit, by the classes of the cluster.

    Raises:
        TooManyNodes: when there are more nodes than the search is meant for.

    """
    search = _Search(cluster, problem_of, target, clock, progress, pods)
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
        pods: Pods | None,
    ) -> None:
        classes = cluster.spec.task_manager_classes
        self.cluster, self.problem_of, self.target = cluster, problem_of, target
        self.clock, self.progress = clock, progress
        known = prices(classes)
        self.scale = whole_prices(known)
        least = [entry.min or 0 if entry.count is None else 0 for entry in classes]
        self.market = _Market(
            [int(price * self.scale) for price in known],
            least,
            [class_count(entry) for entry in classes],
            pods,
        )
        self.everything = problem_of(counted(cluster, self.market.most)).within(target)
        self.sold = _sold(self.everything, cluster)
        self.pool = Pool.empty(self.everything)
        self.random = Random(clock.stop.seed)
        self.best: Counts | None = None
        self.solution: Solution | None = None
        self.bound = 0
        self.impossible = not all(
            _fits_somewhere(slot, self.everything, target) for slot in self.everything.types
        )
        self.worth = Worth(self.everything, self._caps(), self.pool, clock)
        self.cuts: list[Cut] = []
        self.refuted: list[Counts] = []
        self.open: list[Counts] = []

    def run(self) -> None:
        """Try the cheapest, then dearer ones until one is enough, then those between, while there is time."""
        floor, step, buying = 0, PARAMETERS.sizing_step, 0.0
        self._cut(self.clock.left() / 3)
        while not self.impossible:
            self._raise_bound()
            self._buy(buying)
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
            verdict, solution = self._enough(counts)
            buying = before - self.clock.left()
            if verdict:
                self.best, self.solution = counts, solution
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
        bound = Fraction(self.bound, self.scale)
        return Sizing(self.best, Fraction(price, self.scale), bound, self.impossible, self.solution)

    def _cut(self, work: float) -> None:
        """Take the cuts of what it takes to buy all TaskManagers, for some seconds of work."""
        until = self.clock.left() - work
        for cut in self.worth.of_purchases(self._offers([0] * len(self.market.least))):
            self.cuts.append(self._sold_cut(cut))
            if self.clock.left() <= until:
                return

    def _sold_cut(self, cut: Cut) -> Cut:
        """Return a cut by what is sold, less what is there anyway."""
        there = sum(
            offer.there * each
            for offer, each in zip(self._offers([0] * len(self.market.least)), cut.each, strict=True)
        )
        by_number = {number: cut.each[index] for index, number in self.sold.items()}
        return Cut([by_number.get(number, 0) for number in range(len(self.market.each))], cut.worth - there)

    def _offers(self, least: Sequence[int]) -> list[Offer]:
        """Return what there is of each class of the problem, with the ``least`` of each as there anyway."""
        offers = []
        for index, entry in enumerate(self.everything.classes):
            number = self.sold.get(index)
            if number is None:
                offers.append(Offer(len(entry.members), 0, 0))
            else:
                most, price = self.market.most[number], self.market.each[number]
                offers.append(Offer(len(entry.members) - most + least[number], most - least[number], price))
        return offers

    def _caps(self) -> list[int]:
        """Return the highest load of each class of the problem."""
        return self.everything.caps(self.target)

    def _buy(self, work: float) -> None:
        """Buy TaskManagers once, and again for some seconds of work."""
        until = self.clock.left() - work
        while not self.impossible and not self._proven() and not self.clock.expired():
            self._buy_once()
            if self.clock.left() <= until:
                return

    def _buy_once(self) -> None:
        """Buy TaskManagers content by content, and keep them where they are enough and cheaper."""
        offers = self._offers(self.market.least)
        bought = self._bought(offers)
        if bought is None:
            return
        used = Counter(index for index, _ in bought)
        more = list(self.market.least)
        for index, number in self.sold.items():
            more[number] += max(used[index] - offers[index].there, 0)
        counts = tuple(more)
        if self.best is not None and self.market.price(counts) >= self.market.price(self.best):
            return
        if any(all(map(le, counts, other)) for other in [*self.refuted, *self.open]):
            return
        if self.market.pods is not None and not self.market.pods.allow(counts):
            return
        problem = self.problem_of(counted(self.cluster, counts))
        solution = self._placed(problem, bought)
        if solution is not None or (problem.open and self._enough(counts)[0]):
            self.best, self.solution = counts, solution

    def _bought(self, offers: Sequence[Offer]) -> list[Bought] | None:
        part = self.clock.part(self.clock.left() / PARAMETERS.sizing_shares)
        return buy(self.everything, offers, self._caps(), self.pool, part, self.random)

    def _placed(self, problem: Problem, bought: Sequence[Bought]) -> Solution | None:
        """Return what was bought as a placement of a problem with so many TaskManagers, if it is one."""
        if problem.open:
            return None
        number_of = {problem.task_managers[tm].id: tm for tm in problem.usable}
        counts = dict.fromkeys(problem.usable, (0,) * len(problem.types))
        free = [
            [
                number_of[name]
                for tm in reversed(entry.members)
                if (name := self.everything.task_managers[tm].id) in number_of
            ]
            for entry in self.everything.classes
        ]
        for index, content in bought:
            if not free[index]:
                return None
            counts[free[index].pop()] = content
        solution = Solution(counts)
        state = State.from_solution(problem.within(self.target), solution)
        caps = state.caps(self.target.numerator, self.target.denominator)
        apart = all((state.counts[:, [a, b]].min(axis=1) == 0).all() for a, b in problem.rivals)
        placed = (state.counts.sum(axis=0) == state.copies).all()
        good = placed and apart and state.within_limits().all() and (state.load <= caps).all()
        return solution if good else None

    def _propose(self, excluded: Sequence[Counts], low: int) -> _Proposal:
        """Return the cheapest counts of at least a price that neither are excluded nor worth too little."""
        high = None if self.best is None else self.market.price(self.best) - 1
        until = self.clock.left() * (1 - 1 / PARAMETERS.sizing_shares)
        while True:
            found = self.market.cheapest(self.cuts, excluded, low, high, self.clock)
            if found.counts is None or self.clock.left() <= until:
                return found
            cut = self.worth.against([offer.there for offer in self._offers(found.counts)])
            if cut is None:
                return found
            self.cuts.append(self._sold_cut(cut))

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

    def _enough(self, counts: Counts) -> tuple[bool | None, Solution | None]:
        """Tell whether so many TaskManagers are enough, None where that is not known in time.

        The solution is that of a problem in which nothing else is to be chosen.
        """
        part = Clock(
            replace(self.clock.stop, target=self.target),
            budget=self.clock.left() / PARAMETERS.sizing_shares,
            whole=self.clock,
        )
        problem = self.problem_of(counted(self.cluster, counts))
        there = [replace(offer, more=0) for offer in self._offers(counts)]
        if not problem.open and (bought := self._bought(there)):
            solution = self._placed(problem, bought)
            if solution is not None:
                return True, solution
        result, _ = place_with_reserve(problem, part, objective=(Objective.CPU,))
        if result.solution is not None and result.levels[0].value <= self.target:
            return True, None if problem.open else result.solution
        # how many a cover takes is searched for: a bound is of one number of them
        bounded = problem.cover is None and result.bound.value > self.target
        return (False if bounded or result.status is Status.INFEASIBLE else None), None


def _fits_somewhere(slot: SlotType, problem: Problem, target: Fraction) -> bool:
    """Tell whether an empty TaskManager of some class holds a slot within a utilisation."""
    return any(entry.can_hold(slot) and slot.load <= target * entry.cpu for entry in problem.classes)


@dataclass(frozen=True)
class _Market:
    """By class: the whole price, and how many there are at least and at most."""

    each: Sequence[int]
    least: Sequence[int]
    most: Sequence[int]
    pods: Pods | None = None

    def price(self, counts: Sequence[int]) -> int:
        return sum(price * count for price, count in zip(self.each, counts, strict=True))

    def cheapest(
        self, cuts: Sequence[Cut], excluded: Sequence[Counts], low: int, high: int | None, clock: Clock
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
        if self.pods is not None:
            self.pods.constrain(model, counts)
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


def _sold(problem: Problem, cluster: Cluster) -> dict[int, int]:
    """Return which classes of a problem are those of a cluster that may be bought, both by their number."""
    index_of = {
        problem.task_managers[tm].id: index
        for index, entry in enumerate(problem.classes)
        for tm in entry.members
    }
    found = {}
    for number, entry in enumerate(cluster.spec.task_manager_classes):
        names = class_ids(entry)
        if names and names[0] in index_of:
            found[index_of[names[0]]] = number
    return found
