"""What stock Flink would do with the same slots and TaskManagers (`DefaultResourceAllocationStrategy`).

Flink goes through TaskManagers in the order of random instance ids, so one order is one possible
outcome; the figures here are over several orders drawn from a seed.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from planner.place.problem import Problem
from planner.place.slots import JobSlot

ORDERS = 9
LARGE = 10_000


class Mode(StrEnum):
    """Values of ``taskmanager.load-balance.mode``."""

    NONE = "none"
    SLOTS = "slots"
    MIN_RESOURCES = "minResources"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The highest CPU utilisation under a mode: median and range over orders; None where nothing fits."""

    median: Fraction | None
    lowest: Fraction | None
    highest: Fraction | None


@dataclass
class _TaskManager:
    """A TaskManager while slots are being cut from it."""

    limits: tuple[int | None, ...]
    used: list[int]
    utilisation: float = 0.0
    """The larger share of cpu and memory, the first two resources, as Flink compares them."""

    def fits(self, demand: Sequence[int]) -> bool:
        for used, need, limit in zip(self.used, demand, self.limits, strict=True):
            if limit is not None and used + need > limit:
                return False
        return True

    def room(self, demand: Sequence[int]) -> int:
        return min(
            (limit - used) // need
            for used, need, limit in zip(self.used, demand, self.limits, strict=True)
            if need and limit is not None
        )

    def take(self, demand: Sequence[int], copies: int = 1) -> None:
        self.used = [used + need * copies for used, need in zip(self.used, demand, strict=True)]
        shares = (used / limit for used, limit in zip(self.used[:2], self.limits[:2], strict=True) if limit)
        self.utilisation = max(shares, default=0.0)


class JavaPriorityQueue:
    """``java.util.PriorityQueue`` of numbers by their ``keys``: a binary heap with ties as Java's do."""

    def __init__(self, keys: Sequence[float]) -> None:
        self._keys = keys
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, item: int) -> None:
        """Insert ``item`` (siftUp)."""
        heap, keys = self._heap, self._keys
        heap.append(item)
        k = len(heap) - 1
        while k and keys[item] < keys[heap[(k - 1) >> 1]]:
            heap[k] = heap[(k - 1) >> 1]
            k = (k - 1) >> 1
        heap[k] = item

    def poll(self) -> int:
        """Remove and return the least item (siftDown)."""
        heap, keys = self._heap, self._keys
        first, last = heap[0], heap.pop()
        if heap:
            k, half = 0, len(heap) >> 1
            while k < half:
                child = 2 * k + 1
                if child + 1 < len(heap) and keys[heap[child]] > keys[heap[child + 1]]:
                    child += 1
                if keys[last] <= keys[heap[child]]:
                    break
                heap[k] = heap[child]
                k = child
            heap[k] = last
        return first


def allocate(
    mode: Mode, task_managers: list[_TaskManager], demands: Sequence[tuple[Sequence[int], int]]
) -> list[list[int]] | None:
    """Return how many slots of each demand Flink takes from each TaskManager, None if some do not fit."""
    counts = [[0] * len(demands) for _ in task_managers]
    for kind, (demand, count) in enumerate(demands):
        left = count
        if mode in (Mode.NONE, Mode.TASKS):
            for row, manager in enumerate(task_managers):
                copies = min(left, manager.room(demand))
                if copies:
                    manager.take(demand, copies)
                    counts[row][kind] += copies
                    left -= copies
                if not left:
                    break
        else:
            sign = 1 if mode is Mode.SLOTS else -1
            keys = [sign * manager.utilisation for manager in task_managers]
            queue = JavaPriorityQueue(keys)
            for row in range(len(task_managers)):
                queue.add(row)
            while left and len(queue):
                row = queue.poll()
                manager = task_managers[row]
                if not manager.fits(demand):
                    continue
                manager.take(demand)
                keys[row] = sign * manager.utilisation
                counts[row][kind] += 1
                left -= 1
                if manager.fits(demand):
                    queue.add(row)
        if left:
            return None
    return counts


def predict(problem: Problem, slots: Sequence[JobSlot], mode: Mode, seed: int) -> Prediction:
    """Return the highest CPU utilisation that stock Flink reaches under ``mode``, over several orders."""
    by_group: dict[str, list[JobSlot]] = defaultdict(list)
    for slot in slots:
        by_group[slot.group].append(slot)
    demand_of = {entry.group: entry.demand for entry in problem.types}
    requests = [(demand_of[group], len(found)) for group, found in by_group.items()]
    rng = random.Random(seed)
    values: list[Fraction] = []
    for _ in range(min(max(LARGE // max(len(slots), 1), 1), ORDERS)):
        order = list(problem.usable)
        rng.shuffle(order)
        managers = [
            _TaskManager(problem.classes[problem.class_of[h]].limits, [0] * len(problem.resources))
            for h in order
        ]
        counts = allocate(mode, managers, requests)
        if counts is None:
            continue
        loads = _hand_out(counts, list(by_group.values()), mode, rng)
        values.append(
            max(Fraction(load, problem.cpu(h) * problem.grain) for load, h in zip(loads, order, strict=True))
        )
    if not values:
        return Prediction(None, None, None)
    return Prediction(statistics.median_low(values), min(values), max(values))


def _hand_out(
    counts: list[list[int]], groups: list[list[JobSlot]], mode: Mode, rng: random.Random
) -> list[int]:
    """Return the CPU load of every TaskManager after Flink put the job's slots into those it allocated."""
    loads = [0] * len(counts)
    tasks = [0] * len(counts)
    free = [row[:] for row in counts]
    if mode is not Mode.TASKS:
        for kind, slots in enumerate(groups):
            places = [row for row in range(len(counts)) for _ in range(counts[row][kind])]
            rng.shuffle(places)
            for slot, row in zip(slots, places, strict=True):
                loads[row] += slot.load
        return loads
    requests = [(kind, slot) for kind, slots in enumerate(groups) for slot in slots]
    # tasks only grow, so a heap entry that is out of date is put back with its new number
    queues = [[(0, row) for row in range(len(counts)) if counts[row][kind]] for kind in range(len(groups))]
    for kind, slot in sorted(requests, key=lambda request: -len(request[1].subtasks)):
        queue = queues[kind]
        while queue[0][0] != tasks[queue[0][1]] or not free[queue[0][1]][kind]:
            _, row = heapq.heappop(queue)
            if free[row][kind]:
                heapq.heappush(queue, (tasks[row], row))
        row = queue[0][1]
        tasks[row] += len(slot.subtasks)
        loads[row] += slot.load
        free[row][kind] -= 1
    return loads
