"""Resources of one slot of every slot sharing group: declared, or derived with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from planner.documents.profile import Node, Reason, ResourceProfile, SlotFields, SsgProfile
from planner.documents.vocabulary import Backend, UseCase
from planner.graph.from_profile import node_kind, operator_id, planner_fields, stream_graph
from planner.graph.job_graph import JobGraph
from planner.graph.stream_graph import StreamNode
from planner.memory.managed import consumer_weights, fixed_rocksdb_memory, rocksdb_working_set, split
from planner.memory.network import NetworkOptions, slot_network
from planner.memory.off_heap import Catalogue, off_heap_use
from planner.units import CORE, MIB, format_cpu, format_size

OPERATOR_CPU = CORE // 4
OPERATOR_HEAP = 256 * MIB
OPERATOR_SOURCE = "the per-operator defaults of Blink's open autoconf planner, 0.25 core and 256 MB"
LOAD_SOURCE = "the operator's load.cpu, measured or declared"
STATE_SOURCE = (
    "Flink's cache and write buffer split of managed memory; index and filter blocks as 1 % of the state"
)
PYTHON_MEMORY = 64 * MIB
PYTHON_SOURCE = "planner's starting value for a Python worker"
HASH_MAP = 2 * MIB
"""What an operator with a hash map of rows starts with: 1 MiB of buckets (`BytesMap`), as much of rows."""
HASH_MAP_SOURCE = "Flink's AbstractBytesHashMap and AbstractBytesMultiMap, which refuse 1 MiB or less"
WINDOW_BUFFER = 32 * MIB
WINDOW_SOURCE = "planner's starting value for the buffer of a window, for which Flink has only a weight"


@dataclass
class _Figure:
    """A figure of a slot that is being put together, with the reasons for its parts."""

    name: str
    spell: Callable[[int], str]
    total: int = 0
    reasons: list[Reason] = field(default_factory=list)

    def add(self, amount: int, reason: str, source: str | None, confidence: Any) -> None:
        if amount:
            self.total += amount
            value = self.spell(amount)
            self.reasons.append(
                Reason(figure=self.name, value=value, reason=reason, source=source, confidence=confidence)
            )


def group_network(profile: ResourceProfile, job: JobGraph) -> dict[str, int | None]:
    """Return the network bytes of one slot of every group, None where Flink refuses to compute it.

    The regions of a batch job's default group use a slot one after the other, so the largest counts.
    """
    network: dict[str, int | None] = {}
    fields = planner_fields(profile)
    options = NetworkOptions.from_configuration(fields.flink_configuration, fields.flink_version)
    by_sharing = slot_network(job, options)
    group_of = {vertex.sharing: vertex.group for vertex in job.vertices}
    for sharing, size in by_sharing.items():
        group = group_of[sharing]
        known = network.get(group, 0)
        network[group] = None if size is None or known is None else max(known, size)
    return network


def slot_counts(job: JobGraph) -> dict[str, int]:
    """Return how many slots every group takes: the largest parallelism in it."""
    counts: dict[str, int] = defaultdict(int)
    for vertex in job.vertices:
        counts[vertex.group] = max(counts[vertex.group], vertex.parallelism)
    return dict(counts)


def complete(profile: ResourceProfile, job: JobGraph, catalogue: Catalogue | None = None) -> ResourceProfile:
    """Return ``profile`` with the resources of every group filled in and the derived figures beside them."""
    graph = stream_graph(profile)
    members: dict[str, list[Node]] = defaultdict(list)
    for node in profile.nodes:
        members[node.profile.group].append(node)
    turns = _turns(job, {node.id: node for node in profile.nodes})
    counts, network = slot_counts(job), group_network(profile, job)
    declared = {group.name: group for group in profile.ssg_profiles}
    options = planner_fields(profile).flink_configuration
    groups, fields = [], {}
    for name in dict.fromkeys([*declared, *members]):
        given = declared.get(name, SsgProfile(name=name))
        context = _Group(
            members[name], turns.get(name, [members[name]]), graph.by_id, options, catalogue or {}
        )
        group, derived = _complete_group(given, context)
        groups.append(group)
        reasons = [*_kept(planner_fields(profile).groups.get(name), derived), *derived]
        size = network.get(name)
        if size is not None and counts.get(name):
            exact = _Figure("network", format_size)
            exact.add(
                size, "buffers announced for one subtask of each task", "Flink's NettyShuffleUtils", "exact"
            )
            reasons += exact.reasons
        fields[name] = SlotFields.model_construct(
            slots=counts.get(name, 0), network=size, explanation=reasons
        )
    own = planner_fields(profile).model_copy(update={"groups": fields})
    return profile.model_copy(update={"ssg_profiles": groups, "planner": own})


def _turns(job: JobGraph, nodes: Mapping[int, Node]) -> dict[str, list[list[Node]]]:
    """Return by group the nodes that share its slots at one time."""
    by_sharing: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for vertex in job.vertices:
        by_sharing[vertex.group][vertex.sharing] += [nodes[node] for node in vertex.nodes]
    return {group: list(turns.values()) for group, turns in by_sharing.items()}


def _kept(before: SlotFields | None, derived: list[Reason]) -> list[Reason]:
    """Return earlier reasons for figures that are in the profile already, so are not derived anew."""
    again = {reason.figure for reason in derived} | {"network"}
    return [reason for reason in before.explanation if reason.figure not in again] if before else []


@dataclass(frozen=True)
class _Group:
    """What the resources of a slot of one group follow from.

    ``turns`` are the nodes that run in a slot at one time: regions of a batch job's default group follow
    one another.
    """

    nodes: list[Node]
    turns: list[list[Node]]
    graph: Mapping[int, StreamNode]
    options: Mapping[str, str]
    catalogue: Catalogue


def _complete_group(group: SsgProfile, context: _Group) -> tuple[SsgProfile, list[Reason]]:
    changes: dict[str, object] = {}
    reasons: list[Reason] = []

    def take(figure: _Figure) -> int:
        reasons.extend(figure.reasons)
        return figure.total

    whole = group.cpu is None and group.heap is None
    if group.cpu is None:
        changes["cpu"] = take(_cpu(context))
    if group.heap is None:
        changes["heap"] = take(_heap(context))
    if group.off_heap is None:
        changes["off_heap"] = take(_off_heap(context))
    if not group.managed and (whole or "managed" not in group.model_fields_set):
        figures = _managed(context)
        needs = {use: take(figure) for use, figure in figures.items()}
        changes["managed"] = split(needs, consumer_weights(context.options))
    return group.model_copy(update=changes), reasons


def _declared(node: Node, name: str) -> Any:
    resources = node.planner.resources if node.planner else None
    return getattr(resources, name) if resources else None


def _cpu(context: _Group) -> _Figure:
    """Return the CPU of the turn that takes most."""
    return max((_cpu_of(nodes) for nodes in context.turns), key=lambda figure: figure.total)


def _cpu_of(nodes: list[Node]) -> _Figure:
    """Sum the CPU that operators declare, else the load of one of their subtasks, else a default."""
    figure = _Figure("cpu", format_cpu)
    undeclared = 0
    for node in nodes:
        declared, load = _declared(node, "cpu"), node.planner.load if node.planner else None
        if declared is not None:
            figure.add(declared, f"operator {operator_id(node)}", None, "declared")
        elif load is not None and load.highest_cpu is not None:
            figure.add(load.highest_cpu, f"operator {operator_id(node)}: its load", LOAD_SOURCE, "estimate")
        else:
            undeclared += 1
    return _with_defaults(figure, undeclared, OPERATOR_CPU)


def _heap(context: _Group) -> _Figure:
    """Sum the heap that operators declare, else a default."""
    figure = _Figure("heap", format_size)
    undeclared = 0
    for node in context.nodes:
        declared = _declared(node, "heap")
        undeclared += declared is None
        figure.add(declared or 0, f"operator {operator_id(node)}", None, "declared")
    return _with_defaults(figure, undeclared, OPERATOR_HEAP)


def _with_defaults(figure: _Figure, undeclared: int, default: int) -> _Figure:
    """Add a default for each operator without a figure; Flink takes no slot that reserves nothing."""
    reason = f"{undeclared} operators that declare none, {figure.spell(default)} each"
    figure.add(undeclared * default, reason, OPERATOR_SOURCE, "estimate")
    if not figure.total:
        figure.add(default, "a slot in which no operator declares any", OPERATOR_SOURCE, "estimate")
    return figure


def _backend(node: Node, options: Mapping[str, str]) -> str:
    default = options.get("state.backend.type", options.get("state.backend", "hashmap")).strip().lower()
    return (node.planner.state.backend if node.planner and node.planner.state else None) or default


def _native_state(node: Node, options: Mapping[str, str]) -> bool:
    return node_kind(node).keyed and _backend(node, options) in (Backend.ROCKSDB, Backend.FORST)


def _off_heap(context: _Group) -> _Figure:
    figure = _Figure("offHeap", format_size)
    for node in context.nodes:
        declared = _declared(node, "off_heap")
        if declared is not None:
            figure.add(declared, f"operator {operator_id(node)}", None, "declared")
            continue
        use = off_heap_use(node.planner.kind if node.planner else "operator", context.catalogue)
        figure.add(use.size, f"operator {operator_id(node)}: {use.reason}", use.source, use.confidence)
    fixed = fixed_rocksdb_memory(context.options)
    if fixed and any(_native_state(node, context.options) for node in context.nodes):
        reason = "RocksDB of the slot, which is told not to use managed memory"
        figure.add(fixed, reason, "state.backend.rocksdb.memory.fixed-per-slot", "exact")
    return figure


def _managed(context: _Group) -> dict[UseCase, _Figure]:
    figures = {use: _Figure(f"managed.{use}", format_size) for use in UseCase}
    fixed = fixed_rocksdb_memory(context.options)
    for node in context.nodes:
        declared = _declared(node, "managed")
        name = f"operator {operator_id(node)}"
        if declared is not None:
            for use, size in declared.items():
                figures[use].add(size, name, None, "declared")
            continue
        if _native_state(node, context.options) and fixed is None:
            state = node.planner.state.size if node.planner and node.planner.state else None
            share = (state or 0) // node.profile.parallelism
            reason = f"{name}: write buffers, block cache, index of {format_size(share)} of state"
            size = rocksdb_working_set(share, context.options)
            figures[UseCase.STATE_BACKEND].add(size, reason, STATE_SOURCE, "estimate")
        if node_kind(node).python:
            figures[UseCase.PYTHON].add(PYTHON_MEMORY, f"{name}: Python worker", PYTHON_SOURCE, "estimate")
        for use, weight in context.graph[node.id].managed_weights:
            if weight * MIB >= HASH_MAP:
                reason = f"{name}: what it asks for, to sort, join or aggregate in"
                figures[use].add(weight * MIB, reason, "execution.sorted-inputs.memory", "documented")
            elif weight:  # no size, but a share of what there is
                figures[use].add(HASH_MAP, f"{name}: the least that it starts with", HASH_MAP_SOURCE, "exact")
                rest = WINDOW_BUFFER - HASH_MAP
                figures[use].add(rest, f"{name}: buffer of its windows", WINDOW_SOURCE, "estimate")
    return figures
