"""Estimates that bend to the cluster: what nobody declared never makes a job infeasible.

Without resources of its own a group asks stock Flink for default slots, the n-th part of a TaskManager of n
slots. Where estimates do not fit they are lowered to that, first of CPU alone, then of memory; where that is
not enough, since other groups take more than default slots, all of them in one proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planner.documents.job import GroupPlacement
from planner.documents.placement import PlannedGroup
from planner.documents.profile import ResourceProfile, SsgProfile
from planner.memory.estimates import FIGURES, Estimate, estimates
from planner.memory.managed import lowered
from planner.place.model.constraints import may_stand
from planner.place.model.task_managers import TaskManager
from planner.place.parameters import PARAMETERS
from planner.units import CORE, MIB

MEMORY = ("heap", "off_heap", "managed")
_ORDER = (("cpu",), MEMORY, FIGURES)
"""What is lowered: CPU alone where that is enough, then memory alone, then both."""
Found = Mapping[str, Mapping[str, Estimate]]
"""Estimates by group and figure."""
Amounts = Mapping[str, Mapping[str, int]]
"""How much of each estimate is left, by group and figure."""


@dataclass(frozen=True, slots=True)
class Bent:
    """A profile whose estimates were lowered, and what a slot of each such group takes instead."""

    profile: ResourceProfile
    groups: Mapping[str, PlannedGroup]


def bend(
    profile: ResourceProfile,
    task_managers: list[TaskManager],
    fits: Callable[[ResourceProfile], bool | None],
) -> Bent | None:
    """Return ``profile`` with its estimates lowered as little as needed, None where they are not in the way.

    ``fits`` tells whether the slots of a profile fit; it is asked a few times.
    """
    found = estimates(profile)
    if not found:
        return None
    whole = {group: {figure: one.amount for figure, one in own.items()} for group, own in found.items()}
    most = _within_default_slots(profile, whole, task_managers)

    def lowered_to(figures: Sequence[str], share: Fraction | None) -> ResourceProfile:
        """Return the profile with figures at their default slot, or with a share of that and others at it."""
        amounts = {
            group: {
                figure: _left(figure, size, most[group][figure], figures, share)
                for figure, size in own.items()
            }
            for group, own in whole.items()
        }
        return _with(profile, found, amounts)

    for figures in _ORDER:
        if fits(lowered_to(figures, None)):
            return _bent(profile, lowered_to(figures, None), found)
    for figures in _ORDER:
        if fits(lowered_to(figures, Fraction(0))):
            low, high = Fraction(0), Fraction(1)
            for _ in range(PARAMETERS.bending_steps):
                middle = (low + high) / 2
                if fits(lowered_to(figures, middle)):
                    low = middle
                else:
                    high = middle
            return _bent(profile, lowered_to(figures, low), found)
    return None


def _left(figure: str, size: int, most: int, figures: Sequence[str], share: Fraction | None) -> int:
    """Return what is left of an estimate of ``size``: a rounded figure where it is less."""
    if share is None:
        left = most if figure in figures else size
    else:
        left = int(most * share) if figure in figures else most
    step = CORE // 100 if figure == "cpu" else MIB
    return left if left in (size, most) or left < step else left - left % step


def without_estimates(profile: ResourceProfile) -> ResourceProfile:
    """Return a complete profile with what binds a placement, and none of its estimates."""
    found = estimates(profile)
    return _with(profile, found, {group: dict.fromkeys(own, 0) for group, own in found.items()})


def _bent(before: ResourceProfile, after: ResourceProfile, found: Found) -> Bent:
    groups = {}
    for old, new in zip(before.ssg_profiles, after.ssg_profiles, strict=True):
        if new != old:
            own = found[new.name].items()
            reasons = [one.reason for name, one in own if getattr(old, name) != getattr(new, name)]
            groups[new.name] = PlannedGroup.model_construct(
                cpu=new.cpu or 0,
                heap=new.heap or 0,
                off_heap=new.off_heap or 0,
                managed=new.managed,
                estimated_cpu=old.cpu or 0,
                estimated_memory=_memory(old),
                reason="; ".join(dict.fromkeys(reasons)),
            )
    return Bent(after, groups)


def _memory(group: SsgProfile) -> int:
    return (group.heap or 0) + (group.off_heap or 0) + sum(group.managed.values())


def as_planned(profile: ResourceProfile, planned: Mapping[str, PlannedGroup] | None) -> ResourceProfile:
    """Return a complete profile with what a placement plans for groups, where estimates bent."""
    if not planned:
        return profile
    groups = [
        group.model_copy(
            update={
                "cpu": planned[group.name].cpu,
                "heap": planned[group.name].heap,
                "off_heap": planned[group.name].off_heap,
                "managed": planned[group.name].managed,
            }
        )
        if group.name in planned
        else group
        for group in profile.ssg_profiles
    ]
    return profile.model_copy(update={"ssg_profiles": groups})


def _with(profile: ResourceProfile, found: Found, left: Amounts) -> ResourceProfile:
    """Return the profile with ``left`` of its estimates."""
    groups = []
    for group in profile.ssg_profiles:
        changes: dict[str, object] = {}
        for figure, estimate in found.get(group.name, {}).items():
            less = estimate.amount - left[group.name][figure]
            if figure == "managed":
                changes[figure] = lowered(group.managed, sum(group.managed.values()) - less)
            else:
                changes[figure] = getattr(group, figure) - less
        groups.append(group.model_copy(update=changes) if changes else group)
    return profile.model_copy(update={"ssg_profiles": groups})


def _within_default_slots(
    profile: ResourceProfile, whole: Amounts, task_managers: list[TaskManager]
) -> Amounts:
    """Return estimates, of groups that nobody gave anything at most what a default slot has."""
    placement = (profile.planner.placement if profile.planner else None) or {}
    fields = profile.planner.groups if profile.planner else {}
    amounts: dict[str, dict[str, int]] = {}
    for group in profile.ssg_profiles:
        own = dict(whole.get(group.name, {}))
        if own.get("cpu") == group.cpu and own.get("heap") == group.heap and not group.extended:
            network = fields[group.name].network or 0
            wanted = placement.get(group.name, GroupPlacement())
            where = [tm for tm in task_managers if may_stand(tm, wanted)]
            own = _capped(own, network, where)
        amounts[group.name] = own
    return amounts


def _capped(own: Mapping[str, int], network: int, where: list[TaskManager]) -> dict[str, int]:
    """Return estimates of a group that are no more than the default slot of any of its TaskManagers."""
    found = dict(own)
    for tm in where:
        capacity, slots = tm.capacity, tm.capacity.slots or 1
        limits = (capacity.cpu, *capacity.parts[:3])
        for figure, limit in zip(FIGURES, limits, strict=True):
            if figure in found and limit is not None:
                found[figure] = min(found[figure], limit // slots)
        shared = [figure for figure, part in zip(MEMORY, capacity.parts, strict=False) if part is None]
        beside = network if capacity.parts[3] is None else 0
        room = max(capacity.open_memory // slots - beside, 0)
        taken = sum(found.get(figure, 0) for figure in shared)
        for figure in shared:
            if figure in found and taken > room:
                found[figure] = found[figure] * room // taken
    return found
