"""Sizing: nothing cheaper is enough, of all numbers of TaskManagers; what is found is enough."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive
from place.search.states import SMALL
from planner import api
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.place.clock import Clock, Stop
from planner.place.engine import instance_of
from planner.place.model.problem import Problem
from planner.place.sizing import cheapest
from planner.place.sizing_plan import Sizing, counted, of_one_class, require_prices

HEAD = {"apiVersion": "planner/v1", "metadata": {"name": "x"}}


def job_of(groups: list[tuple[int, float, int, float]], **constraints: Any) -> Job:
    """Return a job of groups: slots, cores, MiB of heap, load in cores of a subtask."""
    names = [f"g{number}" for number in range(len(groups))]
    spec = {
        "slotSharingGroups": [
            {"name": name, "resources": {"cpu": cpu, "heap": f"{heap} mb", "offHeap": "0"}, **constraints}
            for name, (_, cpu, heap, _) in zip(names, groups, strict=True)
        ],
        "operators": [
            {"id": name, "kind": "source", "parallelism": n, "group": name, "load": {"cpu": load}}
            for name, (n, _, _, load) in zip(names, groups, strict=True)
        ],
    }
    return Job.model_validate({**HEAD, "kind": "Job", "spec": spec})


def offers(*classes: dict[str, Any], **spec: Any) -> Cluster:
    entries = [{"name": f"c{n}", "memory": {"process": "4 gb"}, **one} for n, one in enumerate(classes)]
    return Cluster.model_validate(
        {**HEAD, "kind": "Cluster", "spec": {"taskManagerClasses": entries, **spec}}
    )


def sized(job: Job, cluster: Cluster, target: Fraction = Fraction(4, 5), seconds: float = 20.0) -> Sizing:
    profile, graph = api.compile_job(job)

    def problem_of(one: Cluster) -> Problem:
        return instance_of(profile, graph, one).problem

    return cheapest(cluster, problem_of, target, Clock(Stop(seconds=seconds)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Job, Cluster]:
    groups = [
        (
            draw(st.integers(1, 3)),
            draw(st.sampled_from([0.25, 0.5, 1])),
            draw(st.sampled_from([256, 700, 1500])),
            draw(st.sampled_from([0.1, 0.4, 0.7])),
        )
        for _ in range(draw(st.integers(1, 2)))
    ]
    classes = [
        {
            "cpu": draw(st.sampled_from([1, 2])),
            "memory": {"process": draw(st.sampled_from(["2 gb", "4 gb"]))},
            "min": (least := draw(st.sampled_from([0, 0, 1]))),
            "max": draw(st.integers(max(least, 1), 2)),
            "price": draw(st.sampled_from([0.5, 0.75, 1, 1.1])),
        }
        for _ in range(2)
    ]
    return job_of(groups), offers(*classes)


@SMALL
@given(cases(), st.sampled_from([Fraction(1, 2), Fraction(4, 5), Fraction(1)]))
def test_nothing_cheaper_is_enough(case: tuple[Job, Cluster], target: Fraction) -> None:
    job, cluster = case
    profile, graph = api.compile_job(job)
    classes = cluster.spec.task_manager_classes
    enough = {}
    for counts in itertools.product(*(range(one.min or 0, (one.max or 0) + 1) for one in classes)):
        best = (
            exhaustive(instance_of(profile, graph, counted(cluster, counts)).problem) if any(counts) else None
        )
        if best is not None and best <= target:
            price = sum(Fraction(str(one.price)) * n for one, n in zip(classes, counts, strict=True))
            enough[counts] = price
    found = sized(job, cluster, target)
    assert found.impossible == (not enough) == (found.counts is None)
    if enough:
        assert found.optimal
        assert found.price == min(enough.values())
        assert found.counts in enough
    brief = sized(job, cluster, target, seconds=0.05)
    assert not enough or brief.bound <= min(enough.values())
    assert brief.counts is None or brief.counts in enough
    assert not (brief.impossible and enough)


def test_without_prices_the_fewest() -> None:
    job = job_of([(6, 0.5, 128, 0.5)])
    found = sized(job, offers({"cpu": 1, "max": 10}, {"cpu": 4, "max": 1}))
    assert (found.counts, found.price, found.optimal) == ((0, 1), 1, True)


def test_what_a_placement_keeps_to_is_kept_to() -> None:
    """A spare, two zones and at most one slot on each: more than the slots alone would take."""
    job = job_of([(2, 0.5, 128, 0.1)], placement={"minZones": 2})
    zoned = [
        {"cpu": 2, "max": 4, "price": 1, "labels": {"zone": "a"}},
        {"cpu": 2, "max": 4, "price": 3, "labels": {"zone": "b"}},
    ]
    assert sized(job, offers(*zoned)).counts == (1, 1)
    assert sized(job, offers(*zoned, reserve={"taskManagers": 1})).counts == (2, 1)
    alone = sized(job, of_one_class(offers(*zoned), 0))
    assert (alone.counts, alone.impossible) == (None, True)


def test_many_of_a_class_that_is_too_small() -> None:
    """A slot that fits on none of them; and a slot that only one of the other class holds, behind many."""
    cluster = offers({"cpu": 1, "max": 2000, "price": 0.041}, {"cpu": 4, "max": 1, "price": 500})
    job = job_of([(1, 2, 128, 1.0)])
    assert sized(job, of_one_class(cluster, 0)).impossible
    assert sized(job, cluster).counts == (0, 1)
    spread = job_of([(3, 0.5, 128, 0.1)], placement={"minTaskManagers": 3, "minZones": 3})
    assert sized(spread, of_one_class(cluster, 0), seconds=3).counts is None


def test_those_that_are_there_cost_nothing() -> None:
    job = job_of([(4, 0.5, 128, 0.5)])
    there = [{"id": "old", "cpu": 2, "memory": {"process": "4 gb"}}]
    found = sized(job, offers({"cpu": 2, "max": 4, "price": 1}, taskManagers=there))
    assert (found.counts, found.price) == ((1,), 1)


def test_one_class_alone_has_the_least_of_others() -> None:
    cluster = offers({"cpu": 2, "min": 1, "max": 4, "price": 1}, {"cpu": 4, "max": 4, "price": 1.5})
    assert [(one.min, one.max) for one in of_one_class(cluster, 1).spec.task_manager_classes] == [
        (1, 1),
        (None, 4),
    ]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "no classes of TaskManagers"),
        ([{"cpu": 1, "max": 1, "price": 1}, {"cpu": 1, "max": 1}], "'c1' has no price"),
        ([{"cpu": 1, "max": 1, "price": 1e300}], "too large"),
        ([{"cpu": 1, "max": 1000, "price": 0.1234567890123456}], "too many digits"),
    ],
)
def test_prices_that_cannot_be_compared(classes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(api.ClusterError, match=message):
        require_prices(offers(*classes).spec.task_manager_classes)


def test_a_plan_has_the_cluster_and_each_class_alone() -> None:
    job = job_of([(6, 0.5, 128, 0.5)])
    cluster = offers({"cpu": 2, "max": 2, "price": 1}, {"cpu": 4, "max": 4, "price": 1.8})
    plan = api.size(job, cluster)
    assert plan.data() == {
        "job": "x",
        "utilisation": 0.8,
        "price": 1.8,
        "bound": 1.8,
        "status": "optimal",
        "taskManagers": {"c0": 0, "c1": 1},
        "alone": {"c0": {"price": 2.0, "bound": 2.0}, "c1": {"price": 1.8, "bound": 1.8}},
    }
    assert [one.count for one in plan.cluster.spec.task_manager_classes] == [0, 1]
    assert api.place(job, plan.cluster).imbalance.max <= 0.8


def test_too_few_of_all_are_said() -> None:
    job = job_of([(6, 0.5, 128, 0.5)])
    with pytest.raises(api.NotSizable, match=r"at least 75\.0%: offer more"):
        api.size(job, offers({"cpu": 4, "max": 1, "price": 1}), utilisation=0.5)
    with pytest.raises(api.Infeasible):
        api.size(job, offers({"cpu": 1, "max": 1, "price": 1}))
    with pytest.raises(ValueError, match="share"):
        api.size(job, offers({"cpu": 4, "max": 1, "price": 1}), utilisation=1.5)
