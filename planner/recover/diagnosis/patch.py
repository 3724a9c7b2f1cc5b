"""The changes of a diagnosis as values of the document that they belong to.

Options of the job belong to the job or its profile; sizes of a TaskManager to its class in the cluster. What
slots are given is the job's: where a placement says which of them stand on the TaskManager that failed, each
gets its share of what is missing. A FlinkDeployment and a configuration of Flink have all options.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.documents.cluster import Cluster
from planner.documents.edit import edited
from planner.documents.finding import Path, describe_path
from planner.documents.foreign.base import ForeignDocument
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.job import Job
from planner.documents.load import Loaded
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.errors import PlannerError
from planner.memory.taskmanager import PREFIX
from planner.recover.diagnosis.changes import WHOLE, Change
from planner.recover.diagnosis.diagnose import Diagnosis
from planner.units import MIB, format_size, parse_size

_PROCESSES = ("taskmanager.", "jobmanager.")
_OF_CLASSES = {
    "process.size": "process",
    "flink.size": "flink",
    "network.min": "network",
    "network.max": "network",
    "jvm-metaspace.size": "jvmMetaspace",
    "jvm-overhead.min": "jvmOverhead",
    "jvm-overhead.max": "jvmOverhead",
}
"""Sizes of a TaskManager's memory by the field of its class."""
_OF_SLOTS = {"task.heap.size": "heap", "task.off-heap.size": "offHeap", "managed.size": "managed"}
"""Sizes that placing derives from what slots are given, by the field of a group."""


class NotPatchable(PlannerError):
    """The changes of a diagnosis cannot be put into a file."""


@dataclass(slots=True)
class Patch:
    """Values by their path in a document, and changes that have no place in it with the reason."""

    values: dict[Path, str] = field(default_factory=dict)
    left: list[tuple[Change, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Patched:
    """The text of a file before and after its patch, and changes that have no place in it with the reason."""

    before: str
    after: str
    left: tuple[tuple[Change, str], ...]


def patched(
    loaded: Sequence[Loaded], diagnoses: Sequence[Diagnosis], placement: Placement | None = None
) -> Patched:
    """Return the text of a file with the changes of diagnoses, everything else as it was written.

    Raises:
        NotPatchable: when the file does not hold exactly one document that takes changes, or they cannot be
            put into its text.

    """
    found = [one for one in loaded if _takes_patches(one)]
    if len(found) != 1:
        what = (
            "several documents that changes could be put into"
            if found
            else "no job, cluster or Flink options"
        )
        raise NotPatchable(f"it holds {what}")
    one = patch(found[0], diagnoses, placement)
    source = found[0].source
    text = edited(source, one.values)
    if text is None:
        values = ", ".join(f"{describe_path(path)}: {value}" for path, value in one.values.items())
        raise NotPatchable(f"its text cannot be changed as it is written; put in by hand {values}")
    return Patched(source.text, text, tuple(one.left))


def _takes_patches(loaded: Loaded) -> bool:
    found = loaded.document
    if isinstance(found, ForeignDocument):
        return bool(found.options) or isinstance(found, FlinkDeployment | FlinkSessionJob)
    return isinstance(found, Job | ResourceProfile | Cluster)


def patch(loaded: Loaded, diagnoses: Sequence[Diagnosis], placement: Placement | None = None) -> Patch:
    """Return what changes in a document, which takes patches, for it to have the changes of diagnoses.

    Those of one diagnosis belong together. What an earlier one changes already is not changed again.
    """
    found, taken = Patch(), set[str]()
    placed = {tm.id: tm for tm in placement.task_managers} if placement is not None else {}
    for one in diagnoses:
        options = {change.option for change in one.changes}
        again = taken & options
        taken |= options
        for change in one.changes:
            if again:
                found.left.append(
                    (change, "it belongs to another failure than the first; diagnose again after it")
                )
            elif not change.exact:
                found.left.append((change, f"{change.after}: the value is yours to choose"))
            else:
                place = _place(loaded, change, one.process, placed.get(one.process))
                if isinstance(place, str):
                    found.left.append((change, place))
                else:
                    found.values |= place
    return found


def _place(
    loaded: Loaded, change: Change, process: str, placed: PlacedTaskManager | None
) -> dict[Path, str] | str:
    """Return the values that a change has in a document, or why it has none there."""
    match loaded.document:
        case Cluster() as cluster:
            return _in_cluster(cluster, change, process, placed)
        case Job() | ResourceProfile():
            return _in_job(loaded, change, placed)
        case ForeignDocument() as other:
            return _in_options(loaded, other, change)
    return "the document has no options"


def _in_cluster(
    cluster: Cluster, change: Change, process: str, placed: PlacedTaskManager | None
) -> dict[Path, str] | str:
    if not change.option.startswith("taskmanager."):
        return "it belongs to the job"
    name = placed.class_ if placed is not None else None
    classes = cluster.spec.task_manager_classes
    if name is None:
        name = classes[0].name if len(classes) == 1 else process.rpartition("-")[0]
    number = next((number for number, one in enumerate(classes) if one.name == name), None)
    if number is None:
        return f"the cluster has no class of which {process or 'the TaskManager'} is"
    path: Path = ("spec", "taskManagerClasses", number)
    part = change.option.removeprefix(PREFIX)
    if part in _OF_CLASSES:
        return {(*path, "memory", _OF_CLASSES[part]): _size(change.after)}
    if part in _OF_SLOTS and _gives(change):
        return {}
    if part in _OF_SLOTS:
        return "placing derives it from what the slots are given, which is the job's"
    return {(*path, "flinkConfiguration", change.option): change.after}


def _in_job(loaded: Loaded, change: Change, placed: PlacedTaskManager | None) -> dict[Path, str] | str:
    is_job = isinstance(loaded.document, Job)
    if not change.option.startswith(_PROCESSES):
        path: Path = ("spec", "flinkConfiguration") if is_job else ("planner", "flinkConfiguration")
        return {_nested(loaded.source.data, path, change.option): change.after}
    name = _OF_SLOTS.get(change.option.removeprefix(PREFIX))
    if name is None:
        return "it belongs to the cluster"
    if _gives(change):
        return {}  # placing takes it from what no slot is given
    if placed is None or not placed.slots:
        return "name the placement with -p: it says which slots stand there"
    missing = math.ceil(_step(change) / len(placed.slots))
    found: dict[Path, str] = {}
    groups = {slot.group for slot in placed.slots}
    for place, given in _groups(loaded.document):
        if given.name not in groups:
            continue
        sizes = given.resources if is_job else given
        size = getattr(sizes, {"offHeap": "off_heap"}.get(name, name), None)
        if not isinstance(size, int):
            return f"group {given.name} has no {name} here; compile the job, its profile has it"
        found[*place, name] = format_size(-(-(size + missing) // MIB) * MIB)
    return found or "none of its groups is in this document"


def _step(change: Change) -> int:
    return parse_size(change.after) - parse_size(change.before or "0")


def _gives(change: Change) -> bool:
    """Tell whether a part of memory gets smaller by a change, for another one."""
    return _step(change) <= 0


def _groups(document: Any) -> Iterator[tuple[Path, Any]]:
    """Yield the groups of a job or profile with where their resources are."""
    if isinstance(document, Job):
        for number, group in enumerate(document.spec.slot_sharing_groups):
            yield ("spec", "slotSharingGroups", number, "resources"), group
    else:
        for number, profile in enumerate(document.ssg_profiles):
            yield ("ssgProfiles", number), profile


def _in_options(loaded: Loaded, document: ForeignDocument, change: Change) -> dict[Path, str] | str:
    if isinstance(document, FlinkSessionJob) and change.option.startswith(_PROCESSES):
        return "it belongs to the FlinkDeployment of the session"
    setting = document.settings().get(change.option)
    if setting is None:
        return {_nested(loaded.source.data, document.options_path, change.option): change.after}
    if change.option == WHOLE and setting.path[-2:] == ("resource", "memory"):
        return {setting.path: f"{-(-parse_size(change.after) // MIB)}m"}
    return f"{'.'.join(map(str, setting.path))} sets it"


def _nested(data: Any, base: Path, key: str) -> Path:
    """Return where an option is written below a path, flat or nested; flat where it is not yet."""
    here = data
    for part in base:
        here = here.get(part) if isinstance(here, Mapping) else None
    return (*base, *(_written(here, key) or (key,)))


def _written(here: Any, key: str) -> Path | None:
    if not isinstance(here, Mapping):
        return None
    if key in here:
        return (key,)
    for name, inside in here.items():
        if isinstance(name, str) and key.startswith(f"{name}."):
            rest = _written(inside, key.removeprefix(f"{name}."))
            if rest is not None:
                return (name, *rest)
    return None


def _size(text: str) -> str:
    return format_size(parse_size(text))
