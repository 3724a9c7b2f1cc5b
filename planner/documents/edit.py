"""Values put into the text of a document, everything else left as it was written: comments, order, layout.

An edit is made where the text is, and then judged by reading the whole file again: it holds only where the
data is what it was with the new values, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from planner.documents.errors import DocumentError
from planner.documents.finding import Path
from planner.documents.source import Source, read_sources

_PLAIN = re.compile(r"[A-Za-z0-9_/][\w./%-]*(?: [\w./%-]+)*")
"""What YAML takes for text without quotes, unless it takes it for something else than text."""
_TYPED = re.compile(r"[\d.eExo_+-]+|true|false|null|yes|no|on|off", re.IGNORECASE)


def edited(source: Source, values: Mapping[Path, str]) -> str | None:
    """Return the text of a file in which a document has ``values``, None where that cannot be done in place.

    A path leads to a text, or to where none is yet: mappings on the way to it are made.
    """
    text, found = source.text, _read(source.text, source.name)
    place = next((n for n, one in enumerate(found) if len(found) == 1 or one.index == source.index), None)
    if place is None or source.inner:
        return None
    wanted = [one.data for one in found]
    for path, value in values.items():
        changed = _one(found[place], source.absolute(path), value)
        if changed is None:
            return None
        text, found = changed, _read(changed, source.name)
        wanted[place] = _put(wanted[place], source.absolute(path), value)
        if [one.data for one in found] != wanted:
            return None
    return text


def _read(text: str, name: str) -> list[Source]:
    try:
        return read_sources(text.encode(), name)
    except DocumentError:
        return []


def _put(data: Any, path: Path, value: str) -> Any:
    """Return data with a value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(data, list) and isinstance(first, int):
        return [_put(one, tuple(rest), value) if place == first else one for place, one in enumerate(data)]
    known = data if isinstance(data, dict) else {}
    return {**known, first: _put(known.get(first), tuple(rest), value)}


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _one(source: Source, path: Path, value: str) -> str | None:
    """Return the text with one value more, or with another one."""
    is_json = source.text.lstrip()[:1] == "{" and source.index is None
    known = path
    while known and _at(source.data, known) is None:
        known = known[:-1]
    there = _at(source.data, known)
    text = source.text
    if known == path:
        at = source.position(path)
        start, end = _offset(text, at.line, at.column), _offset(text, at.end_line, at.end_column)
        if isinstance(there, dict | list) or at.line != at.end_line or end <= start:
            return None
        return text[:start] + _spelled(value, is_json) + text[end:]
    missing = path[len(known) :]
    if not isinstance(there, dict) or not all(isinstance(part, str) for part in missing):
        return None
    at = source.position(known)
    start = _offset(text, at.line, at.column)
    if text[start : start + 1] == "{":
        return _in_braces(text, start, missing, value, is_json, bool(there))
    return None if is_json else _in_block(source, known, there, missing, value)


def _in_braces(text: str, start: int, missing: Path, value: str, is_json: bool, filled: bool) -> str:
    """Return the text with an entry at the beginning of a mapping in braces."""
    key, *others = missing
    inside = _spelled(value, is_json)
    for other in reversed(others):
        inside = "{" + f"{_spelled(str(other), is_json)}: {inside}" + "}"
    indent = re.match(r"\{(\s*)", text[start:])
    lead = indent[1] if indent and filled else ""
    entry = f"{_spelled(str(key), is_json)}: {inside}" + (("," if "\n" in lead else ", ") if filled else "")
    before = lead if "\n" in lead else ""
    return text[: start + 1] + before + entry + text[start + 1 :]


def _in_block(source: Source, known: Path, there: Mapping[str, Any], missing: Path, value: str) -> str | None:
    """Return the text with lines more in a mapping of indented lines: behind its last value of one line."""
    text = source.text
    keys = [(name, source.position((*known, name), key=True)) for name in there]
    lines = text.split("\n")
    own = [(name, at) for name, at in keys if not lines[at.line - 1][: at.column - 1].strip()]
    if not own:
        return None
    spans = [
        (at, source.position((*known, name))) for name, at in own if not isinstance(there[name], dict | list)
    ]
    short = [at.line for at, end in spans if at.line == end.line == end.end_line]
    indent = " " * (own[0][1].column - 1)
    added = [f"{indent}{'  ' * depth}{_spelled(str(key))}:" for depth, key in enumerate(missing)]
    added[-1] += f" {_spelled(value)}"
    place = short[-1] if short else own[0][1].line - 1
    return "\n".join([*lines[:place], *added, *lines[place:]])


def _spelled(value: str, is_json: bool = False) -> str:
    """Return a text as YAML or JSON has it, in quotes where it would be something else."""
    if is_json or not _PLAIN.fullmatch(value) or _TYPED.fullmatch(value):
        return json.dumps(value, ensure_ascii=False)
    return value


def _offset(text: str, line: int, column: int) -> int:
    """Return where a place is in a text."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
        if start == 0:
            return len(text)
    return start + column - 1
