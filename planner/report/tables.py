"""Tables for people, 80 columns wide."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.table import Table

from planner.cluster.measure import Measured
from planner.documents.placement import ObjectiveLevel, PlacedJob, PlacedTaskManager, Placement, Samples
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import Downtime, Failure, RecoveryPlan, RestartStrategy
from planner.documents.vocabulary import Failed
from planner.graph.job_graph import JobGraph
from planner.place.infeasible import Explanation
from planner.place.moves.move_list import Point
from planner.recover.migration import Migration
from planner.report.screen import WIDTH
from planner.units import CORE, GIB, MIB, format_cpu, rounded_size

ROWS = 24
BAR = 10
STOCK_NAMES = {"none": "NONE", "slots": "SLOTS", "minResources": "MIN_RESOURCES", "tasks": "TASKS"}


def _table(title: str, *columns: str, right: Sequence[str] = (), wrap: str = "") -> Table:
    """Return an empty table; ``wrap`` is the column that gives way where the line is too narrow."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        min_width=min(len(title) + 2, WIDTH),
    )
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column != wrap
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
        f"Job {name}: {len(job.vertices)} tasks", "task", "par", "max", "group", "reads",
        right=("par", "max"), wrap="task",
    )  # fmt: skip
    for index in job.order[:ROWS]:
        vertex = job.vertices[index]
        reads = ", ".join(edge.ship for edge in job.inputs[index][:3]) + (
            " ..." if len(job.inputs[index]) > 3 else ""
        )
        table.add_row(
            vertex.name,
            str(vertex.parallelism),
            str(vertex.max_parallelism),
            _short(vertex.group),
            reads,
        )
    if len(job.vertices) > ROWS:
        table.add_row(f"... {len(job.vertices) - ROWS} more", "", "", "", "")
    return table


def _short(name: str, width: int = 20) -> str:
    return name if len(name) <= width else name[: width - 3] + "..."


def group_table(profile: ResourceProfile) -> Table:
    """Return what one slot of each group takes."""
    figures = ("slots", "cpu", "heap", "off-heap", "managed", "network")
    table = _table("Slot sharing groups (per slot)", "group", *figures, right=figures, wrap="group")
    derived = profile.planner.groups if profile.planner else {}
    for group in profile.ssg_profiles[:ROWS]:
        own = derived.get(group.name)
        table.add_row(
            _short(group.name),
            str(own.slots if own else "?"),
            format_cpu(group.cpu or 0),
            short_size(group.heap or 0),
            short_size(group.off_heap or 0),
            short_size(sum(group.managed.values())),
            short_size((own.network if own else 0) or 0),
        )
    if len(profile.ssg_profiles) > ROWS:
        table.add_row(f"... {len(profile.ssg_profiles) - ROWS} more", *[""] * 6)
    return table


def planned_lines(placement: Placement) -> list[str]:
    """Return what was estimated of groups and had to bend, a sentence for each."""
    lines = []
    for name, planned in list((placement.planned_groups or {}).items())[:ROWS]:
        memory = planned.heap + planned.off_heap + sum(planned.managed.values())
        changes = [
            f"{spell(now)} instead of {spell(before)} {what}"
            for what, now, before, spell in (
                ("cores", planned.cpu, planned.estimated_cpu, format_cpu),
                ("of memory", memory, planned.estimated_memory, rounded_size),
            )
            if now != before
        ]
        lines.append(
            f"a slot of group {name!r} is planned with {' and '.join(changes)}, since the estimate does not fit"
            f" ({planned.reason}); declare the group's resources, or measure: planner import load"
        )
    return lines


def _quotas(tm: PlacedTaskManager) -> str:
    if tm.reserve:
        return f"in reserve: {_spelled(tm.quotas)}" if tm.quotas else "in reserve"
    return _spelled(tm.quotas)


def placement_table(placement: Placement) -> Table:
    """Return the TaskManagers: one by one, those of equal class and quotas together, or by class."""
    alike: dict[tuple[str, str], list[PlacedTaskManager]] = defaultdict(list)
    for tm in placement.task_managers:
        alike[tm.class_ or tm.id, _quotas(tm)].append(tm)
    if len(placement.task_managers) <= ROWS:
        rows = [[tm] for tm in placement.task_managers]
    else:
        rows = list(alike.values())
        rows.sort(key=lambda found: (-found[0].utilisation.get("cpu", 0.0), -len(found)))
    if len(rows) > ROWS:
        return _class_table(placement, len(rows))
    title = f"{len(placement.task_managers)} TaskManagers"
    table = _table(title, "TaskManager", "cpu", "", "mem", "", "slots", right=("",), wrap="slots")
    for found in rows:
        first = found[0]
        name = first.id if len(found) == 1 else f"{first.class_ or first.id} x{len(found)}"
        cpu, memory = first.utilisation.get("cpu", 0.0), first.utilisation.get("memory", 0.0)
        table.add_row(_short(name), bar(cpu), f"{cpu:.1%}", bar(memory, 6), f"{memory:.0%}", _quotas(first))
    return table


def _class_table(placement: Placement, ways: int) -> Table:
    """Return one row a class with the range over its TaskManagers."""
    classes: dict[str, list[PlacedTaskManager]] = defaultdict(list)
    for tm in placement.task_managers:
        classes[tm.class_ or "(none)"].append(tm)
    columns = ("count", "cpu", "mem", "slots", "quotas", "spare")
    title = f"{len(placement.task_managers)} TaskManagers with {ways} different quotas"
    table = _table(title, "class", *columns, right=columns, wrap="class")
    for name, found in list(classes.items())[:ROWS]:
        used = [tm for tm in found if not tm.reserve] or found
        quotas = {tuple(sorted(tm.quotas.items())) for tm in used}
        table.add_row(
            _short(name),
            str(len(found)),
            _range([tm.utilisation.get("cpu", 0.0) for tm in used]),
            _range([tm.utilisation.get("memory", 0.0) for tm in used]),
            _numbers([len(tm.slots) for tm in used]),
            str(len(quotas)),
            str(sum(1 for tm in found if tm.reserve) or "-"),
        )
    if len(classes) > ROWS:
        table.add_row(f"... {len(classes) - ROWS} more classes", *[""] * len(columns))
    return table


def migration_table(plan: Migration) -> Table:
    """Return the TaskManagers that a migration changes."""
    table = _table(
        f"Migration: {len(plan.changes)} TaskManagers change", "TaskManager", "what", "before", "after",
        wrap="after",
    )  # fmt: skip
    for change in plan.changes[:ROWS]:
        table.add_row(
            _short(change.task_manager),
            change.step,
            _short(_spelled(change.before), 24),
            _spelled(change.after),
        )
    if len(plan.changes) > ROWS:
        table.add_row(f"... {len(plan.changes) - ROWS} more", "", "", "")
    return table


def migration_lines(plan: Migration, before: Placement, after: Placement) -> str:
    """Return what a migration restarts, and the balance before and after."""
    share = f" ({plan.restarted / plan.subtasks:.0%})" if plan.subtasks else ""
    return (
        f"Restarts         {plan.restarted} of {plan.subtasks} subtasks{share}, once\n"
        f"CPU utilisation  highest {before.imbalance.max:.2%} before, {after.imbalance.max:.2%} after\n"
    )


def _spelled(quotas: Mapping[str, int]) -> str:
    return ", ".join(f"{group} x{count}" for group, count in quotas.items()) or "-"


def _range(shares: Sequence[float]) -> str:
    low, high = f"{min(shares):.1%}", f"{max(shares):.1%}"
    return low if low == high else f"{low} - {high}"


def _numbers(values: Sequence[int]) -> str:
    return str(min(values)) if min(values) == max(values) else f"{min(values)}-{max(values)}"


def balance_lines(placement: Placement) -> str:
    """Return the imbalance, here and under Flink's own scheduler, and how good that is proven to be."""
    figures = placement.imbalance
    level = next(one for one in placement.objective if one.name == "maxCpuUtilisation")
    bound = f"{level.bound or 0:.2%} ({level.bound_kind} bound)"
    lines = [
        f"CPU utilisation  highest {figures.max:.2%}, lowest {figures.min:.2%}, mean {figures.mean:.2%}",
        f"Imbalance        max/mean {figures.max_over_mean:.3f}, spread {figures.spread:.2%}, cv {figures.cv:.3f}",
    ]
    if level.status == "optimal":
        lines.append(f"Proof            optimal, no placement is below {bound}")
    else:
        lines.append(f"Proof            within {level.gap or 0:.2%} of {bound}")
    if level.decided_by:
        decided = level.decided_by
        lines.append(f"Decided by       TaskManager {decided.task_manager}, most of it group {decided.group}")
    if placement.samples:
        lines += _sample_lines(placement.samples)
    lines += [_level_line(other) for other in placement.objective if other is not level]
    if placement.moves:
        moves = placement.moves
        lines.append(
            f"Moves            {moves.moved} slots within {moves.slack:.1%} of the best"
            f" ({moves.lost} lost, {moves.added} added, {moves.removed} removed)"
        )
    if placement.slot_load:
        worst = placement.slot_load.worst
        lines.append(f"Unequal slots    up to {worst:.2%} if Flink pairs them badly (planner explain GRA309)")
    lines += _reserve_lines(placement)
    stock = [
        f"{STOCK_NAMES[name]} {f'{strategy.max:.1%}' if strategy.max is not None else 'does not fit'}"
        for name, strategy in placement.stock_flink.items()
    ]
    if stock:
        lines.append(f"Flink scheduler  highest {', '.join(stock[:2])},")
        lines.append(f"                 {', '.join(stock[2:])} (simulated)")
    return "\n".join(lines) + "\n"


def jobs_table(jobs: Mapping[str, PlacedJob]) -> Table:
    """Return what each of several jobs has of a placement, the heaviest first, and what it could have alone."""
    figures = ("slots", "cores", "on", "highest", "alone")
    table = _table("Jobs", "job", *figures, right=figures, wrap="job")
    heaviest = sorted(jobs.items(), key=lambda one: (-one[1].cpu, one[0]))
    for name, job in heaviest[:ROWS]:
        table.add_row(
            _short(name) + (" (stays)" if job.kept else ""),
            f"{job.slots:,}",
            f"{job.cpu / CORE:.2f}",
            f"{job.task_managers:,}",
            f"{job.highest:.1%}",
            f"{job.alone:.1%}",
        )
    if len(jobs) > ROWS:
        table.add_row(f"... {len(jobs) - ROWS} more", "", "", "", "", "")
    return table


def _sample_lines(samples: Samples) -> Iterator[str]:
    """Say which sample of the load decides, and what balancing their mean comes to."""
    yield f"Samples          {samples.count} of the load, highest in number {samples.decided_by}"
    if samples.balanced_mean is not None:
        yield f"                 balancing their mean reaches {samples.balanced_mean:.2%} at its highest"


def _reserve_lines(placement: Placement) -> Iterator[str]:
    """Say what those in reserve make up for."""
    spares = [tm.id for tm in placement.task_managers if tm.reserve and tm.quotas]
    uncovered = placement.uncovered or []
    if uncovered:
        names = ", ".join(uncovered[:3]) + (f" and {len(uncovered) - 3} more" if len(uncovered) > 3 else "")
        yield f"Reserve          the loss of {names} is not covered"
    elif spares:
        count = f"{len(spares)} TaskManager{'s' if len(spares) > 1 else ''}"
        yield f"Reserve          {count}, to start when the job runs"


LEVEL_NAMES = {
    "taskManagers": "TaskManagers",
    "cpuUtilisationSpread": "Spread",
    "maxMemoryUtilisation": "Memory",
    "crossTraffic": "Traffic",
    "expectedRestarts": "Restarts",
    "deployments": "Deployments",
    "moves": "Moved weight",
}


def _level_value(level: str, value: float) -> str:
    """Return a value of a level as people read it."""
    if level in ("cpuUtilisationSpread", "maxMemoryUtilisation"):
        return f"{value:.2%}"
    return f"{rounded_size(round(value))}/s" if level == "crossTraffic" else f"{value:g}"


def _level_line(level: ObjectiveLevel) -> str:
    proof = ""
    if level.status == "optimal":
        proof = ", proven least"
    elif level.bound is not None:
        proof = f", at least {_level_value(level.name, level.bound)}"
    name = LEVEL_NAMES.get(level.name, level.name)
    before = {"maxMemoryUtilisation": "highest ", "crossTraffic": "expected between TaskManagers "}
    after = {"expectedRestarts": " subtasks and GiB of state by a loss, expected"}
    what = f"{before.get(level.name, '')}{_level_value(level.name, level.value)}{after.get(level.name, '')}"
    return f"{name:<16} {what}{proof}"


def pareto_table(points: Sequence[Point]) -> Table:
    """Return highest CPU utilisation against moves, or against another level, with the knee marked."""
    if points[0].moved is not None:
        title, names = "moves", ["moved slots", "weight"]
    else:
        title = LEVEL_NAMES[points[0].level].lower()
        names = [title]
    table = _table(f"Balance against {title}", *names, "highest cpu", "", right=tuple(names[:1]))
    for point in points:
        moved = (str(point.moved),) if point.moved is not None else ()
        weight = f"{float(point.weight):g}" if moved else _level_value(point.level, float(point.weight))
        table.add_row(*moved, weight, f"{float(point.maximum):.2%}", "<- knee" if point.knee else "")
    return table


def cluster_table(url: str, rows: Sequence[tuple[str, str, str]]) -> Table:
    """Return the processes of a local cluster: name, process id, state."""
    table = _table(f"Cluster at {url}", "process", "pid", "state", right=("pid",), wrap="process")
    for row in rows:
        table.add_row(*row)
    return table


def load_table(measured: Measured) -> Table:
    """Return the measured load of one subtask of every vertex."""
    figures = ("busy", "backpressure", "cpu", "records/s", "bytes/record")
    several = any(vertex.cpu_samples for vertex in measured.vertices)
    title = "Measured, one subtask on average" + (", in the busiest sample" if several else "")
    table = _table(title, "task", *figures, right=figures, wrap="task")
    for vertex in measured.vertices:
        table.add_row(
            _short(vertex.name),
            f"{vertex.busy:.0%}",
            f"{vertex.backpressured:.0%}",
            "?" if vertex.cpu is None else f"{vertex.cpu / CORE:.3f}",
            f"{vertex.records:.1f}",
            "?" if vertex.bytes_per_record is None else f"{vertex.bytes_per_record:.1f}",
        )
    return table


def edit_lines(lines: Sequence[str]) -> str:
    """Return what a run changes of a program."""
    if not lines:
        return "Changes of the program: none, but for the resources of its groups\n"
    return "\n".join(["Changes of the program", *(f"  {line}" for line in lines)]) + "\n"


def recovery_lines(region_sizes: Sequence[int], strategy: RestartStrategy) -> str:
    """Return the regions, by their sizes in subtasks, and the restart strategy in a few lines."""
    sizes, subtasks = Counter(region_sizes), sum(region_sizes)
    if len(region_sizes) == 1:
        regions = f"one: all {subtasks} subtasks restart together"
    else:
        kinds = [f"{n} of {size}" for size, n in sorted(sizes.items(), reverse=True)[:4]]
        regions = f"{len(region_sizes)} over {subtasks} subtasks: {', '.join(kinds)}"
    options = ", ".join(f"{key} {value}" for key, value in list(strategy.options.items())[:2])
    lines = [f"Restart regions  {regions}", f"Restart          {strategy.type}, {strategy.source}"]
    return "\n".join([*lines, f"                 {options}"] if options else lines) + "\n"


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
    columns = ("lost", "regions", "restarts", "share", "at worst", "full")
    table = _table("Loss of one TaskManager", "TaskManager", *columns, right=columns, wrap="TaskManager")
    ordered = sorted(rows.values(), key=lambda found: -found[0].restarted.subtasks)
    for found in ordered[:ROWS]:
        first = found[0]
        name = first.task_manager if len(found) == 1 else f"{first.task_manager} and {len(found) - 1} more"
        table.add_row(
            name,
            str(first.lost),
            str(len(first.regions)),
            str(first.restarted.subtasks),
            f"{first.restarted.share:.0%}",
            f"{first.worst.share:.0%}",
            f"{first.full_restart.share:.0%}",
        )
    if len(ordered) > ROWS:
        table.add_row(f"... {len(ordered) - ROWS} more kinds", *[""] * 6)
    return table


FAILED = {
    Failed.TASK_FAILED: "a task fails",
    Failed.TASK_MANAGER_ENDED: "SIGTERM",
    Failed.TASK_MANAGER_KILLED: "SIGKILL",
    Failed.HOST_LOST: "host lost",
}
PARTS = ("detection", "backOff", "allocation", "restore", "catchUp")


def downtime_table(plan: RecoveryPlan) -> Table:
    """Return how long the job stands still, by what fails, as it is set and with the fast options."""
    columns = ("detect", "back-off", "slots", "state", "catch up", "sum", "fast")
    table = _table("Seconds until the job has caught up", "cause", *columns, right=columns, wrap="cause")
    for now, fast in zip(plan.downtimes, plan.fast_downtimes, strict=True):
        parts = {part.name: part.seconds for part in now.parts}
        table.add_row(
            FAILED[now.failed],
            *(_known(parts.get(name)) if name in parts else "-" for name in PARTS),
            _total(now),
            _total(fast),
        )
    return table


def downtime_lines(plan: RecoveryPlan) -> list[str]:
    """Return what makes a downtime longer, or unknown, each reason once."""
    reasons = {
        (part.name, part.reason): None
        for downtime in plan.downtimes
        for part in downtime.parts
        if part.seconds is None
    }
    lines = [f"  {name}: {reason}" for name, reason in reasons]
    slower = [one for one in plan.settings if one.value != one.fast]
    if slower:
        first = f"{slower[0].option}: {slower[0].fast}"
        more = f" and {len(slower) - 1} more" if len(slower) > 1 else ""
        lines.append(f"  fast: recovery: fast in the job sets {first}{more}")
    return lines


def reserve_lines(plan: RecoveryPlan) -> list[str]:
    """Return what those in reserve do, and what they do not."""
    reserve = plan.reserve
    if reserve is None:
        return ["Reserve          none: a job that loses a TaskManager waits until it is back"]
    names = ", ".join(reserve.task_managers[:3]) + (" ..." if len(reserve.task_managers) > 3 else "")
    lines = [f"Reserve          {names}: what is lost restarts there"]
    if reserve.uncovered:
        lines.append(f"                 not what {', '.join(reserve.uncovered[:3])} would lose")
    after = [failure.covered_next for failure in plan.failures if failure.covered_next is not None]
    others = len(after) - 1
    if after and others:
        lines.append(
            f"After a loss     the one that comes back covers {min(after)} to {max(after)} of {others} others, until"
        )
        lines.append("                 planner migrate --home --apply")
    lines.append(
        f"JobManager lost  highest CPU {reserve.worst_cpu_utilisation:.1%} at worst, on those in reserve"
    )
    return lines


def _known(seconds: float | None) -> str:
    return "?" if seconds is None else f"{seconds:.3g}"


def _total(downtime: Downtime) -> str:
    if downtime.seconds is None:
        return "never"
    return ("" if downtime.complete else "> ") + f"{downtime.seconds:.3g}"


def scope_lines(plan: RecoveryPlan) -> str:
    """Return what restarts when each of the parts of the job in a plan fails."""
    return "".join(
        f"{one.name}: {one.restarted.subtasks} of {plan.subtasks} subtasks restart"
        f" ({one.restarted.share:.0%}), {one.lost} of them lost\n"
        for one in plan.scopes
    )


def region_table(plan: RecoveryPlan) -> Table:
    """Return the pipelined regions, the largest first."""
    table = _table(
        f"{len(plan.regions)} regions",
        "region",
        "subtasks",
        "restarts",
        "of",
        right=("subtasks", "restarts"),
        wrap="of",
    )
    for region in sorted(plan.regions, key=lambda one: -one.size)[:ROWS]:
        parts = "; ".join(f"{part.vertex} {part.subtasks}" for part in region.parts[:4])
        more = " ..." if len(region.parts) > 4 else ""
        restarted = "?" if region.restarted is None else str(region.restarted)
        table.add_row(str(region.id), str(region.size), restarted, parts + more)
    if len(plan.regions) > ROWS:
        table.add_row(f"... {len(plan.regions) - ROWS} more", "", "", "")
    return table


def infeasible_lines(explanation: Explanation) -> list[str]:
    """Return why nothing fits, and what would help."""
    lines: list[str] = []
    for conflict in explanation.conflicts:
        lines += [
            f"  why:           {conflict.message}",
            f"  resource:      {conflict.resource}",
            f"  groups:        {_some(conflict.groups)}",
            f"  TaskManagers:  {_some(conflict.task_managers)}",
        ]
    if explanation.reserve:
        lines.append(f"  in reserve:    {explanation.reserve} of the TaskManagers")
    lines += [f"  what helps:    {change}" for change in explanation.changes]
    if not explanation.changes:
        lines.append("  what helps:    offer more of it, or lower what the groups take")
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
