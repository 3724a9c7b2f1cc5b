"""Callbacks of a migration: commands or webhooks of the user, told what happens and when."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from planner.cluster.credentials import NOBODY
from planner.cluster.errors import CallbackFailed
from planner.cluster.transport import Refused, Unanswered, request

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
    if target.startswith(("http://", "https://")):
        _post(target, name, body)
    else:
        _run(target, name, body, seconds)


def _post(url: str, name: str, body: bytes) -> None:
    try:
        request(url, "POST", NOBODY, body)
    except Refused as error:
        raise CallbackFailed(f"callback {name}: the webhook answers {error.status}") from None
    except Unanswered as error:
        raise CallbackFailed(
            f"callback {name}: the webhook does not answer: {str(error)[:LONGEST]}"
        ) from None


def _run(command: str, name: str, body: bytes, seconds: float) -> None:
    """Run a command of the user with the shell, as cron and git hooks do, in a process group of its own."""
    with subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    ) as process:
        try:
            _, errors = process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise CallbackFailed(f"callback {name}: the command does not end within {seconds:g} s") from None
        except BaseException:
            _kill(process)
            raise
    if process.returncode:
        said = errors.decode(errors="replace").strip().splitlines()
        reason = f": {said[-1][:LONGEST]}" if said else ""
        raise CallbackFailed(f"callback {name}: the command ends with {process.returncode}{reason}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
