"""What of a job or profile can be edited on the screen, and where in its document each value stands.

Fields are found in the data as it was written, so that a document with a wrong value can be mended too, and
by the name of their operator or group, so that an edit finds its place in a file that was changed meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from planner.documents.base import API_VERSION, scalar_text
from planner.documents.edit import Value
from planner.documents.finding import Path
from planner.documents.vocabulary import Chaining, UseCase


class Owner(StrEnum):
    """What a field belongs to."""

    OPERATOR = "operator"
    GROUP = "group"


class Form(StrEnum):
    """What is written into a field."""

    COUNT = "count"
    NUMBER = "number"
    SIZE = "size"
    CHAINING = "chaining"
    GROUP = "group"


@dataclass(frozen=True)
class Field:
    """One value that can be edited; ``text`` is what stands there, None where nothing does."""

    name: str
    label: str
    form: Form
    path: Path
    text: str | None


@dataclass(frozen=True)
class Owned:
    """The fields of one operator or group, and where in the document it stands."""

    owner: Owner
    name: str
    root: Path
    fields: tuple[Field, ...]


_OF_OPERATOR: tuple[tuple[str, str, Form, tuple[Path, Path]], ...] = (
    ("parallelism", "Parallelism", Form.COUNT, (("parallelism",), ("profile", "parallelism"))),
    ("maxParallelism", "Max parallelism", Form.COUNT, (("maxParallelism",), ("profile", "maxParallelism"))),
    ("chaining", "Chaining", Form.CHAINING, (("chaining",), ("profile", "chaining"))),
    ("group", "Group", Form.GROUP, (("group",), ("profile", "group"))),
    ("load.cpu", "CPU load of a subtask", Form.NUMBER, (("load", "cpu"), ("planner", "load", "cpu"))),
    ("load.busy", "Busy, as a share", Form.NUMBER, (("load", "busy"), ("planner", "load", "busy"))),
    (
        "load.recordsPerSecond",
        "Records a second",
        Form.NUMBER,
        (("load", "recordsPerSecond"), ("planner", "load", "recordsPerSecond")),
    ),
    (
        "load.bytesPerRecord",
        "Bytes a record",
        Form.NUMBER,
        (("load", "bytesPerRecord"), ("planner", "load", "bytesPerRecord")),
    ),
    ("state.size", "State of all subtasks", Form.SIZE, (("state", "size"), ("planner", "state", "size"))),
)
"""Name, label and form of each field, and where it stands in a Job and in a ResourceProfile."""
_OF_GROUP = (
    ("cpu", "CPU", Form.NUMBER),
    ("heap", "Heap", Form.SIZE),
    ("offHeap", "Off-heap", Form.SIZE),
)
_DECIMAL = re.compile(r"-?([0-9]{1,18}|[0-9]{0,18}\.[0-9]{1,18})([eE][-+]?[0-9]{1,2})?")
CHAININGS = tuple(one.value.lower() for one in Chaining)


def is_profile(data: Any) -> bool:
    """Tell whether the data of a document is a ResourceProfile rather than a Job."""
    return isinstance(data, dict) and "nodes" in data


def is_job(data: Any) -> bool:
    """Tell whether the data of a document is a job or profile, or is meant to be one."""
    if not isinstance(data, dict) or data.get("kind") != "Job":
        return is_profile(data)
    return str(data.get("apiVersion", API_VERSION)).startswith(API_VERSION.partition("/")[0])


def owned_fields(data: Any) -> list[Owned]:
    """Return the operators and groups of a document with what can be edited in each.

    Operators go by their ``id``; groups that the document does not list have no fields.
    """
    if not isinstance(data, dict):
        return []
    if is_profile(data):
        return [
            *_operators(data.get("nodes"), ("nodes",), 1),
            *_groups(data.get("ssgProfiles"), listed_groups(data), (), "extended"),
        ]
    spec = data.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    return [
        *_operators(spec.get("operators"), ("spec", "operators"), 0),
        *_groups(spec.get("slotSharingGroups"), listed_groups(data), ("resources",), "external"),
    ]


def listed_groups(data: Any) -> Path:
    """Return where a document lists its groups."""
    return ("ssgProfiles",) if is_profile(data) else ("spec", "slotSharingGroups")


def _operators(entries: Any, path: Path, place: int) -> Iterator[Owned]:
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str | int):
            root = (*path, index)
            fields = (
                _field(entry, root, name, label, form, at[place]) for name, label, form, at in _OF_OPERATOR
            )
            yield Owned(Owner.OPERATOR, str(entry["id"]), root, tuple(fields))


def _groups(entries: Any, path: Path, within: Path, external: str) -> Iterator[Owned]:
    groups = [
        (index, entry)
        for index, entry in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    ]
    others = dict.fromkeys(name for _, entry in groups for name in _keys(_at(entry, (*within, external))))
    for index, entry in groups:
        root = (*path, index)
        fields = [_field(entry, root, name, label, form, (*within, name)) for name, label, form in _OF_GROUP]
        for use, key in _managed(_at(entry, (*within, "managed"))):
            label = f"Managed, {use.lower().replace('_', ' ')}"
            fields.append(_field(entry, root, f"managed.{use}", label, Form.SIZE, (*within, "managed", key)))
        for name in others:
            at = (*within, external, name)
            fields.append(_field(entry, root, f"external.{name}", name, Form.NUMBER, at))
        yield Owned(Owner.GROUP, entry["name"], root, tuple(fields))


def _managed(written: Any) -> Iterator[tuple[str, str]]:
    """Yield the consumers of managed memory, and how each is spelled here."""
    spelled = {key.upper().replace("-", "_"): key for key in _keys(written)}
    capital = any(key.isupper() for key in spelled.values())
    yield from spelled.items()
    yield from ((use, use if capital else use.lower()) for use in UseCase if use not in spelled)


def _keys(value: Any) -> list[str]:
    return [key for key in value if isinstance(key, str)] if isinstance(value, dict) else []


def _field(entry: Any, root: Path, name: str, label: str, form: Form, path: Path) -> Field:
    value = _at(entry, path)
    text = None if value is None or isinstance(value, dict | list) else scalar_text(value)
    return Field(name, label, form, (*root, *path), text)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def as_value(form: Form, text: str) -> Value:
    """Return what is written into a document for what a person typed: a number where it is one."""
    text = text.strip()
    if form in (Form.COUNT, Form.NUMBER, Form.SIZE) and re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if form is Form.NUMBER and _DECIMAL.fullmatch(text):
        return float(text)
    return text
