"""Single changes, each of which would make everything fit: the fewest TaskManagers more, less for a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from planner.place.clock import Clock
from planner.place.infeasible.combination import possible
from planner.place.infeasible.counting import Conflict, class_names, spell
from planner.place.model.problem import PARTS, Problem, TaskManagerClass
from planner.place.model.task_managers import TaskManager
from planner.place.parameters import PARAMETERS
from planner.units import cpu_number

LOWERABLE = ("cpu", *PARTS)
"""Resources that a proposal may lower: those that a job document sets for a group."""


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


def helpful_changes(problem: Problem, conflicts: Sequence[Conflict], clock: Clock) -> Iterator[Change]:
    """Yield the fewest TaskManagers to add, of one class, and single groups to make smaller."""
    added: MoreTaskManagers | None = None
    for name in class_names(problem):
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
        if possible(_enlarged(problem, name, high), clock):
            break
        high *= 2
    else:
        return None
    low = high // 2
    while high - low > 1 and not clock.expired():
        middle = (high + low) // 2
        if possible(_enlarged(problem, name, middle), clock):
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
    if not now or not possible(_lowered(problem, group, index, 0), clock):
        return None
    low, high = 0, now
    for _ in range(PARAMETERS.lowering_steps):
        middle = (low + high) // 2
        if clock.expired() or high - low <= max(now // 1000, 1):
            break
        if possible(_lowered(problem, group, index, middle), clock):
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
