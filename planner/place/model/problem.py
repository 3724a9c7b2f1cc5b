"""The placement problem in integers: slot types, TaskManagers, resources. It knows no solver."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, reduce
from operator import le

from planner.documents.cluster import Reserve
from planner.documents.job import GroupPlacement
from planner.documents.vocabulary import Cover
from planner.place.model.constraints import (
    Constraint,
    Kept,
    Presence,
    apart,
    constraints_of,
    presences_of,
    staying,
)
from planner.place.model.slots import JobSlot, SlotResources, added
from planner.place.model.task_managers import PARTS, TaskManager
from planner.units import CORE

NO_LIMIT = 2.0**60
"""What a resource without a limit counts as: more than any amount, and a whole number in a float."""
TOGETHER = " + "
"""Joins the names of parts of memory that share a limit, where a TaskManager fixes the others."""
LEAST = {Cover.ANY_ONE: 1, Cover.ANY_TWO: 2, Cover.ANY_ZONE: 1}
"""How many TaskManagers a cover takes at least. Of any two that are lost, one may be in reserve itself."""
LimitsOf = Callable[[TaskManager], tuple[int | None, ...]]


def _no_limits(tm: TaskManager) -> tuple[int | None, ...]:
    raise ValueError(f"nobody knows the limits of {tm.id!r}")


@dataclass(frozen=True, slots=True)
class SlotType:
    """Equal slots: group, load in each sample, and demand for each resource of the problem.

    Loads are in units of the problem's grain (see :class:`Problem`); ``load`` is that in the problem's
    ``peak``, the only one where there are no other samples. ``needs`` are the resources by number of which
    the demand is not zero, with how much that is: few, where constraints of many groups are resources.
    """

    group: str
    load: int
    demand: tuple[int, ...]
    count: int
    samples: tuple[int, ...]
    needs: tuple[tuple[int, int], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", tuple((r, need) for r, need in enumerate(self.demand) if need))

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells a slot of this type from one of another."""
        return self.group, self.samples


@dataclass(frozen=True, slots=True)
class TaskManagerClass:
    """Equal TaskManagers: CPU capacity in the problem's grain, limit of each resource (None: no limit)."""

    name: str
    cpu: int
    limits: tuple[int | None, ...]
    members: tuple[int, ...]

    def can_hold(self, slot: SlotType) -> bool:
        """Tell whether an empty TaskManager of the class can hold one slot."""
        limits = self.limits
        return all((limit := limits[r]) is None or need <= limit for r, need in slot.needs)


@dataclass(frozen=True, slots=True)
class Restarts:
    """Subtasks that restart alike: what all of them weigh, and which losses restart each of them.

    ``slots`` are pairs of a group, by its number, and how many of its slots restart such a subtask when they
    are lost; groups without are left out.
    """

    weight: Fraction
    slots: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Problem:
    """How many slots of each type go on each TaskManager so that the highest utilisation is least.

    ``task_managers`` numbers all TaskManagers; those in ``spare`` stay empty. Loads and CPU capacities are in
    units of ``grain`` CPU units, the greatest that divides all of them. Where loads have several samples,
    the highest utilisation is that over all of them; ``peak`` is the number of the one in which all slots
    together load most. ``rivals`` are pairs of types
    that may not share a TaskManager. ``flows`` are bytes a second from one group's slots to another's,
    groups by their place in :attr:`groups`.

    ``presences`` and ``reserve`` leave something `open`: in which places slots of a group stand, and which
    TaskManagers stay empty so that each of them can take over what any other one holds, or, with ``cover``,
    so that all of them together can take over what that loses. With ``reserve_by_class`` so many of each
    class stay empty, whatever they can take over. ``templates`` are what one more TaskManager like those of a
    class, or like a named one, is.
    """

    types: tuple[SlotType, ...]
    classes: tuple[TaskManagerClass, ...]
    resources: tuple[str, ...]
    task_managers: tuple[TaskManager, ...]
    spare: tuple[int, ...]
    grain: int
    peak: int = 0
    rivals: tuple[tuple[int, int], ...] = ()
    presences: tuple[Presence, ...] = ()
    reserve: int = 0
    reserve_by_class: tuple[tuple[str, int], ...] = ()
    cover: Cover | None = None
    flows: tuple[tuple[int, int, int], ...] = ()
    restarts: tuple[Restarts, ...] = ()
    limits_of: LimitsOf = field(default=_no_limits, compare=False, repr=False)
    """The limits that any TaskManager has in this problem, also one that it does not have."""
    reasons: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """What the resources that stand for constraints of groups mean, in words."""

    templates: Mapping[str, TaskManager] = field(default_factory=dict, compare=False, repr=False)
    kept: Kept = field(default_factory=Kept, compare=False, repr=False)
    """What stays where it is; of slots limits say the same."""

    @property
    def open(self) -> bool:
        """Tell whether there is more to settle than where slots stand; see `planner.place.model.choices`."""
        return bool(self.presences or self.reserve)

    @cached_property
    def samples(self) -> int:
        """How many samples loads have."""
        return len(self.types[0].samples) if self.types else 1

    @cached_property
    def number_of(self) -> dict[tuple[str, tuple[int, ...]], int]:
        """The number of each type of slots, by its key."""
        return {slot.key: number for number, slot in enumerate(self.types)}

    def key_of(self, slot: JobSlot) -> tuple[str, tuple[int, ...]]:
        """Return the key of the type of a slot."""
        return slot.group, tuple(load // self.grain for load in slot.loads)

    def caps(self, utilisation: Fraction) -> list[int]:
        """Return the highest load of a TaskManager of each class at a utilisation."""
        return [utilisation.numerator * entry.cpu // utilisation.denominator for entry in self.classes]

    def within(self, utilisation: Fraction) -> Problem:
        """Return the problem in which no sample but the peak takes a TaskManager above a utilisation.

        Each of those samples is one more resource then; that is all that a search needs to know of them.
        Samples in which no slot loads more than in another one are left out.
        """
        others = self._binding
        if not others:
            return self
        names = tuple(f"load in sample {sample + 1}" for sample in others)
        kept = [
            r for r, name in enumerate(self.resources) if name not in names
        ]  # another one may stand there
        caps = self.caps(utilisation)
        return replace(
            self,
            resources=(*(self.resources[r] for r in kept), *names),
            types=tuple(
                replace(
                    slot,
                    demand=(*(slot.demand[r] for r in kept), *(slot.samples[sample] for sample in others)),
                )
                for slot in self.types
            ),
            classes=tuple(
                replace(entry, limits=(*(entry.limits[r] for r in kept), *(cap for _ in others)))
                for entry, cap in zip(self.classes, caps, strict=True)
            ),
            reasons={**self.reasons, **dict.fromkeys(names, "the load of a sample")},
        )

    @cached_property
    def _binding(self) -> tuple[int, ...]:
        """The samples besides the peak that are not at most another one for every slot."""
        loads = {sample: [slot.samples[sample] for slot in self.types] for sample in range(self.samples)}
        kept = [self.peak]
        for sample in sorted(loads, key=lambda sample: -sum(loads[sample])):
            if not any(all(map(le, loads[sample], loads[other])) for other in kept):
                kept.append(sample)
        return tuple(sorted(kept[1:]))

    def in_sample(self, sample: int) -> Problem:
        """Return the problem in which only one sample of the loads counts."""
        return self._with_loads(lambda slot: slot.samples[sample])

    def on_average(self) -> Problem:
        """Return the problem in which the mean over all samples is the load; its unit is finer as often."""
        finer = self._with_loads(lambda slot: sum(slot.samples))
        classes = tuple(replace(entry, cpu=entry.cpu * self.samples) for entry in self.classes)
        return replace(finer, classes=classes)

    def _with_loads(self, load_of: Callable[[SlotType], int]) -> Problem:
        types = tuple(replace(slot, load=load_of(slot), samples=(load_of(slot),)) for slot in self.types)
        return replace(self, types=types, peak=0)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups, in order."""
        return tuple(dict.fromkeys(slot.group for slot in self.types))

    @cached_property
    def group_slots(self) -> tuple[int, ...]:
        """How many slots each group has, in the order of :attr:`groups`."""
        return tuple(sum(slot.count for slot in self.types if slot.group == group) for group in self.groups)

    @cached_property
    def staying(self) -> frozenset[int]:
        """The types of slots that stay where they are, by number."""
        return frozenset(self._stays.values())

    def standing(self, entry: TaskManagerClass) -> int:
        """Return what slots that stay load on a TaskManager of a class."""
        return sum((entry.limits[r] or 0) * self.types[number].load for r, number in self._stays.items())

    @cached_property
    def _stays(self) -> dict[int, int]:
        """The resources that keep slots where they are, each with a type of slots that it keeps."""
        names = set(self.kept.names.values())
        stays = {r for r, name in enumerate(self.resources) if name in names} if names else set()
        return {r: number for number, slot in enumerate(self.types) for r, _ in slot.needs if r in stays}

    @cached_property
    def class_of(self) -> dict[int, int]:
        """The class of every TaskManager that the placement uses."""
        return {tm: index for index, entry in enumerate(self.classes) for tm in entry.members}

    @cached_property
    def usable(self) -> tuple[int, ...]:
        """The TaskManagers that the placement uses, in order."""
        return tuple(sorted(self.class_of))

    @cached_property
    def total_load(self) -> int:
        """Load of all slots, at its peak where there are several samples."""
        return sum(entry.load * entry.count for entry in self.types)

    @cached_property
    def total_slots(self) -> int:
        """How many slots there are."""
        return sum(entry.count for entry in self.types)

    @cached_property
    def total_cpu(self) -> int:
        """CPU capacity of all TaskManagers that the placement uses."""
        return sum(entry.cpu * len(entry.members) for entry in self.classes)

    def cpu(self, tm: int) -> int:
        """Return the CPU capacity of a TaskManager."""
        return self.classes[self.class_of[tm]].cpu

    def may_hold(self, tm: int, group: str) -> bool:
        """Tell whether a TaskManager, while empty, can hold a slot of a group."""
        entry = self.classes[self.class_of[tm]]
        return any(entry.can_hold(slot) for slot in self.types if slot.group == group)


@dataclass(frozen=True)
class Solution:
    """How many slots of each type stand on each TaskManager: ``counts[host][type]``."""

    counts: Mapping[int, tuple[int, ...]]

    def loads(self, problem: Problem) -> dict[int, tuple[int, ...]]:
        """Return the load by sample of every TaskManager that the placement uses."""
        by_sample = list(zip(*(slot.samples for slot in problem.types), strict=True))
        return {
            tm: tuple(
                sum(count * load for count, load in zip(self.counts[tm], loads, strict=True))
                for loads in by_sample
            )
            or (0,)
            for tm in problem.usable
        }

    def utilisations(self, problem: Problem) -> dict[int, Fraction]:
        """Return the CPU utilisation, in its highest sample, of every TaskManager that the placement uses."""
        return {tm: Fraction(max(loads), problem.cpu(tm)) for tm, loads in self.loads(problem).items()}

    def max_utilisation(self, problem: Problem) -> Fraction:
        """Return the objective."""
        return max(self.utilisations(problem).values(), default=Fraction(0))


def build_problem(
    slots: Sequence[JobSlot],
    resources: Mapping[str, SlotResources],
    task_managers: Sequence[TaskManager],
    reserve: Reserve | None = None,
    constraints: Mapping[str, GroupPlacement] | None = None,
    flows: Mapping[tuple[str, str], int] | None = None,
    templates: Mapping[str, TaskManager] | None = None,
    kept: Kept | None = None,
) -> Problem:
    """Return the problem of placing ``slots`` on ``task_managers``, keeping some of them in ``reserve``.

    Where that is for a cover, as few as it can take are. ``constraints`` are those of groups; ``flows`` are
    bytes a second between groups; ``templates`` are what there may be more of. ``kept`` stays where it is.
    """
    spares = reserve or Reserve()
    groups = list(dict.fromkeys(slot.group for slot in slots))
    kept = kept or Kept()
    stay = staying(groups, kept)
    wanted = [*constraints_of(groups, constraints or {}), *stay]
    external = sorted({name for one in resources.values() for name, _ in one.external})
    loads = (load for slot in slots for load in slot.loads)
    grain = reduce(math.gcd, [*loads, *(tm.capacity.cpu for tm in task_managers)], 0)
    together = added(slots)
    peak = together.index(max(together)) if together else 0
    offers = [*task_managers, *(templates or {}).values()]
    shared = sorted({tm.capacity.open_parts for tm in offers if 0 < len(tm.capacity.open_parts) < len(PARTS)})
    types = _slot_types(slots, groups, resources, (external, shared), wanted, (grain or 1, peak))

    def limits_of(tm: TaskManager) -> tuple[int | None, ...]:
        return (*_limits(tm, external, shared), *(one.limit(tm) for one in wanted))

    return Problem(
        types=types,
        classes=_classes(task_managers, limits_of, grain or 1),
        resources=(
            *("cpu", "memory", *PARTS, "slots"),
            *external,
            *(TOGETHER.join(parts) for parts in shared),
            *(one.name for one in wanted),
        ),
        task_managers=tuple(task_managers),
        spare=(),
        grain=grain or 1,
        peak=peak,
        rivals=_rivals(types, apart(constraints or {})),
        presences=tuple(presences_of(groups, constraints or {})),
        reserve=min(LEAST[spares.cover] if spares.cover else spares.count, len(task_managers)),
        reserve_by_class=tuple(spares.classes.items()),
        cover=spares.cover,
        flows=_numbered(flows or {}, groups),
        limits_of=limits_of,
        reasons={one.name: one.reason for one in wanted},
        templates=templates or {},
        kept=kept,
    )


def _slot_types(
    slots: Sequence[JobSlot],
    groups: Sequence[str],
    resources: Mapping[str, SlotResources],
    names: tuple[Sequence[str], Sequence[tuple[str, ...]]],
    constraints: Sequence[Constraint],
    unit: tuple[int, int],
) -> tuple[SlotType, ...]:
    """Return the types of ``slots``: by group, the heaviest first.

    ``unit`` is the grain, and the number of the sample that is the peak.
    """
    grain, peak = unit
    counted: dict[str, Counter[tuple[int, ...]]] = {group: Counter() for group in groups}
    for slot in slots:
        counted[slot.group][slot.loads] += 1
    return tuple(
        SlotType(
            group,
            loads[peak] // grain,
            (*_demand(resources[group], *names), *(one.needs(group, loads) for one in constraints)),
            count,
            tuple(load // grain for load in loads),
        )
        for group in groups
        for loads, count in sorted(counted[group].items(), key=lambda one: (-one[0][peak], one[0]))
    )


def _classes(
    task_managers: Sequence[TaskManager], limits_of: LimitsOf, grain: int
) -> tuple[TaskManagerClass, ...]:
    """Return equal TaskManagers together: of one class of the cluster, with the same CPU and limits."""
    members: dict[tuple[str, int, tuple[int | None, ...]], list[int]] = {}
    for index, tm in enumerate(task_managers):
        key = tm.class_name or tm.id, tm.capacity.cpu // grain, limits_of(tm)
        members.setdefault(key, []).append(index)
    return tuple(
        TaskManagerClass(name, cpu, limits, tuple(equal)) for (name, cpu, limits), equal in members.items()
    )


def _rivals(types: Sequence[SlotType], pairs: set[frozenset[str]]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (a, b)
        for a, b in itertools.combinations(range(len(types)), 2)
        if frozenset((types[a].group, types[b].group)) in pairs
    )


def _numbered(
    flows: Mapping[tuple[str, str], int], groups: Sequence[str]
) -> tuple[tuple[int, int, int], ...]:
    """Return flows with groups by their number, without those of groups that have no slots."""
    numbers = {group: index for index, group in enumerate(groups)}
    return tuple(
        (numbers[source], numbers[target], rate)
        for (source, target), rate in flows.items()
        if rate and source in numbers and target in numbers
    )


def _demand(
    slot: SlotResources, external: Sequence[str], shared: Sequence[tuple[str, ...]]
) -> tuple[int, ...]:
    wanted = dict(slot.external)
    sizes = dict(zip(PARTS, (slot.heap, slot.off_heap, slot.managed, slot.network), strict=True))
    return (
        slot.cpu,
        slot.memory,
        slot.heap,
        slot.off_heap,
        slot.managed,
        slot.network,
        1,
        *(int(wanted[name] * CORE) if name in wanted else 0 for name in external),
        *(sum(sizes[part] for part in parts) for parts in shared),
    )


def _limits(
    tm: TaskManager, external: Sequence[str], shared: Sequence[tuple[str, ...]]
) -> tuple[int | None, ...]:
    offered = dict(tm.capacity.external)
    capacity = tm.capacity
    return (
        capacity.cpu,
        capacity.memory,
        *capacity.parts,
        capacity.slots,
        *(int(offered[name] * CORE) if name in offered else 0 for name in external),
        *(capacity.open_memory if capacity.open_parts == parts else None for parts in shared),
    )
