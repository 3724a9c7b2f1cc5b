"""Slot allocation of Flink's ResourceManager, with new TaskManagers where it may start some.

What `DefaultResourceAllocationStrategy` and `SlotManagerUtils` of Flink 2.2 do, for one job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from planner.place.stock.java_queue import JavaPriorityQueue

Amounts = tuple[int, ...]
"""CPU first (10^-8 core), then memory parts in bytes, then external resources (10^-8)."""
UNKNOWN = None
"""A request for whatever the default slot of a TaskManager is."""


class Mode(StrEnum):
    """Values of ``taskmanager.load-balance.mode``."""

    NONE = "none"
    SLOTS = "slots"
    MIN_RESOURCES = "minResources"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Requirement:
    """As many slots of a profile, or of the default profile (``UNKNOWN``)."""

    profile: Amounts | None
    count: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A new TaskManager as Flink starts it; ``memory_parts`` of the amounts after CPU are memory."""

    total: Amounts
    slots: int
    memory_parts: int

    @property
    def default(self) -> Amounts:
        """The default slot: the n-th part of everything, rounded down."""
        return tuple(amount // self.slots for amount in self.total)

    def memory(self, amounts: Amounts) -> int:
        """Return the memory among amounts."""
        return sum(amounts[1 : 1 + self.memory_parts])


@dataclass(frozen=True, slots=True)
class Rules:
    """What the ResourceManager is configured to: new TaskManagers, spare ones, a minimum in total.

    Without a ``worker`` there are only the TaskManagers that are registered, as in a standalone cluster.
    """

    mode: Mode
    worker: Worker | None = None
    redundant: int = 0
    min_cpu: int = 0
    min_memory: int = 0


@dataclass
class OpenTaskManager:
    """A TaskManager while slots are being allocated on it."""

    total: Amounts
    default: Amounts
    memory_parts: int
    free: list[int] = field(default_factory=list)
    given: Counter[Amounts] = field(default_factory=Counter)
    slots: int = 0
    """How many slots were given."""
    utilisation: float = 0.0
    """The larger share of CPU and of all memory, as Flink compares them."""

    def __post_init__(self) -> None:
        self.free = self.free or list(self.total)
        self.utilisation = self._utilisation()

    def effective(self, profile: Amounts | None) -> Amounts:
        """Return what a request means here."""
        return self.default if profile is UNKNOWN else profile

    def room(self, profile: Amounts) -> int:
        """Return how many slots there is room for."""
        most = 2**31
        for free, need in zip(self.free, profile, strict=True):
            if need and free < need * most:
                most = free // need
        return most

    def give(self, profile: Amounts, copies: int = 1) -> None:
        """Take slots."""
        free = self.free
        for column, need in enumerate(profile):
            free[column] -= need * copies
        self.given[profile] += copies
        self.slots += copies
        self.utilisation = self._utilisation()

    def _utilisation(self) -> float:
        end = 1 + self.memory_parts
        cpu, memory = self.total[0], sum(self.total[1:end])
        return max(
            (cpu - self.free[0]) / cpu if cpu else 0.0,
            (memory - sum(self.free[1:end])) / memory if memory else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Allocation:
    """What Flink gives: slots of each profile by registered and by new TaskManager.

    ``unfulfillable`` tells that some request fits no TaskManager, not even an empty new one.
    """

    registered: tuple[Counter[Amounts], ...]
    pending: tuple[Counter[Amounts], ...]
    unfulfillable: bool


def allocate(
    task_managers: Sequence[OpenTaskManager], requirements: Sequence[Requirement], rules: Rules
) -> Allocation:
    """Return the slots that Flink allocates, going through ``task_managers`` in their order.

    Real Flink goes through them in the order of random ids, so one order is one possible outcome.
    """
    pending: list[OpenTaskManager] = []
    unfulfillable = False
    for requirement in requirements:
        left = _on_registered(task_managers, requirement, rules.mode)
        left = _first_fit(pending, requirement.profile, left)
        while left:
            new = _started(rules.worker)
            after = _first_fit([new], requirement.profile, left) if new else left
            if new is None or after == left:
                unfulfillable = True
                break
            pending.append(new)
            left = after
    if rules.worker is not None:
        _add_spare(task_managers, pending, rules, rules.worker)
    return Allocation(
        tuple(tm.given for tm in task_managers),
        tuple(tm.given for tm in pending),
        unfulfillable,
    )


def _started(worker: Worker | None) -> OpenTaskManager | None:
    return OpenTaskManager(worker.total, worker.default, worker.memory_parts) if worker else None


def _on_registered(task_managers: Sequence[OpenTaskManager], requirement: Requirement, mode: Mode) -> int:
    """Allocate what fits on registered TaskManagers and return how many slots are left over."""
    if mode in (Mode.NONE, Mode.TASKS):
        return _first_fit(task_managers, requirement.profile, requirement.count)
    sign, left = (1 if mode is Mode.SLOTS else -1), requirement.count
    keys = [sign * tm.utilisation for tm in task_managers]
    queue, rooms = JavaPriorityQueue(keys), [-1] * len(task_managers)
    while left and len(queue):
        index = queue.poll()
        tm = task_managers[index]
        profile = tm.effective(requirement.profile)
        if rooms[index] < 0:
            rooms[index] = tm.room(profile)
        if not rooms[index]:
            continue
        tm.give(profile)
        left -= 1
        rooms[index] -= 1
        keys[index] = sign * tm.utilisation
        # Flink compares what is left with the request, and anything is enough for an unknown one
        if requirement.profile is UNKNOWN or rooms[index]:
            queue.add(index)
    return left


def _first_fit(task_managers: Sequence[OpenTaskManager], profile: Amounts | None, left: int) -> int:
    for tm in task_managers:
        if not left:
            break
        wanted = tm.effective(profile)
        copies = min(left, tm.room(wanted))
        if copies:
            tm.give(wanted, copies)
            left -= copies
    return left


def _add_spare(
    task_managers: Sequence[OpenTaskManager],
    pending: list[OpenTaskManager],
    rules: Rules,
    worker: Worker,
) -> None:
    """Add new TaskManagers until the redundant ones are free and the minimum in total is there."""

    def enough() -> bool:
        everyone = [*task_managers, *pending]
        free = [sum(column) for column in zip(*(m.free for m in everyone), strict=True)] or [0] * len(
            worker.total
        )
        spare = all(have >= need * rules.redundant for have, need in zip(free, worker.total, strict=True))
        cpu = sum(tm.total[0] for tm in everyone)
        memory = sum(worker.memory(tm.total) for tm in everyone)
        return spare and cpu >= rules.min_cpu and memory >= rules.min_memory

    while not enough():
        pending.append(OpenTaskManager(worker.total, worker.default, worker.memory_parts))
