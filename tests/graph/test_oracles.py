"""Job graphs, regions, slot sharing and restart sets as real Flink answered them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.adapter import Case, compiled, expected_compiled, topology_answers

if TYPE_CHECKING:
    import pytest

HERE = Path(__file__).parent.parent / "oracles"


def graphs(directory: Path) -> list[Case]:
    """Cases of real job graphs: a list, without those that Flink refused to compile."""
    cases = [case for path in sorted(directory.glob("graph*.json")) for case in json.loads(path.read_text())]
    return [case for case in cases if "job_vertices" in case]


def topologies(directory: Path) -> list[Case]:
    """Cases of topologies."""
    paths = sorted(directory.glob("topolog*.json"))
    return [case for path in paths for case in json.loads(path.read_text())["cases"]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    directory = Path(metafunc.config.getoption("--oracles") or HERE)
    if "graph_case" in metafunc.fixturenames:
        cases = graphs(directory)
        metafunc.parametrize("graph_case", cases, ids=[case["name"] for case in cases])
    if "topology_case" in metafunc.fixturenames:
        metafunc.parametrize("topology_case", topologies(directory))


def test_job_graph_is_flinks(graph_case: Case) -> None:
    got = compiled(graph_case)
    assert got == expected_compiled(graph_case, got)


def test_topology_is_flinks(topology_case: Case) -> None:
    assert topology_answers(topology_case) == topology_case["expected"]
