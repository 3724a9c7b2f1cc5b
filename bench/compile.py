"""How long compiling big jobs takes, and how it grows: one process a size, best of three.

Prints a table; with --write it also goes to docs/benchmarks/compile.md. Figures are seconds and peak memory
of the whole command, start-up included, and as ratios to the smallest size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RUNS = 3


def job(operators: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a job document."""
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "bench"},
        "spec": {"operators": operators},
    }


def chain(count: int) -> dict[str, Any]:
    """Return a job of ``count`` operators, every third edge a hash edge."""
    operators: list[dict[str, Any]] = [{"id": "o0", "kind": "source", "parallelism": 2}]
    for n in range(1, count):
        ship = "forward" if n % 3 else "hash"
        operators.append(
            {"id": f"o{n}", "kind": "map", "parallelism": 2, "inputs": [{"from": f"o{n - 1}", "ship": ship}]}
        )
    return job(operators)


def all_to_all(subtasks: int) -> dict[str, Any]:
    """Return a job of two operators with ``subtasks`` subtasks together, all connected to all."""
    half = subtasks // 2
    reader = {"id": "b", "kind": "map", "parallelism": half, "inputs": [{"from": "a", "ship": "rebalance"}]}
    return job([{"id": "a", "kind": "source", "parallelism": half}, reader])


def measure(document: dict[str, Any]) -> tuple[float, float]:
    """Return seconds and peak MiB of compiling ``document``."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(document, file)
    best = float("inf"), float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        command = [sys.executable, "-m", "planner", "compile", file.name, "-o", os.devnull]
        child = subprocess.Popen(command, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit("planner failed")
        best = min(best, (time.perf_counter() - started, usage.ru_maxrss / 1024))
    os.unlink(file.name)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/compile.md")
    lines = [
        "# Benchmarks",
        "",
        f"Measured by `make bench` on {os.cpu_count()} cores, Python {platform.python_version()}:",
        f"best of {RUNS}, start-up included.",
        "",
        "| job | seconds | peak MiB | ratio of sizes | ratio of seconds | ratio of memory |",
        "|---|---|---|---|---|---|",
    ]
    for name, build, sizes in (
        ("operators in a row", chain, (1250, 2500, 5000)),
        ("subtasks, all to all", all_to_all, (2500, 10_000, 40_000)),
    ):
        first: tuple[float, float] | None = None
        for size in sizes:
            seconds, memory = measure(build(size))
            first = first or (seconds, memory)
            ratios = f"{size / sizes[0]:.0f} | {seconds / first[0]:.1f} | {memory / first[1]:.1f}"
            lines.append(f"| {size:,} {name} | {seconds:.2f} | {memory:.0f} | {ratios} |")
            print(lines[-1], flush=True)
    if parser.parse_args().write:
        (ROOT / "docs/benchmarks/compile.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
