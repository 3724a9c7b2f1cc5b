"""Pipelined regions: what fails, and restarts, together (`*PipelinedRegionComputeUtil`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from planner.graph.components import components, strong_components
from planner.graph.job_graph import JobEdge, JobGraph
from planner.graph.partition_groups import partition_groups

Subtask = tuple[int, int]
"""A vertex index and a subtask number."""


@dataclass(frozen=True)
class Regions:
    """The pipelined regions of a job; subtasks are numbered through, vertex by vertex."""

    offsets: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]

    @cached_property
    def region_of(self) -> tuple[int, ...]:
        """The region of every subtask, by its number."""
        found = [0] * sum(map(len, self.members))
        for region, numbers in enumerate(self.members):
            for number in numbers:
                found[number] = region
        return tuple(found)

    def region(self, vertex: int, subtask: int) -> int:
        """Return the region of a subtask."""
        return self.region_of[self.offsets[vertex] + subtask]

    def subtasks(self, region: int) -> Iterator[Subtask]:
        """Return the members of a region as vertex and subtask."""
        vertex = 0
        for number in self.members[region]:
            while vertex + 1 < len(self.offsets) and number >= self.offsets[vertex + 1]:
                vertex += 1
            yield vertex, number - self.offsets[vertex]


def pipelined_regions(job: JobGraph) -> Regions:
    """Return the pipelined regions of ``job``, each sorted, ordered by their first subtask.

    Every logical region with an ALL_TO_ALL edge inside, even a blocking one, is one region; the
    others fall apart into connected subtasks, after which regions that wait for each other in a
    circle are merged.
    """
    offsets: list[int] = []
    total = 0
    for vertex in job.vertices:
        offsets.append(total)
        total += vertex.parallelism
    logical_of = {vertex: number for number, region in enumerate(job.logical_regions) for vertex in region}
    inside = [edge for edge in job.edges if logical_of[edge.source] == logical_of[edge.target]]
    whole = {logical_of[edge.source] for edge in inside if not edge.pointwise}

    pairs: list[tuple[int, int]] = []
    for region in (job.logical_regions[number] for number in whole):
        first = offsets[region[0]]
        for index in region:
            pairs += [(first, offsets[index] + i) for i in range(job.vertices[index].parallelism)]
    loose = [edge for edge in inside if logical_of[edge.source] not in whole]
    for edge in loose:
        if edge.type.must_be_pipelined:
            pairs += _subtask_pairs(job, edge, offsets)
    regions = components(total, pairs)

    waits = [edge for edge in loose if not edge.type.must_be_pipelined]
    if waits:
        region_of = {number: index for index, numbers in enumerate(regions) for number in numbers}
        successors: list[set[int]] = [set() for _ in regions]
        for edge in waits:
            for producer, consumer in _subtask_pairs(job, edge, offsets):
                successors[region_of[producer]].add(region_of[consumer])
        merged = (
            sorted(n for index in circle for n in regions[index]) for circle in strong_components(successors)
        )
        regions = tuple(map(tuple, sorted(merged)))
    return Regions(tuple(offsets), regions)


def _subtask_pairs(job: JobGraph, edge: JobEdge, offsets: list[int]) -> Iterator[tuple[int, int]]:
    """Return the connected subtasks of a POINTWISE edge, which are at most their sum."""
    producers, consumers = (
        job.vertices[edge.source].parallelism,
        job.vertices[edge.target].parallelism,
    )
    for group in partition_groups(edge.pointwise, producers, consumers):
        for producer in group.producers:
            for consumer in group.consumers:
                yield offsets[edge.source] + producer, offsets[edge.target] + consumer
