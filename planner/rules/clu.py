"""CLU: clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from planner.documents.finding import Path, Severity
from planner.documents.vocabulary import Cover
from planner.memory.taskmanager import FALLBACKS, PREFIX
from planner.place.model.constraints import zone_of
from planner.place.model.task_managers import field_options, is_amount
from planner.rules.base import FLINK_CODE, FLINK_DOCS, ClusterRule, ClusterSubject, Match, similar
from planner.units import format_size, parse_size


class DuplicateTaskManager(ClusterRule):
    code, name, severity = "CLU701", "duplicate-taskmanager", Severity.ERROR
    summary = "Two TaskManager classes or two TaskManagers have the same name."
    why = "A placement refers to TaskManagers by id; those of a class are called name-0, name-1 and so on."
    hint = "rename one of them"
    source = "planner's document format; in Flink, taskmanager.resource-id has to be unique"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        spec = subject.cluster.spec
        seen: set[str] = set()
        for index, entry in enumerate(spec.task_manager_classes):
            if entry.name in seen:
                yield Match(
                    ("spec", "taskManagerClasses", index, "name"),
                    f"class name {entry.name!r} is used twice",
                )
            seen.add(entry.name)
        ids = Counter(tm.id for tm in subject.task_managers)
        named = Counter(one.id for one in spec.task_managers)
        for index, one in enumerate(spec.task_managers):
            if ids[one.id] > 1 or named[one.id] > 1:
                yield Match(("spec", "taskManagers", index, "id"), f"TaskManager id {one.id!r} is used twice")


class BrokenTaskManager(ClusterRule):
    code, name, severity = "CLU702", "broken-taskmanager", Severity.ERROR
    summary = "The figures of a TaskManager are inconsistent."
    why = "Flink would refuse to start a process with this memory, or the class that the TaskManager refers to does not exist."
    hint = (
        "correct the figures; planner memory --set taskmanager.memory.process.size=... shows how they add up"
    )
    source = "Flink's TaskExecutorProcessUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/clusterframework/TaskExecutorProcessUtils.java"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        for paths, message in subject.errors:
            for path in paths:
                yield Match(path, message)


class NoTaskManagers(ClusterRule):
    code, name, severity = "CLU703", "no-taskmanagers", Severity.ERROR
    summary = "A cluster has no TaskManagers."
    why = "Nothing can be placed on it."
    hint = "add taskManagerClasses with a count, or taskManagers"
    source = "Flink's architecture page: there has to be at least one TaskManager"
    source_url = f"{FLINK_DOCS}concepts/flink-architecture/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        if not subject.task_managers and not subject.errors:
            yield Match(("spec",), "the cluster has no TaskManagers", key=True)


class TooMuchReserve(ClusterRule):
    code, name, severity = "CLU704", "too-much-reserve", Severity.ERROR
    summary = "All TaskManagers of a cluster, or more than there are of a class, are kept in reserve."
    why = "No TaskManager is left to place slots on, or to keep in reserve."
    hint = "keep fewer in reserve"
    source = "planner's document format; in Flink, slotmanager.redundant-taskmanager-num"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        reserve = subject.cluster.spec.reserve
        if not subject.task_managers:
            return
        there = Counter(tm.class_name for tm in subject.task_managers)
        for entry in subject.cluster.spec.task_manager_classes:
            there[entry.name] = max(there[entry.name], entry.max or 0)
        short = [name for name, count in reserve.classes.items() if count > there[name]]
        for name in short:
            message = f"the reserve is to have TaskManagers of class {name!r}, of which the cluster has"
            has = f"{there[name]}, not {reserve.classes[name]}" if there[name] else "none"
            yield Match(
                ("spec", "reserve", "classes", name),
                f"{message} {has}{'' if there[name] else similar(name, filter(None, there))}",
            )
        if not short and reserve.count >= len(subject.task_managers):
            yield Match(
                ("spec", "reserve", "classes" if reserve.classes else "taskManagers"),
                f"{reserve.count} of {len(subject.task_managers)} TaskManagers are kept in reserve",
            )


class ContradictingCounts(ClusterRule):
    code, name, severity = "CLU705", "contradicting-counts", Severity.ERROR
    summary = "The numbers of a TaskManager class contradict each other."
    why = "The min must not be greater than the max, and a fixed count cannot be combined with a range."
    hint = "give count, or min and max"
    source = "planner's document format; in Flink, slotmanager.min-total-resource.* and slotmanager.max-total-resource.*"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        for index, entry in enumerate(subject.cluster.spec.task_manager_classes):
            path = ("spec", "taskManagerClasses", index)
            if entry.min is not None and entry.max is not None and entry.min > entry.max:
                yield Match(
                    (*path, "min"), f"class {entry.name!r}: min {entry.min} is greater than max {entry.max}"
                )
            elif entry.count is not None and (entry.min is not None or entry.max is not None):
                yield Match((*path, "count"), f"class {entry.name!r} has both a count and a range")


class ContradictingOptions(ClusterRule):
    code, name, severity = "CLU706", "contradicting-options", Severity.ERROR
    otherwise = "or warning for a fraction that has no effect"
    summary = "An option in a class's flinkConfiguration contradicts another field or option of the class."
    why = "A TaskManager can only have one of the two values, and neither may be replaced in silence. Flink does not look at the fraction of a part of memory whose size is given."
    hint = "leave one of the two out"
    source = "planner's document format: memory, cpu, slots and external stand for Flink options; Flink's ProcessMemoryUtils and TaskExecutorFlinkMemoryUtils"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        classes = zip(subject.cluster.spec.task_manager_classes, subject.options, strict=True)
        for index, (entry, options) in enumerate(classes):
            path = ("spec", "taskManagerClasses", index)
            fields = field_options(entry)
            for key, (field, value) in fields.items():
                old = FALLBACKS.get(key.removeprefix(PREFIX), key)
                key = key if key in options.configuration else old
                written = options.configuration.get(key)
                if written is not None and not _same(key, written, value):
                    message = (
                        f"class {entry.name!r}: {'.'.join(field)} is {_spelled(key, value)}, and {key} is"
                        f" {written!r}"
                    )
                    yield Match((*path, *field), message)
                    yield Match(options.path(key), message)
            for fraction, pins in _without_effect({**options.configuration, **_values(fields)}):
                message = f"class {entry.name!r}: {fraction} has no effect beside {' and '.join(pins)}"
                hint = f"leave {fraction} out, or what is beside it"
                places: list[Path] = [options.path(fraction)]
                places += [(*path, *fields[pin][0]) if pin in fields else options.path(pin) for pin in pins]
                for place in dict.fromkeys(places):
                    yield Match(place, message, hint, severity=Severity.WARNING)
            for key in options.configuration:
                if is_amount(key) and key not in fields:
                    message = f"class {entry.name!r}: planner sets {key} from external and from the quotas"
                    yield Match(options.path(key), message, "declare the resource under external")
                elif key == _RESOURCE_ID:
                    message = f"class {entry.name!r}: planner sets {key} to the id of each TaskManager"
                    yield Match(options.path(key), message, "name the TaskManager under taskManagers")


_RESOURCE_ID = "taskmanager.resource-id"


def _spelled(key: str, value: str) -> str:
    return format_size(parse_size(value)) if key.startswith(PREFIX) else value


def _values(fields: Mapping[str, tuple[tuple[str, ...], str]]) -> dict[str, str]:
    return {key: value for key, (_, value) in fields.items()}


def _without_effect(configuration: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the fractions of memory that Flink does not look at, and the options that say the size instead."""

    def given(*names: str) -> tuple[str, ...]:
        keys = (
            next((key for key in (PREFIX + n, FALLBACKS.get(n, "")) if key in configuration), "")
            for n in names
        )
        return tuple(filter(None, keys))

    def equal(pair: tuple[str, ...]) -> bool:
        return len(pair) == 2 and _same(PREFIX, configuration[pair[0]], configuration[pair[1]])

    pins = {
        "managed.fraction": [given("managed.size")],
        "network.fraction": [bounds for bounds in [given("network.min", "network.max")] if equal(bounds)],
        "jvm-overhead.fraction": [
            *(bounds for bounds in [given("jvm-overhead.min", "jvm-overhead.max")] if equal(bounds)),
            *(totals for totals in [given("process.size", "flink.size")] if len(totals) == 2),
        ],
    }
    for name, found in pins.items():
        (fraction, *_), pinned = given(name) or ("",), next(filter(None, found), ())
        if fraction and pinned:
            yield fraction, pinned


class ContradictingReserve(ClusterRule):
    code, name, severity = "CLU707", "contradicting-reserve", Severity.ERROR
    summary = "The reserve asks for something that the cluster cannot mean."
    why = "A cover says what may be lost, and planner finds out how many TaskManagers in reserve that takes, so a number beside it contradicts it, as do numbers of classes beside a number of all. Zones are what TaskManagers have as their label zone: of a single zone nothing is left when it is lost."
    hint = (
        "give one of taskManagers, classes and cover; for any-zone, label TaskManagers of two zones or more"
    )
    source = "planner's document format; in Kubernetes, topology.kubernetes.io/zone"
    source_url = "https://kubernetes.io/docs/reference/labels-annotations-taints/"

    def check(self, subject: ClusterSubject) -> Iterator[Match]:
        reserve = subject.cluster.spec.reserve
        if reserve.task_managers and reserve.classes:
            yield Match(
                ("spec", "reserve", "taskManagers"),
                f"the reserve has a number, {reserve.task_managers}, and numbers of classes",
            )
        if reserve.cover is None:
            return
        if reserve.count:
            number = "taskManagers" if reserve.task_managers else "classes"
            yield Match(
                ("spec", "reserve", number),
                f"the reserve has a number, {reserve.count}, and a cover, {reserve.cover}",
            )
        zones = {zone_of(tm) for tm in subject.task_managers}
        if reserve.cover is Cover.ANY_ZONE and subject.task_managers and (len(zones) < 2 or None in zones):
            told = (
                "some TaskManagers have no label zone"
                if None in zones
                else "all TaskManagers are in one zone"
            )
            yield Match(
                ("spec", "reserve", "cover"), f"the reserve has to cover the loss of any zone, and {told}"
            )


def _same(key: str, first: str, second: str) -> bool:
    """Tell whether two texts of an option mean the same."""
    if first.strip() == second.strip():
        return True
    try:
        if key.startswith("taskmanager.memory."):
            return parse_size(first) == parse_size(second)
        return float(first) == float(second)
    except ValueError:
        return False
