"""What RocksDB, ForSt, Python and batch operators do in a slot without managed memory, on real Flinks.

    python bench/real/zero_managed.py [--flink-home DIR]... [--pyflink PYTHON]... [--case NAME]... [--write]

Every case is a job whose groups have no managed memory, placed by planner on one TaskManager and run
under that placement; beside it the same with managed memory. A job that runs is watched for a while.
The extra's Flink is tried, and those that ``--flink-home`` names; each ``--pyflink`` is an interpreter that
has the PyFlink of one of them. ``--only-homes`` leaves the extra's out, ``--zero-only`` the runs with managed
memory.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import ROOT

import planner
from planner import api
from planner.cluster.errors import RestError
from planner.cluster.rest import ENDED, Rest, failure, jobs
from planner.cluster.run import wait_until_running
from planner.cluster.submit import submit
from planner.documents.profile import Program, ResourceProfile
from planner.documents.vocabulary import UseCase
from planner.flink.apply import apply
from planner.flink.jvm import Jvm, flink_jars, start_jvm
from planner.flink.program import Toolchain, stream_graph
from planner.flink.stream_graph import flink_version, profile_of
from planner.units import CORE, MIB

OUTPUT = ROOT / "docs/benchmarks/zero-managed-memory.md"
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: one}
spec:
  taskManagerClasses:
    - {name: tm, count: 1, cpu: 2, memory: {process: 1600 mb, network: 64 mb, jvmOverhead: 360 mb}}
"""
"""Memory beside the managed one does not depend on the job, so that one cluster serves all of them."""
ENOUGH = 128 * MIB
WATCH_SECONDS, POLL_SECONDS = 15.0, 0.5
TIME_LIMIT = 180.0
STREAM = """
CREATE TABLE s (a INT, b INT) WITH ('connector' = 'datagen', 'rows-per-second' = '200000',
  'fields.a.min' = '0', 'fields.a.max' = '999999');
CREATE TABLE k (a INT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO k SELECT a, SUM(b) FROM s GROUP BY a;
"""
WINDOW = """
CREATE TABLE s (a INT, b INT, t AS PROCTIME()) WITH ('connector' = 'datagen', 'rows-per-second' = '200000');
CREATE TABLE k (a INT, w TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO k SELECT a, window_start, SUM(b)
FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(t), INTERVAL '1' SECOND)) GROUP BY a, window_start, window_end;
"""
BOUNDED = """
SET 'execution.runtime-mode' = 'batch';
CREATE TABLE s (a INT, b INT) WITH ('connector' = 'datagen', 'number-of-rows' = '50000',
  'rows-per-second' = '1000000');
CREATE TABLE t (a INT, b INT) WITH ('connector' = 'datagen', 'number-of-rows' = '50000',
  'rows-per-second' = '1000000');
CREATE TABLE k (a INT, n BIGINT) WITH ('connector' = 'blackhole');
"""
PYTHON = """
from pyflink.table import EnvironmentSettings, TableEnvironment, DataTypes
from pyflink.table.udf import udf

t = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())

@udf(result_type=DataTypes.BIGINT())
def rest(a):
    return a % 7

t.create_temporary_function("rest", rest)
t.execute_sql("CREATE TABLE s (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '20000')")
t.execute_sql("CREATE TABLE k (a BIGINT) WITH ('connector' = 'blackhole')")
t.execute_sql("INSERT INTO k SELECT rest(a) FROM s")
"""


@dataclass(frozen=True)
class Case:
    """What is tried: a program, and the use of managed memory that it has."""

    name: str
    what: str
    use: UseCase
    text: str
    kind: str = "sql"
    since: str = "1.18"


def backend(name: str) -> str:
    return f"SET 'state.backend.type' = '{name}';\n" + STREAM


def batch(query: str, disabled: str = "") -> str:
    off = f"SET 'table.exec.disabled-operators' = '{disabled}';\n" if disabled else ""
    return BOUNDED + off + f"INSERT INTO k {query};\n"


JOIN = "SELECT s.a, CAST(t.b AS BIGINT) FROM s JOIN t ON s.a = t.a"
GROUP = "SELECT a, SUM(b) FROM s GROUP BY a"
CASES = (
    Case("hashmap", "state on the heap", UseCase.STATE_BACKEND, backend("hashmap")),
    Case("rocksdb", "RocksDB", UseCase.STATE_BACKEND, backend("rocksdb")),
    Case("forst", "ForSt", UseCase.STATE_BACKEND, backend("forst"), since="2.0"),
    Case("window", "window aggregate", UseCase.OPERATOR, WINDOW),
    Case("sort", "batch sort", UseCase.OPERATOR, batch("SELECT a, CAST(b AS BIGINT) FROM s ORDER BY b")),
    Case("hash-join", "batch hash join", UseCase.OPERATOR, batch(JOIN, "SortMergeJoin,NestedLoopJoin")),
    Case("merge-join", "batch sort-merge join", UseCase.OPERATOR, batch(JOIN, "HashJoin,NestedLoopJoin")),
    Case("hash-aggregate", "batch hash aggregate", UseCase.OPERATOR, batch(GROUP, "SortAgg")),
    Case("sort-aggregate", "batch sort aggregate", UseCase.OPERATOR, batch(GROUP, "HashAgg")),
    Case("sorted-inputs", "batch keyed DataStream", UseCase.OPERATOR, "", "jar"),
    Case("python", "Python UDF", UseCase.PYTHON, PYTHON, "python"),
)


def with_managed(profile: ResourceProfile, use: UseCase, size: int) -> ResourceProfile:
    """Return a profile all of whose groups have ``size`` bytes of managed memory, small otherwise."""
    managed = {use: size} if size else {}
    groups = [
        group.model_copy(update={"cpu": CORE, "heap": 256 * MIB, "off_heap": 32 * MIB, "managed": managed})
        for group in profile.ssg_profiles
    ]
    return profile.model_copy(update={"ssg_profiles": groups})


@contextmanager
def graph_of(case: Case, program: Program, home: Path | None, python: str) -> Iterator[tuple[Jvm, Any]]:
    """Yield a JVM and in it the stream graph of a case; that of the DataStream is made here."""
    if case.text:
        with stream_graph(program, Toolchain(home, python)) as found:
            yield found
        return
    with start_jvm(flink_jars(home)) as jvm:
        flink = jvm.view.org.apache.flink
        options = {
            **program.configuration,
            "execution.runtime-mode": "BATCH",
            "jobmanager.scheduler": "Default",
        }
        configuration = flink.configuration.Configuration.fromMap(options)
        streaming = flink.streaming.api
        env = streaming.environment.StreamExecutionEnvironment(configuration)
        keyed = env.fromSequence(1, 50_000).keyBy(flink.api.java.functions.NullByteKeySelector())
        keyed.sum(0).sinkTo(streaming.functions.sink.v2.DiscardingSink())
        yield jvm, env.getStreamGraph()


def outcomes(cases: Sequence[Case], size: int, home: Path | None, python: str) -> Iterator[str]:
    """Run cases one after the other on one cluster, with ``size`` bytes of managed memory in their slots."""
    with tempfile.TemporaryDirectory(prefix="zero-managed-") as temporary:
        folder, running = Path(temporary), None
        (folder / "cluster.yaml").write_text(CLUSTER, encoding="utf-8")
        cluster = planner.load_cluster(folder / "cluster.yaml")
        options = {"parallelism.default": "1", "execution.checkpointing.dir": f"file://{folder}/checkpoints"}
        if python:
            options |= {"python.executable": python, "python.client.executable": python}
        try:
            for case in cases:
                file = folder / ("job.py" if case.kind == "python" else "job.sql")
                file.write_text(case.text, encoding="utf-8")
                program = Program(file=str(file), kind=case.kind, configuration=options)  # type: ignore[arg-type]
                with graph_of(case, program, home, python) as (jvm, graph):
                    compiled = profile_of(jvm, graph, program, flink_version(jvm))
                    profile = api.compile(with_managed(compiled, case.use, size))
                    placement = api.place(profile, cluster)
                    running = running or api.up(
                        placement, folder=folder / ".planner", time_limit=TIME_LIMIT, flink_home=home
                    )
                    apply(jvm, graph, compiled, profile)
                    job = submit(jvm, graph, Rest(running.url))
                bounded = case.use is UseCase.OPERATOR and case.name != "window"
                seconds = TIME_LIMIT if bounded else WATCH_SECONDS
                yield watched(Rest(running.url), job, seconds)
                end(Rest(running.url), job)
        finally:
            api.down(folder / ".planner")


def end(rest: Rest, job: str) -> None:
    """Cancel a job that runs, and wait until its slot is free."""
    if jobs(rest)[job] not in ENDED:
        rest.patch(f"/jobs/{job}")
    while any(state not in ENDED for state in jobs(rest).values()):
        time.sleep(POLL_SECONDS)


def watched(rest: Rest, job: str, seconds: float) -> str:
    """Return what becomes of a job: how it ended, or how it ran for some seconds."""
    try:
        if wait_until_running(rest, job, TIME_LIMIT).state == "FINISHED":
            return "finishes"
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            time.sleep(POLL_SECONDS)
            state = rest.get(f"/jobs/{job}", dict[str, Any])["state"]
            if state == "FINISHED":
                return "finishes"
            if state in ENDED:
                return f"{state}: {failure(rest, job)}"
        return "runs"
    except RestError as error:
        return re.sub(r"^job [0-9a-f]+ is ", "", str(error))


def versions(homes: Sequence[Path | None]) -> Iterator[tuple[str, Path | None]]:
    for home in homes:
        dist = next(jar.name for jar in flink_jars(home) if jar.name.startswith("flink-dist"))
        yield dist.removeprefix("flink-dist-").removesuffix(".jar"), home


def pyflink_version(python: str) -> str:
    """Return the version of PyFlink that an interpreter has."""
    code = "from importlib.metadata import version; print(version('apache-flink'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flink-home", type=Path, action="append", default=[])
    parser.add_argument("--only-homes", action="store_true")
    parser.add_argument("--zero-only", action="store_true", help="leave out the runs with managed memory")
    parser.add_argument("--pyflink", action="append", default=[])
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rows: list[str] = []
    pyflink = {pyflink_version(python): python for python in chosen.pyflink}
    for version, home in versions([*([] if chosen.only_homes else [None]), *chosen.flink_home]):
        cases = [
            case
            for case in CASES
            if (not chosen.case or case.name in chosen.case)
            and _order(version) >= _order(case.since)
            and (case.kind != "python" or version in pyflink)
        ]
        found: list[list[str]] = []
        for size in (0,) if chosen.zero_only else (0, ENOUGH):
            found.append([])
            for case, one in zip(cases, outcomes(cases, size, home, pyflink.get(version, "")), strict=True):
                print(f"{version}, {size // MIB} mb, {case.what}: {one}", flush=True)
                found[-1].append(one)
        zeros, controls = found[0], found[1] if len(found) > 1 else ["-"] * len(cases)
        rows += [
            f"| {case.what} | {version} | {_cell(zero)} | {_cell(control)} |"
            for case, zero, control in zip(cases, zeros, controls, strict=True)
        ]
    if chosen.write:
        OUTPUT.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")


HEADER = """# Slots without managed memory

Made by `python bench/real/zero_managed.py --write`, with `--flink-home` for other versions than the extra's
and `--pyflink` for interpreters with the PyFlink of each. What state backends, Python workers and batch
operators do in a slot that has no managed memory, tried on real Flinks: each row is a job that planner placed
on one TaskManager, once with no managed memory in its groups and once with some.
[MEM501](../rules/MEM501.md) says the same of a job. A job that runs was watched for 15 s.

| what | Flink | without managed memory | with 128 mb |
|---|---|---|---|
"""


def _cell(found: str) -> str:
    return found.replace("|", "\\|").replace("\n", " ")[:200]


def _order(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


if __name__ == "__main__":
    main()
