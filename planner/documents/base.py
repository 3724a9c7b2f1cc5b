"""What all document models share: strictness, the value types, the envelope."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from planner import units

API_VERSION: Final = "planner/v1"
MAX_PARALLELISM = 2**15
"""Upper bound of a parallelism: Flink's largest number of key groups (`KeyGroupRangeAssignment`)."""


class Number(float):
    """A decimal number that remembers how it was written (``1.10`` stays ``1.10``)."""

    text: str

    def __new__(cls, text: str) -> Number:
        """Read ``text``, which has to be a decimal number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class Model(BaseModel):
    """A frozen part of a document: camelCase in files, unknown fields refused, no silent casts."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
    )


class Whole(Model):
    """A whole document: printed, it is one line that says what it holds."""

    def outline(self) -> str:
        """Return in a few words what the document holds."""
        raise NotImplementedError

    def __repr__(self) -> str:
        metadata = getattr(self, "metadata", None)
        name = f" {metadata.name!r}" if metadata else ""
        return f"<{type(self).__name__}{name}: {self.outline()}>"

    __str__ = __repr__


class Foreign(Model):
    """A part of a document whose format others own: fields that planner does not know are kept."""

    model_config = ConfigDict(extra="allow")


UnknownField = tuple[tuple[str | int, ...], list[str]]
"""The path of a field that planner does not know, and the names that it knows there."""


def unknown_fields(model: Foreign, path: tuple[str | int, ...] = ()) -> Iterator[UnknownField]:
    """Return the fields of a foreign document, or of a part of one, that planner does not know."""
    known = [field.alias or name for name, field in type(model).model_fields.items()]
    for name in model.model_extra or {}:
        yield (*path, name), known
    for name, field in type(model).model_fields.items():
        value, here = getattr(model, name), (*path, field.alias or name)
        if isinstance(value, Foreign):
            yield from unknown_fields(value, here)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Foreign):
                    yield from unknown_fields(item, (*here, index))


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("write a size as a whole number with a unit, for example 512 mb")
    if isinstance(value, int):
        if not 0 <= value <= units.LONG_MAX:
            raise ValueError(f"{str(value)[:40]} is not a valid size: 0 to 2^63-1 bytes")
        return value
    return units.parse_size_lenient(value)


def _cpu(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("write a number of cores, for example 0.5 or 2")
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError("is not a valid number of cores; use 0.5, 2 or 500m")
    return units.parse_cpu(value.text if isinstance(value, Number) else value)


def _duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("write a duration as a whole number with a unit, for example 30 s")
    if isinstance(value, int) and value.bit_length() > 64:
        raise ValueError("is more than 64 bits can hold")
    return units.parse_duration(str(value))


def _text(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        raise ValueError(
            f"write this text in quotes; unquoted, YAML reads {scalar_text(value)[:40]!r} as another type"
        )
    return value


def scalar_text(value: object) -> str:
    """Return a YAML scalar as Flink's configuration would hold it: the text that was written."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return value.text
    return "" if value is None else str(value)


def _positive(value: int) -> int:
    if value <= 0:
        raise ValueError("has to be more than 0")
    return value


def _name(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; give it a name")
    if any(ord(char) < 0x20 for char in value):
        raise ValueError("has control characters in it; write it in one plain line")
    return value


Size = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(units.format_size, return_type=str),
    WithJsonSchema(
        {
            "description": "A number with a unit of Flink (b, kb, mb, gb, tb), or Ki, Mi, Gi, Ti.",
            "anyOf": [
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]*\s*$"},
                {"type": "integer", "minimum": 0},
            ],
            "examples": ["512 mb", "1 gb"],
        }
    ),
]
Cpu = Annotated[
    int,
    BeforeValidator(_cpu),
    PlainSerializer(units.cpu_number, return_type=int | float),
    WithJsonSchema(
        {
            "description": "Cores, up to eight decimals; or Kubernetes' millicores, such as 500m.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]*\.?[0-9]+m?$"},
            ],
            "examples": [0.5, 2],
        }
    ),
]
PositiveCpu = Annotated[Cpu, AfterValidator(_positive)]
PositiveSize = Annotated[Size, AfterValidator(_positive)]
Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(units.format_duration, return_type=str),
    WithJsonSchema(
        {
            "description": "A number with a unit of Flink (ms, s, min, h, d); bare, it is milliseconds.",
            "type": ["string", "integer"],
            "examples": ["30 s", "10 min"],
        }
    ),
]
ExternalName = Annotated[
    str, BeforeValidator(_text), Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)
]
"""Name of an external resource; Flink joins the names with semicolons."""
Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, BeforeValidator(_text), AfterValidator(_name), Field(min_length=1, max_length=4096)]
Parallelism = Annotated[int, Field(ge=1, le=MAX_PARALLELISM)]
Amount = Annotated[
    Decimal,
    BeforeValidator(lambda value: _amount(value)),
    PlainSerializer(
        lambda value: int(value) if value == int(value) else float(value), return_type=int | float
    ),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError("write a number, for example 1")
    units_ = units.parse_cpu(value.text if isinstance(value, Number) else value)
    if units_ == 0:
        raise ValueError("has to be more than 0")
    return Decimal(units_) / units.CORE


def _whole(amount: Decimal) -> Decimal:
    if amount != int(amount):
        raise ValueError("Flink counts the external resources of a TaskManager in whole numbers")
    return amount


WholeAmount = Annotated[Amount, AfterValidator(_whole), WithJsonSchema({"type": "integer", "minimum": 1})]
"""How many of an external resource a TaskManager has, ``external-resource.<name>.amount``."""


class Metadata(Model):
    """Names a document."""

    name: Name
    labels: dict[str, Text] | None = None


class Envelope(Whole):
    """The two fields with which every document of planner says what it is."""

    api_version: Literal["planner/v1"]
    kind: Text
