"""Whether those in reserve make up for each loss, judged by what the placement tells Flink."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from planner.documents.cluster import Cluster
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.vocabulary import Cover
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.constraints import ZONE
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager
from planner.units import CORE


def covered(
    placement: Placement,
    cluster: Cluster,
    offered: Mapping[str, TaskManager],
    resources: Mapping[str, SlotResources],
) -> Iterator[str]:
    """Yield what is wrong with the spares of a placement: losses without room, quotas without a reserve."""
    spares = {placed.id: placed for placed in placement.task_managers if placed.reserve}
    by_id = {placed.id: placed for placed in placement.task_managers}
    told = set(placement.uncovered or ())
    cover = cluster.spec.reserve.cover
    if told and cover is not None:
        yield f"the loss of {min(told)} is uncovered, and the cluster asks for {cover}"
    for lost in _losses(placement, offered, cover):
        left = [placed for name, placed in spares.items() if name not in lost]
        if told & lost or not (left or cover is not None):
            continue
        slots = Counter(slot.group for name in sorted(lost) for slot in by_id[name].slots)
        if left or (cover is not None and slots):
            yield from (
                f"the loss of {', '.join(sorted(lost)[:3])} {text}"
                for text in _without_room(slots, left, resources)
            )


def _losses(
    placement: Placement, offered: Mapping[str, TaskManager], cover: Cover | None
) -> Iterator[frozenset[str]]:
    names = [placed.id for placed in placement.task_managers]
    if cover is Cover.ANY_ZONE:
        zones: dict[str | None, set[str]] = {}
        for name in names:
            zones.setdefault(dict(offered[name].labels).get(ZONE), set()).add(name)
        yield from map(frozenset, zones.values())
        return
    # of TaskManagers that hold and offer the same, two stand for all of them
    kinds: dict[object, list[str]] = {}
    for placed in placement.task_managers:
        key = tuple(sorted(placed.quotas.items())), placed.reserve and placed.id
        kinds.setdefault(key, []).append(placed.id)
    some = [name for alike in kinds.values() for name in alike[:2]]
    yield from (frozenset({name}) for name in some)
    if cover is Cover.ANY_TWO:
        yield from map(frozenset, itertools.combinations(some, 2))


def _without_room(
    slots: Counter[str], left: list[PlacedTaskManager], resources: Mapping[str, SlotResources]
) -> Iterator[str]:
    """Say what of some slots finds no room where Flink may put each on any spare that has a quota for it."""
    for group, count in slots.items():
        there = sum(min(placed.quotas.get(group, 0), count) for placed in left)
        if there < count:
            yield f"leaves {count - there} slots of group {group!r} without a quota"
    for placed in left:
        most = {group: min(placed.quotas.get(group, 0), count) for group, count in slots.items()}
        options = placed.memory.dynamic_options if placed.memory else {}
        memory = derive_taskmanager(options)
        sizes = (memory.task_heap, memory.task_off_heap, memory.managed, memory.network)
        parts = ("heap", "off_heap", "managed", "network")
        for part, size in zip(parts, sizes, strict=True):
            if sum(getattr(resources[group], part) * count for group, count in most.items()) > size:
                yield f"brings {placed.id} more {part} memory than its options give it"
        cpu = sum(resources[group].cpu * count for group, count in most.items())
        if cpu > float(options["taskmanager.cpu.cores"]) * CORE + 0.5:
            yield f"brings {placed.id} slots that reserve more cpu than there is"
