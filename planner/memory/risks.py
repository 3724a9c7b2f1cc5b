"""How close each pool of a TaskManager's memory is to its limit, and what happens there."""

from __future__ import annotations

from dataclasses import dataclass

from planner.documents.placement import PlacedLoad
from planner.memory.off_heap import native_demand
from planner.memory.taskmanager import TaskManagerMemory
from planner.units import MIB

FLINK_METASPACE = 53 * MIB
"""Metaspace of a TaskManager with a job of Flink's own classes: docs/benchmarks/metaspace.md."""
CLIENT_METASPACE = 18 * MIB
"""Metaspace of one client with its libraries: 18.2 MB a job with Paimon's, reported in apache/paimon#9795."""


@dataclass(frozen=True, slots=True)
class Risk:
    """A pool with a limit: what is planned in it, in bytes, how it ends, what to change.

    Where ``at_most``, the demand is what the pool could take at the most, which hardly any process does.
    """

    pool: str
    limit: int
    demand: int
    symptom: str
    advice: str
    confidence: str
    at_most: bool = False

    @property
    def headroom(self) -> float:
        """The share of the pool that is left; negative where more is planned than fits."""
        return 1 - self.demand / self.limit if self.limit else 0.0


def risks(memory: TaskManagerMemory, load: PlacedLoad, tasks: int, clients: int = 0) -> list[Risk]:
    """Return the pools of a TaskManager with ``tasks`` tasks, the one with least headroom first.

    Symptoms are those of Flink's memory troubleshooting page. Demands of slots are what their groups
    reserve; that of metaspace is for a job with ``clients`` different clients. Native memory comes last: its
    demand is an upper limit by JVM defaults, which says what to reserve and not what to expect.
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
            at_most=True,
        ),
        Risk(
            "metaspace",
            memory.jvm_metaspace,
            FLINK_METASPACE + clients * CLIENT_METASPACE,
            "OutOfMemoryError: Metaspace",
            "raise taskmanager.memory.jvm-metaspace.size; in a session cluster every job that runs here, and"
            " every one that leaves classes behind when it ends, takes as much again",
            f"estimate: Flink's own classes and {clients} clients of one job",
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
    return sorted(found, key=lambda risk: (risk.at_most, risk.headroom))
