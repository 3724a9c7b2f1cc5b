"""What differs between two documents of one kind: entries of lists go by their name, not their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.documents.sensitive import ARGUMENTS, OPTION_FIELDS, masked, masked_arguments

_NAMES = ("id", "name", "operator", "uid")
_EDGE = ("source", "target")
IGNORED = frozenset({"meta", "inputs"})
"""Facts about a run, and hashes that differ whenever anything does."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is otherwise; None where there is none. ``path`` names entries of lists in brackets."""

    path: str
    old: Any
    new: Any


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """Return what differs between two documents as plain data, in the order of their fields.

    Of a secret it is only told that it differs.
    """
    return list(_between("", "", _without(old), _without(new)))


def _without(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in IGNORED}


def _between(path: str, field: str, old: Any, new: Any) -> Iterator[Difference]:
    """Yield what differs at a path; ``field`` is the last name in it, or that of the options it is one of."""
    if isinstance(old, dict) and isinstance(new, dict):
        if field in OPTION_FIELDS:
            for key in (*old, *(key for key in new if key not in old)):
                if old.get(key) != new.get(key):
                    yield Difference(
                        f"{path}.{key}", *(_shown(key, options.get(key)) for options in (old, new))
                    )
            return
        for key in (*old, *(key for key in new if key not in old)):
            yield from _between(f"{path}.{key}" if path else str(key), key, old.get(key), new.get(key))
        return
    if isinstance(old, list) and isinstance(new, list):
        mine, theirs = _named(old), _named(new)
        if mine is not None and theirs is not None:
            for key in (*mine, *(key for key in theirs if key not in mine)):
                yield from _between(f"{path}[{key}]", "", mine.get(key), theirs.get(key))
            return
    if old != new:
        yield Difference(path, _without_secrets(field, old), _without_secrets(field, new))


def _without_secrets(field: str, value: Any) -> Any:
    """Return plain data without the secrets in its options and in the arguments of a program."""
    if isinstance(value, dict):
        if field in OPTION_FIELDS:
            return {key: _shown(key, item) for key, item in value.items()}
        return {key: _without_secrets(key, item) for key, item in value.items()}
    if isinstance(value, list):
        if field == ARGUMENTS:
            return masked_arguments([str(item) for item in value])
        return [_without_secrets("", item) for item in value]
    return _shown("", value)


def _shown(key: str, value: Any) -> Any:
    return masked(key, value) if isinstance(value, str) else value


def _named(entries: Sequence[Any]) -> dict[str, Any] | None:
    """Return entries by what names them, None where they have no names of their own."""
    if not all(isinstance(entry, dict) for entry in entries):
        return None
    for keys in (*((name,) for name in _NAMES), _EDGE):
        names = ["->".join(str(entry.get(key)) for key in keys) for entry in entries]
        if all(key in entry for entry in entries for key in keys) and len(set(names)) == len(names):
            return dict(zip(names, entries, strict=True))
    return None
