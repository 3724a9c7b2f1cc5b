"""A profile and the quotas of its groups onto the stream graph of a real Flink, and into a cluster."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from planner.documents.profile import ResourceProfile, SsgProfile
from planner.documents.vocabulary import JobType, Ship
from planner.flink.compiled import each
from planner.flink.errors import ProgramError, RestError
from planner.flink.jvm import Jvm
from planner.flink.program import has_method, root_cause
from planner.graph.edits import edited_max_parallelism, ship_of
from planner.graph.restore import operator_id, planner_fields
from planner.place.plan import quota_name
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
    graph.setSlotSharingGroupResource({g.name: _resources(jvm, g) for g in profile.ssg_profiles})
    if planner_fields(profile).type is JobType.BATCH:
        # as Flink does for programs that give groups resources (`StreamGraphGenerator`), against deadlocks
        modes = jvm.view.org.apache.flink.streaming.api.graph.GlobalStreamExchangeMode
        graph.setGlobalStreamExchangeMode(modes.ALL_EDGES_BLOCKING)


def _same_program(fresh: ResourceProfile, profile: ResourceProfile) -> None:
    def shape(one: ResourceProfile) -> tuple[list[tuple[int, str]], list[tuple[int, int, int]]]:
        edges = [(e.source, e.target, e.planner.input if e.planner else 0) for e in one.edges]
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


def _resources(jvm: Jvm, group: SsgProfile) -> Any:
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
    builder = builder.setExtendedResource(external(quota_name(group.name), 1.0))
    return builder.build()


def submit(jvm: Jvm, graph: Any, url: str) -> str:
    """Submit a stream graph to the cluster behind a REST address and return the job's id.

    Raises:
        RestError: when the cluster does not take it.

    """
    from py4j.protocol import Py4JJavaError

    flink, parts = jvm.view.org.apache.flink, urlsplit(url)
    options = {
        "rest.address": str(parts.hostname),
        "rest.port": str(parts.port),
        "rest.retry.max-attempts": "2",
    }
    if parts.scheme == "https":
        options["security.ssl.rest.enabled"] = "true"
    configuration = flink.configuration.Configuration.fromMap(options)
    try:
        client = flink.client.program.rest.RestClusterClient(
            configuration, flink.client.deployment.StandaloneClusterId.getInstance()
        )
        try:
            plan = _submittable(jvm, graph)
            return str(client.submitJob(plan).get().toString())
        finally:
            client.close()
    except Py4JJavaError as error:
        raise RestError(
            f"{url} does not take the job: {_server_side(root_cause(error.java_exception))}"
        ) from None


def _submittable(jvm: Jvm, graph: Any) -> Any:
    """Return what a client submits: the stream graph itself since Flink 2.0, a job graph before."""
    flink = jvm.view.org.apache.flink
    if has_method(graph, "serializeUserDefinedInstances"):
        if has_method(graph, "getOptionalJobId") and not graph.getOptionalJobId().isPresent():
            graph.setJobId(flink.api.common.JobID())  # Flink 2.3 leaves it to the client
        graph.serializeUserDefinedInstances()
        return graph
    job = graph.getJobGraph()
    for url in graph.getJobConfiguration().get(flink.configuration.PipelineOptions.JARS) or ():
        job.addJar(flink.core.fs.Path(jvm.view.java.net.URI.create(str(url))))
    return job


def _server_side(message: str) -> str:
    """Return the last cause of a stack trace that a JobManager sent."""
    causes = [line.strip() for line in message.splitlines() if line.strip().startswith("Caused by:")]
    text = causes[-1].removeprefix("Caused by: ") if causes else message.splitlines()[0]
    return text[:500]
