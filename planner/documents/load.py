"""Text to documents: every problem becomes a finding with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from planner.documents.base import API_VERSION
from planner.documents.cluster import Cluster
from planner.documents.finding import Finding, Path, Severity
from planner.documents.job import Job
from planner.documents.messages import finding_of, unknown_field
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile, unknown_fields
from planner.documents.recovery import RecoveryPlan
from planner.documents.source import Source, read_sources
from planner.documents.suggestions import did_you_mean

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


def load(text: bytes | str, name: str = "<text>") -> list[Loaded]:
    """Return the documents in ``text``; ``name`` is what findings call it, the file's name.

    Raises:
        DocumentError: when ``text`` is neither JSON nor YAML.

    """
    raw = text.encode() if isinstance(text, str) else text
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
            unknown = [unknown_field(path, known) for path, known in unknown_fields(document)]
        if unknown:
            return Loaded(source, None, tuple(_placed(finding, source, key=True) for finding in unknown))
        return Loaded(source, document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=True)[:MAX_FINDINGS]
        problems = [(finding_of(model, detail), detail["type"] == "extra_forbidden") for detail in details]
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
            f"unknown kind {str(kind)[:40]!r}{did_you_mean(str(kind), KINDS)}",
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
