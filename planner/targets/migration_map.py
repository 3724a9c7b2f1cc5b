"""Which TaskManager runs which subtask, for schedulers that can be told that: Flink's own cannot."""

from __future__ import annotations

from typing import Any

from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import operator_id
from planner.graph.job_graph import JobGraph


def migration_map(placement: Placement, profile: ResourceProfile, job: JobGraph) -> dict[str, Any]:
    """Return by JobVertexID the TaskManager of every subtask, in the order of the subtasks.

    ``profile`` is the complete one that the placement was made from, and ``job`` its graph.
    """
    names = {node.id: operator_id(node) for node in profile.nodes}
    place = {
        subtask: tm.id
        for tm in placement.task_managers
        for slot in tm.slots
        for subtask in slot.subtasks
        if not tm.reserve
    }
    return {
        "job": placement.metadata.name,
        "vertices": [
            {
                "id": vertex.id,
                "name": vertex.name,
                "slotSharingGroup": vertex.group,
                "taskManagers": [
                    place[f"{names[vertex.head]}/{subtask}"] for subtask in range(vertex.parallelism)
                ],
            }
            for vertex in job.vertices
        ],
    }
