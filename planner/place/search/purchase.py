"""TaskManagers bought content by content: a cheap purchase, and what stands on each.

A linear program over contents is solved for the slots that are left. Its contents are taken as often as they
are whole, or the one that is most nearly whole is taken, until no slot is left; what stands on the last
few TaskManagers is put together again by CP-SAT. See Wäscher and Gau (1996), who round cutting patterns so.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import numpy as np
from ortools.sat.python import cp_model

from planner.place.bounds.patterns import Master, Pricing
from planner.place.bounds.worth import Offer
from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, new_solver, run
from planner.place.model.contents import Content, Pool
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS
from planner.place.search.state import State

WHOLE = 1e-6
"""How far from a whole number a solution of a linear program may be and still count as one."""

Bought = tuple[int, Content]
"""A TaskManager of a class of the problem, by its number, and what stands on it."""


def bill(offers: Sequence[Offer], used: Mapping[int, int]) -> int:
    """Return what so many TaskManagers of each class cost."""
    return sum(offer.price * max(used.get(index, 0) - offer.there, 0) for index, offer in enumerate(offers))


def buy(
    problem: Problem, offers: Sequence[Offer], caps: Sequence[int], pool: Pool, clock: Clock, random: Random
) -> list[Bought] | None:
    """Return TaskManagers that hold all slots and cost little, None where that came to no end.

    ``caps`` is the highest load of each class, ``pool`` has contents to begin with and gets those that are
    found. ``random`` sways what is taken, so that another one buys otherwise; constraints other than limits
    and rivals are not looked at.
    """
    left = [slot.count for slot in problem.types]
    bought: list[Bought] = []
    while any(left):
        taken = _taken(problem, _left_of(offers, bought), caps, left, pool, clock, random)
        if not taken:
            return None
        for index, content in taken:
            held = tuple(min(pair) for pair in zip(content, left, strict=True))
            if any(held):
                bought.append((index, held))
                left = [before - count for before, count in zip(left, held, strict=True)]
    return _put_together(problem, offers, caps, bought, clock)


def fill(problem: Problem, caps: Sequence[int], pool: Pool, clock: Clock, random: Random) -> State | None:
    """Return all slots on the TaskManagers of a problem, none above its class's cap; None where that fails.

    It is `buy` where there is nothing to buy.
    """
    there = [Offer(len(entry.members), 0, 0) for entry in problem.classes]
    bought = buy(problem, there, caps, pool, clock, random)
    if bought is None:
        return None
    state = State(problem)
    row_of = {tm: row for row, tm in enumerate(state.task_managers)}
    empty = [[row_of[tm] for tm in reversed(entry.members)] for entry in problem.classes]
    counts = np.zeros((len(state.cpu), state.types), dtype=np.int64)
    for index, content in bought:
        counts[empty[index].pop()] = content
    state.set(counts)
    return state


def _left_of(offers: Sequence[Offer], bought: Sequence[Bought]) -> list[Offer]:
    """Return what there still is."""
    used = Counter(index for index, _ in bought)
    return [
        Offer(max(offer.there - used[index], 0), offer.more - max(used[index] - offer.there, 0), offer.price)
        for index, offer in enumerate(offers)
    ]


def _taken(
    problem: Problem,
    offers: Sequence[Offer],
    caps: Sequence[int],
    left: Sequence[int],
    pool: Pool,
    clock: Clock,
    random: Random,
) -> list[Bought]:
    """Return the next TaskManagers to take for the slots that are left; none where no program is solved."""
    rest = replace(
        problem,
        types=tuple(replace(slot, count=count) for slot, count in zip(problem.types, left, strict=True)),
    )
    highest = max([1, *(offer.price for offer in offers)])
    master = Master(rest, [offer.there for offer in offers], [2.0] * len(left))
    open_ = [index for index, offer in enumerate(offers) if offer.there or offer.more]
    for index in open_:
        master.buy(index, offers[index].more, offers[index].price / highest)
        for content in dict.fromkeys(tuple(map(min, one, left)) for one in pool.contents[index]):
            master.add(index, content)
    pricing = {index: Pricing(rest, rest.classes[index], caps[index]) for index in open_}
    for _ in range(PARAMETERS.purchase_rounds):
        if clock.expired():
            return []
        solved = master.solve()
        clock.charge(PARAMETERS.work_of_lp)
        if solved is None:
            return []
        _, slots, task_managers = solved
        scale = PARAMETERS.price_scale / max([*slots, 1e-9])
        whole = [round(price * scale) for price in slots]
        grown = False
        for index in open_:
            found = pricing[index].best(
                whole, clock, PARAMETERS.sizing_pricing_gap, PARAMETERS.sizing_pricing_work
            )
            if found is None:
                continue
            (content, *_), _ = found
            worth = sum(price * count for price, count in zip(whole, content, strict=True))
            if worth > task_managers[index] * scale * (1 + WHOLE) + 1 and content not in pool.contents[index]:
                pool.contents[index][content] = None
                master.add(index, content)
                grown = True
        if not grown:
            break
    return _rounded(master.used(), offers, random) if master.solve() is not None else []


def _rounded(
    used: Sequence[tuple[int, Content, float]], offers: Sequence[Offer], random: Random
) -> list[Bought]:
    """Return contents as often as they are whole; where none is, the one that is most nearly whole."""
    room = [offer.there + offer.more for offer in offers]
    whole = [(index, content, int(times + WHOLE)) for index, content, times in used]
    taken = []
    for index, content, times in whole:
        times = min(times, room[index])
        room[index] -= times
        taken.extend([(index, content)] * times)
    if taken:
        return taken
    parts = [(times * random.uniform(*PARAMETERS.purchase_sway), i) for i, (*_, times) in enumerate(used)]
    if not parts or max(parts)[0] <= WHOLE:
        return []
    index, content, _ = used[max(parts)[1]]
    return [(index, content)]


def _put_together(
    problem: Problem, offers: Sequence[Offer], caps: Sequence[int], bought: list[Bought], clock: Clock
) -> list[Bought]:
    """Let CP-SAT choose the last TaskManagers again, with what stands on them, where that is cheaper."""
    kept, last = bought[: -PARAMETERS.purchase_last], bought[-PARAMETERS.purchase_last :]
    fixed = Counter(index for index, _ in kept)
    before = bill(offers, Counter(index for index, _ in bought))
    needed = [sum(counts) for counts in zip(*(content for _, content in last), strict=True)]
    model = cp_model.CpModel()
    rows = [_one(model, problem, caps, needed) for _ in range(len(last) + 1)]
    for chosen, following in itertools.pairwise(chosen for chosen, _ in rows):
        numbers = range(1, len(chosen) + 1)
        model.add(
            cp_model.LinearExpr.weighted_sum(chosen, numbers)
            >= cp_model.LinearExpr.weighted_sum(following, numbers)
        )
    for t, count in enumerate(needed):
        model.add(sum(counts[t] for _, counts in rows) == count)
    paid = []
    for index, offer in enumerate(offers):
        used = sum(chosen[index] for chosen, _ in rows) + fixed[index]
        more = model.new_int_var(0, offer.more, "")
        model.add(more >= used - offer.there)
        paid.append(more * offer.price)
    model.add(sum(paid) < before)
    model.minimize(sum(paid))
    solver = new_solver(clock, PARAMETERS.purchase_work, clock.stop.seed)
    solver.parameters.linearization_level = 2
    if run(solver, model, clock) not in SOLVED:
        return bought
    again = [
        (index, tuple(map(solver.value, counts)))
        for chosen, counts in rows
        for index, here in enumerate(chosen)
        if solver.value(here)
    ]
    return kept + [(index, content) for index, content in again if any(content)]


def _one(
    model: cp_model.CpModel, problem: Problem, caps: Sequence[int], needed: Sequence[int]
) -> tuple[list[cp_model.IntVar], list[cp_model.IntVar]]:
    """Add a TaskManager of any class, or of none; return which it is and its counts by type."""
    chosen = [model.new_bool_var("") for _ in problem.classes]
    model.add_at_most_one(chosen)
    counts = [model.new_int_var(0, count, "") for count in needed]
    rows: list[tuple[Sequence[int | None], list[int]]] = [(caps, [slot.load for slot in problem.types])]
    for r in range(len(problem.resources)):
        limits = [entry.limits[r] for entry in problem.classes]
        rows.append((limits, [slot.demand[r] for slot in problem.types]))
    for by_class, needs in rows:
        common = math.gcd(*needs)
        if common:
            all_of_it = sum(need // common * count for need, count in zip(needs, needed, strict=True))
            most = [all_of_it if limit is None else min(limit // common, all_of_it) for limit in by_class]
            model.add(
                cp_model.LinearExpr.weighted_sum(counts, [need // common for need in needs])
                <= cp_model.LinearExpr.weighted_sum(chosen, most)
            )
    for count in counts:
        model.add(count == 0).only_enforce_if([~here for here in chosen])
    for first, second in problem.rivals:
        alone = model.new_bool_var("")
        model.add(counts[first] == 0).only_enforce_if(alone)
        model.add(counts[second] == 0).only_enforce_if(~alone)
    return chosen, counts
