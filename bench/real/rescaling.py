"""How long a job stands still when it gets another parallelism, on real local clusters.

    python bench/real/rescaling.py [--runs 5] [--write]

A SQL job that counts by key goes back and forth between parallelism 2 and 4: a stop with savepoint, a new
JobManager and TaskManagers, and a start from the savepoint under the new placement, as ``planner scale
--apply`` does it. Its state is small, so these are the times that any job takes.
"""

from __future__ import annotations

import argparse
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
from planner.documents.profile import ResourceProfile

OUTPUT = ROOT / "docs/benchmarks/rescaling-real.md"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            times = by_savepoint(Path(name), options.runs)
        finally:
            planner.down(Path(name) / ".planner")
    lines = ["| part | runs | median s | worst s |", "|---|---|---|---|"]
    lines += [
        f"| {part} | {len(values)} | {statistics.median(values):.1f} | {max(values):.1f} |"
        for part, values in times.items()
    ]
    print("\n".join(lines))
    if options.write:
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
