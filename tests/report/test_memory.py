"""The memory of a process as a tree, a bar and data, and how a placed TaskManager would fail."""

from __future__ import annotations

import json

import pytest

import planner
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.placement import PlacedTaskManager
from planner.memory.risks import risks
from planner.memory.taskmanager import derive_taskmanager
from planner.report.budget import budget
from planner.report.memory import memory_data, memory_tree, stacked_bar
from planner.report.screen import render
from samples import cluster_of, document, job_of

PROCESSES = [
    (planner.Process.TASKMANAGER, {"taskmanager.memory.process.size": "4g"}),
    (planner.Process.JOBMANAGER, {"jobmanager.memory.process.size": "1600m"}),
]


@pytest.mark.parametrize(("process", "options"), PROCESSES)
def test_trees_name_every_part_and_its_reason(process: planner.Process, options: dict[str, str]) -> None:
    memory = planner.process_memory(process, options)
    text = render(*memory_tree(process.value, memory.parts, memory.jvm_arguments))
    for part in memory.parts:
        assert f"{part.name} " in text
    assert all(argument in text.splitlines() for argument in memory.jvm_arguments)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("process", "options"), PROCESSES)
def test_a_bar_is_as_long_as_its_width(process: planner.Process, options: dict[str, str]) -> None:
    parts = planner.process_memory(process, options).parts
    for width in (10, 64):
        first, *legend = stacked_bar(parts, width).splitlines()
        assert len(first) == width + 2
        assert all(len(line) <= width + 20 for line in legend)


@pytest.mark.parametrize(("process", "options"), PROCESSES)
def test_data_holds_every_part_and_the_totals(process: planner.Process, options: dict[str, str]) -> None:
    memory = planner.process_memory(process, options)
    data = json.loads(json.dumps(memory_data(memory)))
    sizes = dict(data["parts"])
    assert sizes.pop("process") == memory.process
    assert sizes.pop("flink") == memory.flink
    assert sum(sizes.values()) == memory.process
    assert data["jvmArguments"][0].startswith("-Xmx")


def test_a_budget_lists_the_most_likely_failures() -> None:
    placement = planner.place(job_of("click-enrichment"), cluster_of("click-enrichment"))
    tm = next(tm for tm in placement.task_managers if tm.slots)
    text = render(*budget(tm))
    assert "Most likely failures, least headroom first" in text
    assert [line for line in text.splitlines() if line.startswith(("  1. ", "  2. ", "  3. "))]
    assert max(map(len, text.splitlines())) <= 80
    with pytest.raises(ValueError, match="no memory configuration"):
        budget(tm.model_copy(update={"memory": None}))


def placed_on(memory: str) -> PlacedTaskManager:
    cluster = f"""
apiVersion: planner/v1
kind: Cluster
metadata: {{name: one}}
spec: {{taskManagers: [{{id: tm, cpu: 8, memory: {memory}}}]}}
"""
    return planner.place(document(JOB, Job), document(cluster, Cluster)).task_managers[0]


JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: copy}
spec:
  operators:
    - {id: in, uid: in, kind: kafka-source}
    - {id: out, uid: out, kind: kafka-sink, inputs: [in]}
"""


def test_what_is_only_an_upper_limit_is_not_the_most_likely_failure() -> None:
    """192 mb of overhead are less than all that the JVM's defaults allow, as on nearly every TaskManager."""
    text = render(*budget(placed_on("{process: 4 gb, jvmOverhead: 192 mb}")))
    likely, container = text.split("What only the container limits")
    assert "OOMKilled" not in likely
    assert "too much" not in likely
    assert "OOMKilled" in container


def test_metaspace_is_among_the_failures_where_many_clients_share_it() -> None:
    tm = placed_on("{process: 64 gb}")
    assert tm.memory is not None
    memory = derive_taskmanager(tm.memory.dynamic_options)

    def first(clients: int) -> str:
        return risks(memory, tm.load, 4, clients)[0].pool

    assert first(0) != "metaspace"
    assert first(12) == "metaspace"
    clients = [kind.replace("map", f"system{n}-sink") for n, kind in enumerate(["kind: map"] * 12)]
    many = JOB + "".join(
        f"    - {{id: s{n}, uid: s{n}, {kind}, inputs: [in]}}\n" for n, kind in enumerate(clients)
    )
    profile = planner.compile(document(many, Job))
    text = render(*budget(tm, profile))
    assert "1. OutOfMemoryError: Metaspace" in text
    assert "14 clients of one job" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
