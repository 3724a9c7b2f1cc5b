"""The job graph: chains become job vertices (`StreamingJobGraphGenerator`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from planner.documents.vocabulary import JobType, Ship
from planner.graph.chaining import Chainer
from planner.graph.components import components
from planner.graph.data_sets import ResultType, blocking_until_end, result_type
from planner.graph.ids import operator_ids
from planner.graph.stream_graph import StreamEdge, StreamGraph, default_max_parallelism


@dataclass(frozen=True, slots=True)
class JobVertex:
    """A chain of operators that runs as one task.

    ``index`` is the place in the job graph's insertion order (downstream first). ``sharing`` names
    Flink's slot sharing group object: the same as ``group`` but for a batch job's default group,
    of which every logical pipelined region has its own. ``co_location`` is the key of its co-location
    group, that of the first operator of the chain.
    """

    index: int
    id: str
    name: str
    parallelism: int
    max_parallelism: int
    group: str
    sharing: str
    nodes: tuple[int, ...] = ()
    head: int = 0
    co_location: str | None = None


@dataclass(frozen=True, slots=True)
class JobEdge:
    """A connection of vertices, by their indices."""

    index: int
    source: int
    target: int
    data_set: int
    type: ResultType
    pointwise: bool
    ship: Ship


@dataclass(frozen=True)
class JobGraph:
    """Vertices in insertion order and edges in the order in which they were connected."""

    vertices: tuple[JobVertex, ...]
    edges: tuple[JobEdge, ...]
    type: JobType = JobType.STREAMING

    @cached_property
    def inputs(self) -> tuple[tuple[JobEdge, ...], ...]:
        """In-edges of each vertex, in order."""
        return self._by("target")

    @cached_property
    def outputs(self) -> tuple[tuple[JobEdge, ...], ...]:
        """Out-edges of each vertex: data sets in creation order, each with its consumers in order."""
        ordered = sorted(self.edges, key=lambda edge: (edge.source, edge.data_set, edge.index))
        found: list[list[JobEdge]] = [[] for _ in self.vertices]
        for edge in ordered:
            found[edge.source].append(edge)
        return tuple(map(tuple, found))

    def _by(self, end: str) -> tuple[tuple[JobEdge, ...], ...]:
        found: list[list[JobEdge]] = [[] for _ in self.vertices]
        for edge in self.edges:
            found[getattr(edge, end)].append(edge)
        return tuple(map(tuple, found))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Vertices in topological order (`JobGraph.getVerticesSortedTopologicallyFromSources`)."""
        ordered = [vertex.index for vertex in self.vertices if not self.inputs[vertex.index]]
        done = set(ordered)
        position = 0
        while len(ordered) < len(self.vertices) and position < len(ordered):
            stack = [iter(self.outputs[ordered[position]])]
            position += 1
            while stack:
                edge = next(stack[-1], None)
                if edge is None:
                    stack.pop()
                elif edge.target not in done and self._ready(edge, done):
                    ordered.append(edge.target)
                    done.add(edge.target)
                    stack.append(iter(self.outputs[edge.target]))
        return tuple(ordered)

    def _ready(self, edge: JobEdge, done: set[int]) -> bool:
        return all(other is edge or other.source in done for other in self.inputs[edge.target])

    @cached_property
    def logical_regions(self) -> tuple[tuple[int, ...], ...]:
        """Vertices connected by results that must be pipelined (`LogicalPipelinedRegionComputeUtil`)."""
        pairs = [(e.source, e.target) for e in self.edges if e.type.must_be_pipelined]
        return components(len(self.vertices), pairs)


@dataclass
class _Chain:
    start: int
    sources: list[int] = field(default_factory=list)
    chained: dict[int, list[int]] = field(default_factory=dict)
    nodes: list[int] = field(default_factory=list)
    out_edges: list[StreamEdge] = field(default_factory=list)


def build_job_graph(graph: StreamGraph) -> JobGraph:
    """Return the job graph that Flink compiles ``graph`` to.

    Raises:
        ValueError: when operators form a cycle, which no source leads into.

    """
    chainer = Chainer(graph)
    ids = operator_ids(graph, chainer)
    if len(ids) != len(graph.nodes):
        raise ValueError("operators form a cycle")
    chains = _build_chains(graph, chainer)
    vertex_of = {chain.start: index for index, chain in enumerate(chains)}
    at_end = blocking_until_end(graph, chainer)
    groups = _forward_groups(graph, chains, vertex_of)
    limits = _max_parallelisms(graph, groups)
    edges = list(_connect(graph, chains, groups, at_end))
    vertices = [
        _vertex(graph, chain, index, ids[chain.start].hex(), limits[chain.start])
        for index, chain in enumerate(chains)
    ]
    job = JobGraph(tuple(vertices), tuple(edges), graph.type)
    if graph.type is JobType.BATCH:
        job = _split_default_group(job)
    if graph.index_prefix:
        named = list(job.vertices)
        for number, index in enumerate(job.order):
            named[index] = replace(named[index], name=f"[vertex-{number}]{named[index].name}")
        job = JobGraph(tuple(named), job.edges, job.type)
    return job


def _vertex(graph: StreamGraph, chain: _Chain, index: int, name: str, limit: int | None) -> JobVertex:
    head = graph.by_id[chain.start]
    parallelism = graph.overrides.get(name, head.parallelism)
    return JobVertex(
        index=index,
        id=name,
        name=_chain_name(graph, chain),
        parallelism=parallelism,
        max_parallelism=limit or default_max_parallelism(parallelism),
        group=head.group,
        sharing=head.group,
        nodes=tuple(sorted([*chain.sources, *chain.nodes])),
        head=chain.start,
        co_location=head.co_location,
    )


def _split_default_group(job: JobGraph) -> JobGraph:
    """Give every logical region of a batch job's default group a sharing group of its own."""
    vertices = list(job.vertices)
    for number, region in enumerate(job.logical_regions):
        for index in region:
            if vertices[index].group == "default":
                vertices[index] = replace(vertices[index], sharing=f"default/{number}")
    return JobGraph(tuple(vertices), job.edges, job.type)


Call = Generator[Any, Any, list[StreamEdge]]


def _run(call: Call) -> None:
    """Run a recursive generator without Python's call stack, which long chains would overflow."""
    stack, result = [call], None
    while stack:
        try:
            stack.append(stack[-1].send(result))
            result = None
        except StopIteration as done:
            stack.pop()
            result = done.value


def _build_chains(graph: StreamGraph, chainer: Chainer) -> list[_Chain]:
    """Return the chains in the order in which Flink adds their vertices: consumers first."""
    entries: dict[int, _Chain] = {}
    for node in sorted((node for node in graph.nodes if node.source), key=lambda node: node.id):
        if chainer.chainable_source(node):
            target = graph.outputs[node.id][0].target
            entries.setdefault(target, _Chain(target)).sources.append(node.id)
        else:
            entries[node.id] = _Chain(node.id)
    finished: dict[int, _Chain] = {}

    def visit(current: int, chain: _Chain) -> Call:
        if chain.start in finished:
            return []
        transitive: list[StreamEdge] = []
        chained = [edge for edge in graph.outputs[current] if chainer.chainable(edge)]
        others = [edge for edge in graph.outputs[current] if not chainer.chainable(edge)]
        for edge in chained:
            transitive += yield visit(edge.target, chain)
        for edge in others:
            transitive.append(edge)
            yield visit(edge.target, entries.setdefault(edge.target, _Chain(edge.target)))
        chain.chained[current] = [edge.target for edge in chained]
        chain.nodes.append(current)
        if current == chain.start:
            finished[current] = chain
            chain.out_edges = transitive
        return transitive

    for entry in [entries[start] for start in sorted(entries)]:
        _run(visit(entry.start, entry))
    return list(finished.values())


def _chain_name(graph: StreamGraph, chain: _Chain) -> str:
    """Return the name of a chain: that of its head, then those of what is chained behind it."""
    parts: list[str] = []
    todo: list[int | str] = [chain.start]
    while todo:
        part = todo.pop()
        if isinstance(part, str):
            parts.append(part)
            continue
        parts.append(graph.by_id[part].name)
        if part == chain.start and chain.sources:
            sources = set(chain.sources)
            names = [graph.by_id[e.source].name for e in graph.inputs[part] if e.source in sources]
            parts.append(f" [{', '.join(names)}]")
        below = chain.chained[part]
        if len(below) > 1:
            todo.append(")")
            for target in reversed(below[1:]):
                todo += [target, ", "]
            todo += [below[0], " -> ("]
        elif below:
            todo += [below[0], " -> "]
    return "".join(parts)


def _connect(
    graph: StreamGraph, chains: list[_Chain], groups: list[list[_Chain]], at_end: set[int]
) -> Iterator[JobEdge]:
    """Return the edges between chains; equal outputs that can be read again share one data set."""
    adaptive = _adaptive_heads(graph, groups)
    limits = _max_parallelisms(graph, groups)
    vertex_of = {chain.start: index for index, chain in enumerate(chains)}
    types: list[ResultType] = []
    found: list[tuple[_Chain, StreamEdge, Ship, int]] = []
    for chain in chains:
        shared: dict[tuple[object, ...], int] = {}
        for edge in chain.out_edges:
            ship = edge.unchained or edge.ship
            kind = result_type(graph, edge, edge.source in at_end)
            consumer = graph.by_id[edge.target]
            partitioner: object = ship
            if ship in (Ship.HASH, Ship.CUSTOM):
                partitioner = (ship, edge.key if edge.key is not None else object())
            parallelism = None if edge.target in adaptive else consumer.parallelism
            key = (edge.source, edge.tag, kind.hybrid or kind, parallelism, limits[edge.target], partitioner)
            if (kind.reconsumable or kind.hybrid) and not edge.cached and key in shared:
                data_set = shared[key]
                if types[data_set] is ResultType.HYBRID_SELECTIVE:
                    types[data_set] = ResultType.HYBRID_FULL
            else:
                data_set = len(types)
                types.append(kind)
                if kind is not ResultType.BLOCKING_PERSISTENT:
                    shared.setdefault(key, data_set)
            found.append((chain, edge, ship, data_set))
    for index, (chain, edge, ship, data_set) in enumerate(found):
        source, target = vertex_of[chain.start], vertex_of[edge.target]
        yield JobEdge(index, source, target, data_set, types[data_set], ship.pointwise, ship)


def _forward_groups(
    graph: StreamGraph, chains: list[_Chain], vertex_of: dict[int, int]
) -> list[list[_Chain]]:
    """Return the chains that forward to each other (`ForwardGroupComputeUtil`), in a dynamic graph."""
    pairs = [
        (vertex_of[chain.start], vertex_of[edge.target])
        for chain in chains
        for edge in chain.out_edges
        if edge.ship is Ship.FORWARD and edge.unchained is None
    ]
    groups = components(len(chains), pairs) if graph.dynamic else [(index,) for index in range(len(chains))]
    return [[chains[index] for index in group] for group in groups]


def _adaptive_heads(graph: StreamGraph, groups: list[list[_Chain]]) -> set[int]:
    """Return the heads of chains whose parallelism Flink leaves open: it is set nowhere in their group."""
    open_groups = (
        g for g in groups if all(graph.by_id[node].adaptive for chain in g for node in chain.nodes)
    )
    return {chain.start for group in open_groups for chain in group}


def _max_parallelisms(graph: StreamGraph, groups: list[list[_Chain]]) -> dict[int, int | None]:
    """Return the max parallelism set for each chain, by its head: the least that is set in its group."""
    found: dict[int, int | None] = {}
    for group in groups:
        given = [m for chain in group if (m := graph.by_id[chain.start].max_parallelism) is not None]
        found |= {chain.start: min(given, default=None) for chain in group}
    return found
