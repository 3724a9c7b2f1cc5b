"""CAPSys operator profiles as planner documents: six Nexmark-like queries on 4 workers with 8 slots.

Needs the folder of profiles of the CAPSys artifact (EuroSys'25), which is not part of this project:

    python bench/capsys.py FOLDER

Every task gets a slot of its own, as in that artifact. Compute is balanced with proof; state and
network are reported beside what the plan recorded in the artifact has.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import instances

ROOT = Path(__file__).parent.parent
WORKERS, SLOTS = 4, 8
SHIPS = {"REBALANCE": "rebalance", "HASH": "hash", "FORWARD": "forward"}


def documents(operators: list[dict[str, Any]], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Job and a Cluster: compute in thousandths of a core, network in MB a second."""
    by_id = {entry["id"]: entry for entry in operators}
    scale = 0.8 * WORKERS * 8000 / sum(entry["compute"] * entry["parallelism"] for entry in operators)
    job_operators, groups = [], []
    for entry in operators:
        inputs = [{"from": up, "ship": _ship(by_id[up], entry)} for up in entry["upNode"]]
        load: dict[str, Any] = {"cpu": round(max(entry["compute"] * scale, 0.01) / 1000, 8)}
        if entry["network"]:
            load |= {"recordsPerSecond": 1000, "bytesPerRecord": entry["network"] * 1000}
        resources = {"cpu": 0.1, "heap": "16 mb", "managed": {"state_backend": _state(entry)}}
        groups.append({"name": entry["id"], "resources": resources})
        job_operators.append(
            {
                "id": entry["id"],
                "name": entry["name"],
                "group": entry["id"],
                "parallelism": entry["parallelism"],
                "load": load,
                **({"inputs": inputs} if inputs else {"kind": "source"}),
            }
        )
    shape = {"name": "worker", "count": WORKERS, "cpu": 8, "memory": {"process": "32 gb"}, "slots": SLOTS}
    return instances.job(name, groups, job_operators), instances.cluster(name, [shape])


def _ship(source: dict[str, Any], target: dict[str, Any]) -> str:
    ship = SHIPS.get(source["outboundtype"], "rebalance")
    return "rebalance" if ship == "forward" and source["parallelism"] != target["parallelism"] else ship


def _state(entry: dict[str, Any]) -> str:
    """Return a size that goes with the state throughput, so that memory balances it."""
    return f"{max(1, round(entry['state'] / 100))} mb"


def place(folder: Path, pair: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """Return the placement of a job on a cluster, and the seconds that the whole command took."""
    job, cluster = instances.write(folder, pair)
    started = time.perf_counter()
    output = folder / "placement.json"
    command = [sys.executable, "-m", "planner", "place", job, "-c", cluster, "-o", output]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return json.loads(output.read_text(encoding="utf-8")), time.perf_counter() - started


def imbalance(values: list[float]) -> float:
    """Return max/mean - 1."""
    return max(values) * len(values) / sum(values) - 1 if sum(values) else 0.0


def score(operators: list[dict[str, Any]], plan: list[Counter[str]]) -> dict[str, float]:
    """Return imbalance of compute and state over workers, and the share of network that crosses them."""
    by_id = {entry["id"]: entry for entry in operators}
    found = {
        measure: imbalance([sum(by_id[i][measure] * n for i, n in held.items()) for held in plan])
        for measure in ("compute", "state")
    }
    total = crossing = 0.0
    for entry in operators:
        for down in entry["downNode"]:
            rate = entry["network"] * entry["parallelism"]
            total += rate
            near = sum(
                held[entry["id"]] / entry["parallelism"] * held[down] / by_id[down]["parallelism"]
                for held in plan
            )
            crossing += rate * (1 - near)
    return {**found, "network": crossing / total if total else 0.0}


def recorded(folder: Path, query: str, operators: list[dict[str, Any]]) -> list[Counter[str]]:
    """Return the plan that the artifact recorded for a query: tasks of each operator by worker."""
    found = (folder / "expjson_singlequery_8slot").glob(f"{query.lower()}-*.json")
    path = next(path for path in sorted(found) if not path.name.endswith("-profile.json"))
    text = re.sub(r",\s*([\]}])", r"\1", path.read_text(encoding="utf-8"))
    names = {entry["name"]: entry["id"] for entry in operators}
    plan: dict[str, Counter[str]] = {}
    for entry in json.loads(text)["schedulercfg1st"]:
        name, worker = (part.strip() for part in entry.split(";"))
        plan.setdefault(worker, Counter())[names[name]] += 1
    return list(plan.values())


def main() -> None:
    """Print one row a query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("| query | tasks | seconds | compute imbalance: planner / recorded | state | network |")
    print("|---|---|---|---|---|---|")
    for query in (f"Q{n}" for n in range(1, 7)):
        path = folder / f"profiles/singlequery_8slot/{query}.json"
        operators = json.loads(path.read_text(encoding="utf-8"))
        theirs = recorded(folder, query, operators)
        # the recorded run has as many tasks of each operator as the workers have slots for
        counts = sum(theirs, Counter())
        operators = [{**entry, "parallelism": counts[entry["id"]]} for entry in operators]
        with tempfile.TemporaryDirectory() as name:
            placement, seconds = place(Path(name), documents(operators, query))
        mine = score(operators, [Counter(tm["quotas"]) for tm in placement["taskManagers"]])
        other = score(operators, theirs)
        rows = [f"{mine[measure]:.2%} / {other[measure]:.2%}" for measure in mine]
        proof = placement["objective"][0]["status"]
        print(f"| {query} | {counts.total()} | {seconds:.2f} | {rows[0]}, {proof} | {rows[1]} | {rows[2]} |")


if __name__ == "__main__":
    main()
