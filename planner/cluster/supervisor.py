#!/usr/bin/env python3
"""Keep one TaskManager running: its process is started, watched, and started again in place.

    python3 supervisor.py --spec FILE

This file stands alone: Python 3.11 and its standard library on Linux, nothing of planner, so that it can be
copied into any image. FILE is JSON as ``planner supervise --print spec`` writes it; docs/supervise.md has its
fields, what leads to a restart, and the fields of the journal.

The first half is pure: `step` makes the next state and a decision of a state and an event. The second half
sees events and carries out decisions.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import errno
import http.client
import itertools
import json
import math
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

GAVE_UP = 70
"""Exit code when the process cannot be kept running: `os.EX_SOFTWARE`."""
BAD_SPEC = 2
FIGURES = ("resident", "direct", "metaspace", "threads")
"""What leaks are looked for in; bytes, and a count."""
ENDING_SECONDS = 10.0
"""How long a process that is to be started again may take to end by itself. Flink says goodbye to the
JobManager first, which takes less than a second; what hangs is what it is restarted for."""
SAMPLES = 360
"""Samples that are kept of a figure. Older ones are merged, so that they reach back to the start."""
THIRDS = 3
STEP = 0.005
"""Share of the limit by which a figure has to grow in each third of a window."""
LONGER = 4
"""Slow leaks are looked for in windows that are so many times longer, again and again."""
LINES = 50
ERROR_LINES = 10
"""So many of the last lines may be of stderr, which a JVM seldom writes to."""
LONGEST_LINE = 500
JOURNAL_BYTES = 2**20
"""The journal is this long at most, and so is the one before it."""
LONGEST_MESSAGE = 1000
ANSWER_BYTES = 2**23
SECRET_BYTES = 2**16
REST_SECONDS = 5.0
"""How long the JobManager may take for a whole answer."""
TICK = 0.2
FIRST_SECONDS = 0.5
"""When a process is measured for the first time: by then it has entered its control group."""
UNLIMITED = 2**60
"""Control groups of version 1 say of no limit that it is a number above this."""
SENSITIVE_KEYS = (
    "password",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
)
"""Parts of the keys of secrets: those of planner/documents/sensitive.py, as a test holds."""
HIDDEN = "******"
CREDENTIALS = ("PLANNER_REST_TOKEN", "PLANNER_REST_USER", "PLANNER_REST_CA")
"""Environment variables that are for this process and not for the one that it starts."""
METRICS = {
    "direct": "Status.JVM.Memory.Direct.MemoryUsed",
    "metaspace": "Status.JVM.Memory.Metaspace.Used",
    "heap": "Status.JVM.Memory.Heap.Used",
}
_KEY = re.compile(r"""(?<![\w.-])([\w.-]+)["']?\s*[=:]\s*""")
_USER_INFO = re.compile(r"""((?<![\w+.-])[A-Za-z][\w+.-]*://)[^\s/:@"']{0,256}:(?!\d{1,5}/)[^\s"']{0,512}@""")
_OPTION = re.compile(r"""(?<!\S)--?([\w.-]+)\s+(?=[^\s-])""")
Facts = dict[str, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """When to act: seconds, counts, and shares of the limit of each figure."""

    grace: float = 25.0
    cancel_limit: float = 60.0
    window: float = 300.0
    stable: float = 300.0
    back_off: float = 1.0
    longest_back_off: float = 60.0
    restarts: int = 10
    restart_window: float = 3600.0
    shares: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"resident": 0.95, "direct": 0.9, "metaspace": 0.9, "threads": 0.9}
    )


MODES = ("off", "propose", "apply")


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A change of the memory of the process, which does not make it larger.

    ``changes`` are options with their values before and after, ``words`` are words of the command and what
    stands there instead, ``limits`` those of `FIGURES` that change. ``takes`` are the kinds of memory that
    are smaller than before, ``then`` the steps that are possible after this one, by the kind that runs out.
    """

    changes: tuple[Mapping[str, str], ...]
    words: Mapping[str, str]
    limits: Mapping[str, float]
    takes: tuple[str, ...]
    then: Mapping[str, Step]


@dataclasses.dataclass(frozen=True, slots=True)
class Adjust:
    """Whether changes of memory are made, and which: planner has worked them out."""

    mode: str = "off"
    steps: Mapping[str, Step] = dataclasses.field(default_factory=dict)

    def step(self, kinds: Sequence[str]) -> Step | None:
        """Return the last step of a way, None where it does not lead anywhere."""
        found, there = None, self.steps
        for kind in kinds:
            found = there.get(kind)
            if found is None:
                return None
            there = found.then
        return found


# ---- what is seen


@dataclasses.dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; ``at`` is in seconds of a clock that only goes forward, here and below."""

    at: float


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """The process has ended; ``code`` is 128 and the number of a signal where that ended it.

    ``memory`` is which memory ran out, None where that was not the reason.
    """

    at: float
    code: int
    memory: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A signal came from outside."""

    at: float
    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Canceling:
    """A subtask on this TaskManager is being cancelled, and was first seen so many ``seconds`` ago."""

    at: float
    subtask: str
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Figures of the process; those that are not known are left out."""

    at: float
    figures: Mapping[str, float]


Event = Tick | Ended | Asked | Canceling | Measured
Series = tuple[tuple[float, float], ...]
"""Samples of a figure: when, and how much at least until the next one."""
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FORWARDED = (*STOPS, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGWINCH)
"""Signals that are passed on; SIGQUIT lets a JVM print its threads."""


# ---- what is decided


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What is known of the process and its past.

    ``phase`` is ``waiting`` (for the next start), ``running``, ``ending`` (to be started again), ``stopping``
    (for good) or ``over``. ``until`` is when waiting is over, or when a process that was asked to end is
    killed.
    """

    phase: str = "waiting"
    until: float = 0.0
    started: float = 0.0
    failures: int = 0
    restarts: tuple[float, ...] = ()
    code: int = 0
    left: bool = False
    series: Mapping[str, Series] = dataclasses.field(default_factory=dict)
    memory: str | None = None
    adjusted: tuple[tuple[str, float], ...] = ()
    tried: frozenset[str] = frozenset()

    @property
    def way(self) -> tuple[str, ...]:
        """The kinds of the steps that are taken."""
        return tuple(kind for kind, _ in self.adjusted)


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done: ``action``, why, and with which signal, exit code or delay.

    ``start``, ``forward``, ``stop`` (forward, and let it end), ``end`` (end it and start it again),
    ``kill``, ``restart`` (it has ended, start it again), ``leave`` (it would be restarted, but was too
    often), ``give-up`` and ``exit``. ``then`` is decided with a ``restart``: ``propose`` a step, ``adjust``
    (take it), ``take-back``, or ``keep`` (there is none).
    """

    action: str
    seen: str = ""
    facts: Facts = dataclasses.field(default_factory=dict)
    signal: int = 0
    code: int = 0
    seconds: float = 0.0
    then: Decision | None = None


NEVER = Adjust()


def step(
    state: State, event: Event, settings: Settings, limits: Mapping[str, float], adjust: Adjust = NEVER
) -> tuple[State, Decision | None]:
    """Return the state after an event, and what is to be done; ``limits`` are those of `FIGURES`."""
    match event:
        case Asked():
            return _asked(state, event, settings)
        case Ended():
            return _ended(state, event, settings, adjust)
        case Canceling() if state.phase == "running":
            return _canceling(state, event, settings)
        case Measured() if state.phase == "running":
            return _measured(state, event, settings, limits)
    return _due(state, event.at)


def _due(state: State, at: float) -> tuple[State, Decision | None]:
    if at < state.until or state.phase in ("running", "over"):
        return state, None
    if state.phase == "waiting":
        begun = dataclasses.replace(state, phase="running", started=at, left=False, series={}, memory=None)
        return begun, Decision("start")
    return dataclasses.replace(state, until=math.inf), Decision("kill", "it has not ended by itself")


def _asked(state: State, event: Asked, settings: Settings) -> tuple[State, Decision | None]:
    name = signal.Signals(event.number).name
    if event.number not in STOPS:
        running = state.phase in ("running", "ending", "stopping")
        return state, Decision("forward", name, signal=event.number) if running else None
    if state.phase == "waiting":
        over = dataclasses.replace(state, phase="over")
        return over, Decision("exit", name, code=128 + event.number)
    if state.phase == "over":
        return state, None
    if state.phase == "stopping":
        return state, Decision("forward", name, signal=event.number)
    stopping = dataclasses.replace(state, phase="stopping", until=event.at + settings.grace)
    return stopping, Decision("stop", name, signal=event.number, seconds=settings.grace)


def _ended(state: State, event: Ended, settings: Settings, adjust: Adjust) -> tuple[State, Decision | None]:
    seen = f"ended with {event.code} ({exit_name(event.code)})"
    facts: Facts = {"exitCode": event.code, "ranSeconds": round(event.at - state.started, 3)}
    ended = dataclasses.replace(state, code=event.code)
    if state.phase == "stopping" or (state.phase == "running" and event.code == 0):
        over = dataclasses.replace(ended, phase="over")
        return over, Decision("exit", seen, facts, code=event.code)
    recent = _recent(state, event.at, settings)
    if len(recent) >= settings.restarts:
        over = dataclasses.replace(ended, phase="over")
        return over, Decision("give-up", seen, facts | _counted(recent, settings), code=GAVE_UP)
    failures = 0 if event.at - state.started >= settings.stable else state.failures
    delay = back_off(failures, settings)
    recent = (*recent, event.at)
    waiting = dataclasses.replace(
        ended, phase="waiting", until=event.at + delay, failures=failures + 1, restarts=recent
    )
    waiting, then = _adjusted(waiting, event, settings, adjust)
    return waiting, Decision("restart", seen, facts | _counted(recent, settings), seconds=delay, then=then)


def _adjusted(
    state: State, event: Ended, settings: Settings, adjust: Adjust
) -> tuple[State, Decision | None]:
    """Decide what is changed where memory ran out, or leaked.

    Where a step did not help within the window of restarts, or took the memory that runs out now, it is taken
    back, and with it those that were taken after it. No step is taken twice.
    """
    memory = event.memory or state.memory
    if memory is None or adjust.mode == "off":
        return state, None
    seen = f"{_MEMORY[memory]} {'leaked' if event.memory is None else 'ran out'}"
    facts: Facts = {"memory": memory}
    steps = [adjust.step(state.way[: number + 1]) for number in range(len(state.adjusted))]
    for number, (kind, since) in enumerate(state.adjusted):
        taken = steps[number]
        recent = event.at - since < settings.restart_window
        if taken is None or not recent or not (memory == kind or memory in taken.takes):
            continue
        undone = [change for each in reversed(steps[number:]) if each for change in each.changes]
        facts["changes"] = [{**change, "from": change["to"], "to": change["from"]} for change in undone]
        facts["afterSeconds"] = round(event.at - since, 3)
        others = frozenset(state.way[number + 1 :])  # they did not fail, and may be taken again
        back = dataclasses.replace(state, adjusted=state.adjusted[:number], tried=state.tried - others)
        why = "the change for it did not help" if memory == kind else f"a change took it for {_MEMORY[kind]}"
        return back, Decision("take-back", f"{seen}; {why}", facts)
    if memory in state.tried:
        return state, None
    state = dataclasses.replace(state, tried=state.tried | {memory})
    found = adjust.step((*state.way, memory))
    if found is None:
        return state, Decision("keep", seen, facts)
    facts["changes"] = list(found.changes)
    if adjust.mode == "propose":
        return state, Decision("propose", seen, facts)
    adjusted = (*state.adjusted, (memory, event.at))
    return dataclasses.replace(state, adjusted=adjusted), Decision("adjust", seen, facts)


_MEMORY = {
    "heap": "the Java heap",
    "direct": "direct memory",
    "metaspace": "metaspace",
    "threads": "the number of threads",
    "container": "the memory of the container",
}


def back_off(failures: int, settings: Settings) -> float:
    """Return how long to wait before the next start, after so many in a row that did not run long."""
    if failures == 0:
        return 0.0
    return min(settings.longest_back_off, settings.back_off * 2.0 ** min(failures - 1, 30))


def _recent(state: State, at: float, settings: Settings) -> tuple[float, ...]:
    return tuple(when for when in state.restarts if at - when < settings.restart_window)


def _counted(recent: Sequence[float], settings: Settings) -> Facts:
    return {"restarts": len(recent), "ofAtMost": settings.restarts, "inSeconds": settings.restart_window}


def _canceling(state: State, event: Canceling, settings: Settings) -> tuple[State, Decision | None]:
    if event.seconds < settings.cancel_limit:
        return state, None
    if event.seconds >= event.at - state.started:
        return state, None  # of the process before this one, which Flink has not noticed to be gone
    facts: Facts = {
        "reason": "cancellation",
        "subtask": event.subtask,
        "seconds": round(event.seconds, 1),
        "limit": settings.cancel_limit,
    }
    return _end(state, event.at, settings, f"cancelling {event.subtask} takes {event.seconds:.0f} s", facts)


def _end(
    state: State, at: float, settings: Settings, seen: str, facts: Facts, memory: str | None = None
) -> tuple[State, Decision | None]:
    """End the process to start it again, unless that was done too often: then it is left alone."""
    recent = _recent(state, at, settings)
    if len(recent) >= settings.restarts:
        left = Decision("leave", seen, facts | _counted(recent, settings))
        return dataclasses.replace(state, left=True), None if state.left else left
    seconds = min(ENDING_SECONDS, settings.grace)
    ending = dataclasses.replace(state, phase="ending", until=at + seconds, memory=memory)
    return ending, Decision("end", seen, facts, signal=signal.SIGTERM, seconds=seconds)


def _measured(
    state: State, event: Measured, settings: Settings, limits: Mapping[str, float]
) -> tuple[State, Decision | None]:
    series = dict(state.series)
    for name, value in event.figures.items():
        if name in limits:
            series[name] = with_sample(series.get(name, ()), event.at, value)
    state = dataclasses.replace(state, series=series)
    for name in FIGURES:
        if name not in event.figures or name not in limits:
            continue
        found = leak(series[name], limits[name], settings.shares[name], settings.window)
        if found is not None:
            facts: Facts = {
                "reason": "leak",
                "figure": name,
                "floors": [round(value) for value in found.floors],
                "limit": round(limits[name]),
                "windowSeconds": found.window,
            }
            share = found.floors[-1] / limits[name]
            seen = f"{_TOLD[name]} at {share:.0%} of its limit, growing for {found.window:.0f} s"
            memory = "container" if name == "resident" else name
            return _end(state, event.at, settings, seen, facts, memory)
    return state, None


_TOLD = {
    "resident": "resident memory",
    "direct": "direct memory",
    "metaspace": "metaspace",
    "threads": "the number of threads",
}


def with_sample(series: Series, at: float, value: float) -> Series:
    """Return a series with one sample more; above `SAMPLES`, pairs of the older ones become their minimum."""
    if len(series) >= SAMPLES:
        half = SAMPLES // 2
        old, new = series[:half], series[half:]
        pairs = zip(old[::2], old[1::2], strict=True)
        series = (*((first[0], min(first[1], second[1])) for first, second in pairs), *new)
    return (*series, (at, value))


@dataclasses.dataclass(frozen=True, slots=True)
class Leak:
    """A figure that grew in every third of a ``window``: its floor in each, and what it is now."""

    window: float
    floors: tuple[float, ...]


def leak(series: Series, limit: float, share: float, window: float) -> Leak | None:
    """Return how a figure leaks, None where it does not.

    It leaks when in all of the last third of the window it was above a share of its limit, when its floor
    rose in every third, and still does, and when it would be above the limit after one more third. Floors are
    what garbage collection leaves: a figure that goes up and down does not leak. One that has filled what it
    may use, such as a heap, does not grow any more. Longer windows, up to all that is known, find slow leaks.
    """
    now = series[-1][0]
    latest = min(value for _, value in series[-2:])
    while window <= now - series[0][0]:
        third = window / THIRDS
        parts: list[list[float]] = [[] for _ in range(THIRDS)]
        for when, value in series:
            if when >= now - window:
                parts[min(THIRDS - 1, int((when - (now - window)) / third))].append(value)
        if all(parts):
            floors = (*(min(part) for part in parts), latest)
            steps = [later - earlier for earlier, later in itertools.pairwise(floors)]
            growing = min(steps) >= STEP * limit
            if growing and floors[-2] >= share * limit and latest + min(steps[1:]) >= limit:
                return Leak(window, floors)
        window *= LONGER
    return None


_NAMES = {
    0: "ended by itself",
    1: "Flink ended it after a fatal error",
    2: "wrong usage",
    3: "Java ran out of memory, -XX:+ExitOnOutOfMemoryError",
    126: "the command cannot be executed",
    127: "the command was not found",
    134: "SIGABRT: the JVM crashed",
    135: "SIGBUS: the JVM crashed",
    137: "SIGKILL",
    139: "SIGSEGV: the JVM crashed",
    143: "SIGTERM",
    239: "Flink's -17: a thread did not catch an exception, or shutting down took more than 5 s",
    255: "the JVM was halted, Flink's -1",
}


def exit_name(code: int) -> str:
    """Return what an exit code means for a TaskManager."""
    if code in _NAMES:
        return _NAMES[code]
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return "no known meaning"


_OUT_OF_MEMORY = (
    ("heap", "OutOfMemoryError: Java heap space"),
    ("heap", "OutOfMemoryError: GC overhead limit exceeded"),
    ("direct", "OutOfMemoryError: Direct buffer memory"),
    ("direct", "OutOfMemoryError: Cannot reserve"),
    ("metaspace", "OutOfMemoryError: Metaspace"),
    ("metaspace", "OutOfMemoryError: Compressed class space"),
    ("threads", "OutOfMemoryError: unable to create"),
)


def out_of_memory(code: int, oom_kills: int, lines: Sequence[str]) -> str | None:
    """Return which memory ran out when a process ended, None where that was not the reason.

    ``container`` is the control group's: its counter rose, and SIGKILL ended the process. The others are
    Java's, by the last ``lines`` of output.
    """
    if code == 128 + signal.SIGKILL:
        return "container" if oom_kills > 0 else None
    for line in reversed(lines):
        for kind, words in _OUT_OF_MEMORY:
            if words in line:
                return kind
    return None


def masked(line: str, secrets: Sequence[str] = ()) -> str:
    """Return a line of output without what follows the key of a secret, and without passwords of URLs."""
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    for pattern in (_KEY, _OPTION):
        for found in pattern.finditer(line):
            key = found[1].lower()
            if any(part in key for part in SENSITIVE_KEYS) and line[found.end() :].strip():
                line = line[: found.end()] + HIDDEN
                break
    return _USER_INFO.sub(rf"\1{HIDDEN}@", line) if "://" in line else line


# ---- what the kernel tells


def members(session: int | None) -> Iterator[tuple[int, list[str]]]:
    """Yield the processes of a session with the fields of their ``stat`` behind the name (proc(5))."""
    for entry in os.listdir("/proc") if session else ():
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    yield int(entry), fields


def figures_of(session: int) -> dict[str, float]:
    """Return resident memory in bytes and threads of the processes of a session together."""
    found = [fields for _, fields in members(session)]
    if not found:
        return {}
    pages = sum(int(fields[21]) for fields in found)
    return {
        "resident": float(pages * os.sysconf("SC_PAGE_SIZE")),
        "threads": float(sum(int(fields[17]) for fields in found)),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class ControlGroup:
    """The files of the control group that limits the memory of a process; None where there is none."""

    memory: Path | None
    tasks: Path | None

    def oom_kills(self) -> int:
        """Return how many processes the kernel has killed since its memory was full."""
        for name in ("memory.oom_control", "memory.events"):
            for line in _read(self.memory, name).splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill" and value.isdigit():
                    return int(value)
        return 0

    def limit(self) -> float | None:
        """Return its memory in bytes, None where it has no limit."""
        return self._number(self.memory, "memory.limit_in_bytes", "memory.max")

    def threads(self) -> float | None:
        """Return how many threads it may have, None where it has no limit."""
        return self._number(self.tasks, "pids.max")

    @staticmethod
    def _number(folder: Path | None, *names: str) -> float | None:
        for name in names:
            text = _read(folder, name).strip()
            if text.isdigit() and int(text) < UNLIMITED:
                return float(text)
        return None


def _read(folder: Path | None, name: str) -> str:
    try:
        return "" if folder is None else (folder / name).read_text()
    except OSError:
        return ""


def control_group(pid: int) -> ControlGroup:
    """Return the control group of a process, of version 1 or 2 (cgroups(7)).

    In a container its path may be the host's, which is not there: then it is the root of what is mounted.
    """
    own = [line.split(":", 2) for line in _read(Path(f"/proc/{pid}"), "cgroup").splitlines()]
    found: dict[str, Path] = {}
    for line in _read(Path("/proc/self"), "mounts").splitlines():
        _, place, kind, options, *_ = line.split()
        for controller in ("memory", "pids"):
            one = kind == "cgroup" and controller in options.split(",")
            if not one and kind != "cgroup2":
                continue
            names = [path for _, name, path in own if (controller in name.split(",") if one else name == "")]
            inside = Path(place) / (names[0].strip("/") if names else "")
            folder = inside if inside.is_dir() else Path(place)
            if one or (controller not in found and (folder / f"{controller}.max").exists()):
                found[controller] = folder
    return ControlGroup(found.get("memory"), found.get("pids"))


def adopt_orphans() -> None:
    """Let orphans below this process become its children, as they do of process 1 (prctl(2))."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


# ---- what Flink tells


class RestError(Exception):
    """The JobManager does not answer, or not as Flink does."""


class Rest:
    """The JobManager's REST interface, with the credentials of the environment."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RestError("rest: use http://host:8081")
        self._secure, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._headers: dict[str, str] = {}
        self._authority = environment.get("PLANNER_REST_CA") or None
        token = _secret(environment.get("PLANNER_REST_TOKEN", ""))
        user = _secret(environment.get("PLANNER_REST_USER", ""))
        if parts.username is not None:
            user, token = f"{unquote(parts.username)}:{unquote(parts.password or '')}", ""
        if not (token.isascii() and token.isprintable()):
            raise RestError("PLANNER_REST_TOKEN holds characters that no token has")
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._headers["Authorization"] = (
                "Basic " + base64.b64encode(user.encode("utf-8", "surrogateescape")).decode()
            )
        self.secrets = [word for word in (token, user.partition(":")[2]) if len(word) > 3]
        self.address = f"{parts.scheme}://{parts.hostname}:{self._port}"

    def get(self, path: str) -> object:
        """Return the answer of a path.

        Raises:
            RestError: when there is none within the limits.

        """
        connection: http.client.HTTPConnection
        if self._secure:
            import ssl

            try:
                trusted = ssl.create_default_context(cafile=self._authority)
            except OSError as error:
                raise RestError(f"PLANNER_REST_CA: {self._authority} cannot be used: {error}") from None
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=REST_SECONDS, context=trusted
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=REST_SECONDS)
        try:
            connection.connect()
            with _ended_after(REST_SECONDS, connection.sock):
                connection.request("GET", path, headers=self._headers)
                answer = connection.getresponse()
                body = answer.read(ANSWER_BYTES + 1)
            if answer.status != 200:
                raise RestError(f"{self.address} answers {answer.status} to {path.partition('?')[0]}")
            if len(body) > ANSWER_BYTES:
                raise RestError(f"{self.address}: its answer is too long")
            return json.loads(body)
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            raise RestError(f"{self.address} does not answer: {error or type(error).__name__}") from None
        finally:
            connection.close()


@contextlib.contextmanager
def _ended_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """End a connection that takes longer: what sends a byte now and then is late with none of them."""

    def end() -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _secret(value: str) -> str:
    """Return a credential, or the content of the file that ``@FILE`` names."""
    if not value.startswith("@"):
        return value
    try:
        with open(value[1:], "rb") as file:
            raw = file.read(SECRET_BYTES + 1)
        if len(raw) > SECRET_BYTES:
            raise ValueError(f"it has more than {SECRET_BYTES >> 10} KiB, which is no secret")
        return raw.decode("utf-8").strip()
    except (OSError, ValueError) as error:
        raise RestError(f"cannot read {value[1:]}: {error}") from None


def entries(value: object, *keys: str) -> list[dict[str, object]]:
    """Return the mappings of a list somewhere in an answer; none where it is of another form."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def number(value: object, *keys: str) -> float:
    """Return a number somewhere in an answer, zero where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    try:
        found = float(value) if isinstance(value, str | int | float) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def canceling(rest: Rest, task_manager: str) -> dict[str, str]:
    """Return the names of the subtasks on a TaskManager that are being cancelled, by their attempts.

    Vertices are asked for only where the overview of jobs has tasks in that state: most questions are one.

    Raises:
        RestError: when the JobManager does not answer.

    """
    found = {}
    for job in entries(rest.get("/jobs/overview"), "jobs"):
        if number(job, "tasks", "canceling") <= 0:
            continue
        path = f"/jobs/{quote(str(job.get('jid')), safe='')}"
        for vertex in entries(rest.get(path), "vertices"):
            if number(vertex, "tasks", "CANCELING") <= 0:
                continue
            of_vertex = f"{path}/vertices/{quote(str(vertex.get('id')), safe='')}"
            for subtask in entries(rest.get(of_vertex), "subtasks"):
                if subtask.get("taskmanager-id") == task_manager and subtask.get("status") == "CANCELING":
                    index, attempt = number(subtask, "subtask"), number(subtask, "attempt")
                    name = f"{vertex.get('name')}"[:200]
                    found[f"{of_vertex}/{index:.0f}/{attempt:.0f}"] = masked(f"{name} ({index + 1:.0f})")
    return found


def metrics(rest: Rest, task_manager: str) -> dict[str, float]:
    """Return the figures that only the JVM knows.

    Raises:
        RestError: when the JobManager does not answer.

    """
    path = f"/taskmanagers/{quote(task_manager, safe='')}/metrics?get={','.join(METRICS.values())}"
    told = {str(entry.get("id")): number(entry, "value") for entry in entries({"m": rest.get(path)}, "m")}
    return {name: told[metric] for name, metric in METRICS.items() if told.get(metric, 0) > 0}


# ---- journal and output


class Journal:
    """A file with a line of JSON for every decision, and the same in words on stderr."""

    def __init__(self, path: str | None, task_manager: str, secrets: Sequence[str] = ()) -> None:
        self._path = Path(path) if path else None
        self._name = task_manager
        self._secrets = secrets

    def say(self, text: str) -> None:
        """Write a message for people: what others have named or answered is nothing that a terminal obeys."""
        line = f"supervise: {self._name}: {masked(text, self._secrets)}"[:LONGEST_MESSAGE]
        shown = "".join(char if char.isprintable() else "?" for char in line)
        with contextlib.suppress(OSError):
            os.write(2, f"{shown}\n".encode())

    def write(self, decision: str, facts: Mapping[str, object]) -> None:
        """Append an entry; where the file cannot be written, that is said once, and nothing is kept."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        entry = {"time": stamp, "taskManager": self._name, "decision": decision, **facts}
        data = (json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        if self._path is None:
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_size + len(data) > JOURNAL_BYTES:
                    self._path.replace(f"{self._path}.1")
            # a pipe that nobody reads does not stop what watches the process
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            opened = os.open(self._path, flags, 0o600)
            try:
                written = os.write(opened, data)
                if written < len(data):  # no half of an entry is left where the disk is full
                    os.ftruncate(opened, os.fstat(opened).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(opened)
        except OSError as error:
            self.say(f"the journal {self._path} cannot be written: {error.strerror}; going on without it")
            self._path = None


class Output:
    """What the process prints: into a file, or passed on while the last lines are kept."""

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._kept = {target: collections.deque[bytes](maxlen=LINES) for target in (1, 2)}
        self._readers: list[threading.Thread] = []

    def open(self) -> tuple[int, int]:
        """Return what the next process writes to as stdout and stderr; both are to be closed here."""
        self._kept = {target: collections.deque(maxlen=LINES) for target in (1, 2)}
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._path.replace(f"{self._path}.1")  # why the one before ended
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            log = os.open(self._path, flags, 0o600)
            return log, os.dup(log)
        ends = []
        self._readers = []
        for target in (1, 2):
            source, end = os.pipe()
            ends.append(end)
            reader = threading.Thread(target=self._pass_on, args=(source, target), daemon=True)
            reader.start()
            self._readers.append(reader)
        return ends[0], ends[1]

    def _pass_on(self, source: int, target: int) -> None:
        """Copy until the end, also when nobody reads any more: the process shall not end of that."""
        part, open_, kept = b"", True, self._kept[target]
        while chunk := os.read(source, 2**16):
            *lines, part = (part + chunk).split(b"\n")
            kept.extend(line[:LONGEST_LINE] for line in lines)
            part = part[:LONGEST_LINE]
            left = memoryview(chunk)
            while left and open_:
                try:
                    left = left[os.write(target, left) :]
                except BlockingIOError:
                    select.select([], [target], [])
                except OSError:
                    open_ = False
        if part:
            kept.append(part)
        os.close(source)

    def last_lines(self, secrets: Sequence[str]) -> list[str]:
        """Return the last lines, without secrets, of a process that has ended."""
        for reader in self._readers:
            reader.join(1.0)
        errors = list(self._kept[2])[-ERROR_LINES:]
        lines = [*list(self._kept[1])[len(errors) - LINES :], *errors]
        if self._path is not None:
            with contextlib.suppress(OSError), open(self._path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LINES * LONGEST_LINE))
                lines = file.read().splitlines()[-LINES:]
        return [masked(line[:LONGEST_LINE].decode("utf-8", "replace"), secrets) for line in lines]


# ---- the loop


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """What is run and watched; docs/supervise.md describes the fields."""

    task_manager: str
    command: tuple[str, ...]
    folder: str | None = None
    log: str | None = None
    journal: str | None = None
    rest: str | None = None
    limits: Mapping[str, float] = dataclasses.field(default_factory=dict)
    settings: Settings = dataclasses.field(default_factory=Settings)
    adjust: Adjust = NEVER


def read_spec(text: str) -> Spec:
    """Return a specification.

    Raises:
        ValueError: when it is not valid; the message says where.

    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it is not a mapping")
    command = data.get("command")
    if not (isinstance(command, list) and command and all(isinstance(word, str) for word in command)):
        raise ValueError("command: it has to be a list of words")
    if any("\0" in word for word in command):
        raise ValueError("command: no word can have a NUL character in it")
    texts: dict[str, str | None] = {}
    for key in ("taskManager", "folder", "log", "journal", "rest"):
        value = data.get(key)
        if not (value is None or (isinstance(value, str) and value)):
            raise ValueError(f"{key}: it has to be text")
        texts[key] = value
    name = texts.pop("taskManager")
    if name is None:
        raise ValueError("taskManager: it is missing")
    limits = _numbers(data.get("limits", {}), "limits", FIGURES)
    told = data.get("settings", {})
    shares = _numbers(told.pop("shares", {}) if isinstance(told, dict) else {}, "settings.shares", FIGURES)
    fields = {_camel(field.name): field for field in dataclasses.fields(Settings) if field.name != "shares"}
    numbers = _numbers(told, "settings", tuple(fields))
    standard = Settings()
    changed = {fields[key].name: value for key, value in numbers.items()}
    if "restarts" in changed:
        changed["restarts"] = int(changed["restarts"])
    settings = dataclasses.replace(standard, **changed, shares={**standard.shares, **shares})  # type: ignore[arg-type]
    adjust = _mapping(data.get("adjust", {}), "adjust", ("mode", "steps"))
    mode = adjust.get("mode", "off")
    if mode not in MODES:
        raise ValueError(f"adjust.mode: it has to be one of {', '.join(MODES)}")
    steps = _steps(adjust.get("steps", {}), "adjust.steps")
    return Spec(name, tuple(command), limits=limits, settings=settings, adjust=Adjust(mode, steps), **texts)


def _steps(value: object, where: str) -> dict[str, Step]:
    found = {}
    for kind, entry in _mapping(value, where, tuple(_MEMORY)).items():
        place = f"{where}.{kind}"
        fields = _mapping(entry, place, tuple(field.name for field in dataclasses.fields(Step)))
        changes, takes = fields.get("changes", []), fields.get("takes", [])
        if not isinstance(changes, list) or not isinstance(takes, list):
            raise ValueError(f"{place}: changes and takes have to be lists")
        told = tuple(_words(change, f"{place}.changes") for change in changes)
        if any(not change.keys() >= {"option", "from", "to"} for change in told):
            raise ValueError(f"{place}.changes: each has option, from and to")
        words = _words(fields.get("words", {}), f"{place}.words")
        limits = _numbers(fields.get("limits", {}), f"{place}.limits", FIGURES)
        then = _steps(fields.get("then", {}), f"{place}.then")
        found[kind] = Step(told, words, limits, tuple(map(str, takes)), then)
    return found


def _mapping(value: object, where: str, known: Sequence[str] | None = None) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: it has to be a mapping")
    for key in value:
        if known is not None and key not in known:
            raise ValueError(f"{where}.{key}: there is no such field; known are {', '.join(known)}")
    return value


def _words(value: object, where: str) -> dict[str, str]:
    found = _mapping(value, where)
    if any(not isinstance(word, str) or "\0" in word for word in found.values()):
        raise ValueError(f"{where}: it has to be a mapping of words")
    return {key: str(word) for key, word in found.items()}


_LEAST = {"window": 1, "resident": 0.01, "direct": 0.01, "metaspace": 0.01, "threads": 0.01}
_MOST = 2**63


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _numbers(value: object, where: str, known: Sequence[str]) -> dict[str, float]:
    found = {}
    for key, entry in _mapping(value, where, known).items():
        least = _LEAST.get(key, 0)
        if isinstance(entry, bool) or not isinstance(entry, int | float) or not least <= entry < _MOST:
            raise ValueError(f"{where}.{key}: it has to be a number from {least} to 2^63")
        found[key] = float(entry)
    return found


def _shown(change: Mapping[str, str]) -> str:
    """Return a change in words; sizes in mb."""
    sizes = [
        f"{int(size[:-1]) / 2**20:.0f} mb" if re.fullmatch(r"\d+b", size) else size
        for size in (change["from"], change["to"])
    ]
    return f"{change['option']}: {sizes[0]} -> {sizes[1]}"


class Supervisor:
    """Sees events, asks `step`, and does what that decides."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._environment = {key: value for key, value in os.environ.items() if key not in CREDENTIALS}
        self._rest = Rest(spec.rest, os.environ) if spec.rest else None
        self._secrets = self._rest.secrets if self._rest else []
        self._journal = Journal(spec.journal, spec.task_manager, self._secrets)
        self._output = Output(spec.log)
        self._state = State()
        self._events: collections.deque[Event] = collections.deque()
        self._signals: collections.deque[int] = collections.deque()
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        self._limits = dict(spec.limits)
        self._process: int | None = None
        self._status: int | None = None
        self._last: Facts = {}
        self._exit: int | None = None
        self._run = 0
        self._group = ControlGroup(None, None)
        self._oom_kills = 0
        self._told: dict[str, float] = {}
        self._latest: dict[str, float] = {}
        self._peak: dict[str, float] = {}
        self._measured = -math.inf

    def run(self) -> int:
        """Keep the process running until it ends for good; return the exit code."""
        adopt_orphans()
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for each in FORWARDED:
            signal.signal(each, lambda given, _: self._signals.append(given))
        if self._rest is not None:
            threading.Thread(target=self._watch, args=(self._rest,), daemon=True).start()
        while self._exit is None:
            self._look()
            if self._exit is None:
                self._sleep()
        return self._exit

    def _sleep(self) -> None:
        due = math.inf if self._state.phase == "running" else self._state.until
        if self._process is not None:
            due = min(due, self._measured + self._interval())
        left = max(0.0, min(due - time.monotonic(), self._interval()))
        if self._status is not None:
            left = TICK  # something of its session is left
        if not self._events and not self._signals:
            select.select([self._wakeup[0]], [], [], left)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup[0], 4096)

    def _interval(self) -> float:
        """Return the seconds between two samples: sixty of them in a window."""
        return min(max(self._spec.settings.window / 60, 0.5), 10.0)

    def _look(self) -> None:
        """See everything that has happened, and do what follows from it."""
        self._reap()
        while self._signals:
            given = self._signals.popleft()
            self._take(Asked(time.monotonic(), given))
        if self._process is not None and self._status is not None:
            self._bury(self._process, self._status)
        while self._events:
            self._take(self._events.popleft())
        now = time.monotonic()
        if self._process is not None and self._status is None and now - self._measured >= self._interval():
            self._measured = now
            self._take(Measured(now, self._figures(self._process)))
        self._take(Tick(time.monotonic()))

    def _figures(self, process: int) -> dict[str, float]:
        found = figures_of(process)
        if not found:
            return {}  # it has just ended
        self._enter(control_group(process))
        found |= self._told
        self._told = {}  # each answer is one sample
        self._latest |= found
        for name, value in found.items():
            self._peak[name] = max(value, self._peak.get(name, 0.0))
        return found

    def _enter(self, group: ControlGroup) -> None:
        """Take over the limits of a control group, which a process may enter after it was started."""
        if group == self._group:
            return
        self._group, self._oom_kills = group, group.oom_kills()
        limit, threads = group.limit(), group.threads()
        if limit is not None:
            self._limits["resident"] = limit  # the kernel ends it there, whatever Flink plans with
        if threads is not None:
            self._limits["threads"] = min(threads, self._limits.get("threads", math.inf))

    def _reap(self) -> None:
        """Take leave of children that have ended, orphans among them."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._process:
                    self._status = os.waitstatus_to_exitcode(status)

    def _bury(self, process: int, status: int) -> None:
        """See the end of the process when nothing of its session is left.

        Where it was asked to end, what it has started has the same time for that: it may be a script.
        """
        if any(True for _ in members(process)):
            asked = self._state.phase in ("stopping", "ending") and self._state.until < math.inf
            if not asked:
                for pid, _ in members(process):
                    self._send(signal.SIGKILL, pid)
            return
        self._process = self._status = None
        self._take(self._end_of(128 - status if status < 0 else status))

    def _end_of(self, code: int) -> Ended:
        """Note what is known of a process that has ended: what `planner diagnose` needs."""
        lines = self._output.last_lines(self._secrets)
        killed = self._group.oom_kills() - self._oom_kills
        memory = out_of_memory(code, killed, lines)
        self._last = {
            "exitName": exit_name(code),
            "outOfMemory": memory,
            "oomKills": killed,
            **self._figure_facts(),
            "output": lines,
        }
        return Ended(time.monotonic(), code, memory)

    def _take(self, event: Event) -> None:
        self._state, decision = step(self._state, event, self._spec.settings, self._limits, self._spec.adjust)
        if decision is not None:
            self._do(decision, event)
            if decision.then is not None:
                self._tell(decision.then)

    def _do(self, decision: Decision, event: Event) -> None:
        facts: Facts = {"run": self._run, **({"seen": decision.seen} if decision.seen else {})}
        facts |= decision.facts
        if isinstance(event, Ended):
            facts |= self._last
        elif decision.action in ("end", "leave"):
            facts |= self._figure_facts()
        words = f" {facts['outOfMemory']} memory ran out;" if facts.get("outOfMemory") else ""
        seen = f"{decision.seen};{words}" if decision.seen else ""
        match decision.action:
            case "start":
                self._start()
                return
            case "forward":  # to the process alone: what it has started may end of a SIGQUIT
                self._send(decision.signal, self._process)
                self._journal.say(f"{decision.seen} passed on")
            case "stop":
                self._signal_all(decision.signal)
                self._journal.say(f"{decision.seen} passed on")
            case "end":
                self._journal.say(f"{seen} ending it to start it again")
                for pid, _ in members(self._process):
                    if _read(Path(f"/proc/{pid}"), "comm").strip() == "java":
                        self._send(signal.SIGQUIT, pid)  # its threads in its log say what hangs
                self._signal_all(decision.signal)
            case "kill":
                self._journal.say(f"{seen} killing it")
                for pid, _ in members(self._process):
                    self._send(signal.SIGKILL, pid)
            case "leave":
                self._journal.say(f"{seen} left alone: {self._often(facts)}")
            case "restart":
                facts["afterSeconds"] = decision.seconds
                when = f"in {decision.seconds:g} s" if decision.seconds else "now"
                self._journal.say(f"{seen} starting it again {when}, {self._often(facts)}")
            case "give-up":
                self._exit = decision.code
                self._journal.say(f"{seen} giving up: {self._often(facts)}; exit code {decision.code}")
            case "exit":
                self._exit = decision.code
                self._journal.say(f"{seen} nothing left to do")
        self._journal.write(decision.action, facts)

    @staticmethod
    def _often(facts: Facts) -> str:
        return f"restart {facts['restarts']} of at most {facts['ofAtMost']} in {facts['inSeconds']:g} s"

    def _figure_facts(self) -> Facts:
        return {
            key: {name: round(value) for name, value in figures.items()}
            for key, figures in (("figures", self._latest), ("peak", self._peak), ("limits", self._limits))
        }

    def _tell(self, decision: Decision) -> None:
        """Say what is changed with the next start."""
        changes = decision.facts.get("changes", ())
        told = "; ".join(map(_shown, changes)) if isinstance(changes, list) else ""
        what = {
            "propose": f"{told} would help (--adjust apply does that)",
            "adjust": f"from now on {told}",
            "take-back": f"taken back: {told}",
            "keep": "no change within its memory is known to help",
        }
        self._journal.say(f"{decision.seen}; {what[decision.action]}")
        self._journal.write(decision.action, {"run": self._run, "seen": decision.seen, **decision.facts})

    def _signal_all(self, given: int) -> None:
        """Send a signal to the process and what it has started in its session: it may be a script."""
        for pid, _ in members(self._process):
            self._send(given, pid)

    @staticmethod
    def _send(given: int, pid: int | None) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid is not None:
                os.kill(pid, given)

    def _start(self) -> None:
        self._run += 1
        self._told, self._latest, self._peak = {}, {}, {}
        self._measured = time.monotonic() - self._interval() + FIRST_SECONDS
        taken = self._spec.adjust.step(self._state.way)
        words, limits = ({}, {}) if taken is None else (taken.words, taken.limits)
        self._group, self._limits = ControlGroup(None, None), {**self._spec.limits, **limits}
        command = [words.get(word, word) for word in self._spec.command]
        out, err = -1, -1
        try:
            out, err = self._output.open()
            self._process = os.posix_spawnp(
                command[0],
                command,
                self._environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, out, 1),
                    (os.POSIX_SPAWN_DUP2, err, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, *FORWARDED],
            )
        except OSError as error:
            self._journal.say(f"{command[0]} cannot be started: {error.strerror}")
            self._events.append(self._end_of(127 if error.errno == errno.ENOENT else 126))
            return
        finally:
            for end in (out, err):
                if end >= 0:
                    os.close(end)
        self._enter(control_group(self._process))
        facts: Facts = {"run": self._run, "process": self._process}
        facts["limits"] = {name: round(value) for name, value in self._limits.items()}
        if self._state.adjusted:
            facts["adjusted"] = list(self._state.way)
        self._journal.say(f"started, process {self._process}")
        self._journal.write("start", facts)

    def _watch(self, rest: Rest) -> None:
        """Ask the JobManager again and again; runs in a thread of its own, since it may not answer."""
        settings = self._spec.settings
        silent = False
        begun: dict[str, float] = {}
        jobs, figures = 0.0, 0.0  # when to ask for them
        while True:
            now = time.monotonic()
            try:
                if now >= jobs:
                    jobs = now + min(max(settings.cancel_limit / 6, 0.5), 10.0)
                    found = canceling(rest, self._spec.task_manager)
                    begun = {key: begun.get(key, now) for key in found}
                    if begun:
                        since, name = min((since, found[key]) for key, since in begun.items())
                        self._post(Canceling(now, name, now - since))
                if now >= figures:
                    figures = now + min(max(settings.window / 15, 0.3), 30.0)
                    self._told = metrics(rest, self._spec.task_manager)
                if silent:
                    self._journal.say(f"{rest.address} answers again")
                silent = False
            except Exception as error:  # a thread that ends would never be missed
                if not silent:
                    why = error if isinstance(error, RestError) else f"REST: {type(error).__name__}: {error}"
                    self._journal.say(f"{why}; cancellations and leaks in the JVM are not seen meanwhile")
                silent = True
            time.sleep(max(0.0, min(jobs, figures) - time.monotonic()))

    def _post(self, event: Event) -> None:
        self._events.append(event)
        with contextlib.suppress(OSError):
            os.write(self._wakeup[1], b"\0")


def main(arguments: Sequence[str]) -> int:
    """Run what a specification says; return the exit code."""
    if len(arguments) < 2 or arguments[0] != "--spec":
        sys.stderr.write("usage: supervisor.py --spec FILE\n")
        return BAD_SPEC
    try:
        spec = read_spec(Path(arguments[1]).read_text(encoding="utf-8"))
        if spec.folder is not None:
            os.chdir(spec.folder)
        supervisor = Supervisor(spec)
    except (OSError, ValueError, RecursionError, RestError) as error:
        sys.stderr.write(f"supervise: {arguments[1]}: {error}\n")
        return BAD_SPEC
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
