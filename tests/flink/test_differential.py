"""Random jobs compiled by a real Flink and by planner, now: not one difference."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from oracles.adapter import compiled, expected_compiled, topology_answers
from py4j.protocol import Py4JJavaError

from planner.api import validate
from planner.documents.load import Loaded, load
from planner.documents.profile import Program as Described
from planner.documents.profile import ResourceProfile
from planner.documents.write import to_data, to_json
from planner.flink.apply import apply
from planner.flink.errors import ProgramError
from planner.flink.jvm import Jvm
from planner.flink.program import private_field, root_cause, script_graph
from planner.flink.stream_graph import flink_version, profile_of
from planner.graph.from_profile import planner_fields, stream_graph
from planner.graph.job_graph import build_job_graph
from planner.graph.stream_graph import StreamGraph
from planner.memory.network import NetworkOptions, slot_network

pytestmark = pytest.mark.flink
FEW = (8, 20261)
MANY = (
    int(os.environ.get("PLANNER_DIFFERENTIAL_COUNT", "80")),
    int(os.environ.get("PLANNER_DIFFERENTIAL_SEED", "20262")),
)
SIZES = pytest.mark.parametrize(
    ("count", "seed"), [FEW, pytest.param(*MANY, marks=pytest.mark.extended)], ids=["few", "many"]
)


@SIZES
def test_job_graphs(jvm: Jvm, count: int, seed: int) -> None:
    from oracles.make_graphs import generate

    cases = [case for case in generate(jvm, count, seed) if "job_vertices" in case]
    wrong = []
    for case in cases:
        got = compiled(case)
        if got != expected_compiled(case, got):
            wrong.append(case["name"])
    assert len(cases) > count // 2
    assert not wrong


EDITED = pytest.mark.parametrize("edited", [False, True], ids=["as it is", "edited"])


@EDITED
@SIZES
def test_profiles_of_programs(jvm: Jvm, count: int, seed: int, edited: bool) -> None:
    """What is read of a program, written as a profile and read again, compiles to Flink's job graph.

    Edited at random it compiles to what Flink makes of its graph once the edits are applied to it.
    """
    found = [same for same in program_profiles(jvm, count // 2, seed, edited) if same is not None]
    assert len(found) > count // 4
    assert all(found)


def program_profiles(jvm: Jvm, count: int, seed: int, edited: bool) -> Iterator[bool | None]:
    """Yield for random DataStream programs whether their profile compiles as Flink does; None: refused."""
    from oracles.make_graphs import Program, random_conf, reset_ids

    rng = Random(seed)
    for _ in range(count):
        own = Random(rng.getrandbits(64))
        conf = random_conf(own)
        reset_ids(jvm)
        program = Program(jvm, own, conf)
        program.build()
        try:
            graph = program.env.getStreamGraph()
        except Py4JJavaError:
            yield None
            continue
        about = Described(file="r.jar", kind="jar", configuration=conf)
        yield same_through_profile(jvm, graph, about, own if edited else None)


@EDITED
@SIZES
def test_profiles_of_scripts(jvm: Jvm, tmp_path: Path, count: int, seed: int, edited: bool) -> None:
    """The same for SQL: scripts with windows, joins, aggregates, several sinks, streaming and batch."""
    tried = script_profiles(jvm, count // 2, seed, tmp_path, edited)
    found = [same for same in tried if same is not None]
    assert len(found) > count // 4
    assert all(found)


def script_profiles(jvm: Jvm, count: int, seed: int, folder: Path, edited: bool) -> Iterator[bool | None]:
    """Yield for random SQL scripts whether their profile compiles as Flink does; None: refused."""
    from oracles.make_sql import script

    rng = Random(seed)
    for _ in range(count):
        own = Random(rng.getrandbits(64))
        text, options = script(own)
        yield _of_script(jvm, text, options, folder, own if edited else None)


def _of_script(
    jvm: Jvm, text: str, options: dict[str, str], folder: Path, edits: Random | None = None
) -> bool | None:
    file = folder / "job.sql"
    file.write_text(text, encoding="utf-8")
    program = Described(file=str(file), kind="sql", configuration=options)
    try:
        graph = script_graph(jvm, program, lambda _: None)
    except (ProgramError, Py4JJavaError):
        return None
    return same_through_profile(jvm, graph, program, edits)


QUERIES = Path(__file__).parent / "queries"
QUERY_NAMES = sorted(file.stem for file in QUERIES.glob("q*.sql"))


@pytest.mark.parametrize("parallelism", [pytest.param("1", marks=pytest.mark.extended), "4"])
@pytest.mark.parametrize("name", [*QUERY_NAMES, "all"])
def test_queries(jvm: Jvm, tmp_path: Path, name: str, parallelism: str) -> None:
    """Queries in the manner of Nexmark, each by itself and all in one job."""
    files = ["tables", *(QUERY_NAMES if name == "all" else [name])]
    text = "".join((QUERIES / f"{file}.sql").read_text(encoding="utf-8") for file in files)
    assert _of_script(jvm, text, {"parallelism.default": parallelism}, tmp_path)


REFUSED = {"co-locate": "GRA313", "hybrid shuffle mode": "GRA308"}
"""Words of Flink's reason to refuse a graph, and the rule that has to say so before."""


def same_through_profile(jvm: Jvm, graph: Any, about: Described, edits: Random | None) -> bool | None:
    """Tell whether a stream graph, written as a profile and read again, compiles to Flink's job graph.

    With ``edits`` the profile is edited at random, and Flink's graph with it as `planner run` does. None
    where Flink refuses to compile it.
    """
    from oracles.make_graphs import Exporter

    version = flink_version(jvm)
    profile = profile_of(jvm, graph, about, version)
    if graph.isDynamic():
        for node in graph.getStreamNodes().toArray():  # a profile leaves none to Flink's batch scheduler
            node.setParallelism(node.getParallelism())
    if edits is not None:
        profile, fresh = _edited(edits, profile), profile
        apply(jvm, graph, fresh, profile)
    exporter = Exporter(jvm, graph)
    case = {"conf": about.configuration, "version": version, **exporter.stream_part()}
    (loaded,) = load(to_json(to_data(profile)).encode(), "profile.json")
    assert isinstance(loaded.document, ResourceProfile)
    try:
        job_graph = graph.getJobGraph()
        case |= exporter.job_part(job_graph)
    except Py4JJavaError as error:
        reason = root_cause(error.java_exception)  # the first of several, all of which validation finds
        found = {finding.code for finding in validate(loaded)}
        foreseen = all(code in found for word, code in REFUSED.items() if word in reason)
        return None if foreseen else False
    assert "different slot sharing groups" not in _co_location(loaded)
    # nodes are numbered from 1 in a profile, in the order of the program
    ids = {index: node["id"] for index, node in enumerate(_sorted(case), 1)}
    got = compiled(case, _renumbered(stream_graph(loaded.document), ids))
    same: bool = got == expected_compiled(case, got)
    if edits is not None and same:  # only then every group has resources, and so network memory
        network, refusal = _flink_network(jvm, job_graph, about)
        apart = "different pipelined regions" in _co_location(loaded)
        same = apart if "pipelined region" in refusal else _network(loaded.document) == network and not apart
    return same


def _co_location(loaded: Loaded) -> str:
    """Return what validation finds wrong with co-location groups."""
    return " ".join(finding.message for finding in validate(loaded) if finding.code == "GRA313")


def _network(profile: ResourceProfile) -> dict[str, int] | None:
    """Return the network bytes of a slot of each vertex's group, None where they cannot be told."""
    job = build_job_graph(stream_graph(profile))
    fields = planner_fields(profile)
    options = NetworkOptions.from_configuration(fields.flink_configuration, fields.flink_version)
    network = slot_network(job, options)
    found = {vertex.id: size for vertex in job.vertices if (size := network[vertex.sharing]) is not None}
    return found if len(found) == len(job.vertices) else None


def _flink_network(jvm: Jvm, job_graph: Any, about: Described) -> tuple[dict[str, int] | None, str]:
    """Return the same as Flink says, None where it refuses, and why."""
    from oracles.make_topologies import execution_graph

    job_graph.setSnapshotSettings(None)  # it would want a store for checkpoints
    none = jvm.view.java.util.ArrayList()
    for vertex in job_graph.getVerticesAsArray():
        private_field(vertex, "operatorCoordinators").retainAll(none)  # they would want metrics and threads
    configuration = jvm.view.org.apache.flink.configuration.Configuration.fromMap(about.configuration)
    try:
        execution_graph(jvm, job_graph, configuration)
    except Py4JJavaError as error:
        reason = root_cause(error.java_exception)
        expected = "hybrid" in str(error.java_exception).lower() or "co-located" in reason
        assert expected, reason
        return None, reason
    found = {
        vertex.getID().toString(): int(
            vertex.getSlotSharingGroup().getResourceProfile().getNetworkMemory().getBytes()
        )
        for vertex in job_graph.getVerticesAsArray()
    }
    return found, ""


_EXCHANGED = ("FORWARD", "REBALANCE", "RESCALE")


def _edited(rng: Random, profile: ResourceProfile) -> ResourceProfile:
    """Return a profile with other parallelism, groups, chaining and strategies for some of it."""
    data = to_data(profile)
    for node in data["nodes"]:
        own = node["profile"]
        if rng.random() < 0.3:
            own["parallelism"] = rng.randint(1, min(own["maxParallelism"], 6))
        if rng.random() < 0.3:
            own["group"] = rng.choice(("default", "one", "two"))
        if rng.random() < 0.1:
            own["chaining"] = rng.choice(("ALWAYS", "HEAD", "NEVER"))
    for edge in data["edges"]:
        own = edge["planner"]["compiled"]
        if own["strategy"] in _EXCHANGED and "unchained" not in own and rng.random() < 0.2:
            edge["strategy"] = rng.choice(_EXCHANGED)
    used = dict.fromkeys(node["profile"]["group"] for node in data["nodes"])
    data["ssgProfiles"] = [{"name": name, "cpu": 0.5, "heap": "32 mb", "offHeap": 0} for name in used]
    return ResourceProfile.model_validate(data)


def _sorted(case: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(case["stream_nodes"], key=lambda node: int(node["id"]))


def _renumbered(graph: StreamGraph, ids: dict[int, int]) -> StreamGraph:
    nodes = tuple(replace(node, id=ids[node.id]) for node in graph.nodes)
    edges = tuple(replace(e, source=ids[e.source], target=ids[e.target]) for e in graph.edges)
    return replace(graph, nodes=nodes, edges=edges)


@SIZES
def test_topologies(jvm: Jvm, count: int, seed: int) -> None:
    from oracles.make_topologies import generate

    cases = generate(jvm, count, seed)
    assert len(cases) == count
    assert not [n for n, case in enumerate(cases) if topology_answers(case) != case["expected"]]


@SIZES
def test_slot_allocation(jvm: Jvm, count: int, seed: int) -> None:
    from oracles.make_allocation import generate
    from place.stock.test_allocation import answer, expected, told

    cases = generate(jvm, 2 * count, seed)
    assert not [n for n, case in enumerate(cases) if told(answer(case)) != expected(case)]


@SIZES
def test_memory(jvm: Jvm, count: int, seed: int) -> None:
    from memory.test_process import answer, expected
    from oracles.make_memory import generate

    wrong = []
    for case in generate(jvm, 25 * count, seed):
        got = answer(case)
        if got != expected(case, got):
            wrong.append((case, got))
    assert not wrong


@SIZES
def test_backwards(jvm: Jvm, count: int, seed: int) -> None:
    from memory.test_process import backwards_problems

    assert not list(backwards_problems(jvm, 5 * count, seed))
