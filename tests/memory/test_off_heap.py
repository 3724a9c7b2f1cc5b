"""JVM overhead derived from what the JVM itself takes, and direct memory of clients."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.cluster import Cluster
from planner.memory.off_heap import (
    NONE,
    UNKNOWN_CLIENT,
    job_catalogue,
    native_demand,
    off_heap_use,
    overhead_for,
)
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.task_managers import configured_memory, task_managers_of
from planner.units import MIB
from samples import document

CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {{name: one}}
spec: {{taskManagerClasses: [{{name: large, count: 1, cpu: 4, memory: {memory}, flinkConfiguration: {options}}}]}}
"""


def configured(memory: str, options: str = "{}", tasks: int = 10) -> tuple[int, int, int]:
    """Return what Flink makes of an empty TaskManager's options: process, overhead, heap, in bytes."""
    (tm,) = task_managers_of(document(CLUSTER.format(memory=memory, options=options), Cluster))
    given = configured_memory(tm.capacity, (0, 0, 0, 0), tasks)
    flink = derive_taskmanager(given.dynamic_options())
    assert flink == given
    return flink.process, flink.jvm_overhead, flink.framework_heap + flink.task_heap


@given(st.integers(0, 5000), st.integers(0, 2**40))
def test_overhead_holds_what_the_jvm_may_take_and_no_byte_more(tasks: int, size: int) -> None:
    def demand(overhead: int) -> int:
        return sum(use.size for use in native_demand(tasks, size - overhead))

    overhead = overhead_for(tasks, size)
    assert overhead <= size
    if overhead < size:
        assert demand(overhead) <= overhead
        assert demand(overhead - 2) > overhead - 2 - 1  # two divisions round down


@pytest.mark.parametrize("tasks", [1, 10, 400])
@pytest.mark.parametrize("process", ["8 gb", "64 gb"])
def test_memory_that_no_slot_takes_goes_to_the_overhead_first(process: str, tasks: int) -> None:
    size, overhead, heap = configured(f"{{process: {process}}}", tasks=tasks)
    assert size == int(process.split()[0]) * 1024 * MIB
    assert overhead >= sum(use.size for use in native_demand(tasks, heap))


@pytest.mark.parametrize(
    ("memory", "options"),
    [
        ("{process: 64 gb, jvmOverhead: 1 gb}", "{}"),
        ("{process: 64 gb}", "{taskmanager.memory.jvm-overhead.max: 1g}"),
        ("{flink: 62 gb}", "{}"),
        ("{process: 64 gb, taskHeap: 60 gb}", "{}"),
    ],
)
def test_what_the_cluster_says_stays(memory: str, options: str) -> None:
    assert configured(memory, options)[1] == 1024 * MIB


def test_a_small_process_keeps_what_flink_computes_for_it() -> None:
    size, overhead, heap = configured("{process: 1 gb}")
    assert size == 1024 * MIB
    assert overhead + heap <= size
    assert overhead >= 192 * MIB


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("fluss-source", 64),
        ("fluss-sink", 64),
        ("pulsar-source", 64),
        ("upsert-kafka-source", 50),
        ("doris-source", 64),
    ],
)
def test_clients_of_public_reports(kind: str, size: int) -> None:
    use = off_heap_use(kind)
    assert use.size == size * MIB
    assert use.source


def test_a_client_that_nobody_knows() -> None:
    assert off_heap_use("solr-sink") is UNKNOWN_CLIENT
    assert off_heap_use("solr-sink", job_catalogue({"solr-sink": 5})).size == 5
    assert off_heap_use("sink") is off_heap_use("map") is NONE
