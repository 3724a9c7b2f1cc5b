"""Jobs that do not fit: proven, explained, and feasible again without the groups of the conflicts.

    python bench/infeasible.py [--count 500] [--write]

Every kind spoils a random job in another way; ``packing`` and ``border`` jobs fit by their sums and may
or may not fit in fact. Each job that does not fit is placed again without the groups that planner says
are in conflict, and again with the first change that planner proposes.
"""

from __future__ import annotations

import argparse
import copy
import os
import platform
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import instances

from planner.api import Infeasible, Placement, PlannerError, TimedOut, place
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.place.infeasible import Explanation, LessForGroup, MoreNetwork, MoreTaskManagers

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "docs/benchmarks/infeasible.md"
SECONDS = 10.0
Documents = tuple[dict[str, Any], dict[str, Any]]


def documents(rng: random.Random) -> Documents:
    """Return a random job of 3 to 12 groups and a cluster of 4 to 30 TaskManagers that holds it with ease."""
    sizes = rng.sample((2, 4, 8, 16), rng.randint(1, 3))
    shapes = [
        {
            "name": f"c{cores}",
            "count": rng.randint(2, 10),
            "cpu": cores,
            "memory": {"process": f"{4 * cores + 2} gb"},
            "slots": 4 * cores,
            "labels": {"zone": rng.choice("ab")},
        }
        for cores in sizes
    ]
    cores = sum(shape["cpu"] * shape["count"] for shape in shapes)
    groups, operators = [], []
    count = rng.randint(3, 12)
    for index in range(count):
        cpu = rng.choice((0.1, 0.25, 0.5))
        parallelism = max(1, round(0.6 * cores / count / cpu * rng.uniform(0.3, 1)))
        heap = round(cpu * rng.uniform(500, 1500))
        groups.append(
            {"name": f"g{index}", "resources": {"cpu": cpu, "heap": f"{heap} mb", "offHeap": "16 mb"}}
        )
        operators.append(
            {"id": f"o{index}", "kind": "source", "group": f"g{index}", "parallelism": parallelism}
        )
    return instances.job("job", groups, operators), instances.cluster("cluster", shapes)


def _pick(rng: random.Random, job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    index = rng.randrange(len(job["spec"]["operators"]))
    return job["spec"]["slotSharingGroups"][index], job["spec"]["operators"][index]


def _task_managers(cluster: dict[str, Any]) -> int:
    return sum(shape["count"] for shape in cluster["spec"]["taskManagerClasses"])


def cpu(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Ask for more CPU than there is."""
    shapes = cluster["spec"]["taskManagerClasses"]
    group, operator = _pick(rng, job)
    total = sum(shape["cpu"] * shape["count"] for shape in shapes)
    operator["parallelism"] = round(total / group["resources"]["cpu"]) + 1


def item(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Ask for more memory in one slot than a TaskManager has."""
    group, _ = _pick(rng, job)
    group["resources"]["heap"] = f"{max(s['cpu'] for s in cluster['spec']['taskManagerClasses']) * 4 + 3} gb"


def memory(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Ask for more heap than there is, in slots that fit one by one."""
    group, operator = _pick(rng, job)
    operator["parallelism"] = 4 * sum(s["cpu"] * s["count"] for s in cluster["spec"]["taskManagerClasses"])
    group["resources"] |= {"cpu": 0.01, "heap": "1100 mb"}


def slots(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Allow fewer slots than there are."""
    wanted = sum(operator["parallelism"] for operator in job["spec"]["operators"])
    for shape in cluster["spec"]["taskManagerClasses"]:
        shape["slots"] = max(1, (wanted - 1) // (2 * _task_managers(cluster)))
    _pick(rng, job)[1]["parallelism"] += _task_managers(cluster)


def external(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Ask for more of an external resource than there is."""
    group, operator = _pick(rng, job)
    group["resources"]["external"] = {"gpu": 1}
    shape = rng.choice(cluster["spec"]["taskManagerClasses"])
    shape["external"] = {"gpu": max(1, (operator["parallelism"] - 1) // shape["count"])}
    operator["parallelism"] = shape["count"] * shape["external"]["gpu"] + 1


def packing(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Take slots a little larger than half a TaskManager, one more than there are TaskManagers."""
    shapes = cluster["spec"]["taskManagerClasses"]
    largest = max(shape["cpu"] for shape in shapes)
    cluster["spec"]["taskManagerClasses"] = [shape for shape in shapes if shape["cpu"] == largest]
    group, operator = _pick(rng, job)
    for other in job["spec"]["operators"]:
        other["parallelism"] = 1
    group["resources"]["cpu"] = largest * 0.5 + 0.1
    operator["parallelism"] = _task_managers(cluster) + 1


def border(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Fill memory to within a few percent of what there is, with big slots."""
    shapes = cluster["spec"]["taskManagerClasses"]
    spec = job["spec"]
    total = sum((4 * shape["cpu"] + 0.5) * shape["count"] for shape in shapes) * 1024
    smallest = min(shape["cpu"] for shape in shapes) * 4 * 1024
    sizes = [rng.uniform(0.2, 0.8) * smallest for _ in spec["operators"]]
    share = rng.uniform(0.9, 1.0) * total / len(sizes)
    for group, operator, size in zip(spec["slotSharingGroups"], spec["operators"], sizes, strict=True):
        group["resources"] |= {"cpu": 0.01, "heap": f"{round(size)} mb"}
        operator["parallelism"] = max(1, round(share / (size + 20)))
    for shape in shapes:
        shape.pop("slots")


def pinned(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Pin a group to one TaskManager that cannot hold all of it."""
    shape = rng.choice(cluster["spec"]["taskManagerClasses"])
    group, operator = _pick(rng, job)
    group["placement"] = {"pinned": [f"{shape['name']}-0"]}
    operator["parallelism"] = int(shape["cpu"] / group["resources"]["cpu"]) + 1


def crowded(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Allow a group fewer slots a TaskManager than it takes."""
    group, operator = _pick(rng, job)
    most = rng.randint(1, 2)
    group["placement"] = {"maxPerTaskManager": most}
    group["resources"] |= {"cpu": 0.1, "heap": "64 mb"}
    operator["parallelism"] = most * _task_managers(cluster) + 1


def apart(rng: random.Random, job: dict[str, Any], cluster: dict[str, Any]) -> None:
    """Keep two groups apart of which one has to stand on every TaskManager."""
    first, second = rng.sample(range(len(job["spec"]["operators"])), 2)
    groups, operators = job["spec"]["slotSharingGroups"], job["spec"]["operators"]
    groups[first]["placement"] = {
        "minTaskManagers": _task_managers(cluster),
        "antiAffinity": [groups[second]["name"]],
    }
    groups[first]["resources"] |= {"cpu": 0.1, "heap": "64 mb"}
    operators[first]["parallelism"] = _task_managers(cluster)


KINDS: dict[str, Callable[[random.Random, dict[str, Any], dict[str, Any]], None]] = {
    one.__name__: one for one in (cpu, item, memory, slots, external, packing, border, pinned, crowded, apart)
}


def solved(job: dict[str, Any], cluster: dict[str, Any]) -> Placement | PlannerError:
    """Place documents; return the placement, or why there is none."""
    try:
        return place(Job.model_validate(job), Cluster.model_validate(cluster), time_limit=SECONDS)
    except (Infeasible, TimedOut) as error:
        return error


def fits(job: dict[str, Any], cluster: dict[str, Any]) -> bool:
    """Tell whether documents are placed."""
    return isinstance(solved(job, cluster), Placement)


def without(job: dict[str, Any], names: set[str]) -> dict[str, Any] | None:
    """Return the job without some groups, None if nothing is left."""
    left = copy.deepcopy(job)
    spec = left["spec"]
    spec["slotSharingGroups"] = [group for group in spec["slotSharingGroups"] if group["name"] not in names]
    spec["operators"] = [operator for operator in spec["operators"] if operator["group"] not in names]
    for group in spec["slotSharingGroups"]:
        apart_ = group.get("placement", {}).get("antiAffinity")
        if apart_:
            group["placement"]["antiAffinity"] = [name for name in apart_ if name not in names]
    return left if spec["operators"] else None


def with_change(job: dict[str, Any], cluster: dict[str, Any], explanation: Explanation) -> Documents | None:
    """Return the documents with the first change that planner proposes, None if it proposes none."""
    job, cluster = copy.deepcopy(job), copy.deepcopy(cluster)
    if not explanation.changes:
        return None
    change = explanation.changes[0]
    if isinstance(change, MoreTaskManagers):
        for shape in cluster["spec"]["taskManagerClasses"]:
            if shape["name"] == change.class_name:
                shape["count"] += change.count
    elif isinstance(change, MoreNetwork):
        for shape in cluster["spec"]["taskManagerClasses"]:
            if shape["name"] in change.classes:
                shape["memory"]["network"] = change.amount
    elif isinstance(change, LessForGroup):
        (group,) = (g for g in job["spec"]["slotSharingGroups"] if g["name"] == change.group)
        value: object = change.amount / 10**8 if change.resource == "cpu" else change.amount
        group["resources"][change.resource] = value
    return job, cluster


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="jobs that do not fit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    tallies: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    seconds: dict[str, list[float]] = {name: [] for name in KINDS}
    found = number = 0
    while found < options.count:
        name = list(KINDS)[number % len(KINDS)]
        rng = random.Random(f"{options.seed}-{number}")
        number += 1
        job, cluster = documents(rng)
        KINDS[name](rng, job, cluster)
        started = time.perf_counter()
        result = solved(job, cluster)
        spent = time.perf_counter() - started
        tally = tallies[name]
        if not isinstance(result, Infeasible):
            tally["fit" if isinstance(result, Placement) else "unknown"] += 1
            if not isinstance(result, Placement):
                print(f"{name} {number - 1}: unknown")
            continue
        found += 1
        seconds[name].append(spent)
        tally["proven"] += 1
        gone = {group for conflict in result.explanation.conflicts for group in conflict.groups}
        left = without(job, gone)
        if gone and (left is None or fits(left, cluster)):
            tally["feasible without"] += 1
        else:
            print(f"{name} {number - 1}: not feasible without {sorted(gone)}: {result.explanation.conflicts}")
        changed = with_change(job, cluster, result.explanation)
        if changed is not None:
            tally["changes"] += 1
            tally["feasible with"] += fits(*changed)
    lines = [
        "| kind | do not fit, proven | feasible without the conflict | change proposed | feasible with it"
        " | fit | unknown | median s | worst s |",
        "|---" * 9 + "|",
    ]
    for name, tally in tallies.items():
        times = seconds[name] or [0.0]
        lines.append(
            f"| {name} | {tally['proven']} | {tally['feasible without']} | {tally['changes']}"
            f" | {tally['feasible with']} | {tally['fit']} | {tally['unknown']}"
            f" | {statistics.median(times):.2f} | {max(times):.2f} |"
        )
    print("\n".join(lines))
    if options.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        intro = f"Measured by `python bench/infeasible.py --write` on {machine}, seed {options.seed}."
        text = ["# Jobs that do not fit", "", intro, "", *lines]
        OUTPUT.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
