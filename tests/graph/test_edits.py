"""Edits of a compiled profile: found, and kept through a new compilation of a changed program."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.api import compile_job, load, to_json, validate
from planner.documents.profile import ResourceProfile
from planner.documents.write import to_data
from planner.graph.edits import edits, keep_edits, matched
from planner.graph.from_profile import stream_graph
from planner.graph.job_graph import build_job_graph
from samples import job_of

NAMES = ("Source: a", "Map", "Join", "Sink: Writer", "Filter")


def program(names: list[str], parallelism: int = 2, uids: dict[str, str] | None = None) -> ResourceProfile:
    """Return a profile as it is read of a program: a chain of operators."""
    nodes: list[dict[str, Any]] = []
    for number, name in enumerate(names, 1):
        source = number == 1
        compiled = {
            "parallelism": parallelism,
            "chaining": "ALWAYS",
            "traits": ["source", "sourceFactory"] if source else [],
        }
        nodes.append(
            {
                "id": number,
                "type": "Factory",
                "desc": name,
                "profile": {"parallelism": parallelism, "maxParallelism": 128, "chaining": "ALWAYS"},
                "planner": {
                    "operator": f"{name}-{number}",
                    "uid": (uids or {}).get(name),
                    "defaults": ["maxParallelism"],
                    "compiled": compiled,
                },
            }
        )
    edges = [
        {
            "source": number,
            "target": number + 1,
            "mode": "UNDEFINED",
            "strategy": "FORWARD",
            "planner": {"compiled": {"strategy": "FORWARD", "key": 0}},
        }
        for number in range(1, len(names))
    ]
    return ResourceProfile.model_validate(
        {
            "apiVersion": "planner/v1",
            "kind": "ResourceProfile",
            "metadata": {"name": "job"},
            "ssgProfiles": [{"name": "default"}],
            "nodes": nodes,
            "edges": edges,
            "planner": {"program": {"file": "job.jar", "kind": "jar"}},
        }
    )


def bushy(profile: ResourceProfile, sources: list[int]) -> ResourceProfile:
    """Return a profile whose later operators read others than the one before; ``sources`` says which."""
    edges = [
        edge.model_copy(update={"source": 1 + source % edge.source})
        for edge, source in zip(profile.edges, [*sources, *[0] * len(profile.edges)], strict=False)
    ]
    return profile.model_copy(update={"edges": edges})


def edited(profile: ResourceProfile, which: str | int, **settings: object) -> ResourceProfile:
    nodes = [
        node.model_copy(update={"profile": node.profile.model_copy(update=settings)})
        if which in (node.desc, node.id)
        else node
        for node in profile.nodes
    ]
    return profile.model_copy(update={"nodes": nodes})


def test_an_unedited_profile_has_no_edits() -> None:
    assert edits(program(["Source: a", "Map", "Sink"])) == []


def test_edits_are_named() -> None:
    profile = edited(
        program(["Source: a", "Map", "Sink"]), "Map", parallelism=4, group="heavy", max_parallelism=512
    )
    assert [str(edit) for edit in edits(profile)] == [
        "Map-2: parallelism 2 becomes 4",
        "Map-2: group default becomes heavy",
        "Map-2: maxParallelism unset becomes 512",
        "Source: a-1 -> Map-2: strategy FORWARD becomes REBALANCE",
        "Map-2 -> Sink-3: strategy FORWARD becomes REBALANCE",
    ]
    ships = {edge.ship for edge in build_job_graph(stream_graph(profile)).edges}
    assert {ship.value for ship in ships} == {"REBALANCE"}


def test_edits_outlive_a_new_operator() -> None:
    old = edited(program(["Source: a", "Map", "Sink"]), "Map", parallelism=5, group="heavy")
    new, drift = keep_edits(program(["Source: a", "Filter", "Map", "Sink"]), old)
    found = {node.desc: node.profile for node in new.nodes}
    assert (found["Map"].parallelism, found["Map"].group) == (5, "heavy")
    assert (found["Filter"].parallelism, found["Filter"].group) == (2, "default")
    assert drift.new == ("Filter-2",)
    assert not drift.gone


def test_a_renamed_operator_is_known_by_its_uid() -> None:
    old = edited(program(["Source: a", "Map", "Sink"], uids={"Map": "m"}), "Map", parallelism=5)
    new, drift = keep_edits(program(["Source: a", "Enrich", "Sink"], uids={"Enrich": "m"}), old)
    assert {node.desc: node.profile.parallelism for node in new.nodes}["Enrich"] == 5
    assert not drift


def test_what_the_program_changes_itself_is_told_and_taken() -> None:
    old = edited(program(["Source: a", "Map", "Sink"]), "Map", group="heavy")
    new, drift = keep_edits(program(["Source: a", "Map", "Sink"], parallelism=3), old)
    assert {node.profile.parallelism for node in new.nodes} == {3}
    assert {node.desc: node.profile.group for node in new.nodes}["Map"] == "heavy"
    assert drift.changed[0] == "Source: a-1: parallelism of the program was 2 and is 3"


def test_what_is_gone_is_told() -> None:
    _, drift = keep_edits(program(["Source: a", "Sink"]), program(["Source: a", "Map", "Sink"]))
    assert list(drift.lines()) == ["gone: Map-2, its edits with it"]


def test_twins_are_known_by_their_order_where_there_are_as_many() -> None:
    names = ["Source: a", "Map", "Map", "Map"]
    star = bushy(program(names), [0, 0, 0])
    old = edited(star, 3, parallelism=7)
    kept, drift = keep_edits(star, old)
    assert [node.profile.parallelism for node in kept.nodes] == [2, 2, 7, 2]
    assert not drift
    fewer = bushy(program(names[:-1]), [0, 0])
    kept, drift = keep_edits(fewer, old)
    assert [node.profile.parallelism for node in kept.nodes] == [2, 2, 2]
    assert drift.gone == ("Map-2", "Map-3", "Map-4")


def test_operators_of_one_name_are_not_mixed_up() -> None:
    """Two operators of the same name that read different ones are told apart, else left alone."""
    old = program(["Source: a", "Map", "Map", "Sink"])
    same = matched(program(["Source: a", "Map", "Map", "Sink"]), old)
    assert {new: node.id for new, node in same.items()} == {1: 1, 2: 2, 3: 3, 4: 4}


def script(*inserts: tuple[str, str]) -> ResourceProfile:
    """Return a profile as of a SQL script: one source, and for each INSERT an aggregate and a sink."""
    profile = program(["Source: orders[1]"])
    nodes, edges, number = list(profile.nodes), [], 1
    for what, sink in inserts:
        for name in (f"{what}[{number + 1}]", f"{sink}[{number + 2}]: Writer"):
            number += 1
            (node,) = program([name]).nodes
            nodes.append(node.model_copy(update={"id": number}))
        edges += [(1, number - 1), (number - 1, number)]
    (edge, *_) = program(["Source", "Map"]).edges
    made = [edge.model_copy(update={"source": a, "target": b}) for a, b in edges]
    return profile.model_copy(update={"nodes": nodes, "edges": made})


def test_inserts_of_a_script_may_change_places() -> None:
    old = edited(
        script(("GroupAggregate", "k1"), ("GroupAggregate", "k2")), "GroupAggregate[2]", parallelism=7
    )
    new, drift = keep_edits(script(("GroupAggregate", "k2"), ("GroupAggregate", "k1")), old)
    assert {n.desc: n.profile.parallelism for n in new.nodes if "Agg" in n.desc} == {
        "GroupAggregate[2]": 2,
        "GroupAggregate[4]": 7,
    }
    assert not drift
    new, drift = keep_edits(script(("Rank", "k0"), ("GroupAggregate", "k1"), ("GroupAggregate", "k2")), old)
    assert {n.desc: n.profile.parallelism for n in new.nodes if "Agg" in n.desc} == {
        "GroupAggregate[4]": 7,
        "GroupAggregate[6]": 2,
    }


def test_an_edit_does_not_go_to_another_insert() -> None:
    old = edited(script(("GroupAggregate", "k1")), "GroupAggregate[2]", parallelism=7)
    new, drift = keep_edits(script(("GroupAggregate", "k9")), old)
    assert {node.profile.parallelism for node in new.nodes} == {2}
    assert drift.gone


@given(st.lists(st.sampled_from(NAMES), min_size=2, max_size=8), st.data())
def test_the_same_program_keeps_every_edit(names: list[str], data: st.DataObject) -> None:
    """Twins included: operators of one name that read, and are read by, the same."""
    fresh = bushy(program(names), data.draw(st.lists(st.integers(0, 7), max_size=len(names))))
    old = fresh
    for node in fresh.nodes:
        if data.draw(st.booleans()):
            old = edited(old, node.id, parallelism=data.draw(st.integers(1, 9)), group="g")
    new, drift = keep_edits(fresh, old)
    assert [node.profile for node in new.nodes] == [node.profile for node in old.nodes]
    assert not drift
    assert ResourceProfile.model_validate(to_data(new)) == new


def test_pipelined_batch_jobs_with_resources_become_blocking() -> None:
    data = to_data(declaring(program(["Source: a", "Map"]), 0.5))
    data["planner"] |= {
        "type": "batch",
        "flinkConfiguration": {"execution.batch-shuffle-mode": "ALL_EXCHANGES_PIPELINED"},
    }
    (edit,) = edits(ResourceProfile.model_validate(data))
    assert "ALL_EXCHANGES_PIPELINED becomes ALL_EXCHANGES_BLOCKING" in str(edit)
    data["ssgProfiles"] = [{"name": "default"}]
    assert edits(ResourceProfile.model_validate(data)) == []


def declaring(profile: ResourceProfile, cpu: float) -> ResourceProfile:
    """Return the profile of a program that gives its group resources."""
    group = {"name": "default", "cpu": cpu, "heap": "64 mb", "offHeap": "0 mb"}
    data = to_data(profile)
    data["ssgProfiles"] = [group]
    data["planner"]["compiledGroups"] = [group]
    return ResourceProfile.model_validate(data)


def cpu_of(profile: ResourceProfile) -> int | None:
    (group,) = profile.ssg_profiles
    return group.cpu


def test_resources_that_the_program_changes_are_taken_over() -> None:
    old, new = (declaring(program(["Source: a", "Map"]), cpu) for cpu in (0.5, 0.75))
    kept, drift = keep_edits(new, old)
    assert cpu_of(kept) == cpu_of(new)
    assert list(drift.lines()) == ["changed: group default: the program gives it other resources than before"]


def test_resources_that_a_person_edited_stay() -> None:
    old, new = (declaring(program(["Source: a", "Map"]), cpu) for cpu in (0.5, 0.75))
    mine = old.model_copy(update={"ssg_profiles": declaring(old, 0.25).ssg_profiles})
    kept, drift = keep_edits(new, mine)
    assert cpu_of(kept) == cpu_of(mine)
    assert "the profile's own are kept" in next(drift.lines())
    kept, drift = keep_edits(old, mine)
    assert cpu_of(kept) == cpu_of(mine)
    assert not drift


def test_two_edges_between_one_pair_have_edits_of_their_own() -> None:
    profile = program(["Source: a", "Join"], parallelism=3)
    (edge,) = to_data(profile)["edges"]
    edges = [{**edge, "planner": {**edge["planner"], "input": number}} for number in (1, 2)]
    new = ResourceProfile.model_validate({**to_data(profile), "edges": edges})
    edges[1]["strategy"] = "REBALANCE"
    old = ResourceProfile.model_validate({**to_data(profile), "edges": edges})
    kept, _ = keep_edits(new, old)
    assert [edge.strategy for edge in kept.edges] == ["FORWARD", "REBALANCE"]


def test_an_operator_that_gets_a_uid_keeps_its_edits() -> None:
    old = edited(program(["Source: a", "Map"]), "Map", parallelism=7)
    named = program(["Source: a", "Map"], uids={"Map": "the-map"})
    kept, drift = keep_edits(named, old)
    assert [node.profile.parallelism for node in kept.nodes] == [2, 7]
    assert not drift
    other = edited(program(["Source: a", "Map"], uids={"Map": "another"}), "Map", parallelism=7)
    kept, drift = keep_edits(named, other)
    assert [node.profile.parallelism for node in kept.nodes] == [2, 2]
    assert drift.new == ("Map-2",)


def test_an_edge_that_the_program_changes_loses_its_edit_and_is_told() -> None:
    profile = program(["Source: a", "Map"])
    data = to_data(profile)
    data["edges"][0]["strategy"] = "RESCALE"
    old = ResourceProfile.model_validate(data)
    kept, drift = keep_edits(profile, old)
    assert kept.edges[0].strategy == "RESCALE"
    assert not drift
    data["edges"][0] |= {"strategy": "HASH", "planner": {"compiled": {"strategy": "HASH", "key": 0}}}
    kept, drift = keep_edits(ResourceProfile.model_validate(data), old)
    assert kept.edges[0].strategy == "HASH"
    assert drift.changed == (
        "Source: a-1 -> Map-2: strategy of the program was FORWARD and is HASH; its edit to RESCALE goes",
    )


def test_options_that_are_not_as_before_are_told() -> None:
    data = to_data(program(["Source: a", "Map"]))
    data["planner"]["flinkConfiguration"] = {"state.backend.type": "rocksdb"}
    _, drift = keep_edits(program(["Source: a", "Map"]), ResourceProfile.model_validate(data))
    assert drift.changed == ("option state.backend.type was rocksdb and is unset",)


@pytest.mark.parametrize("ship", ["REBALANCE", "RESCALE", "HASH", "BROADCAST"])
def test_a_strategy_that_nobody_chose_can_be_edited(ship: str) -> None:
    data = to_data(compile_job(job_of("click-enrichment"))[0])
    edge = next(edge for edge in data["edges"] if edge["strategy"] == "FORWARD")
    assert edge["planner"]["default"]
    edge["strategy"] = ship
    _, graph = compile_job(ResourceProfile.model_validate(data))
    head = {node: vertex.index for vertex in graph.vertices for node in vertex.nodes}
    between = [e for e in graph.edges if (e.source, e.target) == (head[edge["source"]], head[edge["target"]])]
    assert [e.ship for e in between] == [ship]


def test_forwarding_by_key_that_ends_is_warned_of() -> None:
    data = to_data(program(["Source: a", "Map", "Sink: Writer"]))
    data["nodes"][0]["planner"]["kind"] = "source"
    data["edges"][0] |= {"strategy": "HASH", "planner": {"compiled": {"strategy": "HASH", "key": 0}}}

    def warned(parallelism: int) -> list[str]:
        data["nodes"][2]["profile"]["parallelism"] = parallelism
        found = validate(*load(to_json(data).encode(), "job.profile.json"))
        return [finding.message for finding in found if finding.code == "GRA312"]

    assert warned(2) == []
    assert warned(3) == ["'Map-2' -> 'Sink: Writer-3' is REBALANCE, but FORWARD in the program"]
