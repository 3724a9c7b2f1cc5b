"""Does an unmodified Flink do what was planned? Random placements on real clusters, one after the other.

    python bench/real/obey.py [--count 30] [--seed 1] [--write]

Every case is a SQL job whose operators are put into 1 to 5 groups of random parallelism, on a new local
cluster of 2 to 6 unequal TaskManagers: compiled, placed, run and verified by planner's command line. On
top of planner's own verification, the slots of every TaskManager are counted here from REST alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from command import ROOT, planner

OUTPUT = ROOT / "docs/benchmarks/obey.md"
SCRIPT = """CREATE TABLE a (x INT, y INT) WITH ('connector' = 'datagen', 'rows-per-second' = '20');
CREATE TABLE b (x INT, z INT) WITH ('connector' = 'datagen', 'rows-per-second' = '20');
CREATE TABLE k (x INT, n BIGINT) WITH ('connector' = 'blackhole');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO k SELECT x, COUNT(*) FROM a GROUP BY x;
  INSERT INTO k SELECT x, SUM(z) FROM b GROUP BY x;
  INSERT INTO k SELECT a.x, CAST(b.z AS BIGINT) FROM a JOIN b ON a.x = b.x;
END;
"""


def documents(rng: random.Random, profile: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the profile with random groups, and a cluster that has room for it."""
    names = [f"g{n}" for n in range(rng.randint(1, 5))]
    heads = {node["id"]: rng.choice(names) for node in profile["nodes"]}
    parallelism = {name: rng.randint(1, 5) for name in names}
    for node in profile["nodes"]:
        group = heads[node["id"]]
        node["profile"]["group"] = group
        node["profile"]["parallelism"] = parallelism[group]
    used = sorted(set(heads.values()))
    profile["ssgProfiles"] = [
        {
            "name": name,
            "cpu": rng.choice((0.1, 0.2, 0.25)),
            "heap": f"{rng.choice((16, 24, 32))} mb",
            "offHeap": "0 mb",
        }
        for name in used
    ]
    slots = sum(parallelism[name] for name in used)
    task_managers = rng.randint(2, min(6, max(slots, 2)))
    large = rng.randint(1, task_managers - 1)
    classes = [
        {"name": "large", "count": large, "cpu": 4, "memory": {"process": "1100 mb"}},
        {"name": "small", "count": task_managers - large, "cpu": 2, "memory": {"process": "900 mb"}},
    ]
    cluster = {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {"taskManagerClasses": classes},
    }
    return profile, cluster


def counted(rest: str) -> dict[str, dict[str, int]]:
    """Return the slots of every TaskManager by quota, from REST."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(rest + path, timeout=10) as answer:
            return json.load(answer)

    found: dict[str, dict[str, int]] = {}
    for entry in get("/taskmanagers")["taskmanagers"]:
        held = found.setdefault(entry["id"], {})
        for slot in get(f"/taskmanagers/{entry['id']}")["allocatedSlots"]:
            for name, amount in slot["resource"]["extendedResources"].items():
                held[name] = held.get(name, 0) + int(amount)
    return found


def case(number: int, seed: int, profile: str) -> dict[str, Any]:
    """Run one case on a cluster of its own."""
    rng = random.Random(f"{seed}-{number}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.sql").write_text(SCRIPT, encoding="utf-8")
        edited, cluster = documents(rng, json.loads(profile))
        (folder / "job.profile.json").write_text(json.dumps(edited), encoding="utf-8")
        (folder / "cluster.yaml").write_text(json.dumps(cluster), encoding="utf-8")
        started = time.perf_counter()
        try:
            planner(
                folder, "place", "job.profile.json", "-o", "job.placement.json", "--objective", "cpu,spread"
            )
            planner(folder, "up")
            said = planner(folder, "run", "job.sql")
            plan = json.loads((folder / "job.placement.json").read_text(encoding="utf-8"))
            rest = said.split(" runs at ")[1].split()[0]
            planned = {
                tm["id"]: {f"slot-{group}": count for group, count in tm["quotas"].items()}
                for tm in plan["taskManagers"]
            }
            same = counted(rest) == planned
            problem = "" if same else f"planned {planned}, found {counted(rest)}"
        except RuntimeError as error:
            same, problem, planned = False, str(error), {}
        finally:
            planner(folder, "down")
    groups = {group for quotas in planned.values() for group in quotas}
    return {
        "same": same,
        "problem": problem,
        "managers": len(planned),
        "groups": len(groups),
        "slots": sum(count for quotas in planned.values() for count in quotas.values()),
        "seconds": time.perf_counter() - started,
    }


def main() -> None:
    """Print a line a case, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "job.sql").write_text(SCRIPT, encoding="utf-8")
        planner(Path(name), "compile", "job.sql", "-o", "job.profile.json")
        profile = (Path(name) / "job.profile.json").read_text(encoding="utf-8")
    rows = ["| case | TaskManagers | groups | slots | as planned |", "|---|---|---|---|---|"]
    good = 0
    for number in range(options.count):
        found = case(number, options.seed, profile)
        good += found["same"]
        rows.append(
            f"| {number} | {found['managers']} | {found['groups']} | {found['slots']}"
            f" | {'yes' if found['same'] else 'no: ' + found['problem']} |"
        )
        print(rows[-1], f"{found['seconds']:.0f} s", flush=True)
    print(f"{good} of {options.count} as planned")
    if options.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        intro = (
            f"Measured by `python bench/real/obey.py --write` on {machine}, seed {options.seed}: {good} of"
            f" {options.count} placements were what Flink then had, counted slot by slot from REST. Every"
            " case is a new cluster."
        )
        OUTPUT.write_text(
            "\n".join(["# Does Flink do what was planned?", "", intro, "", *rows]) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
