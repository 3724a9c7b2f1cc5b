"""Network memory of a slot: what Flink announces for every task (`NettyShuffleUtils`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planner.graph.data_sets import ResultType
from planner.graph.job_graph import JobEdge, JobGraph
from planner.graph.partition_groups import partition_groups, subpartition_counts
from planner.units import KIB, parse_size

BUFFERS_PER_CHANNEL = 2
FLOATING_BUFFERS_PER_GATE = 8


@dataclass(frozen=True)
class NetworkOptions:
    """The options that the announced network memory depends on."""

    segment_size: int = 32 * KIB
    sort_shuffle_min_buffers: int = 512
    required_per_gate: int | None = None

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, str]) -> NetworkOptions:
        """Read the options from Flink's configuration.

        Raises:
            ValueError: when a value cannot be parsed.

        """
        segment = configuration.get("taskmanager.memory.segment-size")
        buffers = configuration.get("taskmanager.network.sort-shuffle.min-buffers")
        gate = configuration.get("taskmanager.network.memory.read-buffer.required-per-gate.max")
        return cls(
            parse_size(segment) if segment is not None else cls.segment_size,
            int(buffers) if buffers is not None else cls.sort_shuffle_min_buffers,
            int(gate) if gate is not None else None,
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


def slot_network(job: JobGraph, options: NetworkOptions) -> dict[str, int | None]:
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


PIPELINED_GATE_LIMIT = 2**31 - 1
BLOCKING_GATE_LIMIT = 1000
"""Largest number of buffers a gate requires before it reads: for BLOCKING results it is limited
(`InputGateSpecUtils`), unless ``...read-buffer.required-per-gate.max`` says otherwise."""


def runtime_minimum(
    job: JobGraph, placed: Mapping[str, Sequence[tuple[int, int]]], options: NetworkOptions
) -> dict[str, int]:
    """Return the buffers without which the tasks on each TaskManager cannot start.

    Args:
        job: the job graph.
        placed: the subtasks of every TaskManager, as vertex and number.
        options: segment size and limits.

    Every result partition requires one buffer for each subpartition and one more. Every input gate
    requires its share of floating buffers, and exclusive ones for channels to other TaskManagers
    (`NettyShuffleUtils`, `SingleInputGateFactory`). With one buffer less `NetworkBufferPool` refuses:
    "Insufficient number of network buffers".

    """
    home = {subtask: tm for tm, subtasks in placed.items() for subtask in subtasks}
    needed = dict.fromkeys(placed, 0)
    for edge in job.edges:
        producers, consumers = job.vertices[edge.source].parallelism, job.vertices[edge.target].parallelism
        limit = options.required_per_gate or (
            BLOCKING_GATE_LIMIT if edge.type.reconsumable and not edge.type.hybrid else PIPELINED_GATE_LIMIT
        )
        for group in partition_groups(edge.pointwise, producers, consumers):
            channels = len(group.producers)
            required = min(limit, BUFFERS_PER_CHANNEL * channels + 1)
            exclusive = min(BUFFERS_PER_CHANNEL, (required - 1) // channels)
            on = Counter(home.get((edge.source, producer)) for producer in group.producers)
            for consumer in group.consumers:
                tm = home.get((edge.target, consumer))
                if tm is not None:
                    remote = channels - on[tm]
                    needed[tm] += required - exclusive * channels + exclusive * remote
    for vertex in job.vertices:
        for subtask, buffers in _result_minimum(job, vertex.index, options):
            tm = home.get((vertex.index, subtask))
            if tm is not None:
                needed[tm] += buffers
    return needed


def _result_minimum(job: JobGraph, vertex: int, options: NetworkOptions) -> Iterator[tuple[int, int]]:
    """Return every subtask of a vertex with the buffers that its results require, one entry a result."""
    seen: set[int] = set()
    for edge in job.outputs[vertex]:
        if edge.data_set in seen:
            continue
        seen.add(edge.data_set)
        producers, consumers = job.vertices[edge.source].parallelism, job.vertices[edge.target].parallelism
        blocking = edge.type in (ResultType.BLOCKING, ResultType.BLOCKING_PERSISTENT)
        for subtask, subpartitions in enumerate(subpartition_counts(edge.pointwise, producers, consumers)):
            yield subtask, options.sort_shuffle_min_buffers if blocking else subpartitions + 1
