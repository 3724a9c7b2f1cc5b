"""The order of Java's PriorityQueue, ties included."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.place.stock.java_queue import JavaPriorityQueue


class Textbook:
    """A binary heap that swaps neighbours, as the contract of siftUp and siftDown is written down."""

    def __init__(self, keys: list[int]) -> None:
        self.keys, self.heap = keys, list[int]()

    def key(self, place: int) -> int:
        return self.keys[self.heap[place]]

    def flip(self, a: int, b: int) -> None:
        self.heap[a], self.heap[b] = self.heap[b], self.heap[a]

    def add(self, item: int) -> None:
        self.heap.append(item)
        place = len(self.heap) - 1
        while place > 0 and self.key(place) < self.key((place - 1) // 2):
            self.flip(place, (place - 1) // 2)
            place = (place - 1) // 2

    def poll(self) -> int:
        first = self.heap[0]
        self.heap[0] = self.heap[-1]
        self.heap.pop()
        place = 0
        while 2 * place + 1 < len(self.heap):
            child = 2 * place + 1
            if child + 1 < len(self.heap) and self.key(child + 1) < self.key(child):
                child += 1
            if self.key(place) <= self.key(child):
                break
            self.flip(place, child)
            place = child
        return first


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), max_size=20), st.lists(st.booleans(), max_size=40))
def test_items_come_in_the_order_of_a_textbook_heap(keys: list[int], adds: list[bool]) -> None:
    ours, theirs = JavaPriorityQueue(keys), Textbook(keys)
    for item in range(len(keys)):
        theirs.add(item)
    waiting: list[int] = []
    held = list(range(len(keys)))
    for add in [*adds, *([True] * len(keys)), *([False] * len(keys))]:
        if add and waiting:
            item = waiting.pop(0)
            held.append(item)
            ours.add(item)
            theirs.add(item)
        elif not add and held:
            item = ours.poll()
            assert item == theirs.poll()
            assert keys[item] == min(keys[one] for one in held)
            held.remove(item)
            waiting.append(item)
        assert len(ours) == len(held)


def test_equal_items_come_as_from_java() -> None:
    """Each poll sifts the last one down from the root, where it stays among equals: 0, then the others back."""
    queue = JavaPriorityQueue([1.0] * 5)
    assert [queue.poll() for _ in range(5)] == [0, 4, 3, 2, 1]
