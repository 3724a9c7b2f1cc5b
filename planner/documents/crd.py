"""What the Flink Kubernetes Operator's own definitions of its resources say of a manifest.

The schemas in ``planner/documents/crds`` are those definitions (``tools/dump_operator_crd.py`` makes
them), with every field of a pod template. They allow no other field: ``kubectl apply`` refuses what they do
not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from planner.documents.finding import Finding, Path, Severity, describe_path
from planner.documents.foreign.base import is_truth
from planner.documents.foreign.dialects import fields_of_vendors
from planner.documents.foreign.templates import is_placeholder
from planner.documents.messages import describe, unknown_field, wrong_type
from planner.documents.source import Source

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

OPERATOR_VERSIONS = ("1.15", "1.16")
"""Versions of the operator whose definitions are known."""
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
        # a version of Flink may be newer than what is known of operators, which CFG412 says
        newer = version is None and path == source.absolute(("spec", "flinkVersion"))
        if not newer and all(path in other for other in others):
            yield finding


def _refused(source: Source, version: str) -> Iterator[Finding]:
    data = source.data
    kind = data.get("kind")
    validator = _validator(version, kind) if isinstance(kind, str) else None
    if validator is None:
        return
    vendors = fields_of_vendors(data)
    for error in validator.iter_errors({key: value for key, value in data.items() if key == "spec"}):
        for finding, key in _findings(error):
            plain = is_truth(error.instance) and source.written(finding.path) == error.instance
            of_yaml = error.validator_value == "boolean" and plain
            if finding.path not in vendors and not of_yaml:
                yield source.placed(finding, key=key)


@cache
def _validator(version: str, kind: str) -> Validator | None:
    """Return what validates manifests of a kind, None where the operator has no such kind."""
    from jsonschema import Draft202012Validator

    text = (files("planner") / "documents" / "crds" / f"{version}.json").read_text(encoding="utf-8")
    schemas = json.loads(text)
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
                if name not in known and not is_placeholder(name):
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
