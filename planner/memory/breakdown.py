"""Where every number of a process's memory comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from planner.memory.jobmanager import PREFIX as JM
from planner.memory.jobmanager import derive_jobmanager
from planner.memory.launch import launch_jobmanager, launch_taskmanager
from planner.memory.process import FRAMEWORK, Options
from planner.memory.taskmanager import FALLBACKS, TaskManagerMemory, derive_taskmanager
from planner.memory.taskmanager import PREFIX as TM
from planner.units import MIB, format_size, format_size_human


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a process's memory: its name in documents, bytes, how it came about, what limits it."""

    name: str
    size: int
    how: str
    pool: str


class Process(StrEnum):
    """A process of Flink."""

    TASKMANAGER = "taskmanager"
    JOBMANAGER = "jobmanager"


@dataclass(frozen=True)
class ProcessMemory:
    """The memory of a process: its parts with the reason for each, and how Flink's scripts start it."""

    parts: tuple[Part, ...]
    flink: int
    process: int
    jvm_arguments: tuple[str, ...]
    dynamic_options: Mapping[str, str]


HEAP, DIRECT, NATIVE = "JVM heap", "JVM direct memory", "native memory"


def process_memory(process: Process, configuration: Mapping[str, str]) -> ProcessMemory:
    """Return the memory of a process with the reason for each part.

    Raises:
        MemoryConfigurationError: where Flink refuses to start.

    """
    of_taskmanager = process is Process.TASKMANAGER
    launch = (launch_taskmanager if of_taskmanager else launch_jobmanager)(configuration)
    parts = (taskmanager_parts if of_taskmanager else jobmanager_parts)(configuration)
    return ProcessMemory(
        parts=tuple(parts),
        flink=launch.memory.flink,
        process=launch.memory.process,
        jvm_arguments=tuple(launch.jvm_arguments),
        dynamic_options=launch.dynamic_options,
    )


def taskmanager_parts(configuration: Mapping[str, str]) -> list[Part]:
    """Return the parts of a TaskManager with the reason for each.

    Raises:
        MemoryConfigurationError: where Flink refuses to start.

    """
    memory = derive_taskmanager(configuration)
    options = Options(configuration, TM, FALLBACKS)
    fine = options.size("task.heap.size") is not None and options.size("managed.size") is not None
    totals = "total Flink memory" if not fine or options.size("flink.size") is not None else "the other parts"
    return [
        Part("frameworkHeap", memory.framework_heap, _set(options, "framework.heap.size", FRAMEWORK), HEAP),
        Part("taskHeap", memory.task_heap, _task_heap(options), HEAP),
        Part(
            "frameworkOffHeap",
            memory.framework_off_heap,
            _set(options, "framework.off-heap.size", FRAMEWORK),
            DIRECT,
        ),
        Part("taskOffHeap", memory.task_off_heap, _set(options, "task.off-heap.size", 0), DIRECT),
        Part("network", memory.network, _network(options, fine, totals), DIRECT),
        Part("managed", memory.managed, _managed(options, memory), NATIVE),
        Part(
            "jvmMetaspace",
            memory.jvm_metaspace,
            _set(options, "jvm-metaspace.size", 256 * MIB),
            "JVM metaspace",
        ),
        Part("jvmOverhead", memory.jvm_overhead, _overhead(options, fine), NATIVE),
    ]


def jobmanager_parts(configuration: Mapping[str, str]) -> list[Part]:
    """Return the parts of a JobManager with the reason for each.

    Raises:
        MemoryConfigurationError: where Flink refuses to start.

    """
    memory = derive_jobmanager(configuration)
    options = Options(configuration, JM, {})
    heap = options.size("heap.size")
    heap_how = _configured(options, "heap.size") if heap is not None else "total Flink memory - off-heap"
    beside = heap is not None and options.size("flink.size") is not None
    off_heap = "total Flink memory - heap" if beside else _set(options, "off-heap.size", FRAMEWORK)
    direct = DIRECT if memory.direct_limit else "direct memory, no JVM limit"
    return [
        Part("heap", memory.heap, heap_how, HEAP),
        Part("offHeap", memory.off_heap, off_heap, direct),
        Part(
            "jvmMetaspace",
            memory.jvm_metaspace,
            _set(options, "jvm-metaspace.size", 256 * MIB),
            "JVM metaspace",
        ),
        Part("jvmOverhead", memory.jvm_overhead, _overhead(options, heap is not None), NATIVE),
    ]


def _configured(options: Options, name: str) -> str:
    key = options.key(name)
    return f"{key if key in options.configuration else options.fallbacks.get(name, key)}"


def _set(options: Options, name: str, default: int) -> str:
    if options.raw(name) is not None:
        return _configured(options, name)
    return f"default of {options.key(name)}, {format_size(default)}"


def _task_heap(options: Options) -> str:
    if options.raw("task.heap.size") is not None:
        return _configured(options, "task.heap.size")
    return "what total Flink memory leaves"


def _managed(options: Options, memory: TaskManagerMemory) -> str:
    if options.raw("managed.size") is not None:
        return _configured(options, "managed.size")
    fraction = options.raw("managed.fraction") or "0.4"
    return f"managed.fraction {fraction} x total Flink memory {format_size_human(memory.flink)}"


def _network(options: Options, fine: bool, totals: str) -> str:
    if options.raw("task.heap.size") is not None and totals == "total Flink memory":
        return "what total Flink memory leaves"
    fraction = options.raw("network.fraction") or "0.1"
    low, high = options.raw("network.min") or "64 mb", options.raw("network.max")
    base = "total Flink memory" if not fine else "total Flink memory with it"
    bounds = f"at least {low}" + (f", at most {high}" if high else "")
    return f"network.fraction {fraction} x {base}, {bounds}"


def _overhead(options: Options, fine: bool) -> str:
    process = options.raw("process.size")
    if process is not None and (fine or options.raw("flink.size") is not None):
        return "what total process memory leaves"
    fraction = options.raw("jvm-overhead.fraction") or "0.1"
    low, high = options.raw("jvm-overhead.min") or "192 mb", options.raw("jvm-overhead.max") or "1 gb"
    return f"jvm-overhead.fraction {fraction} x total process memory, {low} to {high}"
