"""What to change, within bounds: which option, from what to what, and why.

Total process memory of a TaskManager stays what it is: what one part gets, another one gives that does not
need it. Where none does, the change says by how much the process grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from planner.documents.option_tables import option_table
from planner.documents.placement import PlacedTaskManager
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import PREFIX, TaskManagerMemory, derive_taskmanager
from planner.recover.restart_strategy import restart_strategy
from planner.rules.validate import CLUSTER_VERSION
from planner.units import GIB, MIB, format_duration, format_size, parse_duration, parse_size

MOST_METASPACE = 512 * MIB
"""Above that metaspace is not raised: it is a leak."""
_OPTIONS = {
    "task_heap": ("task.heap.size",),
    "task_off_heap": ("task.off-heap.size",),
    "managed": ("managed.size",),
    "network": ("network.min", "network.max"),
    "jvm_metaspace": ("jvm-metaspace.size",),
    "jvm_overhead": ("jvm-overhead.min", "jvm-overhead.max"),
}
"""The options of a part of memory; a range is set to one value."""


@dataclass(frozen=True, slots=True)
class Change:
    """An option, its present value with who says so, its new value, and why.

    ``before`` is None where nobody says what it is.
    """

    option: str
    before: str | None
    source: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Process:
    """What is known of the process that failed: options by whom its log or documents tell, its placement."""

    jobmanager: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    told_by: str = ""
    placed: PlacedTaskManager | None = None
    version: str = ""

    def present(self, key: str) -> tuple[str | None, str]:
        """Return the value of an option that the process has, and who says so."""
        for options, source in ((self._placed(), "the placement"), (self.told, self.told_by)):
            if key in options:
                return options[key], source
        table = option_table(self.version or CLUSTER_VERSION)
        option = table.find(table.spelling(key) or key)
        return option.default if option is not None else None, f"Flink {table.flink_version}'s default"

    def _placed(self) -> Mapping[str, str]:
        if self.placed is None:
            return {}
        return {
            **(self.placed.flink_configuration or {}),
            **(self.placed.memory.dynamic_options if self.placed.memory else {}),
        }

    @property
    def options(self) -> dict[str, str]:
        """All options that somebody tells."""
        return {**self.told, **self._placed()}


def changes(name: str, fields: Mapping[str, str], process: Process) -> tuple[Change, ...]:
    """Return what to change where a process failed in the way of a class, nothing where nothing would help.

    ``fields`` are what Flink filled into the message that is the evidence.
    """
    find = _CHANGES.get(name)
    if find is None:
        return ()
    if process.jobmanager and name in _OF_JOBMANAGERS:
        return tuple(_jobmanager(process, *_OF_JOBMANAGERS[name]))
    return tuple(find(fields, process))


def _heap(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    memory = _memory(process)
    if memory is None:
        yield from _unknown(process, "task.heap.size", "25 % more")
        return
    yield from _raised(process, memory, "task_heap", memory.task_heap // 4, "25 % more heap for tasks")


def _direct(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    memory = _memory(process)
    if memory is None:
        before, source = process.present(PREFIX + "task.off-heap.size")
        yield _sized(
            process, PREFIX + "task.off-heap.size", before, source, 128 * MIB, "for clients and libraries"
        )
        return
    step = 128 * MIB if memory.process < 4 * GIB else 256 * MIB if memory.process < 8 * GIB else 512 * MIB
    yield from _raised(process, memory, "task_off_heap", step, "direct memory for clients and libraries")


def _metaspace(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    memory = _memory(process)
    if memory is None:
        before, source = process.present(PREFIX + "jvm-metaspace.size")
        size = _size(before)
        if size is not None and size < MOST_METASPACE:
            yield _sized(process, PREFIX + "jvm-metaspace.size", before, source, size, "once")
        return
    step = min(memory.jvm_metaspace, MOST_METASPACE - memory.jvm_metaspace)
    if step > 0:
        yield from _raised(process, memory, "jvm_metaspace", step, "once; if it fills again, it is a leak")


def _overhead(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    memory = _memory(process)
    if memory is None:
        yield from _unknown(process, "jvm-overhead.max", "10 % of the process more")
    else:
        yield from _raised(process, memory, "jvm_overhead", memory.process // 10, "room for native memory")
    key = "state.backend.rocksdb.memory.managed"
    before, source = process.present(key)
    if before is not None and before.strip().lower() == "false":
        yield Change(key, before, source, "true", "so that RocksDB keeps to managed memory")


def _buffers(fields: Mapping[str, str], process: Process) -> Iterator[Change]:
    """Raise network memory to what the message says is missing, or by a quarter where it does not."""
    try:
        total, size = int(fields["total"]), int(fields["size"])
        missing = int(fields["required"]) - int(fields["available"]) if "required" in fields else total // 4
    except (KeyError, ValueError):
        return
    exact = "the buffers that were missing" if "required" in fields else "a quarter more buffers"
    step = max(missing, 1) * size
    memory = _memory(process)
    if memory is not None:
        yield from _raised(process, memory, "network", step, f"{exact}, at least")
        return
    for name in _OPTIONS["network"]:
        yield Change(
            PREFIX + name,
            format_size(total * size),
            "the message",
            format_size(_up(total * size + step)),
            f"{exact}, at least",
        )


def _jobmanager(process: Process, part: str, default: int | None) -> Iterator[Change]:
    """Raise a part of a JobManager's memory by a quarter, and its process with it."""
    key = f"jobmanager.memory.{part}"
    before, source = process.present(key)
    size = _size(before)
    if size is None:
        size = default
    step = _up(size // 4) if size else 256 * MIB
    if size and before is not None:
        yield Change(key, before, source, format_size(_up(size + step)), "a quarter more")
    whole = "jobmanager.memory.process.size"
    total, by = process.present(whole)
    if (now := _size(total)) is not None:
        yield Change(whole, total, by, format_size(now + step), "the process grows by it")
    elif before is None:
        yield Change(key, None, "", "25 % more", "nothing here says what it is")


_OF_JOBMANAGERS: dict[str, tuple[str, int | None]] = {
    "heap": ("heap.size", None),
    "direct-memory": ("off-heap.size", 128 * MIB),
    "metaspace": ("jvm-metaspace.size", 256 * MIB),
}


def _raised(process: Process, memory: TaskManagerMemory, part: str, step: int, why: str) -> Iterator[Change]:
    """Raise a part of a TaskManager's memory by a step that the others give, else the process grows by it."""
    before = {name: getattr(memory, name) for name in _OPTIONS}
    after = {**before, part: _up(before[part] + step)}
    left = after[part] - before[part]
    reasons: dict[str, str] = {}
    for name, (free, reason) in _free(process, memory).items():
        if name != part and left > 0 and (given := min(-(-left // MIB) * MIB, free // MIB * MIB)):
            after[name], reasons[name] = before[name] - given, reason
            left = max(left - given, 0)
    wanted = replace(memory, **after)
    options = {
        PREFIX + option: format_size(after[name]) for name in [part, *reasons] for option in _OPTIONS[name]
    }
    whole = PREFIX + "process.size"
    if left and whole in process.options:
        options[whole] = format_size(_up(memory.process + left))
    pinned = (
        {} if _gives(process, options, wanted, _up(memory.process + left)) else _pinned(wanted, process, left)
    )
    now = memory.dynamic_options()
    for key, value in {
        **options,
        **{key: value for key, value in pinned.items() if key not in options},
    }.items():
        name = next((name for name in after if key.removeprefix(PREFIX) in _OPTIONS[name]), "")
        said = process.options.get(key)
        present = said if said is not None else format_size(_size(now[key]) or 0) if key in now else None
        source = process.present(key)[1] if said is not None else "derived as Flink does"
        grows = f"the process grows by {format_size(_up(left))}: nothing in it is known to be free"
        reason = (
            why if name == part else reasons.get(name) or (grows if key == whole and left else "as it is")
        )
        if left and name == part and whole not in options:
            reason += f"; {grows}"
        yield Change(key, present, source, value, reason)


def _pinned(wanted: TaskManagerMemory, process: Process, left: int) -> dict[str, str]:
    """Return all options of a TaskManager's memory, for where some alone would shift the others."""
    sizes = {key: format_size(_size(value) or 0) for key, value in wanted.dynamic_options().items()}
    if PREFIX + "process.size" in process.options:
        sizes[PREFIX + "process.size"] = format_size(wanted.process)
    if PREFIX + "flink.size" in process.options:
        sizes[PREFIX + "flink.size"] = format_size(wanted.flink)
    return sizes


def _gives(process: Process, changed: Mapping[str, str], wanted: TaskManagerMemory, total: int) -> bool:
    """Tell whether Flink derives what is wanted from the changed options, in no larger process."""
    try:
        found = derive_taskmanager({**process.options, **changed})
    except MemoryConfigurationError:
        return False
    keys = {key.removeprefix(PREFIX) for key in changed}
    parts = [name for name, options in _OPTIONS.items() if keys & set(options)]
    same = all(getattr(found, name) == getattr(wanted, name) for name in parts)
    return same and found.process <= total and found.task_heap >= wanted.task_heap


def _free(process: Process, memory: TaskManagerMemory) -> dict[str, tuple[int, str]]:
    """Return what parts of a TaskManager's memory can give and why, in the order in which they give."""
    if process.placed is not None and process.placed.memory is not None:
        load = process.placed.load
        free = {
            "managed": memory.managed - load.managed,
            "task_off_heap": memory.task_off_heap - load.off_heap,
            "task_heap": memory.task_heap - load.heap,
        }
        return {name: (max(size, 0), "no slot of the placement takes it") for name, size in free.items()}
    backend = (
        process.told.get("state.backend.type") or process.told.get("state.backend") or "hashmap"
    ).strip()
    if process.told and backend.lower() == "hashmap":
        reason = "state backend hashmap takes none; keep it if Python or batch operators run here"
        return {"managed": (memory.managed, reason)}
    return {}


def _memory(process: Process) -> TaskManagerMemory | None:
    """Return the memory that Flink derives for a TaskManager, None where nobody tells its options."""
    try:
        return derive_taskmanager(process.options)
    except MemoryConfigurationError:
        return None


def _unknown(process: Process, name: str, after: str) -> Iterator[Change]:
    before, source = process.present(PREFIX + name)
    yield Change(PREFIX + name, before, source if before else "", after, "its options are not known here")


def _sized(process: Process, key: str, before: str | None, source: str, step: int, why: str) -> Change:
    return Change(
        key, before, source, format_size((_size(before) or 0) + step), f"{why}; the process grows by it"
    )


def _size(text: str | None) -> int | None:
    try:
        return None if text is None else parse_size(text)
    except ValueError:
        return None


def _up(size: int) -> int:
    """Return a size in whole MiB, not less."""
    return -(-size // MIB) * MIB


def _duration(key: str, wanted: str, why: str, lower: bool = False) -> Callable[..., Iterator[Change]]:
    """Return what sets a duration, unless it is that far already."""

    def find(_: Mapping[str, str], process: Process) -> Iterator[Change]:
        before, source = process.present(key)
        try:
            now = None if before is None else parse_duration(before)
        except ValueError:
            return
        then = parse_duration(wanted)
        if now is None or (now > then if lower else now < then):
            yield Change(key, before, source, wanted, why)

    return find


def _number(key: str, wanted: int, why: str) -> Callable[..., Iterator[Change]]:
    """Return what raises a number, unless it is that high already."""

    def find(_: Mapping[str, str], process: Process) -> Iterator[Change]:
        before, source = process.present(key)
        if before is None or (before.strip().isdecimal() and int(before) < wanted):
            yield Change(key, before, source, str(wanted), why)

    return find


def _expired(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    unaligned, aligned = (
        "execution.checkpointing.unaligned.enabled",
        "execution.checkpointing.aligned-checkpoint-timeout",
    )
    before, source = process.present(unaligned)
    if (before or "false").strip().lower() != "true":
        yield Change(unaligned, before, source, "true", "barriers pass the records that wait")
        before, source = process.present(aligned)
        yield Change(aligned, before, source, "30 s", "aligned as long as that is quick")
        return
    key = "execution.checkpointing.timeout"
    before, source = process.present(key)
    try:
        now = parse_duration(before or "")
    except ValueError:
        return
    yield Change(key, before, source, format_duration(2 * now), "once")


def _restart(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    try:
        strategy = restart_strategy(process.options)
    except ValueError:
        return
    if strategy.type == "exponential-delay":
        return
    key = "restart-strategy.type"
    source = process.told_by if key in process.options else strategy.source
    yield Change(key, strategy.type, source, "exponential-delay", "it restarts for as long as it takes")


def _frame(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    key = "pekko.framesize"
    before, source = process.present(key)
    size, wanted = _size(before), 32 * MIB
    if size is None or size < wanted:
        yield Change(key, before, source, f"{wanted}b", "on the JobManager and all TaskManagers")


_CHANGES: dict[str, Callable[[Mapping[str, str], Process], Iterator[Change]]] = {
    "heap": _heap,
    "direct-memory": _direct,
    "metaspace": _metaspace,
    "container-killed": _overhead,
    "network-buffers": _buffers,
    "stuck-cancel": _duration(
        "task.cancellation.timeout", "1 min", "a TaskManager that hangs is ended sooner", lower=True
    ),
    "heartbeat": _duration("heartbeat.timeout", "2 min", "only if garbage collection cannot be shortened"),
    "registration": _duration("taskmanager.registration.timeout", "10 min", "only if the network is slow"),
    "partition-not-found": _number(
        "taskmanager.network.request-backoff.max", 30_000, "milliseconds; producers may be that late"
    ),
    "checkpoint-expired": _expired,
    "checkpoint-tolerance": _number(
        "execution.checkpointing.tolerable-failed-checkpoints", 3, "one slow checkpoint does not end the job"
    ),
    "gave-up": _restart,
    "rpc-size": _frame,
}
