"""Single changes, each of which would make everything fit: TaskManagers, network memory, less for a group."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from planner.documents.cluster import Cluster, TaskManager
from planner.documents.cluster import TaskManagerClass as ClassOfCluster
from planner.documents.profile import ResourceProfile, SsgProfile
from planner.memory.managed import lowered
from planner.place.clock import Clock
from planner.place.infeasible.combination import possible
from planner.place.infeasible.counting import Conflict, class_names, spell
from planner.place.model.problem import TOGETHER, Problem, TaskManagerClass
from planner.place.model.task_managers import PARTS, class_count
from planner.place.parameters import PARAMETERS
from planner.units import CORE, MIB, cpu_number, format_size

NETWORK = "network"
LOWERABLE = ("cpu", "heap", "offHeap", "managed")
"""Resources that a proposal may lower: those that a job document sets for a group."""
S = TypeVar("S", ClassOfCluster, TaskManager)
ROUND = {"cpu": CORE // 100, "heap": MIB, "offHeap": MIB, "managed": MIB}
"""What a proposed amount is a multiple of, so that a person can type it."""


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


@dataclass(frozen=True, slots=True)
class MoreNetwork:
    """TaskManagers of some classes with ``amount`` bytes of network memory each make everything fit."""

    classes: tuple[str, ...]
    amount: int

    def __str__(self) -> str:
        which = ", ".join(map(repr, self.classes))
        return (
            f"network memory of {format_size(self.amount)} on TaskManagers like {which}"
            " (taskmanager.memory.network.min and .max) would make it fit"
        )

    def data(self) -> dict[str, object]:
        """Return it as plain data, the amount in bytes."""
        return {"raiseNetwork": {"like": list(self.classes), "to": self.amount}}


Change = MoreTaskManagers | LessForGroup | MoreNetwork


def helpful_changes(
    problem: Problem, conflicts: Sequence[Conflict], clock: Clock, prices: Mapping[str, float]
) -> Iterator[Change]:
    """Yield the least network memory, the fewest and the cheapest TaskManagers to add, and smaller groups."""
    if any(conflict.resource == NETWORK for conflict in conflicts):
        raised = _least_network(problem, clock)
        if raised is not None:
            yield raised
    yield from _added(problem, clock, prices)
    if len(conflicts) != 1:
        return
    short = conflicts[0].resource
    for group in conflicts[0].groups:
        for resource in LOWERABLE:
            if short == "memory" or resource in short.split(TOGETHER) or len(conflicts[0].groups) > 1:
                change = _lowered_enough(problem, group, resource, clock)
                if change is not None:
                    yield change
                    break


def _added(problem: Problem, clock: Clock, prices: Mapping[str, float]) -> Iterator[MoreTaskManagers]:
    """Yield the fewest TaskManagers of one class that help, and those that cost least if these are others."""
    fewest: MoreTaskManagers | None = None
    cheapest: MoreTaskManagers | None = None
    for name in problem.templates:
        most = fewest.count - 1 if fewest else PARAMETERS.most_added
        if cheapest is not None and prices.get(name):
            affordable = prices[cheapest.class_name] * cheapest.count / prices[name]
            most = min(max(most, math.ceil(affordable) - 1), PARAMETERS.most_added)
        count = _fewest_added(problem, name, most, clock)
        if count is None:
            continue
        one = MoreTaskManagers(name, count)
        if fewest is None or count < fewest.count:
            fewest = one
        if name in prices and (cheapest is None or _cost(one, prices) < _cost(cheapest, prices)):
            cheapest = one
    if fewest is not None:
        yield fewest
    if cheapest is not None and cheapest != fewest:
        yield cheapest


def _cost(change: MoreTaskManagers, prices: Mapping[str, float]) -> float:
    return change.count * prices[change.class_name]


def _fewest_added(problem: Problem, name: str, most: int, clock: Clock) -> int | None:
    """Return the fewest TaskManagers of a class with which a placement is found: doubled, then bisected."""
    low, high = 0, 1
    while low < most and not clock.expired():
        high = min(high, most)
        if possible(_enlarged(problem, name, high), clock):
            break
        low, high = high, 2 * high
    else:
        return None
    while high - low > 1 and not clock.expired():
        middle = (high + low) // 2
        if possible(_enlarged(problem, name, middle), clock):
            high = middle
        else:
            low = middle
    return high


def _enlarged(problem: Problem, name: str, count: int) -> Problem:
    """Return the problem with more TaskManagers like a template, with the ids that they would have."""
    taken = {tm.id for tm in problem.task_managers}
    ids = (one for number in itertools.count() if (one := f"{name}-{number}") not in taken)
    new = [replace(problem.templates[name], id=next(ids)) for _ in range(count)]
    first = len(problem.task_managers)
    classes: list[TaskManagerClass] = []
    for index, tm in enumerate(new, first):
        limits = problem.limits_of(tm)
        if classes and classes[-1].limits == limits:
            classes[-1] = replace(classes[-1], members=(*classes[-1].members, index))
        else:
            classes.append(TaskManagerClass(name, tm.capacity.cpu // problem.grain, limits, (index,)))
    return replace(
        problem, classes=(*problem.classes, *classes), task_managers=(*problem.task_managers, *new)
    )


def followed(change: Change, profile: ResourceProfile, cluster: Cluster) -> tuple[ResourceProfile, Cluster]:
    """Return the complete profile and the cluster of someone who has followed a proposal."""
    if isinstance(change, MoreTaskManagers):
        return profile, _with_more(cluster, change)
    if isinstance(change, MoreNetwork):
        return profile, _with_network_memory(cluster, change)
    groups = [_lower(one, change) if one.name == change.group else one for one in profile.ssg_profiles]
    return profile.model_copy(update={"ssg_profiles": groups}), cluster


def _lower(group: SsgProfile, change: LessForGroup) -> SsgProfile:
    if change.resource == "managed":
        return group.model_copy(update={"managed": lowered(group.managed, change.amount)})
    figure = {"offHeap": "off_heap"}.get(change.resource, change.resource)
    return group.model_copy(update={figure: change.amount})


def _with_network_memory(cluster: Cluster, change: MoreNetwork) -> Cluster:
    def raised(shape: S, name: str | None) -> S:
        if name not in change.classes or shape.memory is None:
            return shape
        memory = shape.memory.model_copy(update={"network": change.amount})
        return shape.model_copy(update={"memory": memory})

    spec = cluster.spec
    classes = [raised(entry, entry.name) for entry in spec.task_manager_classes]
    managers = [raised(one, one.class_ or one.id) for one in spec.task_managers]
    update = {"task_manager_classes": classes, "task_managers": managers}
    return cluster.model_copy(update={"spec": spec.model_copy(update=update)})


def _with_more(cluster: Cluster, change: MoreTaskManagers) -> Cluster:
    spec, name = cluster.spec, change.class_name
    if any(entry.name == name for entry in spec.task_manager_classes):
        classes = [
            entry.model_copy(update={"count": class_count(entry) + change.count * (entry.name == name)})
            for entry in spec.task_manager_classes
        ]
        return cluster.model_copy(update={"spec": spec.model_copy(update={"task_manager_classes": classes})})
    like = next(one for one in spec.task_managers if one.id == name)
    taken = {one.id for one in spec.task_managers}
    ids = (one for number in itertools.count() if (one := f"{name}-{number}") not in taken)
    more = [like.model_copy(update={"id": next(ids)}) for _ in range(change.count)]
    managers = [*spec.task_managers, *more]
    return cluster.model_copy(update={"spec": spec.model_copy(update={"task_managers": managers})})


def _least_network(problem: Problem, clock: Clock) -> MoreNetwork | None:
    """Return the least network memory with which a placement is found: of one class, else of all of them."""
    names = [name for name in class_names(problem) if _most_network(problem, (name,))]
    found: MoreNetwork | None = None
    for chosen in [(name,) for name in names]:
        amount = _network_enough(problem, chosen, found.amount - MIB if found else None, clock)
        if amount is not None:
            found = MoreNetwork(chosen, amount)
    if found is None and len(names) > 1:
        amount = _network_enough(problem, tuple(names), None, clock)
        found = MoreNetwork(tuple(names), amount) if amount is not None else None
    return found


def _network_enough(problem: Problem, names: tuple[str, ...], most: int | None, clock: Clock) -> int | None:
    """Return the least whole mebibytes of network memory, up to ``most``, on classes so that all fits."""
    room = _most_network(problem, names)
    high = min(room, most if most is not None else room) // MIB
    if high <= 0 or not possible(_with_network(problem, names, high * MIB), clock):
        return None
    index = problem.resources.index(NETWORK)
    low = min(entry.limits[index] or 0 for entry in problem.classes if entry.name in names) // MIB
    while high - low > 1 and not clock.expired():
        middle = (high + low) // 2
        if possible(_with_network(problem, names, middle * MIB), clock):
            high = middle
        else:
            low = middle
    return high * MIB


def _most_network(problem: Problem, names: Sequence[str]) -> int:
    """Return the most network memory that every TaskManager of some classes has room for, 0 where none.

    What the cluster document fixes beside it stays; where it fixes every part, no part can grow.
    """
    capacities = [
        problem.task_managers[index].capacity
        for entry in problem.classes
        if entry.name in names
        for index in entry.members
    ]
    rooms = []
    for capacity in capacities:
        *others, network = capacity.parts
        fixed = [part for part in others if part is not None]
        grows = network is not None and len(fixed) < len(others)
        rooms.append(capacity.memory - sum(fixed) if grows else 0)
    return min(rooms, default=0)


def _with_network(problem: Problem, names: Sequence[str], amount: int) -> Problem:
    """Return the problem with at least ``amount`` bytes of network memory on TaskManagers of some classes."""
    task_managers, classes = list(problem.task_managers), []
    for entry in problem.classes:
        if entry.name in names:
            for index in entry.members:
                tm = task_managers[index]
                heap, off_heap, managed, network = tm.capacity.parts
                parts = heap, off_heap, managed, max(network or 0, amount)
                task_managers[index] = replace(tm, capacity=replace(tm.capacity, parts=parts))
            entry = replace(entry, limits=problem.limits_of(task_managers[entry.members[0]]))
        classes.append(entry)
    return replace(problem, classes=tuple(classes), task_managers=tuple(task_managers))


def _lowered_enough(problem: Problem, group: str, resource: str, clock: Clock) -> LessForGroup | None:
    """Return the most of a resource that a slot of a group may take so that a placement is found."""
    index = problem.resources.index(resource)
    now = max((slot.demand[index] for slot in problem.types if slot.group == group), default=0)
    if not now or not possible(_lowered(problem, group, index, 0), clock):
        return None
    unit = ROUND.get(resource, 1)
    low, high = 0, -(-now // unit)
    for _ in range(PARAMETERS.lowering_steps):
        middle = (low + high) // 2
        if clock.expired() or high - low <= 1:
            break
        if possible(_lowered(problem, group, index, middle * unit), clock):
            low = middle
        else:
            high = middle
    return LessForGroup(group, resource, low * unit) if low else None


def _lowered(problem: Problem, group: str, index: int, amount: int) -> Problem:
    """Return the problem in which slots of a group take no more than ``amount`` of a resource."""
    part = problem.resources[index]
    sums = [
        r
        for r, name in enumerate(problem.resources)
        if part in PARTS and (name == "memory" or (r != index and part in name.split(TOGETHER)))
    ]
    types = []
    for slot in problem.types:
        if slot.group == group and slot.demand[index] > amount:
            demand = list(slot.demand)
            for r in sums:
                demand[r] -= demand[index] - amount
            demand[index] = amount
            slot = replace(slot, demand=tuple(demand))
        types.append(slot)
    return replace(problem, types=tuple(types))
