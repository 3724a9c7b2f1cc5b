"""The memory of one TaskManager of a placement: budget, headroom, and how it would end."""

from __future__ import annotations

import textwrap

from planner.documents.placement import PlacedTaskManager
from planner.memory.breakdown import taskmanager_parts
from planner.memory.risks import risks
from planner.memory.taskmanager import derive_taskmanager
from planner.report.memory import memory_tree
from planner.report.screen import Part
from planner.units import rounded_size

MOST_LIKELY = 3


def budget(tm: PlacedTaskManager) -> list[Part]:
    """Return the whole budget.

    Raises:
        ValueError: when the placement holds no memory configuration, or one that Flink refuses.

    """
    if tm.memory is None:
        raise ValueError(f"the placement holds no memory configuration for {tm.id!r}")
    options = tm.memory.dynamic_options
    memory, load = derive_taskmanager(options), tm.load
    tree = memory_tree(f"TaskManager {tm.id}", taskmanager_parts(options), tm.memory.jvm_arguments)
    tasks = sum(len(slot.subtasks) for slot in tm.slots)
    used = [
        ("taskHeap", load.heap, memory.task_heap),
        ("taskOffHeap", load.off_heap, memory.task_off_heap),
        ("managed", load.managed, memory.managed),
        ("network", load.network, memory.network),
    ]
    lines = ["", f"{len(tm.slots)} slots with {tasks} subtasks take", ""]
    lines += [f"  {name:<12} {rounded_size(n):>12} of {rounded_size(size):>12}" for name, n, size in used]
    lines += ["", "Most likely failures, least headroom first", ""]
    for number, risk in enumerate(risks(memory, load, tasks)[:MOST_LIKELY], 1):
        demand, limit = rounded_size(risk.demand), rounded_size(risk.limit)
        lines.append(f"  {number}. {risk.symptom}")
        left = f"{risk.headroom:.0%} left" if risk.headroom >= 0 else f"{-risk.headroom:.0%} too much"
        lines += [
            f"     {line}"
            for line in textwrap.wrap(f"{risk.pool}: {demand} of {limit}, {left} ({risk.confidence})")
        ]
        lines += [f"     {line}" for line in textwrap.wrap(risk.advice)]
    return [*tree, *lines]
