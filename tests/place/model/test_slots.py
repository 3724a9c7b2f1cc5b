"""The slots of a job."""

from __future__ import annotations

import pytest

from planner import api
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.documents.option_tables import option_table, supported_versions
from planner.place.model.slots import TURNS

JOB = """apiVersion: planner/v1
kind: Job
metadata: {{name: j}}
spec:
  type: {type}
  flinkConfiguration: {{jobmanager.scheduler: Default{options}}}
  operators: [{{id: s, kind: source}}, {{id: t, inputs: [s], parallelism: 2}}]
---
apiVersion: planner/v1
kind: Cluster
metadata: {{name: c}}
spec: {{taskManagerClasses: [{{name: tm, count: 1, cpu: 2, memory: {{process: 2 gb}}}}]}}
"""


def options(kind: str, own: str = "") -> dict[str, str] | None:
    job, cluster = (one.document for one in load(JOB.format(type=kind, options=own)))
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    return api.place(job, cluster).flink_configuration


def test_the_regions_of_a_batch_job_take_turns_without_delay() -> None:
    """With Flink's 50 s, a region waits that long for slots that another one has done with."""
    assert options("batch") == TURNS
    assert options("streaming") is None
    kept = options("batch", ", slot.idle.timeout: 7 s")
    assert kept == {**TURNS, "slot.idle.timeout": "7 s"}


@pytest.mark.parametrize("version", supported_versions())
def test_every_version_reads_them(version: str) -> None:
    for key, value in TURNS.items():
        assert (found := option_table(version).find(key)) is not None
        assert found.type in ("Long", "Duration")
        assert int(value) > 0
