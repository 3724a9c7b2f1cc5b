"""A stream graph in the JVM to planner's profile: what Flink holds of every node and edge."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from planner.documents.base import API_VERSION, Metadata
from planner.documents.profile import (
    CompiledEdge,
    CompiledNode,
    Edge,
    EdgeFields,
    Node,
    NodeFields,
    NodeProfile,
    PlannerFields,
    Program,
    ResourceProfile,
    SsgProfile,
    Trait,
)
from planner.documents.sensitive import masked, masked_options
from planner.documents.vocabulary import Chaining, Exchange, JobType, Ship, UseCase
from planner.flink.jvm import Jvm
from planner.flink.program import SCHEDULER, private_field
from planner.graph.kinds import CACHE
from planner.graph.stream_graph import default_max_parallelism
from planner.units import parse_cpu

_STREAMING = "org.apache.flink.streaming.api."
_CDC = re.compile(r"\.cdc\.connectors\.(\w+)\.")
_VENDOR = re.compile(r"\.(doris|fluss|hudi|iceberg|lance|paimon|starrocks)\.")
_CONNECTOR = re.compile(r"\.connectors?\.(\w+)\.")
_CONSECUTIVE = "ForwardForConsecutiveHashPartitioner"
"""Batch SQL: a shuffle by the key that the data is partitioned by already."""
_OWN = ("source", "sink", "base", "datagen")
"""Packages of Flink itself that are no connectors to anything outside."""
OPTIONS = (
    "execution.",
    "state.",
    "pipeline.",
    "restart-strategy",
    "table.exec.",
    "jobmanager.scheduler",
    "jobmanager.execution.failover-strategy",
    "taskmanager.network.",
    "taskmanager.memory.segment-size",
)
"""What the options begin with that planner's own figures of a job can depend on."""


class _Reader:
    """Reads nodes and edges; classes are looked up once."""

    def __init__(self, jvm: Jvm, graph: Any) -> None:
        self.graph = graph
        self.source_factory = jvm.java_class(_STREAMING + "operators.SourceOperatorFactory")
        self.yielding = jvm.java_class(yielding_class(jvm))
        self.sources = set(graph.getSourceIDs())

    def nodes(self) -> list[Any]:
        """Return the nodes in order of their number in the program."""
        return sorted(each(self.graph.getStreamNodes()), key=lambda node: int(node.getId()))

    def traits(self, node: Any) -> list[Trait]:
        factory = node.getOperatorFactory()
        found: dict[Trait, bool] = {
            "source": node.getId() in self.sources,
            "sourceFactory": self.source_factory.isInstance(factory),
            "legacySource": factory.isLegacySource(),
            "yielding": self.yielding.isInstance(factory),
            "atEnd": node.isOutputOnlyAfterEndOfStream(),
        }
        return [trait for trait, there in found.items() if there]

    def connector(self, node: Any) -> str | None:
        """Return the connector of a source or sink by the package of its class, None if there is none."""
        factory = node.getOperatorFactory()
        for name in ("source", "sink"):
            value = private_field(factory, name)
            if value is not None and (found := connector_of(value.getClass().getName())):
                return found
        return None


def connector_of(class_name: str) -> str | None:
    """Return the connector that a class of a source or sink belongs to, None for Flink's own and a user's."""
    if found := _CDC.search(class_name):
        return f"{found[1]}-cdc".replace("_", "-")
    found = _VENDOR.search(class_name) or _CONNECTOR.search(class_name)
    return None if found is None or found[1] in _OWN else found[1].replace("_", "-")


def yielding_class(jvm: Jvm) -> str:
    """Return the marker of operators that yield, which moved between Flink 1.20 and 2.0."""
    from py4j.protocol import Py4JJavaError

    for name in ("operators.legacy.YieldingOperatorFactory", "operators.YieldingOperatorFactory"):
        try:
            jvm.java_class(_STREAMING + name)
        except Py4JJavaError:
            continue
        return _STREAMING + name
    raise RuntimeError("this Flink has no YieldingOperatorFactory; planner supports 1.20 to 2.3")


def each(iterable: Any) -> Iterator[Any]:
    """Yield what a ``java.lang.Iterable`` that is no list holds."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()


def flink_version(jvm: Jvm) -> str:
    """Return the major and minor version of Flink in the JVM."""
    full = str(jvm.view.org.apache.flink.runtime.util.EnvironmentInformation.getVersion())
    return ".".join(full.split("-")[0].split(".")[:2])


def profile_of(jvm: Jvm, graph: Any, program: Program, version: str) -> ResourceProfile:
    """Return the profile of a stream graph as the program made it, without derived figures."""
    reader = _Reader(jvm, graph)
    nodes = reader.nodes()
    number = {int(node.getId()): index for index, node in enumerate(nodes, 1)}
    names = _names(nodes)
    batch = graph.getJobType().name() == "BATCH"
    used = dict.fromkeys(str(node.getSlotSharingGroup() or "default") for node in nodes)
    groups = [_group(graph, name) for name in used]
    return ResourceProfile(
        api_version=API_VERSION,
        kind="ResourceProfile",
        metadata=Metadata(name=slug(graph.getJobName()) or "job"),
        ssg_profiles=groups,
        nodes=[_node(reader, node, number, names) for node in nodes],
        edges=[_edge(reader, edge, number) for edge in _edges(nodes)],
        planner=PlannerFields(
            type=JobType.BATCH if batch else JobType.STREAMING,
            flink_version=version,
            flink_configuration=_options(graph, program),
            program=_to_commit(program),
            compiled_groups=[group for group in groups if group.cpu is not None] or None,
        ),
    )


def _options(graph: Any, program: Program) -> dict[str, str]:
    """Return the options of a job: what was given beside the program, where that does not set it itself."""
    found = dict(graph.getJobConfiguration().toMap())
    shown = {key for key in found if key.startswith(OPTIONS)} | program.configuration.keys()
    kept = {key: str(found.get(key, program.configuration.get(key))) for key in shown}
    batch = graph.getJobType().name() == "BATCH"
    scheduler = {SCHEDULER: "Default"} if batch and not graph.isDynamic() else {}
    return masked_options(dict(sorted({**kept, **scheduler}.items())))


def _to_commit(program: Program) -> Program:
    """Return a program as a profile names it: profiles are committed, so without secrets."""
    options, left_out = program.configuration, secret_options(program)
    return program.model_copy(
        update={
            "file": Path(program.file).name,
            "configuration": {key: value for key, value in options.items() if key not in left_out},
        }
    )


def secret_options(program: Program) -> list[str]:
    """Return the options of a program whose values hold secrets, not only the name of what holds one."""
    return [key for key, value in program.configuration.items() if masked(key, value) != value]


def slug(text: str) -> str:
    """Return a text as a short name in lower case, with dashes for all else than letters and digits."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].lower()


def _names(nodes: list[Any]) -> dict[int, str]:
    """Return a name for every node that is the same at each compilation: its uid, or made of its name."""
    wanted = [n.getTransformationUID() or slug(n.getOperatorName()) or "operator" for n in nodes]
    return {int(node.getId()): name for node, name in zip(nodes, unique(wanted), strict=True)}


def unique(wanted: Sequence[str]) -> list[str]:
    """Return names with a number after those that come again."""
    seen: Counter[str] = Counter()
    taken = set(wanted)
    found = []
    for name in wanted:
        seen[name] += 1
        own = name
        while seen[name] > 1 and own in taken:
            own = f"{name}-{seen[name]}"
            seen[name] += own in taken
        found.append(own)
    return found


def _group(graph: Any, name: str) -> SsgProfile:
    """Return a group with the resources that the program gives it, if it gives any."""
    declared = graph.getSlotSharingGroupResource(name)
    if not declared.isPresent() or declared.get().toString().endswith("{UNKNOWN}"):
        return SsgProfile(name=name)
    profile = declared.get()
    managed = int(profile.getManagedMemory().getBytes())
    external = profile.getExtendedResources()
    return SsgProfile.model_construct(
        name=name,
        cpu=parse_cpu(profile.getCpuCores().getValue()),
        heap=int(profile.getTaskHeapMemory().getBytes()),
        off_heap=int(profile.getTaskOffHeapMemory().getBytes()),
        managed={UseCase.STATE_BACKEND: managed} if managed else {},
        extended={name: Decimal(external[name].getValue()) for name in sorted(external)},
    )


def _kind(reader: _Reader, node: Any, traits: list[Trait], inputs: int) -> str:
    """Return the kind of operator that the catalogue of off-heap memory is asked for."""
    factory = node.getOperatorFactory().getClass().getSimpleName()
    use_cases = {use.name() for use in node.getManagedMemorySlotScopeUseCases()}
    if "legacySource" in traits:
        return "legacy-source"
    if "source" in traits:
        connector = reader.connector(node)
        return f"{connector}-source" if connector else "source"
    if factory.startswith("SinkWriter"):
        connector = reader.connector(node)
        return f"{connector}-sink" if connector else "sink"
    if factory.startswith("Committer"):
        return "committer"
    if any(_cached(edge) for edge in node.getInEdges()):
        return CACHE
    if factory.startswith("AsyncWait"):
        return "async-io"
    if "PYTHON" in use_cases:
        return "keyed-python" if "STATE_BACKEND" in use_cases else "python"
    if "STATE_BACKEND" in use_cases:
        return "co-process" if inputs > 1 else "keyed-process"
    return "connect" if inputs > 1 else "operator"


def _node(reader: _Reader, node: Any, number: Mapping[int, int], names: Mapping[int, str]) -> Node:
    identity = int(node.getId())
    parallelism = max(int(node.getParallelism()), 1)
    most = int(node.getMaxParallelism())
    group = str(node.getSlotSharingGroup() or "default")
    chaining = Chaining(node.getOperatorFactory().getChainingStrategy().name())
    traits = reader.traits(node)
    weights = node.getManagedMemoryOperatorScopeUseCaseWeights()
    inputs = len({int(edge.getTypeNumber()) for edge in node.getInEdges()})
    return Node(
        id=number[identity],
        type=node.getOperatorFactory().getClass().getSimpleName(),
        desc=node.getOperatorName(),
        profile=NodeProfile(
            group=group,
            parallelism=parallelism,
            max_parallelism=most if most > 0 else default_max_parallelism(parallelism),
            chaining=chaining,
        ),
        planner=NodeFields(
            operator=names[identity],
            uid=node.getTransformationUID(),
            kind=_kind(reader, node, traits, inputs),
            co_location_group=node.getCoLocationGroup(),
            defaults=None if most > 0 else ["maxParallelism"],
            compiled=CompiledNode(
                parallelism=parallelism,
                max_parallelism=most if most > 0 else None,
                group=group,
                chaining=chaining,
                traits=traits,
                managed_weights={UseCase(use.name()): int(weights[use]) for use in weights},
                managed_slot=sorted(UseCase(use.name()) for use in node.getManagedMemorySlotScopeUseCases()),
            ),
        ),
    )


def _edges(nodes: list[Any]) -> Iterator[Any]:
    """Yield edges so that both the in-edges and the out-edges of every node are in Flink's order."""
    before: dict[int, set[int]] = {int(node.getId()): set() for node in nodes}
    for node in nodes:
        targets = list(dict.fromkeys(int(edge.getTargetId()) for edge in node.getOutEdges()))
        for earlier, later in itertools.pairwise(targets):
            before[later].add(earlier)
    waiting = {int(node.getId()): node for node in nodes}
    done: set[int] = set()
    while waiting:
        ready = next((key for key in waiting if before[key] <= done), next(iter(waiting)))
        done.add(ready)
        yield from waiting.pop(ready).getInEdges()


def _hash_partitioner(partitioner: Any) -> Any:
    """Return what a partitioner partitions by where its edge is not chained."""
    again = partitioner.getClass().getSimpleName() == _CONSECUTIVE
    return partitioner.getHashPartitioner() if again else partitioner


def _cached(edge: Any) -> bool:
    """Tell whether what goes over an edge is kept for later jobs, as `cache()` asks."""
    return edge.getIntermediateDatasetIdToProduce() is not None


def _edge(reader: _Reader, edge: Any, number: Mapping[int, int]) -> Edge:
    partitioner = edge.getPartitioner()
    ship = Ship.named(str(partitioner.toString()))
    siblings = reader.graph.getStreamNode(edge.getSourceId()).getOutEdges()
    mine, name = _hash_partitioner(partitioner), partitioner.getClass().getSimpleName()
    tag = edge.getOutputTag()
    key = next(n for n, one in enumerate(siblings) if mine.equals(_hash_partitioner(one.getPartitioner())))
    return Edge(
        source=number[int(edge.getSourceId())],
        target=number[int(edge.getTargetId())],
        mode=Exchange(edge.getExchangeMode().name()),
        strategy=ship,
        planner=EdgeFields(
            input=int(edge.getTypeNumber()),
            default=name == "ForwardForUnspecifiedPartitioner",
            output_tag=None if tag is None else str(tag.getId()),
            cached=_cached(edge) or None,
            compiled=CompiledEdge(
                strategy=ship, key=int(key), unchained=Ship.HASH if name == _CONSECUTIVE else None
            ),
        ),
    )
