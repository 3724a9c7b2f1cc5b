"""An independent judge of placements: every number again, from the profile and the cluster alone.

It shares no code with the solver or with the writing of placements, only the reading of the inputs.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache

from planner.documents.cluster import Cluster
from planner.documents.job import GroupPlacement
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.errors import PlannerError
from planner.graph.from_profile import operator_id, stream_graph
from planner.graph.job_graph import JobGraph, build_job_graph
from planner.memory.estimates import FIGURES, estimates
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager
from planner.place.bend import as_planned
from planner.place.check.cover import covered
from planner.place.check.figures import TOLERANCE, figures, moves
from planner.place.model.flows import group_flows
from planner.place.model.slots import (
    SlotResources,
    job_slots,
    move_weights,
    slot_resources,
    subtask_names,
    vertex_operators,
)
from planner.place.model.task_managers import TaskManager, task_managers_of
from planner.units import format_cpu, rounded_size


class RefusedError(PlannerError):
    """A placement that planner made and its own checker refuses: a defect of planner."""


def check(
    placement: Placement,
    profile: ResourceProfile,
    cluster: Cluster,
    previous: Placement | None = None,
    job: JobGraph | None = None,
) -> list[str]:
    """Return what is wrong with ``placement``; an empty list means that it holds.

    Moves are checked where the placement before, ``previous``, is given; ``job`` is the job graph of several
    jobs together, which none of their profiles is compiled to alone.
    """
    return list(_problems(placement, profile, cluster, previous, job))


def _problems(
    placement: Placement,
    profile: ResourceProfile,
    cluster: Cluster,
    previous: Placement | None,
    job: JobGraph | None,
) -> Iterator[str]:
    yield from _planned(placement, profile)
    profile = as_planned(profile, placement.planned_groups)
    job = job or build_job_graph(stream_graph(profile))
    resources = slot_resources(profile)
    offered = {tm.id: tm for tm in task_managers_of(cluster)}
    operators = vertex_operators(profile, job)
    slot_loads = {(s.group, tuple(subtask_names(operators, s))): s.loads for s in job_slots(profile, job)}
    times = Counter((s.group, tuple(s.subtasks)) for placed in placement.task_managers for s in placed.slots)
    yield from (
        f"slot {key} is placed {n} times" for key, n in times.items() if n != 1 or key not in slot_loads
    )
    yield from (f"slot {key} is not placed" for key in slot_loads if key not in times)
    yield from _subtasks_once(placement, profile, job)
    if sorted(offered) != sorted(placed.id for placed in placement.task_managers):
        yield "the TaskManagers are not those of the cluster"
        return
    utilisations: dict[str, list[Fraction]] = {}
    memory_of = _memories()
    for placed in placement.task_managers:
        tm = offered[placed.id]
        on_it = [slot_loads.get((s.group, tuple(s.subtasks)), (0,)) for s in placed.slots]
        loads = [sum(sample) for sample in itertools.zip_longest(*on_it, fillvalue=0)] or [0]
        utilisations[placed.id] = [Fraction(load, tm.capacity.cpu) for load in loads]
        found = _task_manager(placed, tm, max(loads), resources, memory_of)
        yield from (f"{placed.id}: {text}" for text in found)
    yield from _samples(placement, utilisations, len(next(iter(slot_loads.values()), (0,))))
    yield from _reserve(placement, cluster, offered, resources)
    yield from covered(placement, cluster, offered, resources)
    for group, wanted in ((profile.planner.placement if profile.planner else None) or {}).items():
        yield from (f"group {group!r} {text}" for text in _constraint(placement, offered, group, wanted))
    flows = group_flows(profile, job)
    yield from figures(
        placement,
        offered,
        {name: max(samples) for name, samples in utilisations.items()},
        resources,
        flows,
        lambda: _restarts(placement, profile, job),
    )
    if previous is not None:
        yield from moves(placement, previous, move_weights(profile, job))


def _samples(
    placement: Placement, utilisations: Mapping[str, Sequence[Fraction]], count: int
) -> Iterator[str]:
    """Look for something else about samples than there are, and than what decides."""
    stated = placement.samples
    if stated is None:
        if count > 1:
            yield f"the load has {count} samples, and the placement says nothing of them"
        return
    highest = max((max(samples) for samples in utilisations.values()), default=Fraction(0))
    if stated.count != count:
        yield f"the load has {count} samples, not {stated.count}"
    elif not any(
        number == stated.decided_by and utilisation == highest
        for samples in utilisations.values()
        for number, utilisation in enumerate(samples, 1)
    ):
        yield f"no TaskManager is highest in sample {stated.decided_by}"


def _restarts(placement: Placement, profile: ResourceProfile, job: JobGraph) -> float:
    # it needs numpy, and who validates documents imports this module as well
    from planner.place.check.restarts import expected_restarts

    return expected_restarts(placement, profile, job)


def _planned(placement: Placement, profile: ResourceProfile) -> Iterator[str]:
    """Look for figures that are not the profile's, and no estimate that was lowered."""
    found = estimates(profile)
    for group in as_planned(profile, placement.planned_groups).ssg_profiles:
        before = next(one for one in profile.ssg_profiles if one.name == group.name)
        for figure in FIGURES:
            old, new = getattr(before, figure), getattr(group, figure)
            most, now = (sum(v.values()) if isinstance(v, dict) else v or 0 for v in (old, new))
            own = found.get(group.name, {}).get(figure)
            least = most - own.amount if own else most
            if not least <= now <= most:
                yield f"group {group.name!r} is planned with another {figure} than the job declares"


def _subtasks_once(placement: Placement, profile: ResourceProfile, job: JobGraph) -> Iterator[str]:
    names = {node.id: operator_id(node) for node in profile.nodes}
    expected = {
        f"{names[node]}/{subtask}"
        for vertex in job.vertices
        for node in vertex.nodes
        for subtask in range(vertex.parallelism)
    }
    found = Counter(
        name for placed in placement.task_managers for slot in placed.slots for name in slot.subtasks
    )
    if set(found) != expected or any(count != 1 for count in found.values()):
        yield "not every subtask is placed exactly once"


def _task_manager(
    placed: PlacedTaskManager,
    tm: TaskManager,
    load: int,
    resources: Mapping[str, SlotResources],
    memory_of: Callable[[Mapping[str, str]], TaskManagerMemory],
) -> Iterator[str]:
    held = _held(placed)
    if not placed.reserve and held != {g: n for g, n in placed.quotas.items() if n}:
        yield "quotas differ from the slots"
    yield from _too_much(held, tm, resources)
    cpu, parts = _taken(held, resources)
    stated = (
        placed.load.cpu,
        placed.load.cpu_reserved,
        placed.load.heap,
        placed.load.off_heap,
        placed.load.managed,
        placed.load.network,
    )
    if stated != (load, cpu, *parts):
        yield "the load is not the sum over the slots"
    if abs(placed.utilisation.get("cpu", 0.0) - load / tm.capacity.cpu) > TOLERANCE:
        yield "the cpu utilisation is not load over capacity"
    if placed.memory is not None:
        memory = memory_of(placed.memory.dynamic_options)
        yield from _memory(memory, placed.memory.jvm_arguments, tm, parts)


def _held(placed: PlacedTaskManager) -> dict[str, int]:
    """Return how many slots of each group stand on a TaskManager."""
    return dict(Counter([slot.group for slot in placed.slots]))


def _taken(held: Mapping[str, int], resources: Mapping[str, SlotResources]) -> tuple[int, list[int]]:
    """Return the cpu that slots reserve together, and their heap, off-heap, managed and network memory."""
    taken = [(resources[group], count) for group, count in held.items()]
    parts = [
        sum(getattr(slot, part) * count for slot, count in taken)
        for part in ("heap", "off_heap", "managed", "network")
    ]
    return sum(slot.cpu * count for slot, count in taken), parts


def _too_much(
    held: Mapping[str, int], tm: TaskManager, resources: Mapping[str, SlotResources]
) -> Iterator[str]:
    """Say of what slots of groups take more together than ``tm`` has."""
    capacity, (cpu, parts) = tm.capacity, _taken(held, resources)
    if cpu > capacity.cpu:
        yield f"slots reserve {format_cpu(cpu)} cores, there are {format_cpu(capacity.cpu)}"
    if sum(parts) > capacity.memory:
        yield f"slots take {rounded_size(sum(parts))} of memory, there is {rounded_size(capacity.memory)}"
    for name, size, limit in zip(
        ("heap", "off-heap", "managed", "network"), parts, capacity.parts, strict=True
    ):
        if limit is not None and size > limit:
            yield f"slots take {rounded_size(size)} of {name} memory, there is {rounded_size(limit)}"
    open_parts = [size for size, limit in zip(parts, capacity.parts, strict=True) if limit is None]
    if sum(open_parts) > capacity.memory - sum(limit or 0 for limit in capacity.parts):
        yield "slots take more memory than the parts that are fixed leave"
    slots = sum(held.values())
    if capacity.slots is not None and slots > capacity.slots:
        yield f"holds {slots} slots, {capacity.slots} are allowed"
    offered = dict(capacity.external)
    for name in {name for group in held for name, _ in resources[group].external}:
        wanted = sum(dict(resources[group].external).get(name, 0) * count for group, count in held.items())
        if wanted > offered.get(name, 0):
            yield f"takes more {name} than there is"


def _memory(
    memory: TaskManagerMemory, arguments: Sequence[str], tm: TaskManager, parts: Sequence[int]
) -> Iterator[str]:
    """Look for memory, as Flink derives it from the options of a placement, that is not what it has to be."""
    fixed = tm.capacity.fixed
    outside = fixed.framework_heap + fixed.framework_off_heap + fixed.jvm_metaspace + fixed.jvm_overhead
    if memory.process != outside + tm.capacity.memory:
        yield f"its memory adds up to {memory.process} bytes, not to {outside + tm.capacity.memory}"
    if memory.jvm_overhead < fixed.jvm_overhead:
        yield "its JVM overhead is less than Flink would leave"
    if jvm_arguments(memory) != arguments:
        yield "its JVM arguments are not those of its options"
    given = (memory.task_heap, memory.task_off_heap, memory.managed, memory.network)
    if any(need > size for need, size in zip(parts, given, strict=True)):
        yield "its memory options hold less than its slots need"


def _memories() -> Callable[[Mapping[str, str]], TaskManagerMemory]:
    """Return Flink's memory model forwards over options; the same options are gone through once."""

    @cache
    def derived(options: tuple[tuple[str, str], ...]) -> TaskManagerMemory:
        return derive_taskmanager(dict(options))

    return lambda options: derived(tuple(o for o in options.items() if o[0].startswith("taskmanager.")))


def _reserve(
    placement: Placement,
    cluster: Cluster,
    offered: dict[str, TaskManager],
    resources: dict[str, SlotResources],
) -> Iterator[str]:
    """Look for TaskManagers in reserve that can take over what any other holds; only packing has more.

    Where so many of each class are asked for, nothing is asked of what they can take over.
    """
    wanted = cluster.spec.reserve
    if wanted.cover is not None:
        return
    spare = [placed for placed in placement.task_managers if placed.reserve]
    yield from (f"{placed.id}: is in reserve and holds slots" for placed in spare if placed.slots)
    packed = any(level.name == "taskManagers" for level in placement.objective)
    held = Counter(offered[placed.id].class_name or placed.id for placed in spare)
    if wanted.classes:
        for name in sorted(held.keys() | wanted.classes.keys()):
            count = wanted.classes.get(name, 0)
            if held[name] < count or (held[name] > count and not packed):
                yield f"{held[name]} TaskManagers of class {name} are kept in reserve, not {count}"
        return
    reserve = min(wanted.task_managers, len(offered))
    if len(spare) < reserve or (len(spare) > reserve and not packed):
        yield f"{len(spare)} TaskManagers are kept in reserve, not {reserve}"
    contents = {tuple(sorted(_held(placed).items())) for placed in placement.task_managers}
    able = sum(
        all(not list(_too_much(dict(held), offered[one.id], resources)) for held in contents) for one in spare
    )
    if able < reserve:
        yield f"only {able} of the TaskManagers in reserve can take over what any other one holds"


def _constraint(
    placement: Placement, offered: dict[str, TaskManager], group: str, wanted: GroupPlacement
) -> Iterator[str]:
    held = {placed.id: Counter(slot.group for slot in placed.slots) for placed in placement.task_managers}
    on = [name for name, groups in held.items() if groups[group]]
    for name in on:
        names = {name, offered[name].class_name}
        if wanted.pinned and not names & set(wanted.pinned):
            yield f"stands on {name}, where it is not pinned"
        if names & set(wanted.forbidden):
            yield f"stands on {name}, where it is forbidden"
        if wanted.max_per_task_manager is not None and held[name][group] > wanted.max_per_task_manager:
            yield f"has {held[name][group]} slots on {name}, more than {wanted.max_per_task_manager}"
        yield from (
            f"shares {name} with {other!r}"
            for other in wanted.anti_affinity
            if other != group and held[name][other]
        )
    if len(on) < (wanted.min_task_managers or 0):
        yield f"stands on {len(on)} TaskManagers, fewer than {wanted.min_task_managers}"
    zones = {zone for name in on if (zone := dict(offered[name].labels).get("zone"))}
    if len(zones) < (wanted.min_zones or 0):
        yield f"stands in {len(zones)} zones, fewer than {wanted.min_zones}"
