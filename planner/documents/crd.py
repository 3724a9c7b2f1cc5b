"""What the Flink Kubernetes Operator's own definitions of its resources say of a manifest.

The schemas in ``planner/documents/crds`` are those definitions (``tools/dump_operator_crd.py`` makes
them), with every field of a pod template. They allow no other field: ``kubectl apply`` refuses what they do
not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from planner.documents.edit import value_at
from planner.documents.finding import Finding, Path, Severity, describe_path
from planner.documents.foreign.base import is_true, is_truth, old_number
from planner.documents.foreign.dialects import fields_of_vendors
from planner.documents.foreign.templates import is_placeholder
from planner.documents.messages import describe, unknown_field, wrong_type
from planner.documents.sensitive import is_secret_variable
from planner.documents.source import Source

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

OPERATOR_VERSIONS = ("1.15", "1.16")
"""Versions of the operator whose definitions are known."""
_NEWER = ("flinkVersion", "transitionMode")
"""Fields in which newer operators may have more; CFG412 says it of versions."""
_WANTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def against_definition(source: Source, version: str | None = None) -> Iterator[Finding]:
    """Yield what the API server or kubectl would refuse of a manifest.

    The data of ``source`` is as `dialects.as_applied` returns it. Without a ``version`` of the operator it is
    what every known one refuses.
    """
    versions = OPERATOR_VERSIONS if version is None else (version,)
    found, *others = ({one.path: one for one in _refused(source, name)} for name in reversed(versions))
    for path, finding in found.items():
        newer = version is None and path in [source.absolute(("spec", field)) for field in _NEWER]
        if not newer and all(path in other for other in others):
            yield finding


def _refused(source: Source, version: str) -> Iterator[Finding]:
    data = source.data
    kind = data.get("kind")
    validator = _validator(version, kind) if isinstance(kind, str) else None
    if validator is None:
        return
    vendors = fields_of_vendors(data)
    sent = {"spec": _as_sent(source, ("spec",), data["spec"])} if "spec" in data else {}
    for error in validator.iter_errors(sent):
        for finding, key in _findings(error):
            if finding.path in vendors or (error.validator == "type" and _fits(source, error)):
                continue
            placed = source.placed(_in_words(source, finding), key=key)
            if _hides_secret(data, finding.path):
                placed = replace(placed, position=source.position((*finding.path[:-1], "name")))
            yield placed


def _in_words(source: Source, finding: Finding) -> Finding:
    """Return a finding about a value in the words of the text, and without it where it is a secret."""
    if _hides_secret(source.data, finding.path):
        message = f"{describe_path(finding.path)}: not of the type that is needed"
        return replace(finding, message=message, hint="write text in quotes", fix=None)
    if finding.fix is not None and finding.fix.quoted and (written := source.written(finding.path)):
        return replace(finding, hint=f'write it in quotes: "{written}"')
    return finding


def _as_sent(source: Source, path: Path, value: Any) -> Any:
    """Return a value as kubectl sends it: ``on`` and ``1_000`` without quotes are no text in YAML 1.1."""
    if isinstance(value, dict):
        return {key: _as_sent(source, (*path, key), one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_sent(source, (*path, number), one) for number, one in enumerate(value)]
    if not isinstance(value, str) or source.written(path) != value:
        return value
    if is_truth(value):
        return is_true(value)
    number = old_number(value)
    return value if number is None else number


def _fits(source: Source, error: ValidationError) -> bool:
    """Tell whether a value fits that comes from elsewhere in the text, where quotes are not known of it."""
    wanted: Any = error.validator_value
    plain = (source.written(tuple(error.absolute_path)) or "*")[:1] not in ("'", '"')
    if wanted == "boolean":
        return is_truth(error.instance) and plain
    number = old_number(error.instance) if isinstance(error.instance, str) else None
    return wanted in ("integer", "number") and number is not None and plain


def _hides_secret(data: Any, path: Path) -> bool:
    """Tell whether a path leads to the value of an environment variable that is a secret."""
    return path[-1:] == ("value",) and is_secret_variable(value_at(data, path[:-1]))


def flink_versions(version: str) -> tuple[str, ...]:
    """Return the versions of Flink that a FlinkDeployment of a version of the operator has a name for."""
    schemas = _schemas(version)
    spec = schemas["$defs"][
        schemas["kinds"]["FlinkDeployment"]["properties"]["spec"]["$ref"].rpartition("/")[2]
    ]
    return tuple(name[1:].replace("_", ".") for name in spec["properties"]["flinkVersion"]["enum"])


@cache
def _schemas(version: str) -> dict[str, Any]:
    text = (files("planner") / "documents" / "crds" / f"{version}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def _validator(version: str, kind: str) -> Validator | None:
    """Return what validates manifests of a kind, None where the operator has no such kind."""
    from jsonschema import Draft202012Validator

    schemas = _schemas(version)
    if kind not in schemas["kinds"]:
        return None
    return Draft202012Validator({**schemas["kinds"][kind], "$defs": schemas["$defs"]})


def _findings(error: ValidationError) -> Iterator[tuple[Finding, bool]]:
    """Yield the findings that an error stands for, and whether each is about a key.

    A value that is filled in later is none.
    """
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    wanted, schema = cast("Any", error.validator_value), cast("Any", error.schema)
    if is_placeholder(value):
        return
    match error.validator:
        case "additionalProperties":
            known = list(schema["properties"])
            for name in value:
                if name not in known and name != "<<" and not is_placeholder(name):
                    yield unknown_field((*path, name), known), True
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            yield wrong_type(path, " or ".join(_WANTED[name] for name in names), value), False
        case "enum":
            message = f"{describe_path(path)}: {describe(value)} is not one of {', '.join(map(str, wanted))}"
            yield Finding("DOC104", Severity.ERROR, message, "write one of these", path=path), False
        case _:
            message = f"{describe_path(path)}: {describe(value)} is not what the operator allows here"
            hint = "the operator's reference of custom resources says what is allowed"
            yield Finding("DOC104", Severity.ERROR, message, hint, path=path), False
