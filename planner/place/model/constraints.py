"""Constraints of groups, each as one more resource that only some TaskManagers offer.

Slots of the group need one of it, and a TaskManager has as many as it may hold. "At least k
TaskManagers" is the same for k of the group's slots, of which no TaskManager takes two.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from planner.documents.job import GroupPlacement
from planner.place.model.task_managers import TaskManager
from planner.place.parameters import PARAMETERS

ZONE = "zone"
"""The label of a TaskManager that names its zone."""


@dataclass(frozen=True)
class Constraint:
    """A limit of a group as a resource.

    ``limit`` is how many of it a TaskManager has, None without a limit. ``copies`` are how many of the
    group's slots need it, 0 for all of them.
    """

    name: str
    reason: str
    group: str
    limit: Callable[[TaskManager], int | None]
    copies: int = 0
    zone: bool = False


def constraints_of(
    groups: Sequence[str],
    wanted: Mapping[str, GroupPlacement],
    zones: Mapping[str, Sequence[str]],
) -> list[Constraint]:
    """Return the constraints of ``groups``; ``zones`` names for a group its zones."""
    return [
        constraint
        for group in groups
        if group in wanted
        for constraint in _constraints(group, wanted[group], zones.get(group, ()))
    ]


def _constraints(group: str, wanted: GroupPlacement, zones: Sequence[str]) -> Iterator[Constraint]:
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
    if wanted.min_task_managers is not None:
        reason = f"group {group!r} has to stand on {wanted.min_task_managers} TaskManagers"
        yield Constraint(f"TaskManagers of {group}", reason, group, lambda _: 1, wanted.min_task_managers)
    for zone in zones:
        reason = f"group {group!r} has to stand in {wanted.min_zones} zones"
        yield Constraint(f"{group} in zone {zone}", reason, group, partial(_in_zone, zone), 1, zone=True)


def _in_zone(zone: str, tm: TaskManager) -> int | None:
    return None if dict(tm.labels).get(ZONE) == zone else 0


def may_stand(tm: TaskManager, wanted: GroupPlacement) -> bool:
    """Tell whether a group is neither pinned elsewhere nor forbidden on a TaskManager."""
    names = {tm.id, tm.class_name}
    return (not wanted.pinned or bool(names & set(wanted.pinned))) and not names & set(wanted.forbidden)


def special_slots(group: str, constraints: Sequence[Constraint]) -> list[frozenset[str]]:
    """Return the slots of ``group`` that are set aside, each as the names of the constraints it serves.

    One slot may serve a zone and count for one of the TaskManagers: those in different zones differ.
    """
    zones = [one.name for one in constraints if one.group == group and one.zone]
    spread = next((one for one in constraints if one.group == group and one.copies and not one.zone), None)
    copies = spread.copies if spread else 0
    return [
        frozenset(zones[n : n + 1]) | (frozenset({spread.name}) if spread and n < copies else frozenset())
        for n in range(max(len(zones), copies))
    ]


def apart(constraints: Mapping[str, GroupPlacement]) -> set[frozenset[str]]:
    """Return the pairs of groups that may not share a TaskManager."""
    return {
        frozenset((group, other))
        for group, wanted in constraints.items()
        for other in wanted.anti_affinity
        if other != group
    }


def zone_choices(
    constraints: Mapping[str, GroupPlacement],
    task_managers: Sequence[TaskManager],
    most: int = PARAMETERS.zone_choices,
) -> tuple[list[dict[str, tuple[str, ...]]], bool]:
    """Return ways to pick the zones that groups have to stand in, and whether these are all.

    ``task_managers`` are those that may be used. For every group its zones with most CPU come first, only
    those where it may stand. A group that has to stand in more zones than there are gets one
    that no TaskManager is in.
    """
    ways = []
    wanting = {group: wanted for group, wanted in constraints.items() if wanted.min_zones}
    for wanted in wanting.values():
        cpu: Counter[str] = Counter()
        for tm in task_managers:
            zone = dict(tm.labels).get(ZONE)
            if zone and may_stand(tm, wanted):
                cpu[zone] += tm.capacity.cpu
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
