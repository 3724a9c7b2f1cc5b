"""Metaspace: of one loaded class, and of a TaskManager without and with a job.

Classes are Flink's own, loaded by name in random order in one JVM. The TaskManager is a real one, at rest
and with a SQL job of two aggregates that runs. python bench/metaspace.py --write also writes
docs/benchmarks/metaspace.md.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import zipfile
from pathlib import Path

from py4j.protocol import Py4JJavaError

import planner
from planner import api
from planner.cluster.rest import Rest
from planner.documents.profile import Program
from planner.flink.jvm import Jvm, flink_jars, start_jvm

TARGET = Path(__file__).parent.parent / "docs/benchmarks/metaspace.md"
HEADER = "| classes | metaspace, MiB | bytes for each class loaded since the start |\n|---|---|---|"
STEP, STEPS = 4_000, 4
POOLS = {"Metaspace", "Compressed Class Space"}


def flink_classes() -> list[str]:
    names = []
    for jar in flink_jars():
        with zipfile.ZipFile(jar) as archive:
            names += [name for name in archive.namelist() if name.endswith(".class")]
    flink = sorted(name for name in names if name.startswith("org/apache/flink/"))
    return [name.removesuffix(".class").replace("/", ".") for name in flink]


def used(jvm: Jvm) -> tuple[int, int]:
    factory = jvm.view.java.lang.management.ManagementFactory
    pools = [pool for pool in factory.getMemoryPoolMXBeans() if pool.getName() in POOLS]
    count = factory.getClassLoadingMXBean().getLoadedClassCount()
    return count, sum(pool.getUsage().getUsed() for pool in pools)


CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: one}
spec: {taskManagerClasses: [{name: tm, count: 1, cpu: 2, memory: {process: 4 gb}}]}
"""
SQL = """
CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'datagen', 'rows-per-second' = '50');
CREATE TABLE k (b STRING, n BIGINT) WITH ('connector' = 'blackhole');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO k SELECT b, COUNT(*) FROM s GROUP BY b;
  INSERT INTO k SELECT b, SUM(a) FROM s WHERE a > 0 GROUP BY b;
END;
"""
WARM_SECONDS, STALE_SECONDS = 20.0, 12.0
"""Until a job has loaded its classes; until REST shows a metric anew (`metrics.fetcher.update-interval`)."""


def of_task_manager() -> tuple[float, float]:
    """Return the metaspace in MiB of a TaskManager at rest, and of one that runs a job."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "job.sql").write_text(SQL, encoding="utf-8")
        (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
        program = Program(file=str(folder / "job.sql"), kind="sql")
        profile = api.compile(api.compile_program(program)[0])
        placement = api.place(profile, planner.load_cluster(folder / "cluster.yaml"))
        running = api.up(placement, folder=folder / ".planner")
        try:
            rest = Rest(running.url)
            at_rest = _metric(rest)
            api.run(program, placement, profile, folder=folder / ".planner")
            return at_rest, _metric(rest)
        finally:
            api.down(folder / ".planner")


def _metric(rest: Rest) -> float:
    path = "/taskmanagers/tm-0/metrics?get=Status.JVM.Memory.Metaspace.Used"
    time.sleep(WARM_SECONDS)
    rest.get(path)  # asks for it to be collected
    time.sleep(STALE_SECONDS)
    return int(rest.get(path)[0]["value"]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    names = flink_classes()
    random.Random(1).shuffle(names)
    lines = [HEADER]
    with start_jvm() as jvm:
        first_count, first_bytes = used(jvm)
        for step in range(STEPS):
            for name in names[step * STEP : (step + 1) * STEP]:
                try:
                    jvm.java_class(name)
                except Py4JJavaError:  # a class of a library that is not there
                    continue
            count, size = used(jvm)
            each = (size - first_bytes) / (count - first_count)
            lines.append(f"| {count:,} | {size / 2**20:.0f} | {each:,.0f} |")
    at_rest, with_job = of_task_manager()
    lines += ["", "| TaskManager | metaspace, MiB |", "|---|---|"]
    lines += [f"| at rest | {at_rest:.0f} |", f"| with a SQL job of two aggregates | {with_job:.0f} |"]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if write:
        title = "# Metaspace\n\nMade by `python bench/metaspace.py --write`.\n\n"
        TARGET.write_text(title + text, encoding="utf-8")


if __name__ == "__main__":
    main()
