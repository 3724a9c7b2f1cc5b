"""Backwards: the options and the process size that give exactly the parts that are needed."""

from __future__ import annotations

from collections.abc import Mapping

from planner.memory.process import FRAMEWORK, Options
from planner.memory.taskmanager import PREFIX, TaskManagerMemory

NEEDS = ("task_heap", "task_off_heap", "managed", "network")


def size_taskmanager(
    needs: Mapping[str, int], configuration: Mapping[str, str] | None = None
) -> TaskManagerMemory:
    """Return the smallest TaskManager that has exactly the needed parts, in bytes.

    Args:
        needs: sizes of ``task_heap``, ``task_off_heap``, ``managed`` and ``network``; what is not
            named is 0, network memory at least one segment.
        configuration: Flink options for what is not needed by slots: framework memory, metaspace and
            the range and fraction of the JVM overhead; Flink's defaults where they are not set.

    The JVM overhead follows from the rest by Flink's own rule, so the process size is the one Flink
    itself would derive from these parts.

    Raises:
        MemoryConfigurationError: when ``configuration`` is not consistent.

    """
    options = Options(configuration or {}, PREFIX, {})
    segment = options.sized("segment-size", 32 * 1024)
    parts = {name: needs.get(name, 0) for name in NEEDS}
    framework_heap = options.sized("framework.heap.size", FRAMEWORK)
    framework_off_heap = options.sized("framework.off-heap.size", FRAMEWORK)
    blank = TaskManagerMemory(
        framework_heap=framework_heap,
        framework_off_heap=framework_off_heap,
        task_heap=parts["task_heap"],
        task_off_heap=parts["task_off_heap"],
        network=max(parts["network"], segment),
        managed=parts["managed"],
        jvm_metaspace=options.metaspace(),
        jvm_overhead=0,
    )
    overhead = options.overhead_range().on_top_of(blank.flink + blank.jvm_metaspace)
    return TaskManagerMemory(
        blank.framework_heap,
        blank.framework_off_heap,
        blank.task_heap,
        blank.task_off_heap,
        blank.network,
        blank.managed,
        blank.jvm_metaspace,
        overhead,
    )


def exact_options(memory: TaskManagerMemory) -> dict[str, str]:
    """Return the options with which Flink derives exactly ``memory``, and refuses any other process size."""
    return {f"{PREFIX}process.size": f"{memory.process}b", **memory.dynamic_options()}
