"""How long a job stands still when supervised TaskManagers end: killed, or stuck in a cancellation.

    python bench/real/supervise.py [--runs 10] [--write]

No spare: `planner supervise` starts the process of a killed TaskManager again where it was. Seconds are from
the signal until every subtask runs, and from the failure of another task while a function on this one ignores
its cancellation, with a limit of 5 s (`--cancel-limit 5`; Flink itself ends the process after 180 s). Each
cluster meets one of these: a supervisor waits longer after each end of its TaskManager within minutes.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import statistics
import tempfile
import time
from pathlib import Path

from command import ROOT
from flink.test_supervise import Harmed, supervised, until

OUTPUT = ROOT / "docs/benchmarks/supervise.md"
SECONDS = 240.0


def killed(harmed: Harmed) -> float:
    """Kill the TaskManager of a subtask; return the seconds until every subtask runs again."""
    before = _attempts(harmed)
    name = harmed.where(0)
    started = time.monotonic()
    os.kill(harmed.cluster.running()[name], signal.SIGKILL)
    return _recovered(harmed, before, started)


def stuck(harmed: Harmed) -> float:
    """Let a function ignore its cancellation while another task fails; return the seconds likewise."""
    before = _attempts(harmed)
    harmed.control.with_suffix(".stuck").unlink(missing_ok=True)
    harmed.harm("stuck 1 0")
    until(harmed.control.with_suffix(".stuck").exists)
    started = time.monotonic()
    harmed.harm("fail 1 1")
    until(lambda: harmed.job().state == "RESTARTING")
    harmed.harm("")
    return _recovered(harmed, before, started)


def _attempts(harmed: Harmed) -> int:
    return sum(one.attempt for vertex in harmed.job().vertices for one in vertex.subtasks)


def _recovered(harmed: Harmed, before: int, started: float) -> float:
    while True:
        job = harmed.job()
        attempts = sum(one.attempt for vertex in job.vertices for one in vertex.subtasks)
        if job.running and attempts > before:
            return time.monotonic() - started
        assert time.monotonic() < started + SECONDS
        time.sleep(0.05)


def main() -> None:
    """Print each run, and a table of medians and worst cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    lines = ["| what | runs | median | worst |", "|---|---|---|---|"]
    cases = [("SIGKILL", killed, options.runs), ("a cancellation that hangs", stuck, options.runs // 3)]
    for what, case, runs in cases:
        seconds = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as name, supervised(Path(name)) as harmed:
                seconds.append(case(harmed))
                print(f"{what}: {seconds[-1]:.1f}", flush=True)
                harmed.healed()
        if seconds:
            median = statistics.median(seconds)
            lines.append(f"| {what} | {runs} | {median:.1f} s | {max(seconds):.1f} s |")
    print("\n".join(lines))
    if options.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        about = (
            f"`python bench/real/supervise.py --runs {options.runs} --write` on {machine}: two TaskManagers\n"
            "under `planner supervise`, none in reserve, heartbeats every second, `--cancel-limit 5`.\n"
            "Seconds are until every subtask runs again, each on its planned TaskManager (`planner verify`)."
        )
        table = "\n".join(lines)
        OUTPUT.write_text(f"# TaskManagers restarted in place\n\n{about}\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
