"""Restart plans: what the loss of a TaskManager restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.api import PlacementMismatch, place, recover
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.recover.recovery_plan import ranges
from planner.recover.restart_strategy import restart_strategy
from samples import SAMPLES, cluster_of, job_of

TWO_PIPELINES = """
apiVersion: planner/v1
kind: Job
metadata: {name: two}
spec:
  parallelism: 3
  operators:
    - {id: a, kind: source}
    - {id: b, kind: map, chaining: never, inputs: [a]}
    - {id: c, kind: source, parallelism: 1}
    - {id: d, kind: sink, parallelism: 2, inputs: [c]}
---
apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec: {taskManagerClasses: [{name: tm, count: 3, cpu: 2, memory: {process: 4 gb}}]}
"""


def two_pipelines() -> tuple[Job, Cluster]:
    job, cluster = (loaded.document for loaded in load(TWO_PIPELINES.encode(), "two.yaml"))
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    return job, cluster


def test_independent_pipelines_restart_alone() -> None:
    job, cluster = two_pipelines()
    placement = place(job, cluster)
    plan = recover(job, placement)
    assert sorted(region.size for region in plan.regions) == [2, 2, 2, 3]  # a-b three times, c-d once
    for failure, tm in zip(plan.failures, placement.task_managers, strict=True):
        names = {name for slot in tm.slots for name in slot.subtasks}
        touched = [r for r in plan.regions if r.id in failure.regions]
        assert failure.lost == len(names)
        assert failure.restarted.subtasks == sum(r.size for r in touched)
        assert failure.restarted.subtasks <= failure.worst.subtasks <= failure.full_restart.subtasks == 9


@pytest.mark.parametrize("name", SAMPLES)
def test_every_subtask_is_in_one_region(name: str) -> None:
    placement = place(job_of(name), cluster_of(name))
    plan = recover(job_of(name), placement)
    assert sum(region.size for region in plan.regions) == plan.subtasks
    assert sum(failure.lost for failure in plan.failures) == plan.subtasks
    for failure in plan.failures:
        assert failure.lost <= failure.restarted.subtasks <= failure.worst.subtasks <= plan.subtasks


def test_a_placement_of_another_job_is_refused() -> None:
    job, cluster = two_pipelines()
    placement = place(job, cluster)
    with pytest.raises(PlacementMismatch):
        recover(job_of("click-enrichment"), placement)


@pytest.mark.parametrize(
    ("options", "kind", "key", "value"),
    [
        ({}, "none", None, None),
        ({"execution.checkpointing.interval": "30 s"}, "exponential-delay", "initial-backoff", "1 s"),
        ({"restart-strategy": "FixedDelay"}, "fixed-delay", "attempts", "1"),
        ({"restart-strategy.type": "off"}, "none", None, None),
        (
            {"restart-strategy.type": "failure-rate", "restart-strategy.failure-rate.delay": "5 s"},
            "failure-rate",
            "delay",
            "5 s",
        ),
        ({"restart-strategy.fixed-delay.attempts": "7"}, "none", None, None),
    ],
)
def test_restart_strategies(options: dict[str, str], kind: str, key: str | None, value: str | None) -> None:
    strategy = restart_strategy(options)
    assert strategy.type == kind
    assert strategy.options.get(key or "") == value


@given(st.sets(st.integers(0, 40)))
def test_ranges_name_exactly_the_numbers(numbers: set[int]) -> None:
    spelled = ranges(sorted(numbers))
    read: set[int] = set()
    for part in filter(None, spelled.split(",")):
        first, _, last = part.partition("-")
        read |= set(range(int(first), int(last or first) + 1))
    assert read == numbers


def test_tasks_groups_and_zones_restart_what_they_touch() -> None:
    job, cluster = two_pipelines()
    zoned = cluster.model_copy(
        update={
            "spec": cluster.spec.model_copy(
                update={
                    "task_manager_classes": [
                        cluster.spec.task_manager_classes[0].model_copy(update={"labels": {"zone": "a"}})
                    ]
                }
            )
        }
    )
    plan = recover(job, place(job, zoned), zoned)
    found = {(one.kind, one.name): one.restarted.subtasks for one in plan.scopes}
    assert found["zone", "a"] == found["slotSharingGroup", "default"] == 9
    assert sorted(count for (kind, _), count in found.items() if kind == "task") == [2, 2, 3, 3]
    assert all(region.restarted == region.size for region in plan.regions)
    assert not [one for one in recover(job, place(job, cluster)).scopes if one.kind == "zone"]


def test_a_job_restarts_as_a_whole_where_it_is_told_to() -> None:
    job, cluster = two_pipelines()
    options = {"jobmanager.execution.failover-strategy": "full"}
    whole = job.model_copy(update={"spec": job.spec.model_copy(update={"flink_configuration": options})})
    plan = recover(whole, place(whole, cluster))
    assert {one.restarted.subtasks for one in plan.scopes} == {9}


def test_what_the_one_that_comes_back_covers() -> None:
    """Quotas of 2 cover those of 2 and 1, those of 1 only those of 1."""
    text = TWO_PIPELINES.replace("count: 3, cpu: 2", "count: 4, cpu: 1").replace(
        "spec: {task", "spec: {reserve: {cover: any-one}, task"
    )
    job, cluster = (loaded.document for loaded in load(text.encode(), "two.yaml"))
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    placement = place(job, cluster, time_limit=60)
    plan = recover(job, placement)
    held = {tm.id: tm.quotas.get("default", 0) for tm in placement.task_managers if tm.slots}
    assert plan.reserve is not None
    assert plan.reserve.worst_cpu_utilisation >= placement.imbalance.max
    for failure in plan.failures:
        if failure.task_manager in held:
            others = [n for name, n in held.items() if name != failure.task_manager]
            assert failure.covered_next == sum(n <= held[failure.task_manager] for n in others)
        else:
            assert failure.covered_next is None
            assert failure.lost == failure.worst.subtasks == 0
