"""Graphs for Graphviz: one node a chain, one arrow an edge, and names that are no syntax."""

from __future__ import annotations

import pytest

from planner import api
from planner.report.dot import digraph
from samples import SAMPLES, job_of


@pytest.mark.parametrize("name", SAMPLES)
def test_every_chain_edge_and_group_is_drawn_once(name: str) -> None:
    profile, graph = api.compile_job(job_of(name))
    lines = digraph(profile, graph).splitlines()
    assert (lines[0], lines[-1]) == ("digraph job {", "}")
    assert sum(line.startswith("    v") for line in lines) == len(graph.vertices)
    assert sum(" -> " in line for line in lines) == len(graph.edges)
    assert sum(line.startswith("  subgraph") for line in lines) == len({v.group for v in graph.vertices})


def test_syntax_in_names_is_escaped() -> None:
    profile, graph = api.compile_job(job_of("click-enrichment"))
    renamed = [node.model_copy(update={"desc": 'a "b" \\ c\nd'}) for node in profile.nodes]
    text = digraph(profile.model_copy(update={"nodes": renamed}), graph)
    assert 'a \\"b\\" \\\\ c?d' in text
