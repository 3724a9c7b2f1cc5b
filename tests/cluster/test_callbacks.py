"""Callbacks of a migration: what they are told, and what counts as a failure."""

from __future__ import annotations

import base64
import json
import threading
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from planner.cluster.callbacks import call
from planner.cluster.errors import CallbackFailed

EVENT = {"migration": "m", "started": ["a~1"], "error": None}


def test_a_command_gets_the_event_on_its_stdin(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    call({"preRestart": f"cat > '{file}'"}, "preRestart", EVENT)
    assert json.loads(file.read_text()) == {"event": "preRestart", **EVENT}


def test_without_a_callback_nothing_happens() -> None:
    call({"preRestart": "exit 1"}, "postRestart", EVENT)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo first >&2; echo not now >&2; exit 3", "ends with 3: not now"),
        ("exit 1", "ends with 1"),
        ("sleep 60 & sleep 60", "does not end within 0.2 s"),
        ("http://127.0.0.1:1/hook", "does not answer"),
        ("HTTP://me:hunter2@127.0.0.1:1/hook", "the webhook does not answer: .*refused"),
        ("http://me:hunter2@localhost:x/hook", "the webhook does not answer"),
        ("http://[::1/hook", "the webhook does not answer: it is no address"),
        ("http://127.0.0.1:1/\nX: y", "the webhook does not answer"),
        ("echo 'cannot open jdbc://me:hunter2@h: password=hunter2' >&2; exit 1", r"ends with 1: .*\*{6}"),
        ("true " + "x" * 200_000, "cannot be started: Argument list too long"),
        ("true \0", "cannot be started: embedded null byte"),
        ("kill -STOP $$", "does not end within"),
    ],
)
def test_failures_say_what_went_wrong(command: str, said: str) -> None:
    with pytest.raises(CallbackFailed, match=f"callback preDeploy: .*{said}") as raised:
        call({"preDeploy": command}, "preDeploy", EVENT, seconds=0.2)
    assert "hunter2" not in str(raised.value)


def test_a_command_that_leaves_something_running_has_ended() -> None:
    call({"preDeploy": "sleep 3 & exit 0"}, "preDeploy", EVENT, seconds=2.5)


def test_what_a_command_prints_without_end_is_not_kept() -> None:
    tracemalloc.start()
    with pytest.raises(CallbackFailed, match="does not end"):
        call({"preDeploy": "yes >&2"}, "preDeploy", EVENT, seconds=0.3)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


def test_a_webhook_with_a_password(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hook, "headers_seen", [])
    call({"preRestart": hook.replace("://", "://me:hunter%32@")}, "preRestart", EVENT)
    assert Hook.headers_seen == ["Basic " + base64.b64encode(b"me:hunter2").decode()]


class Hook(BaseHTTPRequestHandler):
    status = 204
    seen: list[bytes] = []
    headers_seen: list[str | None] = []

    def do_POST(self) -> None:
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.headers_seen.append(self.headers["Authorization"])
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_event_as_its_body(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hook, "seen", [])
    call({"preRestart": hook}, "preRestart", EVENT)
    assert [json.loads(body) for body in Hook.seen] == [{"event": "preRestart", **EVENT}]
    monkeypatch.setattr(Hook, "status", 503)
    with pytest.raises(CallbackFailed, match="the webhook answers 503"):
        call({"preRestart": hook}, "preRestart", EVENT)
