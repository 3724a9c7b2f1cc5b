"""Values put into the text of a document, or taken out; all else stays as it was written: comments, layout.

An edit is made where the text is, and then judged by reading the whole file again: it holds only where the
data is what it was with the new values, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from planner.documents.errors import DocumentError
from planner.documents.finding import Path
from planner.documents.source import Source, read_sources

Value = str | int | float
Splice = tuple[int, int, str]
"""Where a text is cut, and what is put there."""

_PLAIN = re.compile(r"[A-Za-z0-9_/][\w./%-]*(?: [\w./%-]+)*")
"""What YAML takes for text without quotes, unless it takes it for something else than text."""
_STARTS = re.compile(r"\s*(- +)*")
"""What may stand before a key that begins its line, or the entry of a list there."""
_TYPED = re.compile(r"[\d.eExo_+-]+|true|false|null|yes|no|on|off", re.IGNORECASE)
_OTHER_LINES = re.compile("[\x85\u2028\u2029]|\r(?!\n)")
"""Ends of lines for YAML that no editor counts: places behind them are not where they seem."""


def edited(source: Source, values: Mapping[Path, Value | None]) -> str | None:
    """Return the text of a file in which a document has ``values``, None where that cannot be done in place.

    A path leads to a single value, or to where none is yet: mappings on the way to it are made. Where None is
    wanted, the field goes, and with it the mappings that it leaves empty.
    """
    if source.inner or not _countable(source):
        return None
    found = sources_in(source.text, source.name)
    place = next((n for n, one in enumerate(found) if len(found) == 1 or one.index == source.index), None)
    if place is None:
        return None
    text, left = source.text, {source.absolute(path): value for path, value in values.items()}
    together = True
    while left:
        data = found[place].data
        now = dict(_independent(data, left) if together else list(left.items())[:1])
        changed = _changed(found[place], now)
        again = sources_in(changed, source.name) if changed is not None else ()
        if changed is None or not _as_wanted(found, place, now, again):
            if len(now) == 1:
                return None
            together = False  # one of them disturbs another
            continue
        text, found = changed, again
        left = {path: value for path, value in left.items() if path not in now}
    return text


def renamed(source: Source, path: Path, name: str) -> str | None:
    """Return the text of a file in which what is at ``path`` is called ``name``, None as for `edited`."""
    found = sources_in(source.text, source.name)
    place = next((n for n, one in enumerate(found) if len(found) == 1 or one.index == source.index), None)
    parent = value_at(source.data, path[:-1])
    if source.inner or place is None or not _countable(source) or not isinstance(parent, dict):
        return None
    if name in parent or "<<" in parent:
        return None
    at = source.position(path, key=True)
    start, end = (_offset(source.text, at.line, column) for column in (at.column, at.end_column))
    quote = source.text[start : start + 1]
    spelled = f"{quote}{name}{quote}" if quote in ("'", '"') else _spelled(name, _is_json(source))
    text = _spliced(source.text, [(start, end, spelled)])
    fields = {name if key == path[-1] else key: value for key, value in parent.items()}
    absolute = source.absolute(path)
    wanted = [
        _put(one.data, absolute[:-1], fields) if n == place else one.data for n, one in enumerate(found)
    ]
    return text if [one.data for one in sources_in(text or "", source.name)] == wanted else None


def appended(source: Source, path: Path, item: Mapping[str, Value]) -> str | None:
    """Return the text of a file in which the list at ``path`` has one entry more, None as for `edited`.

    It is the last one; a list that is not there is made.
    """
    found = sources_in(source.text, source.name)
    if source.inner or source.root or len(found) != 1 or not _countable(source):
        return None
    there, parent = value_at(source.data, path), value_at(source.data, path[:-1])
    splice = None
    if isinstance(there, list):
        splice = _in_list(source, path, there, item)
    elif there is None and isinstance(parent, dict):
        splice = _new_list(source, path, parent, item)
    if splice is None:
        return None
    text = _spliced(source.text, [splice])
    wanted = _put(source.data, path, [*(there or []), dict(item)])
    return text if [one.data for one in sources_in(text or "", source.name)] == [wanted] else None


@lru_cache(maxsize=4)  # what was read to judge an edit is what the next one begins with
def sources_in(text: str, name: str) -> tuple[Source, ...]:
    """Return what a text holds, nothing where it cannot be read."""
    try:
        return tuple(read_sources(text.encode(), name))
    except (DocumentError, UnicodeEncodeError):
        return ()


def _as_wanted(
    before: Sequence[Source], place: int, values: Mapping[Path, Value | None], after: Sequence[Source]
) -> bool:
    """Tell whether a file holds what it held, and in one of its documents ``values``."""
    wanted = [_with(one.data, values) if n == place else one.data for n, one in enumerate(before)]
    return [one.data for one in after] == wanted


def _countable(source: Source) -> bool:
    """Tell whether the lines and columns of a source are those of its text."""
    return source.index is None or _OTHER_LINES.search(source.text) is None


def _independent(data: Any, values: Mapping[Path, Value | None]) -> Iterator[tuple[Path, Value | None]]:
    """Yield the values that can be put at once: no two of them make, or change, one mapping."""
    taken = set()
    for path, value in values.items():
        spot: Path = (*_emptied(data, path)[:-1], -1) if value is None else path
        while value is not None and len(spot) > 1 and value_at(data, spot[:-1]) is None:
            spot = spot[:-1]
        if spot not in taken:
            taken.add(spot)
            yield path, value


def _changed(source: Source, values: Mapping[Path, Value | None]) -> str | None:
    splices = []
    for path, value in values.items():
        splice = _without(source, path) if value is None else _one(source, path, value)
        if splice is None:
            return None
        splices.append(splice)
    return _spliced(source.text, splices)


def _spliced(text: str, splices: list[Splice]) -> str | None:
    """Return a text with all splices made, None where two of them overlap."""
    parts, at = [], 0
    for start, end, more in sorted(splices, key=lambda one: one[:2]):
        if start < at:
            return None
        parts += [text[at:start], more]
        at = end
    return "".join([*parts, text[at:]])


def _with(data: Any, values: Mapping[Path, Value | None]) -> Any:
    for path, value in values.items():
        data = _removed(data, _emptied(data, path)) if value is None else _put(data, path, value)
    return data


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
    if not isinstance(data, dict):
        return data
    if rest:
        return {key: _removed(one, tuple(rest)) if key == first else one for key, one in data.items()}
    return {key: one for key, one in data.items() if key != first}


def _emptied(data: Any, path: Path) -> Path:
    """Return the path of the outermost field that holds nothing else than what is at ``path``."""
    while len(path) > 1 and isinstance(path[-2], str):
        parent = value_at(data, path[:-1])
        if not isinstance(parent, dict) or list(parent) != [path[-1]]:
            break
        path = path[:-1]
    return path


def value_at(data: Any, path: Path) -> Any:
    """Return what is at a path in data, None where nothing is."""
    for part in path:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _without(source: Source, path: Path) -> Splice | None:
    """Return how a field goes: its lines, or within braces it and its comma."""
    path = _emptied(source.data, path)
    parent = value_at(source.data, path[:-1])
    if not isinstance(parent, dict) or path[-1] not in parent:
        return None
    text, around = source.text, source.position(path[:-1])
    key, end = source.position(path, key=True), _end(source, path, parent[path[-1]])
    start = _offset(text, key.line, key.column)
    if end is None:
        return None
    if text[_offset(text, around.line, around.column)] == "{":
        after = re.match(r"\s*,\s*", text[end:])
        before = re.search(r",?\s*\Z", text[:start])
        if after is None and before is not None:
            start = before.start()
        return start, end + (after.end() if after else 0), ""
    first, rest = text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1
    if text[first:start].strip():
        return None
    return first, rest or len(text), ""


def _end(source: Source, path: Path, value: Any) -> int | None:
    """Return where a value ends, that of several with their last; None where one takes several lines."""
    text, at = source.text, source.position(path)
    start, own = _offset(text, at.line, at.column), _offset(text, at.end_line, at.end_column)
    if not isinstance(value, dict | list):
        return own if at.line == at.end_line else None  # else a comment behind it is taken for a part of it
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    ends = [_end(source, (*path, part), one) for part, one in parts]
    end = own
    for one in ends:
        if one is None:
            return None
        end = max(end, one)
    bracketed = (
        text[start : start + 1] in ("[", "{") and own == start + 1
    )  # the place of several is their bracket
    closing = re.match(r"[\s,]*[\]}]", text[end:]) if bracketed else None
    return end + (closing.end() if closing else 0)


def _one(source: Source, path: Path, value: Value) -> Splice | None:
    """Return how one value more comes into the text, or another one."""
    is_json = _is_json(source)
    known = path
    while known and value_at(source.data, known) is None:
        known = known[:-1]
    there = value_at(source.data, known)
    text = source.text
    if known == path:
        at = source.position(path)
        start, end = _offset(text, at.line, at.column), _offset(text, at.end_line, at.end_column)
        if isinstance(there, dict | list) or at.line != at.end_line or end <= start:
            return None
        return start, end, _spelled(value, is_json)
    missing = path[len(known) :]
    if not isinstance(there, dict) or not all(isinstance(part, str) for part in missing):
        return None
    at = source.position(known)
    start = _offset(text, at.line, at.column)
    if text[start : start + 1] == "{":
        inside = _spelled(value, is_json)
        for key in reversed(missing[1:]):
            inside = "{" + f"{_spelled(str(key), is_json)}: {inside}" + "}"
        return _in_braces(text, start, str(missing[0]), inside, is_json, bool(there))
    if is_json:
        return None
    lines = [f"{'  ' * depth}{_spelled(str(key))}:" for depth, key in enumerate(missing)]
    lines[-1] += f" {_spelled(value)}"
    return _in_block(source, known, there, lines)


def _in_braces(text: str, start: int, key: str, inside: str, is_json: bool, filled: bool) -> Splice:
    """Return how an entry comes to the beginning of a mapping in braces."""
    indent = re.match(r"\{(\s*)", text[start:])
    lead = indent[1] if indent and filled else ""
    entry = f"{_spelled(key, is_json)}: {inside}" + (("," if "\n" in lead else ", ") if filled else "")
    return start + 1, start + 1, (lead if "\n" in lead else "") + entry


def _in_block(source: Source, known: Path, there: Mapping[str, Any], added: list[str]) -> Splice | None:
    """Return how lines come into a mapping of indented lines: behind its last value of one line."""
    keys = [(name, source.position((*known, name), key=True)) for name in there]
    text = source.text
    own = [(name, at) for name, at in keys if _STARTS.fullmatch(_before(text, at.line, at.column))]
    if not own:
        return None
    spans = [
        (at, source.position((*known, name))) for name, at in own if not isinstance(there[name], dict | list)
    ]
    short = [at.line for at, end in spans if at.line == end.line == end.end_line]
    line = short[-1] + 1 if short else own[0][1].line
    indent = " " * (own[0][1].column - 1)
    return _lines_at(text, line, [indent + one for one in added])


def _in_list(source: Source, path: Path, there: list[Any], item: Mapping[str, Value]) -> Splice | None:
    text, at = source.text, source.position(path)
    start = _offset(text, at.line, at.column)
    if text[start] == "[" and not there:
        return start + 1, start + 1, _braced(item, source)
    if not there:
        return None
    end = _end(source, (*path, len(there) - 1), there[-1])
    if end is None:
        return None
    last = source.position((*path, len(there) - 1))
    if text[start] == "[":
        between = re.search(r"\s*\Z", text[: _offset(text, last.line, last.column)])
        lead = between.group() if between and "\n" in between.group() else " "
        return end, end, f",{lead}{_braced(item, source, lead)}"
    first = source.position((*path, 0))
    lead = _before(text, first.line, first.column)
    if not re.fullmatch(r"\s*-\s+", lead):
        return None
    return _lines_at(text, text.count("\n", 0, end) + 2, _entry(item, lead))


def _new_list(
    source: Source, path: Path, parent: Mapping[str, Any], item: Mapping[str, Value]
) -> Splice | None:
    """Return how a list of one entry comes into a mapping."""
    text, at = source.text, source.position(path[:-1])
    start = _offset(text, at.line, at.column)
    if text[start : start + 1] == "{":
        inside = f"[{_braced(item, source)}]"
        return _in_braces(text, start, str(path[-1]), inside, _is_json(source), bool(parent))
    return _in_block(source, path[:-1], parent, [f"{_spelled(str(path[-1]))}:", *_entry(item, "  - ")])


def _lines_at(text: str, line: int, added: list[str]) -> Splice:
    """Return how lines come before the one numbered ``line``, with the ends that lines have there."""
    end = "\r\n" if "\r\n" in text else "\n"
    at = _offset(text, line, 1)
    if at == len(text) and not text.endswith("\n"):
        return at, at, "".join(end + one for one in added)
    return at, at, "".join(one + end for one in added)


def _entry(item: Mapping[str, Value], lead: str) -> list[str]:
    """Return the lines of an entry; ``lead`` is what stands before its first key."""
    rest = " " * len(lead)
    pairs = [f"{_spelled(key)}: {_spelled(value)}" for key, value in item.items()]
    return [(rest if number else lead) + pair for number, pair in enumerate(pairs)]


def _braced(item: Mapping[str, Value], source: Source, lead: str = "") -> str:
    """Return an entry in braces, over lines where the other entries are."""
    is_json = _is_json(source)
    pairs = [f"{_spelled(key, is_json)}: {_spelled(value, is_json)}" for key, value in item.items()]
    if not is_json or "\n" not in lead:
        return "{" + ", ".join(pairs) + "}"
    return "{" + ",".join(f"{lead}  {pair}" for pair in pairs) + lead + "}"


def _is_json(source: Source) -> bool:
    return source.index is None and source.text.lstrip()[:1] in ("{", "[")


def _spelled(value: Value, is_json: bool = False) -> str:
    """Return a value as YAML or JSON has it, a text in quotes where it would be something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    if is_json or not _PLAIN.fullmatch(value) or _TYPED.fullmatch(value):
        return json.dumps(value, ensure_ascii=False)
    return value


def _before(text: str, line: int, column: int) -> str:
    """Return what stands before a place in its line."""
    at = _offset(text, line, column)
    return text[text.rfind("\n", 0, at) + 1 : at]


def _offset(text: str, line: int, column: int) -> int:
    """Return where a place is in a text."""
    starts = _line_starts(text)
    return starts[line - 1] + column - 1 if line <= len(starts) else len(text)


@lru_cache(maxsize=4)
def _line_starts(text: str) -> tuple[int, ...]:
    """Return where each line begins; a last line end begins none."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return tuple(starts[:-1] if text.endswith("\n") else starts)
