"""What differs between two texts of a file, as ``git apply`` takes it."""

from __future__ import annotations

import re
from difflib import unified_diff

from planner.report.printable import printable


def patch(before: str, after: str, name: str) -> str:
    """Return what differs between two texts of a file as a unified diff, empty where nothing does."""
    lines = unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )


def printable_patch(text: str) -> str:
    """Return a patch without what a terminal would obey, but with its tabs and ends of lines."""
    return "\n".join(
        "\t".join(map(printable, line.removesuffix("\r").split("\t"))) + ("\r" if line.endswith("\r") else "")
        for line in text.split("\n")
    )


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; Python knows more ends of lines than patches do."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
