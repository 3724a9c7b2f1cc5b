"""Configurations of Flink in other documents: ConfigMaps, Compose files, pods, other operators' resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from planner.documents.errors import DocumentError
from planner.documents.finding import Finding, Path, Position
from planner.documents.foreign.configuration import (
    CONFIG,
    OLD_CONFIG,
    FlinkConfiguration,
    configuration_of,
    read_lines,
)
from planner.documents.foreign.templates import explain_template
from planner.documents.source import Index, Source, read_sources

FILES = (CONFIG, OLD_CONFIG)
"""Other software has a ``config.yaml`` too."""
_WORDS = ("taskmanager", "jobmanager")
_SUFFIXES = {"yaml", "yml", "conf"}
"""In names of configurations. A text that cannot be read is of something else where its name has others, or
it none of those words."""
VARIABLE = "FLINK_PROPERTIES"
"""The environment variable whose lines the entry point of Flink's image adds to the configuration."""
_MAPPINGS = ("flinkConfiguration", "flinkConfig", "flinkProperties")
"""Fields with options by key, of the operators of Apache, Confluent, Lyft, Google and Ververica."""
_IMAGE = re.compile(
    r"(?:^|/)(?:(?:cp-)?flink:(?P<own>\d+\.\d+)"
    r"|[\w.-]*flink[\w.-]*:v?(?P<like>1\.1\d|1\.20|2\.\d)(?!\d))"
)
"""The image of Apache or Confluent, or one that is called like it, with a version of the last years."""
_VERSION = re.compile(r"v?(\d{1,4})[._](\d{1,4})(?:\.\d{1,4})?")
_ASSIGNED = f"{VARIABLE}="
Embedded = tuple[Source, FlinkConfiguration | None, tuple[Finding, ...]]
"""Where a configuration is, the configuration, and what is wrong with its text."""


def embedded_configurations(source: Source) -> list[Embedded]:
    """Return the configurations of Flink within a document, each with its places in the outer file."""
    if source.data.get("kind") == "ConfigMap":
        files = source.data.get("data")
        texts = [(("data", name), text) for name, text in files.items()] if isinstance(files, dict) else []
        return [
            found
            for path, text in texts
            if isinstance(text, str)
            for found in _text(source, path, text, None)
        ]
    return list(_search(source, source.data, (), None, set()))


def _search(
    source: Source, value: Any, path: Path, version: str | None, seen: set[int]
) -> Iterator[Embedded]:
    """Find configurations below ``value``, each once, whatever aliases of YAML repeat.

    ``version`` is what the nearest mapping names, and ``seen`` what was searched.
    """
    if id(value) in seen:
        return
    if isinstance(value, list):
        seen.add(id(value))
        for number, item in enumerate(value):
            if isinstance(item, str) and item.startswith(_ASSIGNED):  # Compose, as a list
                yield from _text(source, (*path, number), item.removeprefix(_ASSIGNED), version)
            yield from _search(source, item, (*path, number), version, seen)
        return
    if not isinstance(value, dict):
        return
    seen.add(id(value))
    version = _version(value) or version
    if value.get("name") == VARIABLE and isinstance(value.get("value"), str):  # a container of Kubernetes
        yield from _text(source, (*path, "value"), value["value"], version)
    for key, item in value.items():
        if isinstance(item, str) and key in (VARIABLE, *FILES, *_MAPPINGS):
            yield from _text(source, (*path, key), item, version)
        elif key in _MAPPINGS and (found := configuration_of(item)):
            part = source.part((*path, key), item)
            yield part, found.model_copy(update={"version": version}), ()
        else:
            yield from _search(source, item, (*path, key), version, seen)


def _version(value: dict[str, Any]) -> str | None:
    """Return the Flink version that a mapping names: its own field, or the tag of Flink's image."""
    named, image = value.get("flinkVersion"), value.get("image")
    if match := _VERSION.fullmatch(str(named)):
        return f"{match[1]}.{match[2]}"
    found = _IMAGE.search(image) if isinstance(image, str) else None
    return found["own"] or found["like"] if found else None


def _text(source: Source, path: Path, text: str, version: str | None) -> Iterator[Embedded]:
    if not text.strip() or text.startswith("#!"):
        return
    move = _mover(source, path, text)
    try:
        inner = read_sources(text.encode(), source.name)[0]
    except DocumentError as error:
        lines = read_lines(text, source.name)
        if lines is None:
            if _meant_for_flink(path, text):
                findings = explain_template(error, source.name, text).findings
                wrong = tuple(replace(finding, position=move(finding.position)) for finding in findings)
                yield source.part(path, {}), None, wrong
            return
        options, index, skipped = lines
        moved = tuple(replace(finding, position=move(finding.position)) for finding in skipped)
        document = FlinkConfiguration(written=options, file=OLD_CONFIG, version=version)
        yield source.part(path, options, _moved(index, path, move)), document, moved
        return
    found = configuration_of(inner.data)
    if found is not None:
        part = source.part(path, inner.data, _moved(inner.index or {}, path, move))
        file = path[-1] if path[-1] in FILES else None
        yield part, found.model_copy(update={"version": version, "file": file}), ()


def version_within(value: Any) -> str | None:
    """Return the Flink version that something within plain data names, None where nothing or several do."""
    found: set[str] = set()
    left, seen = [value], set[int]()
    while left:
        part = left.pop()
        if not isinstance(part, dict | list) or id(part) in seen:  # aliases of YAML repeat parts
            continue
        seen.add(id(part))
        left += part.values() if isinstance(part, dict) else part
        if isinstance(part, dict) and (own := _version(part)):
            found.add(own)
    return found.pop() if len(found) == 1 else None


def _meant_for_flink(path: Path, text: str) -> bool:
    """Tell whether a text that cannot be read is a configuration of Flink, by its name and its words."""
    suffixes = str(path[-1]).split(".")[1:]
    named = not suffixes or not _SUFFIXES.isdisjoint(suffixes)
    return named and any(word in text for word in _WORDS)


def _moved(index: Index, root: Path, move: Callable[[Position], Position]) -> Index:
    return {(*root, *path): (move(key), move(value)) for path, (key, value) in index.items() if path}


def _mover(source: Source, path: Path, text: str) -> Callable[[Position], Position]:
    """Return what turns a place in an embedded text into one of the outer file.

    The lines of a literal block (``|``) are those of the file, indented. In any other spelling, every place
    is that of the whole text.
    """
    whole = source.position(path)
    outer, inner = source.lines, text.splitlines()
    number = next((n for n, line in enumerate(inner) if line.strip()), 0)
    at = whole.line + number  # the line in `outer`, whose first has number 0: the block begins one below `|`
    if at < len(outer) and inner and outer[at].endswith(inner[number]) and whole.end_line > whole.line:
        indent = len(outer[at]) - len(inner[number])
        if outer[whole.line - 1][whole.column - 1 : whole.column] == "|":
            return lambda place: Position(
                whole.line + place.line,
                indent + place.column,
                whole.line + place.end_line,
                indent + place.end_column,
            )
    return lambda _: whole
