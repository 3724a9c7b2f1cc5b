"""Running all rules over documents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.documents.cluster import Cluster
from planner.documents.crd import against_definition
from planner.documents.finding import CheckProfile, Finding, Path, Severity, sort_findings
from planner.documents.foreign.base import OPERATOR_API, ForeignDocument, KubernetesObject
from planner.documents.foreign.configuration import OLD_CONFIG, OLD_CONFIG_VERSION, FlinkConfiguration
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.state_snapshot import FlinkStateSnapshot
from planner.documents.job import Job
from planner.documents.load import Loaded
from planner.documents.option_tables import (
    OptionTable,
    likely_version,
    option_table,
    without_table,
)
from planner.documents.placement import Placement
from planner.documents.profile import PlannerFields, ResourceProfile
from planner.documents.sensitive import masked_user_info
from planner.documents.source import Source
from planner.memory.breakdown import Process, process_memory
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import derive_taskmanager
from planner.rules.base import (
    ClusterRule,
    ClusterSubject,
    DataRule,
    FitRule,
    JobRule,
    ManifestRule,
    ManifestSubject,
    Match,
    OptionRule,
    Rule,
    Subject,
    TogetherRule,
)
from planner.rules.registry import BY_CODE, RULES
from planner.rules.subject import of_cluster, of_job, of_manifest, of_profile, with_graph

MAX_FINDINGS = 100
"""How many findings of one rule are shown for one document."""
CLUSTER_VERSION = "2.2"
"""The Flink version for a cluster where no job, or no single one, says it, and for documents of others."""
_FIELDS = {Process.TASKMANAGER: "taskManager", Process.JOBMANAGER: "jobManager"}
"""The fields of a deployment with the memory of its processes."""
_RAISED = {Severity.INFO: Severity.WARNING, Severity.WARNING: Severity.ERROR, Severity.ERROR: Severity.ERROR}
_IGNORE = re.compile(r"#\s*planner:\s*ignore\[([A-Za-z0-9, ]*)\]")


@dataclass(frozen=True)
class _Checked:
    loaded: Loaded
    subject: Subject | ClusterSubject | None
    findings: list[Finding]


def validate(
    documents: Sequence[Loaded],
    *,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator: str | None = None,
) -> list[Finding]:
    """Return what is wrong with ``documents``, in stable order and without suppressed findings.

    Jobs are checked against a cluster, each and together, where there is exactly one of them among the
    documents, unless ``fit`` is false. The ``profile`` decides how much is asked of a job besides that it runs.
    Manifests are checked against the definitions of a version of the ``operator``, else of all known ones.
    """
    return checked(documents, fit=fit, profile=profile, operator=operator)[0]


def checked(
    documents: Sequence[Loaded],
    *,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator: str | None = None,
) -> tuple[list[Finding], list[ResourceProfile]]:
    """Return findings as `validate` does, and the complete profiles of the jobs that have a graph."""
    versions = {version for loaded in documents if (version := _version(loaded.document))}
    cluster_version = versions.pop() if len(versions) == 1 else CLUSTER_VERSION
    sessions = {
        loaded.document.name: loaded.document
        for loaded in documents
        if isinstance(loaded.document, FlinkDeployment)
    }
    told = {(finding.file, finding.path) for loaded in documents for finding in loaded.findings}
    whole = [_with_definition(loaded, operator, told) for loaded in documents]
    each = [_check(loaded, cluster_version, sessions) for loaded in whole]
    clusters = [c.subject for c in each if isinstance(c.subject, ClusterSubject)]
    findings = [finding for c in each for finding in c.findings]
    if fit and len(clusters) == 1 and clusters[0].task_managers:
        jobs = [(c.subject, c.loaded.source) for c in each if isinstance(c.subject, Subject)]
        jobs = [(subject, source) for subject, source in jobs if subject.resources]
        (place,) = (c.loaded.source for c in each if c.subject is clusters[0])
        for subject, source in jobs:
            findings += _run_fit(subject, clusters[0], source, place)
        table = option_table(cluster_version)
        findings += _run_together([subject for subject, _ in jobs], clusters[0], place, table)
    ignored = {id(c.loaded.source): _suppressions(c.loaded.source) for c in each if findings}
    by_name = {c.loaded.source.name: ignored.get(id(c.loaded.source), {}) for c in each}
    found = [f for f in findings if not _is_ignored(f, by_name.get(f.file, {}))]
    complete = [c.subject.complete for c in each if isinstance(c.subject, Subject) and c.subject.complete]
    shown = [shown for one in found if (shown := _in_profile(one, profile)) is not None]
    return sort_findings(shown), complete


def _in_profile(finding: Finding, profile: CheckProfile) -> Finding | None:
    """Return a finding with its severity in a profile, None where that leaves it out."""
    rule = BY_CODE[finding.code]
    if profile is CheckProfile.PRODUCTION:
        return replace(finding, severity=_RAISED[finding.severity]) if rule.readiness else finding
    left_out = rule.only_production or (rule.readiness and profile is CheckProfile.DEV)
    return None if left_out else finding


def _version(document: object) -> str | None:
    """Return the Flink version of a job or profile."""
    if isinstance(document, Job):
        return document.spec.flink_version
    if isinstance(document, ResourceProfile):
        return (document.planner or PlannerFields()).flink_version
    return None


def _with_definition(loaded: Loaded, operator: str | None, told: Collection[tuple[str, Path]]) -> Loaded:
    """Return a manifest with what the operator's definition of its kind says, where nothing else does.

    ``told`` are the files and paths that there are findings for. A template is checked with what it is in.
    """
    source = loaded.source
    of_operator = isinstance(source.data, dict) and source.data.get("apiVersion") == OPERATOR_API
    if not of_operator or source.root[-2:] == ("spec", "template"):
        return loaded
    found = [one for one in against_definition(source, operator) if (source.name, one.path) not in told]
    return replace(loaded, findings=(*loaded.findings, *found)) if found else loaded


def _check(loaded: Loaded, cluster_version: str, sessions: Mapping[str, FlinkDeployment]) -> _Checked:
    findings = list(loaded.findings)
    document = loaded.document
    version = _version(document) or cluster_version
    table = option_table(version)
    for rule in RULES:
        if document is not None and isinstance(rule, DataRule):
            findings += _findings(rule, rule.check(loaded.source.data, document), loaded.source, table)
    if isinstance(document, Cluster):
        shown = of_cluster(document, loaded.source.data, table)
        for rule in RULES:
            if isinstance(rule, ClusterRule):
                findings += _findings(rule, rule.check(shown), loaded.source, table)
            elif isinstance(rule, OptionRule):
                found = (match for view in shown.options for match in rule.check(view))
                findings += _findings(rule, found, loaded.source, table)
        return _Checked(loaded, shown, findings)
    if isinstance(document, ForeignDocument):
        return _Checked(loaded, None, [*findings, *_manifest(document, loaded, sessions)])
    if isinstance(document, Placement):
        return _Checked(loaded, None, [*findings, *_inconsistent_memory(document, loaded.source)])
    if not isinstance(document, (Job, ResourceProfile)):
        return _Checked(loaded, None, findings)
    if isinstance(document, Job):
        subject = of_job(document, loaded.source.data, table)
    else:
        subject = of_profile(document, loaded.source.data, table)
    structural = [rule for rule in RULES if isinstance(rule, JobRule) and rule.structural]
    broken = [f for rule in structural for f in _findings(rule, rule.check(subject), loaded.source, table)]
    findings += broken
    if not broken:
        try:
            subject = with_graph(subject)
        except MemoryConfigurationError as error:
            path = next((subject.option_path(key) for key in error.keys), ())
            findings.append(_memory_finding(error, str(error), "correct the value", loaded.source, path))
        except ValueError:
            pass  # an option that cannot be parsed, which CFG404 reports
    for rule in RULES:
        if isinstance(rule, JobRule) and not rule.structural:
            findings += _findings(rule, rule.check(subject), loaded.source, table)
        elif isinstance(rule, OptionRule):
            findings += _findings(rule, rule.check(subject.options), loaded.source, table)
    return _Checked(loaded, subject, findings)


def _manifest(
    document: ForeignDocument, loaded: Loaded, deployments: Mapping[str, FlinkDeployment]
) -> Iterator[Finding]:
    """Yield what is wrong with a document of others: its options, and the memory that they come to."""
    source = loaded.source
    session = deployments.get(document.session) if isinstance(document, FlinkSessionJob) else None
    table = option_table(version_of(session or document))
    subject = of_manifest(document, source.data, table, session)
    if isinstance(document, FlinkStateSnapshot):
        subject = replace(subject, referenced=deployments.get(document.deployment))
    if document.flink_version and (missing := without_table(document.flink_version)):
        match = Match(("spec", "flinkVersion"), missing)
        yield from _findings(BY_CODE["CFG412"], [match], source, table)
    for rule in RULES:
        if isinstance(rule, OptionRule):
            options = subject.effective if rule.effective else subject.options
            yield from _findings(rule, rule.check(options), source, table)
        elif isinstance(rule, ManifestRule):
            yield from _findings(rule, rule.check(subject), source, table)
    yield from _wrong_memory(subject, loaded)


def version_of(document: ForeignDocument) -> str:
    """Return the Flink version that a document of others names, else the one it is most likely for."""
    old = isinstance(document, FlinkConfiguration) and document.file == OLD_CONFIG
    newest = OLD_CONFIG_VERSION if old else CLUSTER_VERSION
    return document.flink_version or likely_version(document.options, newest)


def _wrong_memory(subject: ManifestSubject, loaded: Loaded) -> Iterator[Finding]:
    """Yield why Flink's processes would not start. Only a deployment has to say how much memory they have.

    Memory that is missing is no finding of its own beside one of a process's fields, which may be why.
    """
    document, source = subject.document, loaded.source
    known = [finding.path for finding in loaded.findings]
    if isinstance(document, KubernetesObject) and not isinstance(document, FlinkDeployment):
        return
    whole = isinstance(document, FlinkDeployment) and document.is_whole
    for process, field in _FIELDS.items():
        if any(key.startswith(f"{process}.memory.") for key in subject.effective.unfilled):
            continue
        try:
            process_memory(process, subject.effective.configuration)
        except MemoryConfigurationError as error:
            if error.code == "MEM401":
                at = source.absolute(("spec", field))
                if whole and not any(path[: len(at)] == at for path in known):
                    hint = f"set spec.{field}.resource.memory"
                    written: Path = ("spec", field) if field in subject.fields else ("spec",)
                    yield _memory_finding(error, str(error), hint, source, written, key=True)
                elif isinstance(document, FlinkConfiguration) and document.file is not None:
                    yield from _without_total(process, error, subject, source)
                continue
            key = next((key for key in error.keys if key in subject.effective.configuration), "")
            if error.code == "MEM407" and key not in subject.settings:
                continue  # an option that cannot be parsed, which CFG404 reports
            path = subject.effective.path(key)
            yield _memory_finding(error, f"{process}: {error}", BY_CODE[error.code].hint, source, path)


def _without_total(
    process: str, error: MemoryConfigurationError, subject: ManifestSubject, source: Source
) -> Iterator[Finding]:
    """Yield that a file sets parts of a process's memory and no total; arguments may still give it one."""
    parts = [key for key in subject.options.paths if key.startswith(f"{process}.memory.")]
    if parts:
        hint = "set one of them, unless arguments of the process do"
        path = subject.options.path(parts[0])
        found = _memory_finding(error, str(error), hint, source, path, key=True)
        yield replace(found, severity=Severity.INFO)


def _inconsistent_memory(placement: Placement, source: Source) -> Iterator[Finding]:
    """Yield what keeps a TaskManager from starting with the options that a placement has for it."""
    for index, tm in enumerate(placement.task_managers):
        try:
            if tm.memory is not None:
                derive_taskmanager(tm.memory.dynamic_options)
        except MemoryConfigurationError as error:
            path = ("taskManagers", index, "memory", "dynamicOptions")
            message = f"TaskManager {tm.id!r}: memory settings are inconsistent: {error}"
            yield _memory_finding(error, message, "place again, or correct the options", source, path)


def _memory_finding(
    error: MemoryConfigurationError,
    message: str,
    hint: str,
    source: Source,
    path: Path,
    *,
    key: bool = False,
) -> Finding:
    position = source.position(path, key=key)
    return Finding(error.code, Severity.ERROR, message, hint, source.name, position, source.absolute(path))


def _run_fit(
    subject: Subject, cluster_subject: ClusterSubject, source: Source, place: Source
) -> list[Finding]:
    findings: list[Finding] = []
    for rule in RULES:
        if isinstance(rule, FitRule):
            matches = list(rule.check(subject, cluster_subject))
            for at, there in ((source, False), (place, True)):
                found = [match for match in matches if match.in_cluster is there]
                findings += _findings(rule, found, at, subject.options.table)
    return findings


def _run_together(
    jobs: Sequence[Subject], cluster: ClusterSubject, source: Source, table: OptionTable
) -> Iterator[Finding]:
    """Yield what jobs need together; a job and its profile, which have one name, count once."""
    by_name = {subject.name or str(number): subject for number, subject in enumerate(jobs)}
    if len(by_name) > 1:
        for rule in RULES:
            if isinstance(rule, TogetherRule):
                yield from _findings(rule, rule.check(list(by_name.values()), cluster), source, table)


def _findings(rule: Rule, matches: Iterable[Match], source: Source, table: OptionTable) -> Iterator[Finding]:
    """Yield what a rule found; a hint names options by their keys of the Flink version of ``table``."""
    for number, match in enumerate(matches):
        if number == MAX_FINDINGS:
            hint = "fix these first"
            message = f"{rule.code} has more findings, which are not shown"
            yield Finding(rule.code, rule.severity, message, hint, source.name)
            return
        hint = table.respell(rule.hint if match.hint is None else match.hint)
        severity = match.severity or rule.severity
        message = masked_user_info(match.message)
        found = Finding(rule.code, severity, message, hint, path=match.path, fix=match.fix)
        yield source.placed(found, key=match.key)


def _suppressions(source: Source) -> dict[int, frozenset[str]]:
    """Return the codes that comments switch off, by line."""
    found: dict[int, frozenset[str]] = {}
    if "planner:" not in source.text:
        return found
    for number, line in enumerate(source.text.splitlines(), 1):
        if match := _IGNORE.search(line):
            found[number] = frozenset(code.strip().upper() for code in match[1].split(",") if code.strip())
    return found


def _is_ignored(finding: Finding, suppressed: dict[int, frozenset[str]]) -> bool:
    codes = suppressed.get(finding.position.line, frozenset())
    return any(finding.code.startswith(code) for code in codes)
