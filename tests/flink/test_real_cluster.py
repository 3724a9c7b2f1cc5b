"""Derived memory on a real cluster: processes start with it, REST says the same, jobs live and die by it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flink.commands import JAR, planner
from planner.api import compile_job, place
from planner.cluster import standalone
from planner.cluster.launches import JOBMANAGER_MEMORY, Launch, launches
from planner.cluster.rest import Rest
from planner.cluster.standalone import Standalone
from planner.cluster.submit import submit
from planner.documents.cluster import Cluster as Documents
from planner.documents.job import Job
from planner.documents.load import load
from planner.documents.placement import Placement
from planner.documents.profile import Program
from planner.flink.program import Toolchain, stream_graph
from planner.graph.job_graph import JobGraph
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.launch import launch_jobmanager, launch_taskmanager
from planner.memory.network import NetworkOptions, runtime_minimum
from planner.memory.sizing import size_taskmanager
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager
from planner.units import KIB, MIB

pytestmark = pytest.mark.flink
SEGMENT = 32 * KIB
SECONDS = 90.0
"""When a cluster has to be up; nothing depends on how long it takes."""
NAMES = {
    "frameworkHeap": "framework_heap", "taskHeap": "task_heap", "frameworkOffHeap": "framework_off_heap",
    "taskOffHeap": "task_off_heap", "networkMemory": "network", "managedMemory": "managed",
    "jvmMetaspace": "jvm_metaspace", "jvmOverhead": "jvm_overhead", "totalFlinkMemory": "flink",
    "totalProcessMemory": "process",
}  # fmt: skip


def exchange(ship: str, producers: int, consumers: int) -> tuple[Job, JobGraph]:
    """Return TestJob's exchange as a document, and the job graph that planner compiles it to."""
    text = f"""
apiVersion: planner/v1
kind: Job
metadata: {{name: exchange}}
spec:
  operators:
    - {{id: numbers, kind: source, parallelism: {producers}, resources: {{cpu: 0.1, heap: 32 mb}}}}
    - {{id: slow, kind: map, parallelism: {producers}, inputs: [numbers], resources: {{cpu: 0.1, heap: 32 mb}}}}
    - {{id: shipped, kind: map, parallelism: {consumers}, inputs: [{{from: slow, ship: {ship}}}], resources: {{cpu: 0.1, heap: 32 mb}}}}
    - {{id: out, kind: sink, parallelism: {consumers}, inputs: [shipped], resources: {{cpu: 0.1, heap: 32 mb}}}}
"""
    (loaded,) = load(text.encode(), "exchange.yaml")
    assert isinstance(loaded.document, Job)
    return loaded.document, compile_job(loaded.document)[1]


@contextmanager
def local_cluster(
    folder: Path, taskmanagers: Mapping[str, Launch], jobmanager: Launch = (("-Xmx512m",), {})
) -> Iterator[Standalone]:
    """Run a cluster of its own until the block ends."""
    try:
        yield standalone.up(folder, {"jobmanager": jobmanager, **taskmanagers}, SECONDS)
    finally:
        standalone.down(folder)


def submitted(cluster: Standalone, arguments: list[str]) -> str:
    """Submit TestJob as it is and return the job's id."""
    program = Program(file=str(JAR), kind="jar", arguments=arguments)
    with stream_graph(program, Toolchain()) as (jvm, graph):
        return submit(jvm, graph, Rest(cluster.url))


def run(
    folder: Path, managers: Mapping[str, TaskManagerMemory], slots: int, arguments: list[str]
) -> tuple[str, str]:
    """Run TestJob on TaskManagers of the given memory; return its state and its failure, if any."""
    cpu = {"taskmanager.numberOfTaskSlots": str(slots), "taskmanager.cpu.cores": str(float(slots))}
    processes = {name: (jvm_arguments(m), {**m.dynamic_options(), **cpu}) for name, m in managers.items()}
    with local_cluster(folder, processes) as cluster:
        return outcome(Rest(cluster.url), submitted(cluster, arguments))


def outcome(cluster: Rest, job: str, seconds: float = 60) -> tuple[str, str]:
    """Wait until all tasks run and have read what they are sent, or the job failed.

    A task may run for a moment before its gates take their network memory (the suspension in
    StreamTask.restoreGates overtakes requestPartitions), so that running alone proves nothing of it.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = cluster.get(f"/jobs/{job}", dict[str, Any])
        if state["state"] in ("FAILED", "FINISHED"):
            history = cluster.get(f"/jobs/{job}/exceptions", dict[str, Any])["exceptionHistory"]["entries"]
            return state["state"], history[0]["stacktrace"] if history else ""
        readers = [node["id"] for node in state["plan"]["nodes"] if node.get("inputs")]
        # for a moment there is a job without vertices
        if (
            state["vertices"]
            and all(v["tasks"]["RUNNING"] == v["parallelism"] for v in state["vertices"])
            and all(
                subtask["metrics"]["read-records"] > 0
                for vertex in readers
                for subtask in cluster.get(f"/jobs/{job}/vertices/{vertex}", dict[str, Any])["subtasks"]
            )
        ):
            return "RUNNING", ""
        time.sleep(0.2)
    return "TIMEOUT", ""


@pytest.mark.extended
@pytest.mark.usefixtures("shared_jvm")
@pytest.mark.parametrize(
    ("ship", "producers", "consumers", "managers"),
    [("rebalance", 3, 5, 1), ("rescale", 2, 5, 1), ("rescale", 5, 2, 1), ("rebalance", 4, 4, 2)],
)
def test_a_job_starts_with_the_network_minimum_and_not_with_one_segment_less(
    tmp_path: Path, ship: str, producers: int, consumers: int, managers: int
) -> None:
    _, job = exchange(ship, producers, consumers)
    subtasks = [(v.index, i) for v in job.vertices for i in range(v.parallelism)]
    names = [f"tm-{n}" for n in range(managers)]
    # with several TaskManagers every one gets as many subtasks of each task, whichever they are
    placed = {name: [s for s in subtasks if s[1] % managers == n] for n, name in enumerate(names)}
    needed = runtime_minimum(job, placed, NetworkOptions())
    assert len(set(needed.values())) == 1
    slots = max(producers, consumers) // managers
    arguments = ["exchange", ship, str(producers), str(consumers)]

    def memory(buffers: int) -> dict[str, TaskManagerMemory]:
        size = size_taskmanager({"task_heap": 128 * MIB, "network": buffers * SEGMENT})
        return dict.fromkeys(names, size)

    buffers = needed["tm-0"]
    assert run(tmp_path / "enough", memory(buffers), slots, arguments) == ("RUNNING", "")
    state, reason = run(tmp_path / "short", memory(buffers - 1), slots, arguments)
    assert state == "FAILED"
    assert "Insufficient number of network buffers" in reason


def arguments_of(cluster: Standalone, name: str) -> list[str]:
    """Return the arguments with which the JVM of a process was started."""
    line = Path(f"/proc/{cluster.running()[name]}/cmdline").read_text().split("\0")
    return [part for part in line if part.startswith("-X")]


def check_processes(cluster: Standalone, placement: Placement) -> None:
    """Check that TaskManagers are what a placement says, and that REST says the same."""
    for tm in placement.task_managers:
        assert tm.memory is not None
        memory = derive_taskmanager(tm.memory.dynamic_options)
        told = Rest(cluster.url).get(f"/taskmanagers/{tm.id}", dict[str, Any])
        assert told["memoryConfiguration"] == {k: getattr(memory, v) for k, v in NAMES.items()}
        assert told["totalResource"]["cpuCores"] == float(tm.memory.dynamic_options["taskmanager.cpu.cores"])
        assert told["slotsNumber"] == len(tm.slots)
        quotas = {f"slot-{group}": float(count) for group, count in tm.quotas.items()}
        assert told["totalResource"]["extendedResources"] == quotas
        (heap,) = (part for part in tm.memory.jvm_arguments if part.startswith("-Xmx"))
        assert told["metrics"]["heapMax"] <= int(heap.removeprefix("-Xmx"))
        assert arguments_of(cluster, tm.id) == [p for p in tm.memory.jvm_arguments if p.startswith("-X")]


def test_processes_of_a_plan_run_with_what_planner_derived(cluster: Standalone) -> None:
    raw = (cluster.folder.parent / "job.placement.json").read_bytes()
    (loaded,) = load(raw, "job.placement.json")
    assert isinstance(loaded.document, Placement)
    check_processes(cluster, loaded.document)
    master = launch_jobmanager({"jobmanager.memory.process.size": JOBMANAGER_MEMORY})
    assert arguments_of(cluster, "jobmanager") == [p for p in master.jvm_arguments if p.startswith("-X")]


@pytest.mark.extended
def test_processes_run_with_what_planner_derived(tmp_path: Path) -> None:
    manager = launch_taskmanager(
        {
            "taskmanager.memory.process.size": "1200m",
            "taskmanager.numberOfTaskSlots": "3",
            "taskmanager.cpu.cores": "1.5",
        }
    )
    master = launch_jobmanager({"jobmanager.memory.process.size": "900m"})
    options = dict(manager.dynamic_options)
    del options["external-resources"]  # what Flink's script quotes for the shell
    started = (manager.jvm_arguments, options)
    with local_cluster(tmp_path, {"tm": started}, (master.jvm_arguments, master.dynamic_options)) as cluster:
        told = Rest(cluster.url).get("/taskmanagers/tm", dict[str, Any])
        assert told["memoryConfiguration"] == {k: getattr(manager.memory, v) for k, v in NAMES.items()}
        assert told["totalResource"]["cpuCores"] == 1.5
        assert told["metrics"]["heapMax"] <= int(manager.jvm_arguments[0].removeprefix("-Xmx"))
        for name, launch in (("tm", manager), ("jobmanager", master)):
            assert arguments_of(cluster, name) == [p for p in launch.jvm_arguments if p.startswith("-X")]


@pytest.mark.extended
@pytest.mark.usefixtures("shared_jvm")
def test_declared_direct_memory_is_there_and_without_it_the_job_dies(tmp_path: Path) -> None:
    declared = 96 * MIB
    with_it = size_taskmanager({"task_heap": 128 * MIB, "task_off_heap": declared, "network": 16 * MIB})
    without = size_taskmanager({"task_heap": 128 * MIB, "network": 16 * MIB})
    small = {"taskmanager.memory.framework.off-heap.size": "64m"}  # less to borrow from
    with_it, without = (
        size_taskmanager(
            {"task_heap": m.task_heap, "task_off_heap": m.task_off_heap, "network": m.network}, small
        )
        for m in (with_it, without)
    )
    arguments = ["direct", str(declared), "1"]
    assert run(tmp_path / "with", {"tm": with_it}, 1, arguments) == ("RUNNING", "")
    state, reason = run(tmp_path / "without", {"tm": without}, 1, arguments)
    assert state == "FAILED"
    assert "Direct buffer memory" in reason or "direct out-of-memory error" in reason


CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses:
    - {name: large, count: 1, cpu: 2, memory: {process: 1800 mb}, slots: 4}
    - {name: small, count: 2, cpu: 1, memory: {process: 1200 mb}, slots: 2}
"""


@pytest.mark.extended
@pytest.mark.usefixtures("shared_jvm")
def test_a_job_runs_on_taskmanagers_started_as_the_placement_says(tmp_path: Path) -> None:
    job, _ = exchange("rebalance", 3, 6)
    (loaded,) = load(CLUSTER.encode(), "cluster.yaml")
    assert isinstance(loaded.document, Documents)
    placement = place(job, loaded.document)
    processes = launches(placement, {})
    with local_cluster(tmp_path, processes) as cluster:
        check_processes(cluster, placement)
        job_id = submitted(cluster, ["exchange", "rebalance", "3", "6"])
        assert outcome(Rest(cluster.url), job_id) == ("RUNNING", "")


CLASSES = """apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses:
    - name: one
      count: 1
      cpu: 1
      memory: {process: 1200 mb}
      flinkConfiguration:
        taskmanager.memory.flink.size: 700m
        taskmanager.memory.managed.fraction: 0.2
        env.java.opts.taskmanager: '"-Dwho=me"'
        env.java.opts.all: -Dof=all
        env.log.level: WARN
    - name: other
      count: 1
      cpu: 1
      memory: {process: 1200 mb}
      flinkConfiguration: {taskmanager.memory.network.max: 70m, heartbeat.timeout: 40 s}
"""


@pytest.mark.extended
def test_options_of_classes_reach_their_processes(folder: Path) -> None:
    """More of them in bench/real/class_options.py."""
    (folder / "cluster.yaml").write_text(CLASSES)
    (folder / "job.yaml").write_text(
        "{apiVersion: planner/v1, kind: Job, metadata: {name: j}, spec: {parallelism: 2, operators: ["
        "{id: in, kind: source, uid: in, resources: {cpu: 0.6, heap: 16 mb, offHeap: 0 mb}}]}}"
    )
    planner(folder, "place", "job.yaml", "-c", "cluster.yaml", "-o", "job.placement.json")
    planner(folder, "up")
    (loaded,) = load((folder / "job.placement.json").read_bytes(), "job.placement.json")
    cluster = standalone.read(folder / ".planner")
    assert isinstance(loaded.document, Placement)
    assert cluster is not None
    check_processes(cluster, loaded.document)
    one, other = (told_memory(cluster, name) for name in ("one-0", "other-0"))
    assert one["totalFlinkMemory"] == 700 * MIB
    assert one["managedMemory"] == derive_taskmanager(OF_ONE).managed
    assert other["networkMemory"] <= 70 * MIB
    logs = {name: (cluster.folder / f"log/{name}.log").read_text() for name in ("one-0", "other-0")}
    assert " INFO " not in logs["one-0"]
    assert "configuration property: heartbeat.timeout, 40 s" in logs["other-0"]
    words = {
        name: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for name, pid in cluster.running().items()
    }
    assert [word for word in words["one-0"] if word in ("-Dof=all", "-Dwho=me")] == ["-Dof=all", "-Dwho=me"]
    assert not {"-Dof=all", "-Dwho=me"} & {*words["other-0"], *words["jobmanager"]}


OF_ONE = {"taskmanager.memory.flink.size": "700m", "taskmanager.memory.managed.fraction": "0.2"}


def told_memory(cluster: Standalone, name: str) -> dict[str, int]:
    told: dict[str, int] = Rest(cluster.url).get(f"/taskmanagers/{name}", dict[str, Any])[
        "memoryConfiguration"
    ]
    return told
