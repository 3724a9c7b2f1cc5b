"""Why nothing fits, and the smallest change that would make it fit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.place.bounds import fits_alone
from planner.place.capacity import Host
from planner.place.problem import Problem, SlotType, TaskManagerClass
from planner.units import CORE, format_cpu, rounded_size

MORE = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024)
PROOF_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Which resource is short, for which groups, on which TaskManagers, and what would help."""

    resource: str
    groups: tuple[str, ...]
    task_managers: tuple[str, ...]
    message: str
    change: str


def explain(problem: Problem, *, quick: bool, seconds: float = 5.0) -> Conflict | None:
    """Return why ``problem`` has no solution: by counting alone with ``quick``, else also by trying.

    Without ``quick`` the caller has a proof already that there is none.
    """
    if not problem.types:
        return None
    if not problem.usable:
        return Conflict(
            "slots",
            _groups(problem),
            (),
            "there is no TaskManager to place slots on",
            "add TaskManagers or lower reserve",
        )
    end = time.monotonic() + seconds
    found = _too_big(problem) or _too_much(problem, end)
    if found is not None or quick:
        return found
    return Conflict(
        "combination", _groups(problem), _names(problem),
        "every resource is enough in total, but slots and TaskManagers do not divide so that all of them fit",
        _more_task_managers(problem, end) or "add TaskManagers, or lower what a slot needs",
    )  # fmt: skip


def _groups(problem: Problem) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slot.group for slot in problem.types))


def _names(problem: Problem) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.name for entry in problem.classes))


def spell(resource: str, amount: int) -> str:
    """Spell an amount of a resource of a problem in its unit."""
    if resource == "cpu":
        return f"{format_cpu(amount)} cores"
    if resource in ("memory", "heap", "offHeap", "managed", "network"):
        return rounded_size(amount)
    return str(amount) if resource == "slots" else f"{amount / CORE:g}"


def _too_big(problem: Problem) -> Conflict | None:
    """Find a slot that no TaskManager can hold even when empty."""
    for slot in problem.types:
        if any(fits_alone(slot, entry) for entry in problem.classes):
            continue
        short, entry = min(
            ((_shortage(slot, entry), entry) for entry in problem.classes),
            key=lambda found: found[0][0],
        )
        _, index = short
        name, need, limit = problem.resources[index], slot.demand[index], entry.limits[index] or 0
        return Conflict(
            name, (slot.group,), _names(problem),
            f"one slot of group {slot.group!r} needs {spell(name, need)} of {name}, more than any TaskManager has;"
            f" the closest class, {entry.name!r}, has {spell(name, limit)}",
            f"lower {name} of group {slot.group!r} to {spell(name, limit)}, or add a TaskManager with {spell(name, need)}",
        )  # fmt: skip
    return None


def _shortage(slot: SlotType, entry: TaskManagerClass) -> tuple[float, int]:
    """Return how far the worst resource is over its limit, and which one that is."""
    over = [
        (need / limit if limit else float("inf"), index)
        for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
        if limit is not None and need > limit
    ]
    return max(over)


def _too_much(problem: Problem, end: float) -> Conflict | None:
    """Find a resource that is short in total, or for the slots that only some TaskManagers can hold."""
    for index, name in enumerate(problem.resources):
        total = sum(slot.demand[index] * slot.count for slot in problem.types)
        limits = [entry.limits[index] for entry in problem.classes]
        if any(limit is None for limit in limits):
            continue
        offered = sum((entry.limits[index] or 0) * len(entry.members) for entry in problem.classes)
        if total > offered:
            groups = tuple(dict.fromkeys(slot.group for slot in problem.types if slot.demand[index]))
            return Conflict(
                name, groups, _names(problem),
                f"all slots together need {spell(name, total)} of {name}, the TaskManagers have {spell(name, offered)}",
                _more_task_managers(problem, end) or f"offer {spell(name, total - offered)} more of {name}, or lower what the groups take",
            )  # fmt: skip
    return _too_many_of_a_kind(problem, end)


def _too_many_of_a_kind(problem: Problem, end: float) -> Conflict | None:
    for slot in problem.types:
        room = sum(_copies(slot, entry) * len(entry.members) for entry in problem.classes)
        if room < slot.count:
            entry = max(problem.classes, key=lambda entry: _copies(slot, entry))
            copies = [
                (limit // need, index)
                for index, (need, limit) in enumerate(zip(slot.demand, entry.limits, strict=True))
                if need and limit is not None
            ]
            name = problem.resources[min(copies)[1]]
            return Conflict(
                name, (slot.group,), _names(problem),
                f"group {slot.group!r} has {slot.count} slots, and even empty TaskManagers hold only {room} of them, for lack of {name}",
                _more_task_managers(problem, end) or f"lower {name} of group {slot.group!r}",
            )  # fmt: skip
    return None


def _copies(slot: SlotType, entry: TaskManagerClass) -> int:
    return min(
        limit // need
        for need, limit in zip(slot.demand, entry.limits, strict=True)
        if need and limit is not None
    )


def _more_task_managers(problem: Problem, end: float) -> str | None:
    """Return the smallest number of additional TaskManagers of one class with which everything fits."""
    answers: list[tuple[int, str]] = []
    for index, entry in enumerate(problem.classes):
        for count in MORE:
            if (answers and count >= min(answers)[0]) or time.monotonic() > end:
                break
            if _solvable(_enlarged(problem, index, count), end):
                answers.append((_fewest(problem, index, count, end), entry.name))
                break
    if not answers:
        return None
    count, name = min(answers)
    return f"{'one more TaskManager' if count == 1 else f'{count} more TaskManagers'} like {name!r} would make it fit"


def _fewest(problem: Problem, index: int, count: int, end: float) -> int:
    """Return the fewest additional TaskManagers with which a placement is found, by bisection up to ``count``."""
    too_few = max((fewer for fewer in MORE if fewer < count), default=0)
    while count - too_few > 1 and time.monotonic() < end:
        middle = (count + too_few) // 2
        if _solvable(_enlarged(problem, index, middle), end):
            count = middle
        else:
            too_few = middle
    return count


def _enlarged(problem: Problem, index: int, count: int) -> Problem:
    entry = problem.classes[index]
    template = problem.hosts[entry.members[0]]
    added: Sequence[Host] = [replace(template, id=f"{template.id}+{n}") for n in range(count)]
    first = len(problem.hosts)
    larger = replace(entry, members=(*entry.members, *range(first, first + count)))
    classes = (*problem.classes[:index], larger, *problem.classes[index + 1 :])
    return replace(problem, classes=classes, hosts=(*problem.hosts, *added))


def _solvable(problem: Problem, end: float) -> bool:
    """Tell whether a placement is found quickly; no answer counts as no."""
    if _total_short(problem):
        return False
    from planner.place.search import construct

    if construct(problem) is not None:
        return True
    from planner.place import exact

    return (
        exact.feasible(problem, exact.Limits(max(0.1, min(PROOF_SECONDS, end - time.monotonic())), 1, 1))
        is True
    )


def _total_short(problem: Problem) -> bool:
    return any(
        sum(slot.demand[index] * slot.count for slot in problem.types)
        > sum((entry.limits[index] or 0) * len(entry.members) for entry in problem.classes)
        for index in range(len(problem.resources))
        if all(entry.limits[index] is not None for entry in problem.classes)
    )
