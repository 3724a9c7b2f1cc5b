"""Running jobs get another parallelism and keep their state: by the adaptive scheduler, by a savepoint."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from flink.commands import CLUSTER, Run, planner
from planner.cluster.rest import ENDED, Rest, job_path, running_job
from planner.cluster.standalone import read
from planner.cluster.submit import submit
from planner.documents.profile import Program
from planner.flink.program import Toolchain, stream_graph

pytestmark = [pytest.mark.flink, pytest.mark.extended]
NUMBERS, KEYS = 4800, 16
COUNTING = f"""SET 'pipeline.name' = 'counting';
SET 'execution.checkpointing.interval' = '1 s';
SET 'parallelism.default' = '2';
CREATE TABLE s (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100',
  'fields.a.kind' = 'sequence', 'fields.a.start' = '1', 'fields.a.end' = '{NUMBERS}');
CREATE TABLE k (b BIGINT, n BIGINT) WITH ('connector' = 'print');
INSERT INTO k SELECT a % {KEYS}, COUNT(*) FROM s GROUP BY a % {KEYS};
"""
"""Every number is counted once, if the state is kept; the last count of a key says so."""
COUNT = re.compile(r"\+[IU]\w*\[(\d+), (\d+)\]")


def loaded(file: Path, **busy: float) -> None:
    """Say in a profile how busy operators are whose name begins with a word, and the others hardly."""
    profile: dict[str, Any] = json.loads(file.read_text())
    for node in profile["nodes"]:
        name = node["desc"].partition("[")[0]
        node["planner"]["load"] = {"busy": busy.get(name, 0.01), "cpu": 0.05, "recordsPerSecond": 50}
    file.write_text(json.dumps(profile))


def counts(folder: Path) -> dict[int, int]:
    """Return the highest count of each key that any TaskManager has printed."""
    found: dict[int, int] = {}
    for log in (folder / ".planner/log").iterdir():
        for key, count in COUNT.findall(log.read_text(errors="replace")):
            found[int(key)] = max(found.get(int(key), 0), int(count))
    return found


def wait_for_counts(folder: Path, wanted: int) -> None:
    until = time.monotonic() + 60
    while sum(counts(folder).values()) < wanted:
        assert time.monotonic() < until, counts(folder)
        time.sleep(0.5)


def parallelism_of(rest: Rest, job: str) -> dict[str, int]:
    return {vertex.name.partition("[")[0]: vertex.parallelism for vertex in running_job(rest, job).vertices}


def finished(rest: Rest, job: str) -> str:
    until = time.monotonic() + 180
    while (state := running_job(rest, job).state) not in ENDED:
        assert time.monotonic() < until
        time.sleep(1)
    return state


def restored(rest: Rest, job: str) -> dict[str, Any]:
    return rest.get(f"{job_path(job)}/checkpoints", dict[str, Any])["latest"]["restored"]


EXACT = dict.fromkeys(range(KEYS), NUMBERS // KEYS)


def test_a_job_under_a_placement_is_rescaled_by_a_savepoint(folder: Path) -> None:
    (folder / "job.sql").write_text(COUNTING)
    planner(folder, "compile", "job.sql", "-o", "job.profile.json")
    loaded(folder / "job.profile.json", GroupAggregate=0.9)
    planner(folder, "place", "job.profile.json", "-c", "cluster.yaml", "-o", "job.placement.json")
    planner(folder, "up", "-p", "job.placement.json", "-D", "jobmanager.execution.attempts-history-size=7")
    planner(folder, "run", "job.sql", "-p", "job.placement.json")
    wait_for_counts(folder, 300)
    arguments = ["job.profile.json", "-p", "job.placement.json", "-c", "cluster.yaml", "--utilisation", "0.5"]
    done = planner(folder, "scale", *arguments, "--apply", "-o", "new.profile.json", "--format", "text")
    assert "runs at" in done.stderr
    assert "as planned" in done.stderr
    local = read(folder / ".planner")
    assert local is not None
    assert local.launches["jobmanager"][1]["jobmanager.execution.attempts-history-size"] == "7"
    rest, job = Rest(local.url), re.findall(r"job ([0-9a-f]{32}) runs", done.stderr)[-1]
    assert parallelism_of(rest, job)["GroupAggregate"] == 4  # 2 x 0.9 / 0.5, in key groups
    assert restored(rest, job)["is_savepoint"] is True
    before = sum(counts(folder).values())
    assert 300 <= before < NUMBERS  # it has not begun anew, nor ended
    assert "as planned" in planner(folder, "verify", "new.placement.json").stderr
    assert finished(rest, job) == "FINISHED"
    assert counts(folder) == EXACT


def test_a_job_of_the_adaptive_scheduler_is_rescaled_as_it_runs(folder: Path, here: Run) -> None:
    (folder / "job.sql").write_text(COUNTING)
    fast = ["executing.cooldown-after-rescaling=1 s", "executing.resource-stabilization-timeout=1 s"]
    options = [f"jobmanager.adaptive-scheduler.{option}" for option in fast]
    (folder / "cluster.yaml").write_text(CLUSTER.replace("slots: 8", "slots: 4"))
    settings = [part for option in ["jobmanager.scheduler=Adaptive", *options] for part in ("-D", option)]
    planner(folder, "up", "cluster.yaml", *settings)
    local = read(folder / ".planner")
    assert local is not None
    rest = Rest(local.url)
    with stream_graph(Program(file=str(folder / "job.sql"), kind="sql"), Toolchain()) as (jvm, graph):
        job = submit(jvm, graph, rest)
    here(folder, "compile", "job.sql", "-o", "job.profile.json")
    loaded(folder / "job.profile.json", GroupAggregate=0.9)
    wait_for_counts(folder, 300)
    assert parallelism_of(rest, job)["GroupAggregate"] == 2
    arguments = ["job.profile.json", "--utilisation", "0.5", "--format", "json"]
    done = planner(folder, "scale", *arguments, "--apply")
    assert f"job {job} runs with its new parallelism" in done.stderr
    wanted = {vertex["id"]: vertex["parallelism"] for vertex in json.loads(done.stdout)["vertices"]}
    assert {vertex.id: vertex.parallelism for vertex in running_job(rest, job).vertices} == wanted
    assert parallelism_of(rest, job)["GroupAggregate"] == 4
    asked = rest.get(f"{job_path(job)}/resource-requirements", dict[str, Any])
    assert asked == json.loads(done.stdout)["resourceRequirements"]
    assert finished(rest, job) == "FINISHED"
    assert counts(folder) == EXACT
