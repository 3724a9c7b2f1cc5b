"""Text to plain data with positions: JSON, or one or more YAML documents."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from planner.documents.errors import DocumentError, document_error
from planner.documents.finding import Finding, Path, Position
from planner.documents.json_positions import json_index
from planner.documents.json_reader import MAX_INDEXED, about_values, read_json
from planner.documents.yaml_reader import read_yaml

MAX_BYTES = 32 * 2**20
MAX_YAML_VALUES = 250_000
"""YAML is read a hundred times slower than JSON."""
Index = dict[Path, tuple[Position, Position]]
"""Where the key and the value at every path of a text stand."""


@dataclass(frozen=True)
class Source:
    """One document of a file as plain data, able to tell where each part of it stands.

    It may be a part of what the file holds, at ``root``; paths within it then begin there. Where the part is
    a text of its own within the file, ``inner`` has the places in that.
    """

    name: str
    text: str
    data: Any
    index: Index | None = field(default=None, repr=False)
    root: Path = ()
    inner: Index = field(default_factory=dict, repr=False)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return self.text.splitlines()

    @cached_property
    def _positions(self) -> Index:
        if self.index is not None:
            return self.index
        return json_index(self.text)[0] if len(self.text) <= MAX_INDEXED else {}

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Return where the value at ``path`` stands (its key with ``key``), or its nearest parent."""
        path = self.absolute(path)
        while path and path not in self.inner and path not in self._positions:
            path = path[:-1]
            key = False
        spans = self.inner.get(path) or self._positions.get(path)
        return spans[0 if key else 1] if spans else Position()

    def placed(self, finding: Finding, *, key: bool = False) -> Finding:
        """Return a finding of this document, its path within it, as one of the file."""
        fix = None if self.inner else finding.fix  # within a text there, nothing can be edited
        position, path = self.position(finding.path, key=key), self.absolute(finding.path)
        return replace(finding, file=self.name, position=position, path=path, fix=fix)

    def written(self, path: Path) -> str | None:
        """Return how a value of one line at ``path`` is written, None where it is not written there."""
        spans = self._positions.get(self.absolute(path))
        if spans is None or self.inner or spans[1].line != spans[1].end_line:
            return None
        at = spans[1]
        lines = self.text.split("\n")  # other ends of lines are none in JSON
        return lines[at.line - 1][at.column - 1 : at.end_column - 1] if at.line <= len(lines) else None

    def absolute(self, path: Path) -> Path:
        """Return the path in the file of what is at ``path`` in this document."""
        return (*self.root, *path)

    def part(self, path: Path, data: Any, inner: Index | None = None) -> Source:
        """Return the document ``data`` that is at ``path`` in this one; ``inner`` has places in its text."""
        known = self.inner if inner is None else inner
        return replace(self, data=data, index=self._positions, root=self.absolute(path), inner=known)


def read_sources(raw: bytes, name: str) -> list[Source]:
    """Return the documents in ``raw``, one for JSON and one or more for YAML.

    Raises:
        DocumentError: when ``raw`` is not text, or neither JSON nor YAML.

    """
    text = decode(raw, name)
    json_error: DocumentError | None = None
    if text.lstrip()[:1] in ("{", "["):
        try:
            return [Source(name, text, read_json(name, text))]
        except DocumentError as error:
            if name.endswith(".json") or re.match(r'\s*[\[{]\s*"', text):
                raise
            json_error = error
    if about_values(text, ",:\n[{") > MAX_YAML_VALUES:
        raise json_error or document_error(
            name,
            "DOC002",
            f"is YAML of more than {MAX_YAML_VALUES:,} values, which takes too long to read",
            "write a document of this size as JSON",
        )
    return [Source(name, text, data, index) for data, index in read_yaml(name, text)]


def decode(raw: bytes, name: str) -> str:
    """Return the text of a file.

    Raises:
        DocumentError: when it is too large, not UTF-8 text, or empty.

    """
    if len(raw) > MAX_BYTES:
        raise document_error(
            name,
            "DOC002",
            f"has {len(raw) >> 20} MiB; planner reads documents of up to {MAX_BYTES >> 20} MiB",
            "is this the right file?",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise document_error(
            name,
            "DOC001",
            f"is not UTF-8 text (byte 0x{raw[error.start]:02x})",
            "save the document as UTF-8",
            Position(line, column, line, column + 1),
        ) from None
    if "\0" in text:
        at = text.index("\0")
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise document_error(
            name,
            "DOC001",
            "is a binary file, not a document",
            "name a YAML or JSON text file",
            Position(line, column, line, column + 1),
        )
    if not text.strip():
        raise document_error(
            name,
            "DOC003",
            "is empty",
            "start from a sample: planner schema job, or the samples folder",
        )
    return text
