"""Results: to a file or stdout, as tables or JSON, written atomically."""

from __future__ import annotations

import contextlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from planner.cli.errors import fail
from planner.cli.terminal import wants_color

if TYPE_CHECKING:
    from rich.table import Table

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, atomically."),
]


class Format(StrEnum):
    """How to print a result."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Tables or JSON; auto is tables on a terminal.")
]


def emit(text: str, output: Path | None = None) -> None:
    """Write a result to ``output``, or to stdout."""
    if output is None:
        _write(text, sys.stdout, "stdout")
        return
    from planner.api import write_atomically

    try:
        write_atomically(output, text)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror or error}")


def _write(text: str, stream: TextIO | None, name: str) -> None:
    """Write to a stream; end where it is closed or full. `main` handles a pipe that nobody reads any more."""
    if stream is None:
        fail(f"{name} is closed; name a file with -o")
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nothing more to flush at the end
        fail(f"cannot write to {name}: {error.strerror or error}")


def is_json(chosen: Format) -> bool:
    """Tell whether to print JSON; where the user leaves it to planner, only tables go to a terminal."""
    return chosen is Format.JSON or (chosen is Format.AUTO and not is_terminal(sys.stdout))


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at a stream, which may be closed."""
    return stream is not None and stream.isatty()


def print_tables(*parts: Table | str, to_stderr: bool = False) -> None:
    """Print tables and lines, with colours where a person reads them."""
    from planner.report.tables import render

    stream, name = (sys.stderr, "stderr") if to_stderr else (sys.stdout, "stdout")
    if stream is None and to_stderr:
        return  # the result is elsewhere
    _write(render(*parts, color=wants_color(is_terminal(stream))), stream, name)


def emit_result(json: str, tables: list[Table | str], chosen: Format, output: Path | None) -> None:
    """Write a result as JSON to ``output`` or a pipe, and its tables where a person reads them."""
    as_json = is_json(chosen)
    if output is not None or as_json:
        emit(json, output)
    if output is None and as_json and not is_terminal(sys.stderr):
        return
    print_tables(*tables, to_stderr=output is not None or as_json)
