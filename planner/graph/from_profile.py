"""A ResourceProfile to the stream graph that Flink will run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from planner.documents.base import MAX_PARALLELISM
from planner.documents.job import Load
from planner.documents.profile import CompiledNode, Edge, Node, PlannerFields, ResourceProfile
from planner.documents.vocabulary import Chaining, JobType, Ship, UseCase
from planner.graph.kinds import KINDS, Kind, find_kind, kind_of_exec_node
from planner.graph.stream_graph import (
    StreamEdge,
    StreamGraph,
    StreamNode,
    default_max_parallelism,
    default_ship,
)
from planner.units import MIB, parse_size

OVERRIDES = "pipeline.jobvertex-parallelism-overrides"
SORTED_INPUTS_MEMORY = 128 * MIB
"""Default of ``execution.sorted-inputs.memory``."""


def planner_fields(profile: ResourceProfile) -> PlannerFields:
    """Return planner's own fields, empty ones for an official document."""
    return profile.planner or PlannerFields()


def operator_id(node: Node) -> str:
    """Return the name of a node in placements: the operator's id, or the node's number."""
    return node.planner.operator if node.planner else str(node.id)


def loads_of(nodes: Iterable[Node]) -> Iterator[tuple[Node, Load]]:
    """Return the nodes that have a load, and what that is."""
    return ((node, node.planner.load) for node in nodes if node.planner and node.planner.load)


def sample_count(profile: ResourceProfile) -> int:
    """Return how many samples the loads of a profile have: 1 where load is the same all the time.

    A single sample is a load that is the same all the time.

    Raises:
        ValueError: when operators have different numbers of samples.

    """
    found = {len(own): node for node, load in loads_of(profile.nodes) if len(own := load.samples) > 1}
    if len(found) > 1:
        (few, one), *_, (many, other) = sorted(found.items())
        raise ValueError(
            f"operator {operator_id(one)!r} has {few} samples of its load, {operator_id(other)!r} has {many}"
        )
    return next(iter(found), 1)


def node_kind(node: Node) -> Kind:
    """Return the kind of a node; an official document only has its type."""
    name = node.planner.kind if node.planner else kind_of_exec_node(node.type)
    return find_kind(name) or KINDS["operator"]


def stream_graph(profile: ResourceProfile) -> StreamGraph:
    """Return the stream graph that ``profile`` describes.

    An official document gives every node the uid ``str(id)``.
    """
    fields = planner_fields(profile)
    options = fields.flink_configuration
    batch = fields.type is JobType.BATCH
    parallelism = {node.id: node.profile.parallelism for node in profile.nodes}
    dynamic = batch and options.get("jobmanager.scheduler", "AdaptiveBatch").lower() != "default"
    before_2 = int(fields.flink_version.partition(".")[0]) < 2
    return StreamGraph(
        nodes=tuple(_node(node, batch, options) for node in profile.nodes),
        edges=tuple(_edge(edge, parallelism, dynamic) for edge in profile.edges),
        type=fields.type,
        chaining=flag(
            options,
            "pipeline.operator-chaining.enabled",
            "pipeline.operator-chaining",
            default=True,
        ),
        chain_different_max_parallelism=flag(
            options,
            "pipeline.operator-chaining.chain-operators-with-different-max-parallelism",
            default=True,
        ),
        index_prefix=flag(options, "pipeline.vertex-name-include-index-prefix", default=False),
        batch_shuffle_mode=options.get("execution.batch-shuffle-mode", "ALL_EXCHANGES_BLOCKING")
        .upper()
        .replace("-", "_"),
        approximate_local_recovery=approximate_local_recovery(options),
        dynamic=dynamic,
        at_end_spreads=not before_2,
        overrides=parallelism_overrides(options) if before_2 else {},
        fine_grained=any(group.cpu is not None for group in profile.ssg_profiles),
    )


def approximate_local_recovery(options: Mapping[str, str]) -> bool:
    """Tell whether a failed task of a streaming job restarts alone, with some of its records lost."""
    return flag(
        options,
        "execution.state-recovery.approximate-local-recovery",
        "execution.checkpointing.approximate-local-recovery",
        default=False,
    )


def parallelism_overrides(options: Mapping[str, str]) -> dict[str, int]:
    """Return the parallelism of job vertices that a job's options set, by their id.

    `Dispatcher.applyParallelismOverrides` gives it to job graphs; since Flink 2.0 clients submit stream
    graphs, which it leaves as they are.

    Raises:
        ValueError: when a value is not a parallelism.

    """
    pairs = [pair.partition(":") for pair in options.get(OVERRIDES, "").split(",") if pair.strip()]
    for name, _, value in pairs:
        text = value.strip()
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_PARALLELISM):
            raise ValueError(f"{text[:40]!r} for vertex {name.strip()[:40]!r} is not a parallelism")
    return {name.strip(): int(value) for name, _, value in pairs}


def flag(options: Mapping[str, str], *keys: str, default: bool) -> bool:
    """Return a boolean option: the first of ``keys`` that is set, else ``default``."""
    return next((options[key].strip().lower() == "true" for key in keys if key in options), default)


def _max_parallelism(node: Node) -> int | None:
    """Return the max parallelism of a node, None where nobody set one."""
    unset = (
        node.planner is not None
        and "maxParallelism" in (node.planner.defaults or ())
        and node.profile.max_parallelism == default_max_parallelism(node.profile.parallelism)
    )
    return None if unset else node.profile.max_parallelism


def _compiled_node(node: Node, name: str, compiled: CompiledNode) -> StreamNode:
    profile = node.profile
    return StreamNode(
        id=node.id,
        name=name,
        parallelism=profile.parallelism,
        max_parallelism=_max_parallelism(node),
        group=profile.group,
        chaining=profile.chaining or compiled.chaining,
        uid=node.planner.uid if node.planner else None,
        source="source" in compiled.traits,
        source_factory="sourceFactory" in compiled.traits,
        legacy_source="legacySource" in compiled.traits,
        yielding="yielding" in compiled.traits,
        at_end="atEnd" in compiled.traits,
        known_id=compiled.id,
        co_location=node.planner.co_location_group if node.planner else None,
        managed_weights=tuple(compiled.managed_weights.items()),
        managed_slot=frozenset(compiled.managed_slot),
    )


def _node(node: Node, batch: bool, options: Mapping[str, str]) -> StreamNode:
    kind, profile = node_kind(node), node.profile
    if node.planner is not None and node.planner.compiled is not None:
        return _compiled_node(node, node.desc, node.planner.compiled)
    sorted_inputs = batch and kind.keyed
    weight = 0
    if sorted_inputs:
        size = options.get("execution.sorted-inputs.memory")
        weight = max(1, (parse_size(size) if size else SORTED_INPUTS_MEMORY) // MIB)
    return StreamNode(
        id=node.id,
        name=node.desc or operator_id(node),
        parallelism=profile.parallelism,
        max_parallelism=_max_parallelism(node),
        group=profile.group,
        chaining=_chaining(node, kind, sorted_inputs),
        uid=node.planner.uid if node.planner else str(node.id),
        source=kind.source,
        source_factory=kind.source_factory,
        legacy_source=kind.legacy_source,
        yielding=kind.yielding,
        co_location=node.planner.co_location_group if node.planner else None,
        managed_weights=((UseCase.OPERATOR, weight),) if weight else (),
        managed_slot=kind.slot_use_cases,
    )


def _chaining(node: Node, kind: Kind, sorted_inputs: bool) -> Chaining:
    chaining = node.profile.chaining or kind.chaining
    if sorted_inputs and chaining in (Chaining.ALWAYS, Chaining.HEAD_WITH_SOURCES):
        return Chaining.HEAD  # `BatchExecutionUtils.applyBatchExecutionSettings`
    return chaining


def _edge(edge: Edge, parallelism: Mapping[int, int], dynamic: bool) -> StreamEdge:
    default = edge.planner is not None and edge.planner.default
    compiled = edge.planner.compiled if edge.planner is not None else None
    known = compiled.unchained if compiled is not None else None
    ship, unchained = edge.strategy, None
    if ship is Ship.FORWARD and known is None and (default or compiled is not None):
        # a FORWARD that nobody chose, or a program's, cannot stay between unequal parallelism
        ship = default_ship(parallelism[edge.source], parallelism[edge.target])
    if ship is Ship.FORWARD:
        unchained = known or (Ship.RESCALE if dynamic and default else None)
    return StreamEdge(
        source=edge.source,
        target=edge.target,
        ship=ship,
        exchange=edge.mode,
        input=edge.planner.input if edge.planner else 0,
        unchained=unchained,
        key=compiled.key if compiled is not None else None,
        tag=edge.planner.output_tag if edge.planner else None,
        cached=bool(edge.planner and edge.planner.cached),
    )
