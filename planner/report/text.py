"""Tables for people, 80 columns wide."""

from __future__ import annotations

from collections import Counter, defaultdict
from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from planner.units import GIB, MIB, format_cpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.documents.placement import PlacedTaskManager, Placement
    from planner.documents.profile import ResourceProfile
    from planner.documents.recovery import Failure, RecoveryPlan
    from planner.graph.job import JobGraph

WIDTH = 80
ROWS = 24
BAR = 10
STOCK_NAMES = {"none": "NONE", "slots": "SLOTS", "minResources": "MIN_RESOURCES", "tasks": "TASKS"}


def render(*parts: Table | str, color: bool = False) -> str:
    """Return tables and lines as text."""
    console = Console(file=StringIO(), width=WIDTH, force_terminal=color, no_color=not color, highlight=False)
    for part in parts:
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=False,
    )
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="ellipsis",
            no_wrap=True,
        )
    return table


def short_size(size: int) -> str:
    """Spell bytes in at most seven characters, rounded."""
    if size >= 10 * GIB or (size >= GIB and size % GIB == 0):
        return f"{size / GIB:.3g} gb"
    return f"{size / MIB:.4g} mb" if size >= MIB or size == 0 else f"{size / 1024:.3g} kb"


def bar(share: float, width: int = BAR) -> str:
    """Return a bar of blocks for a share of 1."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width, "·")


def job_table(profile: ResourceProfile, job: JobGraph) -> Table:
    """Return the tasks that Flink will run, upstream first."""
    name = profile.metadata.name if profile.metadata else "job"
    table = _table(
        f"Job {name}: {len(job.vertices)} tasks",
        "task",
        "par",
        "max",
        "group",
        "reads",
        right=("par", "max"),
    )
    for index in list(job.order)[:ROWS]:
        vertex = job.vertices[index]
        reads = ", ".join(f"{edge.ship}" for edge in job.inputs[index])
        table.add_row(vertex.name, str(vertex.parallelism), str(vertex.max_parallelism), vertex.group, reads)
    if len(job.vertices) > ROWS:
        table.add_row(f"... {len(job.vertices) - ROWS} more", "", "", "", "")
    return table


def group_table(profile: ResourceProfile) -> Table:
    """Return what one slot of each group takes."""
    table = _table(
        "Slot sharing groups (per slot)", "group", "slots", "cpu", "heap", "off-heap", "managed", "network",
        right=("slots", "cpu", "heap", "off-heap", "managed", "network"),
    )  # fmt: skip
    figures = profile.planner.groups if profile.planner else {}
    for group in profile.ssg_profiles[:ROWS]:
        derived = figures.get(group.name)
        table.add_row(
            group.name,
            str(derived.slots if derived else "?"),
            format_cpu(group.cpu or 0),
            short_size(group.heap or 0),
            short_size(group.off_heap or 0),
            short_size(sum(group.managed.values())),
            short_size((derived.network if derived else 0) or 0),
        )
    if len(profile.ssg_profiles) > ROWS:
        table.add_row(f"... {len(profile.ssg_profiles) - ROWS} more", *[""] * 6)
    return table


def _quotas(manager: PlacedTaskManager) -> str:
    return ", ".join(f"{group} x{count}" for group, count in manager.quotas.items()) or "-"


def placement_table(placement: Placement) -> Table:
    """Return the TaskManagers; large clusters show equal ones as one row."""
    rows: dict[tuple[str, str], list[PlacedTaskManager]] = defaultdict(list)
    together = len(placement.task_managers) > ROWS
    for manager in placement.task_managers:
        key = (manager.class_ or manager.id, _quotas(manager)) if together else (manager.id, "")
        rows[key].append(manager)
    table = _table(
        f"{len(placement.task_managers)} TaskManagers",
        "TaskManager",
        "cpu",
        "",
        "mem",
        "",
        "slots",
        right=("",),
    )
    ordered = (
        sorted(rows.values(), key=lambda found: -found[0].utilisation.get("cpu", 0.0))
        if together
        else list(rows.values())
    )
    for found in ordered[:ROWS]:
        first = found[0]
        name = first.id if len(found) == 1 else f"{first.class_ or first.id} x{len(found)}"
        cpu, memory = first.utilisation.get("cpu", 0.0), first.utilisation.get("memory", 0.0)
        table.add_row(name, bar(cpu), f"{cpu:.1%}", bar(memory, 6), f"{memory:.0%}", _quotas(first))
    if len(ordered) > ROWS:
        table.add_row(
            f"... {len(ordered) - ROWS} more kinds",
            "",
            "",
            "",
            "",
            f"{sum(map(len, ordered[ROWS:]))} TaskManagers",
        )
    return table


def balance_lines(placement: Placement) -> str:
    """Return imbalance with the plan and without, and how good the plan is proven to be."""
    figures = placement.imbalance
    level = placement.objective[0]
    lines = [
        f"Highest CPU utilisation  {figures.max:.2%}   lowest {figures.min:.2%}   max/mean {figures.max_over_mean:.3f}"
        f"   cv {figures.cv:.3f}"
    ]
    if level.status == "optimal":
        lines.append(
            f"Proof                    optimal: no placement is below {level.bound or 0:.2%} ({level.bound_kind} bound)"
        )
    else:
        lines.append(
            f"Proof                    within {level.gap or 0:.2%} of the bound {level.bound or 0:.2%} ({level.bound_kind})"
        )
    if placement.slot_load:
        best, worst = placement.slot_load.best, placement.slot_load.worst
        lines.append(
            f"Unequal slots            {best:.2%} as planned, {worst:.2%} at worst: Flink pairs slots and"
        )
        lines.append("                         TaskManagers of a group by itself (planner explain GRA309)")
    stock = []
    for name, strategy in placement.stock_flink.items():
        stock.append(
            f"{STOCK_NAMES[name]} {strategy.max:.1%}"
            if strategy.max is not None
            else f"{STOCK_NAMES[name]} does not fit"
        )
    lines.append(f"Flink alone, computed    {', '.join(stock)}")
    return "\n".join(lines)


def recovery_lines(plan: RecoveryPlan) -> str:
    """Return the regions and the restart strategy in a few lines."""
    sizes = Counter(region.size for region in plan.regions)
    kinds = ", ".join(
        f"{n} of {size} subtask{'' if size == 1 else 's'}"
        for size, n in sorted(sizes.items(), reverse=True)[:4]
    )
    strategy = plan.restart_strategy
    options = ", ".join(f"{key} {value}" for key, value in list(strategy.options.items())[:3])
    return (
        f"{plan.subtasks} subtasks in {len(plan.regions)} restart region{'' if len(plan.regions) == 1 else 's'}: {kinds}\n"
        f"Restart strategy {strategy.type} ({strategy.source}){': ' + options if options else ''}"
    )


def failure_table(plan: RecoveryPlan) -> Table:
    """Return what the loss of each TaskManager restarts; equal ones are one row."""
    rows: dict[tuple[int, int, int, int], list[Failure]] = defaultdict(list)
    for failure in plan.failures:
        key = (
            failure.lost,
            failure.restarted.subtasks,
            failure.worst.subtasks,
            len(failure.regions),
        )
        rows[key].append(failure)
    table = _table(
        "Loss of one TaskManager", "TaskManager", "lost", "regions", "restarts", "", "at worst", "full restart",
        right=("lost", "regions", "restarts", "at worst", "full restart"),
    )  # fmt: skip
    ordered = sorted(rows.values(), key=lambda found: -found[0].restarted.subtasks)
    for found in ordered[:ROWS]:
        first = found[0]
        name = first.task_manager if len(found) == 1 else f"{first.task_manager} and {len(found) - 1} more"
        table.add_row(
            name, str(first.lost), str(len(first.regions)), f"{first.restarted.subtasks} ({first.restarted.share:.0%})",
            bar(first.restarted.share), f"{first.worst.share:.0%}", f"{first.full_restart.share:.0%}",
        )  # fmt: skip
    if len(ordered) > ROWS:
        table.add_row(f"... {len(ordered) - ROWS} more kinds", *[""] * 6)
    return table
