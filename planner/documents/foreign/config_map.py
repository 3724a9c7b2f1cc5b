"""ConfigMap: the files in it that are configurations of Flink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from planner.documents.errors import DocumentError
from planner.documents.finding import Finding, Position
from planner.documents.foreign.configuration import FlinkConfiguration, configuration_of, read_lines
from planner.documents.source import Index, Source, read_sources

NAMES = ("config.yaml", "flink-conf.yaml")
"""What Flink calls its configuration: a file of such a name that cannot be read is reported."""
Embedded = tuple[Source, FlinkConfiguration | None, tuple[Finding, ...]]
"""A file of a ConfigMap, the configuration in it, and what is wrong with its text."""


def embedded_configurations(source: Source) -> list[Embedded]:
    """Return the configurations of Flink in a ConfigMap, each with its places in the outer file."""
    files = source.data.get("data")
    found: list[Embedded] = []
    for name, text in files.items() if isinstance(files, dict) else ():
        if isinstance(text, str) and text.strip():
            found += _embedded(source, name, text)
    return found


def _embedded(source: Source, name: str, text: str) -> list[Embedded]:
    path = ("data", name)
    move = _mover(source, name, text)
    try:
        inner = read_sources(text.encode(), source.name)[0]
    except DocumentError as error:
        lines = read_lines(text, source.name)
        if lines is None:
            wrong = tuple(replace(finding, position=move(finding.position)) for finding in error.findings)
            return [(source.part(path, {}), None, wrong)] if name in NAMES else []
        options, index, skipped = lines
        moved = tuple(replace(finding, position=move(finding.position)) for finding in skipped)
        document = FlinkConfiguration(written=options, line_by_line=True)
        return [(source.part(path, options, _moved(index, path, move)), document, moved)]
    found = configuration_of(inner.data)
    if found is None:
        return []
    return [(source.part(path, inner.data, _moved(inner.index or {}, path, move)), found, ())]


def _moved(index: Index, root: tuple[Any, ...], move: Callable[[Position], Position]) -> Index:
    return {(*root, *path): (move(key), move(value)) for path, (key, value) in index.items() if path}


def _mover(source: Source, name: str, text: str) -> Callable[[Position], Position]:
    """Return what turns a place in an embedded text into one of the outer file.

    The lines of a literal block (``|``) are those of the file, indented. In any other spelling, every place
    is that of the whole text.
    """
    whole = source.position(("data", name))
    outer = source.text.splitlines()
    inner = text.splitlines()
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
