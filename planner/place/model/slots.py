"""The slots of a job: which subtasks share one, and what it takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from planner.documents.profile import Node, ResourceProfile
from planner.documents.vocabulary import JobType
from planner.graph.from_profile import loads_of, operator_id, planner_fields, sample_count
from planner.graph.job_graph import JobGraph
from planner.graph.regions import Subtask
from planner.graph.slot_sharing import Slots, local_input_preferred
from planner.units import GIB

TURNS = {"slot.idle.timeout": "100", "slot.request.timeout": str(24 * 60 * 60 * 1000)}
"""Milliseconds, which Flink 1.18 reads as well. See `turn_options`."""


@dataclass(frozen=True, slots=True)
class SlotResources:
    """What Flink reserves for one slot of a group: CPU units, bytes, external amounts."""

    cpu: int
    heap: int
    off_heap: int
    managed: int
    network: int
    external: tuple[tuple[str, Decimal], ...] = ()

    @property
    def memory(self) -> int:
        """All memory of the slot."""
        return self.heap + self.off_heap + self.managed + self.network


class JobSlot(NamedTuple):
    """One slot: its group, its subtasks as vertex and number, and its CPU load in CPU units by sample.

    All slots of a job have as many samples; that is one where load is the same all the time.
    """

    group: str
    subtasks: tuple[Subtask, ...]
    loads: tuple[int, ...]


def added(slots: Iterable[JobSlot]) -> list[int]:
    """Return the load of slots together, by sample; an empty list for no slots."""
    return [sum(sample) for sample in zip(*(slot.loads for slot in slots), strict=True)]


def highest(slots: Iterable[JobSlot]) -> int:
    """Return the load of slots together in the sample in which it is highest, 0 for no slots."""
    return max(added(slots), default=0)


def slot_resources(profile: ResourceProfile) -> dict[str, SlotResources]:
    """Return the resources of a slot of every group of a complete profile."""
    figures = profile.planner.groups if profile.planner else {}
    return {
        group.name: SlotResources(
            cpu=group.cpu or 0,
            heap=group.heap or 0,
            off_heap=group.off_heap or 0,
            managed=sum(group.managed.values()),
            network=(figures[group.name].network if group.name in figures else 0) or 0,
            external=tuple(sorted(group.extended.items())),
        )
        for group in profile.ssg_profiles
    }


def turn_options(profile: ResourceProfile) -> dict[str, str]:
    """Return the JobManager's options under which the regions of a batch job take turns in its slots.

    Each region of the default group asks for slots with its own network memory, and the quotas leave room for
    one at a time. Flink keeps the slots of one that is done for ``slot.idle.timeout``, 50 s, and again as
    long until it looks; and it fails a request that no slot of its size can serve after
    ``slot.request.timeout``, 5 min (`PhysicalSlotRequestBulkCheckerImpl`), although another region's will be
    free. What the job sets itself stays.
    """
    fields = planner_fields(profile)
    if fields.type is not JobType.BATCH:
        return {}
    return {key: fields.flink_configuration.get(key, value) for key, value in TURNS.items()}


def job_slots(
    profile: ResourceProfile, job: JobGraph, compose: Callable[[JobGraph], Slots] = local_input_preferred
) -> list[JobSlot]:
    """Return the slots of the job, group by group, composed as Flink's default scheduler does or otherwise.

    A slot's load is the sum of the loads of its subtasks where any is given, else the group's cpu.
    The regions of a batch job's default group take turns in a slot, so the largest load counts.

    Raises:
        ValueError: when operators have different numbers of samples.

    """
    loads, samples = vertex_loads(profile, job), sample_count(profile)
    reserved = {group.name: (group.cpu or 0,) * samples for group in profile.ssg_profiles}
    turns: dict[str, list[Sequence[Sequence[Subtask]]]] = defaultdict(list)
    group_of = {vertex.sharing: vertex.group for vertex in job.vertices}
    for sharing, slots in compose(job).items():
        turns[group_of[sharing]].append(slots)
    found = []
    for group, stages in turns.items():
        alike: dict[tuple[tuple[int, ...], ...], tuple[int, ...]] = {}  # slots with the same vertices
        for parts in _in_turns(stages):
            vertices = tuple([tuple([vertex for vertex, _ in part]) for part in parts])
            largest = alike.get(vertices)
            if largest is None:
                by_part = [_slot_loads(part, loads, reserved[group]) for part in vertices]
                largest = alike[vertices] = tuple(max(sample) for sample in zip(*by_part, strict=True))
            found.append(JobSlot(group, tuple([subtask for part in parts for subtask in part]), largest))
    return found


def _in_turns(stages: Sequence[Sequence[Sequence[Subtask]]]) -> Iterator[list[Sequence[Subtask]]]:
    """Yield what stands in one slot after the other."""
    for index in range(max(map(len, stages))):
        yield [stage[index] for stage in stages if index < len(stage)]


def _slot_loads(
    vertices: Sequence[int], loads: Mapping[int, tuple[int, ...] | None], reserved: tuple[int, ...]
) -> tuple[int, ...]:
    known = [load for vertex in vertices if (load := loads[vertex]) is not None]
    return tuple(map(sum, zip(*known, strict=True))) if known else reserved


def vertex_loads(profile: ResourceProfile, job: JobGraph) -> dict[int, tuple[int, ...] | None]:
    """Return the CPU load of one subtask of every vertex by sample, None where no operator of it has one.

    Raises:
        ValueError: when operators have different numbers of samples.

    """
    by_id, samples = {node.id: node for node in profile.nodes}, sample_count(profile)
    return {vertex.index: _chain_loads([by_id[n] for n in vertex.nodes], samples) for vertex in job.vertices}


def _chain_loads(nodes: Sequence[Node], samples: int) -> tuple[int, ...] | None:
    loads = [
        own if len(own) == samples else own * samples for _, load in loads_of(nodes) if (own := load.samples)
    ]
    return tuple(map(sum, zip(*loads, strict=True))) if loads else None


def vertex_operators(profile: ResourceProfile, job: JobGraph) -> list[list[str]]:
    """Return the operators of every vertex's chain, by the number of the vertex."""
    names = {node.id: operator_id(node) for node in profile.nodes}
    return [[names[n] for n in vertex.nodes] for vertex in job.vertices]


def subtask_names(operators: Sequence[Sequence[str]], slot: JobSlot) -> list[str]:
    """Return the subtasks of a slot as ``operator/number``, for every operator of every chain in it.

    ``operators`` are those of `vertex_operators`.
    """
    return [f"{name}/{number}" for vertex, number in slot.subtasks for name in operators[vertex]]


def move_weights(profile: ResourceProfile, job: JobGraph) -> dict[str, Fraction]:
    """Return what the move of a slot of each group weighs: one, and one for each GiB of its state."""
    by_id = {node.id: node for node in profile.nodes}
    weights: dict[str, Fraction] = {}
    for vertex in job.vertices:
        weight = weights.setdefault(vertex.group, Fraction(1))
        for node in (by_id[n] for n in vertex.nodes):
            if node.planner and node.planner.state and node.planner.state.size:
                weight += Fraction(node.planner.state.size, GIB * vertex.parallelism)
        weights[vertex.group] = weight
    return weights
