"""Stock Flink against a plan on a real cluster: CPU of every TaskManager, and throughput.

    python bench/real/balance.py [--runs 3] [--write]

One job (tests/flink/jobs, ``work``) on TaskManagers of unequal CPU, which control groups hold them to:
under Flink's own strategies NONE, SLOTS and TASKS, and under planner's placement, made of a load that was
measured once under NONE. Each run is a new cluster; the variants take turns. Two figures a run: the
highest utilisation of a TaskManager's CPU while records come at a fixed rate, and the records a second
when they come as fast as they are taken. Run it on a quiet machine, as a user who may make control groups.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import ROOT, planner

from planner.cluster.processes import cpu_seconds
from planner.cluster.rest import Rest
from planner.cluster.standalone import Standalone, read
from planner.cluster.submit import submit as submit_graph
from planner.documents.profile import Program
from planner.flink.program import Toolchain, stream_graph

JAR = ROOT / "tests/flink/jobs/test-job.jar"
OUTPUT = ROOT / "docs/benchmarks/balance.md"
CORES = {"large-0": 0.8, "small-0": 0.4, "small-1": 0.4}
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: unequal}
spec:
  taskManagerClasses:
    - {name: large, count: 1, cpu: 0.8, memory: {process: 1600 mb}, slots: 6}
    - {name: small, count: 2, cpu: 0.4, memory: {process: 1200 mb}, slots: 3}
"""
RATE, ROUNDS = 28_000, 2_000
CALIBRATION_SECONDS = 75.0
"""How long the job runs before its load is measured: Flink's rates are means over the last minute."""
SETTLING_SECONDS, POLL_SECONDS = 3.0, 0.05
VARIANTS = ("NONE", "SLOTS", "TASKS", "planner")
GROUP = {"cpu": 0.05, "heap": "32 mb", "offHeap": "0 mb"}


@dataclass(frozen=True)
class Window:
    """What was seen over some seconds: cores used of each TaskManager, records a second that left the job."""

    cores: Mapping[str, float]
    records: float

    @property
    def utilisations(self) -> list[float]:
        return [self.cores[name] / limit for name, limit in CORES.items()]

    @property
    def imbalance(self) -> float:
        return max(self.utilisations) / statistics.mean(self.utilisations)


@dataclass(frozen=True)
class Run:
    """What was seen at the fixed rate and without one; subtasks of enrich by TaskManager, then and then."""

    fixed: Window
    free: Window
    placed: str


@contextmanager
def cluster(folder: Path, *arguments: str) -> Iterator[Standalone]:
    """Run a cluster of real processes until the block ends."""
    planner(folder, "up", *arguments)
    try:
        found = read(folder.resolve() / ".planner")
        assert found is not None
        if found.control_group is None:
            raise SystemExit("control groups cannot be made here, so TaskManagers cannot be limited")
        yield found
    finally:
        planner(folder, "down")


def submit(running: Standalone, folder: Path, variant: str, rate: int) -> str:
    """Start the job and return its id."""
    if variant == "planner":
        plan = folder / f"rate-{rate}.placement.json"
        return planner(folder, "run", str(JAR), "-p", plan.name).split(" runs at ")[0].split()[-1]
    program = Program(file=str(JAR), kind="jar", arguments=["work", str(rate), str(ROUNDS)])
    with stream_graph(program, Toolchain()) as (jvm, graph):
        return submit_graph(jvm, graph, running.url)


def observe(running: Standalone, job: str, warm: float, seconds: float) -> Window:
    """Return what a job does in a window after it has warmed up."""
    rest = Rest(running.url)
    pids = {name: pid for name, pid in running.running().items() if name in CORES}
    time.sleep(warm)
    begin, records = _fresh(rest, job)
    cpu = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    end, arrived = _fresh(rest, job)
    used = {name: cpu_seconds(pid) - cpu[name] for name, pid in pids.items()}
    spent = end - begin
    return Window({name: cores / spent for name, cores in used.items()}, (arrived - records) / spent)


def _fresh(rest: Rest, job: str) -> tuple[float, int]:
    """Return the records so far, and when.

    Flink collects figures when it is asked, at most once a second, and tells what it had before.
    """
    settled = time.monotonic() + SETTLING_SECONDS
    while time.monotonic() < settled:
        before = _records(rest, job)
        time.sleep(POLL_SECONDS)
    while _records(rest, job) == before and time.monotonic() < 2 * SETTLING_SECONDS + settled:
        time.sleep(POLL_SECONDS)
    at = time.monotonic()
    time.sleep(5 * POLL_SECONDS)  # the TaskManagers answer one after the other
    return at, _records(rest, job)


def _records(rest: Rest, job: str) -> int:
    vertices = rest.get(f"/jobs/{job}", dict[str, Any])["vertices"]
    return sum(v["metrics"]["read-records"] for v in vertices if v["name"].startswith("store"))


def cancel(running: Standalone, job: str) -> None:
    """End a job and wait until its slots are free."""
    rest = Rest(running.url)
    rest.patch(f"/jobs/{job}")
    while any(
        tm["freeSlots"] < tm["slotsNumber"]
        for tm in rest.get("/taskmanagers", dict[str, Any])["taskmanagers"]
    ):
        time.sleep(0.5)


def where(running: Standalone, job: str) -> str:
    """Return how many subtasks of the heavy operator each TaskManager has."""
    rest = Rest(running.url)
    vertices = rest.get(f"/jobs/{job}", dict[str, Any])["vertices"]
    heavy = next(v for v in vertices if v["name"].startswith("enrich"))
    subtasks = rest.get(f"/jobs/{job}/vertices/{heavy['id']}", dict[str, Any])["subtasks"]
    counts = Counter(subtask["taskmanager-id"] for subtask in subtasks)
    return " ".join(str(counts[name]) for name in CORES)


def plans(folder: Path, window: float) -> dict[str, Any]:
    """Measure the job under NONE, place it by that, and return the placement."""
    program = [str(JAR), "--args"]
    planner(folder, "compile", *program, f"work {RATE} {ROUNDS}", "-o", "job.profile.json")
    profile = json.loads((folder / "job.profile.json").read_text(encoding="utf-8"))
    profile["ssgProfiles"] = [{"name": group["name"], **GROUP} for group in profile["ssgProfiles"]]
    (folder / "job.profile.json").write_text(json.dumps(profile), encoding="utf-8")
    with cluster(folder, "cluster.yaml", "-D", "taskmanager.load-balance.mode=NONE") as running:
        job = submit(running, folder, "NONE", RATE)
        time.sleep(CALIBRATION_SECONDS)
        loaded = f"rate-{RATE}.profile.json"
        planner(
            folder, "import", "load", "job.profile.json", "--job", job, "--window", str(window), "-o", loaded
        )
    unlimited = ["--from", loaded, "-o", "rate-0.profile.json"]
    planner(folder, "compile", *program, f"work 0 {ROUNDS}", *unlimited)
    for rate in (0, RATE):
        document = f"rate-{rate}.profile.json"
        planner(folder, "place", document, "-c", "cluster.yaml", "-o", f"rate-{rate}.placement.json")
    found: dict[str, Any] = json.loads((folder / f"rate-{RATE}.placement.json").read_text(encoding="utf-8"))
    return found


def run(folder: Path, variant: str, warm: float, seconds: float) -> Run:
    """Return what a variant does at the fixed rate and without one, on a cluster of its own."""
    options = ["-D", f"taskmanager.load-balance.mode={variant}"]
    given = ["-p", f"rate-{RATE}.placement.json"] if variant == "planner" else ["cluster.yaml", *options]
    found = []
    with cluster(folder, *given) as running:
        for rate in (RATE, 0):
            job = submit(running, folder, variant, rate)
            found.append((observe(running, job, warm, seconds), where(running, job)))
            cancel(running, job)
    (fixed, at_first), (free, then) = found
    return Run(fixed, free, at_first if at_first == then else f"{at_first}, {then}")


def spread(values: list[float], form: str) -> str:
    """Return median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def main() -> None:
    """Print a line a run, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warm", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
        plan = plans(folder, options.seconds)
        print(f"planned: highest CPU {plan['imbalance']['max']:.2f}", flush=True)
        seen: dict[str, list[Run]] = {variant: [] for variant in VARIANTS}
        said = []
        for number in range(options.runs):
            for variant in VARIANTS:
                one = run(folder, variant, options.warm, options.seconds)
                seen[variant].append(one)
                busy = " ".join(f"{value:.2f}" for value in one.fixed.utilisations)
                said.append(
                    f"{number} {variant:8} enrich {one.placed}; at {one.fixed.records:6.0f} records/s:"
                    f" {busy}; free: {one.free.records:6.0f} records/s"
                )
                print(said[-1], flush=True)
    lines = _table(seen)
    print("\n".join(lines))
    if options.write:
        OUTPUT.write_text("\n".join(_page(lines, said, plan, options)) + "\n", encoding="utf-8")


def _table(seen: Mapping[str, list[Run]]) -> list[str]:
    lines = [
        "| | highest CPU | highest / mean CPU | records/s of the rate | records/s without one | enrich |",
        "|---|---|---|---|---|---|",
    ]
    for variant, runs in seen.items():
        cells = (
            "the plan" if variant == "planner" else f"Flink, {variant}",
            spread([max(one.fixed.utilisations) for one in runs], ".2f"),
            spread([one.fixed.imbalance for one in runs], ".2f"),
            spread([one.fixed.records for one in runs], ",.0f"),
            spread([one.free.records for one in runs], ",.0f"),
            "; ".join(one.placed for one in runs),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _page(
    lines: list[str], said: list[str], plan: Mapping[str, Any], options: argparse.Namespace
) -> list[str]:
    models = [
        line
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if "model name" in line
    ]
    machine = f"{os.cpu_count()} cores, {models[0].partition(': ')[2] if models else platform.machine()}"
    return [
        "# A plan against stock Flink, on a real cluster",
        "",
        f"Measured by `python bench/real/balance.py --write` on a virtual machine of {machine}: one job on"
        " TaskManagers that control groups hold to 0.8, 0.4 and 0.4 cores, with 6, 3 and 3 slots; 2"
        f" sources, 4 heavy subtasks, 6 light ones. Medians and ranges of {options.runs} runs, each a new"
        f" cluster, of {options.seconds:g} s after {options.warm:g} s. CPU and the first rate are at"
        f" {RATE:,} records/s offered. The last column is how many subtasks of the heavy operator large and"
        " the two small ones had, with the fixed rate and without where they differ. The plan was made"
        " from a load measured once under NONE.",
        "",
        *lines,
        "",
        f"planner computed {plan['imbalance']['max']:.2f} as the highest CPU of the plan from the measured"
        " load.",
        "",
        "Every run, with the CPU seconds a second of each TaskManager as a share of its cores:",
        "",
        "```text",
        *said,
        "```",
    ]


if __name__ == "__main__":
    main()
