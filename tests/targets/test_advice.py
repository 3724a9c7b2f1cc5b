"""Advice: it follows from the figures, and its options are those of the version."""

from __future__ import annotations

from typing import Any

import pytest

import planner
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.targets.advice import Advice

HEAD = {"apiVersion": "planner/v1", "metadata": {"name": "x"}}


def advised(classes: list[dict[str, Any]], version: str = "2.2", **spec: Any) -> Advice:
    groups = [{"name": "g", "resources": {"cpu": 1, "heap": "128 mb", "offHeap": "0"}}]
    operator = {"id": "in", "kind": "source", "parallelism": 4, "group": "g", "load": {"cpu": 0.5}}
    job = Job.model_validate(
        {
            **HEAD,
            "kind": "Job",
            "spec": {"flinkVersion": version, "slotSharingGroups": groups, "operators": [operator], **spec},
        }
    )
    entries = [{"memory": {"process": "4 gb"}, **one} for one in classes]
    cluster = Cluster.model_validate({**HEAD, "kind": "Cluster", "spec": {"taskManagerClasses": entries}})
    return planner.advise(job, cluster)


def answers(advice: Advice) -> dict[str, str]:
    return {one.question: one.answer for one in advice.choices}


def test_equal_taskmanagers_that_flink_fills_as_well() -> None:
    """One slot on each of four: no order and no mode can put two together."""
    found = advised([{"name": "c", "count": 4, "cpu": 1}])
    assert answers(found)["TaskManagers"].startswith("on demand")
    assert {way.median for way in found.ways} == {0.5}


def test_unequal_taskmanagers_are_fixed() -> None:
    found = advised([{"name": "small", "count": 2, "cpu": 1}, {"name": "large", "count": 1, "cpu": 4}])
    assert answers(found)["TaskManagers"].startswith("fixed ones")
    placed, *stock = (way.median for way in found.ways)
    assert placed is not None
    assert all(one is None or one >= placed - 1e-6 for one in stock)


@pytest.mark.parametrize(
    ("version", "modes", "option"),
    [
        ("1.18", ["NONE", "SLOTS"], "cluster.evenly-spread-out-slots"),
        ("1.20", ["NONE", "SLOTS"], "taskmanager.load-balance.mode"),
        ("2.2", ["NONE", "SLOTS", "MIN_RESOURCES", "TASKS"], "taskmanager.load-balance.mode"),
    ],
)
def test_modes_and_options_are_those_of_the_version(version: str, modes: list[str], option: str) -> None:
    found = advised([{"name": "c", "count": 2, "cpu": 4}], version)
    assert [way.name for way in found.ways] == ["as placed", *(f"Flink, mode {mode}" for mode in modes)]
    assert option in found.ways[2].options


def test_batch_jobs_may_follow_each_other() -> None:
    found = advised([{"name": "c", "count": 4, "cpu": 1}], type="batch")
    assert "session cluster" in answers(found)["cluster"]
    assert found.data()["advice"][0]["question"] == "cluster"
