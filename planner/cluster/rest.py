"""Flink's REST interface: a job's state, its subtasks, the TaskManagers."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from planner.cluster.errors import NoAnswer, NotThere, RestError

SECONDS = 15.0
ENDED = ("FINISHED", "CANCELED", "FAILED")
"""States of a job that is over."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A cluster's REST address, as ``http://host:port``."""

    url: str

    @classmethod
    def at(cls, text: str) -> Rest:
        """Return the cluster that a user names, with or without a scheme.

        Raises:
            NoAnswer: when that is not an address.

        """
        url = (text if "://" in text else f"http://{text}").rstrip("/")
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            valid = parts.scheme in ("http", "https") and parts.hostname and not parts.path
        except ValueError:
            valid, port = False, 0
        if not valid:
            raise NoAnswer(f"{text!r} is not a valid REST address; use http://host:8081")
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        return cls(f"{parts.scheme}://{host}:{port}")

    def get(self, path: str) -> Any:
        """Return the JSON answer of a path.

        Raises:
            RestError: when there is none.

        """
        return self._ask(urllib.request.Request(self.url + path))

    def patch(self, path: str) -> Any:
        """Send a PATCH, with which Flink cancels jobs."""
        return self._ask(urllib.request.Request(self.url + path, method="PATCH"))

    def scheduler(self) -> str:
        """Return the scheduler that the cluster names for its jobs, in lower case, or ``reactive``.

        Raises:
            RestError: when the cluster does not tell its options.

        """
        options = {str(entry["key"]): str(entry["value"]).lower() for entry in self.get("/jobmanager/config")}
        if options.get("scheduler-mode") == "reactive":
            return "reactive"
        return options.get("jobmanager.scheduler", "default")

    def flink_version(self) -> str:
        """Return the major and minor version of the cluster's Flink.

        Raises:
            RestError: when it does not answer, or is no Flink.

        """
        told = self.get("/config")
        if not isinstance(told, dict) or "flink-version" not in told:
            raise NoAnswer(f"the server at {self.url} is not a Flink REST API")
        return ".".join(str(told["flink-version"]).split("-")[0].split(".")[:2])

    def _ask(self, request: urllib.request.Request) -> Any:
        try:
            with _opener(self.url).open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            kind = NotThere if error.code == 404 else RestError
            raise kind(f"{self.url} answers {error.code} to {request.selector}: {_reason(error)}") from None
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise NoAnswer(f"no Flink REST API at {self.url}: {reason}") from None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return what opens an address: never by a proxy where that is this machine."""
    if urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1"):
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        found = json.loads(error.read()).get("errors", [])
    except (OSError, ValueError, AttributeError):
        return str(error.reason)
    lines = [line for text in found for line in str(text).splitlines() if line.strip()]
    return re.sub(r"^[\w.$]+: ", "", lines[0])[:300] if lines else str(error.reason)


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


def _task_manager_of(subtask: Mapping[str, Any]) -> str:
    """Return the TaskManager of a subtask, empty while it has none."""
    tm = str(subtask.get("taskmanager-id", ""))
    return "" if tm == "(unassigned)" else tm


def running_job(rest: Rest, job: str) -> RunningJob:
    """Return a job with where its subtasks are."""
    told = rest.get(f"/jobs/{job}")
    vertices = []
    for vertex in told["vertices"]:
        details = rest.get(f"/jobs/{job}/vertices/{vertex['id']}")
        subtasks = tuple(
            RunningSubtask(int(s["subtask"]), str(s["status"]), _task_manager_of(s), int(s.get("attempt", 0)))
            for s in details["subtasks"]
        )
        vertices.append(RunningVertex(vertex["id"], vertex["name"], int(vertex["parallelism"]), subtasks))
    batch = str(told.get("job-type", "")).upper() == "BATCH"
    return RunningJob(job, str(told["name"]), str(told["state"]), tuple(vertices), batch)


def jobs(rest: Rest) -> dict[str, str]:
    """Return the state of every job of a cluster by its id."""
    told = rest.get("/jobs")
    if not isinstance(told, dict) or "jobs" not in told:
        raise NoAnswer(f"the server at {rest.url} is not a Flink REST API")
    return {job["id"]: job["status"] for job in told["jobs"]}


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


def task_managers(rest: Rest) -> dict[str, RunningTaskManager]:
    """Return the TaskManagers of a cluster by their id."""
    found = {}
    told_all = rest.get("/taskmanagers")
    if not isinstance(told_all, dict) or "taskmanagers" not in told_all:
        raise NoAnswer(f"the server at {rest.url} is not a Flink REST API")
    for entry in told_all["taskmanagers"]:
        name = str(entry["id"])
        told = rest.get(task_manager_path(name))
        slots: dict[str, tuple[RunningSlot, ...]] = {}
        for slot in told.get("allocatedSlots", []):
            job = str(slot["jobId"])
            slots[job] = (*slots.get(job, ()), _slot(slot["resource"]))
        whole = told["totalResource"]
        found[name] = RunningTaskManager(
            id=name,
            memory={key: int(value) for key, value in (told.get("memoryConfiguration") or {}).items()},
            external=_external(whole),
            slots=slots,
            cpu=float(whole["cpuCores"]) if "cpuCores" in whole else None,
        )
    return found


def task_manager_path(name: str) -> str:
    """Return the path of a TaskManager, whose id may hold any character."""
    return f"/taskmanagers/{quote(name, safe='')}"


def _slot(told: Mapping[str, Any]) -> RunningSlot:
    memory = {key: int(value) for key, value in told.items() if key.endswith("Memory")}
    return RunningSlot(float(told["cpuCores"]) if "cpuCores" in told else None, memory, _external(told))


def _external(told: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in (told.get("extendedResources") or {}).items()}


def registered(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the addresses of TaskManagers (of REST's list) that have told the JobManager what they offer."""
    return {str(e["id"]): str(e["path"]) for e in entries if e["totalResource"]["cpuCores"] > 0}


def failure(rest: Rest, job: str) -> str:
    """Return why a job failed, in a line."""
    entries = rest.get(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"]
    if not entries:
        return "no reason is known"
    causes = [line for line in entries[0]["stacktrace"].splitlines() if line.startswith("Caused by:")]
    text = causes[-1].removeprefix("Caused by: ") if causes else entries[0]["stacktrace"].splitlines()[0]
    return str(text)[:500]
