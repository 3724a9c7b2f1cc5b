"""Callbacks of a migration: commands or webhooks of the user, told what happens and when."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from planner.cluster.credentials import NOBODY, Credentials, credentials
from planner.cluster.errors import CallbackFailed, NoAnswer
from planner.cluster.transport import Refused, Unanswered, request
from planner.documents.sensitive import masked_line
from planner.flink.confined import Tail

CALLBACKS = (
    "preRequestResource",
    "postRequestResource",
    "preRestart",
    "postRestart",
    "preDeploy",
    "postDeploy",
)
"""The callbacks of a migration, in the order of their calls."""
SECONDS = 30.0
LONGEST = 300
"""Characters of what a callback says that a message repeats."""


def call(callbacks: Mapping[str, str], name: str, event: Mapping[str, Any], seconds: float = SECONDS) -> None:
    """Run the callback of that name, if there is one: an HTTP address gets the event, a command its stdin.

    Raises:
        CallbackFailed: when it does not end with 0, does not answer 2xx, or takes longer than ``seconds``.

    """
    target = callbacks.get(name)
    if target is None:
        return
    body = json.dumps({"event": name, **event}).encode()
    if target.lower().startswith(("http://", "https://")):
        _post(target, name, body)
    else:
        _run(target, name, body, seconds)


def _post(url: str, name: str, body: bytes) -> None:
    try:
        request(*_shown(url), body)
    except Refused as error:
        raise CallbackFailed(f"callback {name}: the webhook answers {error.status}") from None
    except (Unanswered, NoAnswer) as error:
        raise CallbackFailed(
            f"callback {name}: the webhook does not answer: {str(error)[:LONGEST]}"
        ) from None


def _shown(url: str) -> tuple[str, str, Credentials]:
    """Return a webhook without the user and password in its address, and as who it is called."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Unanswered(f"it is no address: {error}") from None
    if parts.username is None:
        return url, "POST", NOBODY
    without = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return without.geturl(), "POST", credentials(parts)


def _run(command: str, name: str, body: bytes, seconds: float) -> None:
    """Run a command of the user with the shell, as cron and git hooks do, in a process group of its own.

    It has ended when it ends, whatever it leaves running, and of what it says only the end is kept.
    """
    with tempfile.TemporaryFile() as event:
        event.write(body)
        event.seek(0)
        try:
            process = subprocess.Popen(
                command,
                shell=True,
                stdin=event,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except (OSError, ValueError) as error:  # such as one that is too long
            reason = getattr(error, "strerror", None) or error
            raise CallbackFailed(f"callback {name}: the command cannot be started: {reason}") from None
    assert process.stderr is not None
    errors = Tail(process.stderr)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise CallbackFailed(f"callback {name}: the command does not end within {seconds:g} s") from None
    except BaseException:
        _kill(process)
        raise
    if process.returncode:
        said = errors.text().splitlines()
        reason = f": {masked_line(said[-1])[:LONGEST]}" if said else ""
        raise CallbackFailed(f"callback {name}: the command ends with {process.returncode}{reason}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
