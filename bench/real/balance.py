"""Stock Flink against a plan on a real cluster: CPU of every TaskManager, and throughput.

    python bench/real/balance.py [--runs 10] [--write]

One job (tests/flink/jobs, ``work``) on eight TaskManagers of unequal CPU, which control groups hold them
to: under each of Flink's own strategies, and under planner's placement, made of a load that was measured once
under NONE. Each run is a new cluster; the variants take turns. Three figures a run: the highest utilisation
of a TaskManager's CPU while records come at a fixed rate, the records a second when they come as fast as they
are taken, and the highest utilisation when two operators change places every few seconds in what a record
costs them, which planner places by two samples of load. Run it on a quiet machine, as a user who may make
control groups. What is written after each round is whole, so that it may be ended early.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import ROOT, planner

from planner.cluster import cgroups
from planner.cluster.processes import cpu_seconds
from planner.cluster.rest import Rest
from planner.cluster.standalone import Standalone, read
from planner.cluster.submit import submit as submit_graph
from planner.documents.profile import Program
from planner.flink.program import Toolchain, stream_graph

JAR = ROOT / "tests/flink/jobs/test-job.jar"
OUTPUT = ROOT / "docs/benchmarks/balance.md"
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: unequal}
spec:
  taskManagerClasses:
    - {name: a, count: 1, cpu: 0.5, memory: {process: 1600 mb}, slots: 11}
    - {name: b, count: 2, cpu: 0.3, memory: {process: 1400 mb}, slots: 7}
    - {name: c, count: 2, cpu: 0.2, memory: {process: 1200 mb}, slots: 5}
    - {name: d, count: 3, cpu: 0.15, memory: {process: 1200 mb}, slots: 4}
"""
CORES = {"a-0": 0.5, "b-0": 0.3, "b-1": 0.3, "c-0": 0.2, "c-1": 0.2, "d-0": 0.15, "d-1": 0.15, "d-2": 0.15}
RATE, ROUNDS = 20_000, 2_000
HALF = 10
"""Seconds after which the operators change places."""
CALIBRATION_SECONDS = 75
"""How long a load is measured: Flink's rates are means over the last minute."""
SETTLING_SECONDS, POLL_SECONDS = 1.5, 0.05
LIMITED_SECONDS = 3.0
"""How long the job runs within the limits before it is measured."""
FRESH = ("-D", "metrics.fetcher.update-interval=1000")
STOCK = ("NONE", "SLOTS", "MIN_RESOURCES", "TASKS")
PLAN = "planner"
GROUP = {"cpu": 0.02, "heap": "32 mb", "offHeap": "0 mb"}
LOADS = {
    "steady": f"work {RATE} {ROUNDS} 0",
    "free": f"work 0 {ROUNDS} 0",
    "peaks": f"work {RATE} {ROUNDS} {HALF}",
}
"""What the job is started with: records at a rate, as fast as they are taken, and with two peaks in turn."""
NEAR = 0.05


@dataclass(frozen=True)
class Window:
    """What was seen over some seconds: cores used of each TaskManager, records a second that left the job."""

    cores: Mapping[str, float]
    records: float

    @property
    def utilisations(self) -> list[float]:
        return [self.cores[name] / limit for name, limit in CORES.items()]


@dataclass(frozen=True)
class Run:
    """What was seen with each load: the highest CPU with two peaks is that of the worse half."""

    steady: Window
    free: Window
    peaks: tuple[Window, Window]
    placed: str

    @property
    def figures(self) -> tuple[float, float, float]:
        """Highest CPU, records a second, highest CPU with two peaks."""
        worse = max(max(half.utilisations) for half in self.peaks)
        return max(self.steady.utilisations), self.free.records, worse


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


def submit(running: Standalone, folder: Path, variant: str, load: str) -> str:
    """Start the job and return its id."""
    if variant == PLAN:
        plan = f"{load}.placement.json"
        return planner(folder, "run", str(JAR), "-p", plan).split(" runs at ")[0].split()[-1]
    return start(running, LOADS[load])


def start(running: Standalone, arguments: str) -> str:
    """Start the job as Flink's own client does and return its id."""
    program = Program(file=str(JAR), kind="jar", arguments=arguments.split())
    with stream_graph(program, Toolchain()) as (jvm, graph):
        return submit_graph(jvm, graph, Rest(running.url))


def warm_up(running: Standalone, seconds: float) -> None:
    """Let the job run without limits of CPU for a while: in 0.15 cores Java compiles for minutes."""
    assert running.control_group is not None
    groups = [running.control_group / name / file for name in CORES for file in cgroups.QUOTAS]
    limits = {file: file.read_text(encoding="utf-8") for file in groups if file.exists()}
    for file in limits:
        file.write_text("-1" if file.name == "cpu.cfs_quota_us" else "max", encoding="utf-8")
    time.sleep(seconds)
    for file, limit in limits.items():
        file.write_text(limit, encoding="utf-8")
    time.sleep(LIMITED_SECONDS)


def observe(running: Standalone, job: str, seconds: float) -> Window:
    """Return what a job does in a window."""
    rest = Rest(running.url)
    begin, records = _fresh(rest, job)
    cpu = _cpu(running)
    time.sleep(seconds)
    end, arrived = _fresh(rest, job)
    spent = end - begin
    return Window(_used(cpu, _cpu(running), spent), (arrived - records) / spent)


def observe_peaks(running: Standalone) -> tuple[Window, Window]:
    """Return what the TaskManagers use in each half, from one change to the next and the one after that."""
    time.sleep(HALF - time.time() % HALF)
    seen = [(time.monotonic(), _cpu(running))]
    for _ in range(2):
        time.sleep(HALF - time.time() % HALF)
        seen.append((time.monotonic(), _cpu(running)))
    first, second = (
        Window(_used(before, after, end - begin), 0.0)
        for (begin, before), (end, after) in itertools.pairwise(seen)
    )
    return first, second


def _cpu(running: Standalone) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in running.running().items() if name in CORES}


def _used(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    return {name: (after[name] - cpu) / seconds for name, cpu in before.items()}


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
    """Return how many subtasks of the two heavy operators each TaskManager has."""
    rest = Rest(running.url)
    counts: Counter[tuple[str, str]] = Counter()
    for vertex in rest.get(f"/jobs/{job}", dict[str, Any])["vertices"]:
        operator = vertex["name"].split()[0]
        for subtask in rest.get(f"/jobs/{job}/vertices/{vertex['id']}", dict[str, Any])["subtasks"]:
            counts[subtask["taskmanager-id"], operator] += 1
    return " ".join(f"{counts[name, 'enrich']}+{counts[name, 'store']}" for name in CORES)


def plans(folder: Path) -> dict[str, float]:
    """Measure the job under NONE, place it by that for each load, and return the highest CPU planned."""
    program = [str(JAR), "--args"]
    planner(folder, "compile", *program, LOADS["steady"], "-o", "job.profile.json")
    profile = json.loads((folder / "job.profile.json").read_text(encoding="utf-8"))
    profile["ssgProfiles"] = [{"name": group["name"], **GROUP} for group in profile["ssgProfiles"]]
    (folder / "job.profile.json").write_text(json.dumps(profile), encoding="utf-8")
    slow = f"work {RATE} {ROUNDS} {CALIBRATION_SECONDS}"
    with cluster(folder, "cluster.yaml", *FRESH, "-D", "taskmanager.load-balance.mode=NONE") as running:
        for arguments, load, samples in ((LOADS["steady"], "steady", 1), (slow, "peaks", 2)):
            job = start(running, arguments)
            warm_up(running, CALIBRATION_SECONDS - time.time() % CALIBRATION_SECONDS)
            window = ("--window", str(CALIBRATION_SECONDS), "--samples", str(samples))
            output = ("-o", f"{load}.measured.json")
            planner(folder, "import", "load", "job.profile.json", "--job", job, *window, *output)
            cancel(running, job)
    highest = {}
    for load, arguments in LOADS.items():
        loaded = "steady" if load == "free" else load
        from_load = ("--from", f"{loaded}.measured.json", "-o", f"{load}.profile.json")
        planner(folder, "compile", *program, arguments, *from_load)
        planner(folder, "place", f"{load}.profile.json", "-c", "cluster.yaml", "-o", f"{load}.placement.json")
        placement = json.loads((folder / f"{load}.placement.json").read_text(encoding="utf-8"))
        highest[load] = placement["imbalance"]["max"]
    return highest


def run(folder: Path, variant: str, warm: float, seconds: float) -> Run:
    """Return what a variant does with each load, on a cluster of its own; the plan with peaks on another."""
    seen: dict[str, Any] = {}
    placed = []
    own = (("steady", "free"), ("peaks",)) if variant == PLAN else (("steady", "free", "peaks"),)
    for loads in own:
        mode = ["cluster.yaml", "-D", f"taskmanager.load-balance.mode={variant}"]
        given = ["-p", f"{loads[0]}.placement.json"] if variant == PLAN else mode
        with cluster(folder, *given, *FRESH) as running:
            for load in loads:
                job = submit(running, folder, variant, load)
                warm_up(running, warm)
                seen[load] = observe_peaks(running) if load == "peaks" else observe(running, job, seconds)
                placed.append(where(running, job))
                cancel(running, job)
    return Run(seen["steady"], seen["free"], seen["peaks"], "; ".join(dict.fromkeys(placed)))


def quartiles(values: Sequence[float], form: str) -> str:
    """Return median, and the quartiles with the least and the most."""
    known = values if len(values) > 1 else [*values, *values]
    low, middle, high = statistics.quantiles(known, n=4, method="inclusive")
    return f"**{middle:{form}}** ({low:{form}}-{high:{form}}; {min(values):{form}}-{max(values):{form}})"


def main() -> None:
    """Print a line a run, and the table after each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--warm", type=float, default=8.0, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
        planned = plans(folder)
        print("planned, highest CPU:", planned, flush=True)
        seen: dict[str, list[Run]] = {variant: [] for variant in (*STOCK, PLAN)}
        said = []
        for number in range(options.runs):
            for variant, runs in seen.items():
                one = run(folder, variant, options.warm, options.seconds)
                runs.append(one)
                said.append(f"{number} {variant:13} {_said(one)}")
                print(said[-1], flush=True)
            lines = _table(seen)
            print("\n".join(lines), flush=True)
            if options.write:
                page = _page(lines, said, planned, number + 1, options)
                OUTPUT.write_text("\n".join(page) + "\n", encoding="utf-8")


def _said(one: Run) -> str:
    highest, free, peaks = one.figures
    rate = f"{highest:.2f} at {one.steady.records:,.0f} records/s"
    return f"{rate}; {free:,.0f} records/s; {peaks:.2f} with peaks; {one.placed}"


def _table(seen: Mapping[str, list[Run]]) -> list[str]:
    figures = {
        variant: list(zip(*(one.figures for one in runs), strict=True)) for variant, runs in seen.items()
    }
    cpu, free, peaks = (statistics.median(values) for values in figures[PLAN])
    lines = [
        "| | highest CPU | within 5 % | records/s without a limit | within 5 % | highest CPU, two peaks"
        " | within 5 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant, (own_cpu, own_free, own_peaks) in figures.items():
        cells = (
            "the plan" if variant == PLAN else f"Flink, {variant}",
            quartiles(own_cpu, ".2f"),
            _share(value <= cpu * (1 + NEAR) for value in own_cpu),
            quartiles(own_free, ",.0f"),
            _share(value >= free * (1 - NEAR) for value in own_free),
            quartiles(own_peaks, ".2f"),
            _share(value <= peaks * (1 + NEAR) for value in own_peaks),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _share(near: Iterable[bool]) -> str:
    runs = list(near)
    return f"{sum(runs)} of {len(runs)}"


def _page(
    lines: list[str], said: list[str], planned: Mapping[str, float], runs: int, options: argparse.Namespace
) -> list[str]:
    models = [
        line
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if "model name" in line
    ]
    machine = f"{os.cpu_count()} cores, {models[0].partition(': ')[2] if models else platform.machine()}"
    cores = ", ".join(f"{limit:g}" for limit in CORES.values())
    return [
        "# A plan against stock Flink, on a real cluster",
        "",
        f"Measured by `python bench/real/balance.py --write` on a virtual machine of {machine}: one job of 4"
        f" sources, 12 heavy and 18 light subtasks on eight TaskManagers that control groups hold to {cores}"
        f" cores. {runs} runs of each, each a new cluster: **median** (quartiles; least and most) of"
        f" {options.seconds:g} s after {options.warm:g} s"
        f" without limits and {LIMITED_SECONDS:g} s within them.",
        "",
        f"Highest CPU is that of the TaskManager whose share of its cores is highest, with {RATE:,} records/s"
        f" offered. With two peaks, the heavy and the light operator change places every {HALF} s, and the"
        " worse half counts. Within 5 % are the runs that are no more than that worse than the plan's median."
        " The plans were made of loads measured once under NONE, for two peaks of two samples.",
        "",
        *lines,
        "",
        f"planner computed {planned['steady']:.2f} as the highest CPU, and {planned['peaks']:.2f} with two"
        " peaks, from the measured loads.",
        "",
        "Every run, with the heavy and light subtasks of each TaskManager, once where they are the same:",
        "",
        "```text",
        *said,
        "```",
    ]


if __name__ == "__main__":
    main()
