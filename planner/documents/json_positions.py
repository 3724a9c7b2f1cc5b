"""Where every key and value of a JSON text is."""

from __future__ import annotations

import json
import re

from planner.documents.finding import Path, Position

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
