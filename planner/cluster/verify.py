"""Whether a cluster does what a placement says: TaskManagers, their memory and quotas, slots, subtasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planner.cluster.rest import RunningJob, RunningSlot, RunningTaskManager, RunningVertex
from planner.documents.placement import PlacedTaskManager, Placement
from planner.errors import PlannerError
from planner.graph.job_graph import JobGraph
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.quotas import quota_name
from planner.place.model.slots import SlotResources
from planner.units import CORE, MIB

_PARTS = {
    "frameworkHeap": "framework_heap",
    "frameworkOffHeap": "framework_off_heap",
    "taskHeap": "task_heap",
    "taskOffHeap": "task_off_heap",
    "managedMemory": "managed",
    "networkMemory": "network",
    "jvmMetaspace": "jvm_metaspace",
    "jvmOverhead": "jvm_overhead",
    "totalFlinkMemory": "flink",
    "totalProcessMemory": "process",
}
_SLOT_PARTS = {
    "taskHeapMemory": "heap",
    "taskOffHeapMemory": "off_heap",
    "managedMemory": "managed",
    "networkMemory": "network",
}
_CORES = "taskmanager.cpu.cores"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is otherwise than planned; ``where`` is a TaskManager or a vertex.

    What is ``covered`` is as the placement provides for a loss: slots stand on spares.
    """

    where: str
    what: str
    planned: str
    actual: str
    covered: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.actual}, planned: {self.planned}"


class NotAsPlanned(PlannerError):
    """A cluster is not the one that was planned; ``deviations`` says in what."""

    def __init__(self, message: str, deviations: list[Deviation]) -> None:
        super().__init__(message)
        self.deviations = deviations


MISSING = "missing"
"""What there is of a TaskManager that has not registered."""


def deviations(
    placement: Placement,
    task_managers: Mapping[str, RunningTaskManager],
    job: RunningJob | None,
    graph: JobGraph | None = None,
    resources: Mapping[str, SlotResources] | None = None,
) -> list[Deviation]:
    """Return what is otherwise than planned.

    Without ``job`` only TaskManagers are looked at, without ``graph`` no subtasks; ``resources`` are those
    of a slot of every group, without them slots are only counted. A batch job may have less
    than all of its slots and subtasks: they come and go as it gets on.
    """
    found: list[Deviation] = []
    real = match(placement, task_managers)
    stand_in = job is not None and not job.batch and _spares_stand_in(placement, real, job)
    for planned in placement.task_managers:
        tm = real.get(planned.id)
        if tm is None:
            if not planned.reserve:
                covered = stand_in and bool(planned.slots)
                found.append(Deviation(planned.id, "the TaskManager", "registered", MISSING, covered))
            continue
        if planned.reserve and job is None:
            there = "not there before the job runs, it is in reserve"
            found.append(Deviation(planned.id, "the TaskManager", there, "registered"))
        found += _task_manager(planned, tm)
        if job is not None:
            found += _slots(planned, tm, job, resources or {}, stand_in)
    known = {tm.id for tm in real.values()}
    quotas = {quota_name(group) for planned in placement.task_managers for group in planned.quotas}
    for name, tm in task_managers.items():
        if name in known:
            continue
        if job is not None and tm.slots.get(job.id):
            found.append(Deviation(name, "slots of the job", "none, it is not in the placement", "some"))
        elif offered := sorted(quotas & tm.external.keys()):
            what = "a TaskManager with quotas of the placement"
            found.append(Deviation(name, what, "none, it is not in the placement", ", ".join(offered)))
    if job is not None and graph is not None:
        found += _subtasks(placement, real, job, graph, stand_in)
    elif job is not None:
        found += [difference for vertex in job.vertices for difference in _states(vertex, job.batch)]
    return found


def _spares_stand_in(placement: Placement, real: Mapping[str, RunningTaskManager], job: RunningJob) -> bool:
    """Tell whether the slots that TaskManagers hold less than planned stand on those in reserve instead."""
    missing: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for planned in placement.task_managers:
        tm = real.get(planned.id)
        held = tm.slots.get(job.id, ()) if tm is not None else ()
        for group, count in planned.quotas.items():
            mine = sum(1 for slot in held if quota_name(group) in slot.external)
            if planned.reserve:
                there[group] += mine
            else:
                missing[group] += count - mine
    return there.total() > 0 and +there == +missing


def _states(vertex: RunningVertex, batch: bool) -> Iterator[Deviation]:
    """Say how many subtasks of a vertex do not run, nor wait for their turn in a batch job."""
    states = Counter(subtask.state for subtask in vertex.subtasks)
    waiting = {"CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING"} if batch else set()
    if states.keys() - {"RUNNING", "FINISHED"} - waiting:
        actual = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        yield Deviation(vertex.name, "subtasks", f"{vertex.parallelism} RUNNING", actual)


def match(
    placement: Placement, task_managers: Mapping[str, RunningTaskManager]
) -> dict[str, RunningTaskManager]:
    """Return which TaskManager is which of the placement: by id, else one with the same quotas.

    One that was replaced by another process has the number of that behind its id, as in ``tm-1~2``.
    """
    found = {tm.id: task_managers[tm.id] for tm in placement.task_managers if tm.id in task_managers}
    for name, running in task_managers.items():
        planned, tilde, number = name.rpartition("~")
        if tilde and number.isdecimal() and any(one.id == planned for one in placement.task_managers):
            found.setdefault(planned, running)
    taken = {tm.id for tm in found.values()}
    free = [tm for name, tm in task_managers.items() if name not in taken]
    for tm in placement.task_managers:
        if tm.id in found:
            continue
        alike = next((m for m in free if m.external == _external(tm) and not _memory(tm, m)), None)
        if alike is not None:
            free.remove(alike)
            found[tm.id] = alike
    return found


def _external(planned: PlacedTaskManager) -> dict[str, float]:
    """Return the external resources that the options of a TaskManager announce."""
    options = planned.memory.dynamic_options if planned.memory else {}
    names = [name for name in options.get("external-resources", "").split(";") if name]
    return {name: float(options.get(f"external-resource.{name}.amount", "0")) for name in names}


def _memory(planned: PlacedTaskManager, tm: RunningTaskManager) -> list[Deviation]:
    if planned.memory is None or not tm.memory:
        return []
    memory = derive_taskmanager(planned.memory.dynamic_options)
    return [
        Deviation(planned.id, part, f"{getattr(memory, name)} bytes", f"{tm.memory[part]} bytes")
        for part, name in _PARTS.items()
        if part in tm.memory and tm.memory[part] != getattr(memory, name)
    ]


def _task_manager(planned: PlacedTaskManager, tm: RunningTaskManager) -> Iterator[Deviation]:
    yield from _memory(planned, tm)
    cores = float((planned.memory.dynamic_options if planned.memory else {}).get(_CORES, "nan"))
    if tm.cpu is not None and abs(tm.cpu - cores) > 1 / CORE:
        yield Deviation(planned.id, "cores", _cores(cores), _cores(tm.cpu))
    wanted = _external(planned)
    for name in sorted(wanted.keys() | tm.external.keys()):
        if wanted.get(name, 0.0) != tm.external.get(name, 0.0):
            yield Deviation(
                planned.id, f"quota {name}", f"{wanted.get(name, 0):g}", f"{tm.external.get(name, 0):g}"
            )


def _slots(
    planned: PlacedTaskManager,
    tm: RunningTaskManager,
    job: RunningJob,
    resources: Mapping[str, SlotResources],
    stand_in: bool,
) -> Iterator[Deviation]:
    held = tm.slots.get(job.id, ())
    ended = any(s.state == "FINISHED" for vertex in job.vertices for s in vertex.subtasks)
    for group, count in sorted(planned.quotas.items()):
        mine = [slot for slot in held if quota_name(group) in slot.external]
        wanted_here = 0 if planned.reserve else count
        # a subtask that has finished gives its slot back
        if len(mine) > wanted_here or (len(mine) < wanted_here and not ended and not job.batch):
            told = "none, it is in reserve" if planned.reserve else str(count)
            covered = stand_in and len(mine) <= count
            yield Deviation(planned.id, f"slots of group {group}", told, str(len(mine)), covered)
        if group in resources:
            wanted = _told(resources[group])
            for figures in {tuple(_figures(slot).items()): None for slot in mine}:
                for part, value in figures:
                    # stages of a batch job take turns in a slot, each with network memory of its own
                    less = job.batch and part == "networkMemory" and _mib(value) < _mib(wanted[part])
                    if value != wanted[part] and not less:
                        yield Deviation(planned.id, f"{part} of a slot of group {group}", wanted[part], value)


def _told(wanted: SlotResources) -> dict[str, str]:
    """Return what REST tells of a slot that holds ``wanted``: memory in whole MiB."""
    memory = {part: f"{getattr(wanted, name) // MIB} MiB" for part, name in _SLOT_PARTS.items()}
    return {"cores": _cores(wanted.cpu / CORE), **memory}


def _mib(told: str) -> int:
    return int(told.removesuffix(" MiB"))


def _cores(cores: float) -> str:
    """Spell cores; Flink says the largest double where none are set."""
    return f"{cores:.8f}".rstrip("0").rstrip(".") if cores < 1e9 else f"{cores:g}"


def _figures(slot: RunningSlot) -> dict[str, str]:
    cpu = {} if slot.cpu is None else {"cores": _cores(slot.cpu)}
    return {**cpu, **{part: f"{slot.memory[part]} MiB" for part in _SLOT_PARTS if part in slot.memory}}


def _subtasks(
    placement: Placement,
    real: Mapping[str, RunningTaskManager],
    job: RunningJob,
    graph: JobGraph,
    stand_in: bool,
) -> Iterator[Deviation]:
    """Compare subtasks with quotas: a vertex has at most one subtask in each slot of its group."""
    running = {vertex.id: vertex for vertex in job.vertices}
    quotas = {
        real[tm.id].id: tm.quotas
        for tm in placement.task_managers
        if tm.id in real and (stand_in or not tm.reserve)
    }
    names = {tm.id: planned for planned, tm in real.items()}
    slots: Counter[str] = Counter()
    for tm in placement.task_managers:
        if not tm.reserve:
            slots.update(tm.quotas)
    for vertex in graph.vertices:
        there = running.get(vertex.id)
        if there is None:
            if not job.batch:
                yield Deviation(vertex.name, "the vertex", "in the job", "missing")
            continue
        if there.parallelism != vertex.parallelism:
            yield Deviation(vertex.name, "parallelism", str(vertex.parallelism), str(there.parallelism))
        yield from _states(there, job.batch)
        placed = Counter(s.task_manager for s in there.subtasks if s.state == "RUNNING")
        full = placed.total() == vertex.parallelism == slots[vertex.group] and not stand_in
        for name in sorted(placed.keys() | quotas.keys()):
            quota = quotas.get(name, {}).get(vertex.group, 0)
            if placed[name] > quota or (full and placed[name] != quota):
                what = f"subtasks of {vertex.name}"
                yield Deviation(names.get(name, name), what, str(quota), str(placed[name]))
    extra = running.keys() - {vertex.id for vertex in graph.vertices}
    yield from (Deviation(running[v].name, "the vertex", "not in the job", "there") for v in sorted(extra))
