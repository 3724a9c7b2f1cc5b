"""Options of a TaskManager class, alone and in pairs: kept to the byte on a real TaskManager, or found.

    python bench/real/class_options.py [--flink-home DIR] [--section TITLE]... [--write]

Every case is a class of its own with options in its flinkConfiguration. `planner validate` says what is wrong
with it. Where that is nothing, or a warning, the class is placed and started by `planner up`, many classes in
one cluster, and what its TaskManager says is compared with the option: memory, slots and cores with what REST
tells (beside Flink's own derivation from the same options), segments with its metrics, JVM arguments with
those of its process, and everything else with the configuration that it logs when it starts.
"""

from __future__ import annotations

import argparse
import json
import logging
import operator
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from command import ROOT, planner

import planner as library
from planner.cluster.processes import log_file
from planner.cluster.rest import Rest
from planner.cluster.standalone import Standalone, read
from planner.documents.cluster import Cluster
from planner.documents.finding import Severity
from planner.documents.load import load
from planner.flink.jvm import flink_jars
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import FALLBACKS, PREFIX, derive_taskmanager
from planner.place.model.task_managers import MEMORY_OPTIONS, SLOTS, stock_options
from planner.units import parse_size

OUTPUT = ROOT / "docs/benchmarks/class-options.md"
M = PREFIX
MEMORY = {"process": "1200 mb"}
TOGETHER = 5
"""How many TaskManagers one cluster has."""
TIME_LIMIT = 240.0
JAVA = "env.java.opts.taskmanager"
SEGMENT = M + "segment-size"
PARTS = {
    "framework.heap": ("frameworkHeap", "framework_heap"),
    "framework.off-heap": ("frameworkOffHeap", "framework_off_heap"),
    "task.heap": ("taskHeap", "task_heap"),
    "task.off-heap": ("taskOffHeap", "task_off_heap"),
    "managed": ("managedMemory", "managed"),
    "network": ("networkMemory", "network"),
    "jvm-metaspace": ("jvmMetaspace", "jvm_metaspace"),
    "jvm-overhead": ("jvmOverhead", "jvm_overhead"),
    "flink": ("totalFlinkMemory", "flink"),
    "process": ("totalProcessMemory", "process"),
}
"""The parts of memory by the name in their options: as REST has them, and as planner's model."""


@dataclass(frozen=True)
class Case:
    """Options of a class, and its fields where they are others than usual."""

    options: Mapping[str, str]
    memory: Mapping[str, str] = field(default_factory=lambda: MEMORY)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        usual = {} if self.memory == MEMORY else {"memory": dict(self.memory)}
        shown = [f"`{key}: {value}`" for key, value in self.options.items()]
        return ", ".join(shown + [f"{key} {_flow(value)}" for key, value in {**usual, **self.fields}.items()])


def _flow(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"`{value}`"
    return f"`{{{', '.join(f'{k}: {v}' for k, v in value.items())}}}`"


def one(key: str, value: str, **more: Any) -> Case:
    return Case({key: value}, **more)


def memory(*options: str, of: Mapping[str, str] = MEMORY, **fields: Any) -> Case:
    """Return a case of memory options, each as ``name=value``."""
    pairs = (option.split("=") for option in options)
    return Case({M + name: value for name, value in pairs}, of, fields)


ALONE = (
    memory("task.heap.size=150m"),
    memory("task.off-heap.size=33m"),
    memory("managed.size=100m"),
    memory("managed.fraction=0.2"),
    memory("network.min=80m"),
    memory("network.max=70m"),
    memory("network.fraction=0.21"),
    memory("framework.heap.size=140m"),
    memory("framework.off-heap.size=100m"),
    memory("jvm-metaspace.size=200m"),
    memory("jvm-overhead.min=210m"),
    memory("jvm-overhead.max=200m"),
    memory("jvm-overhead.fraction=0.3"),
    memory("process.size=1201m", of={}),
    memory("flink.size=700m", of={}),
    memory("segment-size=64kb"),
    one("taskmanager.memory.size", "100m"),
    one("taskmanager.network.memory.max", "70m"),
    one(SLOTS, "3"),
    one("taskmanager.cpu.cores", "1.0"),
    one("taskmanager.network.sort-shuffle.min-buffers", "600"),
    one("taskmanager.network.request-backoff.max", "9000"),
    one("heartbeat.timeout", "40 s"),
    one("io.tmp.dirs", "/tmp"),
    one("task.cancellation.timeout", "20000"),
    one("taskmanager.debug.memory.log", "true"),
    one("state.backend.rocksdb.thread.num", "2"),
    one(JAVA, "-Dwho=me -XX:+UseSerialGC"),
    one("env.java.opts.all", "-Dwho=all"),
    one("env.log.level", "WARN"),
)
PAIRS = (
    # options beside fields
    memory("process.size=1201m"),
    memory("process.size=1200m"),
    memory("flink.size=700m"),
    memory("flink.size=900m"),
    memory("flink.size=200m"),
    memory("task.heap.size=100m", of={**MEMORY, "taskHeap": "101m"}),
    memory("task.heap.size=600m"),
    memory("managed.fraction=0.2", of={**MEMORY, "managed": "50m"}),
    memory("network.max=70m", of={**MEMORY, "network": "64m"}),
    memory("network.fraction=0.2", of={**MEMORY, "network": "64m"}),
    memory("jvm-overhead.min=200m", of={**MEMORY, "jvmOverhead": "193m"}),
    memory("jvm-metaspace.size=900m"),
    memory("framework.heap.size=700m"),
    Case({SLOTS: "8"}, fields={"slots": 2}),
    Case({SLOTS: "2"}, fields={"slots": 2}),
    one("taskmanager.cpu.cores", "2.0"),
    # options beside each other
    memory("managed.size=100m", "managed.fraction=0.2"),
    memory("network.min=90m", "network.max=70m"),
    memory("network.min=70m", "network.max=70m", "network.fraction=0.2"),
    memory("network.max=70m", "network.fraction=0.2"),
    memory("jvm-overhead.min=300m", "jvm-overhead.max=200m"),
    memory("process.size=1200m", "flink.size=700m", of={}),
    memory("process.size=1200m", "flink.size=600m", "jvm-overhead.max=200m", of={}),
    memory("task.heap.size=100m", "managed.size=100m", "network.max=70m", of={}),
    memory("task.heap.size=100m", "managed.size=400m"),
    memory("task.heap.size=100m", "task.off-heap.size=16m", "managed.size=250m", "network.max=1g"),
    memory("task.heap.size=100m", "network.min=80m"),
    Case({M + "managed.size": "100m", "taskmanager.memory.size": "90m"}),
    # what another process, or the JVM, would have otherwise
    one(JAVA, "-Xmx900m"),
    Case({JAVA: "-Dwho=me", "env.java.opts.all": "-Dwho=all"}),
    memory("segment-size=48kb"),
    one("external-resource.gpu.amount", "1"),
    one("taskmanager.resource-id", "mine"),
)
JOB = """apiVersion: planner/v1
kind: Job
metadata: {name: job}
spec:
  parallelism: %d
  slotSharingGroups:
    - {name: default, resources: {cpu: 0.6, heap: 16 mb, offHeap: 0 mb, managed: {OPERATOR: 16 mb}}}
  operators: [{id: in, kind: source, uid: in}]
"""


def cluster_of(cases: Sequence[Case]) -> str:
    classes = [
        {"name": f"c{n}", "count": 1, "cpu": 1, "memory": dict(case.memory), **case.fields}
        | {"flinkConfiguration": dict(case.options)}
        for n, case in enumerate(cases)
    ]
    spec = {"taskManagerClasses": classes}
    document = {"apiVersion": "planner/v1", "kind": "Cluster", "metadata": {"name": "c"}, "spec": spec}
    return yaml.safe_dump(document, sort_keys=False)


def found(case: Case) -> tuple[Severity | None, str]:
    """Return the worst finding that the options of a case have, and all of them in words."""
    findings = library.validate(*load(cluster_of([case]).encode(), "cluster.yaml"))
    worst = min((finding.severity for finding in findings), key=lambda each: each.rank, default=None)
    places: dict[str, list[str]] = {}
    for finding in findings:
        place = (finding.pointer or "").removeprefix("/spec/taskManagerClasses/0/").replace("/", ".")
        message = finding.message.removeprefix("class 'c0': ")
        said = f"{finding.code}: {message}"
        places.setdefault(said, []).append(place.removeprefix("flinkConfiguration."))
    return worst, "; ".join(f"{said} (at {', '.join(at)})" for said, at in places.items())


def expected(cluster: Cluster) -> dict[str, Mapping[str, int] | None]:
    """Return what Flink itself derives for every TaskManager, in bytes; None where it refuses."""
    answers: dict[str, Mapping[str, int] | None] = {}
    for name, options in stock_options(cluster).items():
        try:
            derived = derive_taskmanager(options)
            answers[name] = {part: getattr(derived, attribute) for part, (_, attribute) in PARTS.items()}
        except MemoryConfigurationError:
            answers[name] = None
    return answers


def started(folder: Path, cases: Sequence[Case], home: list[str]) -> Iterator[str]:
    """Place and start one TaskManager for every case, and yield what is not as its options say."""
    (folder / "cluster.yaml").write_text(cluster_of(cases), encoding="utf-8")
    (folder / "job.yaml").write_text(JOB % len(cases), encoding="utf-8")
    planner(
        folder, "place", "job.yaml", "-c", "cluster.yaml", "-o", "job.placement.json", "--time-limit", "30"
    )
    try:
        _up(folder, home)
        running = read(folder / ".planner")
        assert running is not None
        stock = expected(library.load_cluster(folder / "cluster.yaml"))
        text = (folder / "job.placement.json").read_text(encoding="utf-8")
        placed = {tm["id"]: tm for tm in json.loads(text)["taskManagers"]}
        for number, case in enumerate(cases):
            name = f"c{number}-0"
            yield "; ".join(_differences(running, name, case, stock[name], placed[name])) or "kept"
    finally:
        planner(folder, "down")


def _up(folder: Path, home: list[str]) -> None:
    """Start a cluster; a JVM that starts among many may give up, and is then started again."""
    for left in range(2, -1, -1):
        try:
            planner(folder, "up", "--time-limit", str(int(TIME_LIMIT)), *home)
            return
        except RuntimeError as error:
            if not left or "timed out" not in str(error):
                raise


def _differences(
    running: Standalone,
    name: str,
    case: Case,
    stock: Mapping[str, int] | None,
    placed: Mapping[str, Any],
) -> Iterator[str]:
    rest = Rest(running.url)
    told = rest.get(f"/taskmanagers/{name}", dict[str, Any])
    real = {part: told["memoryConfiguration"][key] for part, (key, _) in PARTS.items()}
    planned = derive_taskmanager(placed["memory"]["dynamicOptions"])
    yield from (
        f"{part} is {real[part]} bytes, {getattr(planned, attribute)} in the placement"
        for part, (_, attribute) in PARTS.items()
        if real[part] != getattr(planned, attribute)
    )
    log = log_file(running.folder, name).read_text(encoding="utf-8", errors="replace")
    arguments = Path(f"/proc/{running.running()[name]}/cmdline").read_text(encoding="utf-8").split("\0")
    heap = real["framework.heap"] + real["task.heap"]
    if f"-Xmx{heap}" not in arguments:
        yield f"the process has no -Xmx{heap}"
    for key, value in case.options.items():
        part = _part(key)
        if part is not None:
            yield from _memory_difference(key, value, part, real[part], stock)
        elif key == SLOTS:
            if told["slotsNumber"] != int(value):
                yield f"{told['slotsNumber']} slots"
        elif key == "taskmanager.cpu.cores":
            if told["totalResource"]["cpuCores"] != float(value):
                yield f"{told['totalResource']['cpuCores']} cores"
        elif key == SEGMENT:
            if (size := _segment(rest, name)) != parse_size(value):
                yield f"segments of {size} bytes"
        elif key.startswith("env.java.opts"):
            missing = [word for word in value.split() if word not in arguments]
            if missing:
                yield f"the process has no {' '.join(missing)}"
        elif key == "env.log.level":
            if " INFO " in log:
                yield "the log has lines of INFO"
        elif f"configuration property: {key}, {value}" not in log:
            yield f"not in the configuration that {name} logs"


def _part(key: str) -> str | None:
    """Return the part of memory that an option is about, None where it is about none."""
    old = {old: new for new, old in FALLBACKS.items()}
    name = old.get(key, key.removeprefix(PREFIX))
    return name.rpartition(".")[0] if name in MEMORY_OPTIONS else None


def _memory_difference(
    key: str, value: str, part: str, size: int, stock: Mapping[str, int] | None
) -> Iterator[str]:
    """Yield that a part is not what Flink derives; where a range leaves the choice, that it is outside."""
    kind = key.rpartition(".")[2]
    if stock is not None and size == stock[part]:
        return
    asked = {"size": operator.eq, "min": operator.ge, "max": operator.le}
    if kind in asked and asked[kind](size, parse_size(value)):
        return
    yield f"{part} is {size} bytes" + (f", Flink derives {stock[part]}" if stock else "")


def _segment(rest: Rest, name: str) -> int:
    """Return the size of a network buffer, from metrics of a TaskManager; they come some seconds late."""
    names = [f"Status.Shuffle.Netty.{each}" for each in ("TotalMemory", "TotalMemorySegments")]
    until = time.monotonic() + 30
    while True:
        answer = rest.get(f"/taskmanagers/{name}/metrics?get={','.join(names)}", list[dict[str, str]])
        values = {entry["id"]: int(entry["value"]) for entry in answer}
        if all(values.get(each) for each in names) or time.monotonic() > until:
            return values[names[0]] // values[names[1]]
        time.sleep(0.5)


def table(cases: Sequence[Case], home: list[str]) -> Iterator[str]:
    """Yield a row for every case."""
    said = {case.name: found(case) for case in cases}
    able = [case for case in cases if said[case.name][0] is not Severity.ERROR]
    real: dict[str, str] = {}
    for start in range(0, len(able), TOGETHER):
        group = able[start : start + TOGETHER]
        with tempfile.TemporaryDirectory(prefix="class-options-") as temporary:
            for case, outcome in zip(group, started(Path(temporary), group, home), strict=True):
                real[case.name] = outcome
                print(f"{case.name}: {outcome}", file=sys.stderr, flush=True)
    for case in cases:
        severity, words = said[case.name]
        finding = f"{severity}: {words}" if severity else "-"
        yield f"| {case.name} | {finding.replace('|', '')} | {real.get(case.name, 'not started')} |"


def cluster_wide(home: list[str]) -> Iterator[str]:
    """Yield rows of what all processes are given beside what a class says."""
    cases = [
        ("heartbeat.timeout", "40 s", "", ["-D", "heartbeat.timeout=30 s"]),
        ("heartbeat.timeout", "40 s", "", ["-D", "heartbeat.timeout=40 s"]),
        (SEGMENT, "64kb", "", ["-D", f"{SEGMENT}=32kb"]),
        ("heartbeat.timeout", "40 s", "recovery: fast", []),
        (SEGMENT, "64kb", f"flinkConfiguration: {{{SEGMENT}: 32kb}}", []),
    ]
    for key, value, spec, options in cases:
        with tempfile.TemporaryDirectory(prefix="class-options-") as temporary:
            folder = Path(temporary)
            (folder / "cluster.yaml").write_text(cluster_of([one(key, value)]), encoding="utf-8")
            job = JOB % 1 + (f"  {spec}\n" if spec else "")
            (folder / "job.yaml").write_text(job, encoding="utf-8")
            cluster = (folder / "cluster.yaml").read_bytes()
            findings = library.validate(*load(job.encode(), "job.yaml"), *load(cluster, "cluster.yaml"))
            about = [f for f in findings if key in f.message]
            finding = "; ".join(f"{f.severity}: {f.code} in {f.file}: {f.message}" for f in about)
            planner(folder, "place", "job.yaml", "-c", "cluster.yaml", "-o", "job.placement.json")
            try:
                planner(folder, "up", *options, *home)
                outcome = "starts"
            except RuntimeError as error:
                outcome = "refused: " + str(error).partition("planner: ")[2].replace("\n", " ")
            finally:
                planner(folder, "down")
        beside = f"`{' '.join(options)}`" if options else f"job: `{spec}`"
        yield f"| `{key}: {value}` | {beside} | {finding or '-'} | {outcome} |"


HEADER = """# Options of a TaskManager class

Made by `python bench/real/class_options.py --write` with Flink {version} on {machine}. Each row is a
TaskManager class of `cpu: 1` and, where nothing else stands there, `memory: {{process: 1200 mb}}`, with the
options in its `flinkConfiguration`. Where `planner validate` finds no error, the class was placed and started
by `planner up`.
*Kept* means: all ten figures of the `memoryConfiguration` that its TaskManager tells over REST are those of
the placement, what the option is about is what Flink itself derives from the same options (a minimum or
maximum: is within it), and its heap is the JVM's `-Xmx`; slots, cores and network buffers are as REST tells
them, JVM arguments as its process has them, other options as it logs its configuration.

"""


def sections(page: str) -> dict[str, str]:
    """Return the sections of the page by their titles."""
    _, *found = page.split("\n## ")
    return {title: rows.strip() for title, _, rows in (each.partition("\n") for each in found)}


SECTIONS = {
    "Alone": ("| class | planner validate | real TaskManager |", lambda home: table(ALONE, home)),
    "Together": ("| class | planner validate | real TaskManager |", lambda home: table(PAIRS, home)),
    "Beside what all processes are given": (
        "| class | beside it | planner validate | planner up |",
        cluster_wide,
    ),
}


def main() -> None:
    """Print the tables, and write them to the page; those that are not asked for stay in it as they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flink-home", type=Path)
    parser.add_argument("--section", action="append", choices=list(SECTIONS))
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    home = ["--flink-home", str(chosen.flink_home)] if chosen.flink_home else []
    page = sections(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    for title, (head, rows) in SECTIONS.items():
        if title in (chosen.section or SECTIONS):
            lines = [head, "|" + "---|" * (head.count("|") - 1)]
            for row in rows(home):
                print(row, flush=True)
                lines.append(row)
            page[title] = "\n".join(lines)
    if chosen.write:
        dist = next(jar.name for jar in flink_jars(chosen.flink_home) if jar.name.startswith("flink-dist-"))
        version = dist.removeprefix("flink-dist-").removesuffix(".jar")
        machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
        tables = "\n\n".join(f"## {title}\n\n{page[title]}" for title in SECTIONS if title in page)
        OUTPUT.write_text(HEADER.format(version=version, machine=machine) + tables + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
