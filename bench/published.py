"""Set-ups that people published (tests/published), placed, beside what Flink's own scheduler would do.

Highest CPU utilisation of a TaskManager: of the placement, and of Flink's own modes, simulated. What the
sources do not give is planner's estimate. python bench/published.py --write also writes
docs/benchmarks/published.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import planner
from planner import api
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.load import load
from planner.documents.placement import Placement

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs/benchmarks/published.md"
TIME_LIMIT = 2.0
MODES = {"none": "NONE", "slots": "SLOTS", "minResources": "MIN_RESOURCES", "tasks": "TASKS"}
INTRODUCTION = """# Published set-ups

Made by `python bench/published.py --write`, in {seconds:.0f} seconds at most each. The set-ups and their
sources are in `tests/published/README.md`. All run on stock Flink, so all have to have a placement.

Highest CPU utilisation of a TaskManager: of the placement, with its lower bound, and of Flink's own modes of
`taskmanager.load-balance.mode`, simulated. The sources give no load, so it is planner's estimate; *bent* is
where the estimate had to be lowered to fit the TaskManagers ([placement](../placement.md)).

"""
COLUMNS = ("set-up", "TaskManagers x slots", "parallelism", "placed", "bound", *MODES.values(), "estimates")


def place(path: Path) -> tuple[Job, Cluster, Placement, bool]:
    """Return a set-up with its placement, and whether estimates were lowered for it."""
    loaded = load(path.read_bytes(), path.name)
    job, cluster = (entry.document for entry in loaded)
    if not isinstance(cluster, Cluster):
        found = api.cluster_of_deployment(*loaded)
        assert found is not None, path
        cluster = found.cluster
    assert isinstance(job, Job), path
    bent = any(finding.code == "FIT804" for finding in api.validate(job, cluster))
    return job, cluster, planner.place(job, cluster, time_limit=TIME_LIMIT), bent


def row(path: Path) -> str:
    job, cluster, placement, bent = place(path)
    highest = placement.objective[0]
    bound = "" if highest.bound is None else f"{highest.bound:.1%}"
    stock = (placement.stock_flink[mode].max for mode in MODES)
    modes = " | ".join("does not fit" if value is None else f"{value:.1%}" for value in stock)
    (group,) = cluster.spec.task_manager_classes
    size = f"{group.count} x {group.slots} | {job.spec.parallelism}"
    estimates = "bent" if bent else "as they are"
    return f"| {path.stem} | {size} | {highest.value:.1%} | {bound} | {modes} | {estimates} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for path in sorted((ROOT / "tests/published").glob("*.yaml")):
        lines.append(row(path))
        print(lines[-1])
    if write:
        introduction = INTRODUCTION.format(seconds=TIME_LIMIT)
        TARGET.write_text(introduction + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
