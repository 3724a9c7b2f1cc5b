"""Documents: read, checked, put right, compared and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from planner.documents.cluster import Cluster
from planner.documents.crd import OPERATOR_VERSIONS
from planner.documents.difference import Difference, differences
from planner.documents.errors import DocumentError
from planner.documents.finding import CheckProfile, Finding, Severity
from planner.documents.foreign.configuration import FlinkConfiguration
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.nodes import Room, nodes_of, quota_of
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.task_managers import DeploymentError, ManifestCluster, cluster_of
from planner.documents.job import Job
from planner.documents.load import KINDS, Document, Loaded, load
from planner.documents.option_tables import of_operator, option_table, without_table
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.recovery import RecoveryPlan
from planner.documents.schema import json_schema
from planner.documents.source import Source, read_sources
from planner.documents.write import as_written, to_data, to_json
from planner.files import write_atomically
from planner.memory.off_heap import Catalogue, OffHeapUse
from planner.memory.process import Options
from planner.memory.sizing import NEEDS, exact_options, size_taskmanager
from planner.memory.taskmanager import MIN_NETWORK, PREFIX
from planner.rules import validate as rules
from planner.rules.fix import fixed
from planner.rules.registry import BY_CODE
from planner.rules.subject import of_manifest
from planner.units import parse_size_lenient as parse_size

if TYPE_CHECKING:
    pass

CLUSTER_VERSION = rules.CLUSTER_VERSION
"""The Flink version that is meant where none is said."""
D = TypeVar("D")


def load_job(path: str | Path) -> Job | ResourceProfile:
    """Return the job in a file: a Job, or the ResourceProfile that one was compiled to.

    Raises:
        DocumentError: when the file cannot be read, or does not hold exactly one of them.

    """
    kinds: tuple[type[Job | ResourceProfile], ...] = (Job, ResourceProfile)
    return _load(path, kinds)


def load_profile(path: str | Path) -> ResourceProfile:
    """Return the ResourceProfile in a file; see `load_job`."""
    return _load(path, (ResourceProfile,))


def load_cluster(path: str | Path) -> Cluster:
    """Return the Cluster in a file, or the TaskManagers that the FlinkDeployment in it gets; see `load_job`.

    Raises:
        DocumentError: when the file cannot be read, or holds neither.
        DeploymentError: when a FlinkDeployment does not say what TaskManagers it gets.

    """
    loaded = _read(path)
    holds_cluster = any(isinstance(entry.document, Cluster) for entry in loaded)
    found = None if holds_cluster else cluster_of_deployment(*loaded)
    return _only(loaded, path, (Cluster,)) if found is None else found.cluster


def load_placement(path: str | Path) -> Placement:
    """Return the Placement in a file; see `load_job`."""
    return _load(path, (Placement,))


def load_recovery_plan(path: str | Path) -> RecoveryPlan:
    """Return the RecoveryPlan in a file; see `load_job`."""
    return _load(path, (RecoveryPlan,))


def _load(path: str | Path, kinds: tuple[type[D], ...]) -> D:
    return _only(_read(path), path, kinds)


def _read(path: str | Path) -> list[Loaded]:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise DocumentError([_error("DOC000", reason, "check the path and its permissions", path)]) from None
    return load(raw, str(path))


def _only(loaded: Sequence[Loaded], path: str | Path, kinds: tuple[type[D], ...]) -> D:
    documents: list[D] = [entry.document for entry in loaded if isinstance(entry.document, kinds)]
    if len(documents) == 1:
        return documents[0]
    findings = [finding for entry in loaded for finding in entry.findings]
    wanted = " or ".join(kind.__name__ for kind in kinds)
    how_many = "more than one" if documents else "no"
    raise DocumentError(findings or [_error("DOC009", f"has {how_many} {wanted} in it", "", path)])


def _error(code: str, message: str, hint: str = "", file: str | Path = "") -> Finding:
    return Finding(code, Severity.ERROR, message, hint, str(file))


def save(document: Document, path: str | Path) -> None:
    """Write a document to a file as JSON, atomically.

    Raises:
        OSError: when it cannot be written; an old file is then untouched.

    """
    write_atomically(Path(path), to_json(to_data(document)))


def validate(
    *documents: Document | Loaded,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator_version: str | None = None,
) -> list[Finding]:
    """Return what is wrong with ``documents``, in stable order.

    A job is also checked against a cluster where exactly one is among them, unless ``fit`` is false.
    Documents that were loaded with `load` have findings with lines and columns. The ``profile`` decides how
    much is asked of a job besides that it runs. Manifests are checked against the definitions of a version of
    the Kubernetes operator, one of `OPERATOR_VERSIONS`; without one, they are to be right for any of these.

    Raises:
        ValueError: when ``operator_version`` is not known.

    """
    if operator_version not in (None, *OPERATOR_VERSIONS):
        raise ValueError(
            f"operator version {operator_version!r} is not one of {', '.join(OPERATOR_VERSIONS)}"
        )
    found = [_as_loaded(document) for document in documents]
    return rules.validate(found, fit=fit, profile=profile, operator=operator_version)


def fix(
    *documents: Loaded,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator_version: str | None = None,
    ignore: Sequence[str] = (),
) -> dict[str, str]:
    """Return the texts of those files in which findings of `validate` can be put right mechanically, by name.

    Comments, order and layout stay as they are. Findings that can be have a ``fix``; one whose place is
    within the text of another document, as in a ConfigMap, is left, and those whose code begins with one of
    ``ignore``.
    """

    def check(found: Sequence[Loaded]) -> list[Finding]:
        findings = validate(*found, fit=fit, profile=profile, operator_version=operator_version)
        return [finding for finding in findings if not finding.code.startswith(tuple(ignore))]

    return fixed(documents, check)


def checked(
    *documents: Loaded, cluster: Cluster | None = None
) -> tuple[list[Finding], list[ResourceProfile]]:
    """Return findings as `validate` does, and the complete profile of each job.

    The profiles are those of `compile`, where no finding is an error. With a ``cluster``, what of the jobs
    does not fit it is found too, and what is wrong with the cluster itself is not.
    """
    if cluster is None:
        return rules.checked(documents, fit=False)
    place = _as_loaded(cluster)
    findings, profiles = rules.checked([*documents, place])
    return [one for one in findings if one.file != place.source.name], profiles


def placement_warnings(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of rules that say why a placement would not be followed as it is."""
    return [finding for finding in findings if BY_CODE[finding.code].concerns_placement]


def _as_loaded(document: Document | Loaded) -> Loaded:
    if isinstance(document, Loaded):
        return document
    return Loaded(Source(f"<{document.kind}>", "", as_written(document)), document)


def as_catalogue(sizes: Mapping[str, str], source: str) -> Catalogue:
    """Return off-heap memory by kind of operator from sizes; ``source`` is what gives them.

    Raises:
        ValueError: when a size cannot be read; the message begins with its kind.

    """
    catalogue = {}
    for kind, size in sizes.items():
        try:
            parsed = parse_size(str(size))
        except ValueError as error:
            raise ValueError(f"{kind}: {error}") from None
        catalogue[kind] = OffHeapUse(parsed, f"as {source} says for {kind}", source, "declared")
    return catalogue


def load_nodes(text: bytes | str, name: str = "<text>") -> list[Room]:
    """Return the nodes that take pods, of what ``kubectl get nodes`` prints as YAML or JSON.

    Raises:
        DocumentError: when there is none, or an amount is no quantity of Kubernetes.

    """
    return nodes_of(read_sources(text.encode() if isinstance(text, str) else text, name))


def load_quota(text: bytes | str, name: str = "<text>") -> Room:
    """Return what the ResourceQuotas of a namespace leave, of what ``kubectl get resourcequota`` prints.

    Raises:
        DocumentError: when there is none, or an amount is no quantity of Kubernetes.

    """
    return quota_of(read_sources(text.encode() if isinstance(text, str) else text, name))


def diff(old: Document, new: Document) -> list[Difference]:
    """Return what differs between two documents of one kind, by name; facts about runs are left out."""
    return differences(to_data(old), to_data(new))


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of document, in any case and with dashes.

    Raises:
        ValueError: when there is no such kind.

    """
    wanted = kind.lower().replace("-", "").replace("_", "")
    wanted = {"profile": "resourceprofile", "recovery": "recoveryplan"}.get(wanted, wanted)
    name = next((name for name in KINDS if name.lower() == wanted), None)
    if name is None:
        raise ValueError(f"there is no document of kind {kind!r}; planner reads {', '.join(KINDS)}")
    return json_schema(name)


def memory_for(needs: Mapping[str, int], configuration: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the options of the smallest TaskManager that has parts of exactly these sizes, in bytes.

    ``needs`` are of ``task_heap``, ``task_off_heap``, ``managed`` and ``network``; network memory that is
    not named is Flink's least. ``configuration`` has options for all else.

    Raises:
        ValueError: when a part is unknown.
        MemoryConfigurationError: when ``configuration`` is inconsistent.

    """
    if unknown := sorted(needs.keys() - set(NEEDS)):
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(NEEDS)}")
    least = Options(configuration or {}, PREFIX, {}).sized("network.min", MIN_NETWORK)
    sized = size_taskmanager({"network": least, **needs}, configuration)
    return {**(configuration or {}), **exact_options(sized)}


def unknown_options(configuration: Mapping[str, str], version: str = rules.CLUSTER_VERSION) -> list[str]:
    """Return what to say of keys that a version of Flink ignores without a word, and of an unknown version.

    Raises:
        ValueError: when ``version`` is not one of Flink.

    """
    table, missing = option_table(version), without_table(version)
    messages = [missing] if missing else []
    for key in configuration:
        removed = table.find_removed(key)
        if table.takes(key) or of_operator(key):
            continue
        if removed is None:
            messages.append(table.unknown(key))
        else:
            instead = f"; use {removed.replacement}" if removed.replacement else ""
            messages.append(f"{key!r} was removed in Flink {removed.since} and is ignored{instead}")
    return messages


def configuration_of(loaded: Loaded) -> tuple[dict[str, str], Mapping[str, tuple[str | int, ...]]] | None:
    """Return the Flink options of a configuration or a manifest as processes see them, and where they are.

    That is None for a document of another kind. A mapping that says no kind counts as a configuration.
    """
    document, data = loaded.document, loaded.source.data
    if document is None and isinstance(data, dict) and "kind" not in data:
        document = FlinkConfiguration(written=data)
    if not isinstance(document, (FlinkConfiguration, FlinkDeployment)):
        return None
    effective = of_manifest(document, data, option_table(rules.version_of(document))).effective
    return dict(effective.configuration), effective.paths


def cluster_of_deployment(*documents: Loaded) -> ManifestCluster | None:
    """Return the TaskManagers that the FlinkDeployment among ``documents`` gets, None without one.

    The number of those of a session cluster is of its FlinkSessionJobs among them.

    Raises:
        DeploymentError: when there are several, or it does not say what TaskManagers it gets.

    """
    found = [entry.document for entry in documents if isinstance(entry.document, FlinkDeployment)]
    jobs = [entry.document for entry in documents if isinstance(entry.document, FlinkSessionJob)]
    if len(found) > 1:
        names = ", ".join(deployment.name for deployment in found)
        raise DeploymentError(f"there are several FlinkDeployments: {names}; give one of them")
    return cluster_of(found[0], jobs) if found else None
