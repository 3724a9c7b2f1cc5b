"""Flink's REST interface: a job's state, its subtasks, the TaskManagers.

What a server answers is data of a stranger: `planner.cluster.transport` limits it, and
`planner.cluster.answers` has its form. Nothing here works on anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlsplit

from planner.cluster.answers import (
    Entry,
    Errors,
    Exceptions,
    FlinkConfig,
    JobDetails,
    Jobs,
    ListedTaskManager,
    Resource,
    Subtask,
    TaskManagerDetails,
    TaskManagers,
    VertexDetails,
)
from planner.cluster.credentials import NOBODY, TOKEN, USER, Credentials, credentials
from planner.cluster.errors import NoAnswer, NotThere, RestError
from planner.cluster.transport import Refused, Unanswered, request
from planner.documents.answers import AnswerError, read_answer
from planner.documents.sensitive import HIDDEN, masked_user_info

ENDED = ("FINISHED", "CANCELED", "FAILED")
"""States of a job that is over."""
LONGEST = 300
"""Characters of what a server says that a message repeats."""
HOW_TO_SHOW = f"set {USER}=USER:PASSWORD or {TOKEN}, or each to @FILE"
MANY = 100
"""Above so many questions of one kind it is told how far they are."""
T = TypeVar("T")
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rest:
    """A cluster's REST address, as ``http://host:port``, and what is shown to it."""

    url: str
    shown: Credentials = NOBODY

    @classmethod
    def at(cls, text: str) -> Rest:
        """Return the cluster that a user names, with or without a scheme, and with the user's credentials.

        Raises:
            NoAnswer: when that is not an address, or the credentials cannot be read.

        """
        url = (text if "://" in text else f"http://{text}").rstrip("/")
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            more = parts.path or parts.query or parts.fragment
            valid = parts.scheme in ("http", "https") and parts.hostname and not more
        except ValueError:
            valid = False
        if not valid:
            encoded = "; write / in a password as %2F, # as %23, @ as %40" if "@" in text else ""
            raise NoAnswer(
                f"{_without_user(text)!r} is not a valid REST address; use http://host:8081{encoded}"
            )
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        return cls(f"{parts.scheme}://{host}:{port}", credentials(parts))

    def get(self, path: str, kind: type[T]) -> T:
        """Return the answer of a path, read as ``kind``.

        Raises:
            NotThere: when the cluster does not have what the path names.
            NoAnswer: when there is no answer, or not one that Flink gives.
            RestError: when the cluster refuses.

        """
        return self._read(path, self._ask(path), kind)

    def post(self, path: str, body: object, kind: type[T]) -> T:
        """Send plain data and return the answer, read as ``kind``; exceptions are those of `get`."""
        return self._read(path, self._ask(path, "POST", body), kind)

    def put(self, path: str, body: object) -> None:
        """Send plain data that is to replace what is there; exceptions are those of `get`."""
        self._ask(path, "PUT", body)

    def patch(self, path: str) -> None:
        """Send a PATCH, with which Flink cancels jobs; exceptions are those of `get`."""
        self._ask(path, "PATCH")

    def scheduler(self) -> str:
        """Return the scheduler that the cluster names for its jobs, in lower case, or ``reactive``.

        Raises:
            RestError: when the cluster does not tell its options.

        """
        options = self.options()
        if options.get("scheduler-mode", "").lower() == "reactive":
            return "reactive"
        return options.get("jobmanager.scheduler", "default").lower()

    def options(self) -> dict[str, str]:
        """Return the options of the cluster's JobManager.

        Raises:
            RestError: when the cluster does not tell its options.

        """
        return {entry.key: entry.value for entry in self.get("/jobmanager/config", list[Entry])}

    def flink_version(self) -> str:
        """Return the major and minor version of the cluster's Flink.

        Raises:
            RestError: when it does not answer, or is no Flink.

        """
        told = self.get("/config", FlinkConfig).flink_version
        return ".".join(told.split("-")[0].split(".")[:2])

    def _read(self, path: str, raw: bytes, kind: type[T]) -> T:
        try:
            return read_answer(raw, kind)
        except AnswerError as error:
            raise NoAnswer(f"{self.url} does not answer {_brief(path)} as Flink does: {error}") from None

    def _ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        sent = None if body is None else json.dumps(body).encode()
        try:
            return request(self.url + path, method, self.shown, sent)
        except Refused as error:
            if error.location is not None and 300 <= error.status < 400:
                raise RestError(
                    f"{self.url} sends {_brief(path)} on to {masked_user_info(error.location)[:LONGEST]};"
                    " name the address that answers"
                ) from None
            kind = NotThere if error.status == 404 else RestError
            help_ = f"; {HOW_TO_SHOW}" if error.status == 401 and self.shown.authorization is None else ""
            raise kind(
                f"{self.url} answers {error.status} to {_brief(path)}: {_reason(error)}{help_}"
            ) from None
        except Unanswered as error:
            raise NoAnswer(f"no Flink REST API at {self.url}: {str(error)[:LONGEST]}") from None


def _brief(path: str) -> str:
    """Return a path as messages name it: without what it asks for, and not endless."""
    return path.partition("?")[0][:LONGEST]


def _without_user(text: str) -> str:
    """Return what a user typed for an address without user and password, however wrong it is."""
    head, at, host = text.rpartition("@")
    return f"{head.partition('://')[0]}://{HIDDEN}@{host}" if at and "://" in head else host


def _reason(error: Refused) -> str:
    """Return the first line that a server gives as its reason, without the class of an exception."""
    try:
        found = read_answer(error.body, Errors).errors
    except AnswerError:
        found = []
    lines = [line for text in found for line in text.splitlines() if line.strip()]
    return (re.sub(r"^[\w.$]+: ", "", lines[0]) if lines else error.reason)[:LONGEST]


@dataclass(frozen=True, slots=True)
class RunningSubtask:
    """Where a subtask is, by the id of its TaskManager, and which attempt at it that is."""

    index: int
    state: str
    task_manager: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class RunningVertex:
    """A vertex of a job on a cluster."""

    id: str
    name: str
    parallelism: int
    subtasks: tuple[RunningSubtask, ...]


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job on a cluster; of a ``batch`` job there are the vertices that Flink has come to."""

    id: str
    name: str
    state: str
    vertices: tuple[RunningVertex, ...]
    batch: bool = False

    @property
    def running(self) -> bool:
        """Whether every subtask runs: Flink calls a vertex RUNNING as soon as one does.

        Of a batch job, whose subtasks run one after the other, whether any runs.
        """
        states = [subtask.state for vertex in self.vertices for subtask in vertex.subtasks]
        done = [state in ("RUNNING", "FINISHED") for state in states]
        return self.state == "RUNNING" and (any(done) if self.batch else bool(done) and all(done))

    def is_on(self, task_managers: Collection[str]) -> bool:
        """Tell whether a subtask is on one of some TaskManagers; a finished one needs none."""
        return any(
            subtask.task_manager in task_managers and subtask.state != "FINISHED"
            for vertex in self.vertices
            for subtask in vertex.subtasks
        )


@dataclass(frozen=True, slots=True)
class RunningSlot:
    """A slot that a job holds: cores, memory by REST name in whole MiB, external resources."""

    cpu: float | None
    memory: dict[str, int]
    external: dict[str, float]


@dataclass(frozen=True, slots=True)
class RunningTaskManager:
    """A registered TaskManager: its memory by REST name in bytes, what it offers, its slots."""

    id: str
    memory: dict[str, int]
    external: dict[str, float]
    slots: dict[str, tuple[RunningSlot, ...]]
    """By job."""
    cpu: float | None = None


def running_job(rest: Rest, job: str, note: Note = lambda _: None) -> RunningJob:
    """Return a job with where its subtasks are.

    Raises:
        RestError: when the cluster does not know it, or does not answer as Flink does.

    """
    told = rest.get(job_path(job), JobDetails)
    vertices = []
    for number, vertex in enumerate(told.vertices):
        _told_of_many(note, "vertex", number, len(told.vertices))
        details = rest.get(f"{job_path(job)}/vertices/{vertex.id}", VertexDetails)
        subtasks = tuple(map(_subtask, details.subtasks))
        vertices.append(RunningVertex(vertex.id, vertex.name, vertex.parallelism, subtasks))
    return RunningJob(job, told.name, told.state, tuple(vertices), told.batch)


def progress(rest: Rest, job: str) -> tuple[str, int, int]:
    """Return the state of a job, how many of its subtasks run or have finished, and how many there are.

    That is one small answer, where `running_job` asks for each vertex: while a job restarts, the JobManager
    has better things to do.

    Raises:
        RestError: when the cluster does not know it, or does not answer as Flink does.

    """
    told = rest.get(job_path(job), JobDetails)
    counts = [(state, count) for vertex in told.vertices for state, count in vertex.tasks.items()]
    done = sum(count for state, count in counts if state in ("RUNNING", "FINISHED"))
    return told.state, done, sum(count for _, count in counts)


def _subtask(told: Subtask) -> RunningSubtask:
    task_manager = "" if told.task_manager == "(unassigned)" else told.task_manager
    return RunningSubtask(told.subtask, told.status, task_manager, told.attempt)


def _told_of_many(note: Note, what: str, number: int, count: int) -> None:
    if number % MANY == 0 and count > MANY:
        note(f"asking the cluster for each {what}, {number:,} of {count:,}")


def job_path(job: str) -> str:
    """Return the path of a job, whose id may be anything that a user typed."""
    return f"/jobs/{quote(job, safe='', errors='surrogateescape')}"


def jobs(rest: Rest) -> dict[str, str]:
    """Return the state of every job of a cluster by its id.

    Raises:
        RestError: when the cluster does not answer as Flink does.

    """
    return {job.id: job.status for job in rest.get("/jobs", Jobs).jobs}


def only_job(rest: Rest) -> str:
    """Return the id of the only job that runs.

    Raises:
        RestError: when no job runs, or more than one.

    """
    running = [name for name, state in jobs(rest).items() if state not in ENDED]
    if len(running) != 1:
        which = f"{len(running)} jobs run" if running else "no job runs"
        raise RestError(f"{which} at {rest.url}" + ("; name one with --job ID" if running else ""))
    return running[0]


def task_managers(rest: Rest, note: Note = lambda _: None) -> dict[str, RunningTaskManager]:
    """Return the TaskManagers of a cluster by their id.

    Raises:
        RestError: when the cluster does not answer as Flink does.

    """
    names = [entry.id for entry in rest.get("/taskmanagers", TaskManagers).task_managers]
    found = {}
    for name, told in task_manager_details(rest, names, note).items():
        slots: dict[str, tuple[RunningSlot, ...]] = {}
        for slot in told.allocated_slots:
            slots[slot.job_id] = (*slots.get(slot.job_id, ()), _slot(slot.resource))
        whole = told.total_resource
        found[name] = RunningTaskManager(
            name, told.memory, whole.extended_resources or {}, slots, whole.cpu_cores
        )
    return found


def task_manager_details(
    rest: Rest, names: Sequence[str], note: Note = lambda _: None
) -> dict[str, TaskManagerDetails]:
    """Return what a cluster tells of each of its TaskManagers, by their id.

    Raises:
        RestError: when the cluster does not answer as Flink does, or has lost one of them meanwhile.

    """
    found = {}
    for number, name in enumerate(names):
        _told_of_many(note, "TaskManager", number, len(names))
        found[name] = rest.get(task_manager_path(name), TaskManagerDetails)
    return found


def task_manager_path(name: str) -> str:
    """Return the path of a TaskManager, whose id may hold any character."""
    return f"/taskmanagers/{quote(name, safe='')}"


def _slot(told: Resource) -> RunningSlot:
    return RunningSlot(told.cpu_cores, told.memory, told.extended_resources or {})


def registered(entries: Iterable[ListedTaskManager]) -> dict[str, str]:
    """Return the addresses of TaskManagers (of REST's list) that have told the JobManager what they offer."""
    return {entry.id: entry.path for entry in entries if (entry.total_resource.cpu_cores or 0) > 0}


def failure(rest: Rest, job: str) -> str:
    """Return why a job failed, in a line.

    Raises:
        RestError: when the cluster does not answer as Flink does.

    """
    failures = rest.get(f"{job_path(job)}/exceptions", Exceptions).exception_history.entries
    return last_cause(failures[0].stacktrace if failures else "")


def last_cause(trace: str) -> str:
    """Return the last cause of a stack trace, in a line."""
    lines = trace.splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return [*(lines[:1] or ["no reason is known"]), *causes][-1][:500]
