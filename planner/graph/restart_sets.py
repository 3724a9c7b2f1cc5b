"""Restart sets: `RestartPipelinedRegionFailoverStrategy`, over all subtasks of an edge at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planner.graph.job_graph import JobEdge, JobGraph
from planner.graph.regions import Regions

Mask = NDArray[np.bool_]
"""One entry for every subtask of the job (numbered as in :class:`Regions`) or of a vertex."""


def subtask_mask(regions: Regions, numbers: list[int]) -> Mask:
    """Return a mask over all subtasks with the given ones set."""
    mask = np.zeros(len(regions.region_of), dtype=np.bool_)
    mask[numbers] = True
    return mask


def restarted_subtasks(
    job: JobGraph,
    regions: Regions,
    region_of: NDArray[np.int64],
    failed: Mask,
    unavailable: Callable[[JobEdge], Mask | bool],
) -> Mask:
    """Return the subtasks that restart when those in ``failed`` fail.

    A region restarts as a whole. It restarts everything that reads from it, and the producers of what
    it reads and is not available any more: ``unavailable`` tells for an edge, as a mask over the
    producer's subtasks or one answer for all, whose results are gone. ``region_of`` is that of
    ``regions`` as an array.
    """
    if all(edge.type.must_be_pipelined for edge in job.edges):  # then none leads to another region
        whole = np.zeros(len(regions.members), dtype=np.bool_)
        whole[region_of[failed]] = True
        return np.asarray(whole[region_of])
    mask = failed.copy()
    count = -1
    while (found := int(mask.sum())) != count:
        count = found
        whole = np.zeros(len(regions.members), dtype=np.bool_)
        whole[region_of[mask]] = True
        mask = whole[region_of]
        for edge in job.edges:
            producers = _of(job, regions, mask, edge.source)
            consumers = _of(job, regions, mask, edge.target)
            consumers |= _readers(edge, producers, len(consumers))
            producers |= _read(edge, consumers, len(producers)) & unavailable(edge)
    return mask


def restarted_by_loss(
    job: JobGraph, regions: Regions, region_of: NDArray[np.int64], lost: Mask, full: bool
) -> Mask:
    """Return the subtasks that restart when those in ``lost`` fail together with their results.

    ``full`` is that of `restarts_fully`. What several losses at once restart is what each of them restarts.
    """
    if full:
        return np.full(len(regions.region_of), lost.any())

    def unavailable(edge: JobEdge) -> Mask | bool:
        return _of(job, regions, lost, edge.source) if edge.type.reconsumable else True

    return restarted_subtasks(job, regions, region_of, lost, unavailable)


def _of(job: JobGraph, regions: Regions, mask: Mask, vertex: int) -> Mask:
    first = regions.offsets[vertex]
    return mask[first : first + job.vertices[vertex].parallelism]


def _starts(many: int, few: int) -> NDArray[np.int64]:
    """Return where the share of each of the ``few`` begins among the ``many`` of a POINTWISE edge."""
    return np.arange(few, dtype=np.int64) * many // few


def _ceiling_starts(many: int, few: int) -> NDArray[np.int64]:
    return -(-np.arange(few, dtype=np.int64) * many // few)


def _readers(edge: JobEdge, producers: Mask, consumers: int) -> Mask | np.bool_:
    """Return which consumers read from a producer in the mask (see `graph/exchange.py`)."""
    if not edge.pointwise:
        return producers.any()
    if len(producers) >= consumers:
        return np.logical_or.reduceat(producers, _starts(len(producers), consumers))
    starts = _ceiling_starts(consumers, len(producers))
    return np.repeat(producers, np.diff(starts, append=consumers))


def _read(edge: JobEdge, consumers: Mask, producers: int) -> Mask | np.bool_:
    """Return which producers are read by a consumer in the mask."""
    if not edge.pointwise:
        return consumers.any()
    if producers >= len(consumers):
        starts = _starts(producers, len(consumers))
        return np.repeat(consumers, np.diff(starts, append=producers))
    return np.logical_or.reduceat(consumers, _ceiling_starts(len(consumers), producers))
