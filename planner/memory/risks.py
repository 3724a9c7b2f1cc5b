"""How close each pool of a TaskManager's memory is to its limit, and what happens there."""

from __future__ import annotations

from dataclasses import dataclass

from planner.documents.placement import PlacedLoad
from planner.memory.off_heap import native_demand
from planner.memory.taskmanager import TaskManagerMemory


@dataclass(frozen=True, slots=True)
class Risk:
    """A pool with a limit: what is planned in it, in bytes, how it ends, what to change."""

    pool: str
    limit: int
    demand: int
    symptom: str
    advice: str
    confidence: str

    @property
    def headroom(self) -> float:
        """The share of the pool that is left; negative where more is planned than fits."""
        return 1 - self.demand / self.limit if self.limit else 0.0


def risks(memory: TaskManagerMemory, load: PlacedLoad, tasks: int) -> list[Risk]:
    """Return the pools of a TaskManager with ``tasks`` tasks, the one with least headroom first.

    Symptoms are those of Flink's memory troubleshooting page. Demands of slots are what their groups
    reserve; that of native memory is an upper limit by JVM defaults.
    """
    direct = memory.framework_off_heap + memory.task_off_heap + memory.network
    found = [
        Risk(
            "JVM overhead",
            memory.jvm_overhead,
            sum(use.size for use in native_demand(tasks, memory.framework_heap + memory.task_heap)),
            "the container is killed: exit 137, OOMKilled",
            "raise jvm-overhead.max and .fraction; set MALLOC_ARENA_MAX=2 or use jemalloc, since glibc keeps"
            " an arena for every thread",
            "upper limit by JVM defaults",
        ),
        Risk(
            "direct memory",
            direct,
            load.off_heap + memory.network,
            "OutOfMemoryError: Direct buffer memory",
            "raise offHeap of the group whose clients use it",
            "offHeap of the groups: see planner compile --explain",
        ),
        Risk(
            "task heap",
            memory.task_heap,
            load.heap,
            "OutOfMemoryError: Java heap space, or GC overhead limit exceeded",
            "raise heap of a group, or put fewer of its slots here",
            "heap of the groups",
        ),
        Risk(
            "network",
            memory.network,
            load.network,
            "IOException: Insufficient number of network buffers",
            "raise taskmanager.memory.network.min and .max, or lower parallelism",
            "exact",
        ),
    ]
    return sorted(found, key=lambda risk: risk.headroom)
