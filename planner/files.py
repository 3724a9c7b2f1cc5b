"""Reading and writing files, so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
"""A file with none of them is read-only to root as well, whom the system lets write."""


def write_atomically(path: Path, text: str, *, private: bool = False) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never half of it.

    A device or a pipe, which cannot be replaced, is written to. A file that its owner made read-only is
    not replaced, though its folder would allow it. What is ``private`` only its owner may read. Halves of
    characters are replaced, as on stdout.

    Raises:
        OSError: when the folder or the file does not allow it; the old file is then untouched.

    """
    if os.path.exists(path) and not os.path.isfile(path):
        path.write_text(text, encoding="utf-8", errors="replace")
        return
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if target.exists() and not (target.stat().st_mode & _WRITE_BITS and os.access(target, os.W_OK)):
        raise PermissionError(errno.EACCES, "the file is read-only")
    handle, name = tempfile.mkstemp(prefix=".planner-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        if not private:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
            os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def legible(name: str) -> str:
    """Return the name of a file as text; what is not UTF-8 in it becomes U+FFFD."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def real(path: str | Path) -> Path:
    """Return where a path leads, from the root, through all links.

    A path that leads nowhere is returned as far as it leads: whoever opens it is told why it cannot be.
    """
    try:
        return Path(os.path.realpath(path))
    except OSError:  # the current folder was removed
        return Path(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
