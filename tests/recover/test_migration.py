"""What a migration changes, and that a takeover moves all of one TaskManager and nothing else."""

from __future__ import annotations

import pytest

from planner import api
from planner.place.check.judge import check
from planner.recover.migration import Step, migration

JOB = api.Job.model_validate(
    {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {
            "slotSharingGroups": [
                {"name": "g", "resources": {"cpu": 1, "heap": "100 mb", "offHeap": "0 mb"}},
                {"name": "h", "resources": {"cpu": 0.5, "heap": "200 mb", "offHeap": "0 mb"}},
            ],
            "operators": [
                {"id": "s", "kind": "source", "group": "g", "parallelism": 4},
                {"id": "t", "group": "h", "parallelism": 6, "inputs": [{"from": "s", "ship": "hash"}]},
            ],
        },
    }
)


def cluster(reserve: dict[str, object], count: int = 5) -> api.Cluster:
    entry = {"name": "m", "count": count, "cpu": 2, "memory": {"process": "1600 mb"}}
    return api.Cluster.model_validate(
        {
            "apiVersion": "planner/v1",
            "kind": "Cluster",
            "metadata": {"name": "c"},
            "spec": {"taskManagerClasses": [entry], "reserve": reserve},
        }
    )


def quotas(placement: api.Placement) -> dict[str, dict[str, int]]:
    return {tm.id: dict(tm.quotas) for tm in placement.task_managers if not tm.reserve}


def test_a_spare_takes_over_from_one_that_is_drained() -> None:
    places = cluster({"cover": "any-one"})
    before = api.place(JOB, places, time_limit=60)
    spare = next(tm.id for tm in before.task_managers if tm.reserve)
    after, left = api.drain(JOB, places, before, ["m-0"])
    expected = {**quotas(before), spare: quotas(before)["m-0"]}
    del expected["m-0"]
    assert quotas(after) == expected
    assert after.moves is not None
    assert after.moves.moved == 0  # what was on the one that is gone is lost, the rest stays
    assert not check(after, api.compile(JOB), left)
    plan = api.migration(before, after, JOB)
    assert [(one.task_manager, one.step) for one in plan.changes] == [(spare, Step.START), ("m-0", Step.END)]
    assert plan.restarted == plan.subtasks == 10


def test_one_that_is_hot_and_a_spare_change_their_parts() -> None:
    places = cluster({"cover": "any-one"})
    before = api.place(JOB, places, time_limit=60)
    spare = next(tm.id for tm in before.task_managers if tm.reserve)
    after, same = api.take_over(JOB, places, before, "m-1")
    assert same == places
    assert quotas(after)[spare] == quotas(before)["m-1"]
    assert next(tm for tm in after.task_managers if tm.id == "m-1").reserve
    assert not after.uncovered


def test_without_an_empty_one_the_slots_are_spread() -> None:
    places = cluster({})
    before = api.place(JOB, places, time_limit=60)
    assert all(tm.slots for tm in before.task_managers)
    after, left = api.drain(JOB, places, before, ["m-0"])
    assert "m-0" not in quotas(after)
    assert not check(after, api.compile(JOB), left)
    with pytest.raises(api.PlacementMismatch, match="no TaskManager without slots can take over"):
        api.take_over(JOB, places, before, "m-0")


def test_several_are_drained_together() -> None:
    places = cluster({}, 6)
    before = api.place(JOB, places, time_limit=60)
    after, _ = api.drain(JOB, places, before, ["m-0", "m-4"])
    assert not {"m-0", "m-4"} & quotas(after).keys()


def test_what_is_not_there_is_named() -> None:
    places = cluster({})
    before = api.place(JOB, places, time_limit=60)
    with pytest.raises(api.PlacementMismatch, match="'m-9'"):
        api.drain(JOB, places, before, ["m-9"])
    with pytest.raises(api.PlacementMismatch, match="'m-9'"):
        api.take_over(JOB, places, before, "m-0", "m-9")


def test_nothing_changes_between_equal_placements() -> None:
    before = api.place(JOB, cluster({"taskManagers": 1}), time_limit=60)
    plan = migration(before, before, *api.compile_job(JOB))
    assert (plan.changes, plan.restarted) == ((), 0)
