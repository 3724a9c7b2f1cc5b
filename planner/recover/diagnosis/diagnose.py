"""Logs to diagnoses: the first cause before the loudest line.

Every event of every log is compared with the table of `classes`. What it matches is one failure for each
class and process, however often it is logged and by whom. Failures are ordered by time over all logs, and one
that follows from another is shown below it: what is in one trace with it, what a process logs that ends, and
what others say of a process that has gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from planner.documents.finding import Severity
from planner.documents.placement import Placement
from planner.recover.diagnosis.changes import Change, Process, changes
from planner.recover.diagnosis.classes import CLASSES, FailureClass, Rank
from planner.recover.diagnosis.log import Line
from planner.recover.diagnosis.scan import JOBMANAGER, OF_THE_JOB, Failure, LogFile, Scan, overlaps

SLACK = 5.0
"""Seconds that the log of a failing process may be behind those who miss it."""
WINDOW = 600.0
"""Seconds after which a failure is not taken for the reason of another one."""
DETECTION = 120.0
"""Seconds until it is noticed that a process has gone, by heartbeats at the latest."""
OWN_WINDOW = 120.0
"""The same within one process, which may have been started again."""
ENDING = 30.0
"""The same for a process that is told to end: what is killed then is not given longer."""


LEAVE = "The TaskExecutor is shutting down."
"""What a TaskManager says to its JobManager when it ends, for whatever reason (TaskExecutor.onStop)."""
_ORDER = attrgetter("order")
_PLACES = {one.name: place for place, one in enumerate(CLASSES)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A failure with its evidence, and what to change; ``follows`` is the place of its cause in the list.

    ``process`` is the id of a TaskManager, `JOBMANAGER`, or empty where it is the job's; ``others`` are those
    to which the same happened. ``because`` is the exception at the bottom of the trace, ``frame`` the method
    of the job's code that failed. ``seconds`` is when it was first logged, ``last`` when last; ``own_log``
    tells whether a log of the process is among those read.
    """

    kind: FailureClass
    severity: Severity
    process: str
    others: tuple[str, ...]
    evidence: Line
    because: Line | None
    seconds: float | None
    last: float | None
    count: int
    follows: int | None
    frame: str
    own_log: bool
    changes: tuple[Change, ...]


Log = tuple[str, Iterable[bytes]]
"""A file by its name, and its bytes."""


def diagnose(
    logs: Iterable[Log], placement: Placement | None = None, options: Mapping[str, str] | None = None
) -> list[Diagnosis]:
    """Return what failed and why, the first cause first, each with what follows from it.

    ``placement`` is that of the cluster, ``options`` are Flink's options that its logs do not tell.
    """
    found = Scan()
    for name, chunks in logs:
        found.read(name, chunks)
    return list(_diagnoses(found, placement, options or {}))


def _diagnoses(scan: Scan, placement: Placement | None, options: Mapping[str, str]) -> Iterator[Diagnosis]:
    failures = _asked(_merged(scan))
    causes = _causes(failures)
    failures = _together(_unwanted(failures, causes, scan.files), causes)
    ordered = _in_chains(failures, causes)
    places = {id(one): place for place, one in enumerate(ordered)}
    versions = [file.version for file in scan.files if file.version]
    for one in ordered:
        cause = causes[id(one)]
        follows = places.get(id(cause)) if cause is not None else None
        root = one
        while causes[id(root)] is not None:
            root = causes[id(root)]  # type: ignore[assignment]
        severity = _severity(one, root)
        wanted: tuple[Change, ...] = ()
        if severity is not Severity.INFO:
            wanted = changes(one.kind.name, one.fields, _process(one, scan, placement, options, versions))
        yield Diagnosis(
            one.kind,
            severity,
            one.process,
            tuple(one.others),
            one.line,
            one.because,
            one.seconds,
            one.last,
            one.count,
            follows,
            one.fields.get("frame", ""),
            not one.process or any(file.process == one.process for file in scan.files),
            wanted,
        )


def _merged(scan: Scan) -> list[Failure]:
    """Return the failures of all logs in order, those of one process that several logs tell of as one."""
    merged: list[Failure] = []
    alike: dict[tuple[str, ...], list[Failure]] = defaultdict(list)
    for one in sorted(scan.failures, key=lambda each: each.order):
        if not one.process and one.kind.name not in OF_THE_JOB and not one.file.jobmanager:
            one.process = one.file.process or (one.file.name if one.file.task_manager else "")
        known = alike[one.kind.name, one.process, one.detail]
        if not one.process and one.kind.rank <= Rank.LOSS:
            # the JobManager repeats what a task failed of, and does not say where
            known = alike[one.kind.name, one.detail]
        before = next((other for other in reversed(known) if overlaps(other, one.seconds)), None)
        if before is None:
            merged.append(one)
            alike[one.kind.name, one.process, one.detail].append(one)
            alike[one.kind.name, one.detail].append(one)
            continue
        before.count += one.count
        before.certain |= one.certain
        before.together |= one.together
        if one.last is not None:
            before.last = max(one.last, before.last or one.last)
    return merged


def _asked(failures: list[Failure]) -> list[Failure]:
    """Return the failures without ends that nobody asked for.

    A TaskManager that a fatal error ends takes its leave in the same words as one that is told to end.
    """
    fatal = [one for one in failures if one.kind.name == "fatal-error"]

    def unasked(one: Failure) -> bool:
        return any(other.process == one.process and _explains(other, one) for other in fatal)

    return [
        one
        for one in failures
        if not (one.kind.name == "terminated" and LEAVE in one.line.text and unasked(one))
    ]


def _causes(failures: list[Failure]) -> dict[int, Failure | None]:
    """Return by identity the failure that each one follows from, None for a first cause."""
    by_name: dict[str, list[Failure]] = defaultdict(list)
    by_process: dict[str, list[Failure]] = defaultdict(list)
    for one in failures:
        by_name[one.kind.name].append(one)
        by_process[one.process].append(one)

    def cause(one: Failure) -> Failure | None:
        named = (other for name in one.together for other in by_name[name])
        together = [other for other in named if _nearer_in_trace(other, one) and _same_time(other, one)]
        if together:
            return min(together, key=lambda other: (other.kind.rank, _PLACES[other.kind.name], other.order))
        if one.kind.name == "registration":  # at a JobManager that is gone
            lost = [other for other in by_process[JOBMANAGER] if other.kind.rank is Rank.LOSS]
            return min((other for other in lost if _explains(other, one)), key=_ORDER, default=None)
        found = _explaining(by_process[one.process], one) if one.process else []
        if one.kind.name == "ended":  # its supervisor knows when to the millisecond
            own = [other for other in by_process[one.process] if other.order < one.order]
            found = [other for other in own if other.kind.rank is not Rank.LOSS and _explains(other, one)]
        if not found and one.process == JOBMANAGER and not one.file.jobmanager:  # it may be frozen itself
            found = _explaining(by_process[one.file.process], one)
        if not found and one.kind.rank is Rank.CONSEQUENCE and not one.process:
            found = [other for other in _explaining(failures, one) if other.order <= one.order]
            if one.kind.name == "no-slots":
                found = [other for other in found if _takes_slots(other)]
        return max(found, key=lambda other: (-other.kind.rank, other.order)) if found else None

    return _without_circles(failures, {id(one): cause(one) for one in failures})


def _without_circles(
    failures: Iterable[Failure], causes: dict[int, Failure | None]
) -> dict[int, Failure | None]:
    """Return causes in which of failures that explain each other the earliest one is the first."""
    done: set[int] = set()
    for one in failures:
        way: dict[int, Failure] = {}
        here: Failure | None = one
        while here is not None and id(here) not in done:
            done.add(id(here))
            way[id(here)] = here
            here = causes[id(here)]
        if here is not None and id(here) in way:
            circle = list(way.values())[list(way).index(id(here)) :]
            causes[id(min(circle, key=_ORDER))] = None
    return causes


def _explaining(failures: Iterable[Failure], one: Failure) -> list[Failure]:
    return [other for other in failures if other is not one and _nearer(other, one) and _explains(other, one)]


def _nearer(other: Failure, one: Failure) -> bool:
    """Tell whether a failure can be the reason of another one by what they are."""
    if (other.kind, other.process) == (one.kind, one.process):
        return False
    mine, theirs = one.kind.rank, other.kind.rank
    if theirs == mine and mine is not Rank.CAUSE:
        if mine is Rank.LOSS:
            return other.order < one.order
        return _PLACES[other.kind.name] < _PLACES[one.kind.name]
    return theirs < mine


def _nearer_in_trace(other: Failure, one: Failure) -> bool:
    """Tell the same of two failures in one trace: a process may end itself when it loses another one."""
    if other.process != one.process:
        for lost, ended in ((other, one), (one, other)):
            if lost.kind.name == "connection-lost" and ended.kind.name in (
                "fatal-error",
                "uncaught-exception",
            ):
                return lost is other
    return _nearer(other, one)


def _same_time(other: Failure, one: Failure) -> bool:
    return other.order <= one.order or one.seconds is None or _explains(other, one)


def _explains(other: Failure, one: Failure) -> bool:
    """Tell whether a failure was before another one, and not too long before to be its reason."""
    if one.process and one.process == other.process:
        return _before(other, one, ENDING if other.kind.name == "terminated" else OWN_WINDOW)
    return _before(other, one, WINDOW)


def _before(other: Failure, one: Failure, window: float) -> bool:
    if one.seconds is None or other.seconds is None or other.last is None:
        return other.order[2:] < one.order[2:] or other.file is not one.file
    noticed = DETECTION if other.kind.rank is Rank.LOSS and other.process == one.process else SLACK
    noticed = 0 if other.kind.name == "ended" else noticed
    return other.seconds <= one.seconds + noticed and one.seconds - other.last <= window


def _takes_slots(other: Failure) -> bool:
    """Tell whether a failure ends a TaskManager."""
    return other.kind.rank is Rank.LOSS or other.kind.name in _ENDING


_ENDING = frozenset(
    {"metaspace", "container-killed", "stuck-cancel", "terminated", "registration", "workers"}
)


def _unwanted(
    failures: list[Failure], causes: dict[int, Failure | None], files: list[LogFile]
) -> list[Failure]:
    """Return the failures without those that were meant: processes that were told to end while nothing ran.

    When a whole cluster ends, so does its JobManager, and what others say from then on is no failure.
    """
    ends = [moment for file in files if file.jobmanager for moment in file.ended]

    followed = {id(cause) for cause in causes.values()}

    def meant(one: Failure) -> bool:
        gone = one.kind.rank is Rank.LOSS or one.kind.name in ("terminated", "connection-lost")
        late = one.seconds if gone or one.kind.rank is Rank.CONSEQUENCE else None
        # the processes of a cluster are told to end in any order
        if late is not None and any((-5 if gone else 0) <= late - end <= WINDOW for end in ends):
            return True
        if one.kind.name == "terminated" and not one.certain:
            return id(one) not in followed
        return False

    kept = [one for one in failures if not meant(one)]
    known = {id(one) for one in kept}
    for one in kept:
        if causes[id(one)] is not None and id(causes[id(one)]) not in known:
            causes[id(one)] = None
    return kept


def _together(failures: list[Failure], causes: dict[int, Failure | None]) -> list[Failure]:
    """Return the failures with those as one that happened to several processes for the same reason."""
    kept: dict[tuple[object, ...], list[Failure]] = defaultdict(list)
    merged: dict[int, Failure] = {}
    for one in sorted(failures, key=lambda each: (each.kind.rank, each.order)):
        cause = causes[id(one)]
        if cause is not None:
            cause = causes[id(one)] = merged.get(id(cause), cause)
        alike = kept[one.kind.name, one.detail, id(cause), one.process == JOBMANAGER]
        first = next((other for other in alike if _before(other, one, WINDOW)), None)
        if first is None:
            alike.append(one)
            continue
        merged[id(one)] = first
        if one.process and one.process not in (first.process, *first.others):
            first.others.append(one.process)
        first.count += one.count
        if one.last is not None:
            first.last = max(one.last, first.last or one.last)
    for one in failures:
        cause = causes[id(one)]
        causes[id(one)] = None if cause is None else merged.get(id(cause), cause)
    return [one for alike in kept.values() for one in alike]


def _in_chains(failures: list[Failure], causes: Mapping[int, Failure | None]) -> list[Failure]:
    """Return first causes by time, each with what follows from it below it; last what needs nobody."""
    below: dict[int, list[Failure]] = {}
    for one in failures:
        cause = causes[id(one)]
        below.setdefault(id(cause) if cause is not None else 0, []).append(one)

    def alone(one: Failure) -> bool:
        return one.kind.severity is Severity.INFO and id(one) not in below

    first = [_chain(one, below) for one in below.get(0, ())]
    # by when each was first noticed, by itself or by others
    first.sort(key=lambda chain: (alone(chain[0]), min(one.order for one in chain)))
    return [one for chain in first for one in chain]


def _chain(first: Failure, below: Mapping[int, list[Failure]]) -> list[Failure]:
    """Return a failure and all that follows from it, each with what follows from that below it.

    It may be any number deep: a TaskManager that comes and goes is lost again and again.
    """
    found, left = [], [first]
    while left:
        found.append(left.pop())
        following = sorted(below.get(id(found[-1]), ()), key=lambda each: each.order)
        left += following[::-1]
    return found


def _severity(one: Failure, root: Failure) -> Severity:
    """Return how bad a failure is: what follows from another one is none of its own.

    Unless the first cause was a process that ended: then it is the job's settings that let the job end.
    """
    if one is root:
        return one.kind.severity
    if one.kind.name in ("gave-up", "no-slots") and _takes_slots(root):
        return one.kind.severity
    return Severity.INFO


def _process(
    one: Failure,
    scan: Scan,
    placement: Placement | None,
    options: Mapping[str, str],
    versions: list[str],
) -> Process:
    """Return what is known of the process that failed: its options, its part of the placement, its Flink."""
    files = [one.file, *scan.files]  # the process may have been started again with other options
    own = [file for file in files if file.process == one.process and file.options]
    others = [file for file in scan.files if file.options and file.jobmanager == (one.process == JOBMANAGER)]
    told = next(iter(own or others or [file for file in scan.files if file.options]), None)
    placed = next((tm for tm in (placement.task_managers if placement else ()) if tm.id == one.process), None)
    return Process(
        jobmanager=one.process == JOBMANAGER,
        told={**options, **(told.options if told is not None else {})},
        told_by=told.name if told is not None else "the cluster's options",
        placed=placed,
        version=(told.version if told is not None else "") or next(iter(versions), ""),
    )
