"""Restart sets: `RestartPipelinedRegionFailoverStrategy`."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.graph.exchange import partition_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.graph.job import JobEdge, JobGraph
    from planner.graph.regions import Regions


@dataclass(frozen=True)
class RegionGraph:
    """How regions depend on each other.

    ``consumers[r]`` are the regions that read anything region r produces, ``consumed[r]`` the edges
    and partitions it reads from other regions, one entry for every (edge, producer subtasks).
    """

    regions: Regions
    consumers: tuple[frozenset[int], ...]
    consumed: tuple[tuple[tuple[JobEdge, range], ...], ...]


def region_graph(job: JobGraph, regions: Regions) -> RegionGraph:
    """Return the dependencies of the regions of ``job`` over results that separate regions."""
    consumers: list[set[int]] = [set() for _ in regions.members]
    consumed: dict[int, dict[tuple[int, range], tuple[JobEdge, range]]] = defaultdict(dict)
    for edge in job.edges:
        if edge.type.must_be_pipelined:
            continue
        producers, readers = (
            job.vertices[edge.source].parallelism,
            job.vertices[edge.target].parallelism,
        )
        for group in partition_groups(edge.pointwise, producers, readers):
            reading = {regions.of(edge.target, consumer) for consumer in group.consumers}
            for region in {regions.of(edge.source, producer) for producer in group.producers}:
                consumers[region] |= reading
            for region in reading:
                consumed[region][edge.index, group.producers] = (edge, group.producers)
    return RegionGraph(
        regions,
        tuple(frozenset(found) for found in consumers),
        tuple(tuple(consumed[region].values()) for region in range(len(regions.members))),
    )


def restarted_regions(
    graph: RegionGraph, failed: Iterable[int], available: Callable[[JobEdge, int], bool]
) -> set[int]:
    """Return the regions that restart when the regions ``failed`` fail.

    A restarted region restarts everything that reads from it, and the producers of what it reads
    and is not ``available`` (edge, producer subtask) any more.
    """
    restarted = set(failed)
    queue = deque(restarted)
    while queue:
        region = queue.popleft()
        following = set(graph.consumers[region])
        for edge, producers in graph.consumed[region]:
            following |= {graph.regions.of(edge.source, p) for p in producers if not available(edge, p)}
        new = following - restarted
        restarted |= new
        queue.extend(new)
    return restarted
