"""A file as others may see it: the text without the secrets that its documents hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from planner.documents.edit import sources_in
from planner.documents.finding import Path, Position
from planner.documents.sensitive import (
    HIDDEN,
    is_reference,
    is_secret_variable,
    is_sensitive,
    masked,
    masked_line,
)

_NAMES = re.compile(
    r"secrets?|secret(Name|KeyRef|Ref)|imagePullSecrets|\w*SecretRef|\w*[Ss]erviceAccountToken"
)
"""Fields of Kubernetes that say which Secret is meant, or hold no secret."""


def masked_text(text: str, name: str) -> str:
    """Return a text with as many lines, and a mask in the place of every secret."""
    lines = text.split("\n")
    sources = sources_in(text, name)
    if not sources:
        return "\n".join(map(masked_line, lines))
    places = {source.position(path) for source in sources for path in _secrets(source.data, ())}
    for at in sorted(places, key=lambda at: (at.line, at.column), reverse=True):  # a mask moves what follows
        for number in range(at.line, at.end_line + 1):
            _hide(lines, number, at)
    return "\n".join(lines)


def _hide(lines: list[str], number: int, at: Position) -> None:
    """Put a mask over what of a value is in a line."""
    line = lines[number - 1]
    start = at.column - 1 if number == at.line else len(line) - len(line.lstrip())
    end = at.end_column - 1 if number == at.end_line else len(line.rstrip("\r"))
    if end > start:
        lines[number - 1] = line[:start] + HIDDEN + line[end:]


def _secrets(data: Any, path: Path, *, all_of_it: bool = False) -> Iterator[Path]:
    """Yield where the secrets in a document are."""
    if isinstance(data, dict):
        for key, value in data.items():
            whole = all_of_it or (data.get("kind") == "Secret" and key in ("data", "stringData"))
            named = is_sensitive(str(key)) and not _NAMES.fullmatch(str(key))
            held = named or (key == "value" and is_secret_variable(data))
            if isinstance(value, (dict, list)):
                yield from _secrets(value, (*path, key), all_of_it=whole)
            elif whole or (held and not is_reference(str(key), str(value))) or _has_one(value):
                yield (*path, key)
    elif isinstance(data, list):
        for number, (before, value) in enumerate(zip(("", *data), data, strict=False)):
            if isinstance(value, (dict, list)):
                yield from _secrets(value, (*path, number), all_of_it=all_of_it)
            elif all_of_it or _has_one(value) or (str(before).startswith("-") and is_sensitive(str(before))):
                yield (*path, number)


def _has_one(value: object) -> bool:
    return isinstance(value, str) and masked("", value) != value
