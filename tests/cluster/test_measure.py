"""Several samples of measured load as one, and what of them stands in a profile."""

from __future__ import annotations

from planner import api
from planner.cluster.measure import Measured, VertexLoad, _Readings, together, with_load
from planner.documents.load import load
from planner.units import CORE

JOB = """apiVersion: planner/v1
kind: Job
metadata: {name: shop}
spec:
  operators:
    - {id: a, kind: source, load: {cpu: 0.7}}
    - {id: b, inputs: [{from: a, ship: hash}]}
    - {id: c, inputs: [{from: b, ship: forward}]}
"""


def one(vertex: str, cpu: int | None, busy: float, records: float = 10.0) -> VertexLoad:
    return VertexLoad(vertex, vertex, 1, busy, busy, 0.0, cpu, records, 8.0, records)


def test_samples_together() -> None:
    first = Measured((one("a", CORE // 4, 0.2, 5.0), one("b", None, 0.0)), {"tm-0": 0.5, "tm-1": 0.1})
    second = Measured((one("a", CORE // 2, 0.9, 7.0), one("b", 3, 0.1)), {"tm-0": 0.4, "tm-2": 0.3})
    found = together([first, second])
    a, b = found.vertices
    assert (a.cpu, a.cpu_samples, a.busy, a.records) == (CORE // 2, (CORE // 4, CORE // 2), 0.9, 7.0)
    assert (b.cpu, b.cpu_samples) == (None, None)  # not known in each of them
    assert found.cores == {"tm-0": 0.5, "tm-1": 0.1, "tm-2": 0.3}


def test_samples_in_a_profile() -> None:
    """A chain has them on its first operator; what was not measured keeps what it had."""
    document = load(JOB.encode(), "job.yaml")[0].document
    assert isinstance(document, api.Job)
    profile, graph = api.compile_job(document)
    by_first = {vertex.nodes[0]: vertex.id for vertex in graph.vertices}
    source, chain = (by_first[node.id] for node in profile.nodes[:2])
    samples = [Measured((one(source, None, 0.0), one(chain, n * CORE, n / 4)), {}) for n in (1, 3, 2)]
    measured = with_load(profile, graph, together(samples))
    loads = [node.planner.load if node.planner else None for node in measured.nodes]
    assert [None if found is None else found.samples for found in loads] == [
        (7 * CORE // 10,),
        (CORE, 3 * CORE, 2 * CORE),
        (),
    ]
    assert loads[1] is not None
    assert loads[1].busy == 0.75
    assert api.compile(measured).nodes == measured.nodes


def test_other_samples_of_what_is_not_measured_become_their_highest() -> None:
    """As many samples each: what keeps its load, as Flink measures none, is not left with those of another day."""
    text = JOB.replace("{cpu: 0.7}", "{cpuSamples: [0.1, 0.7, 0.3]}")
    document = load(text.encode(), "job.yaml")[0].document
    assert isinstance(document, api.Job)
    profile, graph = api.compile_job(document)
    by_first = {vertex.nodes[0]: vertex.id for vertex in graph.vertices}
    source, chain = (by_first[node.id] for node in profile.nodes[:2])
    for count, kept in ((2, (7 * CORE // 10,)), (3, (CORE // 10, 7 * CORE // 10, 3 * CORE // 10))):
        samples = [Measured((one(source, None, 0.0), one(chain, CORE, 0.5)), {}) for _ in range(count)]
        measured = api.compile(with_load(profile, graph, together(samples)))
        first = measured.nodes[0].planner
        assert first is not None
        assert first.load is not None
        assert first.load.samples == kept


def test_a_reading_of_the_time_before_the_window_is_replaced() -> None:
    """Flink's rates are means over a minute: only where none lies inside does one of before count."""
    readings = _Readings()
    readings.take({"busy": 900.0}, {0: 900.0, 1: 10.0}, beside=False)
    readings.take({"busy": 500.0}, {0: 500.0}, beside=False)
    assert (readings.averages, readings.busy) == ([{"busy": 500.0}], {0: [500.0], 1: [10.0]})
    readings.take({}, {}, beside=False)  # Flink told nothing: what it told before stands
    assert (readings.averages, readings.busy) == ([{"busy": 500.0}], {0: [500.0], 1: [10.0]})
    readings.take({"busy": 100.0}, {0: 100.0, 1: 20.0}, beside=False)
    readings.take({"busy": 120.0}, {0: 120.0, 1: 30.0}, beside=True)
    assert (readings.averages, readings.busy) == (
        [{"busy": 100.0}, {"busy": 120.0}],
        {0: [100.0, 120.0], 1: [20.0, 30.0]},
    )
