"""Why nothing fits: the demands that conflict, and the smallest changes that would make everything fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner.errors import PlannerError
from planner.place.bounds.area import fits_alone
from planner.place.clock import Clock
from planner.place.model.problem import PARTS, Problem, SlotType, TaskManagerClass
from planner.place.model.task_managers import TaskManager
from planner.place.parameters import PARAMETERS
from planner.units import CORE, cpu_number, format_cpu, rounded_size

LOWERABLE = ("cpu", *PARTS)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Groups that cannot be placed together, the resource that is short for them, and on which TaskManagers."""

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


@dataclass(frozen=True, slots=True)
class MoreTaskManagers:
    """As many TaskManagers of a class more make everything fit."""

    class_name: str
    count: int

    def __str__(self) -> str:
        number = "one more TaskManager" if self.count == 1 else f"{self.count} more TaskManagers"
        return f"{number} like {self.class_name!r} would make it fit"

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {"addTaskManagers": {"like": self.class_name, "count": self.count}}


@dataclass(frozen=True, slots=True)
class LessForGroup:
    """A slot of a group that takes no more than ``amount`` of a resource makes everything fit."""

    group: str
    resource: str
    amount: int

    def __str__(self) -> str:
        amount = spell(self.resource, self.amount)
        return f"{self.resource} of group {self.group!r} down to {amount} a slot would make it fit"

    def data(self) -> dict[str, object]:
        """Return it as plain data: CPU in cores, memory in bytes."""
        amount = cpu_number(self.amount) if self.resource == "cpu" else self.amount
        return {"lower": {"group": self.group, "resource": self.resource, "to": amount}}


Change = MoreTaskManagers | LessForGroup


@dataclass(frozen=True, slots=True)
class Explanation:
    """Conflicts, without whose groups all others fit, and single changes each of which is enough.

    No group of a conflict can be left out of it, as far as there was time to find out. ``complete``
    tells whether it was verified that the other groups fit. ``reserve`` are TaskManagers that are there
    and kept empty.
    """

    conflicts: tuple[Conflict, ...]
    changes: tuple[Change, ...]
    complete: bool
    reserve: tuple[str, ...] = ()

    def data(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "status": "infeasible",
            "conflicts": [conflict.data() for conflict in self.conflicts],
            "changes": [change.data() for change in self.changes],
            **({"reserve": list(self.reserve)} if self.reserve else {}),
        }


class Infeasible(PlannerError):
    """It is proven that there is no placement; ``explanation`` says why, and what would help."""

    def __init__(self, explanation: Explanation) -> None:
        lines = [conflict.message for conflict in explanation.conflicts]
        lines += [str(change) for change in explanation.changes]
        super().__init__("; ".join(["no placement exists", *lines]))
        self.explanation = explanation


def explain(problem: Problem, clock: Clock) -> Explanation:
    """Return why ``problem``, which is proven to be infeasible, has no placement."""
    reserve = tuple(problem.task_managers[index].id for index in problem.spare)
    if not problem.usable:
        nobody = Conflict("slots", problem.groups, (), "there is no TaskManager to place slots on")
        return Explanation((nobody,), (), complete=True, reserve=reserve)
    conflicts: list[Conflict] = []
    rest, complete = problem, False
    while rest.types:
        found = counting_conflict(rest)
        if found is None:
            possible = _possible(rest, clock)
            if possible is not False:
                complete = possible is True
                break
            found = _combination(rest, clock)
        conflicts.append(found)
        rest = without(rest, found.groups)
    else:
        complete = True
    return Explanation(tuple(conflicts), tuple(_changes(problem, conflicts, clock)), complete, reserve)


def counting_conflict(problem: Problem) -> Conflict | None:
    """Return the smallest conflict that counting alone finds, if there is one."""
    if not problem.types:
        return None
    if not problem.usable:
        return Conflict("slots", problem.groups, (), "there is no TaskManager to place slots on")
    single = _too_big(problem) or _too_many_of_a_kind(problem)
    if single is not None:
        return single
    return min(_too_much(problem), key=lambda conflict: len(conflict.groups), default=None)


def spell(resource: str, amount: int) -> str:
    """Spell an amount of a resource of a problem in its unit."""
    if resource == "cpu":
        return f"{format_cpu(amount)} cores"
    if resource in ("memory", *PARTS):
        return rounded_size(amount)
    return str(amount) if resource == "slots" else f"{amount / CORE:g}"


def _names(problem: Problem) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.name for entry in problem.classes))


def _too_big(problem: Problem) -> Conflict | None:
    """Find a slot that no TaskManager can hold even when empty."""
    for slot in problem.types:
        if any(fits_alone(slot, entry) for entry in problem.classes):
            continue
        (_, index), entry = min(
            ((_shortage(slot, entry), entry) for entry in problem.classes), key=lambda found: found[0][0]
        )
        name, need, limit = problem.resources[index], slot.demand[index], entry.limits[index] or 0
        message = (
            f"one slot of group {slot.group!r} needs {spell(name, need)} of {name}, more than any"
            f" TaskManager has; the closest class, {entry.name!r}, has {spell(name, limit)}"
        )
        if name in problem.reasons:
            message = f"{problem.reasons[name]}, and there is no TaskManager where one of its slots may be"
        return Conflict(name, (slot.group,), _names(problem), message)
    return None


def _shortage(slot: SlotType, entry: TaskManagerClass) -> tuple[float, int]:
    """Return how far the worst resource is over its limit, and which one that is."""
    return max(
        (need / limit if limit else float("inf"), index)
        for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
        if limit is not None and need > limit
    )


def _too_much(problem: Problem) -> Iterator[Conflict]:
    """Find resources that are short in total, each with the fewest groups that need more than there is."""
    for index, name in enumerate(problem.resources):
        limits = [entry.limits[index] for entry in problem.classes]
        if any(limit is None for limit in limits):
            continue
        offered = sum(
            (limit or 0) * len(entry.members) for limit, entry in zip(limits, problem.classes, strict=True)
        )
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
            _names(problem),
            f"{whose} {spell(name, total)} of {name}, the TaskManagers have {spell(name, offered)}",
        )


def _too_many_of_a_kind(problem: Problem) -> Conflict | None:
    for slot in problem.types:
        room = sum(_copies(slot, entry) * len(entry.members) for entry in problem.classes)
        if room < slot.count:
            entry = max(problem.classes, key=lambda entry: _copies(slot, entry))
            scarce = min(
                (limit // need, index)
                for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
                if need and limit is not None
            )
            name = problem.resources[scarce[1]]
            message = (
                f"group {slot.group!r} has {slot.count} slots, and even empty TaskManagers hold only"
                f" {room} of them, for lack of {name}{_where(problem, slot.group)}"
            )
            if name in problem.reasons:
                message = f"{problem.reasons[name]}, and there is room for only {room} of {slot.count}"
            names = tuple(dict.fromkeys(e.name for e in problem.classes if _copies(slot, e)))
            return Conflict(name, (slot.group,), names, message)
    return None


def _where(problem: Problem, *names: str) -> str:
    """Say which constraints groups have, for the end of a message."""
    kinds = {slot.group: slot for slot in problem.types}
    reasons = [
        problem.reasons[resource]
        for name in names
        for resource, need in zip(problem.resources, kinds[name].demand, strict=True)
        if need and resource in problem.reasons
    ]
    return f" ({'; '.join(reasons)})" if reasons else ""


def _copies(slot: SlotType, entry: TaskManagerClass) -> int:
    return min(
        (
            limit // need
            for need, limit in zip(slot.demand, entry.limits, strict=True)
            if need and limit is not None
        ),
        default=slot.count,
    )


def _combination(problem: Problem, clock: Clock) -> Conflict:
    """Take group after group away while the others still do not fit: none of those left can go."""
    left = problem
    for group in problem.groups:
        fewer = without(left, (group,))
        if fewer.types and (counting_conflict(fewer) is not None or _possible(fewer, clock) is False):
            left = fewer
    found = counting_conflict(left)
    if found is not None and set(found.groups) == set(left.groups):
        return found
    apart = ", with groups that may not share one," if left.rivals else ""
    return Conflict(
        _scarcest(left),
        left.groups,
        _names(left),
        f"every resource is enough in total, but slots and TaskManagers{apart} do not divide so that all of"
        f" them fit{_where(left, *left.groups)}",
    )


def _scarcest(problem: Problem) -> str:
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


def without(problem: Problem, groups: Iterable[str]) -> Problem:
    """Return the problem without the slots of ``groups``."""
    gone = set(groups)
    kept = [t for t, slot in enumerate(problem.types) if slot.group not in gone]
    number = {t: new for new, t in enumerate(kept)}
    rivals = tuple((number[a], number[b]) for a, b in problem.rivals if a in number and b in number)
    return replace(problem, types=tuple(problem.types[t] for t in kept), rivals=rivals)


def _possible(problem: Problem, clock: Clock) -> bool | None:
    """Tell whether there is a placement: None where that was not found out in the time."""
    if counting_conflict(problem) is not None:
        return False
    if clock.expired():
        return None
    from planner.place.search.feasibility import (
        find_feasible,  # numpy and solvers: only where they are needed
    )

    found = find_feasible(problem, clock.part(PARAMETERS.trial_work))
    return True if found.state is not None else False if found.impossible else None


def _changes(problem: Problem, conflicts: Sequence[Conflict], clock: Clock) -> Iterator[Change]:
    """Yield the fewest TaskManagers to add, of one class, and single groups to make smaller."""
    added: MoreTaskManagers | None = None
    for name in _names(problem):
        fewest = _fewest_added(problem, name, added.count - 1 if added else PARAMETERS.most_added, clock)
        if fewest is not None:
            added = MoreTaskManagers(name, fewest)
    if added is not None:
        yield added

    if len(conflicts) != 1:
        return
    for group in conflicts[0].groups:
        for resource in LOWERABLE:
            if conflicts[0].resource in (resource, "memory") or len(conflicts[0].groups) > 1:
                change = _lowered_enough(problem, group, resource, clock)
                if change is not None:
                    yield change
                    break


def _fewest_added(problem: Problem, name: str, most: int, clock: Clock) -> int | None:
    """Return the fewest TaskManagers of a class with which a placement is found: doubled, then bisected."""
    high = 1
    while high <= most and not clock.expired():
        if _possible(_enlarged(problem, name, high), clock):
            break
        high *= 2
    else:
        return None
    low = high // 2
    while high - low > 1 and not clock.expired():
        middle = (high + low) // 2
        if _possible(_enlarged(problem, name, middle), clock):
            high = middle
        else:
            low = middle
    return high


def _enlarged(problem: Problem, name: str, count: int) -> Problem:
    """Return the problem with more TaskManagers of a class, which nobody pins anything to by their ids."""
    template = next(
        problem.task_managers[entry.members[0]]
        for entry in problem.classes
        if entry.name == name and entry.members
    )
    new = replace(template, id="")
    members = tuple(range(len(problem.task_managers), len(problem.task_managers) + count))
    fresh = TaskManagerClass(name, template.capacity.cpu // problem.grain, problem.limits_of(new), members)
    task_managers: Sequence[TaskManager] = [replace(new, id=f"{name}+{n}") for n in range(count)]
    return replace(
        problem, classes=(*problem.classes, fresh), task_managers=(*problem.task_managers, *task_managers)
    )


def _lowered_enough(problem: Problem, group: str, resource: str, clock: Clock) -> LessForGroup | None:
    """Return the most of a resource that a slot of a group may take so that a placement is found."""
    index = problem.resources.index(resource)
    now = max((slot.demand[index] for slot in problem.types if slot.group == group), default=0)
    if not now or not _possible(_lowered(problem, group, index, 0), clock):
        return None
    low, high = 0, now
    for _ in range(PARAMETERS.lowering_steps):
        middle = (low + high) // 2
        if clock.expired() or high - low <= max(now // 1000, 1):
            break
        if _possible(_lowered(problem, group, index, middle), clock):
            low = middle
        else:
            high = middle
    return LessForGroup(group, resource, low) if low else None


def _lowered(problem: Problem, group: str, index: int, amount: int) -> Problem:
    memory = problem.resources.index("memory")
    types = []
    for slot in problem.types:
        if slot.group == group and slot.demand[index] > amount:
            demand = list(slot.demand)
            if problem.resources[index] in PARTS:
                demand[memory] -= demand[index] - amount
            demand[index] = amount
            slot = replace(slot, demand=tuple(demand))
        types.append(slot)
    return replace(problem, types=tuple(types))
