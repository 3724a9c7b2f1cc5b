"""Several jobs on one real cluster: each as it is placed, and one more beside those that run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flink.commands import CLUSTER, planner

pytestmark = [pytest.mark.flink, pytest.mark.extended]
SCRIPT = """SET 'pipeline.name' = '{name}';
SET 'parallelism.default' = '{parallelism}';
SET 'execution.checkpointing.interval' = '2 s';
CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '50');
CREATE TABLE k (m BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO k SELECT MOD(n, 10), COUNT(*) FROM s GROUP BY MOD(n, 10);
"""


def test_a_job_more_beside_two_that_run(folder: Path) -> None:
    """Two jobs run as they are placed together; a third is added, and their slots are where they were."""
    (folder / "cluster.yaml").write_text(
        CLUSTER.replace("count: 1, cpu: 1", "count: 2, cpu: 1"), encoding="utf-8"
    )
    for name, parallelism in (("a", 3), ("b", 2), ("c", 2)):
        text = SCRIPT.format(name=name, parallelism=parallelism)
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
        planner(folder, "compile", f"{name}.sql", "-o", f"{name}.profile.json")
    planner(folder, "place", "a.profile.json", "b.profile.json", "-o", "two.placement.json")
    planner(folder, "place", "c.profile.json", "--keep", "two.placement.json", "-o", "three.placement.json")
    planner(folder, "up", "-p", "two.placement.json")
    for name in "ab":
        planner(folder, "run", f"{name}.sql", "-p", "two.placement.json", "--profile", f"{name}.profile.json")
    for name in "ab":
        done = planner(folder, "verify", "two.placement.json", "--profile", f"{name}.profile.json")
        assert "every slot, subtask and TaskManager is as planned" in done.stderr
    done = planner(folder, "verify", "three.placement.json", "--profile", "c.profile.json", code=1)
    assert "no job holds slots of 'c'" in done.stderr
    moved = planner(folder, "migrate", "-p", "two.placement.json", "--to", "three.placement.json", "--apply")
    assert "every slot, subtask and TaskManager is as planned" in moved.stderr
    planner(folder, "run", "c.sql", "-p", "three.placement.json", "--profile", "c.profile.json")
    for name in "abc":
        done = planner(folder, "verify", "three.placement.json", "--profile", f"{name}.profile.json")
        assert "every slot, subtask and TaskManager is as planned" in done.stderr
    before, after = (
        json.loads((folder / f"{name}.placement.json").read_text(encoding="utf-8"))["taskManagers"]
        for name in ("two", "three")
    )
    for was, now in zip(before, after, strict=True):
        assert was["quotas"].items() <= now["quotas"].items()
    again = planner(
        folder, "run", "c.sql", "-p", "three.placement.json", "--profile", "c.profile.json", code=1
    )
    assert "cancel it first" in again.stderr
