"""The terminal: messages on stderr, what is being done, and Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from planner.cli.streams import exact
from planner.documents.sensitive import masked_user_info
from planner.report.printable import plain

LONGEST = 1000
"""Characters of a line on stderr; names and numbers of a document can be megabytes."""


def say(text: str) -> None:
    """Print a summary or a problem for people, to stderr: no control characters, no endless line, no passwords."""
    lines = masked_user_info(text).removesuffix("\n").split("\n")
    sys.stderr.write("".join(plain(line, LONGEST) + "\n" for line in lines))


def wants_color(stream_is_terminal: bool) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR is set."""
    return stream_is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def progress(description: str) -> contextlib.AbstractContextManager[Callable[[str], None]]:
    """Return a spinner on stderr that shows what is being done, nothing where nobody watches."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext(lambda _: None)
    return _spinner(description)


@contextlib.contextmanager
def _spinner(description: str) -> Iterator[Callable[[str], None]]:
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    from planner.report.screen import Screen

    screen = Screen(exact(sys.stderr), no_color=not wants_color(True))
    spinner = Spinner("dots", Text(plain(description)), style="status.spinner")
    # stdout stays what it is: data goes there
    with Live(spinner, console=screen, transient=True, refresh_per_second=12.5, redirect_stdout=False):
        yield lambda what: spinner.update(text=Text(plain(what)))


_begun: float | None = None


def begin(moment: float) -> None:
    """Note when this process began, which time limits count from."""
    global _begun
    _begun = moment


def begun() -> float:
    """Return when the process began (`time.monotonic`), or now where the command line is called in another."""
    return time.monotonic() if _begun is None else _begun


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C was pressed; pressed again, it ends the process.

    The signal is read from a pipe, so that it is seen while a solver's code runs as well.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    seen = False

    def pressed() -> bool:
        nonlocal seen
        with contextlib.suppress(BlockingIOError):
            seen = seen or bool(os.read(read, 1))
        return seen

    def handler(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, handler)
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield pressed
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
        os.close(read)
        os.close(write)
