"""The samples, and texts, as documents."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

import planner

D = TypeVar("D")
FOLDER = Path(__file__).parent.parent / "samples"
SAMPLES = sorted(path.parent.name for path in FOLDER.glob("*/job.yaml"))


@cache
def job_of(name: str) -> planner.Job:
    """Return the job of a sample."""
    job = planner.load_job(FOLDER / name / "job.yaml")
    assert isinstance(job, planner.Job)
    return job


@cache
def cluster_of(name: str) -> planner.Cluster:
    """Return the cluster of a sample."""
    return planner.load_cluster(FOLDER / name / "cluster.yaml")


def document(text: str, kind: type[D]) -> D:
    """Return the one document in a text."""
    (loaded,) = planner.load(text, "doc.yaml")
    assert isinstance(loaded.document, kind), loaded.findings
    return loaded.document
