"""What the loss of a slot restarts, which makes some placements better than others for recovery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from planner.documents.profile import ResourceProfile
from planner.graph.failover import restarts_fully
from planner.graph.from_profile import planner_fields
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.graph.restart_sets import restarted_by_loss, subtask_mask
from planner.place.model.problem import Restarts
from planner.place.model.slots import JobSlot
from planner.units import GIB


def restarts_of(
    profile: ResourceProfile, job: JobGraph, slots: Sequence[JobSlot], groups: Sequence[str]
) -> tuple[Restarts, ...]:
    """Return what losses of slots of ``groups`` restart, a job's subtasks put together by what restarts them.

    A subtask weighs one, and one more for each GiB of the state that it restores, as moves do.
    """
    number = {group: index for index, group in enumerate(groups)}
    regions, full = pipelined_regions(job), restarts_fully(planner_fields(profile).flink_configuration)
    # slots in the same regions restart the same
    alike = Counter(
        (slot.group, frozenset(regions.region(vertex, i) for vertex, i in slot.subtasks)) for slot in slots
    )
    region_of = np.array(regions.region_of, dtype=np.int64)
    hits = np.zeros((len(groups), len(region_of)), dtype=np.int64)
    for (group, touched), count in alike.items():
        lost = subtask_mask(regions, [one for region in touched for one in regions.members[region]])
        hits[number[group]] += count * restarted_by_loss(job, regions, region_of, lost, full)
    weights = _subtask_weights(profile, job)
    found: dict[tuple[int, ...], Fraction] = {}
    for vertex in job.vertices:
        first = regions.offsets[vertex.index]
        rows = map(tuple, hits[:, first : first + vertex.parallelism].T.tolist())
        for row, count in Counter(rows).items():
            found[row] = found.get(row, Fraction(0)) + count * weights[vertex.index]
    return tuple(
        Restarts(weight, tuple((group, many) for group, many in enumerate(row) if many))
        for row, weight in found.items()
        if any(row)
    )


def _subtask_weights(profile: ResourceProfile, job: JobGraph) -> dict[int, Fraction]:
    """Return what one subtask of every vertex weighs."""
    size = {
        node.id: node.planner.state.size or 0 for node in profile.nodes if node.planner and node.planner.state
    }
    return {
        vertex.index: 1 + Fraction(sum(size.get(node, 0) for node in vertex.nodes), GIB * vertex.parallelism)
        for vertex in job.vertices
    }
