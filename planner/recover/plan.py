"""The restart-region plan: what the loss of each TaskManager of a placement restarts."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING

from planner.documents.base import API_VERSION
from planner.documents.recovery import (
    Failure,
    RecoveryInputs,
    RecoveryPlan,
    Region,
    RegionPart,
    Restarted,
)
from planner.graph.regions import Regions, Subtask, pipelined_regions
from planner.graph.restore import operator_id, planner_fields
from planner.recover.failover import RegionGraph, region_graph, restarted_regions
from planner.recover.restart import restart_strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.documents.placement import PlacedTaskManager, Placement
    from planner.documents.profile import ResourceProfile
    from planner.graph.job import JobEdge, JobGraph, JobVertex


class PlacementMismatchError(ValueError):
    """A placement that is not of this job."""


def recovery_plan(
    profile: ResourceProfile, job: JobGraph, placement: Placement, inputs: RecoveryInputs
) -> RecoveryPlan:
    """Return what restarts when each TaskManager of ``placement`` is lost.

    Raises:
        PlacementMismatchError: when the placement names subtasks that the job does not have.
        ValueError: when the job's restart strategy is none of Flink's.

    """
    options = planner_fields(profile).flink_configuration
    full = options.get("jobmanager.execution.failover-strategy", "region").strip().lower() == "full"
    regions = pipelined_regions(job)
    graph = region_graph(job, regions)
    total = sum(vertex.parallelism for vertex in job.vertices)
    placed = _subtasks_by_task_manager(profile, job, placement)
    return RecoveryPlan(
        api_version=API_VERSION,
        kind="RecoveryPlan",
        metadata=placement.metadata,
        inputs=inputs,
        failover_strategy="full" if full else "region",
        restart_strategy=restart_strategy(options),
        subtasks=total,
        regions=[_region(job, regions, number) for number in range(len(regions.members))],
        failures=_failures(job, graph, placement.task_managers, placed, total, full),
    )


def _region(job: JobGraph, regions: Regions, number: int) -> Region:
    members: dict[int, list[int]] = defaultdict(list)
    for vertex, subtask in regions.subtasks(number):
        members[vertex].append(subtask)
    parts = [
        RegionPart(vertex=job.vertices[v].name, id=job.vertices[v].id, subtasks=ranges(members[v]))
        for v in job.order
        if v in members
    ]
    return Region(id=number, size=len(regions.members[number]), parts=parts)


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
    return {tm.id: list(_subtasks(tm, vertex_of, inner)) for tm in placement.task_managers}


def _subtasks(tm: PlacedTaskManager, vertex_of: dict[str, JobVertex], inner: set[str]) -> Iterable[Subtask]:
    for slot in tm.slots:
        for name in slot.subtasks:
            operator, _, number = name.rpartition("/")
            vertex = vertex_of.get(operator)
            if (
                vertex is not None
                and number.isascii()
                and number.isdigit()
                and int(number) < vertex.parallelism
            ):
                yield vertex.index, int(number)
            elif operator not in inner or vertex is not None:
                raise PlacementMismatchError(
                    f"TaskManager {tm.id!r} holds {name!r}, which is no subtask of this job"
                )


def _failures(
    job: JobGraph,
    graph: RegionGraph,
    managers: Sequence[PlacedTaskManager],
    placed: dict[str, list[Subtask]],
    total: int,
    full: bool,
) -> list[Failure]:
    regions = graph.regions

    def restarted(failed: frozenset[int], lost: frozenset[Subtask]) -> int:
        """Count the subtasks that restart; results on the lost TaskManager are gone."""
        if full:
            return total if failed else 0

        def available(edge: JobEdge, producer: int) -> bool:
            return edge.type.reconsumable and (edge.source, producer) not in lost

        return sum(len(regions.members[r]) for r in restarted_regions(graph, failed, available))

    @cache
    def worst_of(quotas: tuple[tuple[str, int], ...]) -> int:
        return _worst(job, graph, dict(quotas), total, full)

    found = []
    for manager in managers:
        lost = frozenset(placed[manager.id])
        failed = frozenset(regions.of(vertex, subtask) for vertex, subtask in lost)
        count = restarted(failed, lost)
        worst = max(count, worst_of(tuple(sorted(manager.quotas.items()))))
        found.append(
            Failure(
                task_manager=manager.id,
                lost=len(lost),
                regions=sorted(failed),
                restarted=_share(count, total),
                worst=_share(worst, total),
                full_restart=_share(total if lost else 0, total),
            )
        )
    return found


def _share(count: int, total: int) -> Restarted:
    return Restarted(subtasks=count, share=round(count / total, 6) if total else 0.0)


def _worst(job: JobGraph, graph: RegionGraph, quotas: dict[str, int], total: int, full: bool) -> int:
    """Return an upper bound of what restarts, whichever of a group's slots stand on the TaskManager.

    Every slot of a group that may be lost touches the regions of one subtask of each of its tasks.
    The bound takes for each task the largest restart sets, as many as the quota has slots.
    """
    if not quotas:
        return 0
    if full:
        return total
    groups: dict[str, list[JobVertex]] = defaultdict(list)
    for vertex in job.vertices:
        groups[vertex.group].append(vertex)
    sizes = _lost_sizes(graph)
    bound = 0
    for group, quota in quotas.items():
        for vertex in groups[group]:
            touched = Counter(graph.regions.of(vertex.index, i) for i in range(vertex.parallelism))
            bound += sum(sorted((sizes[r] for r in touched), reverse=True)[:quota])
    return min(bound, total)


def _lost_sizes(graph: RegionGraph) -> list[int]:
    """Return for every region how many subtasks restart when it fails and its inputs are gone too."""
    sizes = []
    for region in range(len(graph.regions.members)):
        found = restarted_regions(graph, [region], lambda edge, _: edge.type.reconsumable)
        sizes.append(sum(len(graph.regions.members[r]) for r in found))
    return sizes
