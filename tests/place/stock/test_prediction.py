"""What stock Flink would do, held against what a real cluster was seen to do."""

from __future__ import annotations

from random import Random

import pytest

from place.ways import simple
from planner.api import compile_job, place, simulate
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.place.model.problem import build_problem
from planner.place.model.slots import slot_resources
from planner.place.model.task_managers import task_managers_of
from planner.place.parameters import PARAMETERS
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import (
    default_slots,
    effective,
    orders,
    outcome,
    steps,
    stock_slots,
)

JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: uneven}
spec:
  operators:
    - {id: src, kind: source, parallelism: 2}
    - {id: km, inputs: [{from: src, ship: HASH}], parallelism: 4}
    - {id: out, kind: sink, inputs: [{from: km, ship: REBALANCE}], parallelism: 2}
"""
DECLARED = JOB.replace(
    "  operators:", "  slotSharingGroups: [{name: default, resources: {cpu: 0.1, heap: 32 mb}}]\n  operators:"
)
BATCH = JOB.replace("spec:", "spec:\n  type: BATCH")
CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: two}
spec:
  taskManagerClasses:
    - {name: tm, count: 2, cpu: 3, memory: {process: 4 gb}, slots: 3}
"""


def documents(job: str, cluster: str = CLUSTER) -> tuple[Job, Cluster]:
    one = load(job.encode(), "job.yaml")[0].document
    two = load(cluster.encode(), "cluster.yaml")[0].document
    assert isinstance(one, Job)
    assert isinstance(two, Cluster)
    return one, two


def tasks(job: str, mode: Mode, cluster: str = CLUSTER) -> set[tuple[int, ...]]:
    """Return the tasks by TaskManager, most first, of every outcome that 30 orders have."""
    document, places = documents(job, cluster)
    profile, graph = compile_job(document)
    slots = stock_slots(profile, graph, mode)
    problem = build_problem(slots, slot_resources(profile), task_managers_of(places))
    default, rng = default_slots(profile, problem), Random(1)
    found = set()
    for _ in range(30):
        placed = outcome(problem, slots, effective(mode, graph), rng, default)
        assert placed is not None
        counts = (sum(len(slot.subtasks) for slot in held) for held in placed.values())
        found.add(tuple(sorted(counts, reverse=True)))
    return found


@pytest.mark.parametrize(
    ("mode", "seen"), [(Mode.NONE, (7, 1)), (Mode.MIN_RESOURCES, (5, 3)), (Mode.SLOTS, (4, 4))]
)
def test_default_slots_as_seen_on_a_real_cluster(mode: Mode, seen: tuple[int, ...]) -> None:
    # 3+1 slots of 3, 3, 1 and 1 tasks in any order, or 2+2 of them
    allowed = {(4, 4), (6, 2)} if mode is Mode.SLOTS else {(7, 1), (5, 3)}
    assert seen in tasks(JOB, mode) <= allowed


def test_tasks_are_balanced_over_the_slots_of_a_streaming_job_only() -> None:
    assert tasks(JOB, Mode.TASKS) == {(6, 2)}  # 3+1 slots of 2 tasks, as seen on a real cluster
    assert tasks(BATCH, Mode.TASKS) == tasks(BATCH, Mode.NONE)


def test_slots_of_given_resources_are_as_many_as_fit() -> None:
    assert tasks(DECLARED, Mode.NONE) == {(8, 0)}


def test_without_numbers_of_slots_there_are_no_default_slots() -> None:
    assert tasks(JOB, Mode.NONE, CLUSTER.replace(", slots: 3", "")) == {(8, 0)}


def test_flink_alone_knows_no_reserve() -> None:
    spare = CLUSTER + "    - {name: spare, count: 1, cpu: 3, memory: {process: 4 gb}, slots: 3}\n"
    document, cluster = documents(DECLARED, spare + "  reserve: {taskManagers: 1}\n")
    by_flink = simulate(document, cluster, Mode.SLOTS)
    planned = place(document, cluster)
    assert sum(bool(tm.slots) for tm in by_flink.task_managers) == 3
    assert sum(bool(tm.slots) for tm in planned.task_managers) == 2
    assert planned.stock_flink["slots"].max == pytest.approx(by_flink.imbalance.max)


def test_the_larger_a_cluster_the_fewer_orders_are_followed() -> None:
    problem = simple([("a", 1, 10)], [4] * 10)
    assert steps(problem, 10) == 20
    assert orders(problem, 10) == PARAMETERS.flink_orders
    assert orders(problem, PARAMETERS.flink_steps // 3) == 2
    assert orders(problem, 10 * PARAMETERS.flink_steps) == 1
