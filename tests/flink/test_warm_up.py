"""TaskManagers of a job with ``recovery: fast`` that run a small job before they are needed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from flink.commands import HEALING, placed, planner, roles, started
from planner.cluster.processes import marked
from planner.cluster.rest import ENDED, Rest, jobs, running_job, task_managers
from planner.cluster.standalone import JOURNAL, Standalone, read
from planner.cluster.warm_up import NAME, warm_up

pytestmark = [pytest.mark.flink, pytest.mark.extended]
LOADED = "Successfully loaded RocksDB native library"
RESTORED = "Finished RocksDB incremental recovery"


@pytest.fixture
def cluster(folder: Path) -> Standalone:
    """Return a cluster with a running job that asks for fast recovery, and with its spare."""
    (folder / "cluster.yaml").write_text(HEALING)
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=3)
    file = folder / "job.profile.json"
    profile = json.loads(file.read_text())
    profile["planner"]["recovery"] = "fast"
    for group in profile["ssgProfiles"]:
        if group["name"] == "count":
            group["managed"] = {"STATE_BACKEND": "32 mb"}
    file.write_text(json.dumps(profile))
    planner(folder, "place", file.name, "-c", "cluster.yaml", "-o", "job.placement.json")
    planner(folder, "up")
    assert "as planned" in planner(folder, "run", "job.sql").stderr
    found = read(folder / ".planner")
    assert found is not None
    return found


def warm_ups(rest: Rest) -> list[str]:
    """Return the states of the warm-ups that a cluster has had."""
    return [state for job, state in jobs(rest).items() if running_job(rest, job).name == NAME]


def has_been_warm(cluster: Standalone, name: str) -> bool:
    log = (cluster.folder / f"log/{name}.log").read_text()
    return "Source: numbers" in log and LOADED in log and RESTORED in log


def test_spares_and_replacements(
    folder: Path, cluster: Standalone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rest = Rest(cluster.url)
    drained, spare = roles(folder / "job.placement.json")
    assert warm_ups(rest) == ["CANCELED"] * 2
    assert has_been_warm(cluster, spare)
    assert not task_managers(rest)[spare].slots
    with monkeypatch.context() as other:
        other.setattr(Rest, "flink_version", lambda _: "1.0.0")
        warm_up(rest, [spare], None)
    assert f"{spare} not warmed up: {rest.url} runs Flink 1.0.0, and here is " in caplog.text
    done = planner(folder, "migrate", "--drain", drained, "--apply", "-o", "new.placement.json")
    assert "not warmed up" not in done.stderr
    assert warm_ups(rest) == ["CANCELED"] * 4
    assert has_been_warm(cluster, f"{spare}~1")
    assert "as planned" in planner(folder, "verify", "new.placement.json").stderr


def test_killed_while_a_replacement_warms_up(folder: Path, cluster: Standalone) -> None:
    rest = Rest(cluster.url)
    drained, _ = roles(folder / "job.placement.json")
    for way, target in (("--resume", "new.json"), ("--abort", "job.placement.json")):
        process = started(
            folder, "migrate", "-p", "job.placement.json", "--drain", drained, "--apply", "-o", "new.json"
        )
        while process.poll() is None and "RUNNING" not in warm_ups(rest):
            time.sleep(0.05)
        process.kill()
        process.communicate(timeout=60)
        assert (folder / ".planner" / JOURNAL).exists()
        assert "not warmed up" not in planner(folder, "migrate", way).stderr
        assert "as planned" in planner(folder, "verify", target).stderr
        assert set(warm_ups(rest)) <= set(ENDED)
        if way == "--resume":
            planner(folder, "migrate", "-p", target, "--to", "job.placement.json", "--apply")
            (folder / target).unlink()
    planner(folder, "down")
    assert not marked(cluster.mark)
