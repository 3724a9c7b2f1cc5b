"""JobVertexIDs and operator ids, as Flink's `StreamGraphHasherV2` gives them."""

from __future__ import annotations

from collections import deque

from planner.graph.chaining import Chainer
from planner.graph.murmur3 import murmur3_128
from planner.graph.stream_graph import StreamGraph


def uid_hash(uid: str) -> bytes:
    """Return the id of an operator with the user's ``uid``."""
    return murmur3_128(uid.encode())


def generated_hash(position: int, chained_outputs: int, input_hashes: list[bytes]) -> bytes:
    """Return the id of an operator without a uid.

    Args:
        position: how many operators have an id already.
        chained_outputs: how many of its out-edges are chained.
        input_hashes: ids of the operators it reads, one for each in-edge.

    """
    word = position.to_bytes(4, "little")
    result = bytearray(murmur3_128(word * (1 + chained_outputs)))
    for other in input_hashes:
        for index in range(16):
            result[index] = (result[index] * 37 & 0xFF) ^ other[index]
    return bytes(result)


def operator_ids(graph: StreamGraph, chainer: Chainer) -> dict[int, bytes]:
    """Return the 16-byte id of every operator: as known, murmur3 of its uid, or generated breadth first.

    Operators that no source leads to get none, as in Flink.
    """
    ids: dict[int, bytes] = {}
    queue = deque(sorted(node.id for node in graph.nodes if node.source))
    visited = set(queue)
    while queue:
        current = graph.by_id[queue.popleft()]
        inputs = graph.inputs[current.id]
        if current.known_id is not None:
            ids[current.id] = bytes.fromhex(current.known_id)
        elif current.uid is not None:
            ids[current.id] = uid_hash(current.uid)
        elif all(edge.source in ids for edge in inputs):
            chained = sum(chainer.chainable(edge) for edge in graph.outputs[current.id])
            ids[current.id] = generated_hash(len(ids), chained, [ids[edge.source] for edge in inputs])
        else:
            visited.discard(current.id)
            continue
        for edge in graph.outputs[current.id]:
            if edge.target not in visited:
                visited.add(edge.target)
                queue.append(edge.target)
    return ids
