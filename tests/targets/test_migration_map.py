"""The TaskManager of every subtask: each once, as many on each as the placement has, in order."""

from __future__ import annotations

from collections import Counter

import pytest
from placements import placement, profile

import planner


def test_every_subtask_has_the_taskmanager_of_its_slot() -> None:
    job = profile("2.2")
    planned = placement(job)
    found = planner.export_migration_map(planned, job)
    assert found["job"] == planned.metadata.name
    there = Counter(
        (one["slotSharingGroup"], tm) for one in found["vertices"] for tm in set(one["taskManagers"])
    )
    quotas = {(group, tm.id) for tm in planned.task_managers for group, slots in tm.quotas.items() if slots}
    assert set(there) == {
        one for one in quotas if one[1] not in {tm.id for tm in planned.task_managers if tm.reserve}
    }
    for one in found["vertices"]:
        assert len(one["id"]) == 32
        for subtask, tm in enumerate(one["taskManagers"]):
            slots = next(each for each in planned.task_managers if each.id == tm).slots
            assert any(name.endswith(f"/{subtask}") for slot in slots for name in slot.subtasks)


def test_a_simulation_is_no_placement_to_follow() -> None:
    job = profile("2.2")
    simulated = planner.simulate(job, planner.load_cluster("samples/large/cluster.yaml"), planner.Mode.SLOTS)
    with pytest.raises(planner.NotExportable, match="simulation"):
        planner.export_migration_map(simulated, job)
