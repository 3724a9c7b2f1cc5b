"""Random jobs compiled by a real Flink and by planner, now: not one difference."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from oracles.adapter import compiled, expected_compiled, topology_answers

from planner.flink.jvm import Jvm, start_jvm

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.flink
COUNT = int(os.environ.get("PLANNER_DIFFERENTIAL_COUNT", "40"))
SEED = int(os.environ.get("PLANNER_DIFFERENTIAL_SEED", "20261"))


@pytest.fixture(scope="module")
def jvm() -> Iterator[Jvm]:
    with start_jvm() as running:
        yield running


def test_job_graphs(jvm: Jvm) -> None:
    from oracles.make_graphs import generate

    cases = [case for case in generate(jvm, COUNT, SEED) if "job_vertices" in case]
    wrong = []
    for case in cases:
        got = compiled(case)
        if got != expected_compiled(case, got):
            wrong.append(case["name"])
    assert len(cases) > COUNT // 2
    assert not wrong


def test_topologies(jvm: Jvm) -> None:
    from oracles.make_topologies import generate

    cases = generate(jvm, COUNT, SEED)
    assert len(cases) == COUNT
    assert not [n for n, case in enumerate(cases) if topology_answers(case) != case["expected"]]


def test_memory(jvm: Jvm) -> None:
    from memory.test_process import answer, expected
    from oracles.make_memory import generate

    wrong = []
    for case in generate(jvm, 25 * COUNT, SEED):
        got = answer(case)
        if got != expected(case, got):
            wrong.append((case, got))
    assert not wrong


def test_backwards(jvm: Jvm) -> None:
    from memory.test_process import backwards_problems

    assert not list(backwards_problems(jvm, 5 * COUNT, SEED))
