"""How long a job stands still on a real cluster: a TaskManager that is killed, and one that is drained.

    python bench/real/recovery.py [--stock 10] [--fast 10] [--migrations 20] [--waits 5] [--write]

Killed: SIGKILL of a TaskManager with slots, seconds from the signal to every subtask RUNNING: with Flink's
options and no spare, with Flink's options and a spare, and with ``recovery: fast`` and a spare. Without a
spare nobody starts anything for half a minute; that is then not recovered. With Flink's options each loss is
that of a new cluster: the delay grows with all restarts within an hour. With the fast ones `planner up` and
`planner migrate --home` restore the placement after each, outside the measured time, and after 5 s the next
one is a first failure again.

Drained: `planner migrate --drain` and back, seconds from the first SIGTERM to every subtask RUNNING, of a job
with RocksDB state. The job writes a sequence to files: at the end every number is there once. Beside it a
TaskManager of a cluster without a spare, with the same options, is ended and started again (kill and wait).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any

from command import ROOT, planner

from planner.cluster.rest import ENDED, Rest, jobs, progress, running_job
from planner.cluster.standalone import Standalone, read

OUTPUT = ROOT / "docs/benchmarks/recovery.md"
RATE, BUNDLE, LOAD = 100, 10, 5000
"""Numbers to files a second, how many of them come of one of the source, and records of the operator with
state. The state of Flink's sequence source is every number that is still to come, read one by one: with
60,000 that took 1.2 s of each recovery, which is of that source and of nothing else."""
ALONE_SECONDS, WAIT_SECONDS = 30.0, 120.0
"""How long a recovery is waited for, without a spare (nobody starts anything) and with one."""
SCRIPT = """SET 'execution.checkpointing.interval' = '2 s';
SET 'execution.checkpointing.dir' = 'file://{folder}/checkpoints';
SET 'execution.checkpointing.incremental' = 'true';
SET 'state.backend.type' = 'rocksdb';{more}
CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '{rate}',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '{last}');
CREATE TABLE r (m INT) WITH ('connector' = 'datagen', 'rows-per-second' = '{load}',
  'fields.m.kind' = 'random', 'fields.m.min' = '0', 'fields.m.max' = '49999');
CREATE TABLE k (m INT, c BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE f (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'file://{folder}/out', 'format' = 'csv',
  'sink.rolling-policy.rollover-interval' = '10 s', 'sink.rolling-policy.check-interval' = '5 s');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO k SELECT m, COUNT(*) FROM r GROUP BY m;
  INSERT INTO f SELECT m FROM s CROSS JOIN UNNEST(ARRAY[{numbers}]) AS t (m);
END;
"""
RESET = """
SET 'restart-strategy.exponential-delay.reset-backoff-threshold' = '5 s';"""
SETTLED = 8.0
"""Seconds between two losses or migrations, of a job that takes a checkpoint every 2 s."""
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {{name: c}}
spec:
  taskManagerClasses:
    - {{name: tm, count: {count}, cpu: 2, memory: {{process: 1500 mb}}, slots: 4}}
  reserve: {{taskManagers: {spares}}}
"""
GROUPS = [
    {"name": "default", "cpu": 0.2, "heap": "160 mb", "offHeap": "16 mb"},
    {"name": "count", "cpu": 0.3, "heap": "48 mb", "offHeap": "16 mb", "managed": {"STATE_BACKEND": "96 mb"}},
]


class Case:
    """A cluster with the job in a folder."""

    def __init__(self, folder: Path, spares: int, recovery: str, last: int) -> None:
        self.folder = folder
        more = RESET if recovery == "fast" else ""
        script = SCRIPT.format(
            folder=folder,
            rate=RATE // BUNDLE,
            bundle=BUNDLE,
            numbers=", ".join(f"n * {BUNDLE} - {number}" for number in range(BUNDLE)),
            load=LOAD,
            last=last // BUNDLE,
            more=more,
        )
        (folder / "job.sql").write_text(script, encoding="utf-8")
        (folder / "cluster.yaml").write_text(
            CLUSTER.format(count=2 + spares, spares=spares), encoding="utf-8"
        )
        planner(folder, "compile", "job.sql", "-o", "job.profile.json")
        profile = json.loads((folder / "job.profile.json").read_text(encoding="utf-8"))
        for node in profile["nodes"]:
            node["profile"]["parallelism"] = 2
            if "Aggregate" in node["desc"]:
                node["profile"]["group"] = "count"
        profile["ssgProfiles"] = GROUPS
        profile["planner"]["recovery"] = recovery
        (folder / "job.profile.json").write_text(json.dumps(profile), encoding="utf-8")
        planner(folder, "place", "job.profile.json", "-o", "job.placement.json")
        planner(folder, "up")
        try:
            planner(folder, "run", "job.sql")
        except RuntimeError:
            self.end()
            raise
        found = read(folder / ".planner")
        assert found is not None
        self.cluster: Standalone = found
        self.rest = Rest(found.url)
        (self.job,) = [job for job, state in jobs(self.rest).items() if state not in ENDED]

    def end(self) -> None:
        planner(self.folder, "down")

    def holders(self, placement: str = "job.placement.json") -> list[str]:
        """Return the TaskManagers with slots."""
        found = json.loads((self.folder / placement).read_text(encoding="utf-8"))["taskManagers"]
        return [tm["id"] for tm in found if tm["slots"]]

    def attempts(self) -> tuple[bool, int]:
        found = running_job(self.rest, self.job)
        return found.running, sum(one.attempt for vertex in found.vertices for one in vertex.subtasks)

    def all_written(self) -> bool:
        """Tell whether the part of the job that writes the sequence has finished."""
        found = running_job(self.rest, self.job)
        ends = [one for one in found.vertices if one.name.startswith(("Source: s[", "end"))]
        assert len(ends) == 2, found
        return all(subtask.state == "FINISHED" for one in ends for subtask in one.subtasks)

    def killed(self, name: str, seconds: float) -> float | None:
        """Kill a TaskManager; return the seconds until every subtask runs, None if that is too late."""
        _, before = self.attempts()
        started = time.monotonic()
        os.kill(self.cluster.running()[name], signal.SIGKILL)
        return self._recovered(started, before, seconds)

    def _recovered(self, started: float, before: int, seconds: float) -> float | None:
        while (spent := time.monotonic() - started) < seconds:
            _, done, count = progress(self.rest, self.job)
            if done == count:
                running, attempts = self.attempts()
                if running and attempts > before:
                    return spent
            time.sleep(0.1)
        return None

    def replaced(self, name: str) -> float | None:
        """End a TaskManager, start it again, and return the seconds until every subtask runs."""
        _, before = self.attempts()
        started = time.monotonic()
        os.kill(self.cluster.running()[name], signal.SIGTERM)
        while name in self.cluster.running():
            time.sleep(0.05)
        again = Thread(target=planner, args=(self.folder, "up", "-p", "job.placement.json"))
        again.start()
        try:
            return self._recovered(started, before, WAIT_SECONDS)
        finally:
            again.join()


def settled() -> None:
    """Let the job take a few checkpoints, so that a run does not begin in the restart of the one before."""
    time.sleep(SETTLED)


def stock(spares: int, runs: int) -> list[float | None]:
    """Return the seconds of some losses with Flink's options, each of a new cluster."""
    found = []
    for number in range(runs):
        with tempfile.TemporaryDirectory() as name:
            case = Case(Path(name), spares, "flink", RATE * 300)
            try:
                settled()
                waited = WAIT_SECONDS if spares else ALONE_SECONDS
                found.append(case.killed(case.holders()[number % 2], waited))
                print(f"spares {spares}, flink: {found[-1]}", flush=True)
            finally:
                case.end()
    return found


def fast(runs: int) -> list[float | None]:
    """Return the seconds of some losses with fast options and a spare, one after the other."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        case = Case(Path(name), 1, "fast", RATE * (60 + 60 * runs))
        try:
            for number in range(runs):
                settled()
                found.append(case.killed(case.holders()[number % 2], WAIT_SECONDS))
                print(f"spare, fast: {found[-1]}", flush=True)
                planner(case.folder, "up")
                planner(case.folder, "migrate", "--home", "--apply")
                planner(case.folder, "verify")
        finally:
            case.end()
    return found


def kill_and_wait(count: int) -> list[float | None]:
    """Return the seconds of ending a TaskManager and starting it again, where there is no other."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        case = Case(Path(name), 0, "fast", RATE * (60 + 60 * count))
        try:
            for number in range(count):
                settled()
                found.append(case.replaced(case.holders()[number % 2]))
                print(f"kill and wait: {found[-1]}", flush=True)
            return found
        finally:
            case.end()


def migrations(count: int) -> tuple[list[float], dict[str, int]]:
    """Return the seconds of migrations, and how the sequence came out."""
    last = RATE * (count * 60 + 60)
    with tempfile.TemporaryDirectory() as name:
        case = Case(Path(name), 1, "fast", last)
        try:
            moved = list(_moved(case, count))
            while not case.all_written():
                time.sleep(1)
            return moved, _sequence(Path(name) / "out", last)
        finally:
            case.end()


def _moved(case: Case, count: int) -> Any:
    for number in range(count):
        settled()
        if number % 2 == 0:
            drained = case.holders()[(number // 2) % 2]
            said = planner(
                case.folder,
                *(
                    "migrate",
                    "-p",
                    "job.placement.json",
                    "--drain",
                    drained,
                    "--apply",
                    "-o",
                    "new.placement.json",
                ),
            )
        else:
            said = planner(
                case.folder, "migrate", "-p", "new.placement.json", "--to", "job.placement.json", "--apply"
            )
        told = re.search(r"ran again ([\d.]+) s after", said)
        assert told, said
        print(f"migration {number}: {told[1]}", flush=True)
        yield float(told[1])


def _sequence(folder: Path, last: int) -> dict[str, int]:
    """Count the numbers of files that were committed: each is to be there once."""
    seen: Counter[int] = Counter()
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.startswith((".", "_")):
            seen.update(int(line) for line in file.read_text(encoding="utf-8").split())
    return {
        "numbers": last,
        "missing": sum(1 for number in range(1, last + 1) if number not in seen),
        "twice": sum(1 for count in seen.values() if count > 1),
    }


def _row(what: str, found: list[float | None], limit: float = WAIT_SECONDS) -> str:
    known = [one for one in found if one is not None]
    if not known:
        return f"| {what} | {len(found)} | not in {limit:g} s | not in {limit:g} s |"
    worst = f"{max(known):.1f} s" if len(known) == len(found) else f"not in {limit:g} s"
    return f"| {what} | {len(found)} | {statistics.median(known):.1f} s | {worst} |"


def main() -> None:
    """Print each run and a table of medians and worst cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", type=int, default=10, help="losses with Flink's options, with and without")
    parser.add_argument("--fast", type=int, default=10, help="losses with fast options")
    parser.add_argument("--migrations", type=int, default=20, help="drains, and the ways back")
    parser.add_argument("--waits", type=int, default=5, help="TaskManagers that are ended and started again")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    options = parser.parse_args()
    lines = ["| what | runs | median | worst |", "|---|---|---|---|"]
    if options.stock:
        alone = stock(0, options.stock)
        lines.append(_row("SIGKILL, Flink's options, no spare", alone, ALONE_SECONDS))
        lines.append(_row("SIGKILL, Flink's options, spare", stock(1, options.stock)))
    if options.fast:
        lines.append(_row("SIGKILL, fast options, spare", fast(options.fast)))
    if options.waits:
        lines.append(_row("ended and started again, no spare", kill_and_wait(options.waits)))
    if options.migrations:
        moved, sequence = migrations(options.migrations)
        lines += [
            _row("drained, replacement first", list(moved)),
            "",
            f"Of {sequence['numbers']:,} numbers that the job wrote to files meanwhile,"
            f" {sequence['missing']} are missing and {sequence['twice']} are there more than once.",
        ]
    print("\n".join(lines))
    if options.write:
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        OUTPUT.write_text(
            "# Recovery on a real cluster\n\n"
            f"`python bench/real/recovery.py --stock {options.stock} --fast {options.fast}"
            f" --migrations {options.migrations} --waits {options.waits} --write` on {machine}. Two"
            " TaskManagers hold a SQL job with RocksDB state and checkpoints"
            f" every 2 s: {LOAD:,} records a second are counted by key, and {RATE} numbers of a sequence are"
            " written to files; seconds are from the signal until every subtask runs. With Flink's options"
            " every loss is that of a new cluster, since its delay grows with each restart within an hour;"
            " the job with `recovery: fast` sets `reset-backoff-threshold` to 5 s, so that losses and"
            " migrations follow one another; its spares and replacements are warmed up.\n\n"
            + "\n".join(lines)
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
