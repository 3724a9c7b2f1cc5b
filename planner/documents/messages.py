"""What pydantic finds in a document, in the user's words."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from planner.documents.finding import Finding, Fix, Path, Severity, describe_path
from planner.documents.foreign.base import KubernetesObject, Misspelled
from planner.documents.suggestions import did_you_mean, same_letters


def finding_of(model: type[BaseModel], detail: Any) -> Finding:
    """Return the finding that one of pydantic's errors stands for."""
    path = _clean_path(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return unknown_field(path, list(_field_names(model, path[:-1])))
    if detail["type"] == "missing":
        message = f"{describe_path(path[:-1])} has no field {str(path[-1])!r}"
        return Finding("DOC102", Severity.ERROR, message, f"add {path[-1]}:", path=path)
    wanted = _WANTED.get(detail["type"])
    if wanted:
        return wrong_type(path, wanted, detail["input"])
    message = f"{describe_path(path)}: {_wrong_value(detail)}"
    return Finding(
        "DOC104",
        Severity.ERROR,
        message,
        "the operator's reference of custom resources says what is allowed"
        if issubclass(model, KubernetesObject)
        else f"planner schema {model.__name__.lower()} says what is allowed",
        path=path,
        fix=Fix(value=error.right) if isinstance(error := _error(detail), Misspelled) else None,
    )


def _error(detail: Any) -> object:
    return detail.get("ctx", {}).get("error")


def _wrong_value(detail: Any) -> str:
    """Say what is wrong with a value of the right type."""
    value, context = describe(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(_error(detail) or detail["msg"])
        case "literal_error" | "enum":
            return f"{value} is not {context.get('expected', 'allowed')}"
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than" as kind:
            limit = next(v for k, v in context.items() if k in ("ge", "le", "gt", "lt"))
            return f"{value} has to be {_LIMITS[kind]} {limit}"
        case "string_pattern_mismatch":
            form = context.get("pattern", "")
            example = "letters, digits, dots and dashes" if "A-Za" in form else "such as 2.2"
            return f"{value} is not of the form that is needed here: {example}"
        case "too_short":
            return f"has to have at least {context.get('min_length', 1)} entry"
        case "too_long":
            return f"has more than {context['max_length']:,} entries"
        case _:
            return f"{detail['msg'][0].lower()}{detail['msg'][1:]}"


def unknown_field(path: Path, known: list[str]) -> Finding:
    """Return the finding of a field that is not part of the document."""
    name = str(path[-1])
    message = f"unknown field {name[:60]!r} in {describe_path(path[:-1])}{did_you_mean(name, known)}"
    hint = f"known fields: {', '.join(sorted(known))}"
    same = same_letters(name, known)
    return Finding("DOC101", Severity.ERROR, message, hint, path=path, fix=Fix(key=same) if same else None)


def wrong_type(path: Path, wanted: str, value: object) -> Finding:
    """Return the finding of a value that is not ``wanted``, such as "a list"."""
    message = f"{describe_path(path)}: expected {wanted}, found {describe(value)}"
    match value:
        case str() if wanted == "a list":
            hint = f"write it as a list: [{value}]"
        case bool() if wanted == "text":
            hint = f'write it in quotes: "{str(value).lower()}"'
        case int() | float() if wanted == "text":
            hint = f'write it in quotes: "{value}"'
        case _:
            hint = f"write {wanted}"
    quoted = wanted == "text" and isinstance(value, bool | int | float)
    return Finding(
        "DOC103", Severity.ERROR, message, hint, path=path, fix=Fix(quoted=True) if quoted else None
    )


_LIMITS = {
    "greater_than_equal": "at least",
    "less_than_equal": "at most",
    "greater_than": "more than",
    "less_than": "less than",
}
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}


def describe(value: object) -> str:
    """Return a value, short, as a message has it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return repr(value if len(value) <= 40 else value[:37] + "...")
        case _:
            text = str(value)
            return text if len(text) <= 40 else text[:37] + "..."


def _clean_path(loc: tuple[int | str, ...]) -> Path:
    return tuple(part for part in loc if part != "[key]")


def _field_names(model: type[BaseModel], path: Path) -> Iterator[str]:
    """Return the names of the fields at ``path`` below ``model``."""
    current: Any = model
    for part in path:
        found = _models(current)
        if isinstance(part, int):
            continue
        current = next(
            (
                field.annotation
                for m in found
                for name, field in m.model_fields.items()
                if part in (name, field.alias)
            ),
            current,
        )
    for m in _models(current):
        yield from (field.alias or name for name, field in m.model_fields.items())


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, list, dict, Annotated):
        return [model for part in get_args(annotation) for model in _models(part)]
    return []
