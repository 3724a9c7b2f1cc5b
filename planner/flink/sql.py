"""SQL scripts as the Flink SQL client takes them: where each statement begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>(?:--|//)[^\n]*|/\*(?!\+).*?(?:\*/|\Z))   # a hint, /*+ ... */, is no comment
      | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|'(?:[^']|'')*(?:'|\Z)
                  |"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z))
      | (?P<end>;)
      | (?P<word>\w+)
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_SET = ["STATEMENT", "SET", "BEGIN"]


class ScriptError(ValueError):
    """A script that cannot be run; the message names the line."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon; it begins on ``line``, from 1, after ``column`` characters.

    Comments are blanks, so that lines and columns in Flink's messages stay true. ``inner`` are the
    statements of ``EXECUTE STATEMENT SET BEGIN ... END``.
    """

    text: str
    line: int
    column: int = 0
    inner: tuple[Statement, ...] = ()

    @property
    def head(self) -> str:
        """The first word, in capitals."""
        found = re.match(r"\s*(\w+)", self.text)
        return found[1].upper() if found else ""


def statements(script: str) -> list[Statement]:
    """Return the statements of a script.

    Raises:
        ScriptError: when a statement set has no end.

    """
    return list(_split(script.removeprefix("\ufeff"), 1))


def _split(script: str, line: int, column: int = 0) -> Iterator[Statement]:
    parts: list[str] = []
    words: list[str] = []
    inside = 0
    for token in _TOKEN.finditer(script):
        text, kind = token.group(), token.lastgroup
        if kind == "comment":
            text = re.sub(r"[^\n]", " ", text)
        elif kind == "word":
            words.append(text.upper())
            if words[-3:] == _SET and len(words) > 3:  # EXECUTE, EXPLAIN, COMPILE PLAN ... FOR
                inside = 1
            elif inside and text.upper() == "END" and _ends_set(parts):
                inside = 0
        elif kind == "end" and not inside:
            whole = "".join(parts)
            yield from _statement(whole, line, column, words)
            line, column = line + whole.count("\n"), _after(whole, column) + 1
            parts, words = [], []
            continue
        parts.append(text)
    if inside:
        start = line + _leading("".join(parts))
        raise ScriptError(f"line {start}: the statement set that begins here has no END")
    yield from _statement("".join(parts), line, column, words)


def _after(text: str, column: int) -> int:
    """Return how many characters are before the end of ``text`` on its line; it begins after ``column``."""
    return len(text) - text.rfind("\n") - 1 if "\n" in text else column + len(text)


def _ends_set(parts: list[str]) -> bool:
    """Tell whether an END that follows closes a statement set, and not a CASE."""
    before = "".join(parts).rstrip()
    return before.endswith(";") or before.upper().endswith("BEGIN")


def _leading(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


def _statement(text: str, line: int, column: int, words: list[str]) -> Iterator[Statement]:
    if not text.strip():
        return
    line, column = line + _leading(text), _after(text[: len(text) - len(text.lstrip())], column)
    body = text.strip()
    inner: tuple[Statement, ...] = ()
    if words[1:4] == _SET:
        begin = re.search(r"\bBEGIN\b", body, re.IGNORECASE)
        assert begin is not None
        content = re.sub(r"\bEND\s*\Z", "", body[begin.end() :], flags=re.IGNORECASE)
        head = body[: begin.end()]
        inner = tuple(_split(content, line + head.count("\n"), _after(head, column)))
    yield Statement(body, line, column, inner)
