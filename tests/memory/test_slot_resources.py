"""Derived resources of slots: reasons, weights, RocksDB, catalogues, budgets."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.api import compile_job, place
from planner.documents.job import Job
from planner.documents.profile import CompiledNode, NodeFields
from planner.documents.vocabulary import UseCase
from planner.memory.complete import complete_profile
from planner.memory.estimates import estimates
from planner.memory.managed import DEFAULT_WEIGHTS, consumer_weights, rocksdb_working_set, shares, split
from planner.memory.network import NetworkOptions, runtime_minimum
from planner.memory.off_heap import OPERATORS, OffHeapUse
from planner.memory.risks import risks
from planner.memory.slot_resources import HASH_MAP, WINDOW_BUFFER
from planner.memory.taskmanager import derive_taskmanager
from planner.report.budget import budget
from planner.report.screen import render
from planner.units import GIB, MIB
from samples import SAMPLES, cluster_of, document, job_of

JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  flinkConfiguration: {state.backend.type: rocksdb}
  operators:
    - {id: a, kind: kafka-source, parallelism: 4}
    - {id: b, kind: aggregate, inputs: [{from: a, ship: hash}], parallelism: 4, state: {size: 400 gb}}
"""


def job(text: str = JOB) -> Job:
    return document(text, Job)


def test_every_derived_figure_has_a_reason_and_a_confidence() -> None:
    profile, _ = compile_job(job())
    assert profile.planner is not None
    reasons = profile.planner.groups["default"].explanation
    assert {r.figure for r in reasons} == {"cpu", "heap", "offHeap", "managed.STATE_BACKEND", "network"}
    assert {r.confidence for r in reasons} == {"estimate", "documented", "exact"}
    assert all(r.source for r in reasons)


def test_rocksdb_grows_with_its_state() -> None:
    # 2 x 64 mb of write buffers need 128 x 3 / (2 x 0.5) = 384 mb at Flink's ratio
    assert rocksdb_working_set(0, {}) == 384 * MIB
    # 100 gb of state: (128 mb + 1 gb) x 3 / 2.5 of cache
    assert rocksdb_working_set(100 * GIB, {}) == -(-(128 + 1024) * 3 * 10 // 25) * MIB
    profile, _ = compile_job(job())
    assert profile.ssg_profiles[0].managed == {UseCase.STATE_BACKEND: rocksdb_working_set(100 * GIB, {})}


def test_an_operator_with_a_weight_alone_has_what_it_starts_with() -> None:
    """A window of SQL has a weight of 1, which is no size; with 1 MiB or less Flink fails it when it starts."""
    profile, _ = compile_job(job(JOB.replace("rocksdb", "hashmap")))
    nodes = [
        node.model_copy(
            update={
                "planner": (node.planner or NodeFields()).model_copy(
                    update={
                        "compiled": CompiledNode(
                            parallelism=4,
                            chaining="HEAD",
                            managed_weights=weights,
                            traits=[] if weights else ["source"],
                        )
                    }
                )
            }
        )
        for node, weights in zip(profile.nodes, ({}, {UseCase.OPERATOR: 1}), strict=True)
    ]
    bare = [
        group.model_copy(update={"cpu": None, "heap": None, "managed": {}}) for group in profile.ssg_profiles
    ]
    full, _ = complete_profile(profile.model_copy(update={"nodes": nodes, "ssg_profiles": bare}))
    assert full.ssg_profiles[0].managed == {UseCase.OPERATOR: WINDOW_BUFFER}
    made_up = estimates(full)["default"]["managed"].amount
    assert WINDOW_BUFFER - made_up == HASH_MAP > MIB


def test_memory_of_rocksdb_outside_of_managed_memory_is_off_heap() -> None:
    text = JOB.replace("rocksdb}", "rocksdb, state.backend.rocksdb.memory.fixed-per-slot: 512 mb}")
    (group,) = compile_job(job(text))[0].ssg_profiles
    assert group.managed == {}
    assert group.off_heap == 512 * MIB + OPERATORS["kafka-source"].size


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ({"STATE_BACKEND", "PYTHON"}, {"STATE_BACKEND": "0.7", "PYTHON": "0.3"}),
        ({"OPERATOR", "STATE_BACKEND", "PYTHON"}, {"STATE_BACKEND": "0.4117647058823529"}),
        ({"PYTHON"}, {"PYTHON": "1"}),
    ],
)
def test_shares_are_flinks(present: set[str], expected: dict[str, str]) -> None:
    found = shares(sorted(UseCase(name) for name in present), DEFAULT_WEIGHTS)
    assert {name: found[UseCase(name)] for name in expected} == {k: Decimal(v) for k, v in expected.items()}


def test_weights_replace_the_whole_map() -> None:
    weights = consumer_weights({"taskmanager.memory.managed.consumer-weights": "STATE_BACKEND:60"})
    assert shares([UseCase.STATE_BACKEND, UseCase.PYTHON], weights)[UseCase.PYTHON] == 0


@given(st.dictionaries(st.sampled_from(list(UseCase)), st.integers(1, 2**36), min_size=1))
def test_every_use_case_gets_what_it_needs(needs: dict[UseCase, int]) -> None:
    found = split(needs, DEFAULT_WEIGHTS)
    total = sum(found.values())
    for use, fraction in shares(needs, DEFAULT_WEIGHTS).items():
        assert int(total * fraction) >= needs[use]


def test_a_catalogue_goes_before_planners_own_and_the_job_before_both() -> None:
    mine = {"kafka-source": OffHeapUse(70 * MIB, "measured", "our cluster", "declared")}
    assert compile_job(job(), mine)[0].ssg_profiles[0].off_heap == 70 * MIB
    text = JOB.replace("spec:\n", "spec:\n  offHeapCatalogue: {kafka-source: 96 mb}\n")
    assert compile_job(job(text), mine)[0].ssg_profiles[0].off_heap == 96 * MIB


@pytest.mark.parametrize("name", SAMPLES)
def test_placements_have_the_buffers_that_tasks_need_to_start(name: str) -> None:
    placement = place(job_of(name), cluster_of(name))
    profile, graph = compile_job(job_of(name))
    heads = {v.head: v.index for v in graph.vertices}
    numbers = {n.planner.operator: heads[n.id] for n in profile.nodes if n.planner and n.id in heads}
    placed = {
        tm.id: [
            (numbers[operator], int(i))
            for slot in tm.slots
            for operator, i in (text.split("/") for text in slot.subtasks)
            if operator in numbers
        ]
        for tm in placement.task_managers
    }
    minimum = runtime_minimum(graph, placed, NetworkOptions())
    streaming = job_of(name).spec.type == "streaming"
    for tm in placement.task_managers:
        assert tm.memory is not None
        memory = derive_taskmanager(tm.memory.dynamic_options)
        if streaming:  # stages of a batch job take turns
            assert memory.network >= minimum[tm.id] * 32 * 1024
        found = risks(memory, tm.load, len(tm.slots))
        order = [(risk.at_most, risk.headroom) for risk in found]
        assert order == sorted(order)
        assert f"TaskManager {tm.id}" in render(*budget(tm))


def test_the_catalogue_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/memory.md").read_text()
    assert all(kind in text for kind in OPERATORS)
