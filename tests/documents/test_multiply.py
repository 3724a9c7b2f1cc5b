"""Every parallelism times a factor: rounded up, one stays one, no more than the most."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from planner import api
from planner.documents.job import Job


def job(**more: Any) -> Job:
    head = {"apiVersion": "planner/v1", "kind": "Job", "metadata": {"name": "x"}}
    operators = [
        {"id": "in", "kind": "source", "parallelism": 3},
        {"id": "one", "kind": "map", "parallelism": 1, "inputs": ["in"]},
        {"id": "out", "kind": "sink", "inputs": ["one"], **more},
    ]
    return Job.model_validate({**head, "spec": {"parallelism": 4, "operators": operators}})


def test_a_job_and_its_profile_alike() -> None:
    twice = api.multiplied(job(), Fraction(3, 2))
    assert isinstance(twice, Job)
    assert (twice.spec.parallelism, [one.parallelism for one in twice.spec.operators]) == (6, [5, 1, None])
    of_profile = api.multiplied(api.compile(job()), Fraction(3, 2))
    assert isinstance(of_profile, api.ResourceProfile)
    assert [node.profile.parallelism for node in of_profile.nodes] == [5, 1, 6]


def test_no_more_than_the_most() -> None:
    with pytest.raises(api.AboveMaxParallelism, match="out: 2 times 40 subtasks"):
        api.multiplied(job(parallelism=40, maxParallelism=64), Fraction(2))
