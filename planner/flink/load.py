"""Measured load of a running job: CPU, records and bytes of one subtask of every vertex.

CPU is an estimate: what the TaskManagers' processes used over a window (`Status.JVM.CPU.Time`), shared
out by the time that subtasks were busy (`busyTimeMsPerSecond`). The rest is as Flink's metrics say.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from planner.documents.job import Load
from planner.documents.profile import Node, ResourceProfile
from planner.flink.rest import Rest, RunningJob
from planner.graph.job import JobGraph
from planner.units import CORE

_METRICS = (
    "busyTimeMsPerSecond",
    "backPressuredTimeMsPerSecond",
    "numRecordsOutPerSecond",
    "numBytesOutPerSecond",
)
CPU_TIME = "Status.JVM.CPU.Time"
NANOS = 10**9
COLLECTED = 25.0
"""Seconds within which Flink should have metrics of a job that just began."""
MEASURED_AGAIN = 1.0
"""Seconds between readings of the rates in a window."""


@dataclass(frozen=True, slots=True)
class VertexLoad:
    """One subtask of a vertex on average; ``cpu`` in CPU units, None where Flink measures no busy time."""

    vertex: str
    name: str
    busy: float
    backpressured: float
    cpu: int | None
    records: float
    bytes_per_record: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The load of a job over a window, and the cores that each TaskManager used in it."""

    vertices: tuple[VertexLoad, ...]
    cores: Mapping[str, float]


def measure(
    rest: Rest, job: RunningJob, seconds: float, note: Callable[[str], None] = lambda _: None
) -> Measured:
    """Return the load of a running job over the next ``seconds``.

    Raises:
        RestError: when the cluster does not answer.

    """
    _wait_for_figures(rest, job, note)
    hosts = sorted({subtask.task_manager for vertex in job.vertices for subtask in vertex.subtasks} - {""})
    start, before = time.monotonic(), _cpu_times(rest, hosts)
    readings: dict[str, list[dict[str, float]]] = {vertex.id: [] for vertex in job.vertices}
    while (left := start + seconds - time.monotonic()) > 0:
        note(f"measuring, {left:.0f} s left")
        for vertex in job.vertices:
            readings[vertex.id].append(_averages(rest, job.id, vertex.id))
        time.sleep(min(MEASURED_AGAIN, max(start + seconds - time.monotonic(), 0)))
    spent = time.monotonic() - start
    after = _cpu_times(rest, hosts)
    cores = {
        host: (after[host] - before[host]) / NANOS / spent
        for host in hosts
        if host in after and host in before
    }
    return Measured(tuple(_loads(job, readings, sum(cores.values()))), cores)


def _wait_for_figures(rest: Rest, job: RunningJob, note: Callable[[str], None]) -> None:
    """Wait until Flink has collected metrics of every vertex, which it does every 10 s, or give up."""
    until = time.monotonic() + COLLECTED
    while time.monotonic() < until:
        if all(_averages(rest, job.id, vertex.id) for vertex in job.vertices):
            return
        note("waiting for Flink to collect metrics")
        time.sleep(MEASURED_AGAIN)


def _cpu_times(rest: Rest, hosts: Iterable[str]) -> dict[str, float]:
    """Return the CPU time of TaskManagers in nanoseconds."""
    found = {}
    for host in hosts:
        for metric in rest.get(f"/taskmanagers/{host}/metrics?get={CPU_TIME}"):
            found[host] = float(metric["value"])
    return found


def _averages(rest: Rest, job: str, vertex: str) -> dict[str, float]:
    """Return the mean of each metric over the subtasks of a vertex, without what is not a number."""
    told = rest.get(f"/jobs/{job}/vertices/{vertex}/subtasks/metrics?get={','.join(_METRICS)}&agg=avg")
    values = {str(metric["id"]): float(metric["avg"]) for metric in told}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _mean(readings: list[dict[str, float]], name: str) -> float | None:
    values = [reading[name] for reading in readings if name in reading]
    return sum(values) / len(values) if values else None


def _loads(
    job: RunningJob, readings: Mapping[str, list[dict[str, float]]], cores: float
) -> Iterable[VertexLoad]:
    busy = {vertex.id: _mean(readings[vertex.id], _METRICS[0]) for vertex in job.vertices}
    whole = sum((busy[vertex.id] or 0.0) * vertex.parallelism for vertex in job.vertices)
    for vertex in job.vertices:
        mine, values = busy[vertex.id], readings[vertex.id]
        records = _mean(values, _METRICS[2]) or 0.0
        sent = _mean(values, _METRICS[3])
        yield VertexLoad(
            vertex=vertex.id,
            name=vertex.name,
            busy=(mine or 0.0) / 1000,
            backpressured=(_mean(values, _METRICS[1]) or 0.0) / 1000,
            cpu=round(CORE * cores * mine / whole) if mine is not None and whole else None,
            records=records,
            bytes_per_record=sent / records if sent is not None and records else None,
        )


def with_load(profile: ResourceProfile, graph: JobGraph, measured: Measured) -> ResourceProfile:
    """Return a profile whose vertices carry the measured load, each on the first operator of its chain."""
    by_id = {load.vertex: load for load in measured.vertices}
    loads: dict[int, Load | None] = {}
    for vertex in graph.vertices:
        found = by_id.get(vertex.id)
        if found is None or found.cpu is None:
            continue
        loads |= dict.fromkeys(vertex.nodes)
        loads[vertex.nodes[0]] = Load.model_construct(cpu=found.cpu)
        # what leaves the chain leaves its last operator
        sent = Load.model_construct(
            cpu=found.cpu if len(vertex.nodes) == 1 else None,
            records_per_second=round(found.records, 3),
            bytes_per_record=None if found.bytes_per_record is None else round(found.bytes_per_record, 3),
        )
        loads[vertex.nodes[-1]] = sent
    return profile.model_copy(update={"nodes": [_loaded(node, loads) for node in profile.nodes]})


def _loaded(node: Node, loads: Mapping[int, Load | None]) -> Node:
    if node.id not in loads or node.planner is None:
        return node
    return node.model_copy(update={"planner": node.planner.model_copy(update={"load": loads[node.id]})})
