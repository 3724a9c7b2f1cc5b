"""What may be changed where a TaskManager's memory runs out again and again: worked out before it does.

A supervisor has no room for a memory model, and nobody to ask. So every step that it can take is worked out
from the placement: for each kind of memory that may run out the change that a diagnosis would propose, within
the process that the placement gives the TaskManager, and the steps that are possible after that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.documents.placement import PlacedMemory, PlacedTaskManager
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import PREFIX, TaskManagerMemory, derive_taskmanager
from planner.recover.diagnosis.changes import Change, Process, changes

MOST = 2
"""Steps that are taken at the same time: a choice. What needs a third needs another placement."""
KINDS = {
    "heap": "heap",
    "direct": "direct-memory",
    "metaspace": "metaspace",
    "container": "container-killed",
}
"""Memory that runs out, as a supervisor calls it, and its class of failures. No option of Flink helps against
too many threads."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A step: what changes, and the memory of the TaskManager then.

    ``takes`` are the kinds of memory that are smaller than before, which may run out by it; ``then`` are the
    steps that are possible after this one.
    """

    changes: tuple[Change, ...]
    memory: TaskManagerMemory
    takes: tuple[str, ...]
    then: Mapping[str, Adjustment]


def adjustments(placed: PlacedTaskManager, most: int = MOST) -> dict[str, Adjustment]:
    """Return the steps that a TaskManager of a placement has room for, by the kind of memory that runs out.

    None makes its process larger, or takes what a slot of the placement takes.

    Raises:
        MemoryConfigurationError: when the memory options of the placement are inconsistent.

    """
    return _steps(placed, tuple(KINDS), most)


def _steps(placed: PlacedTaskManager, kinds: tuple[str, ...], most: int) -> dict[str, Adjustment]:
    if placed.memory is None or most == 0:
        return {}
    process = Process(placed=placed, contained=True)
    options = process.options
    before = derive_taskmanager(options)
    found = {}
    for kind in kinds:
        wanted = changes(KINDS[kind], {}, process)
        wanted = tuple(change for change in wanted if change.option.startswith(PREFIX))
        if not wanted:
            continue
        after = derive_taskmanager({**options, **{change.option: change.after for change in wanted}})
        others = tuple(other for other in kinds if other != kind)
        then = _steps(_adjusted(placed, kind, after), others, most - 1)
        found[kind] = Adjustment(wanted, after, _taken(before, after), then)
    return found


def _adjusted(placed: PlacedTaskManager, kind: str, after: TaskManagerMemory) -> PlacedTaskManager:
    """Return a TaskManager with the memory after a step, in which what the step gave is no longer free."""
    options = {**(placed.memory.dynamic_options if placed.memory else {}), **after.dynamic_options()}
    given = {_GIVING[kind][1]: getattr(after, _GIVING[kind][0])} if kind in _GIVING else {}
    return placed.model_copy(
        update={
            "memory": PlacedMemory(jvm_arguments=jvm_arguments(after), dynamic_options=options),
            "load": placed.load.model_copy(update=given),
        }
    )


def _taken(before: TaskManagerMemory, after: TaskManagerMemory) -> tuple[str, ...]:
    return tuple(kind for kind, (part, _) in _GIVING.items() if getattr(after, part) < getattr(before, part))


_GIVING = {"heap": ("task_heap", "heap"), "direct": ("task_off_heap", "off_heap")}
"""Kinds whose memory others may get: its part of a TaskManager, and what slots take of that. Managed memory
that no slot takes lies idle."""
