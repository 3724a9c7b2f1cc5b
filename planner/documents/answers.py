"""What other programs answer, to typed data: REST servers, interpreters, files of state.

Nothing of it is believed before it was read: encoding, depth, numbers and types are checked here, for all of
them. Who reads the bytes limits their size and the time they may take.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from planner.documents.errors import DocumentError
from planner.documents.json_reader import read_json
from planner.documents.messages import finding_of
from planner.documents.source import MAX_BYTES
from planner.units import LONG_MAX

MAX_ANSWER = MAX_BYTES
"""How large an answer may be in bytes: as large as a document."""
LONGEST = 300
"""Above so many characters the reason why an answer cannot be used is cut."""
T = TypeVar("T")

Count = Annotated[int, Field(ge=0, le=LONG_MAX)]
"""A number of things, or of bytes."""
Port = Annotated[int, Field(ge=1, le=2**16 - 1)]


class Answer(BaseModel):
    """A frozen part of an answer: camelCase there; fields that planner does not need are not looked at."""

    model_config = ConfigDict(
        alias_generator=to_camel, allow_inf_nan=False, extra="ignore", frozen=True, populate_by_name=True
    )


class AnswerError(ValueError):
    """An answer that cannot be used; the message says why and is no sentence of its own."""


def read_answer(raw: bytes, kind: type[T]) -> T:
    """Return the JSON answer ``raw`` as ``kind``: an `Answer`, or a collection of them.

    Raises:
        AnswerError: when it is larger than `MAX_ANSWER`, no JSON, or not of this kind.

    """
    if len(raw) > MAX_ANSWER:
        raise AnswerError(f"it has more than {MAX_ANSWER >> 20} MiB")
    try:
        adapter: TypeAdapter[T] = _adapter(cast("Hashable", kind))
        return adapter.validate_python(read_json("", raw.decode("utf-8")))
    except UnicodeDecodeError:
        raise AnswerError("it is not UTF-8 text") from None
    except DocumentError as error:
        message = error.findings[0].message.partition(";")[0]  # without what it says of documents
        raise AnswerError(f"it {message}"[:LONGEST]) from None
    except ValidationError as error:
        raise AnswerError(reason(error)) from None


def reason(error: ValidationError) -> str:
    """Return the first thing that is wrong with data that is not of the kind that it should be."""
    detail = error.errors(include_url=False, include_context=True, include_input=True)[0]
    return finding_of(Answer, detail).message.replace("the document", "it")[:LONGEST]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
