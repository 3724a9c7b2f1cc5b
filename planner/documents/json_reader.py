"""JSON to plain data: no key twice, no number that cannot be held, no endless depth."""

from __future__ import annotations

import json
import re
from typing import Any

from planner.documents.base import Number
from planner.documents.errors import (
    MAX_DEPTH,
    MAX_DIGITS,
    DocumentError,
    at_offset,
    document_error,
    key_twice,
)
from planner.documents.finding import Position
from planner.documents.json_positions import json_index

MAX_JSON_VALUES = 3_000_000
MAX_INDEXED = 4 * 2**20
"""Up to how many characters of JSON the place of a finding is looked up."""


def about_values(text: str, separators: str) -> int:
    """Return about how many values a text holds, without reading it."""
    return sum(map(text.count, separators))


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def _reject_constant(text: str) -> Any:
    raise ValueError(text)


def _json_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(text)
    return int(text)


def read_json(name: str, text: str) -> Any:
    """Return the data of a JSON text.

    Raises:
        DocumentError: when it is not valid, or holds more than planner reads.

    """
    if about_values(text, ",[{") > MAX_JSON_VALUES:
        raise document_error(
            name,
            "DOC002",
            f"holds more than {MAX_JSON_VALUES:,} values; no document of planner does",
            "is this the right file?",
        )
    if len(text) <= MAX_INDEXED:
        _refuse_depth(name, text)
    try:
        data = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_reject_constant,
            parse_float=Number,
            parse_int=_json_int,
        )
        _refuse_half_characters(name, text, data)
        return data
    except json.JSONDecodeError as error:
        at = Position(error.lineno, error.colno, error.lineno, error.colno + 1)
        raise document_error(
            name,
            "DOC004",
            f"is not valid JSON: {error.msg}",
            "check the brackets, commas and quotes just before this place",
            at,
        ) from None
    except RecursionError:
        raise document_error(
            name,
            "DOC005",
            f"is nested more than {MAX_DEPTH} levels deep",
            "no document of planner is; is this the right file?",
        ) from None
    except _DuplicateKeyError:
        if len(text) <= MAX_INDEXED:
            raise DocumentError([key_twice(name, *found) for found in json_index(text)[1]]) from None
        raise document_error(name, "DOC006", "has a key twice", "keep one of them") from None
    except ValueError as error:
        literal = str(error)
        offset = max(text.find(literal), 0)
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        raise document_error(
            name,
            "DOC007",
            f"{literal[:20]}{'...' if len(literal) > 20 else ''} is not a number that planner can hold",
            "write a plain number",
            Position(line, column, line, column + len(literal)),
        ) from None


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _refuse_depth(name: str, text: str) -> None:
    depth = 0
    for found in _BRACKET.finditer(text):
        word = found.group()
        depth += (word in "[{") - (word in "]}")
        if depth > MAX_DEPTH:
            raise document_error(
                name,
                "DOC005",
                f"is nested more than {MAX_DEPTH} levels deep",
                "no document of planner is; is this the right file?",
                at_offset(text, found.start()),
            )


def _refuse_half_characters(name: str, text: str, data: Any) -> None:
    """Refuse the escape of half a surrogate pair, which is no character and cannot be written anywhere."""
    if re.search(r"\\u[dD][89a-fA-F]", text) is None:
        return
    try:
        json.dumps(data, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        found = re.search(r"\\u[dD][89a-fA-F]", text)
        at = at_offset(text, found.start() if found else 0)
        raise document_error(
            name, "DOC007", "has one half of a surrogate pair", "write the whole character", at
        ) from None
