"""Metaspace that one loaded class takes: Flink's own classes, loaded by name in random order in one JVM.

python bench/metaspace.py --write also writes docs/benchmarks/metaspace.md.
"""

from __future__ import annotations

import argparse
import random
import zipfile
from pathlib import Path

from py4j.protocol import Py4JJavaError

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
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if write:
        title = "# Metaspace of a class\n\nMade by `python bench/metaspace.py --write`.\n\n"
        TARGET.write_text(title + text, encoding="utf-8")


if __name__ == "__main__":
    main()
