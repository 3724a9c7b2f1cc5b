"""What stock Flink would do with the same job and TaskManagers.

The ResourceManager goes through TaskManagers in the order of random instance ids, and which slot of a
profile gets which subtasks is random too: one order is one possible outcome, and the figures here
are over several orders drawn from a seed. A group to which the program gives no resources asks for
default slots, the n-th part of a TaskManager of n slots; how many slots of given resources a
TaskManager may have is no limit to Flink, so it is none here.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import JobType
from planner.errors import PlannerError
from planner.graph.job_graph import JobGraph
from planner.graph.slot_sharing import local_input_preferred, task_balanced
from planner.place.model.problem import NO_LIMIT, Problem, Solution, TaskManagerClass
from planner.place.model.slots import JobSlot, highest, job_slots
from planner.place.parameters import PARAMETERS
from planner.place.stock.allocation import (
    UNKNOWN,
    Amounts,
    Mode,
    OpenTaskManager,
    Requirement,
    Rules,
    allocate,
)


class NoRoom(PlannerError):
    """Flink's own scheduler does not find a slot for everything in the order of TaskManagers drawn."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The highest CPU utilisation under a mode: median and range over orders; None where nothing fits."""

    median: Fraction | None
    lowest: Fraction | None
    highest: Fraction | None


def default_slots(profile: ResourceProfile, problem: Problem) -> frozenset[str]:
    """Return the groups that ask stock Flink for default slots: those whose program gives no resources.

    What a default slot is follows from the number of slots; where the cluster does not tell it of every
    TaskManager, each group is taken to ask for the resources of its profile.
    """
    slots = problem.resources.index("slots")
    if profile.planner is None or any(entry.limits[slots] is None for entry in problem.classes):
        return frozenset()
    declared = {group.name for group in profile.planner.compiled_groups or ()}
    return frozenset({node.profile.group for node in profile.nodes} - declared)


def stock_slots(profile: ResourceProfile, job: JobGraph, mode: Mode) -> list[JobSlot]:
    """Return the slots of the job as Flink composes them under ``mode``."""
    balanced = effective(mode, job) is Mode.TASKS
    return job_slots(profile, job, task_balanced if balanced else local_input_preferred)


def effective(mode: Mode, job: JobGraph) -> Mode:
    """Return what a mode is for a job: balancing of tasks is for streaming jobs only."""
    return Mode.NONE if mode is Mode.TASKS and job.type is JobType.BATCH else mode


def steps(problem: Problem, slots: int) -> int:
    """Return how many steps one order of TaskManagers takes: each request goes through all of them."""
    return slots + len(problem.types) * len(problem.usable)


def orders(problem: Problem, slots: int) -> int:
    """Return in how many orders Flink's scheduler is followed, fewer where one takes long."""
    return min(max(PARAMETERS.flink_steps // max(steps(problem, slots), 1), 1), PARAMETERS.flink_orders)


def predict(
    problem: Problem,
    slots: Sequence[JobSlot],
    mode: Mode,
    seed: int,
    default: frozenset[str] = frozenset(),
) -> Prediction:
    """Return the highest CPU utilisation that stock Flink reaches under ``mode``, over several orders."""
    rng = random.Random(seed)
    values = []
    for _ in range(orders(problem, len(slots))):
        placed = outcome(problem, slots, mode, rng, default)
        if placed is not None:
            values.append(
                max(
                    (Fraction(highest(held), problem.cpu(tm) * problem.grain) for tm, held in placed.items()),
                    default=Fraction(0),
                )
            )
    if not values:
        return Prediction(None, None, None)
    return Prediction(statistics.median_low(values), min(values), max(values))


_Given = Mapping[Amounts | None, Sequence[int]]
"""How many slots each request gets on every TaskManager."""


def outcome(
    problem: Problem,
    slots: Sequence[JobSlot],
    mode: Mode,
    rng: random.Random,
    default: frozenset[str] = frozenset(),
) -> dict[int, list[JobSlot]] | None:
    """Return one possible outcome: the slots of every TaskManager, None where not all find room.

    Groups of equal resources are one requirement to Flink, whose slots are alike; so are the groups in
    ``default``, which ask for default slots.
    """
    demand_of = {entry.group: UNKNOWN if entry.group in default else entry.demand for entry in problem.types}
    by_demand: dict[Amounts | None, list[JobSlot]] = defaultdict(list)
    for slot in slots:
        by_demand[demand_of[slot.group]].append(slot)
    order = list(problem.usable)
    rng.shuffle(order)
    binding = _binding(problem)
    offered = [_offered(problem, entry, binding) for entry in problem.classes]
    task_managers = [OpenTaskManager(*offered[problem.class_of[tm]], memory_parts=1) for tm in order]
    given: dict[Amounts | None, list[int]] = {}
    for demand, wanted in by_demand.items():
        before = [tm.slots for tm in task_managers]
        asked = UNKNOWN if demand is UNKNOWN else tuple([demand[r] for r in binding])
        if allocate(task_managers, [Requirement(asked, len(wanted))], Rules(mode)).unfulfillable:
            return None
        given[demand] = [tm.slots - had for tm, had in zip(task_managers, before, strict=True)]
    held = _hand_out(len(task_managers), given, by_demand, mode, rng)
    return dict(zip(order, held, strict=True))


def _binding(problem: Problem) -> list[int]:
    """Return the resources that Flink looks at, without those that nowhere have a limit."""
    cpu_and_memory, slots = (0, 1), problem.resources.index("slots")
    limited = [
        any(entry.limits[r] is not None for entry in problem.classes) for r in range(len(problem.resources))
    ]
    return [r for r, limit in enumerate(limited) if r in cpu_and_memory or (limit and r != slots)]


def _offered(problem: Problem, entry: TaskManagerClass, binding: Sequence[int]) -> tuple[Amounts, Amounts]:
    """Return what a TaskManager of a class offers, and its default slot: the n-th part of that."""
    slots = entry.limits[problem.resources.index("slots")] or 1
    limits = [entry.limits[r] for r in binding]
    total = tuple(int(NO_LIMIT) if limit is None else limit for limit in limits)
    return total, tuple(amount // slots for amount in total)


def solution(problem: Problem, placed: Mapping[int, Sequence[JobSlot]]) -> Solution:
    """Return an outcome as counts by slot type."""
    counts = {}
    for tm in problem.usable:
        held = Counter(problem.number_of[problem.key_of(slot)] for slot in placed[tm])
        counts[tm] = tuple(held[index] for index in range(len(problem.types)))
    return Solution(counts)


def _hand_out(
    task_managers: int,
    given: _Given,
    by_demand: Mapping[Amounts | None, Sequence[JobSlot]],
    mode: Mode,
    rng: random.Random,
) -> list[list[JobSlot]]:
    """Return the slots of every TaskManager after Flink put the job's slots into those it allocated."""
    held: list[list[JobSlot]] = [[] for _ in range(task_managers)]
    if mode is not Mode.TASKS:
        for demand, slots in by_demand.items():
            places = [row for row, count in enumerate(given[demand]) for _ in range(count)]
            rng.shuffle(places)
            for slot, row in zip(slots, places, strict=True):
                held[row].append(slot)
        return held
    tasks = [0] * task_managers
    free = {demand: list(counts) for demand, counts in given.items()}
    # tasks only grow, so a heap entry that is out of date is put back with its new number
    queues = {
        demand: [(0, row) for row, count in enumerate(counts) if count] for demand, counts in given.items()
    }
    requests = [(demand, slot) for demand, slots in by_demand.items() for slot in slots]
    for demand, slot in sorted(requests, key=lambda request: -len(request[1].subtasks)):
        queue, left = queues[demand], free[demand]
        while queue[0][0] != tasks[queue[0][1]] or not left[queue[0][1]]:
            _, row = heapq.heappop(queue)
            if left[row]:
                heapq.heappush(queue, (tasks[row], row))
        row = queue[0][1]
        tasks[row] += len(slot.subtasks)
        held[row].append(slot)
        left[row] -= 1
    return held
