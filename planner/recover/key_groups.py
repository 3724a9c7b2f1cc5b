"""Key groups of a subtask: `KeyGroupRangeAssignment`."""

from __future__ import annotations


def key_groups_of(subtask: int, parallelism: int, max_parallelism: int) -> range:
    """Return the key groups of a subtask (`computeKeyGroupRangeForOperatorIndex`)."""
    first = -(-subtask * max_parallelism // parallelism)
    last = ((subtask + 1) * max_parallelism - 1) // parallelism
    return range(first, last + 1)


def most_key_groups(parallelism: int, max_parallelism: int) -> int:
    """Return how many key groups the fullest subtask has: subtask 0 always has as many as any."""
    return -(-max_parallelism // parallelism)
