"""Network memory of a slot: what Flink announces for every task (`NettyShuffleUtils`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from planner.documents.option_tables import option_table
from planner.graph.data_sets import ResultType
from planner.graph.job_graph import JobEdge, JobGraph
from planner.graph.partition_groups import partition_groups, subpartition_counts
from planner.units import KIB, parse_size


@dataclass(frozen=True)
class NetworkOptions:
    """The options that the announced network memory depends on, and what Flink 2 has made constants."""

    segment_size: int = 32 * KIB
    sort_shuffle_min_buffers: int = 512
    required_per_gate: int | None = None
    buffers_per_channel: int = 2
    floating_buffers_per_gate: int = 8
    sort_shuffle_min_parallelism: int = 1

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, str], version: str) -> NetworkOptions:
        """Read the options that Flink of this version has from a configuration.

        Raises:
            ValueError: when a value cannot be parsed.

        """
        known = option_table(version).options
        given = {
            n: configuration[key] for n, key in NETWORK_KEYS.items() if key in configuration and key in known
        }
        return cls(
            **{
                name: parse_size(value) if name == "segment_size" else int(value)
                for name, value in given.items()
            }
        )


NETWORK_KEYS = {
    "segment_size": "taskmanager.memory.segment-size",
    "sort_shuffle_min_buffers": "taskmanager.network.sort-shuffle.min-buffers",
    "required_per_gate": "taskmanager.network.memory.read-buffer.required-per-gate.max",
    "buffers_per_channel": "taskmanager.network.memory.buffers-per-channel",
    "floating_buffers_per_gate": "taskmanager.network.memory.floating-buffers-per-gate",
    "sort_shuffle_min_parallelism": "taskmanager.network.sort-shuffle.min-parallelism",
}
"""The options of `NetworkOptions`, by its fields."""


def vertex_buffers(job: JobGraph, vertex: int, options: NetworkOptions) -> int | None:
    """Return the buffers announced for one subtask of ``vertex``, None where a result has no bound."""
    buffers = sum(_gate_buffers(job, edge, options) for edge in job.inputs[vertex])
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


def _gate_buffers(job: JobGraph, edge: JobEdge, options: NetworkOptions) -> int:
    producers, consumers = (
        job.vertices[edge.source].parallelism,
        job.vertices[edge.target].parallelism,
    )
    channels = -(-producers // consumers) if edge.pointwise else producers
    return options.buffers_per_channel * channels + options.floating_buffers_per_gate


def _result_buffers(job: JobGraph, edge: JobEdge, options: NetworkOptions) -> int | None:
    producers, consumers = (
        job.vertices[edge.source].parallelism,
        job.vertices[edge.target].parallelism,
    )
    subpartitions = -(-consumers // producers) if edge.pointwise else consumers
    match edge.type:
        case ResultType.PIPELINED_BOUNDED | ResultType.PIPELINED_APPROXIMATE:
            wanted = options.buffers_per_channel * subpartitions + options.floating_buffers_per_gate
            return max(subpartitions + 1, wanted)
        case ResultType.BLOCKING | ResultType.BLOCKING_PERSISTENT:
            return _blocking_buffers(subpartitions, options)
        case _:
            return None


def _blocking_buffers(subpartitions: int, options: NetworkOptions) -> int:
    """Return the buffers that a blocking result requires: sorted, or one file for each subpartition."""
    sort = subpartitions >= options.sort_shuffle_min_parallelism
    return options.sort_shuffle_min_buffers if sort else subpartitions + 1


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
            required = min(limit, options.buffers_per_channel * channels + 1)
            exclusive = min(options.buffers_per_channel, (required - 1) // channels)
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
            yield subtask, _blocking_buffers(subpartitions, options) if blocking else subpartitions + 1
