"""Foreign code within bounds: what planner starts to compile a program, and what that starts in turn.

It has a session of its own, so that Ctrl-C and the terminal are planner's alone, nothing to read on stdin, a
folder of its own for temporary files, and as much output as is kept of it. All of it ends with planner,
however planner ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from planner.errors import TimedOut
from planner.flink.errors import ProgramError

LONGEST_LINE = 2**16
KEPT = 2**16
"""Bytes of what a process prints that are kept: the last ones, which say why it ended."""
LAST_SECONDS = 1.0
"""How long the last words of a process that has ended may be on their way."""
EXIT_SECONDS = 10.0
"""How long the guard may take to end everything before it is ended too."""
_GUARD = """\
"$@" </dev/null &
exec >/dev/null 2>&1
read -r _
kill -s KILL "$!"
wait "$!"
rm -rf -- "$0"
kill -s KILL -- "-$$"
"""
"""The shell that starts a command waits for the end of its own stdin, which planner holds. Then it ends the
command, removes the folder, and ends what is left of the session, itself included."""


class Confined:
    """A process of foreign code, in the hands of the shell that guards it."""

    def __init__(self, guard: subprocess.Popen[bytes]) -> None:
        assert guard.stdout is not None
        assert guard.stderr is not None
        self._guard = guard
        self._answers = guard.stdout
        self._told = Tail(guard.stderr)
        self._expired = False

    def line(self) -> str:
        """Return the next line that it prints, an empty one where it has ended."""
        return self._answers.readline(LONGEST_LINE).decode("utf-8", "replace").rstrip("\n")

    def ignore_the_rest(self) -> None:
        """Let it print as much as it wants."""
        Tail(self._answers)

    def last_words(self) -> str:
        """Return the end of what it has written to stderr."""
        return self._told.text()

    def running(self) -> bool:
        """Tell whether it, or something that it has started, still runs."""
        self._told.join(LAST_SECONDS)
        return self._told.is_alive()

    @contextmanager
    def limited(self, name: str, seconds: float) -> Iterator[None]:
        """End the process if the block takes longer.

        Raises:
            TimedOut: when it was ended, whatever the block makes of that.

        """
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            if not self._expired:
                raise
        finally:
            timer.cancel()
        if self._expired:
            raise TimedOut(
                f"{name} has made no job after {seconds:g} s: it waits for something, does not end, or"
                " needs more time (--time-limit)"
            )

    def _expire(self) -> None:
        self._expired = True
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._guard.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the process and everything that it has started."""
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._guard.wait(EXIT_SECONDS)
        if self._guard.returncode is None or self.running():  # the guard hangs, or was ended by another
            self._kill()
            self._guard.wait()


@contextmanager
def confined(
    command: Callable[[str], Sequence[str]], environment: Callable[[str], Mapping[str, str]] = lambda _: {}
) -> Iterator[Confined]:
    """Run a process until the block ends; ``command`` and ``environment`` are told its folder.

    Raises:
        ProgramError: when it cannot be started.

    """
    try:
        folder = tempfile.mkdtemp(prefix="planner-")
    except OSError as error:
        raise ProgramError(f"there is no room for temporary files: {error.strerror or error}") from None
    try:
        process = Confined(_started(folder, command(folder), environment(folder)))
        try:
            yield process
        except Exception as error:
            if _interrupted(error):
                raise KeyboardInterrupt from None
            raise
        finally:
            process.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: str, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, folder, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": folder, **environment},
            start_new_session=True,
        )
    except OSError as error:  # such as arguments that are too long
        raise ProgramError(f"{command[0]} cannot be started: {error.strerror or error}") from None


def _interrupted(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C led to an error: py4j stumbles over it (0.10.9.9: `GatewayClient.send_command`)."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


class Tail(threading.Thread):
    """Reads a stream to its end in the background and keeps the last of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        """Read until there is no more."""
        with self._stream:
            while chunk := os.read(self._stream.fileno(), KEPT):
                self._kept += chunk
                del self._kept[:-KEPT]

    def text(self) -> str:
        """Return the last that was read, when the stream has ended or soon."""
        self.join(LAST_SECONDS)
        return self._kept.decode("utf-8", "replace").strip()
