"""The placement problem in integers: slot types, TaskManagers, resources. It knows no solver."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce

from planner.place.capacity import Host
from planner.place.slots import JobSlot, SlotResources
from planner.units import CORE

UNLIMITED = None


@dataclass(frozen=True, slots=True)
class SlotType:
    """Equal slots: group, load, and demand for each resource of the problem.

    A load is in units of the problem's grain (see :class:`Problem`).
    """

    group: str
    load: int
    demand: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class TaskManagerClass:
    """Equal TaskManagers: CPU capacity in the problem's grain, limit of each resource (None: no limit)."""

    name: str
    cpu: int
    limits: tuple[int | None, ...]
    members: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """How many slots of each type go on each TaskManager so that the highest utilisation is least.

    ``hosts`` numbers all TaskManagers; those in ``spare`` stay empty. Loads and CPU capacities are in
    units of ``grain`` CPU units, the greatest that divides all of them.
    """

    types: tuple[SlotType, ...]
    classes: tuple[TaskManagerClass, ...]
    resources: tuple[str, ...]
    hosts: tuple[Host, ...]
    spare: tuple[int, ...]
    grain: int

    @cached_property
    def class_of(self) -> dict[int, int]:
        """The class of every TaskManager that the plan uses."""
        return {host: index for index, entry in enumerate(self.classes) for host in entry.members}

    @cached_property
    def usable(self) -> tuple[int, ...]:
        """The TaskManagers that the plan uses, in order."""
        return tuple(sorted(self.class_of))

    @cached_property
    def total_load(self) -> int:
        """Load of all slots."""
        return sum(entry.load * entry.count for entry in self.types)

    @cached_property
    def total_cpu(self) -> int:
        """CPU capacity of all TaskManagers that the plan uses."""
        return sum(entry.cpu * len(entry.members) for entry in self.classes)

    def cpu(self, host: int) -> int:
        """Return the CPU capacity of a TaskManager."""
        return self.classes[self.class_of[host]].cpu


@dataclass(frozen=True)
class Solution:
    """How many slots of each type stand on each TaskManager: ``counts[host][type]``."""

    counts: Mapping[int, tuple[int, ...]]

    def loads(self, problem: Problem) -> dict[int, int]:
        """Return the load of every TaskManager that the plan uses."""
        return {
            host: sum(
                count * entry.load for count, entry in zip(self.counts[host], problem.types, strict=True)
            )
            for host in problem.usable
        }

    def utilisations(self, problem: Problem) -> dict[int, Fraction]:
        """Return the CPU utilisation of every TaskManager that the plan uses."""
        return {host: Fraction(load, problem.cpu(host)) for host, load in self.loads(problem).items()}

    def max_utilisation(self, problem: Problem) -> Fraction:
        """Return the objective."""
        return max(self.utilisations(problem).values(), default=Fraction(0))


PARTS = ("heap", "offHeap", "managed", "network")


def build_problem(
    slots: Sequence[JobSlot],
    resources: Mapping[str, SlotResources],
    hosts: Sequence[Host],
    reserve: int = 0,
) -> Problem:
    """Return the problem of placing ``slots`` on ``hosts``, keeping ``reserve`` TaskManagers empty.

    The spare ones are the largest, so that each can take over from any other.
    """
    external = sorted({name for r in resources.values() for name, _ in r.external})
    names = ("cpu", "memory", *PARTS, "slots", *external)
    by_size = sorted(range(len(hosts)), key=lambda i: (-hosts[i].capacity.cpu, -hosts[i].capacity.memory, -i))
    spare = tuple(sorted(by_size[: min(reserve, len(hosts))]))
    counted = Counter((slot.group, slot.load) for slot in slots)
    groups = list(dict.fromkeys(slot.group for slot in slots))
    kinds = sorted(counted, key=lambda kind: (groups.index(kind[0]), -kind[1]))
    used = [i for i in range(len(hosts)) if i not in set(spare)]
    figures = [load for _, load in kinds] + [hosts[i].capacity.cpu for i in used]
    grain = reduce(math.gcd, figures, 0) or 1
    types = tuple(
        SlotType(group, load // grain, _demand(resources[group], external), counted[group, load])
        for group, load in kinds
    )
    members: dict[tuple[str, int, tuple[int | None, ...]], list[int]] = {}
    for i in used:
        host = hosts[i]
        key = (host.class_name or host.id, host.capacity.cpu // grain, _limits(host, external))
        members.setdefault(key, []).append(i)
    classes = tuple(
        TaskManagerClass(name, cpu, limits, tuple(found)) for (name, cpu, limits), found in members.items()
    )
    return Problem(types, classes, names, tuple(hosts), spare, grain)


def _demand(slot: SlotResources, external: Sequence[str]) -> tuple[int, ...]:
    wanted = dict(slot.external)
    return (
        slot.cpu,
        slot.memory,
        slot.heap,
        slot.off_heap,
        slot.managed,
        slot.network,
        1,
        *(int(wanted[name] * CORE) if name in wanted else 0 for name in external),
    )


def _limits(host: Host, external: Sequence[str]) -> tuple[int | None, ...]:
    offered = dict(host.capacity.external)
    capacity = host.capacity
    return (
        capacity.cpu,
        capacity.memory,
        *capacity.parts,
        capacity.slots,
        *(int(offered[name] * CORE) if name in offered else 0 for name in external),
    )
