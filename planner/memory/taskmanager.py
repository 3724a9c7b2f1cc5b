"""Memory of a TaskManager, to the byte as Flink derives it (`TaskExecutorProcessUtils`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.memory.process import FRAMEWORK, MemoryConfigurationError, Options, Range
from planner.units import LONG_MAX, MIB, format_size_human

PREFIX = "taskmanager.memory."
MIN_NETWORK = 64 * MIB
"""Flink's default of ``taskmanager.memory.network.min``."""
FALLBACKS = {
    "managed.size": "taskmanager.memory.size",
    "network.min": "taskmanager.network.memory.min",
    "network.max": "taskmanager.network.memory.max",
    "network.fraction": "taskmanager.network.memory.fraction",
}


SLOT_PARTS = (
    "task.heap.size",
    "task.off-heap.size",
    "managed.size",
    "managed.fraction",
    "network.min",
    "network.max",
    "network.fraction",
)
"""Options of the parts of memory that slots take, without `PREFIX`."""
_IN_FLINK = ("flink.size", "process.size", "framework.heap.size", "framework.off-heap.size", *SLOT_PARTS)
"""Options that share out total Flink memory, and those that say how much it is."""


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

    def all_options(self) -> dict[str, str]:
        """Return the options of every size, its totals too: they override those of a configuration file."""
        totals = {PREFIX + "process.size": self.process, PREFIX + "flink.size": self.flink}
        return {**self.dynamic_options(), **{key: f"{size}b" for key, size in totals.items()}}


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
    given = {
        name: options.raw(f"{name}.size") is not None for name in ("task.heap", "managed", "flink", "process")
    }
    overhead: int | None = None
    if given["task.heap"] and given["managed"]:
        fixed, (heap, network, managed) = _from_parts(options)
    elif given["flink"]:
        fixed, (heap, network, managed) = _split(options, options.sized("flink.size", 0))
    elif given["process"]:
        flink, overhead = options.flink_from_process(options.sized("process.size", 0))
        fixed, (heap, network, managed) = _split(options, flink)
    else:
        raise options.none_given(
            "set taskmanager.memory.process.size, taskmanager.memory.flink.size,"
            " or both taskmanager.memory.task.heap.size and taskmanager.memory.managed.size"
        )
    if overhead is None:
        total = (
            fixed.framework_heap + fixed.framework_off_heap + heap + fixed.task_off_heap + network + managed
        )
        overhead = options.overhead_beside(total)
    return TaskManagerMemory(
        framework_heap=fixed.framework_heap,
        framework_off_heap=fixed.framework_off_heap,
        task_heap=heap,
        task_off_heap=fixed.task_off_heap,
        network=network,
        managed=managed,
        jvm_metaspace=options.metaspace(),
        jvm_overhead=overhead,
    )


def _fixed(options: Options) -> _Fixed:
    return _Fixed(
        options.sized("framework.heap.size", FRAMEWORK),
        options.sized("framework.off-heap.size", FRAMEWORK),
        options.size("task.heap.size"),
        options.sized("task.off-heap.size", 0),
        options.size("managed.size"),
    )


Split = tuple[_Fixed, tuple[int, int, int]]
"""What is configured, and the task heap, network and managed memory that follow."""


def _from_parts(options: Options) -> Split:
    fixed = _fixed(options)
    heap, managed = fixed.task_heap or 0, fixed.managed or 0
    base = fixed.framework_heap + fixed.framework_off_heap + heap + fixed.task_off_heap + managed
    flink = options.size("flink.size")
    if flink is None:
        return fixed, (heap, network_range(options).on_top_of(base), managed)
    return fixed, (heap, _rest_for_network(options, flink, base), managed)


def _split(options: Options, flink: int) -> Split:
    """Split total Flink memory into task heap, network and managed memory."""
    fixed = _fixed(options)
    managed = fixed.managed
    if managed is None:
        fraction = options.fraction("managed.fraction", 0.4)
        managed = options.checked("managed memory", "managed", 0, LONG_MAX, fraction).part_of(flink)
    base = fixed.framework_heap + fixed.framework_off_heap + fixed.task_off_heap + managed
    if fixed.task_heap is not None:
        return fixed, (fixed.task_heap, _rest_for_network(options, flink, base + fixed.task_heap), managed)
    network = network_range(options).part_of(flink)
    if base + network > flink:
        raise MemoryConfigurationError(
            "MEM402",
            f"framework, task off-heap, managed ({format_size_human(managed)}) and network memory"
            f" ({format_size_human(network)}) are {format_size_human(base + network)} together, more than"
            f" total Flink memory {format_size_human(flink)}",
            *(options.key(name) for name in _IN_FLINK),
        )
    return fixed, (flink - base - network, network, managed)


def network_range(options: Options) -> Range:
    """Return the bounds and fraction of network memory."""
    return options.range("network memory", "network", 64 * MIB, LONG_MAX, 0.1)


def _rest_for_network(options: Options, flink: int, base: int) -> int:
    """Return network memory where everything else is given: what remains of total Flink memory."""
    if base > flink:
        raise MemoryConfigurationError(
            "MEM402",
            f"the configured parts are {format_size_human(base)} together,"
            f" more than total Flink memory {format_size_human(flink)}",
            *(options.key(name) for name in _IN_FLINK),
        )
    network = flink - base
    try:
        allowed = network_range(options)
    except MemoryConfigurationError as error:
        if error.code != "MEM406":
            raise
        raise MemoryConfigurationError(
            "MEM403", f"network memory is what remains, but {error}", *error.keys
        ) from None
    if not allowed.min <= network <= allowed.max:
        raise MemoryConfigurationError(
            "MEM403",
            f"network memory has to be what remains, {format_size_human(network)}, which is not within"
            f" {format_size_human(allowed.min)} and {format_size_human(allowed.max)}",
            options.key("network.min"),
            options.key("network.max"),
        )
    return network
