"""A lower bound of how many different contents there are, from how often each can be used.

TaskManagers of equal content hold a multiple of their number of slots of each group. Where the slots of a
group are no sum of such multiples with one content for each class, there are more; and where they are none
however one class is parted in two, there are two more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.place.parameters import PARAMETERS

CLASSES, MULTIPLES = "classes", "multiples"
"""Kinds of this bound: one content for each class, and what multiples allow."""


@dataclass(frozen=True, slots=True)
class Alike:
    """TaskManagers that may hold the same: how many, and how many slots of each group one holds at most."""

    size: int
    most: tuple[int, ...]


def fewest_contents(alike: Sequence[Alike], slots: Sequence[int]) -> int:
    """Return how many different contents there are at least: those of the classes, or one or two more.

    ``slots`` are to be held of each group. Shapes: ``alike`` (classes), its ``most`` and ``slots`` (groups).
    Where there are too many ways to part a class, those that were not looked at count as possible.
    """
    least, checks = len(alike), PARAMETERS.fewest_checks
    if all(_reaches(_sums(alike, g, count), count) for g, count in enumerate(slots)):
        return least
    for index, entry in enumerate(alike):
        checks -= len(alike) * len(slots)
        if checks < 0:
            return least + 1
        others = [one for i, one in enumerate(alike) if i != index]
        sums = [_sums(others, g, count) for g, count in enumerate(slots)]
        order = sorted(range(len(slots)), key=lambda g: entry.most[g])
        for part in range(1, entry.size // 2 + 1):
            parts = part, entry.size - part
            for g in order:
                checks -= 1
                if checks < 0:
                    return least + 1
                found = sums[g]
                for size in parts:
                    found = _add(found, size, entry.most[g], slots[g])
                if not _reaches(found, slots[g]):
                    # the group that refuted is asked first: it mostly refutes the next as well
                    order.remove(g)
                    order.insert(0, g)
                    break
            else:
                return least + 1
    return least + 2


def _sums(alike: Sequence[Alike], group: int, count: int) -> int:
    """Return which numbers of slots up to ``count`` are sums of multiples, as bits."""
    found = 1
    for entry in alike:
        found = _add(found, entry.size, entry.most[group], count)
    return found


def _add(sums: int, size: int, most: int, count: int) -> int:
    """Add up to ``most`` times ``size`` to sums."""
    most, times, mask = min(most, count // size), 1, (1 << (count + 1)) - 1
    while most:
        step = min(times, most)
        sums |= sums << (step * size) & mask
        most, times = most - step, 2 * times
    return sums & mask


def _reaches(sums: int, count: int) -> bool:
    return bool(sums >> count & 1)
