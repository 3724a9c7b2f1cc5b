"""planner as its users call it, in a folder of a test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]
"""Runs planner in a folder: ``run(folder, *arguments, code=0)``, with stdout and stderr in its answer."""
ROOT = Path(__file__).parent.parent.parent
JAR = Path(__file__).parent / "jobs/test-job.jar"
SECRET_KEY, SECRET = "s3.secret-key", "hunter2/+x"
"""An option of the cluster of all tests, which no command line and no log may show."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
SQL = f"""SET 'pipeline.name' = 'three'; ADD JAR '{JAR}';
SET 'execution.checkpointing.interval' = '5 s';
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '50');
CREATE TABLE k (b STRING, n BIGINT) WITH ('connector' = 'blackhole');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO k SELECT b, COUNT(*) FROM s GROUP BY b;
  INSERT INTO k SELECT b, SUM(a) FROM s WHERE a > 0 GROUP BY b;
  INSERT INTO k SELECT b, CAST(a AS BIGINT) FROM s;
END;
"""
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses:
    - {name: large, count: 1, cpu: 2, memory: {process: 1300 mb}, slots: 8}
    - {name: small, count: 1, cpu: 1, memory: {process: 1100 mb}, slots: 4}
"""
SHARED = CLUSTER.replace(" mb}", " mb, network: 64 mb, jvmOverhead: 360 mb}")
"""The same with memory that does not depend on the job."""
HEALING = """apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses:
    - {name: large, count: 2, cpu: 2, memory: {process: 1300 mb}, slots: 8}
    - {name: small, count: 1, cpu: 1, memory: {process: 1100 mb}, slots: 4}
  reserve: {cover: any-one}
"""
"""The same with a TaskManager in reserve."""
STOPPED = frozenset({143, 239})
"""Exit codes of a Flink that SIGTERM ended: JvmShutdownSafeguard halts it with -17 after 5 s, on a busy machine."""


def planner(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run planner in a folder and check its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "planner", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start planner in a folder, to be killed there."""
    return subprocess.Popen(
        [sys.executable, "-m", "planner", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )


def edited(file: Path, group: str, operators: str, parallelism: int) -> dict[str, Any]:
    """Put the operators whose name has a word in it into a group of their own, with a parallelism."""
    profile: dict[str, Any] = json.loads(file.read_text())
    found = [node for node in profile["nodes"] if operators in node["desc"]]
    assert found
    for node in found:
        node["profile"]["group"] = group
        node["profile"]["parallelism"] = parallelism
    # unequal, so that 2 slots of the one and 3 of the other have one best place on the cluster above
    cores = {"default": 0.3, group: 0.2}
    small = {"heap": "32 mb", "offHeap": "0 mb"}
    profile["ssgProfiles"] = [{"name": name, "cpu": cpu, **small} for name, cpu in cores.items()]
    file.write_text(json.dumps(profile))
    return profile


def placed(
    folder: Path, *compile_options: str, group: str, operators: str, parallelism: int, run: Run = planner
) -> None:
    """Compile a program, edit its profile, and place it."""
    run(folder, "compile", *compile_options, "-o", "job.profile.json")
    edited(folder / "job.profile.json", group, operators, parallelism)
    run(folder, "place", "job.profile.json", "-c", "cluster.yaml", "-o", "job.placement.json")


def roles(placement: Path) -> tuple[str, str]:
    """Return a TaskManager with slots, and the one in reserve."""
    found = json.loads(placement.read_text())["taskManagers"]
    return next(tm["id"] for tm in found if tm["slots"]), next(tm["id"] for tm in found if tm.get("reserve"))


def command(pid: int) -> list[str]:
    """Return the command line of a process, an empty one where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return [""]


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found
