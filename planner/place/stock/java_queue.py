"""Java's priority queue, whose order of equal elements decides what Flink does with ties."""

from __future__ import annotations

from collections.abc import Sequence


class JavaPriorityQueue:
    """``java.util.PriorityQueue`` of numbers by their ``keys``: a binary heap with ties as Java's do.

    It begins with all numbers, inserted one after the other.
    """

    def __init__(self, keys: Sequence[float]) -> None:
        self._keys = keys
        self._heap: list[int] = []
        for item in range(len(keys)):
            self.add(item)

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, item: int) -> None:
        """Insert ``item`` (siftUp)."""
        heap, keys = self._heap, self._keys
        key, k = keys[item], len(heap)
        heap.append(item)
        while k:
            parent = (k - 1) >> 1
            if key >= keys[heap[parent]]:
                break
            heap[k] = heap[parent]
            k = parent
        heap[k] = item

    def poll(self) -> int:
        """Remove and return the least item (siftDown)."""
        heap, keys = self._heap, self._keys
        last = heap.pop()
        if not heap:
            return last
        first, key, size = heap[0], keys[last], len(heap)
        k, child = 0, 1
        while child < size:
            least = keys[heap[child]]
            right = child + 1
            if right < size and least > keys[heap[right]]:
                child, least = right, keys[heap[right]]
            if key <= least:
                break
            heap[k] = heap[child]
            k, child = child, 2 * child + 1
        heap[k] = last
        return first
