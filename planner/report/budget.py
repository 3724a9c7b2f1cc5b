"""The memory of one TaskManager of a placement: budget, headroom, and how it would end."""

from __future__ import annotations

import textwrap

from planner.documents.placement import PlacedTaskManager
from planner.documents.profile import ResourceProfile
from planner.memory.breakdown import taskmanager_parts
from planner.memory.off_heap import is_client
from planner.memory.risks import Risk, risks
from planner.memory.taskmanager import derive_taskmanager
from planner.report.memory import memory_tree
from planner.report.screen import Part
from planner.units import rounded_size

MOST_LIKELY = 3


def budget(tm: PlacedTaskManager, profile: ResourceProfile | None = None) -> list[Part]:
    """Return the whole budget; ``profile`` is that of the job, which tells its clients.

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
    found = risks(memory, load, tasks, len(_clients(profile)))
    likely, bounded = ([risk for risk in found if risk.at_most is kind] for kind in (False, True))
    lines += ["", "Most likely failures, least headroom first", ""]
    for number, risk in enumerate(likely[:MOST_LIKELY], 1):
        lines += _entry(f"{number}. ", risk)
    lines += ["", "What only the container limits, if the JVM took all that its defaults allow", ""]
    for risk in bounded:
        lines += _entry("", risk)
    return [*tree, *lines]


def _clients(profile: ResourceProfile | None) -> set[str]:
    """Return the kinds of operators of a job that bring a client library with them."""
    nodes = profile.nodes if profile is not None else ()
    return {node.planner.kind for node in nodes if node.planner and is_client(node.planner.kind)}


def _entry(number: str, risk: Risk) -> list[str]:
    demand, limit = rounded_size(risk.demand), rounded_size(risk.limit)
    left = f"{risk.headroom:.0%} left" if risk.headroom >= 0 else f"{-risk.headroom:.0%} too much"
    planned = f"{risk.pool}: {demand} of {limit}, {left} ({risk.confidence})"
    text = [line for part in (planned, risk.advice) for line in textwrap.wrap(part)]
    return [f"  {number}{risk.symptom}", *(f"     {line}" for line in text)]
