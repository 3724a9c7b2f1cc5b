"""Set-ups that people published and that run on stock Flink: every one has a placement."""

from __future__ import annotations

from pathlib import Path

import pytest

import planner
from planner import api
from planner.documents.cluster import Cluster
from planner.documents.finding import Severity
from planner.documents.job import Job
from planner.documents.load import load

FOLDER = Path(__file__).parents[1] / "published"
FILES = sorted(FOLDER.glob("*.yaml"))
TIME_LIMIT = 2.0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_runs_on_stock_flink_is_placed(path: Path) -> None:
    loaded = load(path.read_bytes(), path.name)
    assert [f for f in api.validate(*loaded) if f.severity is Severity.ERROR] == []
    job, cluster = (entry.document for entry in loaded)
    if not isinstance(cluster, Cluster):
        found = api.cluster_of_deployment(*loaded)
        assert found is not None
        cluster = found.cluster
    assert isinstance(job, Job)
    placement = planner.place(job, cluster, time_limit=TIME_LIMIT)
    assert all(strategy.fits for strategy in placement.stock_flink.values())
    highest = max(tm.utilisation["cpu"] for tm in placement.task_managers)
    stock = [strategy.max for strategy in placement.stock_flink.values() if strategy.max is not None]
    assert highest <= min(stock) + 1e-9


def test_every_set_up_has_its_source() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = {
        name for row in readme.splitlines() if row.startswith("| ") for name in row.split("|")[1].split(", ")
    }
    assert {path.stem for path in FILES} == {name.strip() for name in named} - {"file"}
