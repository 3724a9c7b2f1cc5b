"""The stream graph: operators and edges before chaining, as Flink's `StreamGraph` holds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from planner.documents.vocabulary import Chaining, Exchange, JobType, Ship, UseCase

MAX_KEY_GROUPS = 2**15
MIN_KEY_GROUPS = 2**7


@dataclass(frozen=True, slots=True)
class StreamNode:
    """One operator.

    ``max_parallelism`` is None where nobody set one. ``legacy_source`` and ``yielding`` are what
    Flink asks an operator factory before chaining (`isLegacySource`, `YieldingOperatorFactory`).
    ``at_end`` marks an operator that emits only at the end of its input, ``adaptive`` one whose
    parallelism nobody set in a batch job that Flink's adaptive scheduler sizes as it runs. ``known_id``
    is the id that a cluster gave it, in hexadecimal, where what it was made from is not at hand.
    ``co_location`` is the key of its co-location group: equal subtasks of one group share a slot.
    """

    id: int
    name: str
    parallelism: int
    max_parallelism: int | None = None
    group: str = "default"
    chaining: Chaining = Chaining.ALWAYS
    uid: str | None = None
    source: bool = False
    source_factory: bool = False
    legacy_source: bool = False
    yielding: bool = False
    at_end: bool = False
    adaptive: bool = False
    known_id: str | None = None
    co_location: str | None = None
    managed_weights: tuple[tuple[UseCase, int], ...] = ()
    managed_slot: frozenset[UseCase] = frozenset()


@dataclass(frozen=True, slots=True)
class StreamEdge:
    """An edge between operators.

    ``input`` is Flink's type number: 0 for one-input operators and unions, else 1, 2, ... for the
    inputs of an operator with several. ``unchained`` is what a FORWARD edge of a dynamic batch graph
    becomes where it is not chained: RESCALE if nobody asked for FORWARD, HASH if it stands for a second
    shuffle by the same key; None if it stays FORWARD. ``key`` tells HASH and
    CUSTOM edges of one producer apart: equal ones partition alike, None is alike to no other. ``tag`` is
    the id of the output tag of a side output, None for the main output. ``cached`` marks the edge by which
    `cache()` keeps a result for later jobs.
    """

    source: int
    target: int
    ship: Ship
    exchange: Exchange = Exchange.UNDEFINED
    input: int = 0
    unchained: Ship | None = None
    key: int | None = None
    tag: str | None = None
    cached: bool = False


@dataclass(frozen=True)
class StreamGraph:
    """A whole job before chaining; ``edges`` are in the order in which Flink adds them.

    ``dynamic`` is a batch job under the adaptive batch scheduler, ``fine_grained`` one whose groups
    have resources. ``at_end_spreads`` tells whether an operator that emits only at the end makes its whole
    chain do so; before Flink 2.0 it is only what is chained directly behind it, and what is before.
    ``overrides`` is the parallelism by JobVertexID that a JobManager gives a job graph when it takes it.
    """

    nodes: tuple[StreamNode, ...]
    edges: tuple[StreamEdge, ...]
    type: JobType = JobType.STREAMING
    chaining: bool = True
    chain_different_max_parallelism: bool = True
    index_prefix: bool = False
    batch_shuffle_mode: str = "ALL_EXCHANGES_BLOCKING"
    approximate_local_recovery: bool = False
    fine_grained: bool = False
    dynamic: bool = False
    at_end_spreads: bool = True
    overrides: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> dict[int, StreamNode]:
        """Nodes by their id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def inputs(self) -> dict[int, list[StreamEdge]]:
        """In-edges of each node, in order."""
        return _grouped(self.edges, "target")

    @cached_property
    def outputs(self) -> dict[int, list[StreamEdge]]:
        """Out-edges of each node, in order."""
        return _grouped(self.edges, "source")


def _grouped(edges: Sequence[StreamEdge], end: str) -> dict[int, list[StreamEdge]]:
    grouped: dict[int, list[StreamEdge]] = defaultdict(list)
    for edge in edges:
        grouped[getattr(edge, end)].append(edge)
    return grouped


def default_ship(producer_parallelism: int, consumer_parallelism: int) -> Ship:
    """Return the partitioner Flink takes where the program names none (`StreamGraph.createActualEdge`)."""
    return Ship.FORWARD if producer_parallelism == consumer_parallelism else Ship.REBALANCE


def default_max_parallelism(parallelism: int) -> int:
    """Return the max parallelism Flink derives (`KeyGroupRangeAssignment.computeDefaultMaxParallelism`)."""
    wanted = parallelism + parallelism // 2
    rounded = 1 << max(wanted - 1, 0).bit_length()
    return min(max(rounded, MIN_KEY_GROUPS), MAX_KEY_GROUPS)


def inherited_group(input_groups: Sequence[str]) -> str:
    """Return the group of an operator that names none (`StreamGraphGenerator.determineSlotSharingGroup`)."""
    return input_groups[0] if input_groups and len(set(input_groups)) == 1 else "default"
