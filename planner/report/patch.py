"""What differs between two texts of a file, as ``git apply`` takes it."""

from __future__ import annotations

from difflib import unified_diff


def patch(before: str, after: str, name: str) -> str:
    """Return what differs between two texts of a file as a unified diff, empty where nothing does."""
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )
