"""Results: to a file or stdout, as tables or JSON, written whole."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    try:
        if output is not None:
            from planner.api import write_atomically

            write_atomically(output, text)
        elif sys.stdout is None:
            fail("stdout is closed; name a file with -o")
        else:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if output is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush
        fail(f"cannot write {output or 'to stdout'}: {error.strerror or error}")


def is_json(chosen: Format) -> bool:
    """Tell whether to print JSON; where the user leaves it to planner, only tables go to a terminal."""
    return chosen is Format.JSON or (chosen is Format.AUTO and not sys.stdout.isatty())


def print_tables(*parts: Table | str, to_stderr: bool = False) -> None:
    """Print tables and lines, with colours where a person reads them."""
    from planner.report.tables import render

    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(render(*parts, color=wants_color(stream.isatty())))
    stream.flush()


def emit_result(json: str, tables: list[Table | str], chosen: Format, output: Path | None) -> None:
    """Write a result as JSON to ``output`` or a pipe, and its tables where a person reads them."""
    as_json = is_json(chosen)
    if output is not None or as_json:
        emit(json, output)
    if output is None and as_json and not sys.stderr.isatty():
        return
    print_tables(*tables, to_stderr=output is not None or as_json)
