"""What part of a vertex's records its fullest subtask gets, and the least parallelism that a load needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from planner.recover.key_groups import most_key_groups


class Division(StrEnum):
    """By what the records of a vertex are divided among its subtasks."""

    KEY_GROUPS = "key groups"
    PARTITIONS = "partitions"
    EQUAL = "equal shares"
    ONE = "one subtask"


@dataclass(frozen=True, slots=True)
class Shares:
    """How the records of a vertex are divided: into ``parts`` that stay whole, None for equal shares.

    Parts are taken to be equal. Source partitions are spread as key groups are: none of the subtasks has
    more than one above another.
    """

    division: Division
    parts: int | None = None

    def fullest(self, parallelism: int) -> Fraction:
        """Return the share of the records that the fullest of ``parallelism`` subtasks gets."""
        if self.parts is None:
            return Fraction(1, parallelism)
        return Fraction(most_key_groups(parallelism, self.parts), self.parts)

    def least(self, limit: Fraction) -> int | None:
        """Return the least parallelism whose fullest subtask gets ``limit`` or less, None without one."""
        if limit <= 0:
            return None
        if self.parts is None:
            return max(1, -(-limit.denominator // limit.numerator))
        most = limit.numerator * self.parts // limit.denominator
        return -(-self.parts // min(most, self.parts)) if most else None

    def next_step(self, parallelism: int) -> int | None:
        """Return the next parallelism whose fullest subtask gets less, None if there is none."""
        if self.parts is None:
            return parallelism + 1
        most = most_key_groups(parallelism, self.parts)
        return -(-self.parts // (most - 1)) if most > 1 else None

    def spell(self, parallelism: int) -> str:
        """Return the share of the fullest subtask in words: ``31 of 720 key groups``."""
        if self.division is Division.ONE:
            return "all, one subtask"
        if self.parts is None:
            return f"1/{parallelism}"
        return f"{most_key_groups(parallelism, self.parts)} of {self.parts} {self.division}"
