"""Resources of one slot of every slot sharing group: declared, or derived with the reason."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.documents.profile import Node, ResourceProfile, SlotFields, SsgProfile
from planner.documents.vocabulary import Backend, UseCase
from planner.graph.restore import node_kind, operator_id, planner_fields, stream_graph
from planner.memory.network import NetworkOptions, sharing_network
from planner.memory.offheap import off_heap_use
from planner.units import CORE, MIB, format_cpu, format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.graph.job import JobGraph
    from planner.graph.stream import StreamNode

OPERATOR_CPU = CORE // 4
OPERATOR_HEAP = 256 * MIB
OPERATOR_SOURCE = "the per-operator defaults of Blink's open autoconf planner, 0.25 core and 256 MB"
STATE_MEMORY = 128 * MIB
STATE_SOURCE = "two write buffers of 64 mb, Flink's defaults for state.backend.rocksdb.writebuffer.*"
PYTHON_MEMORY = 64 * MIB
PYTHON_SOURCE = "planner's starting value for a Python worker, not measured"


@dataclass
class _Sum:
    """A total with the reasons that it is made of."""

    total: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, size: int, reason: str) -> None:
        if size:
            self.total += size
            self.reasons.append(reason)


def group_network(profile: ResourceProfile, job: JobGraph) -> dict[str, int | None]:
    """Return the network bytes of one slot of every group, None where Flink refuses to compute it.

    The regions of a batch job's default group use a slot one after the other, so the largest counts.
    """
    network: dict[str, int | None] = {}
    by_sharing = sharing_network(job, NetworkOptions.of(planner_fields(profile).flink_configuration))
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


def complete(profile: ResourceProfile, job: JobGraph) -> ResourceProfile:
    """Return ``profile`` with the resources of every group filled in and the derived figures beside them."""
    graph = stream_graph(profile)
    members: dict[str, list[Node]] = defaultdict(list)
    for node in profile.nodes:
        members[node.profile.group].append(node)
    counts, network = slot_counts(job), group_network(profile, job)
    declared = {group.name: group for group in profile.ssg_profiles}
    groups, fields = [], {}
    for name in dict.fromkeys([*declared, *members]):
        given = declared.get(name, SsgProfile(name=name))
        group, derived = _complete_group(
            given, members[name], graph.by_id, planner_fields(profile).flink_configuration
        )
        groups.append(group)
        reasons = [*_still_true(planner_fields(profile).groups.get(name), given), *derived]
        size = network.get(name)
        if size is not None and counts.get(name):
            reasons.append(
                f"network {format_size(size)}: buffers that Flink announces for one subtask of each task"
            )
        fields[name] = SlotFields.model_construct(
            slots=counts.get(name, 0), network=size, explanation=reasons
        )
    own = planner_fields(profile).model_copy(update={"groups": fields})
    return profile.model_copy(update={"ssg_profiles": groups, "planner": own})


def _still_true(before: SlotFields | None, group: SsgProfile) -> list[str]:
    """Return the earlier explanations of figures that are still the ones in ``group``."""
    figures = {
        f"cpu {format_cpu(group.cpu or 0)}:",
        f"heap {format_size(group.heap or 0)}:",
        f"offHeap {format_size(group.off_heap or 0)}:",
        *(f"managed {use} {format_size(size)}:" for use, size in group.managed.items()),
    }
    lines = before.explanation if before else []
    return [line for line in lines if any(line.startswith(figure) for figure in figures)]


def _complete_group(
    group: SsgProfile,
    nodes: Iterable[Node],
    graph: Mapping[int, StreamNode],
    options: Mapping[str, str],
) -> tuple[SsgProfile, list[str]]:
    nodes = list(nodes)
    changes: dict[str, object] = {}
    reasons: list[str] = []
    whole = group.cpu is None and group.heap is None
    if group.cpu is None:
        changes["cpu"] = _derived(_cpu(nodes), "cpu", format_cpu, reasons) or OPERATOR_CPU
    if group.heap is None:
        changes["heap"] = _derived(_heap(nodes), "heap", format_size, reasons) or OPERATOR_HEAP
    if group.off_heap is None:
        changes["off_heap"] = _derived(_off_heap(nodes), "offHeap", format_size, reasons)
    if not group.managed and (whole or "managed" not in group.model_fields_set):
        managed = _managed(nodes, graph, options)
        changes["managed"] = {
            use: _derived(total, f"managed {use}", format_size, reasons)
            for use, total in managed.items()
            if total.total
        }
    return group.model_copy(update=changes), reasons


def _derived(total: _Sum, name: str, spell: object, reasons: list[str]) -> int:
    if total.total:
        reasons.append(f"{name} {spell(total.total)}: {'; '.join(total.reasons)}")  # type: ignore[operator]
    return total.total


def _cpu(nodes: list[Node]) -> _Sum:
    total, undeclared = _Sum(), 0
    for node in nodes:
        declared = node.planner.resources.cpu if node.planner and node.planner.resources else None
        if declared is None:
            undeclared += 1
        else:
            total.add(declared, f"{operator_id(node)} declares {format_cpu(declared)}")
    if undeclared:
        total.add(
            undeclared * OPERATOR_CPU,
            f"{undeclared} x 0.25 core for operators that declare none (estimate: {OPERATOR_SOURCE})",
        )
    return total


def _heap(nodes: list[Node]) -> _Sum:
    total, undeclared = _Sum(), 0
    for node in nodes:
        declared = node.planner.resources.heap if node.planner and node.planner.resources else None
        if declared is None:
            undeclared += 1
        else:
            total.add(declared, f"{operator_id(node)} declares {format_size(declared)}")
    if undeclared:
        total.add(
            undeclared * OPERATOR_HEAP,
            f"{undeclared} x 256 mb for operators that declare none (estimate: {OPERATOR_SOURCE})",
        )
    return total


def _off_heap(nodes: list[Node]) -> _Sum:
    total = _Sum()
    for node in nodes:
        declared = node.planner.resources.off_heap if node.planner and node.planner.resources else None
        if declared is not None:
            total.add(declared, f"{operator_id(node)} declares {format_size(declared)}")
            continue
        use = off_heap_use(node.planner.kind if node.planner else "operator")
        total.add(
            use.size,
            f"{operator_id(node)} {format_size(use.size)} for {use.reason} (estimate: {use.source})",
        )
    return total


def _managed(
    nodes: list[Node], graph: Mapping[int, StreamNode], options: Mapping[str, str]
) -> dict[UseCase, _Sum]:
    totals = {use: _Sum() for use in UseCase}
    default = options.get("state.backend.type", options.get("state.backend", "hashmap")).lower()
    for node in nodes:
        fields = node.planner
        declared = fields.resources.managed if fields and fields.resources else None
        if declared is not None:
            for use, size in declared.items():
                totals[use].add(size, f"{operator_id(node)} declares {format_size(size)}")
            continue
        backend = (fields.state.backend if fields and fields.state else None) or default
        kind = node_kind(node)
        if kind.keyed and backend in (Backend.ROCKSDB, Backend.FORST):
            totals[UseCase.STATE_BACKEND].add(
                STATE_MEMORY,
                f"{operator_id(node)} {format_size(STATE_MEMORY)} (estimate: {STATE_SOURCE})",
            )
        if kind.python:
            totals[UseCase.PYTHON].add(
                PYTHON_MEMORY,
                f"{operator_id(node)} {format_size(PYTHON_MEMORY)} (estimate: {PYTHON_SOURCE})",
            )
        for use, weight in graph[node.id].managed_weights:
            totals[use].add(weight * MIB, f"{operator_id(node)} {weight} mb (execution.sorted-inputs.memory)")
    return totals
