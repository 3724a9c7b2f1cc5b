"""What differs between two documents of one kind: entries of lists go by their name, not their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    """Return what differs between two documents as plain data, in the order of their fields."""
    return list(_between("", _without(old), _without(new)))


def _without(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in IGNORED}


def _between(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            yield from _between(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
        return
    if isinstance(old, list) and isinstance(new, list):
        mine, theirs = _named(old), _named(new)
        if mine is not None and theirs is not None:
            for key in (*mine, *(key for key in theirs if key not in mine)):
                yield from _between(f"{path}[{key}]", mine.get(key), theirs.get(key))
            return
    if old != new:
        yield Difference(path, old, new)


def _named(entries: Sequence[Any]) -> dict[str, Any] | None:
    """Return entries by what names them, None where they have no names of their own."""
    if not all(isinstance(entry, dict) for entry in entries):
        return None
    for keys in (*((name,) for name in _NAMES), _EDGE):
        names = ["->".join(str(entry.get(key)) for key in keys) for entry in entries]
        if all(key in entry for entry in entries for key in keys) and len(set(names)) == len(names):
            return dict(zip(names, entries, strict=True))
    return None
