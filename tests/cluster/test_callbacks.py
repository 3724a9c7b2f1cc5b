"""Callbacks of a migration: what they are told, and what counts as a failure."""

from __future__ import annotations

import json
import threading
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
    ],
)
def test_failures_say_what_went_wrong(command: str, said: str) -> None:
    with pytest.raises(CallbackFailed, match=f"callback preDeploy: .*{said}"):
        call({"preDeploy": command}, "preDeploy", EVENT, seconds=0.2)


class Hook(BaseHTTPRequestHandler):
    status = 204
    seen: list[bytes] = []

    def do_POST(self) -> None:
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
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
