"""Conflicts that counting alone finds: a slot too big, a group too many, a resource too short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner.documents.vocabulary import Cover
from planner.place.model.choices import choices, settle
from planner.place.model.constraints import zone_of
from planner.place.model.problem import TOGETHER, Problem, SlotType, TaskManagerClass
from planner.place.model.task_managers import PARTS
from planner.units import CORE, format_cpu, rounded_size


@dataclass(frozen=True, slots=True)
class Conflict:
    """Groups that cannot be placed together, the resource that is short for them, and where."""

    resource: str
    groups: tuple[str, ...]
    task_managers: tuple[str, ...]
    message: str

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "resource": self.resource,
            "groups": list(self.groups),
            "taskManagers": list(self.task_managers),
            "message": self.message,
        }


LOST = {
    Cover.ANY_ONE: "any one TaskManager",
    Cover.ANY_TWO: "any two TaskManagers",
    Cover.ANY_ZONE: "any zone",
}
"""What each cover is for, in words."""


def counting_conflict(problem: Problem) -> Conflict | None:
    """Return the smallest conflict that counting alone finds, if there is one.

    What the problem leaves open is counted as it helps most; where there is only one choice, or each has the
    same conflict, as it has to be.
    """
    if not problem.types:
        return None
    if len(problem.usable) <= problem.reserve:
        return Conflict("slots", problem.groups, (), "there is no TaskManager to place slots on")
    for name, count in problem.reserve_by_class:
        there = sum(len(entry.members) for entry in problem.classes if entry.name == name)
        if there < count:
            message = (
                f"{count} TaskManagers of class {name!r} are to be kept in reserve, and there are {there}"
            )
            return Conflict("slots", problem.groups, (name,), message)
    found = _too_big(problem) or _too_few_places(problem) or _too_many_of_a_kind(problem)
    found = found or min(_too_much(problem), key=lambda conflict: len(conflict.groups), default=None)
    return found or (_in_every_choice(problem) if problem.open else None)


def _in_every_choice(problem: Problem) -> Conflict | None:
    """Return a conflict that each choice has with the same groups, if these are all choices."""
    ways, complete = choices(problem)
    found = [counting_conflict(settle(problem, choice)) for choice in ways] if complete else []
    conflicts = [conflict for conflict in found if conflict is not None]
    if len(conflicts) < max(len(found), 1) or len({conflict.groups for conflict in conflicts}) > 1:
        return None
    first = conflicts[0]
    if not problem.reserve or len(conflicts) == 1:
        return first
    what = f"{'group' if len(first.groups) == 1 else 'groups'} {', '.join(map(repr, first.groups))}"
    ready = "on which fits what any other TaskManager holds, "
    if problem.cover is not None:
        ready = f"which have to cover the loss of {LOST[problem.cover]}, "
    elif problem.reserve_by_class:
        ready = ""
    message = (
        f"with {in_reserve(problem)}, {ready}there is not"
        f" enough {first.resource} for {what}{reasons(problem, *first.groups)}"
    )
    return Conflict(first.resource, first.groups, class_names(problem), message)


def without(problem: Problem, groups: Iterable[str]) -> Problem:
    """Return the problem without the slots of ``groups``."""
    gone = set(groups)
    kept = [t for t, slot in enumerate(problem.types) if slot.group not in gone]
    number = {t: new for new, t in enumerate(kept)}
    rivals = tuple((number[a], number[b]) for a, b in problem.rivals if a in number and b in number)
    presences = tuple(one for one in problem.presences if one.group not in gone)
    types = tuple(problem.types[t] for t in kept)
    return replace(problem, types=types, rivals=rivals, presences=presences, flows=())


def spell(resource: str, amount: int) -> str:
    """Spell an amount of a resource of a problem in its unit."""
    if resource == "cpu":
        return f"{format_cpu(amount)} cores"
    if resource == "memory" or set(resource.split(TOGETHER)) <= set(PARTS):
        return rounded_size(amount)
    return str(amount) if resource == "slots" else f"{amount / CORE:g}"


def class_names(problem: Problem) -> tuple[str, ...]:
    """Return the names of the classes of TaskManagers, in order, each once."""
    return tuple(dict.fromkeys(entry.name for entry in problem.classes))


def _too_big(problem: Problem) -> Conflict | None:
    """Find a slot that no TaskManager can hold even when empty."""
    for slot in problem.types:
        if any(entry.can_hold(slot) for entry in problem.classes):
            continue
        (_, index), entry = min(
            ((_shortage(slot, entry), entry) for entry in problem.classes), key=lambda pair: pair[0][0]
        )
        name, need, limit = problem.resources[index], slot.demand[index], entry.limits[index] or 0
        message = (
            f"one slot of group {slot.group!r} needs {spell(name, need)} of {name}, more than any"
            f" TaskManager has; the closest class, {entry.name!r}, has {spell(name, limit)}"
        )
        if name in problem.reasons:
            message = f"{problem.reasons[name]}, and there is no TaskManager where one of its slots may be"
        return Conflict(name, (slot.group,), class_names(problem), message)
    return None


def _shortage(slot: SlotType, entry: TaskManagerClass) -> tuple[float, int]:
    """Return how far the worst resource is over its limit, and which one that is."""
    return max(
        (need / limit if limit else float("inf"), index)
        for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
        if limit is not None and need > limit
    )


def _too_few_places(problem: Problem) -> Conflict | None:
    """Find a group with fewer slots, or fewer places to stand in, than it has to stand in."""
    for presence in problem.presences:
        group = presence.group
        slots = sum(slot.count for slot in problem.types if slot.group == group)
        where = [tm for tm in problem.usable if problem.may_hold(tm, group)]
        zones = {zone for tm in where if (zone := zone_of(problem.task_managers[tm]))}
        places = len(zones) if presence.zones else len(where)
        if min(slots, places) >= presence.least:
            continue
        why = f"it has only {slots} slots" if slots < presence.least else f"there is room for only {places}"
        names = tuple(dict.fromkeys(problem.classes[problem.class_of[tm]].name for tm in where))
        name = f"{'zones' if presence.zones else 'TaskManagers'} of {group}"
        return Conflict(name, (group,), names, f"{presence.reason}, and {why}")
    return None


def _too_many_of_a_kind(problem: Problem) -> Conflict | None:
    """Find a group with more slots of equal demand than empty TaskManagers hold."""
    alike: dict[tuple[str, tuple[int, ...]], list[SlotType]] = {}
    for slot in problem.types:
        alike.setdefault((slot.group, slot.demand), []).append(slot)
    for types in alike.values():
        slot, count = types[0], sum(one.count for one in types)
        copies = [min(_copies(slot, entry), count) for entry in problem.classes]
        room = _most_of(problem, copies)
        if room < count:
            entry = max(problem.classes, key=lambda entry: _copies(slot, entry))
            scarce = min(
                (limit // need, index)
                for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
                if need and limit is not None
            )
            name = problem.resources[scarce[1]]
            message = (
                f"group {slot.group!r} has {count} slots, and even empty TaskManagers hold only"
                f" {room} of them{_beside(problem)}, for lack of {name}{reasons(problem, slot.group)}"
            )
            if name in problem.reasons:
                message = f"{problem.reasons[name]}, and there is room for only {room} of {count}"
            names = tuple(dict.fromkeys(e.name for e in problem.classes if _copies(slot, e)))
            return Conflict(name, (slot.group,), names, message)
    return None


def _most_of(problem: Problem, amounts: Sequence[int]) -> int:
    """Return what all TaskManagers offer together, given what each of a class does: all but a reserve."""
    total, left = 0, Counter(dict(problem.reserve_by_class) or {"": problem.reserve})
    for amount, entry in sorted(zip(amounts, problem.classes, strict=True), key=lambda one: one[0]):
        name = entry.name if problem.reserve_by_class else ""
        kept = min(len(entry.members), left[name])
        left[name] -= kept
        total += amount * (len(entry.members) - kept)
    return total


def in_reserve(problem: Problem) -> str:
    """Say how many TaskManagers are in reserve, of which classes where that was asked for."""
    named = ", ".join(f"{count} {name}" for name, count in problem.reserve_by_class if count)
    return f"{named or problem.reserve} in reserve"


def _beside(problem: Problem) -> str:
    """Say that a reserve does not count, for the end of an amount."""
    return f" beside {in_reserve(problem)}" if problem.reserve else ""


def _copies(slot: SlotType, entry: TaskManagerClass) -> int:
    return min(
        (limit // need for r, need in slot.needs if (limit := entry.limits[r]) is not None),
        default=slot.count,
    )


def _too_much(problem: Problem) -> Iterator[Conflict]:
    """Find resources that are short in total, each with the fewest groups that need more than there is."""
    for index, name in enumerate(problem.resources):
        limits = [entry.limits[index] for entry in problem.classes]
        if any(limit is None for limit in limits):
            continue
        offered = _most_of(problem, [limit or 0 for limit in limits])
        needs: dict[str, int] = {}
        for slot in problem.types:
            needs[slot.group] = needs.get(slot.group, 0) + slot.demand[index] * slot.count
        if sum(needs.values()) <= offered:
            continue
        chosen: list[str] = []
        total = 0
        for group in sorted(needs, key=lambda group: -needs[group]):
            chosen.append(group)
            total += needs[group]
            if total > offered:
                break
        whose = "all slots together need" if len(chosen) == len(needs) else "their slots together need"
        yield Conflict(
            name,
            tuple(chosen),
            class_names(problem),
            f"{whose} {spell(name, total)} of {name}, the TaskManagers have {spell(name, offered)}"
            f"{_beside(problem)}",
        )


def scarcest(problem: Problem) -> str:
    """Return the resource of which most is used in total."""
    shares = []
    for index, name in enumerate(problem.resources):
        limits = [entry.limits[index] for entry in problem.classes]
        if all(limits):
            offered = sum(
                (limit or 0) * len(e.members) for limit, e in zip(limits, problem.classes, strict=True)
            )
            shares.append((sum(s.demand[index] * s.count for s in problem.types) / offered, name))
    return max(shares, default=(0.0, "slots"))[1]


def reasons(problem: Problem, *names: str) -> str:
    """Say which constraints groups have, for the end of a message."""
    kinds = {slot.group: slot for slot in problem.types}
    told = [
        problem.reasons[resource]
        for name in names
        for resource, need in zip(problem.resources, kinds[name].demand, strict=True)
        if need and resource in problem.reasons
    ]
    told += [presence.reason for presence in problem.presences if presence.group in names]
    return f" ({'; '.join(told)})" if told else ""
