"""Log files as events: when, how bad, by whom, what, and the trace below it.

Lines are read as they come and of an event only what is needed is kept, so a log may have any length. Read
are the layouts of Flink's distribution and of planner's clusters, JSON lines (log4j's `JsonTemplateLayout`
with its ECS, Logstash and GELF templates, and `JsonLayout`), what containers put in front of lines (``kubectl
logs --timestamps`` and ``--prefix``, the files of a node), lines without a time, and journals of ``planner
supervise``.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

LONGEST_LINE = 64 * 1024
"""Characters of a line that are read."""
MOST_LINES = 300
"""Lines of one event that are kept; a trace that repeats itself can have any number."""
MOST_FRAMES = 40
"""Methods of one exception that are kept."""
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1, 9999))
"""The times that can be told in any zone, in seconds since 1970."""
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_FLINK_STAMP = len("2026-03-02 03:40:12,904")
_STAMP = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_POD = re.compile(r"\[pod/[^\]\s]{1,400}\] ")
_WRAPPED = re.compile(rf"({_STAMP}) (?:(?:stdout|stderr) [FP] )?")
_BRACKETS = r"(?:\[[^\]]{0,200}\]\s{1,9})?"
_HEAD = re.compile(
    rf"(?:\[?({_STAMP})\]?\s{{1,9}})?{_BRACKETS}\[?(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\]?\s{{1,9}}{_BRACKETS}"
    r"([\w.$-]{1,300})(?=[\s:])"
)
SUPERVISOR = "supervisor: TaskManager"
"""How the line begins that an entry of a supervisor's journal becomes."""
_FAILED = ("end", "leave", "restart", "give-up")
"""Decisions of a supervisor after something failed."""
_TIMES = ("@timestamp", "timeMillis", "timestamp", "time", "instant")
_LEVELS = ("log.level", "level", "_level")
_LOGGERS = ("log.logger", "logger_name", "loggerName", "_logger", "logger")
_MESSAGES = ("message", "short_message", "msg")
_TRACES = ("error.stack_trace", "stack_trace", "full_message", "thrown", "exception")
_CAUSE = re.compile(r"\s{0,8}(?:Caused by: )?((?:[a-z_][\w$]{0,99}\.){1,20}[A-Z][\w$]{0,199})(?=:|$)")
_FRAME = re.compile(r"\s{1,8}at (?:[\w.$@-]{0,200}/){0,2}([\w.$<>]{1,400}(?:\([^()]{0,200}\))?)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, numbered from 1."""

    file: str
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Cause:
    """An exception of a trace, by class and line; frames as ``package.Class.method(Class.java:7)``."""

    name: str
    line: Line
    frames: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """What was logged at once: a message in ``lines``, and the exceptions of its trace.

    ``seconds`` are since 1970, in the time zone of the log, None where it has no time. ``level`` and
    ``logger`` are empty where a line stands for itself, as those do that a JVM prints.
    """

    seconds: float | None
    level: str
    logger: str
    message: str
    lines: list[Line]
    causes: list[Cause] = field(default_factory=list)

    @property
    def head(self) -> Line:
        """Its first line."""
        return self.lines[0]


def read_lines(file: str, chunks: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of a file from its bytes; what is no text in its encoding becomes U+FFFD."""
    decoder: codecs.IncrementalDecoder | None = None
    number, kept = 1, ""
    for chunk in chunks:
        if decoder is None:
            name = next((name for mark, name in _MARKS.items() if chunk.startswith(mark)), "utf-8-sig")
            decoder = codecs.getincrementaldecoder(name)("replace")
        *ended, rest = decoder.decode(chunk).split("\n")
        for text in ended:
            yield Line(file, number, (kept + text).lstrip("\0")[:LONGEST_LINE].rstrip("\r"))
            number, kept = number + 1, ""
        # a file that was emptied while it was written to begins with zeros in place of what was there
        kept = (kept + rest).lstrip("\0")[:LONGEST_LINE]
    if kept:
        yield Line(file, number, kept.rstrip("\r"))


def read_events(lines: Iterable[Line]) -> Iterator[Event]:
    """Yield the events of a file from its lines."""
    event: Event | None = None
    for line in lines:
        outer, text = _unwrapped(line.text)
        head = _head(text, outer)
        if head is None:
            if event is None:
                event = Event(outer, "", "", text, [])
            _continue(event, Line(line.file, line.number, text))
            continue
        if event is not None:
            yield event
        (seconds, level, logger, message), trace = head
        event = Event(seconds, level, logger, message, [Line(line.file, line.number, message)])
        for below in trace[: 4 * MOST_LINES]:  # of a JSON line, all at its number
            _continue(event, Line(line.file, line.number, below[:LONGEST_LINE]))
    if event is not None:
        yield event


def _continue(event: Event, line: Line) -> None:
    """Add a line to the event that it belongs to, a frame of a trace to its exception."""
    if event.causes and (frame := _FRAME.match(line.text)):
        if len(event.causes[-1].frames) < MOST_FRAMES:
            event.causes[-1].frames.append(frame[1])
        return
    if len(event.lines) >= MOST_LINES:
        return
    event.lines.append(line)
    if cause := _CAUSE.match(line.text):
        event.causes.append(Cause(cause[1], line))


def _unwrapped(text: str) -> tuple[float | None, str]:
    """Return a line without what a container's runtime or kubectl put in front, and the time in that."""
    text = text[found.end() :] if text.startswith("[pod/") and (found := _POD.match(text)) else text
    if text.startswith('{"log":'):  # a file of Docker
        entry = _object(text)
        inner = entry.get("log")
        return (_time(entry.get("time")), inner.rstrip("\n")) if isinstance(inner, str) else (None, text)
    if not text[:4].isdecimal():
        return None, text
    wrapped = _WRAPPED.match(text)
    if wrapped is None or "T" not in wrapped[1] or _HEAD.match(text):
        return None, text
    return _seconds(wrapped[1]), text[wrapped.end() :]


Head = tuple[float | None, str, str, str]
"""Time, level, logger and message of the line that an event begins with."""


def _head(text: str, outer: float | None) -> tuple[Head, list[str]] | None:
    """Return what a line says that an event begins with, and its trace where that is in it; else None."""
    if text.startswith("{"):
        return _json_head(text, outer)
    found = _HEAD.match(text)
    if found is None:
        return None
    stamp, level, logger = found.groups()
    rest = text[found.end() :]
    before, dash, message = rest.partition("- ")
    message = message if dash and len(before) < 400 else rest  # what is in front are padding, %x and threads
    return (_seconds(stamp) if stamp else outer, level, logger, message), []


def _json_head(text: str, outer: float | None) -> tuple[Head, list[str]] | None:
    entry = _object(text)
    if isinstance(name := entry.get("taskManager"), str) and isinstance(entry.get("decision"), str):
        return _journal_head(entry, "".join("_" if char.isspace() else char for char in name))
    nested = [(key, value) for key, value in entry.items() if isinstance(value, dict)]
    flat = {**entry, **{f"{key}.{name}": one for key, value in nested for name, one in value.items()}}
    message = _first(flat, _MESSAGES)
    if message is None:
        return None
    seconds = next((time for key in _TIMES if (time := _time(flat.get(key))) is not None), outer)
    trace = next((found for key in _TRACES if (found := _trace(flat.get(key)))), [])
    first, *below = message.split("\n")
    level = (_first(flat, _LEVELS) or "").upper()
    return (seconds, level, _first(flat, _LOGGERS) or "", first), [*below, *trace]


def _journal_head(entry: dict[str, Any], name: str) -> tuple[Head, list[str]]:
    """Return an entry of a supervisor's journal as what it says of its TaskManager.

    Of the last lines of its output those count that say which memory ran out.
    """
    seconds, seen = _time(entry.get("time")), _first(entry, ("seen",)) or ""
    level = "ERROR" if entry["decision"] in _FAILED else "INFO"
    output = entry.get("output")
    lines = [line for line in output if isinstance(line, str)] if isinstance(output, list) else []
    told = [line for line in lines if "OutOfMemoryError" in line] if entry.get("outOfMemory") else []
    if entry.get("outOfMemory") == "container":
        told = [f"{SUPERVISOR} {name} ran out of the memory of its container"]
    return (seconds, level, "planner.supervise", f"{SUPERVISOR} {name} {seen}"), told


def _object(text: str) -> dict[str, Any]:
    """Return the JSON object of a line, an empty one where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _first(entry: dict[str, Any], keys: Iterable[str]) -> str | None:
    return next((entry[key] for key in keys if isinstance(entry.get(key), str)), None)


def _trace(value: Any) -> list[str]:
    """Return the lines of a trace as log4j's layouts have it: text, or an object that names it."""
    if isinstance(value, str):
        return value.split("\n")
    if isinstance(value, dict):
        text = value.get("stacktrace") or value.get("extendedStackTrace") or value.get("stackTrace")
        head = f"{value.get('name', '')}: {value.get('message', '')}"
        return text.split("\n") if isinstance(text, str) else [head] if value.get("name") else []
    return []


def _time(value: Any) -> float | None:
    """Return a time of a JSON line in seconds: text, seconds, milliseconds, or log4j's object."""
    if isinstance(value, str):
        return _seconds(value)
    if isinstance(value, dict):
        seconds, nanos = value.get("epochSecond"), value.get("nanoOfSecond")
        whole = None if isinstance(seconds, dict) else _time(seconds)
        if whole is None or not isinstance(nanos, int) or not 0 <= nanos < 10**9:
            return whole
        return whole + nanos / 1e9
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e14:
        return float(value) / (1000 if value > 1e11 else 1)
    return None


def _seconds(stamp: str) -> float | None:
    """Return the time that a stamp says in seconds since 1970, as UTC where it names no zone."""
    if len(stamp) == _FLINK_STAMP and stamp[-4] == "," and stamp[-3:].isdecimal():
        whole_seconds = _whole(stamp[:-4])
        return None if whole_seconds is None else whole_seconds + int(stamp[-3:]) / 1000
    return _whole(stamp)


@lru_cache(maxsize=64)
def _whole(stamp: str) -> float | None:
    """Return the time of a stamp; many lines have the same second."""
    text = stamp.replace(",", ".")
    whole, dot, rest = text.partition(".")
    if dot:  # Python reads up to six digits of a second
        digits = re.match(r"\d*", rest)
        shown = digits[0] if digits else ""
        text = f"{whole}.{shown[:6].ljust(6, '0')}{rest[len(shown) :]}"
    try:
        found = datetime.fromisoformat(text)
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if FIRST <= seconds < LAST else None  # a zone can lead out of the years there are
