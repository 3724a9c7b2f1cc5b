"""Memory of a process as a tree with the reason for every number, and as one bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.tree import Tree

from planner.memory.breakdown import Part, ProcessMemory
from planner.report.screen import Part as Shown
from planner.units import format_size_human

_OUTSIDE = ("jvmMetaspace", "jvmOverhead")
_LETTERS = {
    "frameworkHeap": "h", "taskHeap": "H", "heap": "H", "frameworkOffHeap": "o", "taskOffHeap": "O", "offHeap": "O",
    "network": "N", "managed": "M", "jvmMetaspace": "m", "jvmOverhead": "v",
}  # fmt: skip


def memory_data(memory: ProcessMemory) -> dict[str, object]:
    """Return the memory of a process as plain data, sizes in bytes."""
    parts = {part.name: part.size for part in memory.parts}
    return {
        "jvmArguments": list(memory.jvm_arguments),
        "dynamicOptions": dict(memory.dynamic_options),
        "parts": {**parts, "flink": memory.flink, "process": memory.process},
    }


def memory_tree(process: str, parts: Sequence[Part], jvm_arguments: Sequence[str]) -> list[Shown]:
    """Return the tree of a process's memory, its bar and its JVM arguments."""
    total, flink = sum(p.size for p in parts), sum(p.size for p in parts if p.name not in _OUTSIDE)
    tree = Tree(f"{process} process {format_size_human(total)}")
    inner = tree.add(f"total Flink memory {format_size_human(flink)}")
    for part in parts:
        branch = tree if part.name in _OUTSIDE else inner
        node = branch.add(f"{part.name} {format_size_human(part.size)}")
        node.add(f"{part.how}; in {part.pool}", style="dim")
    return [tree, "", stacked_bar(parts), "", *jvm_arguments]


def stacked_bar(parts: Sequence[Part], width: int = 64) -> str:
    """Return one bar of a process's memory, a letter for each part, with a legend under it."""
    total = sum(part.size for part in parts) or 1
    bar, edge, drawn = "", 0, 0
    for part in parts:
        edge += part.size
        end = round(edge / total * width)
        bar += _LETTERS[part.name] * (end - drawn)
        drawn = end
    shares = [f"{_LETTERS[part.name]} {part.name} {part.size / total:.0%}" for part in parts if part.size]
    lines, line = [f"[{bar}]"], ""
    for share in shares:
        if len(line) + len(share) > width:
            lines.append(line.rstrip())
            line = ""
        line += share + "   "
    return "\n".join([*lines, line.rstrip()])
