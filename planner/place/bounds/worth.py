"""What TaskManagers have to be worth together: cuts on how many there are of each class.

For whole prices p, all slots are worth sum(n_t p_t), and a TaskManager holds no more than its class's
max p(content), so that TaskManagers which hold less than that are too few. The prices are those of a linear
program over contents. See Gilmore and Gomory (1961), Farley (1990), and Hooker and Ottosson (2003) for cuts
that each proposal makes necessary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.place.bounds.patterns import Master, Pricing
from planner.place.clock import Clock
from planner.place.model.contents import Pool
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS


@dataclass(frozen=True, slots=True)
class Cut:
    """What slots on a TaskManager of each class are worth at most; all together have to reach ``worth``."""

    each: Sequence[int]
    worth: int

    def forbids(self, numbers: Sequence[int]) -> bool:
        """Tell whether so many TaskManagers of each class are too few."""
        return sum(each * number for each, number in zip(self.each, numbers, strict=True)) < self.worth


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is of a class: ``there`` for nothing, and up to ``more`` at a whole ``price`` each."""

    there: int
    more: int
    price: int


class Worth:
    """Makes cuts; ``pool`` gets the contents that are found on the way.

    ``caps`` is the highest load of a TaskManager of each class.
    """

    def __init__(self, problem: Problem, caps: Sequence[int], pool: Pool, clock: Clock) -> None:
        self.problem, self.pool, self.clock = problem, pool, clock
        self.pricing = [
            Pricing(problem, entry, cap) for entry, cap in zip(problem.classes, caps, strict=True)
        ]
        self.prices = [1.0] * len(problem.types)
        """What a slot of each type cost when TaskManagers were last bought, of the dearest one."""

    def of_purchases(self, offers: Sequence[Offer]) -> Iterator[Cut]:
        """Yield cuts of ever better prices, until no content is worth more than its TaskManager costs."""
        highest = max([1, *(offer.price for offer in offers)])
        master = Master(self.problem, [offer.there for offer in offers], [2.0] * len(self.problem.types))
        for index, offer in enumerate(offers):
            if offer.more:
                master.buy(index, offer.more, offer.price / highest)
        grown, gap = True, PARAMETERS.sizing_pricing_gap
        while (grown or gap) and not self.clock.expired():
            gap = gap if grown else 0.0
            solved = self._solved(master)
            if solved is None:
                return
            _, self.prices, task_managers = solved
            found = self._cut(master, self.prices, task_managers, gap)
            if found is None:
                return
            cut, grown = found
            yield cut

    def against(self, numbers: Sequence[int]) -> Cut | None:
        """Return a cut that forbids so many TaskManagers of each class, None where none is found."""
        dearest = max([*self.prices, 1e-9])
        missing = [max(price / dearest, PARAMETERS.least_price) for price in self.prices]
        master = Master(self.problem, numbers, missing)
        for index, contents in enumerate(self.pool.contents):
            for content in contents:
                master.add(index, content)
        enough = 1e-7 * sum(
            price * slot.count for price, slot in zip(missing, self.problem.types, strict=True)
        )
        grown, gap = True, PARAMETERS.sizing_pricing_gap
        while (grown or gap) and not self.clock.expired():
            gap = gap if grown else 0.0
            solved = self._solved(master)
            if solved is None or solved[0] <= enough:
                return None
            found = self._cut(master, solved[1], solved[2], gap)
            if found is None:
                return None
            cut, grown = found
            if cut.forbids(numbers):
                return cut
        return None

    def _solved(self, master: Master) -> tuple[float, list[float], list[float]] | None:
        solved = master.solve()
        self.clock.charge(PARAMETERS.work_of_lp)
        return solved

    def _cut(
        self, master: Master, slots: Sequence[float], task_managers: Sequence[float], gap: float
    ) -> tuple[Cut, bool] | None:
        """Return the cut of prices, and whether ``master`` got contents that are worth more than they cost.

        None where the dearest content of a class is not found in time.
        """
        scale = PARAMETERS.price_scale / max([*slots, 1e-9])
        whole = [round(price * scale) for price in slots]
        most, grown = [], False
        for index, contents in enumerate(self.pool.contents):
            found = self.pricing[index].best(whole, self.clock, gap, PARAMETERS.sizing_pricing_work)
            if found is None:
                return None
            (content, *_), upper = found
            most.append(upper)
            worth = sum(price * count for price, count in zip(whole, content, strict=True))
            if worth > task_managers[index] * scale + 1 and content not in contents:
                contents[content] = None
                master.add(index, content)
                grown = True
        total = sum(price * slot.count for price, slot in zip(whole, self.problem.types, strict=True))
        return Cut(most, total), grown
