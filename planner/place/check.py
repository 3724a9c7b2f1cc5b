"""An independent judge of placements: every number again, from the profile and the cluster alone.

It shares no code with the solver or with the writing of placements, only the reading of the inputs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from planner.documents.cluster import Cluster
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.graph.job import build_job_graph
from planner.graph.restore import operator_id, stream_graph
from planner.memory.taskmanager import derive_taskmanager
from planner.place.capacity import Host, hosts
from planner.place.slots import SlotResources, job_slots, slot_resources, subtask_names

TOLERANCE = 1e-6


def check(placement: Placement, profile: ResourceProfile, cluster: Cluster) -> list[str]:
    """Return what is wrong with ``placement``; an empty list means that it holds."""
    return list(_problems(placement, profile, cluster))


def _problems(placement: Placement, profile: ResourceProfile, cluster: Cluster) -> Iterator[str]:
    job = build_job_graph(stream_graph(profile))
    resources = slot_resources(profile)
    offered = {host.id: host for host in hosts(cluster)}
    wanted = {(s.group, tuple(subtask_names(profile, job, s))): s.load for s in job_slots(profile, job)}
    placed = Counter((s.group, tuple(s.subtasks)) for tm in placement.task_managers for s in tm.slots)
    yield from (f"slot {key} is placed {n} times" for key, n in placed.items() if n != 1 or key not in wanted)
    yield from (f"slot {key} is not placed" for key in wanted if key not in placed)
    yield from _subtasks_once(placement, profile)
    if sorted(offered) != sorted(tm.id for tm in placement.task_managers):
        yield "the TaskManagers are not those of the cluster"
        return
    utilisations: dict[str, Fraction] = {}
    for tm in placement.task_managers:
        host = offered[tm.id]
        load = sum(wanted.get((s.group, tuple(s.subtasks)), 0) for s in tm.slots)
        utilisations[tm.id] = Fraction(load, host.capacity.cpu)
        yield from (f"{tm.id}: {text}" for text in _task_manager(tm, host, load, resources))
    yield from _figures(placement, cluster, offered, utilisations)


def _subtasks_once(placement: Placement, profile: ResourceProfile) -> Iterator[str]:
    expected = {f"{operator_id(n)}/{i}" for n in profile.nodes for i in range(n.profile.parallelism)}
    found = Counter(name for tm in placement.task_managers for slot in tm.slots for name in slot.subtasks)
    if set(found) != expected or any(count != 1 for count in found.values()):
        yield "not every subtask is placed exactly once"


def _task_manager(
    tm: PlacedTaskManager, host: Host, load: int, resources: dict[str, SlotResources]
) -> Iterator[str]:
    taken = [resources[slot.group] for slot in tm.slots]
    capacity = host.capacity
    cpu = sum(slot.cpu for slot in taken)
    parts = [
        sum(getattr(slot, part) for slot in taken) for part in ("heap", "off_heap", "managed", "network")
    ]
    if dict(Counter(slot.group for slot in tm.slots)) != {g: n for g, n in tm.quotas.items() if n}:
        yield "quotas differ from the slots"
    if cpu > capacity.cpu:
        yield "reserves more cpu than there is"
    if sum(parts) > capacity.memory:
        yield "slots take more memory than there is"
    for name, size, limit in zip(
        ("heap", "off-heap", "managed", "network"), parts, capacity.parts, strict=True
    ):
        if limit is not None and size > limit:
            yield f"slots take more {name} memory than there is"
    if capacity.slots is not None and len(tm.slots) > capacity.slots:
        yield "holds more slots than allowed"
    offered = dict(capacity.external)
    for name in {name for slot in taken for name, _ in slot.external}:
        if sum(dict(slot.external).get(name, 0) for slot in taken) > offered.get(name, 0):
            yield f"takes more {name} than there is"
    stated = (
        tm.load.cpu,
        tm.load.cpu_reserved,
        tm.load.heap,
        tm.load.off_heap,
        tm.load.managed,
        tm.load.network,
    )
    if stated != (load, cpu, *parts):
        yield "the load is not the sum over the slots"
    if abs(tm.utilisation.get("cpu", 0.0) - load / capacity.cpu) > TOLERANCE:
        yield "the cpu utilisation is not load over capacity"
    yield from _memory(tm, host, parts)


def _memory(tm: PlacedTaskManager, host: Host, parts: list[int]) -> Iterator[str]:
    """Run Flink's memory model forwards over the options that the plan gives."""
    if tm.memory is None:
        return
    memory = derive_taskmanager(tm.memory.dynamic_options)
    fixed = host.capacity.fixed
    outside = fixed.framework_heap + fixed.framework_off_heap + fixed.jvm_metaspace + fixed.jvm_overhead
    if memory.process != outside + host.capacity.memory:
        yield f"its memory adds up to {memory.process} bytes, not to {outside + host.capacity.memory}"
    if memory.jvm_overhead < fixed.jvm_overhead:
        yield "its JVM overhead is less than Flink would leave"
    if memory.jvm_arguments() != tm.memory.jvm_arguments:
        yield "its JVM arguments are not those of its options"
    given = (memory.task_heap, memory.task_off_heap, memory.managed, memory.network)
    if any(need > size for need, size in zip(parts, given, strict=True)):
        yield "its memory options hold less than its slots need"


def _figures(
    placement: Placement,
    cluster: Cluster,
    offered: dict[str, Host],
    utilisations: dict[str, Fraction],
) -> Iterator[str]:
    reserve = min(cluster.spec.reserve.task_managers, len(offered))
    empty = [tm.id for tm in placement.task_managers if not tm.slots]
    if len(empty) < reserve:
        yield f"only {len(empty)} TaskManagers are empty, {reserve} are to be kept in reserve"
    sizes = sorted(offered, key=lambda name: (-offered[name].capacity.cpu, -offered[name].capacity.memory))
    largest = [(offered[n].capacity.cpu, offered[n].capacity.memory) for n in sizes[:reserve]]
    spare: list[str] = []
    for name in empty:
        size = (offered[name].capacity.cpu, offered[name].capacity.memory)
        if size in largest:
            largest.remove(size)
            spare.append(name)
    if largest:
        yield "the TaskManagers kept in reserve are not the largest"
    values = [value for name, value in utilisations.items() if name not in spare]
    if not values:
        return
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum(float(value - mean) ** 2 for value in values) / len(values))
    stated = placement.imbalance
    expected = {
        "max": float(max(values)),
        "mean": float(mean),
        "min": float(min(values)),
        "max_over_mean": float(max(values) / mean) if mean else 1.0,
        "spread": float(max(values) - min(values)),
        "cv": deviation / float(mean) if mean else 0.0,
    }
    for name, value in expected.items():
        if abs(getattr(stated, name) - value) > 2 * TOLERANCE:
            yield f"imbalance.{name} is {getattr(stated, name)}, it has to be {value:.6f}"
    first = placement.objective[0]
    if abs(first.value - float(max(values))) > TOLERANCE:
        yield "the objective is not the highest cpu utilisation"
    if first.bound is not None and first.bound > first.value + TOLERANCE:
        yield "the bound is above the value"
