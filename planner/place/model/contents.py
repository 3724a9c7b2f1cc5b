"""Contents: what one TaskManager of a class can hold, collected by class and enumerated one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from planner.place.clock import Clock
from planner.place.model.problem import Problem, TaskManagerClass
from planner.place.parameters import PARAMETERS

Content = tuple[int, ...]
"""How many slots of each type."""


@dataclass
class Pool:
    """Contents by class; ``complete`` when there are no others that could matter."""

    contents: list[dict[Content, None]]
    complete: bool = False

    @classmethod
    def empty(cls, problem: Problem) -> Pool:
        """Return a pool without contents."""
        return cls([{} for _ in problem.classes])


def contents_within(problem: Problem, caps: Sequence[int], pool: Pool) -> Pool:
    """Return the contents of a pool whose load in no sample is above the cap of their class."""
    by_sample = list(zip(*(slot.samples for slot in problem.types), strict=True))
    return Pool(
        [
            {
                content: None
                for content in contents
                if all(
                    sum(n * load for n, load in zip(content, loads, strict=True)) <= cap
                    for loads in by_sample
                )
            }
            for contents, cap in zip(pool.contents, caps, strict=True)
        ]
    )


def every_content(problem: Problem, caps: Sequence[int], clock: Clock) -> Pool | None:
    """Return all contents that a solution within ``caps`` may use, None if they are too many.

    What all TaskManagers leave free together is known, so none of them can leave more than that.
    """
    free = (
        sum(cap * len(entry.members) for cap, entry in zip(caps, problem.classes, strict=True))
        - problem.total_load
    )
    pool = Pool.empty(problem)
    nodes = PARAMETERS.content_nodes
    for index, (entry, cap) in enumerate(zip(problem.classes, caps, strict=True)):
        search = _Contents(problem, entry, cap, cap - free, nodes)
        for content in search:
            pool.contents[index][content] = None
            if len(pool.contents[index]) > PARAMETERS.contents_of_class:
                search.nodes = 0
        clock.charge((nodes - search.nodes) * PARAMETERS.work_of_content_node)
        nodes = search.nodes
        if nodes <= 0:
            return None
    pool.complete = True
    return pool


@dataclass
class _Contents:
    """All contents of a class with a load between two figures, depth first, heaviest types first."""

    problem: Problem
    entry: TaskManagerClass
    cap: int
    low: int
    nodes: int
    _current: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[Content]:
        types = self.problem.types
        self._order = sorted(range(len(types)), key=lambda t: -types[t].load)
        self._limited = [r for r, limit in enumerate(self.entry.limits) if limit is not None]
        self._current = [0] * len(types)
        self._rivals = {t: set[int]() for t in range(len(types))}
        for first, second in self.problem.rivals:
            self._rivals[first].add(second)
            self._rivals[second].add(first)
        room = [self.entry.limits[r] or 0 for r in self._limited]
        yield from self._deeper(0, self.cap, room)

    def _deeper(self, start: int, left: int, room: list[int]) -> Iterator[Content]:
        if self.cap - left >= self.low:
            yield tuple(self._current)
        for position in range(start, len(self._order)):
            t = self._order[position]
            slot = self.problem.types[t]
            if self._current[t] >= slot.count or slot.load > left:
                continue
            if any(self._current[other] for other in self._rivals[t]):
                continue
            self.nodes -= 1
            if self.nodes <= 0:
                return
            rest = [free - slot.demand[r] for free, r in zip(room, self._limited, strict=True)]
            if rest and min(rest) < 0:
                continue
            self._current[t] += 1
            yield from self._deeper(position, left - slot.load, rest)
            self._current[t] -= 1
