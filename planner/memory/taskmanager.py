"""Memory of a TaskManager, to the byte as Flink derives it (`TaskExecutorProcessUtils`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.memory.process import MemoryConfigurationError, Options, Range
from planner.units import LONG_MAX, MIB, format_size_human

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "taskmanager.memory."
FALLBACKS = {
    "managed.size": "taskmanager.memory.size",
    "network.min": "taskmanager.network.memory.min",
    "network.max": "taskmanager.network.memory.max",
    "network.fraction": "taskmanager.network.memory.fraction",
}


@dataclass(frozen=True, slots=True)
class TaskManagerMemory:
    """The parts of a TaskManager's memory, in bytes."""

    framework_heap: int
    framework_off_heap: int
    task_heap: int
    task_off_heap: int
    network: int
    managed: int
    jvm_metaspace: int
    jvm_overhead: int

    @property
    def flink(self) -> int:
        """Total Flink memory."""
        return (
            self.framework_heap
            + self.framework_off_heap
            + self.task_heap
            + self.task_off_heap
            + self.network
            + self.managed
        )

    @property
    def process(self) -> int:
        """Total process memory."""
        return self.flink + self.jvm_metaspace + self.jvm_overhead

    def jvm_arguments(self) -> list[str]:
        """Return the JVM arguments of Flink's start script; managed memory and overhead have none."""
        heap = self.framework_heap + self.task_heap
        direct = self.framework_off_heap + self.task_off_heap + self.network
        return [
            f"-Xmx{heap}",
            f"-Xms{heap}",
            f"-XX:MaxDirectMemorySize={direct}",
            f"-XX:MaxMetaspaceSize={self.jvm_metaspace}",
        ]

    def dynamic_options(self) -> dict[str, str]:
        """Return the memory options that Flink's start script passes with ``-D``."""
        sizes = {
            "framework.heap.size": self.framework_heap,
            "framework.off-heap.size": self.framework_off_heap,
            "jvm-metaspace.size": self.jvm_metaspace,
            "jvm-overhead.max": self.jvm_overhead,
            "jvm-overhead.min": self.jvm_overhead,
            "managed.size": self.managed,
            "network.max": self.network,
            "network.min": self.network,
            "task.heap.size": self.task_heap,
            "task.off-heap.size": self.task_off_heap,
        }
        return {PREFIX + name: f"{size}b" for name, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class _Fixed:
    framework_heap: int
    framework_off_heap: int
    task_heap: int | None
    task_off_heap: int
    managed: int | None


def derive_taskmanager(configuration: Mapping[str, str]) -> TaskManagerMemory:
    """Return the memory that Flink derives from ``configuration`` (full option keys).

    Raises:
        MemoryConfigurationError: where Flink refuses to start, with the same cause.

    """
    options = Options(configuration, PREFIX, FALLBACKS)
    flink, process = options.size("flink.size"), options.size("process.size")
    fixed = _Fixed(
        options.sized("framework.heap.size", 128 * MIB),
        options.sized("framework.off-heap.size", 128 * MIB),
        options.size("task.heap.size"),
        options.sized("task.off-heap.size", 0),
        options.size("managed.size"),
    )
    overhead: int | None = None
    if fixed.task_heap is not None and fixed.managed is not None:
        heap, network, managed = _from_parts(options, fixed, fixed.task_heap, fixed.managed, flink)
    elif flink is not None:
        heap, network, managed = _split(options, fixed, flink)
    elif process is not None:
        total, overhead = options.flink_from_process(process)
        heap, network, managed = _split(options, fixed, total)
    else:
        raise MemoryConfigurationError(
            "MEM401",
            "no memory is configured: set taskmanager.memory.process.size, taskmanager.memory.flink.size,"
            " or both taskmanager.memory.task.heap.size and taskmanager.memory.managed.size",
            options.key("process.size"),
        )
    parts = TaskManagerMemory(
        fixed.framework_heap,
        fixed.framework_off_heap,
        heap,
        fixed.task_off_heap,
        network,
        managed,
        options.metaspace(),
        overhead or 0,
    )
    if overhead is not None:
        return parts
    return TaskManagerMemory(
        parts.framework_heap,
        parts.framework_off_heap,
        heap,
        parts.task_off_heap,
        network,
        managed,
        parts.jvm_metaspace,
        options.overhead_beside(parts.flink),
    )


def _from_parts(
    options: Options, fixed: _Fixed, heap: int, managed: int, flink: int | None
) -> tuple[int, int, int]:
    base = fixed.framework_heap + fixed.framework_off_heap + heap + fixed.task_off_heap + managed
    if flink is None:
        return heap, _network_range(options).on_top_of(base), managed
    return heap, _rest_for_network(options, flink, base), managed


def _split(options: Options, fixed: _Fixed, flink: int) -> tuple[int, int, int]:
    """Split total Flink memory into task heap, network and managed memory."""
    managed = fixed.managed
    if managed is None:
        fraction = options.fraction("managed.fraction", 0.4)
        managed = options.checked("managed memory", "managed", 0, LONG_MAX, fraction).of(flink)
    base = fixed.framework_heap + fixed.framework_off_heap + fixed.task_off_heap + managed
    if fixed.task_heap is not None:
        return fixed.task_heap, _rest_for_network(options, flink, base + fixed.task_heap), managed
    network = _network_range(options).of(flink)
    if base + network > flink:
        raise MemoryConfigurationError(
            "MEM402",
            f"framework, task off-heap, managed ({format_size_human(managed)}) and network memory"
            f" ({format_size_human(network)}) are {format_size_human(base + network)} together, more than"
            f" total Flink memory {format_size_human(flink)}",
            options.key("flink.size"),
            options.key("process.size"),
        )
    return flink - base - network, network, managed


def _network_range(options: Options) -> Range:
    return options.range("network memory", "network", 64 * MIB, LONG_MAX, 0.1)


def _rest_for_network(options: Options, flink: int, base: int) -> int:
    """Return network memory where everything else is given: what remains of total Flink memory."""
    if base > flink:
        raise MemoryConfigurationError(
            "MEM402",
            f"the configured parts are {format_size_human(base)} together,"
            f" more than total Flink memory {format_size_human(flink)}",
            options.key("flink.size"),
            options.key("task.heap.size"),
            options.key("managed.size"),
        )
    network, allowed = flink - base, _network_range(options)
    if not allowed.min <= network <= allowed.max:
        raise MemoryConfigurationError(
            "MEM403",
            f"network memory has to be what remains, {format_size_human(network)}, which is not within"
            f" {format_size_human(allowed.min)} and {format_size_human(allowed.max)}",
            options.key("network.min"),
            options.key("network.max"),
        )
    return network
