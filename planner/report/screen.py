"""Tables, trees and lines as text of 80 columns."""

from __future__ import annotations

from io import StringIO
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from planner.report.printable import printable, printable_lines

WIDTH = 80
Part = Table | Tree | str
"""What is rendered: a table, a tree, or lines as they are."""


class Screen(Console):
    """A console on which text is letters only: no markup, no codes for emojis, no control characters."""

    def __init__(self, file: TextIO, **options: Any) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return what is shown of a cell, a label or a title."""
        return super().render_str(printable(text), **options)


def render(*parts: Part, color: bool = False) -> str:
    """Return tables, trees and lines as text."""
    buffer = StringIO()
    screen = Screen(buffer, width=WIDTH, force_terminal=color, no_color=not color)
    for part in parts:
        if isinstance(part, str):
            buffer.write(printable_lines(part) + "\n")
        else:
            screen.print(part)
    return "".join(line.rstrip() + "\n" for line in buffer.getvalue().split("\n")[:-1])
