"""Placements through the command line: families, samples, many jobs, few quotas, triplets, changes.

    python bench/placement.py [--quick] [--parts PART...] [--write]

Each row is over several seeds; seconds are those of the whole command, start-up and JSON included. The
gap is against the bound that planner reports, which a second program checks where it can: the area of
the loads never exceeds it, and every placement passes the independent checker.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import instances

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs/benchmarks/placement.md"
SIZES = ((200, 2000, 5.0, 10), (1000, 10_000, 10.0, 5), (5000, 100_000, 30.0, 3))
FAMILIES = ("typical", "tight", "fine", "coarse")
HARD_SIZES = ((30, 300, 10.0, 5), (200, 2000, 10.0, 5), (1000, 10_000, 15.0, 5), (5000, 50_000, 30.0, 5))
HARD_FAMILIES = ("odd", "many", "full", "one")
SIMPLE_SIZES = ((200, 2000, 10.0, 2), (5000, 100_000, 30.0, 1))
SAMPLE_SIZES = ((30, 300, 10.0, 5), (200, 2000, 10.0, 10), (1000, 10_000, 15.0, 3))
MANY_JOBS = ((20, 50, 5), (200, 500, 5))
TRIPLETS = (20, 40, 60, 83)


@dataclass(frozen=True)
class Run:
    """One call of ``planner place``: exit code, wall seconds, peak MiB, the placement if there is one."""

    code: int
    seconds: float
    memory: float
    placement: dict[str, Any] | None

    @property
    def level(self) -> dict[str, Any]:
        """The highest CPU utilisation."""
        assert self.placement is not None
        return next(one for one in self.placement["objective"] if one["name"] == "maxCpuUtilisation")

    @property
    def gap(self) -> float:
        """The gap that planner reports."""
        return float(self.level["gap"] or 0.0)

    @property
    def optimal(self) -> bool:
        """Whether the first level is proven."""
        return bool(self.level["status"] == "optimal")


def place(folder: Path, *options: str, jobs: Sequence[str] = ()) -> Run:
    """Place the job in ``folder``, or some jobs, on the cluster in it."""
    output = folder / "placement.json"
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "planner", "place", *(jobs or [str(folder / "job.json")])]
    command += ["-c", str(folder / "cluster.json"), "-o", str(output), *options]
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    placement = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    return Run(os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss / 1024, placement)


def checked(folder: Path, run: Run) -> bool:
    """Check a placement with the independent checker, and its bound against the area of the loads."""
    from planner.api import compile_job
    from planner.documents.cluster import Cluster
    from planner.documents.job import Job
    from planner.documents.load import load
    from planner.documents.placement import Placement
    from planner.place.check.judge import check

    found = [
        load((folder / f"{name}.json").read_bytes(), name)[0].document
        for name in ("job", "cluster", "placement")
    ]
    job, cluster, placement = found
    assert isinstance(job, Job)
    assert isinstance(cluster, Cluster)
    assert isinstance(placement, Placement)
    return not check(placement, compile_job(job)[0], cluster)


Sizes = Sequence[tuple[int, int, float, int]]
"""TaskManagers, slots, time limit and seeds."""


def families(folder: Path, quick: bool, names: Sequence[str], sizes: Sizes) -> list[str]:
    """Return the table of families and sizes."""
    lines = [
        "| TaskManagers | slots | limit | family | seeds | feasible | optimal | median gap | worst gap |"
        " median s | worst s | MiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for task_managers, slots, limit, seeds in sizes[: 1 if quick else None]:
        for family in names:
            runs = []
            for seed in range(2 if quick else seeds):
                place_ = folder / f"{family}-{task_managers}-{seed}"
                instances.write(place_, instances.documents(family, task_managers, slots, seed))
                run = place(place_, "--time-limit", str(limit))
                if (
                    run.placement is not None
                    and (task_managers <= 200 or seed == 0)
                    and not checked(place_, run)
                ):
                    raise SystemExit(f"{place_.name}: the checker refuses the placement")
                runs.append(run)
            good = [run for run in runs if run.placement is not None]
            gaps, seconds = [run.gap for run in good], [run.seconds for run in runs]
            lines.append(
                f"| {task_managers:,} | {slots if family != 'coarse' else round(3.5 * task_managers):,}"
                f" | {limit:g} s"
                f" | {family} | {len(runs)} | {len(good)} | {sum(run.optimal for run in good)}"
                f" | {statistics.median(gaps):.3%} | {max(gaps):.3%} | {statistics.median(seconds):.1f}"
                f" | {max(seconds):.1f} | {max(run.memory for run in runs):.0f} |"
            )
            print(lines[-1], flush=True)
    return lines


def triplets(folder: Path, quick: bool) -> list[str]:
    """Return the table of sets with a perfect packing."""
    lines = [
        "| slots | TaskManagers | sets | optimum found | median s | worst s |",
        "|---|---|---|---|---|---|",
    ]
    for bins in TRIPLETS:
        runs = []
        for seed in range(2 if quick else 20):
            place_ = folder / f"triplets-{bins}-{seed}"
            instances.write(place_, instances.triplets(bins, seed))
            runs.append(place(place_))
        seconds = [run.seconds for run in runs]
        found = sum(run.placement is not None and run.level["value"] == 1.0 for run in runs)
        lines.append(
            f"| {3 * bins} | {bins} | {len(runs)} | {found} | {statistics.median(seconds):.1f}"
            f" | {max(seconds):.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def simple(folder: Path, quick: bool) -> list[str]:
    """Return the table of different quotas: of the default objective and with ``--simple``."""
    lines = [
        "| TaskManagers | slots | limit | family | seeds | quotas by default | with --simple | at least |"
        " above the best | worst s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for task_managers, slots, limit, seeds in SIMPLE_SIZES[: 1 if quick else None]:
        for family in FAMILIES:
            before, after, seconds = [], [], []
            for seed in range(1 if quick else seeds):
                place_ = folder / f"{family}-{task_managers}-{seed}"
                instances.write(place_, instances.documents(family, task_managers, slots, seed))
                default = place(place_, "--time-limit", str(limit))
                run = place(place_, "--simple", "--time-limit", str(limit))
                before.append(_deployments(default)["value"])
                after.append((_deployments(run), run.level))
                seconds.append(run.seconds)
            over = max(level["value"] / level["bound"] - 1 for _, level in after)
            lines.append(
                f"| {task_managers:,} | {slots if family != 'coarse' else round(3.5 * task_managers):,}"
                f" | {limit:g} s | {family} | {len(after)} | {_numbers(before)}"
                f" | {_numbers(found['value'] for found, _ in after)}"
                f" | {_numbers(found['bound'] for found, _ in after)} | {over:.2%} | {max(seconds):.1f} |"
            )
            print(lines[-1], flush=True)
    return lines


def samples(folder: Path, quick: bool) -> list[str]:
    """Return the table of 24 samples of load, beside balancing their mean."""
    lines = [
        "| TaskManagers | slots | limit | seeds | optimal | worst gap | highest utilisation |"
        " that of balancing the mean | median s | worst s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for task_managers, slots, limit, seeds in SAMPLE_SIZES[: 1 if quick else None]:
        runs = []
        for seed in range(2 if quick else seeds):
            place_ = folder / f"day-{task_managers}-{seed}"
            instances.write(place_, instances.documents("day", task_managers, slots, seed))
            run = place(place_, "--time-limit", str(limit))
            if run.placement is None or (seed == 0 and not checked(place_, run)):
                raise SystemExit(f"{place_.name}: no placement, or one that the checker refuses")
            runs.append(run)
        values = [run.level["value"] for run in runs]
        found = [run.placement["samples"].get("balancedMean") for run in runs if run.placement is not None]
        means = [mean for mean in found if mean is not None]
        seconds = [run.seconds for run in runs]
        optimal = sum(run.optimal for run in runs)
        lines.append(
            f"| {task_managers:,} | {slots:,} | {limit:g} s | {len(runs)} | {optimal}"
            f" | {max(run.gap for run in runs):.3%} | {min(values):.1%} to {max(values):.1%}"
            f" | {min(means):.1%} to {max(means):.1%}"
            f" | {statistics.median(seconds):.1f} | {max(seconds):.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def many_jobs(folder: Path, quick: bool) -> list[str]:
    """Return the table of many jobs on one cluster, and of one that is added beside all others."""
    lines = [
        "| jobs | TaskManagers | slots | seeds | optimal | worst gap | median s | worst s |"
        " one more: optimal | worst gap | worst s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for jobs, task_managers, seeds in MANY_JOBS[: 1 if quick else None]:
        all_, added, slots = [], [], []
        for seed in range(1 if quick else seeds):
            place_ = folder / f"jobs-{jobs}-{seed}"
            names = instances.write_jobs(place_, instances.many_jobs(jobs, task_managers, seed))
            all_.append(_place_jobs(place_, names[:-1]))
            kept = place_ / "kept.json"
            kept.write_text(json.dumps(all_[-1].placement), encoding="utf-8")
            added.append(_place_jobs(place_, names, "--keep", str(kept)))
            assert added[-1].placement is not None
            slots.append(sum(job["slots"] for job in added[-1].placement["jobs"].values()))
        seconds = [run.seconds for run in all_]
        lines.append(
            f"| {jobs:,} | {task_managers:,} | {min(slots):,} to {max(slots):,} | {len(all_)}"
            f" | {sum(run.optimal for run in all_)} | {max(run.gap for run in all_):.3%}"
            f" | {statistics.median(seconds):.1f} | {max(seconds):.1f}"
            f" | {sum(run.optimal for run in added)} | {max(run.gap for run in added):.3%}"
            f" | {max(run.seconds for run in added):.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def _place_jobs(folder: Path, names: Sequence[str], *options: str) -> Run:
    return place(folder, *options, jobs=[str(folder / f"{name}.json") for name in names])


def _deployments(run: Run) -> dict[str, Any]:
    assert run.placement is not None
    found: dict[str, Any] = next(one for one in run.placement["objective"] if one["name"] == "deployments")
    return found


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{round(value):,}" for value in values)


EVENTS = (
    ("typical", "lose 5 TaskManagers"),
    ("typical", "4 groups rescaled by 30 %"),
    ("typical", "load of 8 groups drifts"),
    ("tight", "4 groups rescaled by 30 %"),
    ("tight", "load of 8 groups drifts"),
)


def changed(event: str, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Let an event happen to a job and its cluster."""
    rng = random.Random(event)
    operators, groups = job["spec"]["operators"], job["spec"]["slotSharingGroups"]
    if event.startswith("lose"):
        shapes = cluster["spec"]["taskManagerClasses"]
        names = [f"{shape['name']}-{n}" for shape in shapes for n in range(shape["count"])]
        lost = set(rng.sample(names, 5))
        cluster["spec"]["taskManagers"] = [
            {"id": name, "class": name.rpartition("-")[0]} for name in names if name not in lost
        ]
        for shape in shapes:
            shape["count"] = 0
    elif event.startswith("4 groups"):
        for n in rng.sample(range(len(operators)), 4):
            factor = rng.choice((0.7, 1.3))
            operators[n]["parallelism"] = max(1, round(operators[n]["parallelism"] * factor))
    else:
        for n in rng.sample(range(len(operators)), 8):
            factor = rng.uniform(0.7, 1.3)
            operators[n]["load"]["cpu"] = round(operators[n]["load"]["cpu"] * factor, 2)
            groups[n]["resources"]["cpu"] = min(groups[n]["resources"]["cpu"], 3.6)


def replacement(folder: Path, quick: bool) -> list[str]:
    """Return the table of events: moves by slack."""
    slacks = ("0%", "0.5%", "1%", "2%", "5%")
    lines = [
        f"| family | event | all anew | {' | '.join(f'slack {slack}' for slack in slacks)} |",
        "|---" * (3 + len(slacks)) + "|",
    ]
    for family, event in EVENTS[: 1 if quick else None]:
        place_ = folder / f"event-{family}"
        job, cluster = instances.documents(family, 200, 2000, 0)
        instances.write(place_, (job, cluster))
        before = place(place_, "--objective", "cpu")
        old = place_ / "old.placement.json"
        old.write_text(json.dumps(before.placement), encoding="utf-8")
        changed(event, job, cluster)
        instances.write(place_, (job, cluster))
        best = place(place_, "--objective", "cpu")
        row = [str(_moved(before.placement, best.placement))]
        for slack in slacks:
            run = place(place_, "--from", str(old), "--slack", slack)
            if run.placement is None:
                row.append("none")
                continue
            over = run.level["value"] / best.level["value"] - 1
            row.append(f"{run.placement['moves']['moved']} (+{over:.2%})")
        lines.append(f"| {family} | {event} | {' | '.join(row)} |")
        print(lines[-1], flush=True)
    return lines


def _moved(before: dict[str, Any] | None, after: dict[str, Any] | None) -> int:
    """Count the slots that change their TaskManager when nobody looks at the placement before."""
    assert before is not None
    assert after is not None
    old = {tm["id"]: tm["quotas"] for tm in before["taskManagers"]}
    new = {tm["id"]: tm["quotas"] for tm in after["taskManagers"]}
    groups = {group for quotas in new.values() for group in quotas}
    moved = 0
    for group in groups:
        change = [new[name].get(group, 0) - old.get(name, {}).get(group, 0) for name in new]
        moved += min(sum(by for by in change if by > 0), -sum(by for by in change if by < 0))
    return moved


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, the smallest size only")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS), help="which tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measured = {PARTS[part][0]: PARTS[part][1](Path(name), options.quick) for part in options.parts}
    if options.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        text = ["# Placement", "", f"Measured by `python bench/placement.py --write` on {machine}."]
        for heading, lines in {**_sections(), **measured}.items():
            text += ["", f"## {heading}", "", *lines]
        OUTPUT.write_text("\n".join(text) + "\n", encoding="utf-8")


def _sections() -> dict[str, list[str]]:
    """Return the tables as they were measured before, in the order of the page."""
    before = OUTPUT.read_text(encoding="utf-8").split("\n## ")[1:]
    tables = {one.partition("\n")[0]: one.partition("\n")[2].strip().splitlines() for one in before}
    return {heading: tables.get(heading, []) for heading, _ in PARTS.values()}


PARTS: dict[str, tuple[str, Callable[[Path, bool], list[str]]]] = {
    "families": ("Families", lambda folder, quick: families(folder, quick, FAMILIES, SIZES)),
    "hard": ("Hard families", lambda folder, quick: families(folder, quick, HARD_FAMILIES, HARD_SIZES)),
    "samples": ("24 samples of load", samples),
    "jobs": ("Many jobs", many_jobs),
    "simple": ("Few different quotas", simple),
    "triplets": ("Triplets, of which a perfect packing is known", triplets),
    "moves": ("Re-placement: slots moved, and how far above the best", replacement),
}


if __name__ == "__main__":
    main()
