"""Text to documents, planner's own and those of others: every problem becomes a finding with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from planner.documents.base import API_VERSION, Foreign, unknown_fields
from planner.documents.cluster import Cluster
from planner.documents.edit import value_at
from planner.documents.errors import DocumentError
from planner.documents.finding import Finding, Path, Severity, describe_path
from planner.documents.foreign.base import OPERATOR_API, ForeignDocument, KubernetesObject, OtherObject
from planner.documents.foreign.blue_green import FIELDS, parts_of
from planner.documents.foreign.configuration import (
    CONFIG,
    OLD_CONFIG,
    FlinkConfiguration,
    configuration_of,
    read_lines,
)
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.dialects import as_applied, fields_of_vendors, is_canary
from planner.documents.foreign.embedded import embedded_configurations, version_within
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.state_snapshot import FlinkStateSnapshot
from planner.documents.foreign.templates import (
    explain_template,
    is_placeholder,
    placeholders_finding,
    unchecked,
    without_values,
)
from planner.documents.job import Job, flatten_configuration
from planner.documents.messages import finding_of, unknown_field
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import RecoveryPlan
from planner.documents.source import Source, decode, read_sources
from planner.documents.suggestions import did_you_mean

Document = Job | ResourceProfile | Cluster | Placement | RecoveryPlan
KINDS: Mapping[str, type[Document]] = {
    "Job": Job,
    "ResourceProfile": ResourceProfile,
    "Cluster": Cluster,
    "Placement": Placement,
    "RecoveryPlan": RecoveryPlan,
}
MANIFESTS: Mapping[str, type[KubernetesObject]] = {
    "FlinkDeployment": FlinkDeployment,
    "FlinkSessionJob": FlinkSessionJob,
    "FlinkStateSnapshot": FlinkStateSnapshot,
}
"""What the Flink Kubernetes Operator reads; a FlinkBlueGreenDeployment has a FlinkDeployment in it."""
BLUE_GREEN = "FlinkBlueGreenDeployment"
MAX_FINDINGS = 200


@dataclass(frozen=True)
class Loaded:
    """A document, if it could be read, with its text and what is wrong with it."""

    source: Source
    document: Document | ForeignDocument | None
    findings: tuple[Finding, ...] = ()


def load(text: bytes | str, name: str = "<text>") -> list[Loaded]:
    """Return the documents in ``text``; ``name`` is what findings call it, the file's name.

    Raises:
        DocumentError: when ``text`` is neither JSON nor YAML, and no configuration of Flink 1.x.

    """
    raw = text.encode() if isinstance(text, str) else text
    try:
        sources = read_sources(raw, name)
    except DocumentError as error:
        if error.findings[0].code != "DOC004":
            raise
        if lines := _of_lines(raw, name):
            return [lines]
        raise explain_template(error, name, decode(raw, name)) from None
    return documents_in(sources)


def documents_in(sources: Sequence[Source]) -> list[Loaded]:
    """Return the documents in what was read of a text; see `load`."""
    return _of_one_version([loaded for source in sources for loaded in _documents(source)])


def _of_one_version(found: list[Loaded]) -> list[Loaded]:
    """Return documents of one text, where only one version of Flink is named, with it where none is."""
    named = {version for one in found if (version := _named_version(one.document))}
    if len(named) != 1:
        return found
    version = named.pop()
    return [
        replace(one, document=one.document.model_copy(update={"version": version}))
        if isinstance(one.document, FlinkConfiguration) and one.document.version is None
        else one
        for one in found
    ]


def _named_version(document: object) -> str | None:
    if isinstance(document, OtherObject):
        return document.image_version
    return document.flink_version if isinstance(document, ForeignDocument) else None


def _of_lines(raw: bytes, name: str) -> Loaded | None:
    """Return a configuration of Flink 1.x that is no YAML, None where the text is not one."""
    text = decode(raw, name)
    lines = read_lines(text, name)
    if lines is None:
        return None
    options, index, skipped = lines
    document = FlinkConfiguration(written=options, file=OLD_CONFIG)
    return _with_placeholders(Loaded(Source(name, text, options, index), document, tuple(skipped)))


def _documents(source: Source) -> Iterator[Loaded]:
    """Yield the documents in one that was read: itself, or the parts of one that holds others."""
    data = source.data
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else "a single value"
        yield _refused(
            source,
            "DOC008",
            f"the document is {found}, not a mapping",
            "start with apiVersion: planner/v1 and kind: Job",
        )
    elif _is_kubernetes(data):
        yield from _kubernetes(source)
    elif configuration := configuration_of(data):
        file = OLD_CONFIG if source.name.endswith(OLD_CONFIG) else CONFIG
        yield _with_placeholders(Loaded(source, configuration.model_copy(update={"file": file})))
    elif not {"kind", "apiVersion"} & data.keys() and (embedded := embedded_configurations(source)):
        yield from (_with_placeholders(Loaded(*found)) for found in embedded)
    elif (tool := _other_tool(source)) is not None:
        yield Loaded(source, OtherObject(kind=tool, image_version=version_within(data)))
    else:
        yield _validate(source)


def _other_tool(source: Source) -> str | None:
    """Return which tool a document without a kind is for, None where planner cannot tell."""
    services = source.data.get("services")
    if isinstance(services, dict) and any(
        isinstance(one, dict) and {"image", "build"} & one.keys() for one in services.values()
    ):
        return "Compose"
    return "Kustomization" if source.name.endswith(("kustomization.yaml", "kustomization.yml")) else None


def _is_kubernetes(data: dict[str, Any]) -> bool:
    """Tell whether a document is an object of Kubernetes, and not one of planner with a wrong version."""
    version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return False
    group, slash, _ = version.partition("/")
    return bool(slash or kind not in KINDS) and not did_you_mean(group, ["planner"])


def _kubernetes(source: Source) -> Iterator[Loaded]:
    data = source.data
    kind: str = data["kind"]
    if kind == "List" and isinstance(data.get("items"), list):  # what kubectl get writes
        for number, item in enumerate(data["items"]):
            yield from _documents(source.part(("items", number), item))
        return
    if data["apiVersion"].startswith(OPERATOR_API.partition("/")[0]):
        if data["apiVersion"] != OPERATOR_API:
            message = f"unknown apiVersion {data['apiVersion'][:40]!r}"
            yield _refused(source, "DOC010", message, f"write apiVersion: {OPERATOR_API}", ("apiVersion",))
        elif kind == BLUE_GREEN:
            yield from _blue_green(source)
        elif kind in MANIFESTS:
            yield _manifest(source, MANIFESTS[kind])
        else:
            yield _refused(source, *_unknown_kind(kind, [*MANIFESTS, BLUE_GREEN]), ("kind",))
        return
    embedded = embedded_configurations(source)
    yield from (_with_placeholders(Loaded(*found)) for found in embedded)
    if not embedded:
        metadata = data.get("metadata")
        named = metadata if isinstance(metadata, dict) else {}
        other = OtherObject(api_version=data["apiVersion"], kind=kind, metadata=named)
        yield Loaded(source, other.model_copy(update={"image_version": version_within(data)}))


def _blue_green(source: Source) -> Iterator[Loaded]:
    """Yield the documents in a FlinkBlueGreenDeployment, and what is wrong with the fields around them."""
    spec = source.data.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("template"), dict):
        path: Path = ("spec",) if isinstance(spec, dict) else ()
        field = "template" if path else "spec"
        message = f"{describe_path(path)} has no field {field!r}"
        yield _refused(source, "DOC102", message, f"add {field}:", path)
    if isinstance(spec, dict):
        unknown = [unknown_field(("spec", name), list(FIELDS)) for name in spec if name not in FIELDS]
        around = replace(source, data=as_applied(source.data))
        yield Loaded(around, None, tuple(source.placed(finding, key=True) for finding in unknown))
        for path, part in parts_of(source.data):
            inner = source.part(path, part)
            if "kind" in part:
                yield _manifest(inner, FlinkDeployment)
            else:
                yield Loaded(inner, FlinkConfiguration(written=flatten_configuration(part)))


def _manifest(source: Source, model: type[KubernetesObject]) -> Loaded:
    """Return a manifest; fields that its kind does not have are findings, and do not hide the others."""
    data = as_applied(source.data)
    if is_canary(data):
        data.setdefault("spec", {})
    source = replace(source, data=data)
    loaded, placeholders = _filled(source, model)
    loaded = replace(loaded, source=source)
    if isinstance(loaded.document, Foreign):
        vendors = fields_of_vendors(data)
        found = [
            unknown_field(path, known)
            for path, known in unknown_fields(loaded.document)
            if path not in vendors and not is_placeholder(path[-1])
        ]
        unknown = (source.placed(finding, key=True) for finding in found)
        loaded = replace(loaded, findings=(*loaded.findings, *unknown))
    return _with_placeholders(loaded, placeholders)


def _filled(source: Source, model: type[KubernetesObject]) -> tuple[Loaded, list[Path]]:
    """Return a manifest without the placeholders that are of a wrong type or form, and where those are.

    Values that are wrong are findings, and hide nothing else: the document is without them.
    """
    wrong = _wrong_values(source.data, model)
    placeholders = [path for path, value in wrong if is_placeholder(value)]
    data = without_values(source.data, placeholders)
    loaded = _with_model(replace(source, data=data), model)
    others = [path for path, value in wrong if not is_placeholder(value)]
    if loaded.document is None and others:
        rest = _with_model(replace(source, data=without_values(data, others)), model)
        loaded = replace(loaded, document=rest.document)
    return loaded, placeholders


def _wrong_values(data: Any, model: type[KubernetesObject]) -> list[tuple[Path, object]]:
    """Return where values of a manifest are that its model does not take, and the values."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=True)[:MAX_FINDINGS]
        return [(detail["loc"], detail["input"]) for detail in details]
    except RecursionError:
        pass  # which `_with_model` reports
    return []


def _with_placeholders(loaded: Loaded, paths: Sequence[Path] = ()) -> Loaded:
    """Return a document of others with one finding for all placeholders whose values would be checked."""
    document, source = loaded.document, loaded.source
    places = [*paths, *(unchecked(document, source.data) if isinstance(document, ForeignDocument) else ())]
    if not places:
        return loaded
    places.sort(key=lambda path: (source.position(path).line, source.position(path).column))
    finding = placeholders_finding([(path, value_at(source.data, path)) for path in places])
    return replace(loaded, findings=(*loaded.findings, source.placed(finding)))


def _validate(source: Source) -> Loaded:
    model = _model(source.data)
    if isinstance(model, Finding):
        return Loaded(source, None, (source.placed(model),))
    loaded = _with_model(source, model)
    document = loaded.document
    if isinstance(document, ResourceProfile) and document.api_version is not None:
        unknown = [unknown_field(path, known) for path, known in unknown_fields(document)]
        if unknown:
            return Loaded(source, None, tuple(source.placed(finding, key=True) for finding in unknown))
    return loaded


def _with_model(source: Source, model: type[Document | KubernetesObject]) -> Loaded:
    try:
        return Loaded(source, model.model_validate(source.data))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=True)[:MAX_FINDINGS]
        problems = [(finding_of(model, detail), detail["type"] == "extra_forbidden") for detail in details]
        return Loaded(source, None, tuple(source.placed(finding, key=key) for finding, key in problems))
    except RecursionError:
        return _refused(source, "DOC005", "the document is nested too deeply", "is this the right file?")


def _refused(source: Source, code: str, message: str, hint: str, path: Path = ()) -> Loaded:
    return Loaded(source, None, (source.placed(Finding(code, Severity.ERROR, message, hint, path=path)),))


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
            f"add kind: one of {', '.join(KINDS)}; Flink's own configuration is known by its options",
        )
    if kind in (*MANIFESTS, BLUE_GREEN):
        hint = f"write apiVersion: {OPERATOR_API}"
        return Finding("DOC010", Severity.ERROR, "apiVersion is missing", hint, path=("kind",))
    if not isinstance(kind, str) or kind not in KINDS:
        code, message, hint = _unknown_kind(str(kind), [*KINDS, *MANIFESTS])
        return Finding(code, Severity.ERROR, message, hint, path=("kind",))
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


def _unknown_kind(kind: str, known: list[str]) -> tuple[str, str, str]:
    message = f"unknown kind {kind[:40]!r}{did_you_mean(kind, known)}"
    return "DOC009", message, f"planner reads {', '.join(known)}"
