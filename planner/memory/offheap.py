"""Catalogue of direct memory that operators use beside Flink's own network buffers.

Every amount is per subtask and an upper estimate from the named default of the library; nothing
here was measured on the user's job, which is why each entry says what it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.units import MIB


@dataclass(frozen=True, slots=True)
class OffHeapUse:
    """Direct memory of one subtask in bytes, why it is used, and what the figure rests on."""

    size: int
    reason: str
    source: str


_NONE = OffHeapUse(0, "no direct memory of its own", "plain operators work on heap and managed memory")
_NETTY = OffHeapUse(
    16 * MIB,
    "pooled buffers of a Netty client, one chunk for each of four event loops",
    "Netty's default chunk of 4 MiB (io.netty.allocator.maxOrder 9); four event loops are assumed",
)
_CONNECTOR = OffHeapUse(
    8 * MIB,
    "socket buffers of a client that is not in the catalogue",
    "planner's starting value, not measured; declare offHeap to replace it",
)
_BY_KIND = {
    "kafka-source": OffHeapUse(
        50 * MIB,
        "the socket read buffer of the consumer, as large as one fetch",
        "Kafka's default fetch.max.bytes (52428800); the JDK reads through a direct buffer of that size",
    ),
    "kafka-sink": OffHeapUse(
        1 * MIB,
        "the socket write buffer of the producer, as large as one request",
        "Kafka's default max.request.size (1048576)",
    ),
    "async-io": _NETTY,
    "async-lookup-join": _NETTY,
    "pulsar-source": _NETTY,
    "pulsar-sink": _NETTY,
    "elasticsearch-sink": _NETTY,
}
_SILENT = {"source", "sink", "legacy-source", "legacy-sink", "datagen-source", "print-sink"}


def off_heap_use(kind: str) -> OffHeapUse:
    """Return what one subtask of an operator of ``kind`` uses."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if kind not in _SILENT and kind.endswith(("-source", "-sink")):
        return _CONNECTOR
    return _NONE
