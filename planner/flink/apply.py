"""A profile and the quotas of its groups onto the stream graph of a real Flink, and into a cluster."""

from __future__ import annotations

from typing import Any

from planner.documents.profile import EdgeFields, ResourceProfile, SsgProfile
from planner.documents.vocabulary import JobType, Ship
from planner.flink.errors import ProgramError
from planner.flink.jvm import Jvm
from planner.flink.program import has_method
from planner.flink.stream_graph import each
from planner.graph.edits import edited_max_parallelism, ship_of
from planner.graph.from_profile import operator_id, planner_fields
from planner.place.model.quotas import quota_name
from planner.units import cpu_number

_SWAPPED = {
    Ship.FORWARD: "ForwardPartitioner",
    Ship.REBALANCE: "RebalancePartitioner",
    Ship.RESCALE: "RescalePartitioner",
}


def apply(jvm: Jvm, graph: Any, fresh: ResourceProfile, profile: ResourceProfile) -> None:
    """Give the nodes, edges and groups of ``graph`` what ``profile`` says.

    ``fresh`` is the profile of ``graph`` itself. Every group asks for one of its quota besides its
    resources, so that a TaskManager takes as many of its slots as the placement says.

    Raises:
        ProgramError: when the profile is of another program.

    """
    _same_program(fresh, profile)
    nodes = sorted(each(graph.getStreamNodes()), key=lambda node: int(node.getId()))
    by_number = dict(enumerate(nodes, 1))
    strategies = jvm.view.org.apache.flink.streaming.api.operators.ChainingStrategy
    for wanted in profile.nodes:
        node = by_number[wanted.id]
        if int(node.getParallelism()) != wanted.profile.parallelism:
            node.setParallelism(wanted.profile.parallelism)
        most = edited_max_parallelism(wanted)
        if most is not None and int(node.getMaxParallelism()) != most:
            node.setMaxParallelism(most)
        node.setSlotSharingGroup(wanted.profile.group)
        chaining, factory = wanted.profile.chaining, node.getOperatorFactory()
        if chaining is not None and factory.getChainingStrategy().name() != chaining:
            factory.setChainingStrategy(strategies.valueOf(str(chaining)))
    _apply_strategies(jvm, by_number, profile)
    graph.setSlotSharingGroupResource(
        {g.name: _resources(jvm, g, quota_name(g.name)) for g in profile.ssg_profiles}
    )
    if planner_fields(profile).type is JobType.BATCH:
        # as Flink does for programs that give groups resources (`StreamGraphGenerator`), against deadlocks
        modes = jvm.view.org.apache.flink.streaming.api.graph.GlobalStreamExchangeMode
        graph.setGlobalStreamExchangeMode(modes.ALL_EDGES_BLOCKING)


def all_in_one_group(jvm: Jvm, graph: Any, group: SsgProfile, quota: str) -> None:
    """Put all nodes of ``graph`` into one group, whose slots ask for one of ``quota`` as well."""
    for node in each(graph.getStreamNodes()):
        node.setSlotSharingGroup(group.name)
    graph.setSlotSharingGroupResource({group.name: _resources(jvm, group, quota)})


def restore_from(jvm: Jvm, graph: Any, savepoint: str) -> None:
    """Let ``graph`` start from a savepoint or checkpoint, as ``execution.state-recovery.path`` does.

    State of an operator that the graph does not have makes the start fail.
    """
    settings = jvm.view.org.apache.flink.runtime.jobgraph.SavepointRestoreSettings
    graph.setSavepointRestoreSettings(settings.forPath(savepoint))


def as_another_job(jvm: Jvm, graph: Any) -> None:
    """Let ``graph`` be submitted again: since Flink 2.0 it has the id of its job itself."""
    if has_method(graph, "setJobId"):
        graph.setJobId(jvm.view.org.apache.flink.api.common.JobID())


def _same_program(fresh: ResourceProfile, profile: ResourceProfile) -> None:
    def shape(one: ResourceProfile) -> tuple[list[tuple[int, str]], list[tuple[int, int, int, str]]]:
        own = [(edge, edge.planner or EdgeFields()) for edge in one.edges]
        edges = [(edge.source, edge.target, e.input, e.output_tag or "") for edge, e in own]
        return [(node.id, node.desc) for node in one.nodes], sorted(edges)

    if shape(fresh) == shape(profile):
        return
    mine, theirs = ({operator_id(n) for n in one.nodes} for one in (fresh, profile))
    named = ", ".join(sorted(mine ^ theirs)[:3])
    raise ProgramError(
        "the profile is of another program"
        + (f" (they differ in {named})" if named else " (the same operators, connected otherwise)")
        + "; compile this one with --from PROFILE to keep the edits"
    )


def _apply_strategies(jvm: Jvm, nodes: dict[int, Any], profile: ResourceProfile) -> None:
    partitioners = jvm.view.org.apache.flink.streaming.runtime.partitioner
    parallelism = {node.id: node.profile.parallelism for node in profile.nodes}
    for target, node in nodes.items():
        wanted = [edge for edge in profile.edges if edge.target == target]
        for edge, real in zip(wanted, node.getInEdges(), strict=True):
            ship = ship_of(edge, parallelism)
            before = edge.planner.compiled.strategy if edge.planner and edge.planner.compiled else ship
            if ship is before:
                continue
            keyed = edge.planner is not None and edge.planner.compiled and edge.planner.compiled.unchained
            if ship not in _SWAPPED or before not in _SWAPPED or keyed:
                raise ProgramError(
                    f"an edge of the program is {keyed or before} and the profile says {ship}:"
                    " only FORWARD, REBALANCE and RESCALE can be exchanged"
                )
            real.setPartitioner(getattr(partitioners, _SWAPPED[ship])())


def _resources(jvm: Jvm, group: SsgProfile, quota: str) -> Any:
    flink = jvm.view.org.apache.flink
    size = flink.configuration.MemorySize
    external = flink.api.common.resources.ExternalResource
    builder = flink.runtime.clusterframework.types.ResourceProfile.newBuilder()
    builder = builder.setCpuCores(float(cpu_number(group.cpu or 0)))
    builder = builder.setTaskHeapMemory(size(group.heap or 0))
    builder = builder.setTaskOffHeapMemory(size(group.off_heap or 0))
    builder = builder.setManagedMemory(size(sum(group.managed.values())))
    for name, amount in group.extended.items():
        builder = builder.setExtendedResource(external(name, float(amount)))
    builder = builder.setExtendedResource(external(quota, 1.0))
    return builder.build()
