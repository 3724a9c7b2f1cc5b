"""Constraints of groups: where slots may stand, how many together, and in how many places at least.

What a slot may not do is one more resource that only some TaskManagers offer: slots of the group need one
of it, and a TaskManager has as many as it may hold. What the slots of a group have to do together is a
`Presence`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from planner.documents.job import GroupPlacement
from planner.place.model.task_managers import TaskManager

ZONE = "zone"
"""The label of a TaskManager that names its zone."""


@dataclass(frozen=True)
class Constraint:
    """A limit of a group as a resource; ``limit`` is how many of it a TaskManager has, None without one.

    With ``loads`` it is of the slots of the group with this load alone.
    """

    name: str
    reason: str
    group: str
    limit: Callable[[TaskManager], int | None]
    loads: tuple[int, ...] | None = None

    def needs(self, group: str, loads: tuple[int, ...]) -> int:
        """Return how much of it a slot needs."""
        return int(self.group == group and self.loads in (None, loads))


@dataclass(frozen=True)
class Presence:
    """A group has to stand on at least ``least`` TaskManagers, or in as many zones."""

    group: str
    least: int
    zones: bool

    @property
    def reason(self) -> str:
        """Say it in words."""
        where = "in {} zones" if self.zones else "on {} TaskManagers"
        return f"group {self.group!r} has to stand {where.format(self.least)}"


def constraints_of(groups: Sequence[str], wanted: Mapping[str, GroupPlacement]) -> list[Constraint]:
    """Return what a slot of each of ``groups`` may not do."""
    return [
        constraint for group in groups if group in wanted for constraint in _constraints(group, wanted[group])
    ]


def _constraints(group: str, wanted: GroupPlacement) -> Iterator[Constraint]:
    if wanted.pinned or wanted.forbidden:

        def where(tm: TaskManager) -> int | None:
            return None if may_stand(tm, wanted) else 0

        only = f"may only stand on {', '.join(wanted.pinned)}" if wanted.pinned else ""
        never = f"may not stand on {', '.join(wanted.forbidden)}" if wanted.forbidden else ""
        reason = f"group {group!r} {' and '.join(filter(None, (only, never)))}"
        yield Constraint(f"placement of {group}", reason, group, where)
    if wanted.max_per_task_manager is not None:
        most = wanted.max_per_task_manager
        reason = f"group {group!r} may have at most {most} slots on a TaskManager"
        yield Constraint(f"slots of {group} per TaskManager", reason, group, lambda _: most)


Alike = tuple[str, tuple[int, ...]]
"""What makes slots alike: their group, and their load in CPU units by sample."""


@dataclass(frozen=True)
class Kept:
    """What stays where it is: slots, by what they are alike in how many on each TaskManager, and a reserve.

    Slots stay in any case, TaskManagers in reserve where they are as good as others.
    """

    slots: Mapping[Alike, Mapping[str, int]] = field(default_factory=dict)
    spares: frozenset[str] = frozenset()

    @cached_property
    def holders(self) -> frozenset[str]:
        """The TaskManagers on which slots stay."""
        return frozenset(name for held in self.slots.values() for name, count in held.items() if count)

    @cached_property
    def names(self) -> Mapping[Alike, str]:
        """The resources of which a TaskManager has as many as of such slots stay on it."""
        found: dict[Alike, str] = {}
        seen: Counter[str] = Counter()
        for alike in self.slots:
            seen[alike[0]] += 1
            more = f" ({seen[alike[0]]})" if seen[alike[0]] > 1 else ""
            found[alike] = f"slots of {alike[0]} that stay{more}"
        return found


def staying(groups: Sequence[str], kept: Kept) -> list[Constraint]:
    """Return what keeps slots of some ``groups`` where they are: as many as there are by TaskManager."""
    return [
        Constraint(
            name,
            f"the slots of group {alike[0]!r} stay where they are",
            alike[0],
            partial(_held, kept.slots[alike]),
            alike[1],
        )
        for alike, name in kept.names.items()
        if alike[0] in groups
    ]


def _held(quotas: Mapping[str, int], tm: TaskManager) -> int:
    return quotas.get(tm.id, 0)


def presences_of(groups: Sequence[str], wanted: Mapping[str, GroupPlacement]) -> list[Presence]:
    """Return on how many TaskManagers and in how many zones ``groups`` have to stand."""
    found: list[Presence] = []
    for group in groups:
        rule = wanted.get(group, GroupPlacement())
        if rule.min_zones is not None:
            found.append(Presence(group, rule.min_zones, zones=True))
        if rule.min_task_managers is not None and rule.min_task_managers > 1:
            found.append(Presence(group, rule.min_task_managers, zones=False))
    return found


def zone_of(tm: TaskManager) -> str | None:
    """Return the zone of a TaskManager, None where it has no such label."""
    return dict(tm.labels).get(ZONE)


def may_stand(tm: TaskManager, wanted: GroupPlacement) -> bool:
    """Tell whether a group is neither pinned elsewhere nor forbidden on a TaskManager."""
    names = {tm.id, tm.class_name}
    return (not wanted.pinned or bool(names & set(wanted.pinned))) and not names & set(wanted.forbidden)


def apart(constraints: Mapping[str, GroupPlacement]) -> set[frozenset[str]]:
    """Return the pairs of groups that may not share a TaskManager."""
    return {
        frozenset((group, other))
        for group, wanted in constraints.items()
        for other in wanted.anti_affinity
        if other != group
    }
