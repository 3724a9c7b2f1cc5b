"""Text of documents and clusters as a terminal may show it: nothing that the terminal would obey."""

from __future__ import annotations

LONGEST = 400
"""Above so many characters a line is cut."""


def printable(text: str) -> str:
    """Return ``text`` with a question mark for every character that is not printable."""
    return "".join(char if char.isprintable() else "?" for char in text)


def plain(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` in one printable line, cut to a length that people read."""
    shown = printable(text)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."
