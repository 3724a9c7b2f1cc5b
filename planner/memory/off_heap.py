"""Catalogue of memory outside the heap that Flink's own model does not know of.

Operators: direct memory of one subtask, by kind. Processes: native memory of one TaskManager beside
the parts that Flink configures, which has to fit in the JVM overhead. Nothing here was measured on the
user's job; each entry says what it rests on and how far that goes: ``documented`` is a default or a
limit of the library named, ``estimate`` is planner's starting value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from planner.units import MIB

Confidence = Literal["documented", "estimate", "declared"]


@dataclass(frozen=True, slots=True)
class OffHeapUse:
    """An amount in bytes, why it is used, what the figure rests on, and how sure that is."""

    size: int
    reason: str
    source: str
    confidence: Confidence = "documented"


Catalogue = Mapping[str, OffHeapUse]
"""Direct memory of one subtask by kind of operator."""


def job_catalogue(sizes: Mapping[str, int]) -> Catalogue:
    """Return what a job document declares of kinds of operators, in bytes."""
    return {
        kind: OffHeapUse(size, "as the job declares for this kind", "spec.offHeapCatalogue", "declared")
        for kind, size in sizes.items()
    }


NONE = OffHeapUse(0, "no direct memory of its own", "plain operators work on heap and managed memory")
_NETTY = OffHeapUse(
    16 * MIB,
    "pooled buffers of a Netty client, one chunk for each of four event loops",
    "Netty's default chunk of 4 MiB (io.netty.allocator.maxOrder 9); four event loops are assumed",
    "estimate",
)
_PULSAR = OffHeapUse(
    64 * MIB,
    "pooled buffers of the client's Netty, one chunk for each of four event loops",
    "chunks of 16 MiB in a report (streamnative/pulsar-flink#267); four event loops are assumed",
    "estimate",
)
_FLUSS = OffHeapUse(
    64 * MIB,
    "buffers of the client's Netty, one fetch of 16 MiB for each of four servers",
    "Fluss' maintainers: 16 MiB for each server, 64 MiB at least (apache/fluss#2236, apache/fluss#2773)",
)
_ARROW = OffHeapUse(
    64 * MIB,
    "Arrow batches, four chunks of Arrow's allocator",
    "Arrow allocates direct memory by chunks of 16 MiB (apache/fluss#2729); four are assumed. Reported to run"
    " out: apache/doris#14715, StarRocks/starrocks#9224, apache/fluss#1909",
    "estimate",
)
_BLOCKING = OffHeapUse(
    MIB,
    "direct buffers of blocking sockets, one for each thread that reads or writes",
    "the JDK copies at most 128 KiB at a time (sun.nio.ch.NioSocketImpl); eight threads are assumed",
    "estimate",
)
UNKNOWN_CLIENT = OffHeapUse(
    8 * MIB,
    "socket buffers of a client that is not in the catalogue",
    "planner's starting value; declare offHeap to replace it",
    "estimate",
)
"""What a connector that the catalogue does not know is taken to use."""
_S3 = OffHeapUse(
    16 * MIB,
    "upload buffers of the object store client and codecs of the file format",
    "planner's starting value for a file writer; parts themselves are buffered on disk or heap",
    "estimate",
)
_KAFKA_SOURCE = OffHeapUse(
    50 * MIB,
    "the socket read buffer of the consumer, as large as one fetch",
    "Kafka's default fetch.max.bytes (52428800); the JDK reads through a direct buffer of that size",
)
_KAFKA_SINK = OffHeapUse(
    1 * MIB,
    "the socket write buffer of the producer, as large as one request",
    "Kafka's default max.request.size (1048576)",
)
_CLIENTS = {
    "pulsar": _PULSAR,
    "fluss": _FLUSS,
    "elasticsearch": _NETTY,
    "lance": _ARROW,
    "jdbc": _BLOCKING,
}
"""Clients that use the same as a source and as a sink."""
OPERATORS: dict[str, OffHeapUse] = {
    "kafka-source": _KAFKA_SOURCE,
    "upsert-kafka-source": _KAFKA_SOURCE,
    "kafka-sink": _KAFKA_SINK,
    "upsert-kafka-sink": _KAFKA_SINK,
    **{f"{name}-{end}": use for name, use in _CLIENTS.items() for end in ("source", "sink")},
    "mysql-cdc-source": _BLOCKING,
    "postgres-cdc-source": _BLOCKING,
    "doris-source": _ARROW,
    "starrocks-source": _ARROW,
    "file-source": OffHeapUse(
        8 * MIB,
        "codecs of the file format and read buffers of the file system's client",
        "planner's starting value for a file reader",
        "estimate",
    ),
    "async-io": _NETTY,
    "async-lookup-join": _NETTY,
    "file-sink": _S3,
    "iceberg-sink": _S3,
    "paimon-sink": _S3,
    "hudi-sink": _S3,
    "python": OffHeapUse(
        16 * MIB,
        "Arrow batches on their way to the Python worker",
        "planner's starting value; the worker itself lives in managed memory",
        "estimate",
    ),
}
OPERATORS["keyed-python"] = OPERATORS["python"]
_SILENT = {"source", "sink", "legacy-source", "legacy-sink", "datagen-source", "print-sink"}


def off_heap_use(kind: str, catalogue: Catalogue | None = None) -> OffHeapUse:
    """Return what one subtask of an operator of ``kind`` uses; ``catalogue`` goes before planner's own."""
    if catalogue and kind in catalogue:
        return catalogue[kind]
    if kind in OPERATORS:
        return OPERATORS[kind]
    return UNKNOWN_CLIENT if is_client(kind) else NONE


def is_client(kind: str) -> bool:
    """Return whether an operator of ``kind`` talks to another system through a library of its own."""
    return kind not in _SILENT and kind.endswith(("-source", "-sink"))


CODE_CACHE = OffHeapUse(
    240 * MIB,
    "compiled code, at most",
    "the JVM's default ReservedCodeCacheSize with tiered compilation (240m)",
)
THREAD_STACK = OffHeapUse(
    1 * MIB, "the stack of one thread, at most", "the JVM's default ThreadStackSize on 64-bit Linux (1024k)"
)
FRAMEWORK_THREADS = 64
"""Threads of a TaskManager beside one for each task: a starting value, not measured."""


BITMAPS = 32
CARDS = 512
GC_SOURCE = "G1 of Java 17: two mark bitmaps of 1/64 and a card table of 1/512 of the heap"


def native_demand(tasks: int, heap: int) -> list[OffHeapUse]:
    """Return what a TaskManager with ``tasks`` tasks and ``heap`` bytes may use of its JVM overhead."""
    threads = FRAMEWORK_THREADS + tasks
    stacks = OffHeapUse(
        threads * THREAD_STACK.size,
        f"stacks of {threads} threads, one for each of {tasks} tasks and {FRAMEWORK_THREADS} of Flink",
        THREAD_STACK.source,
        "estimate",
    )
    collector = OffHeapUse(heap // BITMAPS + heap // CARDS, "structures of the garbage collector", GC_SOURCE)
    return [CODE_CACHE, stacks, collector]


def overhead_for(tasks: int, size: int) -> int:
    """Return the JVM overhead that holds :func:`native_demand` where it and the heap share ``size`` bytes.

    What the collector takes follows the heap, so the equation is solved for the heap: each of its bytes
    takes 1 + 1/32 + 1/512.
    """
    constant = sum(use.size for use in native_demand(tasks, 0))
    heap = max(0, size - constant) * CARDS // (CARDS + CARDS // BITMAPS + 1)
    return size - heap
