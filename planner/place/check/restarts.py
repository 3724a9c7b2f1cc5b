"""What losses of TaskManagers restart again, subtask by subtask."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np

from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.failover import restarts_fully
from planner.graph.from_profile import planner_fields
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.graph.restart_sets import restarted_by_loss, subtask_mask
from planner.place.model.slots import job_slots
from planner.units import GIB


@cache
def _spared(slots: int, hits: int, lost: int) -> float:
    """Return the chance that none of ``hits`` slots is among those lost, drawn at random."""
    return float(Fraction(comb(slots - hits, lost), comb(slots, lost)))


def expected_restarts(placement: Placement, profile: ResourceProfile, job: JobGraph) -> float:
    """Return what the loss of a TaskManager, each as likely, is expected to restart.

    A subtask counts one, and one more for each GiB of its state; slots of a group are alike.
    """
    regions, full = pipelined_regions(job), restarts_fully(planner_fields(profile).flink_configuration)
    size = {n.id: n.planner.state.size or 0 for n in profile.nodes if n.planner and n.planner.state}
    slots, region_of = job_slots(profile, job), np.array(regions.region_of, dtype=np.int64)
    total = Counter(slot.group for slot in slots)
    hits: dict[str, Counter[int]] = {group: Counter() for group in total}
    seen: dict[frozenset[int], list[int]] = {}
    for slot in slots:
        lost = frozenset(regions.offsets[vertex] + i for vertex, i in slot.subtasks)
        key = frozenset(regions.region_of[number] for number in lost)
        if key not in seen:
            mask = restarted_by_loss(job, regions, region_of, subtask_mask(regions, sorted(lost)), full)
            seen[key] = np.flatnonzero(mask).tolist()
        hits[slot.group].update(seen[key])
    held = Counter(tuple(sorted(tm.quotas.items())) for tm in placement.task_managers if not tm.reserve)
    expected = 0.0
    for vertex in job.vertices:
        state = sum(size.get(node, 0) for node in vertex.nodes)
        weight = 1 + state / (GIB * vertex.parallelism)
        for number in range(
            regions.offsets[vertex.index], regions.offsets[vertex.index] + vertex.parallelism
        ):
            for quotas, count in held.items():
                spared = 1.0
                for group, lost_slots in quotas:
                    spared *= _spared(total[group], hits[group][number], lost_slots)
                expected += count * weight * (1 - spared)
    return expected / max(sum(held.values()), 1)
