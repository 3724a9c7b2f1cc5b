"""Operator chaining: `StreamingJobGraphGenerator.isChainable`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from planner.documents.vocabulary import Chaining, Exchange, Ship
from planner.graph.stream_graph import StreamEdge, StreamGraph, StreamNode


class Obstacle(StrEnum):
    """Why Flink does not chain two operators, in the order in which it asks."""

    INPUTS = "the consumer has more than one input"
    DISABLED = "pipeline.operator-chaining.enabled is false"
    GROUP = "they are in different slot sharing groups"
    LEGACY_SOURCE = "a yielding operator cannot follow a legacy source in one chain"
    STRATEGY = "the chaining strategy of one of them forbids it"
    PARALLELISM = "their parallelism differs"
    MAX_PARALLELISM = "their max parallelism differs"
    PARTITIONER = "the ship strategy is not FORWARD"
    EXCHANGE = "the exchange mode is BATCH"


@dataclass(frozen=True)
class Chainer:
    """Answers chaining questions about one stream graph, remembering what it found."""

    graph: StreamGraph

    def __post_init__(self) -> None:
        object.__setattr__(self, "_heads", {})

    _heads: dict[int, StreamNode] = None  # type: ignore[assignment]

    def chainable(self, edge: StreamEdge) -> bool:
        """Tell whether ``edge`` stays inside a chain."""
        return self.obstacle(edge) is None

    def obstacle(self, edge: StreamEdge) -> Obstacle | None:
        """Return what keeps the ends of ``edge`` from being chained, if anything."""
        if len(self.graph.inputs[edge.target]) != 1:
            return Obstacle.INPUTS
        return self._input_obstacle(edge)

    def chainable_source(self, node: StreamNode) -> bool:
        """Tell whether the new source ``node`` is absorbed into the operator that reads it."""
        outputs = self.graph.outputs[node.id]
        if not node.source_factory or len(outputs) != 1:
            return False
        edge = outputs[0]
        target = self.graph.by_id[edge.target]
        union = any(
            other is not edge and other.input == edge.input for other in self.graph.inputs[edge.target]
        )
        return (
            target.chaining is Chaining.HEAD_WITH_SOURCES and not union and self._input_obstacle(edge) is None
        )

    def _input_obstacle(self, edge: StreamEdge) -> Obstacle | None:
        graph = self.graph
        up, down = graph.by_id[edge.source], graph.by_id[edge.target]
        if not graph.chaining:
            return Obstacle.DISABLED
        if up.group != down.group:
            return Obstacle.GROUP
        if down.yielding and self._head(up).legacy_source:
            return Obstacle.LEGACY_SOURCE
        allowed = down.chaining is Chaining.ALWAYS or (
            down.chaining is Chaining.HEAD_WITH_SOURCES and up.source_factory
        )
        if up.chaining is Chaining.NEVER or not allowed:
            return Obstacle.STRATEGY
        if up.parallelism != down.parallelism:
            return Obstacle.PARALLELISM
        if not graph.chain_different_max_parallelism and up.max_parallelism != down.max_parallelism:
            return Obstacle.MAX_PARALLELISM
        if edge.ship is not Ship.FORWARD:
            return Obstacle.PARTITIONER
        blocking = edge.exchange is Exchange.BATCH and edge.unchained is not Ship.HASH
        return Obstacle.EXCHANGE if blocking else None

    def _head(self, node: StreamNode) -> StreamNode:
        """Return the first operator of the chain that ``node`` is in."""
        path = [node]
        while path[-1].id not in self._heads:
            inputs = self.graph.inputs[path[-1].id]
            if len(inputs) != 1 or not self.chainable(inputs[0]):
                self._heads[path[-1].id] = path[-1]
                break
            path.append(self.graph.by_id[inputs[0].source])
        head = self._heads[path[-1].id]
        self._heads.update((visited.id, head) for visited in path)
        return head
