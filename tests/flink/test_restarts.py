"""What restarts when a task fails on a real cluster is what the recovery plan says."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from flink.commands import SHARED, planner
from planner import api
from planner.cluster.rest import ENDED, Rest, jobs, running_job
from planner.cluster.standalone import read
from planner.graph.regions import pipelined_regions
from planner.graph.restart_sets import restarted_subtasks, subtask_mask

pytestmark = [pytest.mark.flink, pytest.mark.extended]
JAR = Path(__file__).parent / "jobs/restart-job.jar"
SECONDS = 120.0
OPTIONS = (
    *("-D", "restart-strategy.type=fixed-delay", "-D", "restart-strategy.fixed-delay.attempts=3"),
    *("-D", "restart-strategy.fixed-delay.delay=200 ms"),
)
Attempts = dict[tuple[str, int], int]


def planned(folder: Path, task: str, subtask: int) -> set[tuple[str, int]]:
    """Return the subtasks that the plan restarts when one fails, by the name of their task."""
    _, job = api.compile_job(api.load_profile(folder / "job.profile.json"))
    plan = api.load_recovery_plan(folder / "job.recovery.json")
    regions = pipelined_regions(job)
    number = next(v.index for v in job.vertices if task in v.name)
    region = regions.region(number, subtask)
    mask = restarted_subtasks(
        job,
        regions,
        np.array(regions.region_of, dtype=np.int64),
        subtask_mask(regions, list(regions.members[region])),
        lambda edge: not edge.type.reconsumable,
    )
    if plan.failover_strategy == "full":
        mask[:] = True
    else:
        assert plan.regions[region].restarted == mask.sum()
    return {
        (vertex.name, i)
        for vertex in job.vertices
        for i in range(vertex.parallelism)
        if mask[regions.offsets[vertex.index] + i]
    }


def attempts(rest: Rest) -> tuple[bool, Attempts]:
    """Return whether the job runs or is over, and the attempt at each of its subtasks."""
    ((name, state),) = jobs(rest).items()
    found = running_job(rest, name)
    at = {(vertex.name, one.index): one.attempt for vertex in found.vertices for one in vertex.subtasks}
    settled = state in ENDED if found.batch else found.running
    return settled and any(at.values()), at


@pytest.mark.parametrize("strategy", ["region", "full"])
@pytest.mark.parametrize(
    ("kind", "task", "subtask", "after"),
    [("streaming", "left", 1, 12), ("batch", "middle", 1, 2), ("batch", "late", 0, 2)],
)
def test_a_task_that_fails(
    tmp_path: Path, kind: str, task: str, subtask: int, after: int, strategy: str
) -> None:
    (tmp_path / "cluster.yaml").write_text(SHARED)
    failover = ("-D", f"jobmanager.execution.failover-strategy={strategy}")
    program = (str(JAR), "--args", f"{kind} {task} {subtask} {after}")
    planner(tmp_path, "compile", *OPTIONS, *failover, "-o", "job.profile.json", *program)
    planner(tmp_path, "place", "job.profile.json", "-o", "job.placement.json")
    planner(tmp_path, "recover", "job.profile.json", "-p", "job.placement.json", "-o", "job.recovery.json")
    planner(tmp_path, "up")
    try:
        planner(tmp_path, "run", *program)
        cluster = read(tmp_path / ".planner")
        assert cluster is not None
        rest, end = Rest(cluster.url), time.monotonic() + SECONDS
        while not (found := attempts(rest))[0]:
            assert time.monotonic() < end, json.dumps([[*key, n] for key, n in found[1].items()])
            time.sleep(0.2)
    finally:
        planner(tmp_path, "down")
    expected = planned(tmp_path, task, subtask)
    restarted = {one for one, attempt in found[1].items() if attempt}
    if (kind, strategy) == ("batch", "region"):  # Flink leaves alone what has not begun: the stages behind
        expected = {one for one in expected if task in one[0]}
    assert restarted == expected
    assert set(found[1].values()) <= {0, 1}
    assert (len(restarted) < len(found[1])) is (strategy == "region")
