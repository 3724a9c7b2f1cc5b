"""Bytes a second between slot sharing groups, from measured or declared rates."""

from __future__ import annotations

from collections import Counter

from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph


def group_flows(profile: ResourceProfile, job: JobGraph) -> dict[tuple[str, str], int]:
    """Return the bytes a second that go from slots of one group to slots of another, or of the same one.

    An edge carries what the last operator of its producer's chain that has a load sends: records a
    second times bytes a record, times subtasks. POINTWISE edges within a group stay in their slots
    where Flink can have it so, and are left out.
    """
    loads = {node.id: node.planner.load for node in profile.nodes if node.planner}
    found: Counter[tuple[str, str]] = Counter()
    for edge in job.edges:
        source, target = job.vertices[edge.source], job.vertices[edge.target]
        if edge.pointwise and source.group == target.group:
            continue
        for node in reversed(source.nodes):
            load = loads.get(node)
            if load and load.records_per_second and load.bytes_per_record:
                rate = load.records_per_second * load.bytes_per_record * source.parallelism
                found[source.group, target.group] += round(rate)
                break
    return dict(found)
