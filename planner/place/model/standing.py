"""Slots of jobs that run: where each of them stands, so that others are placed beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.documents.errors import PlacementMismatch
from planner.place.model.constraints import Alike, Kept
from planner.place.model.slots import JobSlot, subtask_names
from planner.place.model.task_managers import TaskManager

SlotName = tuple[str, tuple[str, ...]]
"""A slot of a placement: its group and its subtasks."""


@dataclass(frozen=True)
class Standing:
    """What stands somewhere and stays there: the TaskManager of each slot, and those in reserve."""

    slots: Mapping[SlotName, str]
    spares: frozenset[str] = frozenset()

    def kept(self, slots: Sequence[JobSlot], operators: Sequence[Sequence[str]]) -> Kept:
        """Return how many slots that are alike stay on each TaskManager.

        ``operators`` are those of `planner.place.model.slots.vertex_operators`.

        Raises:
            PlacementMismatch: when what stands somewhere is not one of the ``slots``.

        """
        found: dict[Alike, Counter[str]] = {}
        missing = set(self.slots)
        for slot in slots:
            name = _name(slot, operators)
            if name in self.slots:
                missing.remove(name)
                found.setdefault((slot.group, slot.loads), Counter())[self.slots[name]] += 1
        if missing:
            raise PlacementMismatch(
                f"a slot of group {min(missing)[0]!r} is to stay that the jobs do not have; place again"
            )
        return Kept(found, self.spares)

    def in_place(
        self,
        slots: Sequence[JobSlot],
        operators: Sequence[Sequence[str]],
        task_managers: Sequence[TaskManager],
    ) -> list[JobSlot]:
        """Return the slots of each group in the order in which those that stay are given to TaskManagers."""
        number = {tm.id: index for index, tm in enumerate(task_managers)}

        def where(slot: JobSlot) -> int:
            return number.get(self.slots.get(_name(slot, operators), ""), len(number))

        groups: dict[str, list[JobSlot]] = {}
        for slot in slots:
            groups.setdefault(slot.group, []).append(slot)
        return [slot for own in groups.values() for slot in sorted(own, key=where)]


def _name(slot: JobSlot, operators: Sequence[Sequence[str]]) -> SlotName:
    return slot.group, tuple(subtask_names(operators, slot))
