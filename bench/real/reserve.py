"""Losses that a reserve covers, on real clusters: random jobs and clusters, one TaskManager killed in each.

    python bench/real/reserve.py [--count 10] [--seed 1] [--write]

For each: a random grouping and parallelism of a job with two pipelines, a few TaskManagers of random sizes
with `reserve: {cover: any-one}`, `planner up` and `planner run` with supervised TaskManagers, SIGKILL of one
that holds slots and of what supervises it, and the wait until every subtask runs again without anyone's
doing; then `planner verify` has to say that all of it is as the reserve provides. Jobs that no such reserve
can cover are drawn again. Supervised, since Flink at times ends others as well: what fails while a task is
cleaned up, such as the connection to the one that is gone, is fatal to it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from command import ROOT, planner
from flink.test_supervise import supervisors

from planner.cluster.rest import Rest, jobs, running_job
from planner.cluster.standalone import read

OUTPUT = ROOT / "docs/benchmarks/reserve.md"
PROGRAM = (str(ROOT / "tests/flink/jobs/restart-job.jar"), "--args", "streaming none 0 0")
SECONDS = 90.0
HEADER = (
    "| TaskManagers (spares) | slots of each group | killed | ended by Flink | back after | then |\n"
    "|---|---|---|---|---|---|"
)


def cluster(rng: random.Random) -> dict[str, Any]:
    """Return a random cluster in which two or three TaskManagers and the spares fit on this machine."""
    classes = [
        {
            "name": f"c{number}",
            "count": rng.randint(1, 2) + number,
            "cpu": rng.choice((1, 2)),
            "memory": {"process": f"{rng.choice((1100, 1300, 1500))} mb", "jvmOverhead": "300 mb"},
        }
        for number in range(2)
    ]
    return {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {"taskManagerClasses": classes, "reserve": {"cover": "any-one"}},
    }


def edited(file: Path, rng: random.Random) -> None:
    """Give the tasks of a profile random groups and parallelism."""
    profile = json.loads(file.read_text(encoding="utf-8"))
    names = [f"g{number}" for number in range(rng.randint(1, 3))]
    for node in profile["nodes"]:
        node["profile"]["group"] = rng.choice(names)
        node["profile"]["parallelism"] = rng.randint(1, 4)
    used = dict.fromkeys(node["profile"]["group"] for node in profile["nodes"])
    profile["ssgProfiles"] = [
        {
            "name": name,
            "cpu": rng.choice((0.1, 0.2, 0.3)),
            "heap": f"{rng.choice((24, 48, 64))} mb",
            "offHeap": "0",
        }
        for name in used
    ]
    profile["planner"]["recovery"] = "fast"
    file.write_text(json.dumps(profile), encoding="utf-8")


def drawn(folder: Path, rng: random.Random) -> dict[str, Any]:
    """Write the files of a random case that fits, and return its placement."""
    while True:
        planner(folder, "compile", *PROGRAM, "-o", "job.profile.json")
        edited(folder / "job.profile.json", rng)
        (folder / "cluster.yaml").write_text(yaml.safe_dump(cluster(rng)), encoding="utf-8")
        try:
            planner(folder, "place", "job.profile.json", "-c", "cluster.yaml", "-o", "job.placement.json")
        except RuntimeError:
            continue  # too large, or nothing left for a reserve
        placement: dict[str, Any] = json.loads((folder / "job.placement.json").read_text(encoding="utf-8"))
        if not placement.get("uncovered"):
            return placement


def case(folder: Path, rng: random.Random) -> str:
    """Carry a case out and return its row."""
    placement = drawn(folder, rng)
    held = [tm["id"] for tm in placement["taskManagers"] if tm["slots"]]
    spares = [tm["id"] for tm in placement["taskManagers"] if tm.get("reserve")]
    quotas: dict[str, int] = {}
    for tm in placement["taskManagers"]:
        for slot in tm["slots"]:
            quotas[slot["group"]] = quotas.get(slot["group"], 0) + 1
    planner(folder, "up")
    found = read(folder / ".planner")
    assert found is not None
    with supervisors(folder, found, held) as running:
        planner(folder, "up")  # waits until they are registered again
        planner(folder, "run", *PROGRAM)
        rest = Rest(found.url)
        (name,) = jobs(rest)
        time.sleep(3)
        before = sum(one.attempt for vertex in running_job(rest, name).vertices for one in vertex.subtasks)
        victim = rng.choice(held)
        started = time.monotonic()
        running[victim].kill()
        os.kill(found.running()[victim], signal.SIGKILL)
        after, said = "never", ""
        while time.monotonic() < started + SECONDS:
            job = running_job(rest, name)
            attempts = sum(one.attempt for vertex in job.vertices for one in vertex.subtasks)
            if job.running and attempts > before:
                after = f"{time.monotonic() - started:.1f} s"
                break
            time.sleep(0.1)
        try:
            said = planner(folder, "verify")
        except RuntimeError as error:
            said = str(error).removeprefix("planner verify: ")
        journals = [folder / f".planner/log/{name}.supervise.jsonl" for name in held]
        others = sum('"restart"' in line for file in journals for line in file.read_text().splitlines())
    counts = ", ".join(f"{group} {count}" for group, count in sorted(quotas.items()))
    told = said.splitlines()[0].removeprefix("planner: ")
    return f"| {len(held)} ({len(spares)}) | {counts} | {victim} | {others} | {after} | {told} |"


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    rng, lines = random.Random(options.seed), [HEADER]
    for _ in range(options.count):
        with tempfile.TemporaryDirectory() as name:
            lines.append(case(Path(name), rng))
        print(lines[-1], flush=True)
    if options.write:
        about = (
            f"`python bench/real/reserve.py --count {options.count} --seed {options.seed} --write`: random"
            " jobs on random\nclusters with `reserve: {cover: any-one}`, a TaskManager with slots killed in"
            " each, and what `planner verify` says\nwhen every subtask runs again. The TaskManagers are"
            " supervised: Flink ends others at times, when a task that\nis cleaned up meets the broken"
            " connection, and those are started again in place."
        )
        table = "\n".join(lines)
        OUTPUT.write_text(f"# Losses that a reserve covers\n\n{about}\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
