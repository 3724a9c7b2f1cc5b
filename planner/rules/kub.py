"""KUB: manifests of the Flink Kubernetes Operator, and the options that only it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from planner.documents.finding import Path, Severity
from planner.documents.foreign.deployment import FlinkDeployment, JobSpec
from planner.documents.foreign.dialects import of_amazon
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.state_snapshot import FlinkStateSnapshot
from planner.documents.foreign.templates import is_placeholder
from planner.documents.option_tables import of_operator
from planner.rules.base import ManifestRule, ManifestSubject, Match, OptionRule, OptionsView
from planner.rules.cfg import same_value

OPERATOR_CODE = "https://github.com/apache/flink-kubernetes-operator/blob/release-1.15.0/flink-kubernetes-operator/src/main/java/org/apache/flink/kubernetes/operator/"
BUILDER, VALIDATOR = (
    f"{OPERATOR_CODE}config/FlinkConfigBuilder.java",
    f"{OPERATOR_CODE}validation/DefaultValidator.java",
)


class OverriddenOption(ManifestRule):
    code, name, severity = "KUB951", "overridden-option", Severity.WARNING
    summary = "A field of the manifest replaces an option under flinkConfiguration."
    why = "The operator sets these options from the fields of the spec, so the value under flinkConfiguration has no effect."
    hint = "remove the option, or the field"
    source = "the operator's FlinkConfigBuilder"
    source_url = BUILDER

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        options = subject.options
        for key, setting in subject.settings.items():
            written = options.configuration.get(key)
            if written is None or same_value(options.table.find(key), written, setting.value):
                continue
            field = ".".join(map(str, setting.path))
            yield Match(
                options.path(key),
                f"{key} is {written!r} here, and the Kubernetes operator takes {field}",
                key=True,
            )


class RefusedOption(ManifestRule):
    code, name, severity = "KUB952", "refused-option", Severity.ERROR
    summary = "An option is one that the operator itself has to set."
    why = "The operator refuses the deployment: it names the cluster after the manifest."
    hint = "remove it; metadata.name and metadata.namespace decide"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        if isinstance(subject.document, FlinkDeployment):
            for key in ("kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"):
                if key in subject.options.configuration:
                    yield Match(subject.options.path(key), f"the Kubernetes operator refuses {key}", key=True)


class UnknownOperatorOption(OptionRule):
    code, name, severity = "KUB953", "unknown-operator-option", Severity.WARNING
    summary = "The Flink Kubernetes Operator does not have an option with this key."
    why = "The operator ignores keys that it does not have, so a misspelled key has no effect. An operator newer than planner's table may have it."
    hint = "correct the key"
    source = "the option tables of the operator's documentation"
    source_url = f"{OPERATOR_CODE}config/KubernetesOperatorConfigOptions.java"

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key in options.configuration:
            if of_operator(key) and not options.table.takes(key):
                close = options.table.suggest(key)
                also = f", did you mean {close!r}?" if close else ""
                yield Match(
                    options.path(key), f"the Kubernetes operator has no option {key[:80]!r}{also}", key=True
                )


class NoDirectory(ManifestRule):
    code, name, severity = "KUB954", "no-directory", Severity.WARNING
    summary = "The upgrade of a job needs a directory that is not set."
    why = "The operator refuses the job, unless its default configuration sets the directory."
    hint = "set it to durable storage such as s3:// or hdfs://"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document, options = subject.document, subject.effective
        if isinstance(document, FlinkDeployment):
            known = document.is_whole
        else:  # the deployment of a session job sets options too
            known = isinstance(document, FlinkSessionJob) and subject.session is not None
        job = (
            document.spec.job if known and isinstance(document, (FlinkDeployment, FlinkSessionJob)) else None
        )
        if job is None:
            return
        for field, keys, reason in _needed(job):
            if not any(options.configuration.get(key, "").strip() for key in keys):
                old = options.table.find(keys[0]) is None
                yield Match(("spec", "job", field), f"{reason} needs {keys[1] if old else keys[0]}", key=True)


def _needed(job: JobSpec) -> Iterator[tuple[str, tuple[str, str], str]]:
    """Yield fields of a job that need a directory, with the option for it, new and old, and what needs it."""
    checkpoints = ("execution.checkpointing.dir", "state.checkpoints.dir")
    savepoints = ("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
    if job.upgrade_mode in ("last-state", "savepoint"):
        yield "upgradeMode", checkpoints, f"upgradeMode {job.upgrade_mode}"
    if job.upgrade_mode == "savepoint":
        yield "upgradeMode", savepoints, "upgradeMode savepoint"
    elif job.savepoint_trigger_nonce is not None:
        yield "savepointTriggerNonce", savepoints, "a savepoint"


class StandbyWithoutHighAvailability(ManifestRule):
    code, name, severity = "KUB955", "standby-without-ha", Severity.WARNING
    summary = "A deployment has several JobManagers, but not high availability."
    why = "The operator refuses the deployment, unless its default configuration enables high availability."
    hint = "set high-availability.type: kubernetes and high-availability.storageDir, or one replica"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if not isinstance(document, FlinkDeployment) or not document.is_whole:
            return
        replicas = document.spec.job_manager.replicas if document.spec.job_manager else None
        if replicas is not None and replicas > 1 and not _is_highly_available(subject.options.configuration):
            path = ("spec", "jobManager", "replicas")
            yield Match(path, f"{replicas} JobManagers without high availability")


def _is_highly_available(configuration: Mapping[str, str]) -> bool:
    modes = (configuration.get(key) for key in ("high-availability.type", "high-availability"))
    return next((mode for mode in modes if mode is not None), "none").strip().lower() != "none"


class IgnoredParallelism(ManifestRule):
    code, name, severity = "KUB956", "ignored-parallelism", Severity.WARNING
    summary = "A deployment has both a parallelism of the job and a number of TaskManagers."
    why = "Where taskManager.replicas is set, the operator runs the job with as many slots as there are, and ignores job.parallelism."
    hint = "remove one of them"
    source = "the operator's FlinkConfigBuilder"
    source_url = BUILDER

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if not isinstance(document, FlinkDeployment) or not document.is_whole or document.spec.job is None:
            return
        workers, parallelism = document.spec.task_manager, document.spec.job.parallelism
        slots = subject.options.configuration.get("taskmanager.numberOfTaskSlots", "1").strip()
        if workers is None or not workers.replicas or not parallelism or not slots.isdecimal():
            return
        real = workers.replicas * int(slots)
        if real != parallelism:
            path: Path = ("spec", "job", "parallelism")
            message = f"parallelism {parallelism} is ignored: {workers.replicas} replicas by {slots} slots make {real}"
            yield Match(path, message)


class SnapshotOfWhat(ManifestRule):
    code, name, severity = "KUB957", "snapshot-kind", Severity.ERROR
    summary = "A FlinkStateSnapshot is neither or both of savepoint and checkpoint."
    why = "The operator refuses it."
    hint = "give one of savepoint: {} and checkpoint: {}"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        if isinstance(subject.document, FlinkStateSnapshot):
            spec = subject.document.spec
            if (spec.savepoint is None) == (spec.checkpoint is None):
                which = "neither" if spec.savepoint is None else "both"
                yield Match(("spec",), f"the snapshot has {which} of savepoint and checkpoint", key=True)


class RequiredField(ManifestRule):
    code, name, severity = "KUB958", "required-field", Severity.WARNING
    summary = "A manifest lacks a field that the operator requires."
    why = "The schema lets it pass, and the operator refuses it, unless a mutator of yours adds the field. Patches of Kustomize, which have but the fields that they change, are left alone."
    hint = "add it"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if isinstance(document, FlinkDeployment) and document.is_whole:
            if "flinkVersion" not in subject.fields:
                yield Match(("spec",), "spec has no flinkVersion", "add flinkVersion, such as v2_2", key=True)
            if "serviceAccount" not in subject.fields and not of_amazon(document.spec.model_extra):
                hint = "add serviceAccount; the operator's Helm chart creates one called flink"
                yield Match(("spec",), "spec has no serviceAccount", hint, key=True)
        elif isinstance(document, FlinkSessionJob):
            if document.session and "job" not in subject.fields:
                yield Match(("spec",), "spec has no job", "add job with jarURI and parallelism", key=True)
            if document.spec.job and document.spec.job.jar_uri and "deploymentName" not in subject.fields:
                hint = "add deploymentName: the name of a FlinkDeployment without a job"
                yield Match(("spec",), "spec has no deploymentName", hint, key=True)
        elif isinstance(document, FlinkStateSnapshot):
            snapshot = document.spec
            taken = not (snapshot.savepoint and snapshot.savepoint.already_exists)
            if taken and snapshot.job_reference is None:
                hint = "add jobReference with kind and name of the job, or alreadyExists: true"
                yield Match(("spec",), "spec does not say of which job the snapshot is", hint, key=True)


_NAME = re.compile(r"[a-z]([-a-z0-9]{0,43}[a-z0-9])?")
_LOG_FILES = ("log4j-console.properties", "logback-console.xml")


class RefusedValue(ManifestRule):
    code, name, severity = "KUB959", "refused-value", Severity.ERROR
    summary = "A manifest has a value that the operator refuses."
    why = "The schema lets it pass, and the operator does not deploy it."
    hint = "write what the message says"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if isinstance(document, FlinkDeployment):
            yield from self._of_deployment(document)
        elif isinstance(document, FlinkSessionJob):
            session, job = subject.session, document.spec.job
            if isinstance(session, FlinkDeployment) and session.spec.job is not None:
                message = f"FlinkDeployment {session.name!r} has a job of its own, so it takes no other"
                yield Match(("spec", "deploymentName"), message)
            if job is not None and job.parallelism is not None and job.parallelism < 1:
                yield self._no_subtask(job.parallelism)

    def _no_subtask(self, parallelism: int) -> Match:
        return Match(("spec", "job", "parallelism"), f"parallelism {parallelism}; it has to be at least 1")

    def _of_deployment(self, document: FlinkDeployment) -> Iterator[Match]:
        spec, name = document.spec, document.name
        if name and not is_placeholder(name) and not _NAME.fullmatch(name):
            form = "lower case letters, digits and dashes, a letter first, at most 45 characters"
            yield Match(("metadata", "name"), f"the name {name[:60]!r} is not of {form}")
        for field, process in (("jobManager", spec.job_manager), ("taskManager", spec.task_manager)):
            if process is not None and process.replicas is not None and process.replicas < 1:
                yield Match(("spec", field, "replicas"), f"{process.replicas} replicas; there has to be one")
        replicas = spec.task_manager.replicas if spec.task_manager else None
        parallelism = spec.job.parallelism if spec.job else None
        if replicas is None and parallelism is not None and parallelism < 1:
            yield self._no_subtask(parallelism)
        if spec.ingress is not None and spec.ingress.get("template") is None:
            yield Match(("spec", "ingress"), "the ingress has no template", key=True)
        for file in spec.log_configuration:
            if file not in _LOG_FILES:
                message = f"logConfiguration has {file[:60]!r}, which is neither {' nor '.join(_LOG_FILES)}"
                yield Match(("spec", "logConfiguration", file), message, key=True)
