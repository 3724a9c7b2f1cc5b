"""SQL scripts as the Flink SQL client takes them: where each statement begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*(?!\+).*?(?:\*/|\Z))   # a hint, /*+ ... */, is no comment
      | (?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z))
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
    """One statement without its semicolon; ``line`` is where it begins, from 1.

    Comments are blanks, so that lines and columns in Flink's messages stay true. ``inner`` are the
    statements of ``EXECUTE STATEMENT SET BEGIN ... END``.
    """

    text: str
    line: int
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


def _split(script: str, line: int) -> Iterator[Statement]:
    parts: list[str] = []
    words: list[str] = []
    inside = 0
    for token in _TOKEN.finditer(script):
        text, kind = token.group(), token.lastgroup
        if kind == "comment":
            text = re.sub(r"[^\n]", " ", text)
        elif kind == "word":
            words.append(text.upper())
            if words[1:4] == _SET and len(words) == 4:
                inside = 1
            elif inside and text.upper() == "END" and _ends_set(parts):
                inside = 0
        elif kind == "end" and not inside:
            yield from _statement("".join(parts), line, words)
            line += "".join(parts).count("\n")
            parts, words = [], []
            continue
        parts.append(text)
    if inside:
        start = line + _leading("".join(parts))
        raise ScriptError(f"line {start}: the statement set that begins here has no END")
    yield from _statement("".join(parts), line, words)


def _ends_set(parts: list[str]) -> bool:
    """Tell whether an END that follows closes a statement set, and not a CASE."""
    before = "".join(parts).rstrip()
    return before.endswith(";") or before.upper().endswith("BEGIN")


def _leading(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


def _statement(text: str, line: int, words: list[str]) -> Iterator[Statement]:
    if not text.strip():
        return
    line += _leading(text)
    body = text.strip()
    inner: tuple[Statement, ...] = ()
    if words[1:4] == _SET:
        begin = re.search(r"\bBEGIN\b", body, re.IGNORECASE)
        assert begin is not None
        content = re.sub(r"\bEND\s*\Z", "", body[begin.end() :], flags=re.IGNORECASE)
        inner = tuple(_split(content, line + body[: begin.end()].count("\n")))
    yield Statement(body, line, inner)
