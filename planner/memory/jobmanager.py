"""Memory of a JobManager, to the byte as Flink derives it (`JobManagerProcessUtils`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.memory.process import FRAMEWORK, MemoryConfigurationError, Options
from planner.units import format_size_human

PREFIX = "jobmanager.memory."


@dataclass(frozen=True, slots=True)
class JobManagerMemory:
    """The parts of a JobManager's memory, in bytes."""

    heap: int
    off_heap: int
    jvm_metaspace: int
    jvm_overhead: int
    direct_limit: bool = False

    @property
    def flink(self) -> int:
        """Total Flink memory."""
        return self.heap + self.off_heap

    @property
    def process(self) -> int:
        """Total process memory."""
        return self.flink + self.jvm_metaspace + self.jvm_overhead

    def dynamic_options(self) -> dict[str, str]:
        """Return the memory options that Flink's start script passes with ``-D``."""
        sizes = {
            "heap.size": self.heap,
            "jvm-metaspace.size": self.jvm_metaspace,
            "jvm-overhead.max": self.jvm_overhead,
            "jvm-overhead.min": self.jvm_overhead,
            "off-heap.size": self.off_heap,
        }
        return {PREFIX + name: f"{size}b" for name, size in sizes.items()}


def derive_jobmanager(configuration: Mapping[str, str]) -> JobManagerMemory:
    """Return the memory that Flink derives from ``configuration`` (full option keys).

    Raises:
        MemoryConfigurationError: where Flink refuses to start, with the same cause.

    """
    options = Options(configuration, PREFIX, {})
    overhead: int | None = None
    if options.raw("heap.size") is not None:
        heap = options.sized("heap.size", 0)
        off_heap = _off_heap_beside(options, heap, options.size("flink.size"))
    elif options.raw("flink.size") is not None:
        heap, off_heap = _split(options, options.sized("flink.size", 0))
    elif options.raw("process.size") is not None:
        flink, overhead = options.flink_from_process(options.sized("process.size", 0))
        heap, off_heap = _split(options, flink)
    else:
        raise options.none_given(
            "set jobmanager.memory.process.size, jobmanager.memory.flink.size or jobmanager.memory.heap.size"
        )
    metaspace = options.metaspace()
    if overhead is None:
        overhead = options.overhead_beside(heap + off_heap)
    return JobManagerMemory(
        heap, off_heap, metaspace, overhead, options.flag("enable-jvm-direct-memory-limit")
    )


def _off_heap_beside(options: Options, heap: int, flink: int | None) -> int:
    """Return off-heap memory where the heap is given: configured, or what total Flink memory leaves."""
    configured = options.size("off-heap.size")
    if flink is None:
        return FRAMEWORK if configured is None else configured
    rest = flink - heap
    if rest < 0 or (configured is not None and configured != rest):
        raise MemoryConfigurationError(
            "MEM402",
            f"JVM heap {format_size_human(heap)} plus off-heap memory"
            f" {format_size_human(configured or 0)} are not total Flink memory {format_size_human(flink)}",
            options.key("flink.size"),
            options.key("heap.size"),
            options.key("off-heap.size"),
        )
    return rest


def _split(options: Options, flink: int) -> tuple[int, int]:
    off_heap = options.sized("off-heap.size", FRAMEWORK)
    if flink <= off_heap:
        raise MemoryConfigurationError(
            "MEM402",
            f"off-heap memory {format_size_human(off_heap)} leaves no heap in total Flink memory"
            f" {format_size_human(flink)}",
            options.key("off-heap.size"),
            options.key("flink.size"),
            options.key("process.size"),
        )
    return flink - off_heap, off_heap
