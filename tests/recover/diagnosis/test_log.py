"""Lines to events, in every layout, whatever is in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.recover.diagnosis.log import LONGEST_LINE, MOST_LINES, Event, read_events, read_lines

HEAD = "2026-03-02 03:40:12,904 WARN  org.apache.flink.runtime.taskmanager.Task  [] - map (1/2) failed:"
TRACE = [
    "java.lang.IllegalStateException: no price",
    "\tat com.example.Price.map(Price.java:17) ~[?:?]",
    "Caused by: java.io.IOException: closed",
    "\tat java.base/java.io.Reader.read(Reader.java:9)",
]
SECONDS = 1772422812.904


def events(text: str | bytes, size: int = 7) -> list[Event]:
    raw = text if isinstance(text, bytes) else text.encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    return list(read_events(read_lines("a.log", pieces)))


def wrapped(before: str) -> str:
    return "".join(f"{before}{line}\n" for line in [HEAD, *TRACE])


def ecs() -> str:
    return json.dumps(
        {
            "@timestamp": "2026-03-02T03:40:12.904Z",
            "log.level": "WARN",
            "message": "map (1/2) failed:",
            "log.logger": "org.apache.flink.runtime.taskmanager.Task",
            "error.stack_trace": "\n".join(TRACE),
        }
    )


def json_layout() -> str:
    return json.dumps(
        {
            "instant": {"epochSecond": 1772422812, "nanoOfSecond": 904000000},
            "level": "WARN",
            "loggerName": "org.apache.flink.runtime.taskmanager.Task",
            "message": "map (1/2) failed:",
            "thrown": {"name": "java.lang.IllegalStateException", "extendedStackTrace": "\n".join(TRACE)},
        }
    )


def docker() -> str:
    lines = [
        {"log": f"{line}\n", "stream": "stdout", "time": "2026-03-02T03:40:12.9Z"} for line in [HEAD, *TRACE]
    ]
    return "\n".join(map(json.dumps, lines))


LAYOUTS = {
    "flink": wrapped(""),
    "planner": wrapped("").replace("  [] - ", " - "),
    "thread": wrapped("").replace("WARN  org", "[flink-pekko.actor-5] WARN org"),
    "windows": wrapped("").replace("\n", "\r\n"),
    "utf-16": wrapped("").encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + wrapped("").encode(),
    "kubectl": wrapped("2026-03-02T03:40:13.101932818Z "),
    "prefix": wrapped("[pod/orders-1/main] 2026-03-02T03:40:13.101932818+00:00 "),
    "node": wrapped("2026-03-02T03:40:13.101932818Z stdout F "),
    "docker": docker(),
    "ecs": ecs(),
    "JsonLayout": json_layout(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    (event,) = events(LAYOUTS[layout])
    assert event.seconds == pytest.approx(SECONDS)
    assert (event.level, event.logger) == ("WARN", "org.apache.flink.runtime.taskmanager.Task")
    assert event.message == "map (1/2) failed:"
    assert [cause.name for cause in event.causes] == [
        "java.lang.IllegalStateException",
        "java.io.IOException",
    ]
    assert event.causes[0].frames == ["com.example.Price.map(Price.java:17)"]
    assert event.causes[0].line.number == (
        2 if "{" not in str(LAYOUTS[layout])[:1] or layout == "docker" else 1
    )
    assert event.causes[1].line.text == TRACE[2]


def test_lines_without_a_time() -> None:
    found = events("WARN  org.apache.flink.A - one\nERROR org.apache.flink.B - two\n  more\n")
    assert [(event.seconds, event.level, event.message) for event in found] == [
        (None, "WARN", "one"),
        (None, "ERROR", "two"),
    ]
    assert [line.number for line in found[1].lines] == [2, 3]


def test_what_stands_before_the_first_event_is_one() -> None:
    (first, second) = events("java.lang.OutOfMemoryError: Java heap space\n" + HEAD)
    assert (first.level, first.causes[0].name) == ("", "java.lang.OutOfMemoryError")
    assert second.level == "WARN"


def test_the_time_of_kubectl_counts_where_the_log_has_none() -> None:
    (event,) = events("2026-03-02T03:40:12.904Z WARN  org.apache.flink.A - one")
    assert event.seconds == pytest.approx(SECONDS)


def test_zones() -> None:
    (east, utc) = events(
        '{"@timestamp": "2026-03-02T05:40:12.904+0200", "message": "a"}\n'
        '{"@timestamp": "2026-03-02T03:40:12.904Z", "message": "a"}'
    )
    assert east.seconds == utc.seconds


@pytest.mark.parametrize(
    "text",
    [
        '{"instant": {"epochSecond": 1, "nanoOfSecond": 1%s}, "message": "a"}' % ("0" * 400),
        '{"instant": {"epochSecond": 1, "nanoOfSecond": 1%s}, "message": "a"}' % ("0" * 30),
        '{"instant": ' + '{"epochSecond":' * 300 + "1" + "}" * 300 + ', "message": "a"}',
        '{"timeMillis": 1e13, "message": "a"}',
        '{"timestamp": NaN, "message": "a"}',
        "9999-12-31T23:59:59-23:59 ERROR a.b - c",
        "9999-12-31 23:59:59,999999999 ERROR a.b - c",
        "0001-01-01T00:00:00+23:59 ERROR a.b - c",
    ],
)
def test_every_time_can_be_told(text: str) -> None:
    (event,) = events(text)
    if event.seconds is not None:
        datetime.fromtimestamp(event.seconds, UTC)


def test_zeros_in_place_of_what_was_there_before() -> None:
    """So a log begins that was emptied by another process while Flink wrote to it."""
    (event,) = events(b"\0" * (3 * LONGEST_LINE) + HEAD.encode(), 10_000)
    assert event.seconds == pytest.approx(SECONDS)
    (event,) = events(b"\0" * 100 + HEAD.encode() + b"\nx\n")
    assert event.seconds == pytest.approx(SECONDS)


def test_a_log_of_any_length_takes_little_memory() -> None:
    def endless() -> object:
        yield HEAD.encode() + b"\n"
        for _ in range(5_000):
            yield b"Caused by: a.B: x\n"
        for _ in range(200):
            yield b"x" * 100_000

    (event,) = read_events(read_lines("a.log", endless()))  # type: ignore[arg-type]
    assert len(event.lines) == MOST_LINES
    (line,) = read_lines("a.log", [b"y" * LONGEST_LINE, b"y" * LONGEST_LINE])
    assert len(line.text) == LONGEST_LINE


@given(st.binary(max_size=400), st.integers(1, 50))
def test_anything_is_read(raw: bytes, size: int) -> None:
    for event in events(raw, size):
        assert event.lines


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        "{" * 60_000,
        " " * 60_000,
        "2026-01-01 " + "[a] " * 15_000,
        "a." * 30_000,
        "\tat " + "a/" * 30_000,
    ],
)
def test_no_line_takes_long(text: str) -> None:
    import time

    begun = time.monotonic()
    events(f"{text}\n{HEAD}\n{text}\n", 1 << 20)
    assert time.monotonic() - begun < 1
