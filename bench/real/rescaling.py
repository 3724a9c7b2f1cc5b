"""How long a job stands still when it gets another parallelism, on real local clusters.

    python bench/real/rescaling.py [--runs 5] [--write]

A SQL job that counts by key goes back and forth between parallelism 2 and 4: under a placement by a stop
with savepoint, new TaskManagers and a start from the savepoint, as ``planner scale --apply`` does it; under
the adaptive scheduler, with its default options, by resource requirements. Its state is small, so these are
the times that any job takes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command import ROOT
from command import planner as command
from flink.commands import CLUSTER
from flink.test_rescaling import COUNTING, loaded

import planner
from planner.api import options_beside
from planner.cluster.rescale import set_parallelism
from planner.cluster.rest import Rest, only_job, running_job
from planner.cluster.standalone import read
from planner.cluster.submit import submit
from planner.documents.profile import Program, ResourceProfile
from planner.flink.program import Toolchain, stream_graph

OUTPUT = ROOT / "docs/benchmarks/rescaling-real.md"
COOLDOWN = 40.0
"""Above the default of ``jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling``, 30 s."""
TIMES = dict[str, list[float]]


def timed(times: TIMES, name: str, work: Callable[[], Any]) -> Any:
    """Do some work and note how many seconds it takes."""
    start = time.monotonic()
    result = work()
    times.setdefault(name, []).append(time.monotonic() - start)
    return result


def with_parallelism(profile: ResourceProfile, parallelism: int) -> ResourceProfile:
    """Return a profile whose counting operators have another parallelism."""
    data = planner.to_data(profile)
    for node in data["nodes"]:
        if node["id"] >= 3:  # what is behind the shuffle
            node["profile"]["parallelism"] = parallelism
    return planner.compile(ResourceProfile.model_validate(data))


def prepared(folder: Path) -> ResourceProfile:
    """Write the program and the cluster, and return the program's profile."""
    (folder / "job.sql").write_text(COUNTING.replace("'4800'", "'200000'"))
    (folder / "cluster.yaml").write_text(CLUSTER)
    command(folder, "compile", "job.sql", "-o", "job.profile.json")
    loaded(folder / "job.profile.json", GroupAggregate=0.9)
    return planner.load_profile(folder / "job.profile.json")


def by_savepoint(folder: Path, runs: int) -> TIMES:
    """Return the seconds of each part of a rescaling through a savepoint."""
    base, cluster = prepared(folder), planner.load_cluster(folder / "cluster.yaml")
    state, times = folder / ".planner", TIMES()
    profile = with_parallelism(base, 2)
    placement = planner.place(profile, cluster)
    planner.up(placement, folder=state)
    program = profile.planner.program if profile.planner else None
    assert program is not None
    program = program.model_copy(update={"file": str(folder / "job.sql")})
    profile = profile.model_copy(
        update={"planner": profile.planner.model_copy(update={"program": program})}  # type: ignore[union-attr]
    )
    placement = planner.place(profile, cluster)
    planner.run(program, placement, profile, folder=state)
    for run in range(runs):
        time.sleep(5)
        new = with_parallelism(profile, 4 if run % 2 == 0 else 2)
        after = planner.place(new, cluster, previous=placement)
        options, begun = options_beside(placement, state), time.monotonic()
        where = str(folder / "savepoints")
        saved = timed(
            times, "stop with savepoint", lambda where=where: planner.stop(folder=state, savepoint_dir=where)
        )
        timed(times, "JobManager and TaskManagers", lambda a=after, o=options: _again(a, o, state))
        timed(
            times,
            "compile, submit, all RUNNING",
            lambda a=after, n=new, s=saved: planner.run(program, a, n, savepoint=s, folder=state),
        )
        times.setdefault("together", []).append(time.monotonic() - begun)
        profile, placement = new, after
    return times


def _again(placement: planner.Placement, options: dict[str, str], state: Path) -> None:
    planner.down(state)
    planner.up(placement, folder=state, options=options)


def by_requirements(folder: Path, runs: int) -> TIMES:
    """Return the seconds from resource requirements to all RUNNING with another parallelism."""
    base, times, state = prepared(folder), TIMES(), folder / ".planner"
    command(folder, "up", "cluster.yaml", "-D", "jobmanager.scheduler=Adaptive")
    local = read(state)
    assert local is not None
    rest = Rest(local.url)
    with stream_graph(Program(file=str(folder / "job.sql"), kind="sql"), Toolchain()) as (jvm, graph):
        submit(jvm, graph, rest)
    while not running_job(rest, only_job(rest)).running:
        time.sleep(0.5)
    for run in range(runs):
        time.sleep(COOLDOWN)
        new = with_parallelism(base, 4 if run % 2 == 0 else 2)
        wanted = {
            vertex.id: {"parallelism": {"lowerBound": 1, "upperBound": vertex.parallelism}}
            for vertex in (new.planner.vertices if new.planner else ())
        }
        job = only_job(rest)
        timed(times, "together", lambda j=job, w=wanted: set_parallelism(rest, j, w, 120))
    return times


WAYS = {"by savepoint": by_savepoint, "by resource requirements": by_requirements}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--way", choices=sorted(WAYS), help="Only this one; figures of the other are kept.")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    kept = ROOT / "docs/benchmarks/rescaling-real.json"
    found: dict[str, TIMES] = json.loads(kept.read_text()) if kept.exists() else {}
    for way, measure in WAYS.items():
        if options.way in (None, way):
            with tempfile.TemporaryDirectory() as name:
                try:
                    found[way] = measure(Path(name), options.runs)
                finally:
                    planner.down(Path(name) / ".planner")
    lines = ["| way | part | runs | median s | worst s |", "|---|---|---|---|---|"]
    for way, times in found.items():
        for part, values in times.items():
            lines.append(
                f"| {way} | {part} | {len(values)} | {statistics.median(values):.1f} | {max(values):.1f} |"
            )
    print("\n".join(lines))
    if options.write:
        kept.write_text(json.dumps(found))
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        assert __doc__ is not None
        words = __doc__.split("\n\n")[2].replace("``", "`").strip()
        text = [
            "# Rescaling a running job",
            "",
            f"Measured by `python bench/real/rescaling.py --write` on {machine}.",
            "",
            words,
            "",
        ]
        OUTPUT.write_text("\n".join([*text, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
