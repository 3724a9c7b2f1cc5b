"""Which subtasks read which: consumed partition groups (`EdgeManagerBuildUtil`).

Subtasks that read the same partitions share one group, so an ALL_TO_ALL edge of 10,000 on 10,000
subtasks is one pair of ranges, never 10^8 pairs of subtasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionGroup:
    """``consumers`` each read all partitions of ``producers``."""

    producers: range
    consumers: range


def partition_groups(pointwise: bool, producers: int, consumers: int) -> Iterator[PartitionGroup]:
    """Return the groups of an edge between vertices of the given parallelism, by first consumer.

    The POINTWISE split is `VertexInputInfoComputationUtils`, all in integer division.
    """
    if not pointwise:
        yield PartitionGroup(range(producers), range(consumers))
    elif producers >= consumers:
        for i in range(consumers):
            first, last = i * producers // consumers, (i + 1) * producers // consumers
            yield PartitionGroup(range(first, last), range(i, i + 1))
    else:
        for p in range(producers):
            first, last = -(-p * consumers // producers), -(-(p + 1) * consumers // producers)
            yield PartitionGroup(range(p, p + 1), range(first, last))


def subpartition_counts(pointwise: bool, producers: int, consumers: int) -> list[int]:
    """Return for every producer subtask how many consumers its partition is split for."""
    counts = [0] * producers
    for group in partition_groups(pointwise, producers, consumers):
        for producer in group.producers:
            counts[producer] += len(group.consumers)
    return counts
