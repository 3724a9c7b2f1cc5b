"""Values put into the text of a document, or taken out; all else stays as it was written: comments, layout.

An edit is made where the text is, and then judged by reading the whole file again: it holds only where the
data is what it was with the new values, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from planner.documents.errors import DocumentError
from planner.documents.finding import Path
from planner.documents.source import Source, read_sources

_PLAIN = re.compile(r"[A-Za-z0-9_/][\w./%-]*(?: [\w./%-]+)*")
"""What YAML takes for text without quotes, unless it takes it for something else than text."""
_STARTS = re.compile(r"\s*(- +)*")
"""What may stand before a key that begins its line, or the entry of a list there."""
_TYPED = re.compile(r"[\d.eExo_+-]+|true|false|null|yes|no|on|off", re.IGNORECASE)


Value = str | int | float


def edited(source: Source, values: Mapping[Path, Value | None]) -> str | None:
    """Return the text of a file in which a document has ``values``, None where that cannot be done in place.

    A path leads to a single value, or to where none is yet: mappings on the way to it are made. Where None is
    wanted, the field goes, and with it the mappings that it leaves empty.
    """
    text, found = source.text, sources_in(source.text, source.name)
    place = next((n for n, one in enumerate(found) if len(found) == 1 or one.index == source.index), None)
    if place is None or source.inner:
        return None
    wanted = [one.data for one in found]
    for part, value in values.items():
        path = source.absolute(part)
        if value is None:
            path = _emptied(wanted[place], path)
            changed = _without(found[place], path)
        else:
            changed = _one(found[place], path, value)
        if changed is None:
            return None
        text, found = changed, sources_in(changed, source.name)
        wanted[place] = _removed(wanted[place], path) if value is None else _put(wanted[place], path, value)
        if [one.data for one in found] != wanted:
            return None
    return text


def appended(source: Source, path: Path, item: Mapping[str, Value]) -> str | None:
    """Return the text of a file in which the list at ``path`` has one entry more, None as for `edited`.

    It is the last one; a list that is not there is made.
    """
    if source.inner or source.root or len(found := sources_in(source.text, source.name)) != 1:
        return None
    there = _at(source.data, path)
    text = _in_list(source, path, there, item) if isinstance(there, list) else None
    if there is None and isinstance(_at(source.data, path[:-1]), dict):
        text = _new_list(source, path, item)
    if text is None:
        return None
    wanted = _put(found[0].data, path, [*(there or []), dict(item)])
    return text if [one.data for one in sources_in(text, source.name)] == [wanted] else None


def _in_list(source: Source, path: Path, there: list[Any], item: Mapping[str, Value]) -> str | None:
    text, at = source.text, source.position(path)
    start = _offset(text, at.line, at.column)
    if text[start] == "[":
        if not there:
            return text[: start + 1] + _braced(item, source) + text[start + 1 :]
        last = source.position((*path, len(there) - 1))
        begin = _offset(text, last.line, last.column)
        end = _end(source, (*path, len(there) - 1), there[-1])
        between = re.search(r"\s*\Z", text[:begin])
        lead = between.group() if between and "\n" in between.group() else " "
        return f"{text[:end]},{lead}{_braced(item, source, lead)}{text[end:]}"
    if not there:
        return None
    first = source.position((*path, 0))
    line = text.split("\n")[first.line - 1][: first.column - 1]
    end = text.find("\n", _end(source, (*path, len(there) - 1), there[-1]))
    end = len(text) if end < 0 else end
    if not re.fullmatch(r"\s*-\s+", line):
        return None
    return text[:end] + "".join("\n" + one for one in _entry(item, line)) + text[end:]


def _new_list(source: Source, path: Path, item: Mapping[str, Value]) -> str | None:
    """Return the text with a list of one entry, in a mapping of indented lines."""
    parent = _at(source.data, path[:-1])
    placed = _line_for_more(source, path[:-1], parent)
    if placed is None:
        return None
    lines, (place, indent) = source.text.split("\n"), placed
    added = [f"{indent}{_spelled(str(path[-1]))}:", *_entry(item, f"{indent}  - ")]
    return "\n".join([*lines[:place], *added, *lines[place:]])


def _entry(item: Mapping[str, Value], lead: str) -> list[str]:
    """Return the lines of an entry; ``lead`` is what stands before its first key."""
    rest = " " * len(lead)
    pairs = [f"{_spelled(key)}: {_spelled(value)}" for key, value in item.items()]
    return [(rest if number else lead) + pair for number, pair in enumerate(pairs)]


def _braced(item: Mapping[str, Value], source: Source, lead: str = "") -> str:
    """Return an entry in braces, over lines where the other entries are."""
    is_json = source.text.lstrip()[:1] in "[{" and source.index is None
    pairs = [f"{_spelled(key, is_json)}: {_spelled(value, is_json)}" for key, value in item.items()]
    if not is_json or "\n" not in lead:
        return "{" + ", ".join(pairs) + "}"
    return "{" + ",".join(f"{lead}  {pair}" for pair in pairs) + lead + "}"


@lru_cache(maxsize=4)  # what was read to judge an edit is what the next one begins with
def sources_in(text: str, name: str) -> tuple[Source, ...]:
    """Return what a text holds, nothing where it cannot be read."""
    try:
        return tuple(read_sources(text.encode(), name))
    except DocumentError:
        return ()


def _put(data: Any, path: Path, value: Any) -> Any:
    """Return data with a value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(data, list) and isinstance(first, int):
        return [_put(one, tuple(rest), value) if place == first else one for place, one in enumerate(data)]
    known = data if isinstance(data, dict) else {}
    return {**known, first: _put(known.get(first), tuple(rest), value)}


def _removed(data: Any, path: Path) -> Any:
    """Return data without the field at a path."""
    first, *rest = path
    if isinstance(data, list):
        return [_removed(one, tuple(rest)) if place == first else one for place, one in enumerate(data)]
    if rest:
        return {key: _removed(one, tuple(rest)) if key == first else one for key, one in data.items()}
    return {key: one for key, one in data.items() if key != first}


def _emptied(data: Any, path: Path) -> Path:
    """Return the path of the outermost field that holds nothing else than what is at ``path``."""
    while len(path) > 1 and isinstance(path[-2], str):
        parent = _at(data, path[:-1])
        if not isinstance(parent, dict) or len(parent) != 1:
            break
        path = path[:-1]
    return path


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _without(source: Source, path: Path) -> str | None:
    """Return the text without a field: without its lines, or within braces without it and its comma."""
    parent = _at(source.data, path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        return None
    text, around = source.text, source.position(path[:-1])
    key, end = source.position(path, key=True), _end(source, path, parent[path[-1]])
    start = _offset(text, key.line, key.column)
    if text[_offset(text, around.line, around.column)] == "{":
        after = re.match(r"\s*,\s*", text[end:])
        before = re.search(r",?\s*\Z", text[:start])
        if after is None and before is not None:
            start = before.start()
        return text[:start] + text[end + (after.end() if after else 0) :]
    first, rest = text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1
    if text[first:start].strip():
        return None
    return text[:first] + (text[rest:] if rest else "")


def _end(source: Source, path: Path, value: Any) -> int:
    """Return where in the text a value ends, that of several with their last one, and its bracket if any."""
    text, at = source.text, source.position(path)
    start, own = _offset(text, at.line, at.column), _offset(text, at.end_line, at.end_column)
    if not isinstance(value, dict | list):
        return own
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    end = max([own, *(_end(source, (*path, part), one) for part, one in parts)])
    bracketed = text[start] in "[{" and own == start + 1  # the place of several values is their first bracket
    closing = re.match(r"[\s,]*[\]}]", text[end:]) if bracketed else None
    return end + (closing.end() if closing else 0)


def _one(source: Source, path: Path, value: Value) -> str | None:
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


def _in_braces(text: str, start: int, missing: Path, value: Value, is_json: bool, filled: bool) -> str:
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


def _in_block(
    source: Source, known: Path, there: Mapping[str, Any], missing: Path, value: Value
) -> str | None:
    """Return the text with lines more in a mapping of indented lines: behind its last value of one line."""
    placed = _line_for_more(source, known, there)
    if placed is None:
        return None
    lines, (place, indent) = source.text.split("\n"), placed
    added = [f"{indent}{'  ' * depth}{_spelled(str(key))}:" for depth, key in enumerate(missing)]
    added[-1] += f" {_spelled(value)}"
    return "\n".join([*lines[:place], *added, *lines[place:]])


def _line_for_more(source: Source, known: Path, there: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return before which line a mapping of indented lines takes more, and their indent."""
    keys = [(name, source.position((*known, name), key=True)) for name in there]
    lines = source.text.split("\n")
    own = [(name, at) for name, at in keys if _STARTS.fullmatch(lines[at.line - 1][: at.column - 1])]
    if not own:
        return None
    spans = [
        (at, source.position((*known, name))) for name, at in own if not isinstance(there[name], dict | list)
    ]
    short = [at.line for at, end in spans if at.line == end.line == end.end_line]
    return short[-1] if short else own[0][1].line - 1, " " * (own[0][1].column - 1)


def _spelled(value: Value, is_json: bool = False) -> str:
    """Return a value as YAML or JSON has it, a text in quotes where it would be something else."""
    if not isinstance(value, str):
        return json.dumps(value)
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
