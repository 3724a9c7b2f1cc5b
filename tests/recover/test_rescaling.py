"""The least parallelism of a whole job: rates along the edges, connected vertices, limits, groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.api import compile_job, edits, to_data, validate
from planner.documents.job import Job
from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import stream_graph
from planner.graph.job_graph import JobGraph
from planner.recover.rates import Demand, NotScalable, Work, declared_work, demands, source_named
from planner.recover.rescaling import (
    Bound,
    Rescaling,
    Scaled,
    connected,
    fixed_nodes,
    group_slots,
    limits,
    overrides,
    remarks,
    requirements,
    rescaled_profile,
    rescaling,
)
from planner.recover.shares import Division, Shares
from planner.units import CORE
from samples import SAMPLES, document, job_of

QUICK = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
PIPELINE = """
apiVersion: planner/v1
kind: Job
metadata: {name: clicks}
spec:
  parallelism: 10
  maxParallelism: 128
  operators:
    - {id: clicks, kind: kafka-source, load: {busy: 0.35, cpu: 0.3, recordsPerSecond: 1000}}
    - {id: count, kind: window, group: state, inputs: [{from: clicks, ship: hash}],
       load: {cpu: 0.7, recordsPerSecond: 100}}
    - {id: out, kind: kafka-sink, group: out, inputs: [{from: count, ship: forward}], load: {cpu: 0.1}}
"""


def compiled(text: str) -> tuple[ResourceProfile, JobGraph]:
    return compile_job(document(text, Job))


def scaled(
    text: str,
    target: str = "7/10",
    rates: Mapping[str, int] | None = None,
    partitions: Mapping[str, int] | None = None,
    fixed: tuple[str, ...] = (),
) -> tuple[Rescaling, ResourceProfile, JobGraph]:
    profile, job = compiled(text)
    work = declared_work(profile, job)
    wanted = {source_named(profile, job, name): Fraction(rate) for name, rate in (rates or {}).items()}
    known = {source_named(profile, job, name): count for name, count in (partitions or {}).items()}
    demand = demands(job, work, wanted, known)
    allowed = limits(profile, stream_graph(profile), job, fixed_nodes(profile, fixed))
    return rescaling(job, work, demand, allowed, Fraction(target)), profile, job


def by_name(found: Rescaling) -> dict[str, Scaled]:
    return {one.vertex.name.removeprefix("Source: ").split(":")[0]: one for one in found.vertices}


def parallelism(found: Rescaling) -> dict[str, int]:
    return {name: one.parallelism for name, one in by_name(found).items()}


def test_each_vertex_gets_the_least_that_its_fullest_subtask_needs() -> None:
    found, _, _ = scaled(PIPELINE)
    # 10 x 0.35 / 0.7 = 5; 7 busy subtasks over 128 key groups: at most 12 of them each, so 11
    assert parallelism(found) == {"clicks": 5, "count": 11, "out": 11}
    count = by_name(found)["count"]
    assert count.busy == Fraction(7 * 12, 128) <= found.target
    assert count.busy_now == Fraction(7 * 13, 128) > found.target
    assert count.demand.shares == Shares(Division.KEY_GROUPS, 128)
    assert by_name(found)["out"].bound is Bound.CONNECTED
    assert by_name(found)["out"].demand.shares == count.demand.shares  # by FORWARD it gets the same records
    assert by_name(found)["out"].needed == 2


def test_a_rate_goes_along_the_edges() -> None:
    found, _, _ = scaled(PIPELINE, rates={"clicks": 30_000})
    assert {one.demand.factor for one in found.vertices} == {Fraction(3)}
    # 21 busy subtasks: at most 4 key groups each
    assert parallelism(found) == {"clicks": 15, "count": 32, "out": 32}
    assert by_name(found)["count"].work.true_rate == Fraction(10_000, 7)  # of 1.0 busy, 1000 in at 0.7


def test_inputs_of_different_growth_count_by_their_records() -> None:
    text = """
apiVersion: planner/v1
kind: Job
metadata: {name: two}
spec:
  parallelism: 4
  maxParallelism: 128
  operators:
    - {id: a, kind: source, load: {busy: 0.1, recordsPerSecond: 300}}
    - {id: b, kind: source, load: {busy: 0.1, recordsPerSecond: 100}}
    - {id: join, kind: join, inputs: [{from: a, ship: hash}, {from: b, ship: hash}], load: {busy: 0.5}}
"""
    found, _, _ = scaled(text, rates={"a": 2400})
    assert by_name(found)["join"].demand.factor == Fraction(7, 4)  # 600 + 100 for 400
    unknown, _, _ = scaled(text.replace(", recordsPerSecond: 100", ""), rates={"a": 2400})
    assert by_name(unknown)["join"].demand.factor == 2  # the records of b are not known: the highest
    with pytest.raises(NotScalable, match="present rate of 'Source: b' is not known"):
        scaled(text.replace(", recordsPerSecond: 100", ""), rates={"b": 2400})


def test_broadcast_records_reach_every_subtask() -> None:
    text = """
apiVersion: planner/v1
kind: Job
metadata: {name: rules}
spec:
  parallelism: 4
  operators:
    - {id: events, kind: source, load: {busy: 0.1, recordsPerSecond: 300}}
    - {id: rules, kind: source, parallelism: 1, load: {busy: 0.1, recordsPerSecond: 100}}
    - {id: match, kind: broadcast-process, inputs: [{from: events, ship: rebalance}, {from: rules, ship: broadcast}],
       load: {busy: 0.8}}
"""
    found, _, _ = scaled(text, target="1/2")
    match = by_name(found)["match"]
    # a quarter of what a subtask reads are the 100 rules: 0.2 of its time, whatever the parallelism
    assert match.demand.everywhere == Fraction(1, 5)
    assert match.demand.divided == Fraction(12, 5)
    assert match.parallelism == 8
    assert match.busy == Fraction(1, 2)
    alone = text.replace("{from: events, ship: rebalance}, ", "").replace("broadcast-process", "map")
    unknown, _, _ = scaled(alone.replace(", recordsPerSecond: 100", ""), target="9/10")
    assert by_name(unknown)["match"].parallelism == 1  # each subtask reads all, however many there are
    hopeless, _, _ = scaled(text, target="1/10")
    assert by_name(hopeless)["match"].needed is None
    assert "no parallelism is enough" in " ".join(remarks(hopeless))


def test_source_partitions_are_whole() -> None:
    found, _, _ = scaled(PIPELINE, target="1/2", partitions={"clicks": 12})
    # 3.5 busy subtasks, 12 partitions: one each keeps 0.29 busy, two 0.58
    assert parallelism(found)["clicks"] == 12
    few, _, _ = scaled(PIPELINE, target="1/2", rates={"clicks": 100_000}, partitions={"clicks": 12})
    clicks = by_name(few)["clicks"]
    assert clicks.parallelism == 12
    assert clicks.bound is Bound.LIMIT
    assert any(
        "'Source: clicks' is a bottleneck" in text and "12 partitions" in text for text in remarks(few)
    )


def test_what_is_fixed_stays_and_is_named_where_it_is_the_bottleneck() -> None:
    found, _, _ = scaled(PIPELINE, rates={"clicks": 30_000}, fixed=("out",))
    assert parallelism(found) == {"clicks": 15, "count": 10, "out": 10}
    count = by_name(found)["count"]
    assert count.bound is Bound.FIXED
    assert "connected to 'out: Writer'" in count.why
    (remark,) = remarks(found)
    assert (
        "'count' is a bottleneck: its fullest subtask is 213% busy at parallelism 10, it needs 32" in remark
    )
    with pytest.raises(NotScalable, match="'sink' is not an operator"):
        scaled(PIPELINE, fixed=("sink",))


def test_the_max_parallelism_is_a_limit() -> None:
    found, _, _ = scaled(PIPELINE.replace("128", "16"), rates={"clicks": 30_000})
    count = by_name(found)["count"]
    assert (count.parallelism, count.bound, count.needed) == (16, Bound.LIMIT, None)
    assert "max parallelism 16" in count.why


def test_a_vertex_of_unknown_load_stays() -> None:
    found, _, _ = scaled(
        PIPELINE.replace(", load: {cpu: 0.1}", "").replace("ship: forward", "ship: rebalance")
    )
    out = by_name(found)["out"]
    assert (out.parallelism, out.bound) == (10, Bound.UNKNOWN)
    assert any("'out: Writer' stays at 10" in text for text in remarks(found))


def test_a_source_that_may_not_be_parallel_stays() -> None:
    text = PIPELINE.replace("kafka-source,", "legacy-source, parallelism: 1,").replace(
        "busy: 0.35", "busy: 0.9"
    )
    clicks = by_name(scaled(text)[0])["clicks"]
    assert (clicks.parallelism, clicks.bound) == (1, Bound.FIXED)
    assert "SourceFunction" in clicks.why


def test_a_batch_job_has_no_rate() -> None:
    with pytest.raises(NotScalable, match="batch job"):
        scaled(PIPELINE.replace("parallelism: 10", "type: batch\n  parallelism: 10"))


def test_the_new_profile_keeps_what_was_written() -> None:
    found, profile, _ = scaled(PIPELINE, rates={"clicks": 30_000})
    new = rescaled_profile(profile, found)
    before, after = to_data(profile), to_data(new)
    by_id = {node["planner"]["operator"]: node for node in after["nodes"]}
    assert by_id["count"]["profile"]["parallelism"] == 32
    assert by_id["clicks"]["planner"]["load"] == {"cpu": 0.6, "busy": 0.7, "recordsPerSecond": 2000}
    assert by_id["count"]["planner"]["load"] == {"cpu": 0.65625, "recordsPerSecond": 93.75}
    for node in [*before["nodes"], *after["nodes"]]:
        node["profile"].pop("parallelism")
        node["planner"].pop("load")
    assert before == after


def test_a_max_parallelism_that_flink_derives_stays_with_the_state() -> None:
    found, profile, _ = scaled(PIPELINE.replace("  maxParallelism: 128\n", ""), rates={"clicks": 90_000})
    new = rescaled_profile(profile, found)
    graph = compile_job(new)[1]
    assert {vertex.max_parallelism for vertex in graph.vertices} == {128}
    assert max(vertex.parallelism for vertex in graph.vertices) > 85  # of which Flink would make 256
    assert "maxParallelism" not in (next(n for n in new.nodes if n.id == 2).planner.defaults or ())  # type: ignore[union-attr]


def test_overrides_of_the_profile_follow() -> None:
    profile, job = compiled(PIPELINE.replace("parallelism: 10", 'flinkVersion: "1.20"\n  parallelism: 10'))
    count = next(vertex for vertex in job.vertices if vertex.name == "count")
    data = to_data(profile)
    data["planner"]["flinkConfiguration"]["pipeline.jobvertex-parallelism-overrides"] = f"{count.id}:20"
    profile, job = compile_job(ResourceProfile.model_validate(data))
    work = declared_work(profile, job)
    demand = demands(job, work, {}, {})
    allowed = limits(profile, stream_graph(profile), job, {})
    found = rescaling(job, work, demand, allowed, Fraction(7, 10))
    after = compile_job(rescaled_profile(profile, found))[1]
    assert {v.id: v.parallelism for v in after.vertices} == {
        one.vertex.id: one.parallelism for one in found.vertices
    }


def test_what_other_tools_take() -> None:
    found, _, job = scaled(PIPELINE)
    pairs = dict(pair.split(":") for pair in overrides(found).split(","))
    assert {job.vertices[i].id: str(p) for i, p in found.parallelism.items()} == pairs
    body = requirements(found)
    assert {name: str(entry["parallelism"]["upperBound"]) for name, entry in body.items()} == pairs
    assert json.loads(json.dumps(body)) == body
    assert group_slots(found) == {"default": (10, 5), "state": (10, 11), "out": (10, 11)}


def test_more_than_its_share_explains_is_taken_to_stay() -> None:
    profile, job = compiled(PIPELINE)
    work = declared_work(profile, job)
    count = next(v.index for v in job.vertices if v.name == "count")
    plain = work[count]
    # ten subtasks, the fullest with 13 of 128 key groups, are 70 % busy on average
    busiest = Fraction(3, 2) * Fraction(7 * 13, 128)
    hot = Work(plain.parallelism, plain.busy, plain.records_in, plain.records_out, busiest)
    demand = demands(job, {**work, count: hot}, {}, {})
    assert demand[count].divided == demands(job, work, {}, {})[count].divided * Fraction(3, 2)  # type: ignore[operator]
    allowed = limits(profile, stream_graph(profile), job, {})
    found = rescaling(job, {**work, count: hot}, demand, allowed, Fraction(7, 10))
    assert any("1.50 times as busy" in text for text in remarks(found))


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "nightly-batch"])
def test_a_rescaled_sample_is_a_valid_profile_of_the_same_vertices(name: str) -> None:
    profile, job = compile_job(job_of(name))
    work = declared_work(profile, job)
    demand = demands(job, work, {}, {})
    allowed = limits(profile, stream_graph(profile), job, {})
    found = rescaling(job, work, demand, allowed, Fraction(7, 10))
    new, graph = compile_job(rescaled_profile(profile, found))
    assert {v.id: v.parallelism for v in graph.vertices} == {
        one.vertex.id: one.parallelism for one in found.vertices
    }
    assert not [finding for finding in validate(new) if finding.severity == "error"]
    assert edits(profile) == edits(new) == []


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(2, 6))
    operators: list[dict[str, Any]] = []
    for index in range(count):
        load = {"busy": draw(st.floats(0, 1)), "recordsPerSecond": draw(st.floats(0.5, 1e5))}
        operator: dict[str, Any] = {"id": f"o{index}", "parallelism": draw(st.integers(1, 40))}
        if draw(st.booleans()) or index == 0:
            operator["load"] = load
        if index == 0:
            operator["kind"] = "source"
        else:
            ship = draw(st.sampled_from(["hash", "rebalance", "broadcast", "forward", "rescale"]))
            source = draw(st.integers(0, index - 1))
            if ship == "forward":
                operator["parallelism"] = operators[source]["parallelism"]
            operator |= {"kind": "map", "inputs": [{"from": f"o{source}", "ship": ship}]}
            operator["group"] = draw(st.sampled_from(["default", "other"]))
        operators.append(operator)
    spec = {"maxParallelism": draw(st.integers(40, 400)), "operators": operators}
    return {"apiVersion": "planner/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}


@QUICK
@given(jobs(), st.fractions(Fraction(1, 5), Fraction(1)), st.floats(0.1, 20))
def test_every_plan_keeps_limits_and_connections_and_is_least(
    data: dict[str, Any], target: Fraction, growth: float
) -> None:
    profile, job = compile_job(Job.model_validate(data))
    work = declared_work(profile, job)
    source = source_named(profile, job, "o0")
    now = work[source].records_in
    assert now is not None
    demand = demands(job, work, {source: now * Fraction(growth)}, {})
    allowed = limits(profile, stream_graph(profile), job, {})
    found = rescaling(job, work, demand, allowed, target)
    new = found.parallelism
    for members in connected(job):
        assert len({new[index] for index in members}) == 1
        known = [i for i in members if demand[i].divided is not None]
        assert all(1 <= new[i] <= job.vertices[i].max_parallelism for i in members)
        if not known:
            continue
        loaded = [one for one in found.overloaded if one.vertex.index in members]
        assert all(one.bound in (Bound.LIMIT, Bound.FIXED) for one in loaded)
        fewer = new[members[0]] - 1
        if fewer and not loaded and not any(allowed[i].fixed for i in members):
            assert any(_busy(demand[i], fewer) > target for i in known)
    again = compile_job(rescaled_profile(profile, found))[1]
    assert {v.id: v.parallelism for v in again.vertices} == {
        o.vertex.id: o.parallelism for o in found.vertices
    }


def _busy(demand: Demand, parallelism: int) -> Fraction:
    found = demand.utilisation(parallelism)
    assert found is not None
    return found


def test_cpu_beyond_a_core_is_of_other_threads() -> None:
    changed = PIPELINE.replace("cpu: 0.7", "cpu: 1.45")
    profile, job = compiled(changed)
    count = next(v.index for v in job.vertices if v.name == "count")
    assert declared_work(profile, job)[count].busy == 1
    assert any("'count': a load of more than one core" in text for text in remarks(scaled(changed)[0]))
    assert profile.nodes[1].planner is not None
    assert profile.nodes[1].planner.load is not None
    assert profile.nodes[1].planner.load.cpu == 145 * CORE // 100
