"""The fewest contents against every way to part the TaskManagers of every class."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.place.bounds.fewest import Alike, fewest_contents


def parted(number: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (number,)
        return
    for first in range(1, number // parts + 1):
        yield from ((first, *rest) for rest in parted(number - first, parts - 1))


def sums(sizes: Sequence[int], most: Sequence[int]) -> set[int]:
    return {
        sum(size * times for size, times in zip(sizes, chosen, strict=True))
        for chosen in itertools.product(*(range(one + 1) for one in most))
    }


def holds(alike: Sequence[Alike], slots: Sequence[int], parts: Sequence[tuple[int, ...]]) -> bool:
    sizes = [size for mine in parts for size in mine]
    return all(
        count in sums(sizes, [one.most[g] for one, mine in zip(alike, parts, strict=True) for _ in mine])
        for g, count in enumerate(slots)
    )


def smallest(alike: Sequence[Alike], slots: Sequence[int]) -> int:
    for more in range(2):
        for index in range(len(alike)):
            numbers = [1 + more * (i == index) for i in range(len(alike))]
            ways = [list(parted(one.size, n)) for one, n in zip(alike, numbers, strict=True)]
            if any(holds(alike, slots, parts) for parts in itertools.product(*ways)):
                return len(alike) + more
    return len(alike) + 2


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_equal_to_every_way_to_part_them(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 3))
    alike = [
        Alike(data.draw(st.integers(1, 6)), tuple(data.draw(st.integers(0, 3)) for _ in range(groups)))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    slots = [data.draw(st.integers(0, sum(one.size * one.most[g] for one in alike))) for g in range(groups)]
    assert fewest_contents(alike, slots) == smallest(alike, slots)


def test_slots_that_are_no_multiple_take_more_than_one_content() -> None:
    assert fewest_contents([Alike(10, (4,))], [20]) == 1
    assert fewest_contents([Alike(10, (4,))], [25]) == 2
    assert fewest_contents([Alike(10, (4, 4))], [25, 13]) == 3
