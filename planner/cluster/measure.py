"""Measured load of a running job: CPU, records and bytes of one subtask of every vertex.

CPU is an estimate: what the process of a TaskManager used over a window (`Status.JVM.CPU.Time`), shared
out among its subtasks by the time that they were busy (`busyTimeMsPerSecond`). The rest is as Flink's
metrics say.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean

from planner.cluster.answers import Average, Metric
from planner.cluster.errors import RestError
from planner.cluster.rest import Rest, RunningJob, RunningVertex, job_path, running_job, task_manager_path
from planner.cluster.sources import partitions_and_pending
from planner.documents.job import Load
from planner.documents.profile import Node, ResourceProfile
from planner.graph.from_profile import loads_of
from planner.graph.job_graph import JobGraph
from planner.units import CORE

BUSY = "busyTimeMsPerSecond"
BACKPRESSURED = "backPressuredTimeMsPerSecond"
RECORDS = "numRecordsOutPerSecond"
RECORDS_IN = "numRecordsInPerSecond"
BYTES = "numBytesOutPerSecond"
SUBTASKS_ASKED = 100
"""Subtasks of one request: Flink's REST server takes 4,096 characters of address."""
CPU_TIME = "Status.JVM.CPU.Time"
RARE = 0.001
"""Records a second below which their size says nothing; documents hold three decimals."""
MOST_CORES = 10_000
"""More than any machine has."""
NANOS = 10**9
COLLECTED = 25.0
"""Seconds within which Flink should have metrics of a job that just began."""
FRESH = 0.2
"""Seconds between questions for a metric that is to change."""
MEASURED_AGAIN = 1.0
"""Seconds between readings of the rates in a window."""
MEAN_OF = 60.0
"""Seconds over which Flink's rates are means: what is read earlier in a window tells of the time before."""


@dataclass(frozen=True, slots=True)
class VertexLoad:
    """One of the ``parallelism`` subtasks of a vertex on average.

    ``cpu`` is in CPU units, None where Flink measures no busy time; ``busiest`` is the share of the busiest
    subtask, ``records`` are those that leave it and ``records_in`` those that it reads. A source reads
    ``partitions``, in which ``pending`` records wait; None and zero where it does not tell. After several
    samples ``cpu_samples`` is the CPU in each of them, and all else as in the one in which it was busiest.
    """

    vertex: str
    name: str
    parallelism: int
    busy: float
    busiest: float
    backpressured: float
    cpu: int | None
    records: float
    bytes_per_record: float | None
    records_in: float
    partitions: int | None = None
    pending: float = 0.0
    cpu_samples: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The load of a job over a window, and the cores that each TaskManager used in it.

    After several samples the cores are the most that it used in any of them.
    """

    vertices: tuple[VertexLoad, ...]
    cores: Mapping[str, float]


def measure(
    rest: Rest, job: RunningJob, seconds: float, note: Callable[[str], None] = lambda _: None
) -> Measured:
    """Return the load of a running job over the next ``seconds``.

    Raises:
        RestError: when the cluster does not answer, the job changed meanwhile, or nothing was busy.

    """
    _wait_for_figures(rest, job, note)
    subtasks = [subtask for vertex in job.vertices for subtask in vertex.subtasks]
    task_managers = sorted({subtask.task_manager for subtask in subtasks if subtask.state == "RUNNING"})
    before = _cpu_times(rest, task_managers, note)
    start = time.monotonic()
    readings = {vertex.id: _Readings() for vertex in job.vertices}
    inside = False
    while (left := start + seconds - time.monotonic()) > 0:
        note(f"measuring, {left:.0f} s left")
        for vertex in job.vertices:
            averages, busy = _averages(rest, job.id, vertex.id), _busy(rest, job.id, vertex)
            readings[vertex.id].take(averages, busy, beside=inside)
        inside = seconds - left >= MEAN_OF
        time.sleep(min(MEASURED_AGAIN, max(start + seconds - time.monotonic(), 0)))
    after = _cpu_times(rest, task_managers, note)
    cores = {}
    for tm in task_managers:
        used, spent = after[tm].seconds - before[tm].seconds, after[tm].at - before[tm].at
        if used < 0:
            raise RestError(f"TaskManager {tm} was started again in the window; measure again")
        if used > spent * MOST_CORES:
            raise RestError(f"TaskManager {tm} reports {used:,.0f} s of CPU within {spent:.0f} s")
        cores[tm] = used / spent
    if running_job(rest, job.id).vertices != job.vertices:
        raise RestError(f"subtasks of job {job.id} restarted, moved or ended in the window; measure again")
    told = {vertex.id: partitions_and_pending(rest, job.id, vertex.id) for vertex in job.vertices}
    loads = tuple(_loads(job, readings, cores, told))
    if not any(load.busy for load in loads):
        raise RestError(
            f"no subtask of job {job.id} was busy within {seconds:g} s according to Flink's metrics;"
            " measure again once records flow, or longer with --window"
        )
    return Measured(loads, cores)


@dataclass(frozen=True, slots=True)
class _Readings:
    """What was read of a vertex: means over its subtasks, and busy time by subtask.

    Each is what was read again and again while it told of the window alone, or else the last.
    """

    averages: list[dict[str, float]] = field(default_factory=list)
    busy: dict[int, list[float]] = field(default_factory=dict)

    def take(self, averages: dict[str, float], busy: Mapping[int, float], *, beside: bool) -> None:
        """Take a reading ``beside`` those before, or in their place where they tell of the time before."""
        if averages:
            self.averages[:] = [*self.averages, averages] if beside else [averages]
        for subtask, value in busy.items():
            before = self.busy.get(subtask, [])
            self.busy[subtask] = [*before, value] if beside else [value]


def _wait_for_figures(rest: Rest, job: RunningJob, note: Callable[[str], None]) -> None:
    """Wait until Flink has collected metrics of every vertex, which it does every 10 s, or give up."""
    until = time.monotonic() + COLLECTED
    while time.monotonic() < until:
        if all(_averages(rest, job.id, vertex.id) for vertex in job.vertices):
            return
        note("waiting for Flink to collect metrics")
        time.sleep(MEASURED_AGAIN)


@dataclass(frozen=True, slots=True)
class _CpuTime:
    """CPU seconds of a TaskManager, and when they were read."""

    seconds: float
    at: float


def _cpu_times(rest: Rest, task_managers: Sequence[str], note: Callable[[str], None]) -> dict[str, _CpuTime]:
    """Return the CPU time of TaskManagers, each as soon as Flink has read it anew.

    Flink collects metrics when somebody asks, at most every 10 s, and answers with what it had before.
    """
    stale: dict[str, float] = {}
    found: dict[str, _CpuTime] = {}
    until = time.monotonic() + COLLECTED
    while missing := [tm for tm in task_managers if tm not in found]:
        note("waiting for Flink to collect metrics")
        for tm in missing:
            for metric in rest.get(f"{task_manager_path(tm)}/metrics?get={CPU_TIME}", list[Metric]):
                if metric.value is None or not math.isfinite(metric.value):
                    continue
                value = metric.value / NANOS
                if stale.setdefault(tm, value) != value:
                    found[tm] = _CpuTime(value, time.monotonic())
        if time.monotonic() > until:
            raise RestError(f"{rest.url} reports no CPU time of TaskManager {missing[0]} ({CPU_TIME})")
        time.sleep(FRESH)
    return found


def _averages(rest: Rest, job: str, vertex: str) -> dict[str, float]:
    """Return the mean of each metric over the subtasks of a vertex, without what is no quantity."""
    wanted = (BUSY, BACKPRESSURED, RECORDS, RECORDS_IN, BYTES)
    path = f"{job_path(job)}/vertices/{vertex}/subtasks/metrics?get={','.join(wanted)}&agg=avg"
    told = rest.get(path, list[Average])
    return {metric.id: metric.avg for metric in told if metric.id in wanted and 0 <= metric.avg < math.inf}


def _busy(rest: Rest, job: str, vertex: RunningVertex) -> dict[int, float]:
    """Return the busy time of each subtask of a vertex, in milliseconds a second."""
    found = {}
    for first in range(0, vertex.parallelism, SUBTASKS_ASKED):
        indices = range(first, min(first + SUBTASKS_ASKED, vertex.parallelism))
        wanted = {f"{index}.{BUSY}": index for index in indices}
        path = f"{job_path(job)}/vertices/{vertex.id}/metrics?get={','.join(wanted)}"
        for metric in rest.get(path, list[Metric]):
            if metric.id in wanted and metric.value is not None and 0 <= metric.value < math.inf:
                found[wanted[metric.id]] = metric.value
    return found


def _mean(readings: Sequence[Mapping[str, float]], name: str) -> float | None:
    values = [reading[name] for reading in readings if name in reading]
    return fmean(values) if values else None


def _loads(
    job: RunningJob,
    readings: Mapping[str, _Readings],
    cores: Mapping[str, float],
    told: Mapping[str, tuple[int | None, float]],
) -> Iterator[VertexLoad]:
    busy = {v.id: {i: fmean(values) for i, values in readings[v.id].busy.items()} for v in job.vertices}
    task_managers = {
        v.id: {s.index: s.task_manager for s in v.subtasks if s.state == "RUNNING"} for v in job.vertices
    }
    busy = {
        name: {i: b for i, b in found.items() if i in task_managers[name]} for name, found in busy.items()
    }
    whole: dict[str, float] = defaultdict(float)
    for name, subtasks in busy.items():
        for index, value in subtasks.items():
            whole[task_managers[name][index]] += value
    for vertex in job.vertices:
        mine, tm_of = busy[vertex.id], task_managers[vertex.id]
        shares = [
            cores[tm] * value / whole[tm] if whole[tm := tm_of[index]] else 0.0
            for index, value in mine.items()
        ]
        averages = readings[vertex.id].averages
        records, sent = _mean(averages, RECORDS) or 0.0, _mean(averages, BYTES)
        yield VertexLoad(
            vertex=vertex.id,
            name=vertex.name,
            parallelism=vertex.parallelism,
            busy=fmean(mine.values()) / 1000 if mine else 0.0,
            busiest=max(mine.values(), default=0.0) / 1000,
            backpressured=(_mean(averages, BACKPRESSURED) or 0.0) / 1000,
            cpu=round(CORE * fmean(shares)) if shares else None,
            records=records,
            bytes_per_record=sent / records if sent is not None and records >= RARE else None,
            records_in=_mean(averages, RECORDS_IN) or 0.0,
            partitions=told[vertex.id][0],
            pending=told[vertex.id][1],
        )


def measured_profile(
    rest: Rest,
    job: str,
    profile: ResourceProfile,
    graph: JobGraph,
    seconds: float,
    note: Callable[[str], None] = lambda _: None,
    samples: int = 1,
) -> tuple[ResourceProfile, Measured]:
    """Return a complete profile with the load of the running job that it describes, and that load.

    Each of the ``samples`` takes so many seconds. Of several, those that cannot be taken are left out.

    Raises:
        RestError: when the job is another one, a batch job, or does not run with all its subtasks; and as
            `measure` does, where not one sample could be taken.

    """
    running = running_job(rest, job)
    if not {vertex.id for vertex in graph.vertices} & {vertex.id for vertex in running.vertices}:
        raise RestError(f"job {job} at {rest.url} has none of the vertices of this profile")
    if running.batch:
        raise RestError(f"job {job} is a batch job, whose load has no level to measure")
    if not running.running:
        raise RestError(f"job {job} at {rest.url} does not run with all its subtasks yet")
    if samples == 1:
        measured = measure(rest, running, seconds, note)
    else:
        measured = together(_samples(rest, running, seconds, samples, note))
    return with_load(profile, graph, measured), measured


def _samples(
    rest: Rest, job: RunningJob, seconds: float, samples: int, note: Callable[[str], None]
) -> list[Measured]:
    """Measure again and again; a window in which subtasks restart, say, is no sample."""
    found: list[Measured] = []
    refused: RestError | None = None
    for number in range(1, samples + 1):
        started = time.monotonic()
        try:
            now = job if number == 1 else running_job(rest, job.id)
            found.append(measure(rest, now, seconds, partial(_say_sample, note, number)))
        except RestError as error:
            refused = error
            note(f"sample {number} is left out: {error}")
            time.sleep(max(started + seconds - time.monotonic(), 0.0))
    if not found:
        assert refused is not None
        raise refused
    return found


def _say_sample(note: Callable[[str], None], number: int, text: str) -> None:
    note(f"sample {number}: {text}")


def together(samples: Sequence[Measured]) -> Measured:
    """Return several samples of one job as one: CPU in each, all else as where a vertex was busiest."""
    by_vertex: dict[str, list[VertexLoad]] = defaultdict(list)
    for sample in samples:
        for load in sample.vertices:
            by_vertex[load.vertex].append(load)
    vertices = []
    for loads in by_vertex.values():
        busiest = max(loads, key=lambda load: load.busy)
        cpu = tuple(load.cpu for load in loads if load.cpu is not None)
        known = len(cpu) == len(samples)
        vertices.append(replace(busiest, cpu=max(cpu) if known else None, cpu_samples=cpu if known else None))
    names = {name for sample in samples for name in sample.cores}
    return Measured(
        tuple(vertices),
        {name: max(sample.cores.get(name, 0.0) for sample in samples) for name in sorted(names)},
    )


def with_load(profile: ResourceProfile, graph: JobGraph, measured: Measured) -> ResourceProfile:
    """Return a profile whose vertices carry the measured load, each on the first operator of its chain.

    What was not measured keeps its load: of samples that are not as many as were measured the highest.
    """
    by_id = {load.vertex: load for load in measured.vertices}
    several = next((len(load.cpu_samples) for load in measured.vertices if load.cpu_samples), None)
    loads: dict[int, Load | None] = {
        node.id: load.model_copy(update={"cpu": load.highest_cpu, "cpu_samples": None})
        for node, load in loads_of(profile.nodes)
        if load.cpu_samples is not None and several is not None and len(load.cpu_samples) != several
    }
    for vertex in graph.vertices:
        found = by_id.get(vertex.id)
        if found is None or found.cpu is None:
            continue
        loads |= dict.fromkeys(vertex.nodes)
        alone, busy = len(vertex.nodes) == 1, round(min(found.busy, 1.0), 6)
        once = found.cpu_samples is None
        first = Load.model_construct(
            cpu=found.cpu if once else None, cpu_samples=list(found.cpu_samples or ()) or None, busy=busy
        )
        loads[vertex.nodes[0]] = first
        # what leaves the chain leaves its last operator
        sent = Load.model_construct(
            cpu=first.cpu if alone else None,
            cpu_samples=first.cpu_samples if alone else None,
            busy=busy if alone else None,
            records_per_second=round(found.records, 3),
            bytes_per_record=None if found.bytes_per_record is None else round(found.bytes_per_record, 3),
        )
        loads[vertex.nodes[-1]] = sent
    return profile.model_copy(update={"nodes": [_loaded(node, loads) for node in profile.nodes]})


def _loaded(node: Node, loads: Mapping[int, Load | None]) -> Node:
    if node.id not in loads or node.planner is None:
        return node
    return node.model_copy(update={"planner": node.planner.model_copy(update={"load": loads[node.id]})})
