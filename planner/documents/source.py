"""Text to plain data with positions: JSON, and YAML 1.2 without its 1.1 surprises.

YAML is read from libyaml's event stream instead of PyYAML's constructor, which would turn ``yes``
into true, ``010`` into 8 and ``1:30`` into 90, keep the last of two equal keys, and let an alias
bomb grow without end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from planner.documents.base import Number
from planner.documents.finding import Finding, Path, Position, Severity
from planner.errors import PlannerError

MAX_BYTES = 32 * 2**20
MAX_JSON_VALUES = 3_000_000
MAX_YAML_VALUES = 250_000
MAX_DOCUMENTS = 100
MAX_INDEXED = 4 * 2**20
"""Up to how many characters of JSON the place of a finding is looked up."""
MAX_DEPTH = 64
MAX_ALIASED = 100_000
MAX_DIGITS = 400

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


START = Position()


class DocumentError(PlannerError):
    """A text that cannot be read as a document; ``findings`` says where and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


@dataclass(frozen=True)
class Source:
    """One document of a file as plain data, able to tell where each part of it stands."""

    name: str
    text: str
    data: Any
    index: dict[Path, tuple[Position, Position]] | None = field(default=None, repr=False)

    @cached_property
    def _positions(self) -> dict[Path, tuple[Position, Position]]:
        if self.index is not None:
            return self.index
        return json_index(self.text)[0] if len(self.text) <= MAX_INDEXED else {}

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Return where the value at ``path`` stands (its key with ``key``), or its nearest parent."""
        while path and path not in self._positions:
            path = path[:-1]
            key = False
        spans = self._positions.get(path)
        return spans[0 if key else 1] if spans else Position()


def read_sources(raw: bytes, name: str) -> list[Source]:
    """Return the documents in ``raw``, one for JSON and one or more for YAML.

    Raises:
        DocumentError: when ``raw`` is no text, or neither JSON nor YAML.

    """
    text = _decode(raw, name)
    json_error: DocumentError | None = None
    if text.lstrip()[:1] in ("{", "["):
        try:
            return [Source(name, text, _read_json(name, text))]
        except DocumentError as error:
            if name.endswith(".json") or re.match(r'\s*[\[{]\s*"', text):
                raise
            json_error = error
    if _values(text, ",:\n[{") > MAX_YAML_VALUES:
        raise json_error or _error(
            name,
            "DOC002",
            f"is YAML of more than {MAX_YAML_VALUES:,} values, which takes too long to read",
            "write a document of this size as JSON",
        )
    return [Source(name, text, data, index) for data, index in _read_yaml(name, text)]


def _error(name: str, code: str, message: str, hint: str = "", position: Position = START) -> DocumentError:
    return DocumentError([Finding(code, Severity.ERROR, message, hint, name, position)])


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        raise _error(
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
        raise _error(
            name,
            "DOC001",
            f"is not UTF-8 text (byte 0x{raw[error.start]:02x})",
            "save the document as UTF-8",
            Position(line, column, line, column + 1),
        ) from None
    if "\0" in text:
        at = text.index("\0")
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise _error(
            name,
            "DOC001",
            "is a binary file, not a document",
            "name a YAML or JSON text file",
            Position(line, column, line, column + 1),
        )
    if not text.strip():
        raise _error(
            name,
            "DOC003",
            "is empty",
            "start from a sample: planner schema job, or the samples folder",
        )
    return text


def _values(text: str, separators: str) -> int:
    """Return about how many values a text holds, without reading it."""
    return sum(map(text.count, separators))


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def _reject_constant(text: str) -> Any:
    raise ValueError(text)


def _json_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(text)
    return int(text)


def _read_json(name: str, text: str) -> Any:
    if _values(text, ",[{") > MAX_JSON_VALUES:
        raise _error(
            name,
            "DOC002",
            f"holds more than {MAX_JSON_VALUES:,} values; no document of planner does",
            "is this the right file?",
        )
    if len(text) <= MAX_INDEXED:
        _refuse_depth(name, text)
    try:
        data = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_reject_constant,
            parse_float=Number,
            parse_int=_json_int,
        )
        _refuse_half_characters(name, text, data)
        return data
    except json.JSONDecodeError as error:
        at = Position(error.lineno, error.colno, error.lineno, error.colno + 1)
        raise _error(
            name,
            "DOC004",
            f"is not valid JSON: {error.msg}",
            "check the brackets, commas and quotes just before this place",
            at,
        ) from None
    except RecursionError:
        raise _error(
            name,
            "DOC005",
            f"is nested more than {MAX_DEPTH} levels deep",
            "no document of planner is; is this the right file?",
        ) from None
    except _DuplicateKeyError:
        if len(text) <= MAX_INDEXED:
            raise DocumentError([_twice(name, *found) for found in json_index(text)[1]]) from None
        raise _error(name, "DOC006", "has a key twice", "keep one of them") from None
    except ValueError as error:
        literal = str(error)
        offset = max(text.find(literal), 0)
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        raise _error(
            name,
            "DOC007",
            f"{literal[:20]}{'...' if len(literal) > 20 else ''} is no number that planner can hold",
            "write a plain number",
            Position(line, column, line, column + len(literal)),
        ) from None


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _refuse_depth(name: str, text: str) -> None:
    depth = 0
    for found in _BRACKET.finditer(text):
        word = found.group()
        depth += (word in "[{") - (word in "]}")
        if depth > MAX_DEPTH:
            raise _error(
                name,
                "DOC005",
                f"is nested more than {MAX_DEPTH} levels deep",
                "no document of planner is; is this the right file?",
                _at_offset(text, found.start()),
            )


def _refuse_half_characters(name: str, text: str, data: Any) -> None:
    """Refuse the escape of half a surrogate pair, which is no character and cannot be written anywhere."""
    if re.search(r"\\u[dD][89a-fA-F]", text) is None:
        return
    try:
        json.dumps(data, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        found = re.search(r"\\u[dD][89a-fA-F]", text)
        at = _at_offset(text, found.start() if found else 0)
        raise _error(
            name, "DOC007", "has one half of a surrogate pair", "write the whole character", at
        ) from None


def _at_offset(text: str, offset: int) -> Position:
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return Position(line, column, line, column + 1)


def _twice(name: str, path: Path, at: Position, first: Position) -> Finding:
    message = f"key {str(path[-1])[:60]!r} stands twice, first in line {first.line}"
    return Finding("DOC006", Severity.ERROR, message, "keep one of them", name, at, path)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
Duplicate = tuple[Path, Position, Position]
"""The path of a key that stands twice, where it does so, and where it stood first."""


def json_index(text: str) -> tuple[dict[Path, tuple[Position, Position]], list[Duplicate]]:
    """Return the span of every key and value of a valid JSON text, and the keys that stand twice."""
    index: dict[Path, tuple[Position, Position]] = {}
    duplicates: list[Duplicate] = []
    lines = [0, *(found.end() for found in re.finditer("\n", text))]
    line = 0
    stack: list[tuple[Path, bool]] = []
    path: Path = ()
    key: Position | None = None
    wants_key = False
    for token in _TOKEN.finditer(text):
        start, word = token.start(), token.group()
        while line + 1 < len(lines) and lines[line + 1] <= start:
            line += 1
        column = start - lines[line] + 1
        at = Position(line + 1, column, line + 1, column + len(word))
        if word == ":":
            continue
        if word in ("}", "]"):
            path, _ = stack.pop()
        elif word == ",":
            is_object = stack[-1][1]
            path = (*stack[-1][0],) if is_object else (*path[:-1], int(path[-1]) + 1)
            wants_key = is_object
            continue
        elif wants_key:
            path = (*stack[-1][0], json.loads(word))
            if path in index:
                duplicates.append((path, at, index[path][0]))
            key, wants_key = at, False
            continue
        else:
            index.setdefault(path, (key or at, at))
            key = None
            if word in ("{", "["):
                stack.append((path, word == "{"))
                wants_key = word == "{"
                path = path if word == "{" else (*path, 0)
            continue
        wants_key = False
    return index, duplicates


def _read_yaml(name: str, text: str) -> Iterator[tuple[Any, dict[Path, tuple[Position, Position]]]]:
    loader = yaml.CSafeLoader(text)
    try:
        found, count = False, 0
        while not loader.check_event(yaml.StreamEndEvent):
            if loader.check_event(yaml.DocumentStartEvent):
                count += 1
                if count > MAX_DOCUMENTS:
                    hint = "split the file"
                    raise _error(name, "DOC002", f"holds more than {MAX_DOCUMENTS} documents", hint)
                loader.get_event()
                reader = _YamlReader(name, loader.get_event)
                data = reader.value(loader.get_event(), (), None, 0)
                if reader.duplicates:
                    raise DocumentError(reader.duplicates)
                if data is not None or not found:
                    found = True
                    yield data, reader.index
            else:
                loader.get_event()
        if not found:
            raise _error(
                name,
                "DOC003",
                "has nothing in it but comments",
                "start from a sample: planner schema job, or the samples folder",
            )
    except yaml.MarkedYAMLError as error:
        at = _mark_position(error.problem_mark or error.context_mark, text)
        problem = error.problem or error.context or "cannot be read"
        tab = "\t" in text.splitlines()[at.line - 1]
        hint = (
            "indent YAML with blanks, not tabs"
            if tab
            else "check the indentation, colons and quotes at and before this place"
        )
        raise _error(name, "DOC004", f"is not valid YAML: {problem}", hint, at) from None
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise _error(
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
            raise _error(
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
                raise _error(
                    self._name,
                    "DOC004",
                    "has a key that is no plain text",
                    "write keys as names",
                    at,
                )
            name = event.value
            if name in mapping:
                self.duplicates.append(_twice(self._name, (*path, name), at, self.index[(*path, name)][0]))
                self.value(self._next(), path, at, depth + 1)
                continue
            mapping[name] = self.value(self._next(), (*path, name), at, depth + 1)
        return mapping

    def _alias(self, anchor: str | None, at: Position) -> Any:
        if anchor is None or anchor not in self._anchors:
            raise _error(
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
            raise _error(
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
                raise _error(
                    self._name,
                    "DOC007",
                    f"{text[:20]}... is no number that planner can hold",
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
        return _error(
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
