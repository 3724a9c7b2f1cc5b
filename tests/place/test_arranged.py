"""Slots moved by hand: the figures are of what is there, and what was proven stays proven."""

from __future__ import annotations

from fractions import Fraction

import planner
from planner import api
from planner.place.bounds.area import lower_bound
from planner.place.engine import instance_of
from samples import document

JOB = """\
apiVersion: planner/v1
kind: Job
metadata: {name: uneven}
spec:
  slotSharingGroups:
    - {name: heavy, resources: {cpu: 5, heap: 64 mb, managed: {}}}
    - {name: light, resources: {cpu: 1, heap: 64 mb, managed: {}}}
  operators:
    - {id: a, kind: datagen-source, uid: a, group: heavy, parallelism: 3}
    - {id: b, kind: map, uid: b, group: light, parallelism: 1, inputs: [{from: a, ship: rebalance}]}
"""
CLUSTER = """\
apiVersion: planner/v1
kind: Cluster
metadata: {name: two}
spec:
  taskManagerClasses: [{name: tm, count: 2, cpu: 20, memory: {process: 4 gb}, slots: 8}]
"""


def placed(cluster: planner.Cluster) -> tuple[planner.Job, planner.Placement]:
    job = document(JOB, planner.Job)
    return job, planner.place(job, cluster, time_limit=20)


def holder(placement: planner.Placement, group: str) -> str:
    return next(
        tm.id for tm in placement.task_managers if [slot.group for slot in tm.slots].count(group) == 1
    )


def other(name: str) -> str:
    return {"tm-0": "tm-1", "tm-1": "tm-0"}[name]


def test_a_bound_of_the_search_holds_for_what_is_moved_by_hand() -> None:
    """Two of the heavy slots stand together, whatever is done: 10 of 20 cores, where the area allows 8."""
    cluster = document(CLUSTER, planner.Cluster)
    job, best = placed(cluster)
    (level, *_) = best.objective
    instance = instance_of(*api.compile_job(job), cluster)
    assert (level.value, level.bound, level.status) == (0.5, 0.5, "optimal")
    assert lower_bound(instance.problem).value == Fraction(8, 20)

    light = holder(best, "light")
    worse, problems = api.rearrange(job, cluster, best, "light", light, other(light))
    assert not problems
    assert (worse.objective[0].value, worse.objective[0].bound) == (0.55, 0.5)
    assert worse.objective[0].status == "feasible"

    back, problems = api.rearrange(job, cluster, worse, "light", other(light), light)
    assert not problems
    assert (back.objective[0].value, back.objective[0].bound) == (0.5, 0.5)
    assert back.objective[0].status == "optimal"


def test_a_bound_of_another_cluster_proves_nothing() -> None:
    cluster = document(CLUSTER, planner.Cluster)
    job, best = placed(cluster)
    larger = document(CLUSTER.replace("cpu: 20", "cpu: 25"), planner.Cluster)
    light = holder(best, "light")
    moved, _ = api.rearrange(job, larger, best, "light", light, other(light))
    assert (moved.objective[0].value, moved.objective[0].bound) == (0.44, 0.32)
