"""What the processes of a placement are started with, and how that is written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.sensitive import holds_secret, is_reference, masked
from planner.memory.taskmanager import derive_taskmanager
from planner.targets.errors import NotExportable
from planner.units import parse_cpu

JOBMANAGER_MEMORY = {"jobmanager.memory.process.size": "1600m"}
"""The memory of a JobManager of which nobody has said how large it is: that of Flink's own configuration."""
LOG_LEVEL = "env.log.level"
_LOGGING = """rootLogger.level = {level}
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c - %m%n
"""


@dataclass(frozen=True, slots=True)
class Written:
    """Options of a process that may stand in a file.

    ``left_out`` are the others, each with the reference that the placement has in its place, if it has one.
    """

    options: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def task_manager_options(planned: PlacedTaskManager) -> dict[str, str]:
    """Return the Flink options of a TaskManager of a placement."""
    slots = {"taskmanager.numberOfTaskSlots": str(max(len(planned.slots), 1))}
    memory = planned.memory.dynamic_options if planned.memory is not None else {}
    return {**slots, **(planned.flink_configuration or {}), **memory}


def process_options(placement: Placement, planned: PlacedTaskManager) -> dict[str, str]:
    """Return the Flink options of a TaskManager, with its resource id and those of all processes."""
    common = placement.flink_configuration or {}
    return {**common, **task_manager_options(planned), "taskmanager.resource-id": planned.id}


def exported_options(placement: Placement, planned: PlacedTaskManager) -> Written:
    """Return the options of a TaskManager with all of its sizes, and without secrets.

    Raises:
        NotExportable: when the placement does not say how large its memory is.
        MemoryConfigurationError: when its memory options are inconsistent.

    """
    if planned.memory is None:
        raise NotExportable(f"the placement gives TaskManager {planned.id!r} no memory; place again")
    options = process_options(placement, planned)
    return without_secrets({**options, **derive_taskmanager(options).all_options()})


def exported_task_managers(placement: Placement) -> dict[str, Written]:
    """Return the options of every TaskManager of a placement by its id; see `exported_options`.

    Raises:
        NotExportable: when two have the same id, too.

    """
    found: dict[str, Written] = {}
    for tm in placement.task_managers:
        if tm.id in found:
            raise NotExportable(f"the placement has two TaskManagers with the id {tm.id!r}; place again")
        found[tm.id] = exported_options(placement, tm)
    return found


def without_secrets(options: Mapping[str, str]) -> Written:
    """Return options by whether they may stand in a file."""
    secret = {
        key: value if is_reference(key, value) else ""
        for key, value in options.items()
        if holds_secret(key, value)
    }
    return Written({key: value for key, value in options.items() if key not in secret}, secret)


def committed(placement: Placement) -> Placement:
    """Return a placement without facts about the run that made it, and without secrets put in by hand."""
    task_managers = [
        tm.model_copy(update={"flink_configuration": _masked(tm.flink_configuration)})
        for tm in placement.task_managers
    ]
    common = _masked(placement.flink_configuration)
    return placement.model_copy(
        update={"meta": None, "flink_configuration": common, "task_managers": task_managers}
    )


def _masked(options: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if options is None else {key: masked(key, value) for key, value in options.items()}


def reserved_cpu(planned: PlacedTaskManager, options: Mapping[str, str]) -> int:
    """Return the CPU of a TaskManager with these options, in CPU units.

    Raises:
        NotExportable: when the options do not say it.

    """
    key = "taskmanager.cpu.cores"
    try:
        return parse_cpu(options[key])
    except (KeyError, ValueError):
        raise NotExportable(
            f"the placement gives TaskManager {planned.id!r} no valid {key}; place again"
        ) from None


def arguments(options: Mapping[str, str]) -> list[str]:
    """Return options as arguments of Flink's start scripts, each as the word of a POSIX shell.

    Raises:
        NotExportable: when one has a line break in its value.

    """
    broken = next((key for key, value in options.items() if "\n" in value or "\r" in value), None)
    if broken is not None:
        raise NotExportable(f"{broken} has a line break in its value; write it in one line")
    return [f"-D {shlex.quote(f'{key}={value}')}" for key, value in sorted(options.items())]


def console_logging(options: Mapping[str, str]) -> str:
    """Return the logging configuration of a process that writes its log to stdout."""
    level = options.get(LOG_LEVEL, "").strip().upper()
    return _LOGGING.format(level=level if level.isalpha() else "INFO")


def left_out_lines(left_out: Mapping[str, str]) -> Sequence[str]:
    """Return options that a file does not hold as the lines of a list."""
    return [
        f"* `{key}`" + (f", in the placement `{reference}`" if reference else "")
        for key, reference in sorted(left_out.items())
    ]
