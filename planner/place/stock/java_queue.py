"""Java's priority queue, whose order of equal elements decides what Flink does with ties."""

from __future__ import annotations

from collections.abc import Sequence


class JavaPriorityQueue:
    """``java.util.PriorityQueue`` of numbers by their ``keys``: a binary heap with ties as Java's do."""

    def __init__(self, keys: Sequence[float]) -> None:
        self._keys = keys
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, item: int) -> None:
        """Insert ``item`` (siftUp)."""
        heap, keys = self._heap, self._keys
        heap.append(item)
        k = len(heap) - 1
        while k and keys[item] < keys[heap[(k - 1) >> 1]]:
            heap[k] = heap[(k - 1) >> 1]
            k = (k - 1) >> 1
        heap[k] = item

    def poll(self) -> int:
        """Remove and return the least item (siftDown)."""
        heap, keys = self._heap, self._keys
        first, last = heap[0], heap.pop()
        if heap:
            k, half = 0, len(heap) >> 1
            while k < half:
                child = 2 * k + 1
                if child + 1 < len(heap) and keys[heap[child]] > keys[heap[child + 1]]:
                    child += 1
                if keys[last] <= keys[heap[child]]:
                    break
                heap[k] = heap[child]
                k = child
            heap[k] = last
        return first
