"""The name of a chain, for which long chains once took memory by the square of their length."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.vocabulary import Chaining, Ship
from planner.graph.job_graph import build_job_graph
from planner.graph.stream_graph import StreamEdge, StreamGraph, StreamNode


def tree(parents: list[int]) -> StreamGraph:
    """Return a graph that is one chain: operator n + 1 reads from ``parents[n]``."""
    nodes = [StreamNode(n, f"n{n}", 1, source=n == 0, source_factory=n == 0) for n in range(len(parents) + 1)]
    edges = [StreamEdge(parent, n, Ship.FORWARD) for n, parent in enumerate(parents, 1)]
    return StreamGraph(tuple(nodes), tuple(edges))


def name_below(parents: list[int], node: int) -> str:
    """Return the name as Flink's `createChainedName` makes it, from the end of the chain."""
    below = [name_below(parents, n) for n, parent in enumerate(parents, 1) if parent == node]
    if len(below) > 1:
        return f"n{node} -> ({', '.join(below)})"
    return f"n{node} -> {below[0]}" if below else f"n{node}"


@given(
    st.lists(st.integers(0, 11), max_size=12).map(lambda drawn: [p % (n + 1) for n, p in enumerate(drawn)])
)
def test_names_of_trees(parents: list[int]) -> None:
    (vertex,) = build_job_graph(tree(parents)).vertices
    assert vertex.name == name_below(parents, 0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_chained_sources_are_named_behind_the_head(count: int) -> None:
    head = StreamNode(count, "join", 1, chaining=Chaining.HEAD_WITH_SOURCES)
    sources = [StreamNode(n, f"s{n}", 1, source=True, source_factory=True) for n in range(count)]
    edges = [StreamEdge(n, count, Ship.FORWARD, input=n + 1) for n in range(count)]
    (vertex,) = build_job_graph(StreamGraph((*sources, head), tuple(edges))).vertices
    assert vertex.name == f"join [{', '.join(node.name for node in sources)}]"


def test_memory_grows_with_the_length_of_a_chain() -> None:
    peaks = []
    for length in (1000, 4000):
        graph = tree(list(range(length)))
        tracemalloc.start()
        build_job_graph(graph)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 6 * peaks[0]
