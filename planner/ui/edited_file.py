"""A file that a screen edits: what it is, what it was, and written only over what the edits began with."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from planner.documents.source import MAX_BYTES, decode
from planner.errors import PlannerError
from planner.files import legible, write_atomically
from planner.report.patch import patch

KEPT = 20
"""How many states of a file are kept; the ones that were asked for least lately go."""
_MARK = "\ufeff"


class Refused(PlannerError):
    """What was asked for cannot be done now; the message says why."""


class Changed(PlannerError):
    """The file is not what the edits began with: its ``digest`` now, and what differs where that is known."""

    def __init__(self, digest: str, patch: str) -> None:
        super().__init__("the file was changed by somebody else meanwhile")
        self.digest = digest
        self.patch = patch


class EditedFile:
    """A file with the states that it was seen in, by the digests of their bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = legible(path.name)
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}

    def read(self) -> tuple[str, str]:
        """Return the text of the file and its digest.

        Raises:
            Refused: when it cannot be read.
            DocumentError: when it is not text.

        """
        try:
            with self.path.open("rb") as opened:
                raw = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise Refused(f"{self.name} cannot be read: {_reason(error)}") from None
        text = decode(raw, self.name)
        digest = hashlib.sha256(raw).hexdigest()
        with self._lock:
            self._texts.pop(digest, None)
            self._texts[digest] = raw.decode()
            while len(self._texts) > KEPT:
                del self._texts[next(iter(self._texts))]
        return text, digest

    def as_it_was(self, digest: str) -> str | None:
        """Return the text that the file had, None where that is not known any more."""
        with self._lock:
            known = self._texts.pop(digest, None)
            if known is not None:
                self._texts[digest] = known
        return None if known is None else known.removeprefix(_MARK)

    def since(self, digest: str) -> Changed:
        """Return what the file is now, and what differs from what it was."""
        before = self.as_it_was(digest)
        text, now = self.read()
        return Changed(now, "" if before is None else patch(before, text, self.name))

    def write(self, text: str, base: str) -> str:
        """Write the file, which still has to have the digest ``base``, and return its new digest.

        Raises:
            Changed: when it is another one now; it is left alone.
            Refused: when it cannot be written.

        """
        _, now = self.read()
        if now != base:
            raise self.since(base)
        with self._lock:
            mark = _MARK if self._texts[base].startswith(_MARK) else ""
        replace(self.path, mark + text)
        return self.read()[1]


def replace(path: Path, text: str) -> None:
    """Write a file in one step.

    Raises:
        Refused: when it cannot be written.

    """
    try:
        write_atomically(path, text)
    except OSError as error:
        reason = f"{legible(path.name)} cannot be written: {_reason(error)}; nothing of it was changed"
        raise Refused(reason) from None


def digest_of(path: Path | None) -> str | None:
    """Return the digest of a file, None where it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
