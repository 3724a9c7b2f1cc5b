"""Text to documents: every problem becomes a finding with its place."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from planner.documents.base import API_VERSION
from planner.documents.cluster import Cluster
from planner.documents.finding import Finding, Path, Severity, describe_path
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile, unknown_fields
from planner.documents.recovery import RecoveryPlan
from planner.documents.source import DocumentError, Source, read_sources

Document = Job | ResourceProfile | Cluster | Placement | RecoveryPlan
KINDS: Mapping[str, type[Document]] = {
    "Job": Job,
    "ResourceProfile": ResourceProfile,
    "Cluster": Cluster,
    "Placement": Placement,
    "RecoveryPlan": RecoveryPlan,
}
MAX_FINDINGS = 200


@dataclass(frozen=True)
class Loaded:
    """A document, if it could be read, with its text and what is wrong with it."""

    source: Source
    document: Document | None
    findings: tuple[Finding, ...] = ()


def load(raw: bytes, name: str) -> list[Loaded]:
    """Return the documents in ``raw``; ``name`` is the file's name in findings.

    Raises:
        DocumentError: when ``raw`` is neither JSON nor YAML.

    """
    return [_validate(source) for source in read_sources(raw, name)]


def _validate(source: Source) -> Loaded:
    data = source.data
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else "a single value"
        return _refused(
            source,
            "DOC008",
            f"the document is {found}, not a mapping",
            "start with apiVersion: planner/v1 and kind: Job",
        )
    model = _model(data)
    if isinstance(model, Finding):
        return Loaded(source, None, (_placed(model, source),))
    try:
        document = model.model_validate(data)
        unknown: list[Finding] = []
        if isinstance(document, ResourceProfile) and document.api_version is not None:
            unknown = [_unknown_field(path, known) for path, known in unknown_fields(document)]
        if unknown:
            return Loaded(source, None, tuple(_placed(finding, source, key=True) for finding in unknown))
        return Loaded(source, document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=True)[:MAX_FINDINGS]
        problems = [(_translate(model, detail), detail["type"] == "extra_forbidden") for detail in details]
        return Loaded(source, None, tuple(_placed(finding, source, key=key) for finding, key in problems))
    except RecursionError:
        return _refused(source, "DOC005", "the document is nested too deeply", "is this the right file?")


def _refused(source: Source, code: str, message: str, hint: str, path: Path = ()) -> Loaded:
    return Loaded(source, None, (_placed(Finding(code, Severity.ERROR, message, hint, path=path), source),))


def _model(data: dict[str, Any]) -> type[Document] | Finding:
    """Return the model for ``data``; a document without envelope may be an official expert-mode plan."""
    kind = data.get("kind")
    if (
        "apiVersion" not in data
        and kind is None
        and "nodes" in data
        and ("ssgProfiles" in data or "vertices" in data)
    ):
        return ResourceProfile
    if kind is None:
        return Finding(
            "DOC009",
            Severity.ERROR,
            "the document does not say what kind it is",
            f"add kind: one of {', '.join(KINDS)}",
        )
    if not isinstance(kind, str) or kind not in KINDS:
        return Finding(
            "DOC009",
            Severity.ERROR,
            f"unknown kind {str(kind)[:40]!r}{_did_you_mean(str(kind), KINDS)}",
            f"planner reads {', '.join(KINDS)}",
            path=("kind",),
        )
    version = data.get("apiVersion")
    if version != API_VERSION:
        return Finding(
            "DOC010",
            Severity.ERROR,
            "apiVersion is missing" if version is None else f"unknown apiVersion {str(version)[:40]!r}",
            f"write apiVersion: {API_VERSION}",
            path=() if version is None else ("apiVersion",),
        )
    return KINDS[kind]


def _placed(finding: Finding, source: Source, *, key: bool = False) -> Finding:
    return Finding(
        finding.code,
        finding.severity,
        finding.message,
        finding.hint,
        source.name,
        source.position(finding.path, key=key),
        finding.path,
    )


def _translate(model: type[BaseModel], detail: Any) -> Finding:
    """Turn one of pydantic's errors into the user's words."""
    path = _clean_path(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _unknown_field(path, list(_field_names(model, path[:-1])))
    if detail["type"] == "missing":
        message = f"{describe_path(path[:-1])} has no field {str(path[-1])!r}"
        return Finding("DOC102", Severity.ERROR, message, f"add {path[-1]}:", path=path)
    wanted = _WANTED.get(detail["type"])
    if wanted:
        message = f"{describe_path(path)}: expected {wanted}, found {_describe(detail['input'])}"
        hint = (
            f"write it as a list: [{detail['input']}]"
            if wanted == "a list" and isinstance(detail["input"], str)
            else f"write {wanted}"
        )
        return Finding("DOC103", Severity.ERROR, message, hint, path=path)
    message = f"{describe_path(path)}: {_wrong_value(detail)}"
    return Finding(
        "DOC104",
        Severity.ERROR,
        message,
        f"planner schema {model.__name__.lower()} says what is allowed",
        path=path,
    )


def _wrong_value(detail: Any) -> str:
    """Say what is wrong with a value of the right type."""
    value, context = _describe(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context.get("error", detail["msg"]))
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
        case _:
            return f"{detail['msg'][0].lower()}{detail['msg'][1:]}"


def _unknown_field(path: Path, known: list[str]) -> Finding:
    name = str(path[-1])
    message = f"unknown field {name[:60]!r} in {describe_path(path[:-1])}{_did_you_mean(name, known)}"
    return Finding("DOC101", Severity.ERROR, message, f"known fields: {', '.join(sorted(known))}", path=path)


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


def _describe(value: object) -> str:
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


def _did_you_mean(name: str, known: Mapping[str, Any] | list[str]) -> str:
    folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name[:60].lower(), folded, 1, 0.6)
    return f", did you mean {folded[close[0]]!r}?" if close else ""


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


__all__ = ["KINDS", "Document", "DocumentError", "Loaded", "load"]
