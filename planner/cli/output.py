"""Results: to a file or stdout, as data, as text, or as tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.streams import exact
from planner.cli.terminal import say, wants_color
from planner.report.printable import printable_lines

if TYPE_CHECKING:
    from planner.report.screen import Part


def as_file(name: str) -> Path:
    """Return where ``-o`` says to write."""
    if name.endswith(("/", os.sep)):
        fail(f"-o {name}: that is a folder; name a file in it")
    return Path(name)


OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", parser=as_file, help="Write to FILE, atomically."),
]


class Format(StrEnum):
    """How to print a result."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Tables or JSON; auto is tables on a terminal.")
]


def emit(data: str, output: Path | None = None) -> None:
    """Write data, which is for programs and exact, to ``output`` or to stdout."""
    if output is None:
        sys.stdout.write(data)
        return
    from planner.api import write_atomically

    try:
        write_atomically(output, data)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror or error}")


def emit_folder(files: Mapping[str, str], output: Path) -> None:
    """Write a folder whose README says what to do with it."""
    from planner.api import write_folder

    try:
        write_folder(output, files)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror or error}")
    say(f"planner: {len(files)} files in {output}; {output / 'README.md'} says what to run")


def emit_text(text: str, output: Path | None = None) -> None:
    """Write text, which is for people: without what a terminal would obey."""
    emit(printable_lines(text), output)


def emit_tables(*parts: Part, output: Path | None = None, to_stderr: bool = False) -> None:
    """Write tables and lines, with colours where a person reads them on a terminal."""
    from planner.report.screen import render

    stream = sys.stderr if to_stderr else sys.stdout
    if output is not None:
        emit(render(*parts), output)
        return
    exact(stream).write(render(*parts, color=wants_color(stream.isatty())))


def is_json(chosen: Format) -> bool:
    """Tell whether to print JSON; where the user leaves it to planner, only tables go to a terminal."""
    return chosen is Format.JSON or (chosen is Format.AUTO and not sys.stdout.isatty())


def emit_result(json: str, tables: list[Part], chosen: Format, output: Path | None) -> None:
    """Write a result as JSON to ``output`` or a pipe, and its tables where a person reads them."""
    as_json = is_json(chosen)
    if output is not None or as_json:
        emit(json, output)
    if output is None and as_json and not sys.stderr.isatty():
        return
    emit_tables(*tables, to_stderr=output is not None or as_json)
