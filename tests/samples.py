"""The samples as documents."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load

FOLDER = Path(__file__).parent.parent / "samples"
SAMPLES = sorted(path.parent.name for path in FOLDER.glob("*/job.yaml"))


@cache
def job_of(name: str) -> Job:
    """Return the job of a sample."""
    path = FOLDER / name / "job.yaml"
    (loaded,) = load(path.read_bytes(), path.name)
    assert isinstance(loaded.document, Job)
    return loaded.document


@cache
def cluster_of(name: str) -> Cluster:
    """Return the cluster of a sample."""
    path = FOLDER / name / "cluster.yaml"
    (loaded,) = load(path.read_bytes(), path.name)
    assert isinstance(loaded.document, Cluster)
    return loaded.document
