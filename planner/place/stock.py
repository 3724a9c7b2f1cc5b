"""What stock Flink would do with the same slots and TaskManagers.

The ResourceManager goes through TaskManagers in the order of random instance ids, and which slot of a
profile gets which subtasks is random too: one order is one possible outcome, and the figures here
are over several orders drawn from a seed. How many slots a TaskManager has is no limit under
fine-grained resources, so it is none here.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planner.place.allocation import Amounts, Manager, Mode, Requirement, Rules, allocate
from planner.place.problem import Problem, Solution
from planner.place.slots import JobSlot

ORDERS = 9
LARGE = 10_000
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Prediction:
    """The highest CPU utilisation under a mode: median and range over orders; None where nothing fits."""

    median: Fraction | None
    lowest: Fraction | None
    highest: Fraction | None


def predict(problem: Problem, slots: Sequence[JobSlot], mode: Mode, seed: int) -> Prediction:
    """Return the highest CPU utilisation that stock Flink reaches under ``mode``, over several orders."""
    rng = random.Random(seed)
    values = []
    for _ in range(min(max(LARGE // max(len(slots), 1), 1), ORDERS)):
        placed = outcome(problem, slots, mode, rng)
        if placed is not None:
            values.append(
                max(
                    (
                        Fraction(sum(slot.load for slot in held), problem.cpu(host) * problem.grain)
                        for host, held in placed.items()
                    ),
                    default=Fraction(0),
                )
            )
    if not values:
        return Prediction(None, None, None)
    return Prediction(statistics.median_low(values), min(values), max(values))


def outcome(
    problem: Problem, slots: Sequence[JobSlot], mode: Mode, rng: random.Random
) -> dict[int, list[JobSlot]] | None:
    """Return one possible outcome: the slots of every TaskManager, None where not all find room.

    Groups of equal resources are one requirement to Flink, whose slots are alike.
    """
    demand_of = {entry.group: _amounts(problem, entry.demand) for entry in problem.types}
    by_demand: dict[Amounts, list[JobSlot]] = defaultdict(list)
    for slot in slots:
        by_demand[demand_of[slot.group]].append(slot)
    order = list(problem.usable)
    rng.shuffle(order)
    totals = {
        index: _amounts(problem, [UNLIMITED if limit is None else limit for limit in entry.limits])
        for index, entry in enumerate(problem.classes)
    }
    managers = [Manager(totals[problem.class_of[host]], (), memory_parts=1) for host in order]
    wanted = [Requirement(demand, len(found)) for demand, found in by_demand.items()]
    given = allocate(managers, wanted, Rules(mode))
    if given.unfulfillable:
        return None
    held = _hand_out(given.registered, by_demand, mode, rng)
    return dict(zip(order, held, strict=True))


def _amounts(problem: Problem, amounts: Sequence[int]) -> Amounts:
    """Return cpu, memory and all that Flink looks at besides: not how many slots there are."""
    slots = problem.resources.index("slots")
    return (*amounts[:slots], *amounts[slots + 1 :])


def solution(problem: Problem, placed: Mapping[int, Sequence[JobSlot]]) -> Solution:
    """Return an outcome as counts by slot type."""
    number = {(t.group, t.load): index for index, t in enumerate(problem.types)}
    counts = {}
    for host in problem.usable:
        held = Counter(number[slot.group, slot.load // problem.grain] for slot in placed[host])
        counts[host] = tuple(held[index] for index in range(len(problem.types)))
    return Solution(counts)


def _hand_out(
    given: Sequence[Counter[Amounts]],
    by_demand: Mapping[Amounts, Sequence[JobSlot]],
    mode: Mode,
    rng: random.Random,
) -> list[list[JobSlot]]:
    """Return the slots of every TaskManager after Flink put the job's slots into those it allocated."""
    held: list[list[JobSlot]] = [[] for _ in given]
    if mode is not Mode.TASKS:
        for demand, slots in by_demand.items():
            places = [row for row, counts in enumerate(given) for _ in range(counts[demand])]
            rng.shuffle(places)
            for slot, row in zip(slots, places, strict=True):
                held[row].append(slot)
        return held
    tasks = [0] * len(given)
    free = [Counter(counts) for counts in given]
    # tasks only grow, so a heap entry that is out of date is put back with its new number
    queues = {
        demand: [(0, row) for row, counts in enumerate(given) if counts[demand]] for demand in by_demand
    }
    requests = [(demand, slot) for demand, slots in by_demand.items() for slot in slots]
    for demand, slot in sorted(requests, key=lambda request: -len(request[1].subtasks)):
        queue = queues[demand]
        while queue[0][0] != tasks[queue[0][1]] or not free[queue[0][1]][demand]:
            _, row = heapq.heappop(queue)
            if free[row][demand]:
                heapq.heappush(queue, (tasks[row], row))
        row = queue[0][1]
        tasks[row] += len(slot.subtasks)
        held[row].append(slot)
        free[row][demand] -= 1
    return held
