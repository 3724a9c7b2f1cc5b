"""What every TaskManager of a cluster offers, and the memory configuration a placement gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from planner.documents.cluster import Cluster, Memory, TaskManagerClass, TaskManagerShape
from planner.documents.cluster import TaskManager as NamedTaskManager
from planner.errors import PlannerError
from planner.memory.off_heap import overhead_for
from planner.memory.process import FRAMEWORK, MemoryConfigurationError, Options
from planner.memory.taskmanager import (
    FALLBACKS,
    MIN_NETWORK,
    PREFIX,
    SLOT_PARTS,
    TaskManagerMemory,
    derive_taskmanager,
    network_range,
)
from planner.units import LONG_MAX, cpu_number, rounded_size

_KEYS = {
    "process": "process.size",
    "flink": "flink.size",
    "framework_heap": "framework.heap.size",
    "framework_off_heap": "framework.off-heap.size",
    "task_heap": "task.heap.size",
    "task_off_heap": "task.off-heap.size",
    "managed": "managed.size",
    "jvm_metaspace": "jvm-metaspace.size",
}
_RANGES = {"network": "network", "jvm_overhead": "jvm-overhead"}
MEMORY_OPTIONS = (
    *_KEYS.values(),
    "managed.fraction",
    *(f"{part}.{end}" for part in _RANGES.values() for end in ("min", "max", "fraction")),
)
"""The options of a TaskManager's memory model, after their prefix."""
CPU = "taskmanager.cpu.cores"
SLOTS = "taskmanager.numberOfTaskSlots"
MAX_DIGITS = 10
"""Of a number that Flink reads as an int."""
PARTS = ("heap", "offHeap", "managed", "network")
"""The parts of memory that slots take, as documents name them for a slot."""
_PART_KEYS = tuple(PREFIX + name for name in SLOT_PARTS)
_OUTSIDE_SLOTS = (
    "framework.heap.size",
    "framework.off-heap.size",
    "jvm-metaspace.size",
    "jvm-overhead.min",
    "jvm-overhead.max",
    "jvm-overhead.fraction",
)
_TOTAL_KEYS = (PREFIX + "flink.size", PREFIX + "process.size")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a TaskManager offers to slots: CPU units, bytes, slots; None is no limit of its own.

    ``memory`` is what the slot parts may take together; a part that the cluster document fixes has
    its own limit besides. ``fixed`` holds the parts outside slots and those that are fixed. Memory that
    no slot takes may become JVM overhead where ``more_overhead``: the process has a size, and nobody
    set the overhead, or total Flink memory, which leaves it.
    """

    cpu: int
    memory: int
    parts: tuple[int | None, int | None, int | None, int | None]
    slots: int | None
    external: tuple[tuple[str, Decimal], ...]
    fixed: TaskManagerMemory
    more_overhead: bool = False

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The parts that nobody fixed: they share what the fixed ones leave."""
        return tuple(name for name, size in zip(PARTS, self.parts, strict=True) if size is None)

    @property
    def open_memory(self) -> int:
        """What the parts that nobody fixed may take together."""
        return self.memory - sum(size or 0 for size in self.parts)


@dataclass(frozen=True, slots=True)
class TaskManager:
    """One TaskManager: its id, its class, what it offers, and options of it beside memory, CPU and quotas."""

    id: str
    class_name: str | None
    capacity: Capacity
    labels: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()


class ClusterError(PlannerError, ValueError):
    """A TaskManager whose figures are inconsistent; ``path`` leads to them in the document.

    ``others`` are the other places that they contradict: of an option its key stands last, however it is
    written.
    """

    def __init__(
        self, path: tuple[str | int, ...], message: str, others: Sequence[tuple[str | int, ...]] = ()
    ) -> None:
        super().__init__(message)
        self.path = path
        self.others = tuple(others)


def task_managers_of(cluster: Cluster) -> list[TaskManager]:
    """Return every TaskManager of ``cluster``: those of classes first, then the named ones.

    Raises:
        ClusterError: when a class is unknown or a memory configuration is inconsistent.

    """
    found: list[TaskManager] = []
    for entry in _entries(cluster):
        if isinstance(entry, ClusterError):
            raise entry
        found += entry
    return found


def cluster_errors(cluster: Cluster) -> list[ClusterError]:
    """Return what is wrong with the figures of the TaskManagers of ``cluster``."""
    return [entry for entry in _entries(cluster) if isinstance(entry, ClusterError)]


MAX_TASK_MANAGERS = 100_000
"""Largest number of TaskManagers of a cluster: what documents may ask for, not how the search goes."""


def _entries(cluster: Cluster) -> Iterator[list[TaskManager] | ClusterError]:
    spec = cluster.spec
    total = sum(map(class_count, spec.task_manager_classes)) + len(spec.task_managers)
    if total > MAX_TASK_MANAGERS:
        yield ClusterError(
            ("spec",), f"the cluster has {total:,} TaskManagers; planner takes up to {MAX_TASK_MANAGERS:,}"
        )
        return
    classes = {entry.name: entry for entry in spec.task_manager_classes}
    for index, entry in enumerate(spec.task_manager_classes):
        try:
            yield _of_class(entry, ("spec", "taskManagerClasses", index))
        except ClusterError as error:
            yield error
    for index, one in enumerate(spec.task_managers):
        try:
            yield [_named(one, classes, ("spec", "taskManagers", index))]
        except ClusterError as error:
            yield error


def _of_class(entry: TaskManagerClass, path: tuple[str | int, ...]) -> list[TaskManager]:
    capacity = _capacity(entry, path)
    labels = tuple(sorted(entry.labels.items()))
    options = other_options(entry.flink_configuration)
    return [TaskManager(name, entry.name, capacity, labels, options) for name in class_ids(entry)]


def templates_of(cluster: Cluster) -> dict[str, TaskManager]:
    """Return what one more TaskManager would be, by the name of its class or of the one that it is like.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.

    """
    spec = cluster.spec
    classes = {entry.name: entry for entry in spec.task_manager_classes}
    found: dict[str, TaskManager] = {}
    for index, entry in enumerate(spec.task_manager_classes):
        capacity = _capacity(entry, ("spec", "taskManagerClasses", index))
        labels, options = tuple(sorted(entry.labels.items())), other_options(entry.flink_configuration)
        found[entry.name] = TaskManager("", entry.name, capacity, labels, options)
    for index, one in enumerate(spec.task_managers):
        if one.class_ is None:
            found[one.id] = replace(_named(one, classes, ("spec", "taskManagers", index)), id="")
    return found


def class_ids(entry: TaskManagerClass) -> list[str]:
    """Return the ids of the TaskManagers of a class."""
    return [f"{entry.name}-{number}" for number in range(class_count(entry))]


def task_manager_ids(cluster: Cluster) -> list[str]:
    """Return the ids of all TaskManagers of a cluster."""
    spec = cluster.spec
    return [name for entry in spec.task_manager_classes for name in class_ids(entry)] + [
        one.id for one in spec.task_managers
    ]


def class_count(entry: TaskManagerClass) -> int:
    """Return how many TaskManagers of a class a placement may use: ``count``, else ``max``, else ``min``."""
    given = (entry.count, entry.max, entry.min)
    return next((number for number in given if number is not None), 0)


def _named(
    one: NamedTaskManager, classes: Mapping[str, TaskManagerClass], path: tuple[str | int, ...]
) -> TaskManager:
    shape = _shape(one, classes, path)
    labels, options = tuple(sorted(shape.labels.items())), other_options(shape.flink_configuration)
    of_class = next((index for index, name in enumerate(classes) if name == one.class_), 0)
    where = ("spec", "taskManagerClasses", of_class, "flinkConfiguration")
    return TaskManager(one.id, one.class_, _capacity(shape, path, where), labels, options)


def _shape(
    one: NamedTaskManager, classes: Mapping[str, TaskManagerClass], path: tuple[str | int, ...]
) -> TaskManagerShape:
    """Return what a named TaskManager offers: its own figures over those of its class."""
    of_class = classes.get(one.class_) if one.class_ else None
    if one.class_ and of_class is None:
        raise ClusterError(
            (*path, "class"),
            f"TaskManager {one.id!r} is of class {one.class_!r}, which is not there",
        )
    cpu = one.cpu if one.cpu is not None else of_class.cpu if of_class else None
    memory = one.memory or (of_class.memory if of_class else None)
    if cpu is None or memory is None:
        raise ClusterError(path, f"TaskManager {one.id!r} needs a class, or its own cpu and memory")
    return TaskManagerShape.model_construct(
        cpu=cpu,
        memory=memory,
        slots=one.slots if one.slots is not None else of_class.slots if of_class else None,
        external=one.external if one.external is not None else of_class.external if of_class else {},
        labels={**(of_class.labels if of_class else {}), **one.labels},
        flink_configuration=of_class.flink_configuration if of_class else {},
    )


def stock_options(cluster: Cluster) -> dict[str, dict[str, str]]:
    """Return the Flink options of every TaskManager of ``cluster`` as it is without a placement.

    Raises:
        ClusterError: when a class is unknown or figures are missing.

    """
    classes = {entry.name: entry for entry in cluster.spec.task_manager_classes}
    shapes: dict[str, TaskManagerShape] = {
        name: entry for entry in classes.values() for name in class_ids(entry)
    }
    for index, one in enumerate(cluster.spec.task_managers):
        shapes[one.id] = _shape(one, classes, ("spec", "taskManagers", index))
    return {name: _stock_options(shape) for name, shape in shapes.items()}


def _stock_options(shape: TaskManagerShape) -> dict[str, str]:
    return {**shape.flink_configuration, **{key: value for key, (_, value) in field_options(shape).items()}}


def field_options(shape: TaskManagerShape) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the Flink options that the fields of a TaskManager stand for: path of the field, and value."""
    found: dict[str, tuple[tuple[str, ...], str]] = {CPU: (("cpu",), str(float(cpu_number(shape.cpu))))}
    for name, field in Memory.model_fields.items():
        one = Memory.model_construct(**{name: getattr(shape.memory, name)})
        for key, value in memory_options(one, {}).items():
            found[key] = ("memory", field.alias or name), value
    if shape.slots is not None:
        found[SLOTS] = ("slots",), str(shape.slots)
    for name, amount in shape.external.items():
        found[f"external-resource.{name}.amount"] = ("external", name), str(amount)
    if shape.external:
        found["external-resources"] = ("external",), ";".join(shape.external)
    return found


def other_options(configuration: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the options of a TaskManager that are not of its memory, its CPU or its external resources."""
    own = {*(PREFIX + name for name in MEMORY_OPTIONS), *FALLBACKS.values(), CPU}
    return tuple(
        (key, value) for key, value in sorted(configuration.items()) if key not in own and not is_amount(key)
    )


def is_amount(key: str) -> bool:
    """Tell whether an option says which external resources a TaskManager has, or how much of one."""
    return key == "external-resources" or (key.startswith("external-resource.") and key.endswith(".amount"))


def memory_options(memory: Memory, configuration: Mapping[str, str]) -> dict[str, str]:
    """Return the Flink options that a TaskManager's ``memory`` stands for, over ``configuration``."""
    options = dict(configuration)
    for name, key in _KEYS.items():
        if (size := getattr(memory, name)) is not None:
            options[PREFIX + key] = f"{size}b"
    for name, key in _RANGES.items():
        if (size := getattr(memory, name)) is not None:
            options[f"{PREFIX}{key}.min"] = options[f"{PREFIX}{key}.max"] = f"{size}b"
    return options


def _capacity(
    shape: TaskManagerShape, path: tuple[str | int, ...], options: tuple[str | int, ...] | None = None
) -> Capacity:
    """Return what a TaskManager offers that stands at ``path``; its ``options`` may be those of its class."""
    own = shape.flink_configuration
    configured = memory_options(shape.memory, own)

    def error(message: str, keys: Iterable[str]) -> ClusterError:
        found = _written(shape, keys, path, options or (*path, "flinkConfiguration"))
        first, *others = found or [
            (*path, "memory" if shape.memory.model_fields_set else "flinkConfiguration")
        ]
        return ClusterError(first, message, others)

    try:
        fixed, budget, parts = _budget(configured)
        slots = shape.slots if shape.slots is not None else _number_of_slots(own)
    except MemoryConfigurationError as refused:
        raise error(str(refused), refused.keys) from None
    taken = sum(size or 0 for size in parts)
    room = f"the {rounded_size(budget)} that slots may use"
    if taken > budget:
        raise error(f"its parts are larger together than {room}", (*_PART_KEYS, *_TOTAL_KEYS))
    if None not in parts and taken < budget and _has_total(configured):
        raise error(f"its parts are less together than {room}; leave one out", (*_PART_KEYS, *_TOTAL_KEYS))
    more_overhead = PREFIX + "process.size" in configured and not any(
        key == PREFIX + "flink.size" or key.startswith(f"{PREFIX}jvm-overhead.") for key in configured
    )
    external = tuple(sorted(shape.external.items()))
    return Capacity(shape.cpu, budget, parts, slots, external, fixed, more_overhead)


def _written(
    shape: TaskManagerShape,
    keys: Iterable[str],
    path: tuple[str | int, ...],
    options: tuple[str | int, ...],
) -> list[tuple[str | int, ...]]:
    """Return where those of some Flink options stand that a TaskManager has: as options, or as its fields."""
    fields = field_options(shape)
    found: dict[tuple[str | int, ...], None] = {}
    for key in keys:
        for spelling in (key, FALLBACKS.get(key.removeprefix(PREFIX), key)):
            if spelling in shape.flink_configuration:
                found[(*options, spelling)] = None
        if key in fields:
            found[(*path, *fields[key][0])] = None
    return list(found)


def _has_total(configured: Mapping[str, str]) -> bool:
    return PREFIX + "process.size" in configured or PREFIX + "flink.size" in configured


def _number_of_slots(configuration: Mapping[str, str]) -> int | None:
    """Return how many slots the options of a TaskManager give it, None where they do not say.

    Raises:
        MemoryConfigurationError: when the option cannot be read.

    """
    text = configuration.get(SLOTS)
    if text is None:
        return None
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < MAX_DIGITS and int(digits)):
        raise MemoryConfigurationError("MEM407", f"{SLOTS}: {text[:40]!r} is not a number of slots", SLOTS)
    return int(digits)


Parts = tuple[int | None, int | None, int | None, int | None]
"""Bytes of task heap, task off-heap, managed and network memory, None where nobody said anything of it."""


def _budget(configured: Mapping[str, str]) -> tuple[TaskManagerMemory, int, Parts]:
    """Return the parts outside of slots, the bytes that all slots may use together, and the fixed parts.

    A part is fixed where an option speaks of it, to what Flink derives from that.
    """
    options = Options(configured, PREFIX, FALLBACKS)
    outside = options.sized("framework.heap.size", FRAMEWORK) + options.sized(
        "framework.off-heap.size", FRAMEWORK
    )
    flink, process = options.size("flink.size"), options.size("process.size")
    if flink is None and process is None:
        whole = derive_taskmanager(configured)
        return whole, whole.flink - outside, _parts(options, whole.flink, whole.network)
    if flink is not None:
        overhead = options.overhead_beside(flink)
    else:
        flink, overhead = options.flink_from_process(process or 0)
    if flink < outside:
        raise MemoryConfigurationError(
            "MEM402",
            f"framework memory, {rounded_size(outside)}, is more than the {rounded_size(flink)} of total"
            " Flink memory that JVM metaspace and overhead leave",
            *(PREFIX + name for name in _OUTSIDE_SLOTS),
            *_TOTAL_KEYS,
        )
    blank = TaskManagerMemory(
        options.sized("framework.heap.size", FRAMEWORK),
        options.sized("framework.off-heap.size", FRAMEWORK),
        0,
        0,
        0,
        0,
        options.metaspace(),
        overhead,
    )
    parts = _parts(options, flink, network_range(options).part_of(flink))
    return blank, flink - outside, _with_rest(options, flink - outside, parts)


def _with_rest(options: Options, budget: int, parts: Parts) -> Parts:
    """Return the parts with the network memory that all others leave, where a range is said of it."""
    *others, network = parts
    if network is None or None in others:
        return parts
    rest, allowed = budget - sum(size or 0 for size in others), network_range(options)
    return (*parts[:3], rest) if allowed.min <= rest <= allowed.max else parts


def _parts(options: Options, flink: int, network: int) -> Parts:
    """Return the parts of which options speak, given total Flink memory and what they make of the network."""
    managed = options.size("managed.size")
    if managed is None and options.raw("managed.fraction") is not None:
        fraction = options.fraction("managed.fraction", 0.4)
        managed = options.checked("managed memory", "managed", 0, LONG_MAX, fraction).part_of(flink)
    spoken = any(options.raw(f"network.{end}") is not None for end in ("min", "max", "fraction"))
    return (
        options.size("task.heap.size"),
        options.size("task.off-heap.size"),
        managed,
        network if spoken else None,
    )


def configured_memory(capacity: Capacity, sizes: Sequence[int], tasks: int) -> TaskManagerMemory:
    """Return the memory of a TaskManager whose slots take ``sizes``, all of its budget given out.

    ``sizes`` are those of the `PARTS`, for so many ``tasks``. Parts that the cluster fixes stay. Of the
    others each is what the slots take, network memory at least Flink's default minimum where there is
    room. What remains becomes JVM overhead as far as native memory may need more than Flink's default, and
    then task heap, which all slots of a JVM share (a slot cannot use more managed memory than its own).
    """
    heap, off_heap, managed, network = (
        fixed if fixed is not None else size for fixed, size in zip(capacity.parts, sizes, strict=True)
    )
    left = capacity.memory - heap - off_heap - managed - network
    if capacity.parts[3] is None:
        extra = max(0, min(left, MIN_NETWORK - network))
        network, left = network + extra, left - extra
    overhead = capacity.fixed.jvm_overhead
    if capacity.more_overhead and capacity.parts[0] is None:
        heaps = capacity.fixed.framework_heap + heap + left
        extra = max(0, min(left, overhead_for(tasks, heaps + overhead) - overhead))
        overhead, left = overhead + extra, left - extra
    if capacity.parts[0] is None:
        heap += left
    elif capacity.parts[2] is None:
        managed += left
    elif capacity.parts[1] is None:
        off_heap += left
    elif capacity.parts[3] is None:
        network += left
    return replace(
        capacity.fixed,
        task_heap=heap,
        task_off_heap=off_heap,
        managed=managed,
        network=network,
        jvm_overhead=overhead,
    )
