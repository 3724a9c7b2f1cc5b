"""What to change, within bounds: which option, from what to what, and why.

Total process memory of a TaskManager stays what it is: what one part gets, another one gives that does not
need it. Where none does, the change says by how much the process grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

from planner.documents.option_tables import option_table
from planner.documents.placement import PlacedTaskManager
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import PREFIX, TaskManagerMemory, derive_taskmanager
from planner.recover.restart_strategy import restart_strategy
from planner.rules.validate import CLUSTER_VERSION
from planner.units import GIB, MIB, format_duration, format_size, parse_duration, parse_size, rounded_size

MOST_METASPACE = 512 * MIB
"""Above that metaspace is not raised: it is a leak."""
LEAST_SHARE = 4
"""What a process that cannot grow gets is at least one part in so many of a step: a choice, since less
would only put the next failure off."""
_OF_GROUPS = {"task_heap": "heap", "task_off_heap": "offHeap", "managed": "managed"}
"""Parts that a placement derives from fields of slot sharing groups."""
WHOLE, FLINK = PREFIX + "process.size", PREFIX + "flink.size"
KEPT = "as it is, so that nothing else shifts"
"""Why an option is set to what the process has already."""
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

    ``before`` is None where nobody says what it is; ``after`` is in words where it is not ``exact``.
    """

    option: str
    before: str | None
    source: str
    after: str
    why: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Process:
    """What is known of the process that failed: options by whom its log or documents tell, its placement.

    One that is ``contained`` cannot grow: it gets what others give, and nothing where that is too little.
    """

    jobmanager: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    told_by: str = ""
    placed: PlacedTaskManager | None = None
    version: str = ""
    contained: bool = False

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


def changes(name: str, filled: Mapping[str, str], process: Process) -> tuple[Change, ...]:
    """Return what to change where a process failed in the way of a class, nothing where nothing would help.

    ``filled`` is what Flink filled into the message that is the evidence.
    """
    find = _CHANGES.get(name)
    if find is None:
        return ()
    if process.jobmanager and name in _OF_JOBMANAGERS:
        return tuple(_jobmanager(process, *_OF_JOBMANAGERS[name]))
    return tuple(find(filled, process))


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


def _leak(filled: Mapping[str, str], process: Process) -> Iterator[Change]:
    """Raise what leaks by the step that is taken when it runs out."""
    find = next(
        (find for start, find in _LEAKING.items() if filled.get("figure", "").startswith(start)), None
    )
    if find is not None:
        yield from find(filled, process)


def _buffers(filled: Mapping[str, str], process: Process) -> Iterator[Change]:
    """Raise network memory to what the message says is missing, or by a quarter where it does not."""
    try:
        total, size = int(filled["total"]), int(filled["size"])
        missing = int(filled["required"]) - int(filled["available"]) if "required" in filled else total // 4
    except (KeyError, ValueError):
        return
    exact = "the buffers that were missing" if "required" in filled else "a quarter more buffers"
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
        yield Change(key, None, "", "25 % more", "nothing here says what it is", exact=False)


_OF_JOBMANAGERS: dict[str, tuple[str, int | None]] = {
    "heap": ("heap.size", None),
    "direct-memory": ("off-heap.size", 128 * MIB),
    "metaspace": ("jvm-metaspace.size", 256 * MIB),
}


def _raised(process: Process, memory: TaskManagerMemory, part: str, step: int, why: str) -> Iterator[Change]:
    """Raise a part of a TaskManager's memory by a step that the others give, else the process grows by it."""
    sizes = {name: getattr(memory, name) for name in _OPTIONS}
    free = {name: found for name, found in _free(process, memory).items() if name != part}
    raised = _up(sizes[part] + step)
    if process.contained:
        most = sizes[part] + sum(size // MIB * MIB for size, _ in free.values())
        raised = min(raised, most // MIB * MIB)
        if raised - sizes[part] < step / LEAST_SHARE:
            return
    left, sizes[part] = raised - sizes[part], raised
    group = _OF_GROUPS.get(part) if process.placed is not None else None
    reasons = {part: f"{why}; to keep it, raise {group} of its groups and place again" if group else why}
    for name, (size, reason) in free.items():
        given = min(_up(left), size // MIB * MIB)
        if given > 0:
            rest = sizes[name] - given
            sizes[name] = rest // MIB * MIB if process.placed is None else rest  # slots may need all of it
            reasons[name] = reason
            left = max(left - given, 0)
    wanted = replace(memory, **sizes)
    total = memory.process if process.contained else _up(memory.process + left)
    options = _options(process, wanted, list(reasons), total)
    grows = f"the process grows by {format_size(_up(left))}: nothing in it is known to be free"
    totals = {WHOLE, FLINK} & options.keys() if left else set()
    if left and not totals:
        reasons[part] += f"; {grows}"
    now = memory.dynamic_options()
    left_over = ""
    if not options.keys() & {PREFIX + option for option in _OPTIONS[part]}:
        old, new = (rounded_size(size) for size in (getattr(memory, part), sizes[part]))
        left_over = f"{reasons[part]}: task heap is what the others leave, {old} -> {new}; "
    for key, value in options.items():
        name = next((name for name in sizes if key.removeprefix(PREFIX) in _OPTIONS[name]), "")
        before, source = process.options.get(key), process.present(key)[1]
        if before is None and key in now:
            before, source = format_size(_size(now[key]) or 0), "derived as Flink does"
        reason = reasons.get(name, grows if key in totals else KEPT)
        yield Change(key, before, source, value, reason if reason == KEPT else left_over + reason)
        left_over = "" if reason != KEPT else left_over


def _options(process: Process, wanted: TaskManagerMemory, parts: list[str], total: int) -> dict[str, str]:
    """Return the fewest options from which Flink derives what is wanted, in no more than ``total`` bytes.

    Task heap is what the others leave where nobody sets it, and then stays so if it can.
    """
    now = wanted.dynamic_options()
    sizes = {key.removeprefix(PREFIX): format_size(_size(value) or 0) for key, value in now.items()}
    totals = {WHOLE: total, FLINK: wanted.flink}
    grown = {
        key: format_size(size)
        for key, size in totals.items()
        if (before := _size(process.options.get(key))) is not None and before != size
    }
    free = [part for part in parts if part != "task_heap" or PREFIX + "task.heap.size" in process.options]
    for names in (
        free,
        *([*free, other] for other in ("network", "jvm_overhead")),
        parts,
        [*parts, "network"],
        [*parts, "network", "managed"],
    ):
        found = {
            PREFIX + option: sizes[option] for name in dict.fromkeys(names) for option in _OPTIONS[name]
        } | grown
        if found and _gives(process, found, wanted, parts[0], total):
            return found
    exact = {WHOLE: wanted.process, FLINK: wanted.flink}
    told = {key: format_size(size) for key, size in exact.items() if key in process.options}
    return {PREFIX + option: size for option, size in sizes.items()} | told


def _gives(
    process: Process, changed: Mapping[str, str], wanted: TaskManagerMemory, raised: str, total: int
) -> bool:
    """Tell whether Flink derives what is wanted from the changed options, to the MiB, within ``total``."""
    try:
        found = derive_taskmanager({**process.options, **changed})
    except MemoryConfigurationError:
        return False
    less = any(
        getattr(found, each.name) < getattr(wanted, each.name) - (MIB if each.name != raised else 0)
        for each in fields(wanted)
    )
    return found.process <= total and not less


def _free(process: Process, memory: TaskManagerMemory) -> dict[str, tuple[int, str]]:
    """Return what parts of a TaskManager's memory can give and why, in the order in which they give."""
    if process.placed is not None and process.placed.memory is not None:
        if process.placed.reserve:
            return {}  # it holds nothing, and may have to take over what it stands for
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
    why = "its options are not known here"
    yield Change(PREFIX + name, before, source if before else "", after, why, exact=False)


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


def _storage(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    for key, after, why in (
        ("execution.checkpointing.storage", "filesystem", "as soon as there is a folder"),
        (
            "execution.checkpointing.dir",
            "a folder that every process reaches",
            "such as s3://bucket/checkpoints",
        ),
    ):
        before, source = process.present(key)
        if before is None or before.strip().lower() in ("", "jobmanager"):
            yield Change(key, before, source, after, why, exact=key.endswith("storage"))


def _restart(filled: Mapping[str, str], process: Process) -> Iterator[Change]:
    """Restart for as long as it takes, where the strategy that gave up (in the message) is another."""
    told = filled.get("strategy", "")
    name = next((name for start, name in _STRATEGIES.items() if told.startswith(start)), None)
    source = "the message"
    if name is None:
        try:
            strategy = restart_strategy(process.options)
        except ValueError:
            return
        name, source = strategy.type, strategy.source
    if name != "exponential-delay":
        why = "it restarts for as long as it takes"
        yield Change("restart-strategy.type", name, source, "exponential-delay", why)


_STRATEGIES = {
    "NoRestart": "none",
    "FixedDelay": "fixed-delay",
    "FailureRate": "failure-rate",
    "ExponentialDelay": "exponential-delay",
}
"""Restart strategies by what the names of their classes begin with."""


def _frame(_: Mapping[str, str], process: Process) -> Iterator[Change]:
    key = "pekko.framesize"
    before, source = process.present(key)
    size, wanted = _size(before), 32 * MIB
    if size is None or size < wanted:
        yield Change(key, before, source, f"{wanted}b", "on the JobManager and all TaskManagers")


_LEAKING = {"direct": _direct, "metaspace": _metaspace, "resident": _overhead}
"""What a supervisor sees leaking, by the first word for it; against threads no option helps."""
_CHANGES: dict[str, Callable[[Mapping[str, str], Process], Iterator[Change]]] = {
    "heap": _heap,
    "direct-memory": _direct,
    "metaspace": _metaspace,
    "container-killed": _overhead,
    "leak": _leak,
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
    "checkpoint-storage": _storage,
    "checkpoint-tolerance": _number(
        "execution.checkpointing.tolerable-failed-checkpoints", 3, "one slow checkpoint does not end the job"
    ),
    "gave-up": _restart,
    "rpc-size": _frame,
}
