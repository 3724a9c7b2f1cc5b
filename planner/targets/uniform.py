"""One kind of TaskManager for a whole placement, where Flink starts them itself: what it is and loses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.documents.placement import PlacedTaskManager, Placement
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.quotas import QUOTA
from planner.targets.options import Written, reserved_cpu, task_manager_options
from planner.units import CORE, MIB, parse_cpu, parse_size

_MEMORY = "taskmanager.memory."


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the memory of a process, and CPU units."""

    memory: int
    cpu: int


def lost(placement: Placement, where: str, instead: str) -> list[str]:
    """Return what is lost of a placement, a sentence each, nothing where it has one TaskManager.

    ``where`` names what starts TaskManagers of one kind, ``instead`` what Flink asks for when one is lost.

    Raises:
        NotExportable: when a TaskManager of the placement has no memory or CPU.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    first = [tm for tm in placement.task_managers if not tm.reserve]
    found = []
    sizes = [_size(task_manager_options(tm), tm) for tm in first]
    common = largest(placement)
    if len(set(sizes)) > 1:
        cpu, memory = sum(size.cpu for size in sizes), sum(size.memory for size in sizes)
        found.append(
            f"Sizes: {len(first)} TaskManagers of {len(set(sizes))} sizes, {_amounts(cpu, memory)} together;"
            f" {where} starts all with the largest of every part, {_amounts(common.cpu, common.memory)}"
            f" each, {_amounts(common.cpu * len(first), common.memory * len(first))} for as many."
        )
    if len(first) > 1:
        found.append(
            f"Quotas: highest CPU utilisation {placement.imbalance.max:.1%} planned"
            f" ({placement.imbalance.max_over_mean:.2f} times the mean). Flink's own slot allocation on the"
            f" same TaskManagers, simulated: {_stock(placement)}."
        )
    if spares := len(placement.task_managers) - len(first):
        found.append(
            f"Reserve: {spares} TaskManager{'s' * (spares > 1)} that would take over the slots of a lost one;"
            f" Flink asks for {instead} instead."
        )
    return found


def _stock(placement: Placement) -> str:
    names = {"none": "NONE", "slots": "SLOTS", "tasks": "TASKS", "minResources": "MIN_RESOURCES"}
    return ", ".join(
        f"{names[name]} {'does not fit' if one.max is None else f'{one.max:.1%}'}"
        for name, one in placement.stock_flink.items()
    )


def _amounts(cpu: int, memory: int) -> str:
    return f"{cpu / CORE:g} cores and {memory / MIB:,.0f} MiB"


def _size(options: Mapping[str, str], tm: PlacedTaskManager) -> Size:
    return Size(derive_taskmanager(options).process, reserved_cpu(tm, options))


def largest(placement: Placement) -> Size:
    """Return the size of a TaskManager that has the largest of every part."""
    options = uniform_options(placement)
    return Size(derive_taskmanager(options).process, parse_cpu(options["taskmanager.cpu.cores"]))


def uniform_options(placement: Placement) -> dict[str, str]:
    """Return the options of a TaskManager that all slots of a placement fit on: of every size the largest.

    What else differs between TaskManagers is left out.
    """
    each = [task_manager_options(tm) for tm in placement.task_managers if not tm.reserve]
    found = {}
    for key in sorted({key for options in each for key in options}):
        values = [options[key] for options in each if key in options]
        if key.startswith(f"external-resource.{QUOTA}") or key == "external-resources":
            pass
        elif key == "taskmanager.numberOfTaskSlots":
            found[key] = str(max(map(int, values)))
        elif key == "taskmanager.cpu.cores":
            found[key] = max(values, key=parse_cpu)
        elif key.startswith(_MEMORY) and key.endswith((".size", ".min", ".max")):
            found[key] = f"{max(map(parse_size, values))}b"
        elif len(values) == len(each) and len(set(values)) == 1:
            found[key] = values[0]
    return found


def differing(written: Iterable[Written], common: Mapping[str, str]) -> Sequence[str]:
    """Return options of TaskManagers, sizes and quotas aside, that one kind of TaskManager cannot have."""
    beside = ("external-resource", _MEMORY, "taskmanager.resource-id")
    keys = {key for one in written for key in one.options} - common.keys()
    return sorted(key for key in keys if not key.startswith(beside))


def lost_lines(missing: Sequence[str], unequal: Sequence[str]) -> list[str]:
    """Return the lines of a README on what is lost: sentences of `lost`, and the options of `differing`."""
    lines = []
    if missing:
        lines += ["## What is lost of the placement", "", *(f"* {one}" for one in missing), ""]
    if unequal:
        lines += [
            "TaskManagers of the placement do not have these options alike; none has them here:",
            "",
            *(f"* `{key}`" for key in unequal),
            "",
        ]
    return lines
