"""Reading and writing files, so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
"""A file with none of them is read-only to root as well, whom the system lets write."""

_LISTING = ".planner-export"
"""The file in a folder that names all files that planner has written there."""


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
            there = target.stat() if target.exists() else None
            if there is not None and (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(OSError):  # only root gives files away
                    os.chown(name, there.st_uid, there.st_gid)
            os.chmod(name, 0o666 & ~_umask() if there is None else there.st_mode & 0o7777)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def legible(name: str) -> str:
    """Return the name of a file as text; what is not UTF-8 in it becomes U+FFFD."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write ``files``, by names relative to ``folder``, so that it never holds a part of them.

    A folder that was written so before is replaced as a whole; one that holds anything else is left alone.
    Files whose names end with ``.sh`` can be executed.

    Raises:
        OSError: when the folder holds what planner has not written, or cannot be written; it is untouched.

    """
    target = Path(os.path.realpath(folder))
    if target.exists() and (foreign := _foreign(target)) is not None:
        what = f"it holds {foreign}, which planner has not written; name another folder"
        raise FileExistsError(errno.EEXIST, what)
    new = Path(tempfile.mkdtemp(prefix=".planner-", dir=target.parent))
    try:
        listing = "".join(f"{name}\n" for name in sorted(files))
        for name, text in {**files, _LISTING: listing}.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if path.suffix == ".sh":
                path.chmod(0o777 & ~_umask())
        new.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o777 & ~_umask())
        _replace(target, new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _replace(target: Path, new: Path) -> None:
    """Put a folder in the place of another one, or where there is none."""
    if not target.exists():
        new.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=".planner-", dir=target.parent))
    try:
        target.replace(old)
    except BaseException:
        old.rmdir()
        raise
    try:
        new.rename(target)
    except BaseException:
        old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _foreign(folder: Path) -> str | None:
    """Return a file in a folder that `write_folder` has not written, None where there is none."""
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is a file; name a folder")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        listing = folder / _LISTING
        written = {_LISTING, *listing.read_text(encoding="utf-8").splitlines()}
        found = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
        return next((name for path in found if (name := str(path.relative_to(folder))) not in written), None)
    return next((path.name for path in sorted(folder.iterdir())), None)


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
