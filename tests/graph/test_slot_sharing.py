"""Slots of co-located operators; all else of slot sharing is compared with Flink's own answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.vocabulary import Ship
from planner.graph.data_sets import ResultType
from planner.graph.job_graph import JobEdge, JobGraph, JobVertex
from planner.graph.slot_sharing import Slots, local_input_preferred, task_balanced


def chain(*parallelism: int, together: frozenset[int]) -> JobGraph:
    """Return vertices that read one another all to all; those in ``together`` are co-located."""
    vertices = [
        JobVertex(n, f"{n:032x}", f"v{n}", p, 128, "g", "g", co_location="pair" if n in together else None)
        for n, p in enumerate(parallelism)
    ]
    edges = [
        JobEdge(n, n, n + 1, n, ResultType.PIPELINED_BOUNDED, pointwise=False, ship=Ship.HASH)
        for n in range(len(parallelism) - 1)
    ]
    return JobGraph(tuple(vertices), tuple(edges))


STRATEGIES = pytest.mark.parametrize("strategy", [local_input_preferred, task_balanced])


@STRATEGIES
@given(
    parallelism=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    together=st.frozensets(st.integers(0, 5), max_size=6),
)
def test_every_subtask_has_one_slot_and_equal_ones_share_it(
    strategy: object, parallelism: list[int], together: frozenset[int]
) -> None:
    assert callable(strategy)
    slots: Slots = strategy(chain(*parallelism, together=together))
    found = [subtask for slot in slots["g"] for subtask in slot]
    assert sorted(found) == [(n, i) for n, p in enumerate(parallelism) for i in range(p)]
    assert len(slots["g"]) == max(parallelism)
    where = {subtask: number for number, slot in enumerate(slots["g"]) for subtask in slot}
    for (vertex, subtask), slot in where.items():
        assert all(
            where[other, subtask] == slot
            for other in together
            if vertex in together and (other, subtask) in where
        )


def test_co_location_goes_before_inputs_and_balance() -> None:
    job = chain(3, 2, 3, together=frozenset({0, 2}))
    together = [{(0, n), (2, n)} for n in range(3)]
    for strategy in (local_input_preferred, task_balanced):
        slots = strategy(job)["g"]
        assert all(any(pair <= set(slot) for slot in slots) for pair in together)
