"""Data sets: what outputs share one, and how each is handed over."""

from __future__ import annotations

import pytest

from planner.api import compile_job
from planner.documents.job import Job
from planner.graph.data_sets import ResultType
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.memory.network import NetworkOptions, slot_network
from samples import document

BATCH = """
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  type: batch
  parallelism: 2
  flinkConfiguration: {jobmanager.scheduler: Default%s}
  operators:
    - {id: numbers, kind: source}
    - {id: split, kind: process, inputs: [numbers]}
"""
THREE = """
    - {id: a, parallelism: 3, inputs: [{from: split, ship: rebalance}]}
    - {id: b, parallelism: 3, inputs: [{from: split, ship: rebalance, outputTag: odd}]}
    - {id: c, parallelism: 3, inputs: [{from: split, ship: rebalance}]}
"""


def graph(text: str) -> JobGraph:
    return compile_job(document(text, Job))[1]


def data_sets(job: JobGraph) -> list[list[tuple[str, ResultType]]]:
    found: dict[int, list[tuple[str, ResultType]]] = {}
    for edge in job.edges:
        found.setdefault(edge.data_set, []).append((job.vertices[edge.target].name, edge.type))
    return sorted(found.values())


def test_a_side_output_is_a_data_set_of_its_own() -> None:
    blocking = ResultType.BLOCKING
    job = graph(BATCH % "" + THREE)
    assert data_sets(job) == [[("a", blocking), ("c", blocking)], [("b", blocking)]]
    buffers = 512 * 2  # each sorted for itself
    assert next(iter(slot_network(job, NetworkOptions()).values())) is not None
    producer = next(vertex for vertex in job.vertices if "split" in vertex.name)
    assert slot_network(job, NetworkOptions())[producer.sharing] == buffers * 32 * 1024


@pytest.mark.parametrize(
    ("tag", "types"),
    [("odd", [ResultType.HYBRID_SELECTIVE] * 2), (None, [ResultType.HYBRID_FULL] * 2)],
)
def test_hybrid_selective_becomes_full_only_where_it_is_shared(
    tag: str | None, types: list[ResultType]
) -> None:
    side = f", outputTag: {tag}" if tag else ""
    two = f"""
    - {{id: a, parallelism: 3, inputs: [{{from: split, ship: rebalance}}]}}
    - {{id: b, parallelism: 3, inputs: [{{from: split, ship: rebalance{side}}}]}}
"""
    job = graph(BATCH % ", execution.batch-shuffle-mode: ALL_EXCHANGES_HYBRID_SELECTIVE" + two)
    assert [edge.type for edge in job.edges] == types


def test_what_cache_keeps_is_a_data_set_of_its_own() -> None:
    job = graph(
        BATCH % ""
        + """
    - {id: kept, kind: cache, inputs: [split]}
    - {id: a, kind: cache, inputs: [split]}
    - {id: b, chaining: head, inputs: [split]}
    - {id: c, chaining: head, inputs: [split]}
"""
    )
    persistent, blocking = ResultType.BLOCKING_PERSISTENT, ResultType.BLOCKING
    assert data_sets(job) == [
        [("CacheWrite", persistent)],
        [("CacheWrite", persistent)],
        [("b", blocking), ("c", blocking)],
    ]


STREAMING = """
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  parallelism: 2
  flinkVersion: "%s"
  flinkConfiguration: {%s}
  operators:
    - {id: numbers, kind: source, uid: numbers}
    - {id: out, kind: sink, uid: out, inputs: [{from: numbers, ship: rebalance}]}
"""


@pytest.mark.parametrize("key", ["state-recovery", "checkpointing"])
def test_approximate_local_recovery_has_results_and_regions_of_its_own(key: str) -> None:
    job = graph(STREAMING % ("2.2", f"execution.{key}.approximate-local-recovery: true"))
    assert [edge.type for edge in job.edges] == [ResultType.PIPELINED_APPROXIMATE]
    assert [len(region) for region in pipelined_regions(job).members] == [1, 1, 1, 1]
    usual = graph(STREAMING % ("2.2", ""))
    assert [edge.type for edge in usual.edges] == [ResultType.PIPELINED_BOUNDED]
    assert slot_network(job, NetworkOptions()) == slot_network(usual, NetworkOptions())


def test_parallelism_overrides_are_those_of_job_graphs() -> None:
    plain = graph(STREAMING % ("1.20", ""))
    out = next(vertex for vertex in plain.vertices if vertex.name == "out: Writer")
    option = f"pipeline.jobvertex-parallelism-overrides: '{out.id}:300,{'0' * 32}:7'"
    changed = graph(STREAMING % ("1.20", option))
    assert [(v.id, v.parallelism, v.max_parallelism) for v in changed.vertices] == [
        (v.id, 300 if v.id == out.id else v.parallelism, 512 if v.id == out.id else v.max_parallelism)
        for v in plain.vertices
    ]
    assert graph(STREAMING % ("2.2", option)).vertices == plain.vertices


@pytest.mark.parametrize(
    ("option", "buffers"),
    [
        ("", (2 * 2 + 8) * 2),
        ("taskmanager.network.memory.buffers-per-channel: 5", (5 * 2 + 8) * 2),
        ("taskmanager.network.memory.floating-buffers-per-gate: 1", (2 * 2 + 1) * 2),
    ],
)
def test_network_options_of_flink_1(option: str, buffers: int) -> None:
    def announced(version: str) -> int | None:
        profile, _ = compile_job(document(STREAMING % (version, option), Job))
        assert profile.planner is not None
        return profile.planner.groups["default"].network

    assert announced("1.20") == buffers * 32 * 1024
    assert announced("2.2") == (2 * 2 + 8) * 2 * 32 * 1024


def test_few_subpartitions_are_not_sorted_where_flink_1_is_told_so() -> None:
    job = graph(BATCH % "" + THREE)
    producer = next(vertex for vertex in job.vertices if "split" in vertex.name)
    options = {"taskmanager.network.sort-shuffle.min-parallelism": "4"}
    found = [
        slot_network(job, NetworkOptions.from_configuration(options, version))[producer.sharing]
        for version in ("1.20", "2.2")
    ]
    assert found == [2 * (3 + 1) * 32 * 1024, 2 * 512 * 32 * 1024]
