"""Logs to diagnoses: the first cause before the loudest line.

Every event of every log is compared with the table of `classes`. What it matches is one failure for each
class and process, however often it is logged and by whom. Failures are ordered by time over all logs, and one
that follows from another is shown below it: what is in one trace with it, what a process logs that ends, and
what others say of a process that has gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from planner.documents.finding import Severity
from planner.documents.placement import Placement
from planner.recover.diagnosis.changes import Change, Process, changes
from planner.recover.diagnosis.classes import BY_NAME, CLASSES, FailureClass, Rank, classes_in
from planner.recover.diagnosis.log import Cause, Event, Line, read_events, read_lines

JOBMANAGER = "JobManager"
"""The process that has no id."""
MOST_FAILURES = 1000
"""Failures that are kept apart; a log may name any number of processes."""
MOST_OPTIONS = 2000
LONGEST_NAME = 200
SLACK = 5.0
"""Seconds that the log of a failing process may be behind those who miss it."""
WINDOW = 600.0
"""Seconds after which a failure is not taken for the reason of another one."""
_FAILED = re.compile(r" switched from \w{1,20} to FAILED| reached terminal state FAILED")
_TASK = re.compile(r"^(.{1,400}?) \(\d+/\d+\)")
_PLACE = re.compile(r"\bon (\S{1,300}) @ \S{1,300} \(dataPort=(\d{1,5})\)")
_WORKER = re.compile(r"Worker (\S{1,300}) is terminated\.")
_OWN_ID = re.compile(r"Starting TaskManager with ResourceID: (\S{1,300})")
_OPTION = re.compile(r"Loading (?:dynamic )?configuration property: ([\w.-]{1,200}), (.{0,1000})")
_ARGUMENT = re.compile(r"\s{1,8}([a-z][\w.-]{1,200})=(.{1,1000})")
_VERSION = re.compile(r"Starting .{1,100}\(Version: (\d{1,3}\.\d{1,3})")
_TASKMANAGER_LOGGERS = ("org.apache.flink.runtime.taskexecutor.",)
_JOBMANAGER_LOGGERS = tuple(
    f"org.apache.flink.runtime.{package}."
    for package in (
        "entrypoint",
        "jobmaster",
        "dispatcher",
        "resourcemanager",
        "executiongraph",
        "jobmanager",
    )
)
_OF_THE_PROCESS = ("ClusterEntrypoint", "FatalExitExceptionHandler", "ClusterUncaughtExceptionHandler")
"""Loggers by which a JobManager tells of itself; what else it says of failures is of the job."""
_QUIET = ("TRACE", "DEBUG")
_FLINK = ("org.apache.flink.", "org.apache.pekko.", "akka.")
_NOT_OF_THE_JOB = ("org.apache.flink.", "java.", "javax.", "jdk.", "sun.", "com.sun.", "scala.")
_SAY_NOTHING = frozenset({"gave-up", "state-backend", "checkpoint-tolerance"})
"""Classes of exceptions that only wrap another one."""
_OF_THE_JOB = frozenset({"user-code", "class-missing", "checkpoint-failed", "state-mapping"})
"""Classes of which it does not matter on which TaskManager they happened."""


@dataclass(slots=True)
class _File:
    """What a log says of the process that wrote it."""

    name: str
    number: int
    process: str = ""
    options: dict[str, str] = field(default_factory=dict)
    version: str = ""
    ended: float | None = None

    @property
    def jobmanager(self) -> bool:
        return self.process == JOBMANAGER


Order = tuple[bool, float, int, int]
"""When something was logged: by time, then by the order of files and lines; without a time last."""


@dataclass(slots=True)
class _Failure:
    """What one class of failures did to one process."""

    kind: FailureClass
    process: str
    detail: str
    line: Line
    seconds: float | None
    order: Order
    fields: dict[str, str]
    file: _File
    last: float | None
    count: int = 1
    others: list[str] = field(default_factory=list)
    """More processes to which the same happened."""
    certain: bool = True
    together: set[str] = field(default_factory=set)
    """Classes that the same events are evidence of."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A failure with its evidence, and what to change; ``follows`` is the place of its cause in the list.

    ``process`` is the id of a TaskManager, `JOBMANAGER`, or empty where it is the job's; ``others`` are those
    to which the same happened. ``seconds`` is when it was first logged, ``last`` when last. ``frame`` is the
    method of the job's code that failed; ``own_log`` tells whether a log of the process is among those read.
    """

    kind: FailureClass
    severity: Severity
    process: str
    others: tuple[str, ...]
    evidence: Line
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
    found = _Scan()
    for name, chunks in logs:
        found.read(name, chunks)
    return list(_diagnoses(found, placement, options or {}))


class _Scan:
    """The failures of some logs."""

    def __init__(self) -> None:
        self.files: list[_File] = []
        self.ports: dict[str, str] = {}
        self.failures: dict[tuple[str, str, str, int], _Failure] = {}

    def read(self, name: str, chunks: Iterable[bytes]) -> None:
        """Read one log."""
        file = _File(name, len(self.files))
        self.files.append(file)
        before: float | None = None
        for event in read_events(read_lines(name, chunks)):
            before = event.seconds if event.seconds is not None else before
            _learn(file, event, before)
            self._place(event)
            self._match(file, event, before)

    def _place(self, event: Event) -> None:
        found = _PLACE.search(event.message) if "(dataPort=" in event.message else None
        if found is not None and len(self.ports) < MOST_OPTIONS:
            self.ports[found[2]] = found[1]

    def _match(self, file: _File, event: Event, seconds: float | None) -> None:
        """Add the failures that an event is evidence of."""
        if event.level in _QUIET or (event.level == "INFO" and not event.logger.startswith(_FLINK)):
            return
        found: dict[str, tuple[FailureClass, Line, dict[str, str]]] = {}
        for line in event.lines:
            for kind, fields in classes_in(line.text):
                found.setdefault(kind.name, (kind, line, fields))
        failed = _FAILED.search(event.message) is not None
        if failed and event.causes and found.keys() <= _SAY_NOTHING:
            kind, cause, frame = _of_the_job(event.causes)
            found[kind.name] = (kind, cause.line, {"class_": cause.name, "frame": frame})
        placed = _PLACE.search(event.message) or _WORKER.search(event.message)
        for name, (kind, line, fields) in found.items():
            process = self._named(fields) or (placed[1] if placed else "")
            process = JOBMANAGER if name == "jobmanager-lost" else "" if name in _OF_THE_JOB else process
            if kind.rank is Rank.LOSS and not process and not file.jobmanager:
                continue  # whoever it is that this process does not reach
            detail = fields.get("class_", "")[:LONGEST_NAME]
            key = (name, process, detail, file.number)
            order: Order = (seconds is None, seconds or 0.0, file.number, line.number)
            certain = kind.name != "terminated" or failed
            before = self.failures.get(key)
            if before is None:
                if len(self.failures) < MOST_FAILURES:
                    own = not process and name not in _OF_THE_JOB and _tells_of_itself(event)
                    self.failures[key] = _Failure(
                        kind,
                        JOBMANAGER if own and file.jobmanager else process,
                        detail,
                        line,
                        seconds,
                        order,
                        fields,
                        file,
                        seconds,
                        certain=certain,
                        together=set(found) - {name},
                    )
                continue
            before.count += 1
            before.last = seconds if seconds is not None else before.last
            before.certain |= certain
            before.together |= set(found) - {name}
            if order < before.order:
                before.line, before.seconds, before.order, before.fields = line, seconds, order, fields

    def _named(self, fields: Mapping[str, str]) -> str:
        """Return the TaskManager that a message names, by its id or by its address."""
        if "address" in fields:
            port = fields["address"].rpartition(":")[2]
            return fields.get("tm") or self.ports.get(port, fields["address"])
        return fields.get("tm", "")


def _learn(file: _File, event: Event, seconds: float | None) -> None:
    """Note what a line says of the process that writes the log."""
    if not file.process or not file.version:
        if found := _OWN_ID.search(event.message):
            file.process = found[1]
        elif not file.process and event.logger.startswith(_JOBMANAGER_LOGGERS):
            file.process = JOBMANAGER
        if found := _VERSION.search(event.message):
            file.version = found[1]
    found = _OPTION.match(event.message) or (
        _ARGUMENT.fullmatch(event.message) if event.message[:1].isspace() else None
    )
    if found is not None and len(file.options) < MOST_OPTIONS:
        file.options[found[1]] = found[2]
    if "RECEIVED SIGNAL 15" in event.message:
        file.ended = seconds


def _tells_of_itself(event: Event) -> bool:
    return not event.level or event.logger.endswith(_OF_THE_PROCESS)


def _of_the_job(causes: list[Cause]) -> tuple[FailureClass, Cause, str]:
    """Return whether code of the job failed, with which exception that is not Flink's, and where."""
    frame = next(
        (frame for cause in causes for frame in cause.frames if not frame.startswith(_NOT_OF_THE_JOB)), ""
    )
    named = next((cause for cause in causes if not cause.name.startswith("org.apache.flink.")), causes[-1])
    return BY_NAME["user-code" if frame else "unknown"], named, frame


def _diagnoses(scan: _Scan, placement: Placement | None, options: Mapping[str, str]) -> Iterator[Diagnosis]:
    failures = _merged(scan)
    causes = {id(one): _cause(one, failures) for one in failures}
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
            one.seconds,
            one.last,
            one.count,
            follows,
            one.fields.get("frame", ""),
            not one.process or any(file.process == one.process for file in scan.files),
            wanted,
        )


def _merged(scan: _Scan) -> list[_Failure]:
    """Return the failures of all logs in order, those of one process that several logs tell of as one."""
    merged: dict[tuple[str, str, str], _Failure] = {}
    whole = sorted(scan.failures.values(), key=lambda one: one.order)
    for one in whole:
        if not one.process and one.kind.name not in _OF_THE_JOB and not one.file.jobmanager:
            one.process = one.file.process or one.file.name
        before = merged.get((one.kind.name, one.process, one.detail))
        if before is None and not one.process and one.kind.rank <= Rank.LOSS and not one.detail:
            # the JobManager repeats what a task failed of, and does not say where
            before = next((other for other in merged.values() if other.kind is one.kind), None)
        if before is None:
            merged[one.kind.name, one.process, one.detail] = one
            continue
        before.count += one.count
        before.certain |= one.certain
        before.together |= one.together
        if one.last is not None:
            before.last = max(one.last, before.last or one.last)
    return list(merged.values())


def _cause(one: _Failure, failures: list[_Failure]) -> _Failure | None:
    """Return the failure that another one follows from, None for a first cause."""
    found = [other for other in failures if other is not one and _nearer(other, one)]
    together = [other for other in found if other.kind.name in one.together and _same_time(other, one)]
    if together:
        return min(together, key=lambda other: (other.kind.rank, CLASSES.index(other.kind)))
    own = [other for other in found if one.process and other.process == one.process and _explains(other, one)]
    if not own and one.kind.name in ("jobmanager-lost",):
        own = [other for other in found if other.process == one.file.process and _explains(other, one)]
    if not own and one.kind.rank is Rank.CONSEQUENCE and not one.process:
        own = [
            other
            for other in found
            if other.order <= one.order
            and _explains(other, one)
            and (one.kind.name != "no-slots" or _takes_slots(other))
        ]
    return max(own, key=lambda other: (-other.kind.rank, other.order)) if own else None


def _nearer(other: _Failure, one: _Failure) -> bool:
    """Tell whether a failure can be the reason of another one by what they are."""
    mine, theirs = one.kind.rank, other.kind.rank
    if theirs == mine and mine is not Rank.CAUSE:
        places = (CLASSES.index(other.kind), CLASSES.index(one.kind))
        if mine is Rank.LOSS:
            return other.order < one.order
        return places[0] < places[1]
    return theirs < mine


def _same_time(other: _Failure, one: _Failure) -> bool:
    return other.order <= one.order or one.seconds is None or _explains(other, one)


def _explains(other: _Failure, one: _Failure) -> bool:
    """Tell whether a failure was before another one, and not long before."""
    if one.seconds is None or other.seconds is None or other.last is None:
        return other.order[2:] < one.order[2:] or other.file is not one.file
    return other.seconds <= one.seconds + SLACK and one.seconds - other.last <= WINDOW


def _takes_slots(other: _Failure) -> bool:
    """Tell whether a failure ends a TaskManager."""
    return other.kind.rank is Rank.LOSS or other.kind.name in _ENDING


_ENDING = frozenset(
    {"metaspace", "container-killed", "stuck-cancel", "terminated", "registration", "workers"}
)


def _unwanted(
    failures: list[_Failure], causes: dict[int, _Failure | None], files: list[_File]
) -> list[_Failure]:
    """Return the failures without those that were meant: processes that were told to end while nothing ran.

    When a whole cluster ends, so does its JobManager, and what others say from then on is no failure.
    """
    ends = [file.ended for file in files if file.jobmanager and file.ended is not None]

    def meant(one: _Failure) -> bool:
        gone = one.kind.rank is Rank.LOSS or one.kind.name in ("terminated", "connection-lost")
        late = one.seconds if gone or one.kind.rank is Rank.CONSEQUENCE else None
        # the processes of a cluster are told to end in any order
        if late is not None and any((-5 if gone else 0) <= late - end <= WINDOW for end in ends):
            return True
        if one.kind.name == "terminated" and not one.certain:
            return not any(causes[id(other)] is one for other in failures)
        return False

    kept = [one for one in failures if not meant(one)]
    known = {id(one) for one in kept}
    for one in kept:
        if causes[id(one)] is not None and id(causes[id(one)]) not in known:
            causes[id(one)] = None
    return kept


def _together(failures: list[_Failure], causes: dict[int, _Failure | None]) -> list[_Failure]:
    """Return the failures with those as one that happened to several processes for the same reason."""
    kept: list[_Failure] = []
    for one in sorted(failures, key=lambda each: (each.kind.rank, each.order)):
        first = next(
            (
                other
                for other in kept
                if other.kind is one.kind
                and other.detail == one.detail
                and causes[id(other)] is causes[id(one)]
                and (other.process == JOBMANAGER) == (one.process == JOBMANAGER)
                and _explains(other, one)
            ),
            None,
        )
        if first is None:
            kept.append(one)
            continue
        if one.process and one.process != first.process:
            first.others.append(one.process)
        first.count += one.count
        if one.last is not None:
            first.last = max(one.last, first.last or one.last)
        for other in failures:
            if causes[id(other)] is one:
                causes[id(other)] = first
    return kept


def _in_chains(failures: list[_Failure], causes: Mapping[int, _Failure | None]) -> list[_Failure]:
    """Return first causes by time, each with what follows from it below it; last what needs nobody."""
    below: dict[int, list[_Failure]] = {}
    for one in failures:
        cause = causes[id(one)]
        below.setdefault(id(cause) if cause is not None else 0, []).append(one)

    def chain(one: _Failure) -> Iterator[_Failure]:
        yield one
        for other in sorted(below.get(id(one), ()), key=lambda each: each.order):
            yield from chain(other)

    def alone(one: _Failure) -> bool:
        return one.kind.severity is Severity.INFO and id(one) not in below

    first = sorted(below.get(0, ()), key=lambda one: (alone(one), _begin(one, below)))
    return [each for one in first for each in chain(one)]


def _begin(one: _Failure, below: Mapping[int, list[_Failure]]) -> Order:
    """Return when a failure was first noticed, by itself or by others."""
    return min([one.order, *(_begin(other, below) for other in below.get(id(one), ()))])


def _severity(one: _Failure, root: _Failure) -> Severity:
    """Return how bad a failure is: what follows from another one is none of its own.

    Unless the first cause was a process that ended: then it is the job's settings that let the job end.
    """
    if one is root:
        return one.kind.severity
    if one.kind.name in ("gave-up", "no-slots") and _takes_slots(root):
        return one.kind.severity
    return Severity.INFO


def _process(
    one: _Failure,
    scan: _Scan,
    placement: Placement | None,
    options: Mapping[str, str],
    versions: list[str],
) -> Process:
    """Return what is known of the process that failed: its options, its part of the placement, its Flink."""
    own = [file for file in scan.files if file.process == one.process and file.options]
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
