"""Slot sharing: which subtasks share a slot, by Flink's two strategies.

A slot of a group is a tuple of (vertex, subtask) pairs. How many slots a sharing group needs is the
largest parallelism in it, whatever the strategy.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from planner.graph.job_graph import JobGraph, JobVertex
from planner.graph.partition_groups import partition_groups
from planner.graph.regions import Subtask

Slots = Mapping[str, Sequence[Sequence[Subtask]]]
"""Slots by sharing group, each with its subtasks in the order in which they were added."""


def local_input_preferred(job: JobGraph) -> Slots:
    """Return the slots of `LocalInputPreferredSlotSharingStrategy`: subtasks join their producers.

    Used by the default scheduler unless ``taskmanager.load-balance.mode`` is TASKS.
    """
    slots: dict[str, list[list[Subtask]]] = defaultdict(list)
    slot_of: dict[Subtask, int] = {}
    together: dict[tuple[str, int], int] = {}
    for index in job.order:
        vertex = job.vertices[index]
        mine = slots[vertex.sharing]
        free = dict.fromkeys(range(len(mine)))
        chosen: dict[int, int] = {}
        candidates: list[list[deque[int]]] = []
        for edge in job.inputs[index]:
            producer = job.vertices[edge.source]
            of_consumer: list[deque[int]] = [deque()] * vertex.parallelism
            if producer.sharing == vertex.sharing:
                for group in partition_groups(edge.pointwise, producer.parallelism, vertex.parallelism):
                    shared = deque(dict.fromkeys(slot_of[edge.source, p] for p in group.producers))
                    for consumer in group.consumers:
                        of_consumer[consumer] = shared
            candidates.append(of_consumer)
        for subtask in range(vertex.parallelism):
            found = together.get((vertex.co_location, subtask)) if vertex.co_location else None
            if found is None:
                found = _first_free((of_consumer[subtask] for of_consumer in candidates), free)
            else:
                free.pop(found, None)
            if found is not None:
                chosen[subtask] = found
        for subtask in range(vertex.parallelism):
            slot = chosen.get(subtask)
            if slot is None:
                if free:
                    slot = next(iter(free))
                    del free[slot]
                else:
                    slot = len(mine)
                    mine.append([])
            mine[slot].append((index, subtask))
            slot_of[index, subtask] = slot
            if vertex.co_location:
                together[vertex.co_location, subtask] = slot
    return slots


def _first_free(candidates: Iterable[deque[int]], free: dict[int, None]) -> int | None:
    for shared in candidates:
        while shared:
            slot = shared.popleft()
            if slot in free:
                del free[slot]
                return slot
    return None


def task_balanced(job: JobGraph) -> Slots:
    """Return the slots of `TaskBalancedExecutionSlotSharingGroupBuilder`: equal task counts.

    Used for streaming jobs where ``taskmanager.load-balance.mode`` is TASKS.
    """
    sizes: dict[str, int] = defaultdict(int)
    for vertex in job.vertices:
        sizes[vertex.sharing] = max(sizes[vertex.sharing], vertex.parallelism)
    slots: dict[str, list[list[Subtask]]] = {
        sharing: [[] for _ in range(size)] for sharing, size in sizes.items()
    }
    following: dict[str, int] = defaultdict(int)
    together: dict[tuple[str, int], list[Subtask]] = {}
    for index in job.order:
        vertex = job.vertices[index]
        size = sizes[vertex.sharing]
        if vertex.co_location:
            _co_located(index, vertex, slots[vertex.sharing], together)
            if vertex.parallelism < size:
                following[vertex.sharing] = _least_loaded(slots[vertex.sharing])
            continue
        start = 0 if vertex.parallelism == size else following[vertex.sharing]
        for subtask in range(vertex.parallelism):
            slots[vertex.sharing][(start + subtask) % size].append((index, subtask))
        if vertex.parallelism < size:
            following[vertex.sharing] = (start + vertex.parallelism) % size
    return slots


def _co_located(
    index: int,
    vertex: JobVertex,
    slots: Sequence[list[Subtask]],
    together: dict[tuple[str, int], list[Subtask]],
) -> None:
    """Add the subtasks of a vertex to the slots of their co-location group, new ones to the emptiest."""
    assert vertex.co_location is not None
    for subtask in range(vertex.parallelism):
        key = vertex.co_location, subtask
        if key not in together:
            together[key] = slots[_least_loaded(slots, without=index)]
        together[key].append((index, subtask))


def _least_loaded(slots: Sequence[list[Subtask]], without: int | None = None) -> int:
    """Return the first slot with the fewest subtasks, of those that hold none of the vertex ``without``."""
    able = [n for n, slot in enumerate(slots) if all(vertex != without for vertex, _ in slot)]
    return min(able, key=lambda n: len(slots[n]), default=0)
