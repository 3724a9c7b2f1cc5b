"""Data sets: how a result is handed over, and when it appears (`StreamingJobGraphGenerator`)."""

from __future__ import annotations

from enum import StrEnum

from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.chaining import Chainer
from planner.graph.stream_graph import StreamEdge, StreamGraph


class ResultType(StrEnum):
    """How a result is handed over (`ResultPartitionType`)."""

    PIPELINED = "PIPELINED"
    PIPELINED_BOUNDED = "PIPELINED_BOUNDED"
    PIPELINED_APPROXIMATE = "PIPELINED_APPROXIMATE"
    BLOCKING = "BLOCKING"
    BLOCKING_PERSISTENT = "BLOCKING_PERSISTENT"
    HYBRID_FULL = "HYBRID_FULL"
    HYBRID_SELECTIVE = "HYBRID_SELECTIVE"

    @property
    def must_be_pipelined(self) -> bool:
        """Whether producer and consumer have to run, and fail, together."""
        return self in (ResultType.PIPELINED, ResultType.PIPELINED_BOUNDED)

    @property
    def reconsumable(self) -> bool:
        """Whether a consumer that restarts can read it again."""
        return self in (ResultType.BLOCKING, ResultType.BLOCKING_PERSISTENT, ResultType.HYBRID_FULL)

    @property
    def hybrid(self) -> bool:
        """Whether it may be read while it is written and afterwards."""
        return self in (ResultType.HYBRID_FULL, ResultType.HYBRID_SELECTIVE)


def blocking_until_end(graph: StreamGraph, chainer: Chainer) -> set[int]:
    """Return the operators whose results appear only at the end of input, spread along their chains."""
    below = {node.id for node in graph.nodes if node.at_end}
    stack = list(below)
    while stack:
        for edge in graph.outputs[stack.pop()]:
            if chainer.chainable(edge) and edge.target not in below:
                below.add(edge.target)
                if graph.at_end_spreads:
                    stack.append(edge.target)
    marked = set(below)
    stack = list(below)
    while stack:
        for edge in graph.inputs[stack.pop()]:
            if chainer.chainable(edge) and edge.source not in marked:
                marked.add(edge.source)
                stack.append(edge.source)
    return marked


def result_type(graph: StreamGraph, edge: StreamEdge, at_end: bool) -> ResultType:
    """Return how the result behind ``edge`` is handed over."""
    kind = _declared_result_type(graph, edge, at_end)
    if edge.cached and kind is ResultType.BLOCKING:
        return ResultType.BLOCKING_PERSISTENT
    if kind is ResultType.HYBRID_SELECTIVE and (edge.ship is Ship.BROADCAST):
        return ResultType.HYBRID_FULL
    return kind


_BATCH_SHUFFLE = {
    "ALL_EXCHANGES_BLOCKING": ResultType.BLOCKING,
    "ALL_EXCHANGES_PIPELINED": ResultType.PIPELINED_BOUNDED,
    "ALL_EXCHANGES_HYBRID_FULL": ResultType.HYBRID_FULL,
    "ALL_EXCHANGES_HYBRID_SELECTIVE": ResultType.HYBRID_SELECTIVE,
}


def _declared_result_type(graph: StreamGraph, edge: StreamEdge, at_end: bool) -> ResultType:
    match edge.exchange:
        case Exchange.PIPELINED:
            return ResultType.PIPELINED_BOUNDED
        case Exchange.BATCH:
            return ResultType.BLOCKING
        case Exchange.HYBRID_FULL:
            return ResultType.HYBRID_FULL
        case Exchange.HYBRID_SELECTIVE:
            return ResultType.HYBRID_SELECTIVE
        case Exchange.UNDEFINED:
            pass
    if at_end:
        return ResultType.BLOCKING
    if graph.type is JobType.BATCH:
        return ResultType.BLOCKING if graph.fine_grained else _BATCH_SHUFFLE[graph.batch_shuffle_mode]
    if graph.approximate_local_recovery:
        return ResultType.PIPELINED_APPROXIMATE
    return ResultType.PIPELINED_BOUNDED
