"""The failures that logs tell of: what every event is evidence of, and of which process."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from planner.recover.diagnosis.classes import BY_NAME, FailureClass, Rank, classes_in
from planner.recover.diagnosis.log import SUPERVISOR, Cause, Event, Line, read_events, read_lines

JOBMANAGER = "JobManager"
"""The process that has no id."""
MOST_FAILURES = 1000
"""Failures that are kept apart; a log may name any number of processes."""
EPISODE = 15.0
"""Seconds without a failure after which the same one is another."""
MOST_OPTIONS = 2000
LONGEST_NAME = 200
_FAILED = re.compile(r" switched from \w{1,20} to FAILED| reached terminal state FAILED")
_PLACE = re.compile(r"\bon (\S{1,300}) @ \S{1,300} \(dataPort=(\d{1,5})\)")
_SUPERVISED = re.compile(rf"{re.escape(SUPERVISOR)} (\S{{1,300}}) ")
_WORKER = re.compile(r"Worker (\S{1,300}) is terminated\.")
_OWN_ID = re.compile(r"Starting TaskManager with ResourceID: (\S{1,300})")
_OPTION = re.compile(r"Loading (?:dynamic )?configuration property: ([\w.-]{1,200}), (.{0,1000})")
_ARGUMENT = re.compile(r"\s{1,8}([a-z][\w.-]{1,200})=(.{1,1000})")
_VERSION = re.compile(r"Starting .{1,100}\(Version: (\d{1,3}\.\d{1,3})")
_TASKMANAGER_LOGGERS = ("org.apache.flink.runtime.taskexecutor.", "org.apache.flink.runtime.taskmanager.")
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
_NAME_THE_JOBMANAGER = ("heartbeat", "jobmanager-lost")
"""Classes whose messages name a TaskManager or the JobManager."""
OF_THE_JOB = frozenset(
    {"user-code", "class-missing", "checkpoint-failed", "checkpoint-storage", "rpc-timeout", "state-mapping"}
)
"""Classes of which it does not matter on which TaskManager they happened."""


@dataclass(slots=True)
class LogFile:
    """What a log says of the process that wrote it."""

    name: str
    number: int
    process: str = ""
    options: dict[str, str] = field(default_factory=dict)
    version: str = ""
    task_manager: bool = False
    """Whether it is the log of a TaskManager, whose id need not be in it."""
    ended: list[float] = field(default_factory=list)
    """When the process was told to end."""

    @property
    def jobmanager(self) -> bool:
        """Whether it is the log of a JobManager."""
        return self.process == JOBMANAGER


Order = tuple[bool, float, int, int]
"""When something was logged: by time, then by the order of files and lines; without a time last."""


@dataclass(slots=True)
class Failure:
    """What one class of failures did to one process without a longer pause."""

    kind: FailureClass
    process: str
    detail: str
    line: Line
    seconds: float | None
    order: Order
    fields: dict[str, str]
    file: LogFile
    because: Line | None
    last: float | None
    count: int = 1
    others: list[str] = field(default_factory=list)
    """More processes to which the same happened."""
    certain: bool = True
    together: set[str] = field(default_factory=set)
    """Classes that the same events are evidence of."""


class Scan:
    """The failures of some logs."""

    def __init__(self) -> None:
        self.files: list[LogFile] = []
        self.ports: dict[str, str] = {}
        self.failures: list[Failure] = []
        self._latest: dict[tuple[str, str, str, int], Failure] = {}

    def read(self, name: str, chunks: Iterable[bytes]) -> None:
        """Read one log."""
        file = LogFile(name, len(self.files))
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

    def _match(self, file: LogFile, event: Event, seconds: float | None) -> None:
        """Add the failures that an event is evidence of."""
        if event.level in _QUIET or (event.level == "INFO" and not event.logger.startswith(_FLINK)):
            return
        found: dict[str, tuple[FailureClass, Line, dict[str, str]]] = {}
        for line in event.lines:
            for kind, fields in classes_in(line.text):
                found.setdefault(kind.name, (kind, line, fields))
        failed = _FAILED.search(event.message) is not None
        if not failed and event.level == "WARN":
            found.pop("class-missing", None)  # libraries look for classes that need not be there
        wraps = bool(event.causes) and not any(classes_in(event.causes[-1].line.text))
        if failed and wraps and found.keys() <= _SAY_NOTHING:
            kind, cause, frame = _of_the_job(event.causes)
            found[kind.name] = (kind, cause.line, {"class_": cause.name, "frame": frame})
        placed = _PLACE.search(event.message) or _WORKER.search(event.message)
        placed = placed or _SUPERVISED.match(event.message)
        for name, (kind, line, fields) in found.items():
            process = self._named(fields) or (placed[1] if placed else "")
            if name in OF_THE_JOB:
                process = ""
            elif name in _NAME_THE_JOBMANAGER and "tm" not in fields:
                process = JOBMANAGER
            if kind.rank is Rank.LOSS and not process and not file.jobmanager:
                continue  # whoever it is that this process does not reach
            detail = fields.get("class_", "")[:LONGEST_NAME]
            key = (name, process, detail, file.number)
            order: Order = (seconds is None, seconds or 0.0, file.number, line.number)
            certain = kind.name != "terminated" or failed
            deepest = event.causes[-1].line if event.causes else line
            same = any(other is kind for other, _ in classes_in(deepest.text))
            because = deepest if deepest.number > line.number and not same else None
            before = self._latest.get(key)
            room = len(self.failures) < MOST_FAILURES
            if before is None or (room and not overlaps(before, seconds)):
                if room:
                    own = not process and name not in OF_THE_JOB and _tells_of_itself(event)
                    self._latest[key] = Failure(
                        kind,
                        JOBMANAGER if own and file.jobmanager else process,
                        detail,
                        line,
                        seconds,
                        order,
                        fields,
                        file,
                        because,
                        seconds,
                        certain=certain,
                        together=set(found) - {name},
                    )
                    self.failures.append(self._latest[key])
                continue
            before.count += 1
            before.last = seconds if seconds is not None else before.last
            before.certain |= certain
            before.together |= set(found) - {name}
            if order < before.order:
                before.line, before.seconds, before.order, before.fields = line, seconds, order, fields
                before.because = because

    def _named(self, fields: Mapping[str, str]) -> str:
        """Return the TaskManager that a message names, by its id or by its address."""
        if "address" in fields:
            port = fields["address"].rpartition(":")[2]
            return fields.get("tm") or self.ports.get(port, fields["address"])
        return fields.get("tm", "")


def overlaps(failure: Failure, seconds: float | None) -> bool:
    """Tell whether what was logged at some time belongs to a failure of the same kind before."""
    return seconds is None or failure.last is None or seconds - failure.last <= EPISODE


def _learn(file: LogFile, event: Event, seconds: float | None) -> None:
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
    file.task_manager |= event.logger.startswith(_TASKMANAGER_LOGGERS)
    if "RECEIVED SIGNAL 15" in event.message and seconds is not None and len(file.ended) < MOST_FAILURES:
        file.ended.append(seconds)


def _tells_of_itself(event: Event) -> bool:
    return not event.level or event.logger.endswith(_OF_THE_PROCESS)


def _of_the_job(causes: list[Cause]) -> tuple[FailureClass, Cause, str]:
    """Return whether code of the job failed, with which exception that is not Flink's, and where."""
    frame = next(
        (frame for cause in causes for frame in cause.frames if not frame.startswith(_NOT_OF_THE_JOB)), ""
    )
    named = next((cause for cause in causes if not cause.name.startswith("org.apache.flink.")), causes[-1])
    return BY_NAME["user-code" if frame else "unknown"], named, frame
