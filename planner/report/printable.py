"""Text of documents and clusters as a terminal may show it: nothing that the terminal would obey.

Whatever people read passes `printable`: tables (`report/screen.py`), text and messages (`cli/output.py`,
`cli/terminal.py`, `cli/streams.py`). JSON and YAML are for programs and stay exact.
"""

from __future__ import annotations

LONGEST = 400
"""Above so many characters a line is cut."""


def printable(text: str) -> str:
    """Return ``text`` with a question mark for every character that is not printable."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def printable_lines(text: str) -> str:
    """Return ``text`` like `printable`, but with its line feeds."""
    return "\n".join(map(printable, text.split("\n")))


def plain(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` in one printable line, cut to a length that people read."""
    shown = printable(text)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."
