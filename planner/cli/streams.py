"""stdout and stderr as planner writes them: all of it or an error, whatever is at their other end."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO, cast

from planner.documents.sensitive import masked_user_info
from planner.report.printable import printable_lines


class Stream(io.TextIOBase):
    """A standard stream by its descriptor, None where it was closed when planner began.

    It writes until all is written, also to a pipe that does not block, and keeps nothing back. So it does
    not matter how Python buffers (``PYTHONUNBUFFERED``), and nothing is left that could fail when the process
    ends. ``lost`` is called where something cannot be written; ``mask`` changes text before it is written.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(
        self,
        descriptor: int | None,
        lost: Callable[[OSError], None],
        mask: Callable[[str], str] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._lost = lost
        self._mask = mask

    def fileno(self) -> int:
        """Return the descriptor."""
        if self._descriptor is None:
            raise OSError(errno.EBADF, "it is closed")
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether a person looks at it."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def write(self, text: str) -> int:
        """Write all of ``text``."""
        data = (text if self._mask is None else self._mask(text)).encode(self.encoding, self.errors)
        try:
            if data:
                _write(self.fileno(), data)
        except OSError as error:
            self._lost(error)
        return len(text)

    def exact(self) -> Stream:
        """Return this stream without its mask."""
        return Stream(self._descriptor, self._lost)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # a pipe that does not block is full
            select.select([], [descriptor], [])


def own_streams(data_lost: Callable[[OSError], NoReturn]) -> None:
    """Let everything that this process prints go through streams that write all of it.

    Where data cannot be written, ``data_lost`` ends the verb; messages that cannot be change nothing.
    """
    out, err = (None if stream is None else number for number, stream in ((1, sys.stdout), (2, sys.stderr)))
    _occupy()
    sys.stdout = cast("TextIO", Stream(out, data_lost))
    sys.stderr = cast("TextIO", Stream(err, lambda _: None, for_people))


def for_people(text: str) -> str:
    """Return text without what a terminal obeys, and without the passwords of URLs, as in a usage error."""
    return masked_user_info(printable_lines(text))


def _occupy() -> None:
    """Put the null device where a standard stream is closed.

    Its descriptor would be that of the next file that is opened, into which started processes then print.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def exact(stream: TextIO) -> TextIO:
    """Return a stream for what a terminal obeys, such as colours; foreign text in it has to be masked."""
    return cast("TextIO", stream.exact()) if isinstance(stream, Stream) else stream
