"""The recovery plan: what the loss of each TaskManager of a placement restarts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

import numpy as np

from planner.documents.base import API_VERSION
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import (
    Failure,
    RecoveryInputs,
    RecoveryPlan,
    Region,
    RegionPart,
    Reserve,
    Restarted,
    Scope,
    Settings,
)
from planner.documents.vocabulary import Failed, Recovery
from planner.graph.failover import restarts_fully
from planner.graph.from_profile import operator_id, planner_fields
from planner.graph.job_graph import JobGraph, JobVertex
from planner.graph.regions import Regions, Subtask, pipelined_regions
from planner.graph.restart_sets import restarted_by_loss, restarted_subtasks, subtask_mask
from planner.place.model.slots import job_slots, vertex_loads
from planner.recover.downtime import Circumstances, downtime
from planner.recover.restart_strategy import restart_strategy
from planner.recover.settings import SETTINGS, TIMEOUT, recovery_options
from planner.units import CORE

FEW_REGIONS = 500
"""Up to how many regions the size of each one's restart set is computed for the worst case."""


def recovery_plan(
    profile: ResourceProfile,
    job: JobGraph,
    placement: Placement,
    inputs: RecoveryInputs,
    zones: Mapping[str, str] | None = None,
) -> RecoveryPlan:
    """Return what restarts when each part of a job is lost, and how long it stands still.

    ``zones`` are those of TaskManagers by id.

    Raises:
        PlacementMismatch: when the placement does not hold every subtask of the job once.
        ValueError: when the job's restart strategy is none of Flink's.

    """
    options = planner_fields(profile).flink_configuration
    present = {**options, **(placement.flink_configuration or {})}
    full = restarts_fully(present)
    regions = pipelined_regions(job)
    total = sum(vertex.parallelism for vertex in job.vertices)
    placed = _subtasks_by_task_manager(profile, job, placement)
    sizes = _restart_sizes(job, regions) if len(regions.members) <= FEW_REGIONS else None
    proposed = {**present, **_fast(profile, present)}
    circumstances = _circumstances(profile, job, placement)
    return RecoveryPlan(
        api_version=API_VERSION,
        kind="RecoveryPlan",
        metadata=placement.metadata,
        inputs=inputs,
        failover_strategy="full" if full else "region",
        restart_strategy=restart_strategy(options),
        subtasks=total,
        regions=[_region(job, regions, number, sizes) for number in range(len(regions.members))],
        failures=_failures(job, regions, placement.task_managers, placed, total, full, sizes),
        reserve=_reserve(profile, job, placement),
        scopes=list(_scopes(job, regions, placed, total, full, sizes, zones or {})),
        settings=[
            Settings(option=one.key, value=present.get(one.key, one.flink), fast=proposed[one.key])
            for one in SETTINGS
            if one.key in proposed
        ],
        downtimes=[downtime(failed, present, circumstances) for failed in Failed],
        fast_downtimes=[downtime(failed, proposed, circumstances) for failed in Failed],
    )


def _fast(profile: ResourceProfile, present: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a fast recovery; what the placement has already stays."""
    fields = planner_fields(profile)
    fast = recovery_options(Recovery.FAST, fields.flink_configuration, fields.flink_version)
    own = TIMEOUT in present and fields.recovery is Recovery.FAST
    return {**fast, **({TIMEOUT: present[TIMEOUT]} if own else {})}


def _reserve(profile: ResourceProfile, job: JobGraph, placement: Placement) -> Reserve | None:
    """Return those in reserve, and the worst that they do to the balance: all of their quotas taken."""
    spares = [tm for tm in placement.task_managers if tm.reserve and tm.quotas]
    if not spares:
        return None
    loads: dict[str, list[int]] = defaultdict(list)
    for slot in job_slots(profile, job):
        loads[slot.group].append(max(slot.loads))
    worst = placement.imbalance.max
    for tm in spares:
        cores = float(tm.memory.dynamic_options["taskmanager.cpu.cores"]) if tm.memory else 0.0
        taken = sum(sum(sorted(loads[group], reverse=True)[:count]) for group, count in tm.quotas.items())
        worst = max(worst, taken / (cores * CORE) if cores else 0.0)
    return Reserve(
        task_managers=[tm.id for tm in spares],
        uncovered=placement.uncovered or [],
        worst_cpu_utilisation=round(worst, 6),
    )


def _covered_next(tm: PlacedTaskManager, task_managers: Sequence[PlacedTaskManager]) -> int | None:
    """Count the other TaskManagers whose slots one that comes back empty could take over."""
    if not tm.slots or not any(one.reserve and one.quotas for one in task_managers):
        return None
    return sum(
        bool(one.slots)
        and one is not tm
        and all(count <= tm.quotas.get(group, 0) for group, count in one.quotas.items())
        for one in task_managers
    )


def _circumstances(profile: ResourceProfile, job: JobGraph, placement: Placement) -> Circumstances:
    loads = [max(load) / CORE for load in vertex_loads(profile, job).values() if load is not None]
    state = sum(node.planner.state.size or 0 for node in profile.nodes if node.planner and node.planner.state)
    spares = any(tm.reserve and tm.quotas for tm in placement.task_managers)
    return Circumstances(spares and not placement.uncovered, state, max(loads, default=None))


def _scopes(
    job: JobGraph,
    regions: Regions,
    placed: Mapping[str, Sequence[Subtask]],
    total: int,
    full: bool,
    sizes: Sequence[int] | None,
    zones: Mapping[str, str],
) -> Iterator[Scope]:
    for index in job.order:
        vertex = job.vertices[index]
        touched = {regions.region(vertex.index, i) for i in range(vertex.parallelism)}
        worst = total if full else max(sizes[r] for r in touched) if sizes is not None else None
        if worst is not None:
            yield Scope(kind="task", name=vertex.name, lost=1, restarted=_share(worst, total))
    groups = {vertex.group: None for vertex in job.vertices}
    for group in groups:
        numbers = [
            regions.offsets[vertex.index] + i
            for vertex in job.vertices
            if vertex.group == group
            for i in range(vertex.parallelism)
        ]
        yield _scope("slotSharingGroup", group, numbers, job, regions, total, full)
    for zone in dict.fromkeys(zones.values()):
        numbers = [
            regions.offsets[v] + i
            for name, held in placed.items()
            if zones.get(name) == zone
            for v, i in held
        ]
        yield _scope("zone", zone, numbers, job, regions, total, full)


def _scope(
    kind: Literal["slotSharingGroup", "zone"],
    name: str,
    numbers: list[int],
    job: JobGraph,
    regions: Regions,
    total: int,
    full: bool,
) -> Scope:
    count = _restarted(job, regions, numbers, full)
    return Scope(kind=kind, name=name, lost=len(numbers), restarted=_share(count, total))


def restarted_by(
    profile: ResourceProfile, job: JobGraph, placement: Placement, task_managers: Collection[str]
) -> int:
    """Return how many subtasks restart when some TaskManagers are lost at once.

    Raises:
        PlacementMismatch: when the placement does not hold every subtask of the job once.

    """
    regions = pipelined_regions(job)
    placed = _subtasks_by_task_manager(profile, job, placement)
    numbers = [regions.offsets[v] + i for name in task_managers for v, i in placed.get(name, ())]
    options = {**planner_fields(profile).flink_configuration, **(placement.flink_configuration or {})}
    return _restarted(job, regions, numbers, restarts_fully(options))


def _restarted(job: JobGraph, regions: Regions, lost: Sequence[int], full: bool) -> int:
    """Count the subtasks that restart when some are lost; see `restarted_by_loss`."""
    region_of = np.array(regions.region_of, dtype=np.int64)
    return int(restarted_by_loss(job, regions, region_of, subtask_mask(regions, list(lost)), full).sum())


def _region(job: JobGraph, regions: Regions, number: int, sizes: Sequence[int] | None) -> Region:
    members: dict[int, list[int]] = defaultdict(list)
    for vertex, subtask in regions.subtasks(number):
        members[vertex].append(subtask)
    parts = [
        RegionPart(vertex=job.vertices[v].name, id=job.vertices[v].id, subtasks=ranges(members[v]))
        for v in job.order
        if v in members
    ]
    restarted = sizes[number] if sizes is not None else None
    return Region(id=number, size=len(regions.members[number]), restarted=restarted, parts=parts)


def ranges(numbers: Iterable[int]) -> str:
    """Spell sorted numbers as ranges: ``0-3,7``."""
    parts: list[str] = []
    first = last = -2
    for number in [*numbers, -1]:
        if number == last + 1:
            last = number
            continue
        if first >= 0:
            parts.append(str(first) if first == last else f"{first}-{last}")
        first = last = number
    return ",".join(parts)


def _subtasks_by_task_manager(
    profile: ResourceProfile, job: JobGraph, placement: Placement
) -> dict[str, list[Subtask]]:
    names = {node.id: operator_id(node) for node in profile.nodes}
    vertex_of = {names[vertex.head]: vertex for vertex in job.vertices}
    inner = {names[n] for vertex in job.vertices for n in vertex.nodes}
    placed = {tm.id: list(_subtasks(tm, vertex_of, inner)) for tm in placement.task_managers}
    if len(placed) < len(placement.task_managers):
        raise PlacementMismatch("the placement is not of this job: two TaskManagers have the same id")
    found = Counter(subtask for subtasks in placed.values() for subtask in subtasks)
    for vertex in job.vertices:
        for number in range(vertex.parallelism):
            if (count := found[vertex.index, number]) != 1:
                where = "on no TaskManager" if count == 0 else f"placed {count} times"
                raise PlacementMismatch(
                    f"the placement is not of this job: '{names[vertex.head]}/{number}' is {where}"
                )
    return placed


def _subtasks(tm: PlacedTaskManager, vertex_of: dict[str, JobVertex], inner: set[str]) -> Iterable[Subtask]:
    for slot in tm.slots:
        for name in slot.subtasks:
            operator, _, number = name.rpartition("/")
            vertex = vertex_of.get(operator)
            if (
                vertex is not None
                and number.isascii()
                and number.isdigit()
                and len(number) < 6
                and int(number) < vertex.parallelism
            ):
                yield vertex.index, int(number)
            elif operator not in inner or vertex is not None:
                raise PlacementMismatch(
                    f"the placement is not of this job: TaskManager {tm.id!r} holds {name!r}, which is not"
                    " one of its subtasks"
                )


def _failures(
    job: JobGraph,
    regions: Regions,
    task_managers: Sequence[PlacedTaskManager],
    placed: dict[str, list[Subtask]],
    total: int,
    full: bool,
    sizes: list[int] | None,
) -> list[Failure]:
    @cache
    def worst_of(quotas: tuple[tuple[str, int], ...]) -> int:
        return _worst(job, regions, dict(quotas), sizes, total, full)

    found = []
    for tm in task_managers:
        numbers = [regions.offsets[vertex] + subtask for vertex, subtask in placed[tm.id]]
        count = _restarted(job, regions, numbers, full)
        held = {} if tm.reserve else tm.quotas
        worst = max(count, worst_of(tuple(sorted(held.items()))))
        found.append(
            Failure(
                task_manager=tm.id,
                lost=len(numbers),
                regions=sorted({regions.region_of[number] for number in numbers}),
                restarted=_share(count, total),
                worst=_share(worst, total),
                full_restart=_share(total if numbers else 0, total),
                covered_next=_covered_next(tm, task_managers),
            )
        )
    return found


def _share(count: int, total: int) -> Restarted:
    return Restarted(subtasks=count, share=round(count / total, 6) if total else 0.0)


def _worst(
    job: JobGraph,
    regions: Regions,
    quotas: dict[str, int],
    sizes: list[int] | None,
    total: int,
    full: bool,
) -> int:
    """Return an upper bound of what restarts, whichever of a group's slots stand on the TaskManager.

    A lost slot touches the region of one subtask of each of its tasks. The bound takes for each task the
    largest restart sets, as many as the quota has slots; where there are too many regions to know
    their ``sizes`` it is the whole job.
    """
    if not quotas:
        return 0
    if full or sizes is None:
        return total
    bound = 0
    for vertex in job.vertices:
        if quota := quotas.get(vertex.group):
            touched = {regions.region(vertex.index, i) for i in range(vertex.parallelism)}
            bound += sum(sorted((sizes[r] for r in touched), reverse=True)[:quota])
    return min(bound, total)


def _restart_sizes(job: JobGraph, regions: Regions) -> list[int]:
    """Return for every region how many subtasks restart when it fails."""
    region_of = np.array(regions.region_of, dtype=np.int64)
    return [
        int(
            restarted_subtasks(
                job,
                regions,
                region_of,
                subtask_mask(regions, list(members)),
                lambda edge: not edge.type.reconsumable,
            ).sum()
        )
        for members in regions.members
    ]
