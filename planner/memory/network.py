"""Network memory of a slot: what Flink announces for every task (`NettyShuffleUtils`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.graph.job import JobEdge, JobGraph, ResultType
from planner.units import KIB, parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping

BUFFERS_PER_CHANNEL = 2
FLOATING_BUFFERS_PER_GATE = 8


@dataclass(frozen=True)
class NetworkOptions:
    """The options that the announced network memory depends on."""

    segment_size: int = 32 * KIB
    sort_shuffle_min_buffers: int = 512

    @classmethod
    def of(cls, configuration: Mapping[str, str]) -> NetworkOptions:
        """Read the options from Flink's configuration.

        Raises:
            ValueError: when a value cannot be parsed.

        """
        segment = configuration.get("taskmanager.memory.segment-size")
        buffers = configuration.get("taskmanager.network.sort-shuffle.min-buffers")
        return cls(
            parse_size(segment) if segment is not None else cls.segment_size,
            int(buffers) if buffers is not None else cls.sort_shuffle_min_buffers,
        )


def vertex_buffers(job: JobGraph, vertex: int, options: NetworkOptions) -> int | None:
    """Return the buffers announced for one subtask of ``vertex``, None where a result has no bound."""
    buffers = sum(_gate_buffers(job, edge) for edge in job.inputs[vertex])
    seen: set[int] = set()
    for edge in job.outputs[vertex]:
        if edge.data_set in seen:
            continue
        seen.add(edge.data_set)
        result = _result_buffers(job, edge, options)
        if result is None:
            return None
        buffers += result
    return buffers


def _gate_buffers(job: JobGraph, edge: JobEdge) -> int:
    producers, consumers = (
        job.vertices[edge.source].parallelism,
        job.vertices[edge.target].parallelism,
    )
    channels = -(-producers // consumers) if edge.pointwise else producers
    return BUFFERS_PER_CHANNEL * channels + FLOATING_BUFFERS_PER_GATE


def _result_buffers(job: JobGraph, edge: JobEdge, options: NetworkOptions) -> int | None:
    producers, consumers = (
        job.vertices[edge.source].parallelism,
        job.vertices[edge.target].parallelism,
    )
    subpartitions = -(-consumers // producers) if edge.pointwise else consumers
    match edge.type:
        case ResultType.PIPELINED_BOUNDED | ResultType.PIPELINED_APPROXIMATE:
            return max(subpartitions + 1, BUFFERS_PER_CHANNEL * subpartitions + FLOATING_BUFFERS_PER_GATE)
        case ResultType.BLOCKING | ResultType.BLOCKING_PERSISTENT:
            return options.sort_shuffle_min_buffers
        case _:
            return None


def sharing_network(job: JobGraph, options: NetworkOptions) -> dict[str, int | None]:
    """Return the network bytes of one slot of every sharing group: one subtask of each vertex in it.

    None stands where Flink refuses to compute it, because a result has no bound (HYBRID_*).
    """
    needed: dict[str, int | None] = {}
    for vertex in job.vertices:
        so_far = needed.get(vertex.sharing, 0)
        buffers = vertex_buffers(job, vertex.index, options)
        unbounded = so_far is None or buffers is None
        needed[vertex.sharing] = None if unbounded else (so_far or 0) + (buffers or 0) * options.segment_size
    return needed
