"""YAML 1.2 to plain data with positions, without the surprises of YAML 1.1.

YAML is read from libyaml's event stream instead of PyYAML's constructor, which would turn ``yes``
into true, ``010`` into 8 and ``1:30`` into 90, keep the last of two equal keys, and let an alias
bomb grow without end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from planner.documents.base import Number
from planner.documents.errors import MAX_DEPTH, MAX_DIGITS, START, DocumentError, document_error, key_twice
from planner.documents.finding import Finding, Path, Position

MAX_DOCUMENTS = 100
MAX_ALIASED = 100_000
_INT = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG = "tag:yaml.org,2002:"


def read_yaml(name: str, text: str) -> Iterator[tuple[Any, dict[Path, tuple[Position, Position]]]]:
    """Yield the data of every document of a YAML text, with the span of every key and value.

    Raises:
        DocumentError: when it is not valid.

    """
    loader = yaml.CSafeLoader(text)
    try:
        found, count = False, 0
        empty: tuple[Any, dict[Path, tuple[Position, Position]]] | None = None
        while not loader.check_event(yaml.StreamEndEvent):
            if loader.check_event(yaml.DocumentStartEvent):
                count += 1
                if count > MAX_DOCUMENTS:
                    hint = "split the file"
                    raise document_error(name, "DOC002", f"holds more than {MAX_DOCUMENTS} documents", hint)
                loader.get_event()
                reader = _YamlReader(name, loader.get_event)
                data = reader.value(loader.get_event(), (), None, 0)
                if reader.duplicates:
                    raise DocumentError(reader.duplicates)
                if data is not None:
                    found = True
                    yield data, reader.index
                elif empty is None:
                    empty = (data, reader.index)
            else:
                loader.get_event()
        if not found and empty is not None:
            yield empty
        elif not found:
            raise document_error(
                name,
                "DOC003",
                "has nothing in it but comments",
                "start from a sample: planner schema job, or the samples folder",
            )
    except yaml.MarkedYAMLError as error:
        at = _mark_position(error.problem_mark or error.context_mark, text)
        problem = error.problem or error.context or "cannot be read"
        line = text.splitlines()[at.line - 1]
        hint = "check the indentation, colons and quotes at and before this place"
        if "\t" in line:
            hint = "indent YAML with blanks, not tabs"
        elif "{{" in line:
            hint = "a template with {{ }} has to be rendered first, for example by helm template"
        raise document_error(name, "DOC004", f"is not valid YAML: {problem}", hint, at) from None
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise document_error(
            name,
            "DOC004",
            f"is not valid YAML: {problem}",
            "look for control characters in the text",
        ) from None
    finally:
        loader.dispose()


def _mark_position(mark: Any, text: str) -> Position:
    """Return where an error is; one behind the end of the text is at its end."""
    if mark is None:
        return START
    lines = text.splitlines() or [""]
    line, column = (mark.line, mark.column) if mark.line < len(lines) else (len(lines) - 1, len(lines[-1]))
    return Position(line + 1, column + 1, line + 1, column + 2)


class _YamlReader:
    """Builds one document from events, with the span of every key and value."""

    def __init__(self, name: str, next_event: Callable[[], Any]) -> None:
        self._name = name
        self._next = next_event
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._count = 0
        self.duplicates: list[Finding] = []
        self.index: dict[Path, tuple[Position, Position]] = {}

    def value(self, event: Any, path: Path, key: Position | None, depth: int) -> Any:
        """Return what ``event`` begins, and note its span and that of its ``key``."""
        start = self._count
        at = _span(event)
        if depth > MAX_DEPTH:
            raise document_error(
                self._name,
                "DOC005",
                f"is nested more than {MAX_DEPTH} levels deep",
                "no document of planner is; is this the right file?",
                at,
            )
        self._count += 1
        self.index[path] = (key or at, at)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, at)
        if isinstance(event, yaml.ScalarEvent):
            value: Any = self._scalar(event, at)
        elif event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise self._unknown_tag(event.tag, at)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path, depth)
        else:
            value = self._mapping(path, depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._count - start)
        return value

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items)), None, depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = _span(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise document_error(
                    self._name,
                    "DOC004",
                    "has a key that is not plain text",
                    "write keys as names; a template with {{ }} has to be rendered first",
                    at,
                )
            name = event.value
            if name in mapping:
                self.duplicates.append(key_twice(self._name, (*path, name), at, self.index[(*path, name)][0]))
                self.value(self._next(), path, at, depth + 1)
                continue
            mapping[name] = self.value(self._next(), (*path, name), at, depth + 1)
        return mapping

    def _alias(self, anchor: str | None, at: Position) -> Any:
        if anchor is None or anchor not in self._anchors:
            raise document_error(
                self._name,
                "DOC004",
                f"uses the alias *{anchor} before its anchor &{anchor} is complete",
                "write the anchor first",
                at,
            )
        value, size = self._anchors[anchor]
        self._aliased += size
        self._count += size
        if self._aliased > MAX_ALIASED:
            raise document_error(
                self._name,
                "DOC005",
                f"grows to more than {MAX_ALIASED} values through its aliases",
                "write the repeated parts out",
                at,
            )
        return value

    def _scalar(self, event: Any, at: Position) -> Any:
        text: str = event.value
        if event.tag not in (None, "!"):
            return self._tagged(event.tag, text, at)
        if not event.implicit[0]:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.fullmatch(text):
            if len(text) > MAX_DIGITS:
                raise document_error(
                    self._name,
                    "DOC007",
                    f"{text[:20]}... is not a number that planner can hold",
                    "write a plain number",
                    at,
                )
            return int(text)
        if _FLOAT.fullmatch(text):
            return Number(text)
        if _RADIX.fullmatch(text):
            return int(text[2:], 8 if text[1] == "o" else 16) if len(text) <= MAX_DIGITS else text
        if _SPECIAL.fullmatch(text):
            return float(text.replace(".", ""))
        return text

    def _tagged(self, tag: str, text: str, at: Position) -> Any:
        if tag == _TAG + "str":
            return text
        raise self._unknown_tag(tag, at)

    def _unknown_tag(self, tag: str, at: Position) -> DocumentError:
        return document_error(
            self._name,
            "DOC004",
            f"has the tag {tag.replace(_TAG, '!!')[:60]}, which planner does not read",
            "write the value plainly, in quotes if it is text",
            at,
        )


def _span(event: Any) -> Position:
    """Return where an event stands; what has no text of its own is one character wide."""
    start, end = event.start_mark, event.end_mark
    if (start.line, start.column) == (end.line, end.column):
        return Position(start.line + 1, start.column + 1, start.line + 1, start.column + 2)
    return Position(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
