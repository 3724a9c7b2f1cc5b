"""The placement problem in integers: slot types, TaskManagers, resources. It knows no solver."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, partial, reduce

from planner.documents.job import GroupPlacement
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import Host
from planner.units import CORE

UNLIMITED = None


LimitsOf = Callable[[Host], tuple[int | None, ...]]


def _no_limits(host: Host) -> tuple[int | None, ...]:
    raise ValueError(f"nobody knows the limits of {host.id!r}")


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
    units of ``grain`` CPU units, the greatest that divides all of them. ``rivals`` are pairs of types
    that may not share a TaskManager. ``flows`` are bytes a second from one group's slots to another's,
    groups by their place in :attr:`groups`.
    """

    types: tuple[SlotType, ...]
    classes: tuple[TaskManagerClass, ...]
    resources: tuple[str, ...]
    hosts: tuple[Host, ...]
    spare: tuple[int, ...]
    grain: int
    rivals: tuple[tuple[int, int], ...] = ()
    flows: tuple[tuple[int, int, int], ...] = ()
    limits_of: LimitsOf = field(default=_no_limits, compare=False, repr=False)
    """The limits that any TaskManager has in this problem, also one that it does not have."""
    reasons: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What the resources that stand for constraints of groups mean, in words."""

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups, in order."""
        return tuple(dict.fromkeys(slot.group for slot in self.types))

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
    def total_slots(self) -> int:
        """How many slots there are."""
        return sum(entry.count for entry in self.types)

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
ZONE = "zone"
"""The label of a TaskManager that names its zone."""


def build_problem(
    slots: Sequence[JobSlot],
    resources: Mapping[str, SlotResources],
    hosts: Sequence[Host],
    reserve: int = 0,
    constraints: Mapping[str, GroupPlacement] | None = None,
    zones: Mapping[str, Sequence[str]] | None = None,
    flows: Mapping[tuple[str, str], int] | None = None,
) -> Problem:
    """Return the problem of placing ``slots`` on ``hosts``, keeping ``reserve`` TaskManagers empty.

    The spare ones are the largest, so that each can take over from any other. ``constraints`` are those
    of groups; ``zones`` names for a group the zones each of which has to hold one of its slots (see
    :func:`zone_choices`); ``flows`` are bytes a second between groups.

    A limit of a group is one more resource: its slots need one of it, and TaskManagers have as many as
    they may hold. At least k TaskManagers is the same for k of its slots, of which none has two.
    """
    by_size = sorted(range(len(hosts)), key=lambda i: (-hosts[i].capacity.cpu, -hosts[i].capacity.memory, -i))
    spare = tuple(sorted(by_size[: min(reserve, len(hosts))]))
    used = [i for i in range(len(hosts)) if i not in set(spare)]
    external = sorted({name for r in resources.values() for name, _ in r.external})
    counted = Counter((slot.group, slot.load) for slot in slots)
    groups = list(dict.fromkeys(slot.group for slot in slots))
    kinds = sorted(counted, key=lambda kind: (groups.index(kind[0]), -kind[1]))
    figures = [load for _, load in kinds] + [hosts[i].capacity.cpu for i in used]
    grain = reduce(math.gcd, figures, 0) or 1
    rules = [
        rule
        for group in groups
        if constraints and group in constraints
        for rule in _rules(group, constraints[group], (zones or {}).get(group, ()))
    ]
    names = ("cpu", "memory", *PARTS, "slots", *external, *(rule.name for rule in rules))
    types: list[SlotType] = []
    special = {group: _special(group, rules) for group in groups}
    for group, load in kinds:
        left = counted[group, load]
        demand = _demand(resources[group], external)
        always = frozenset(rule.name for rule in rules if rule.group == group and not rule.copies)
        wanted = [special[group].pop(0) for _ in range(min(left, len(special[group])))]
        for needed, copies in [*Counter(wanted).items(), (frozenset[str](), left - len(wanted))]:
            if copies:
                own = tuple(int(rule.name in needed | always) for rule in rules)
                types.append(SlotType(group, load // grain, (*demand, *own), copies))

    def limits_of(host: Host) -> tuple[int | None, ...]:
        return (*_limits(host, external), *(rule.limit(host) for rule in rules))

    members: dict[tuple[str, int, tuple[int | None, ...]], list[int]] = {}
    for i in used:
        host = hosts[i]
        key = host.class_name or host.id, host.capacity.cpu // grain, limits_of(host)
        members.setdefault(key, []).append(i)
    classes = tuple(
        TaskManagerClass(name, cpu, limits, tuple(found)) for (name, cpu, limits), found in members.items()
    )
    numbers = {group: index for index, group in enumerate(groups)}
    return Problem(
        tuple(types),
        classes,
        names,
        tuple(hosts),
        spare,
        grain,
        _rivals(types, constraints or {}),
        tuple(
            (numbers[source], numbers[target], rate)
            for (source, target), rate in (flows or {}).items()
            if rate and source in numbers and target in numbers
        ),
        limits_of,
        {rule.name: rule.reason for rule in rules},
    )


@dataclass(frozen=True)
class _Rule:
    """A limit of a group as a resource; ``copies`` are as many of its slots as it is for, 0 for all."""

    name: str
    reason: str
    group: str
    limit: Callable[[Host], int | None]
    copies: int = 0
    zone: bool = False


def _special(group: str, rules: Sequence[_Rule]) -> list[frozenset[str]]:
    """Return the slots of ``group`` that are set aside, each as the rules that it is for.

    One slot may stand for a zone and for one of the TaskManagers: those in different zones differ.
    """
    zones = [rule.name for rule in rules if rule.group == group and rule.zone]
    spread = next((rule for rule in rules if rule.group == group and rule.copies and not rule.zone), None)
    count = max(len(zones), spread.copies if spread else 0)
    return [
        frozenset(zones[n : n + 1])
        | (frozenset({spread.name}) if spread and n < spread.copies else frozenset())
        for n in range(count)
    ]


def _rules(group: str, wanted: GroupPlacement, zones: Sequence[str]) -> Iterator[_Rule]:
    if wanted.pinned or wanted.forbidden:

        def where(host: Host) -> int | None:
            return UNLIMITED if _may_stand(host, wanted) else 0

        only = f"may only stand on {', '.join(wanted.pinned)}" if wanted.pinned else ""
        never = f"may not stand on {', '.join(wanted.forbidden)}" if wanted.forbidden else ""
        reason = f"group {group!r} {' and '.join(filter(None, (only, never)))}"
        yield _Rule(f"placement of {group}", reason, group, where)
    if wanted.max_per_task_manager is not None:
        most = wanted.max_per_task_manager
        reason = f"group {group!r} may have at most {most} slots on a TaskManager"
        yield _Rule(f"slots of {group} per TaskManager", reason, group, lambda _: most)
    if wanted.min_task_managers is not None:
        reason = f"group {group!r} has to stand on {wanted.min_task_managers} TaskManagers"
        yield _Rule(f"TaskManagers of {group}", reason, group, lambda _: 1, wanted.min_task_managers)
    for zone in zones:
        reason = f"group {group!r} has to stand in {wanted.min_zones} zones"
        yield _Rule(f"{group} in zone {zone}", reason, group, partial(_in_zone, zone), 1, zone=True)


def _in_zone(zone: str, host: Host) -> int | None:
    return UNLIMITED if dict(host.labels).get(ZONE) == zone else 0


def _rivals(
    types: Sequence[SlotType], constraints: Mapping[str, GroupPlacement]
) -> tuple[tuple[int, int], ...]:
    apart = {
        frozenset((group, other))
        for group, wanted in constraints.items()
        for other in wanted.anti_affinity
        if other != group
    }
    return tuple(
        (a, b)
        for a, b in itertools.combinations(range(len(types)), 2)
        if frozenset((types[a].group, types[b].group)) in apart
    )


def zone_choices(
    constraints: Mapping[str, GroupPlacement], hosts: Sequence[Host], most: int = 32
) -> tuple[list[dict[str, tuple[str, ...]]], bool]:
    """Return ways to pick the zones that groups have to stand in, and whether these are all.

    ``hosts`` are the TaskManagers that may be used. For every group its zones with most CPU come first,
    only those where it may stand. A group that has to stand in more zones than there are gets one
    that no TaskManager is in.
    """
    ways = []
    wanting = {group: wanted for group, wanted in constraints.items() if wanted.min_zones}
    for wanted in wanting.values():
        cpu: Counter[str] = Counter()
        for host in hosts:
            zone = dict(host.labels).get(ZONE)
            if zone and _may_stand(host, wanted):
                cpu[zone] += host.capacity.cpu
        zones, count = [zone for zone, _ in cpu.most_common()], wanted.min_zones or 0
        missing = (*zones, *(f"(missing {n})" for n in range(count - len(zones))))
        ways.append(list(itertools.islice(itertools.combinations(zones, count), most)) or [missing])
    complete = math.prod(map(len, ways)) <= most and all(len(way) < most for way in ways)
    # the first of each group first, then those that are nearest to it: no group has to wait for another
    picks = sorted(
        itertools.islice(itertools.product(*(range(len(way)) for way in ways)), most**2),
        key=lambda pick: (sum(pick), pick),
    )[:most]
    chosen = [tuple(way[index] for way, index in zip(ways, pick, strict=True)) for pick in picks]
    return [dict(zip(wanting, zones, strict=True)) for zones in chosen], complete


def _may_stand(host: Host, wanted: GroupPlacement) -> bool:
    """Tell whether a group is neither pinned elsewhere nor forbidden on a TaskManager."""
    names = {host.id, host.class_name}
    return (not wanted.pinned or bool(names & set(wanted.pinned))) and not names & set(wanted.forbidden)


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
