"""Answers of real Flink as planner's own types, and planner's answers in the oracles' form."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from planner.documents.vocabulary import Chaining, Exchange, JobType, Ship, UseCase
from planner.graph.data_sets import ResultType
from planner.graph.from_profile import approximate_local_recovery
from planner.graph.job_graph import JobEdge, JobGraph, JobVertex, build_job_graph
from planner.graph.partition_groups import partition_groups, subpartition_counts
from planner.graph.regions import pipelined_regions
from planner.graph.restart_sets import restarted_subtasks, subtask_mask
from planner.graph.slot_sharing import Slots, local_input_preferred, task_balanced
from planner.graph.stream_graph import StreamEdge, StreamGraph, StreamNode
from planner.memory.network import NetworkOptions, slot_network

Case = dict[str, Any]
UNCHAINED = {
    "ForwardForUnspecifiedPartitioner": Ship.RESCALE,
    "ForwardForConsecutiveHashPartitioner": Ship.HASH,
}


def stream_graph(case: Case) -> StreamGraph:
    """Return the stream graph of a case of make_graphs.py, its edges in Flink's order."""
    conf = case["conf"]
    batch = conf.get("execution.runtime-mode") == "BATCH"
    return StreamGraph(
        nodes=tuple(_node(node, case.get("dynamic", False)) for node in case["stream_nodes"]),
        edges=tuple(_edges(case["stream_nodes"])),
        type=JobType.BATCH if batch else JobType.STREAMING,
        chaining=conf.get("pipeline.operator-chaining.enabled", "true") == "true",
        chain_different_max_parallelism=conf.get(
            "pipeline.operator-chaining.chain-operators-with-different-max-parallelism", "true"
        )
        == "true",
        index_prefix=conf.get("pipeline.vertex-name-include-index-prefix") == "true",
        batch_shuffle_mode=conf.get("execution.batch-shuffle-mode", "ALL_EXCHANGES_BLOCKING"),
        approximate_local_recovery=approximate_local_recovery(conf),
        fine_grained=case.get("globalExchangeMode") == "ALL_EDGES_BLOCKING",
        dynamic=case.get("dynamic", False),
        at_end_spreads=not case.get("version", "2.2").startswith("1."),
    )


def _node(node: Case, dynamic: bool) -> StreamNode:
    source = node.get("source", not node["in"])
    legacy = node.get("legacySource", "Collection" in node["name"])
    return StreamNode(
        id=node["id"],
        name=node["name"],
        parallelism=node["parallelism"],
        max_parallelism=node["maxParallelism"] if node["maxParallelism"] > 0 else None,
        group=node["slotSharingGroup"],
        chaining=Chaining(node["chaining"]),
        uid=node["uid"],
        source=source,
        source_factory=node.get("sourceFactory", source and not legacy),
        legacy_source=legacy,
        yielding=node.get("yielding", node["name"].endswith("Writer")),
        at_end=node.get("outputOnlyAfterEndOfStream", False),
        co_location=node.get("coLocation"),
        adaptive=dynamic and not node.get("parallelismConfigured", False),
        managed_weights=tuple((UseCase(k), v) for k, v in node.get("managedOperatorWeights", {}).items()),
        managed_slot=frozenset(UseCase(use) for use in node.get("managedSlotUseCases", [])),
    )


def _edges(nodes: list[Case]) -> list[StreamEdge]:
    """Order edges so that both the in-edges and the out-edges of every node are in Flink's order."""
    before: dict[int, set[int]] = {node["id"]: set() for node in nodes}
    for node in nodes:
        targets = list(dict.fromkeys(node.get("out") or []))
        for earlier, later in itertools.pairwise(targets):
            before[later].add(earlier)
    by_id = {node["id"]: node for node in nodes}
    done: list[int] = []
    while len(done) < len(nodes):
        ready = [i for i in sorted(by_id) if i not in done and before[i] <= set(done)]
        done.append(ready[0] if ready else min(i for i in by_id if i not in done))
    return [
        StreamEdge(
            source=edge["source"],
            target=index,
            ship=Ship.named(edge["partitioner"]),
            exchange=Exchange(edge["exchange"]),
            input=edge["typeNumber"],
            unchained=UNCHAINED.get(edge["partitionerClass"]),
            key=edge.get("equalTo"),
            tag=edge.get("outputTag"),
            cached=edge.get("cached", False),
        )
        for index in done
        for edge in by_id[index]["in"]
    ]


def compiled(case: Case, graph: StreamGraph | None = None) -> Case:
    """Return planner's job graph of a case, in the form of :func:`expected_compiled`."""
    job = build_job_graph(graph or stream_graph(case))
    groups: dict[str, int] = {}
    together: dict[str | None, int] = {None: -1}
    regions = sorted(sorted(job.vertices[i].id for i in region) for region in job.logical_regions)
    return {
        "order": [vertex.name for vertex in job.vertices],
        "regions": regions,
        "vertices": {
            vertex.id: {
                "name": vertex.name,
                "parallelism": vertex.parallelism,
                "max_parallelism": vertex.max_parallelism,
                "group": groups.setdefault(vertex.sharing, len(groups)),
                "together": together.setdefault(vertex.co_location, len(together)),
                "nodes": sorted(vertex.nodes),
                "inputs": [
                    (
                        job.vertices[edge.source].id,
                        "POINTWISE" if edge.pointwise else "ALL_TO_ALL",
                        edge.type.value,
                        edge.ship.value,
                    )
                    for edge in job.inputs[vertex.index]
                ],
                "produced": _produced(job, vertex.index),
            }
            for vertex in job.vertices
        },
    }


def _produced(job: JobGraph, vertex: int) -> list[tuple[str, list[str]]]:
    sets: dict[int, tuple[str, list[str]]] = {}
    for edge in job.outputs[vertex]:
        sets.setdefault(edge.data_set, (edge.type.value, []))[1].append(job.vertices[edge.target].id)
    return list(sets.values())


def expected_compiled(case: Case, got: Case) -> Case:
    """Return Flink's job graph of a case; what it does not say is taken from ``got``.

    In a dynamic graph (batch, adaptive) Flink leaves the parallelism open where nobody set one.
    """
    by_id = {vertex["id"]: vertex for vertex in case["job_vertices"]}
    groups: dict[str, int] = {}
    together: dict[str | None, int] = {None: -1}
    for name in got["vertices"]:
        if name in by_id:
            groups.setdefault(by_id[name]["ssg"], len(groups))
            together.setdefault(by_id[name].get("coLocation"), len(together))
    found = {}
    for name, vertex in by_id.items():
        mine = got["vertices"].get(name, {})
        open_parallelism = vertex["parallelism"] < 1 or case.get("dynamic")
        found[name] = {
            "name": vertex["name"],
            "parallelism": mine.get("parallelism") if open_parallelism else vertex["parallelism"],
            "max_parallelism": vertex["maxParallelism"]
            if vertex["maxParallelism"] > 0
            else mine.get("max_parallelism"),
            "group": groups.get(vertex["ssg"]),
            "together": together.get(vertex.get("coLocation")),
            "nodes": sorted(vertex["nodes"]) if "nodes" in vertex else mine.get("nodes"),
            # Flink's batch SQL adds the keys: HASH[k]
            "inputs": [
                (e["source"], e["pattern"], e["type"], Ship.named(e["ship"]).value) for e in vertex["inputs"]
            ],
            "produced": [(p["type"], p["consumers"]) for p in vertex["produced"]]
            if "produced" in vertex
            else mine.get("produced"),
        }
    order = case["jobgraph_vertex_order"]
    return {
        "order": got["order"] if ",".join(got["order"]) == order else order,
        "regions": sorted(map(sorted, case.get("logical_regions", got["regions"]))),
        "vertices": found,
    }


def job_graph(case: Case) -> JobGraph:
    """Return the job graph of a case of make_topologies.py."""
    vertices = tuple(
        JobVertex(
            i, v["id"], f"v{i}", v["parallelism"], 128, v["ssg"], v["ssg"], co_location=v.get("together")
        )
        for i, v in enumerate(case["vertices"])
    )
    edges = tuple(
        JobEdge(
            i,
            e["source"],
            e["target"],
            i,
            ResultType(e["type"]),
            e["pattern"] == "POINTWISE",
            Ship.HASH,
        )
        for i, e in enumerate(case["edges"])
    )
    return JobGraph(vertices, edges)


def topology_answers(case: Case) -> Case:
    """Return planner's answers to a case of make_topologies.py."""
    job = job_graph(case)
    regions = pipelined_regions(job)
    names = [sorted(_name(*s) for s in regions.subtasks(r)) for r in range(len(regions.members))]
    network = slot_network(job, NetworkOptions.from_configuration(case["config"], case.get("version", "2.2")))
    gone = set(case["unavailable_partitions"])
    subtasks = [_name(*s) for s in _numbered(job)]

    def unavailable(edge: JobEdge) -> np.ndarray | bool:
        if not edge.type.reconsumable and edge.type is not ResultType.PIPELINED_APPROXIMATE:
            return True
        producers = range(job.vertices[edge.source].parallelism)
        return np.array([_name(edge.source, p) in gone for p in producers])

    restart = {}
    for members, numbers in zip(names, regions.members, strict=True):
        found = restarted_subtasks(
            job, regions, np.array(regions.region_of), subtask_mask(regions, list(numbers)), unavailable
        )
        restart[members[0]] = sorted(name for name, hit in zip(subtasks, found, strict=True) if hit)
    answers = {
        "topo": list(job.order),
        "consumed": _consumed(job),
        "subpartitions": {
            f"{vertex.index}/{n}": subpartition_counts(
                edge.pointwise, vertex.parallelism, job.vertices[edge.target].parallelism
            )
            for vertex in job.vertices
            for n, edge in enumerate(job.outputs[vertex.index])
        },
        "regions": sorted(names),
        "local_input_essgs": _slots(local_input_preferred(job)),
        "balanced_essgs": _slots(task_balanced(job)),
        "network_bytes": {
            name: network.get(name) if spec else None for name, spec in case["slot_sharing_groups"].items()
        },
        "restart": restart,
    }
    return {name: answers[name] for name in case["expected"]}


def _numbered(job: JobGraph) -> Iterator[tuple[int, int]]:
    return ((v.index, i) for v in job.vertices for i in range(v.parallelism))


def _name(vertex: int, subtask: int) -> str:
    return f"{vertex}:{subtask}"


def _slots(slots: Slots) -> list[list[str]]:
    return sorted(sorted(_name(*subtask) for subtask in slot) for found in slots.values() for slot in found)


def _consumed(job: JobGraph) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {
        _name(v.index, i): [] for v in job.vertices for i in range(v.parallelism)
    }
    for vertex in job.vertices:
        for edge in job.inputs[vertex.index]:
            producers = job.vertices[edge.source].parallelism
            for group in partition_groups(edge.pointwise, producers, vertex.parallelism):
                for consumer in group.consumers:
                    found[_name(vertex.index, consumer)].append(
                        [_name(edge.source, p) for p in group.producers]
                    )
    return found
