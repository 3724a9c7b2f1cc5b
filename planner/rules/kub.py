"""KUB: manifests of the Flink Kubernetes Operator, and the options that only it reads."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from planner.documents.finding import Fix, Path, Severity
from planner.documents.foreign.base import REFUSED, ForeignDocument
from planner.documents.foreign.deployment import FlinkDeployment, JobSpec
from planner.documents.foreign.dialects import of_amazon
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.state_snapshot import FlinkStateSnapshot
from planner.documents.foreign.templates import is_placeholder
from planner.documents.option_tables import of_operator
from planner.rules.base import FLINK_DOCS, ManifestRule, ManifestSubject, Match, OptionRule, OptionsView
from planner.rules.cfg import same_value
from planner.units import parse_duration

_REPOSITORY = "https://github.com/apache/flink-kubernetes-operator/blob/release-1.15.0/"
OPERATOR_CODE = f"{_REPOSITORY}flink-kubernetes-operator/src/main/java/org/apache/flink/kubernetes/operator/"
AUTOSCALER = (
    f"{_REPOSITORY}flink-autoscaler/src/main/java/org/apache/flink/autoscaler/config/AutoScalerOptions.java"
)
JOB_SPEC = f"{_REPOSITORY}flink-kubernetes-operator-api/src/main/java/org/apache/flink/kubernetes/operator/api/spec/JobSpec.java"
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
            for key in REFUSED:
                value = subject.options.configuration.get(key)
                if value is not None:
                    message = f"the Kubernetes operator refuses {key}"
                    known = subject.document.metadata.get("namespace" if key.endswith("space") else "name")
                    fix = Fix() if value == known else None  # else the name is one that somebody counts on
                    yield Match(subject.options.path(key), message, key=True, fix=fix)


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
                hint = "name a FlinkDeployment without a job"
                yield Match(("spec", "deploymentName"), message, hint)
            if job is not None and job.parallelism is not None and job.parallelism < 1:
                yield self._no_subtask(job.parallelism)

    def _no_subtask(self, parallelism: int) -> Match:
        message = f"parallelism {parallelism}; it has to be at least 1"
        return Match(("spec", "job", "parallelism"), message, "write 1 or more")

    def _of_deployment(self, document: FlinkDeployment) -> Iterator[Match]:
        spec, name = document.spec, document.name
        if name and not is_placeholder(name) and not _NAME.fullmatch(name):
            hint = "use lower case letters, digits and dashes, a letter first, at most 45 characters"
            yield Match(("metadata", "name"), f"the operator refuses the name {name[:60]!r}", hint)
        for field, process in (("jobManager", spec.job_manager), ("taskManager", spec.task_manager)):
            if process is not None and process.replicas is not None and process.replicas < 1:
                path: Path = ("spec", field, "replicas")
                yield Match(path, f"{process.replicas} replicas; it has to be at least 1", "write 1 or more")
        replicas = spec.task_manager.replicas if spec.task_manager else None
        parallelism = spec.job.parallelism if spec.job else None
        if replicas is None and parallelism is not None and parallelism < 1:
            yield self._no_subtask(parallelism)
        if spec.ingress is not None and spec.ingress.get("template") is None:
            hint = 'add template, such as "{{name}}.{{namespace}}.example.com"'
            yield Match(("spec", "ingress"), "the ingress has no template", hint, key=True)
        for file in spec.log_configuration:
            if file not in _LOG_FILES:
                hint = f"use {' or '.join(_LOG_FILES)}"
                message = f"the operator refuses {file[:60]!r} in logConfiguration"
                yield Match(("spec", "logConfiguration", file), message, hint, key=True)


def _job_of(document: ForeignDocument) -> JobSpec | None:
    """Return the job of a deployment or of a session job."""
    return document.spec.job if isinstance(document, (FlinkDeployment, FlinkSessionJob)) else None


class SlotsLeftOver(ManifestRule):
    code, name, severity = "KUB960", "slots-left-over", Severity.INFO
    only_production = True
    summary = "The parallelism of a job does not fill the slots of its TaskManagers."
    why = "The last TaskManager is requested whole, and some of its slots stay empty, where all operators have the parallelism of the job and share slots."
    hint = "make the parallelism a multiple of taskmanager.numberOfTaskSlots, or change the number of slots"
    source = "Flink's native Kubernetes mode requests TaskManagers of equal size (FLINK-34563)"
    source_url = "https://issues.apache.org/jira/browse/FLINK-34563"

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if not isinstance(document, FlinkDeployment) or not document.is_whole or document.spec.job is None:
            return
        if document.spec.task_manager is not None and document.spec.task_manager.replicas is not None:
            return  # the parallelism is ignored then
        options = subject.effective
        parallelism, slots = document.spec.job.parallelism, options.count(_SLOTS)
        scheduled = options.value("jobmanager.scheduler"), options.value("scheduler-mode")
        if options.value(f"{_AUTOSCALER}enabled") == "true" or {"adaptive", "reactive"} & {*scheduled}:
            return  # the parallelism is but the first
        if not parallelism or parallelism < 1 or not slots:
            return
        count = -(-parallelism // slots)
        left = count * slots - parallelism
        if left:
            message = f"{count} TaskManagers have {count * slots} slots, {left} of them without a subtask"
            yield Match(("spec", "job", "parallelism"), message)


_SLOTS = "taskmanager.numberOfTaskSlots"
_AUTOSCALER = "job.autoscaler."


class WindowBelowInterval(OptionRule):
    code, name, severity = "KUB961", "window-below-interval", Severity.WARNING
    summary = "The autoscaler's window of metrics is shorter than the interval in which the operator looks."
    why = "There is never more than one reading in the window, so the autoscaler does not act. The operator looks every 15 s as its Helm chart has it, every minute without."
    hint = "make job.autoscaler.metrics.window longer than kubernetes.operator.reconcile.interval"
    source = "the operator's DefaultValidator (FLINK-39826)"
    source_url = "https://issues.apache.org/jira/browse/FLINK-39826"

    def check(self, options: OptionsView) -> Iterator[Match]:
        window, interval = f"{_AUTOSCALER}metrics.window", "kubernetes.operator.reconcile.interval"
        if options.value(f"{_AUTOSCALER}enabled") != "true":
            return
        known = options.written(interval) is not None
        look = options.duration(interval) if known else parse_duration(_LEAST_INTERVAL)
        length = options.duration(window)
        if length and look and length < look:
            path = options.path(options.written(window) or options.written(interval) or "")
            every = options.value(interval) if known else _LEAST_INTERVAL
            yield Match(path, f"a window of {options.value(window)} with a look every {every}", key=True)


_LEAST_INTERVAL = "15 s"
"""How often the operator looks as its Helm chart has it, the least that is likely where nothing is written."""


class UtilisationOutOfOrder(OptionRule):
    code, name, severity = "KUB962", "utilisation-out-of-order", Severity.WARNING
    summary = "The autoscaler's target utilisation is not between its minimum and maximum."
    why = "The operator refuses the deployment, or the autoscaler scales up and down in turn."
    hint = "set utilization.min below utilization.target, and utilization.max above it"
    source = "the options of the operator's autoscaler"
    source_url = AUTOSCALER

    def check(self, options: OptionsView) -> Iterator[Match]:
        if options.value(f"{_AUTOSCALER}enabled") != "true":
            return
        keys = [f"{_AUTOSCALER}utilization.{name}" for name in ("min", "target", "max")]
        known = [(key, number) for key in keys if (number := _number(options.value(key))) is not None]
        for (low, least), (high, most) in itertools.pairwise(known):
            if least > most:
                path = options.path(options.written(low) or options.written(high) or "")
                yield Match(path, f"{low} is {least:g}, above {high}, which is {most:g}", key=True)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


class ParallelismBeyondTheAutoscaler(ManifestRule):
    code, name, severity = "KUB963", "parallelism-beyond-autoscaler", Severity.INFO
    summary = "A job starts with more subtasks than the autoscaler allows for a vertex."
    why = "The autoscaler does not scale such a vertex up, and after it has scaled it down it never comes back above the limit."
    hint = "raise job.autoscaler.vertex.max-parallelism, which is 200 unless it is set"
    source = "the options of the operator's autoscaler"
    source_url = AUTOSCALER

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document, options = subject.document, subject.effective
        job = _job_of(document)
        workers = document.spec.task_manager if isinstance(document, FlinkDeployment) else None
        scales = all(
            options.value(f"{_AUTOSCALER}{name}") == "true" for name in ("enabled", "scaling.enabled")
        )
        if job is None or not job.parallelism or not scales or (workers and workers.replicas):
            return
        most = options.count(f"{_AUTOSCALER}vertex.max-parallelism")
        if most is not None and job.parallelism > most:
            message = f"parallelism {job.parallelism}, and the autoscaler allows {most}"
            yield Match(("spec", "job", "parallelism"), message)


class MissingPrecondition(ManifestRule):
    code, name, severity = "KUB964", "missing-precondition", Severity.WARNING
    summary = "A feature of the operator is enabled without what it needs."
    why = "The operator refuses the deployment, unless its default configuration sets the rest."
    hint = "set what the message names, or disable the feature"
    source = "the operator's DefaultValidator"
    source_url = VALIDATOR

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document, options = subject.document, subject.effective
        if not isinstance(document, FlinkDeployment) or not document.is_whole:
            return
        rollback = "kubernetes.operator.deployment.rollback.enabled"
        if options.value(rollback) == "true" and not _is_highly_available(options.configuration):
            yield Match(options.path(rollback), "a rollback needs high-availability.type", key=True)
        health, recovery = (
            "kubernetes.operator.cluster.health-check.enabled",
            "kubernetes.operator.jm-deployment-recovery.enabled",
        )
        if options.value(health) == "true" and options.value(recovery) == "false":
            yield Match(options.path(health), f"the health check needs {recovery}", key=True)


class NotHighlyAvailable(ManifestRule):
    code, name, severity = "KUB965", "not-highly-available", Severity.WARNING
    only_production = True
    summary = "A deployment does not have high availability."
    why = "When the JobManager's pod is lost, the next one knows of no checkpoint: an application starts anew without its state, and a session has lost its jobs. The operator's default configuration may enable it."
    hint = "set high-availability.type: kubernetes and high-availability.storageDir"
    source = "Flink's production readiness checklist"
    source_url = f"{FLINK_DOCS}ops/production_ready/"

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        whole = isinstance(document, FlinkDeployment) and document.is_whole
        if whole and not _is_highly_available(subject.effective.configuration):
            yield Match(("spec",), "high-availability.type is not set", key=True)


class StatelessUpgrade(ManifestRule):
    code, name, severity = "KUB966", "stateless-upgrade", Severity.WARNING
    only_production = True
    summary = "A job that takes checkpoints starts without its state after each change of the manifest."
    why = "With upgradeMode stateless, which it is unless it is set, the operator cancels the job and starts it anew."
    hint = "set upgradeMode: savepoint or last-state"
    source = "the operator's JobSpec"
    source_url = JOB_SPEC

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document, options = subject.document, subject.effective
        job = _job_of(document)
        if job is None or not options.whole or job.upgrade_mode not in (None, "stateless"):
            return
        if job.upgrade_mode is None and "upgradeMode" in subject.job_fields:
            return  # a template leaves it open
        if options.duration("execution.checkpointing.interval"):
            path: Path = ("spec", "job", "upgradeMode") if job.upgrade_mode else ("spec", "job")
            yield Match(path, "an upgrade drops the state of the job", key=True)


class SessionMetaspace(ManifestRule):
    code, name, severity = "KUB967", "session-metaspace", Severity.INFO
    only_production = True
    summary = "The TaskManagers of a session cluster have Flink's default metaspace."
    why = "Each job, and each restart of one, loads its classes anew. With 256 MiB some jobs with connectors are enough for OutOfMemoryError: Metaspace."
    hint = "set taskmanager.memory.jvm-metaspace.size, such as 512m, or run the jobs as application clusters"
    source = "Flink's page on debugging class loading, and FLINK-16406"
    source_url = "https://issues.apache.org/jira/browse/FLINK-16406"

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        document = subject.document
        if (
            not isinstance(document, FlinkDeployment)
            or not document.is_whole
            or document.spec.job is not None
        ):
            return
        if "taskmanager.memory.jvm-metaspace.size" not in subject.effective.configuration:
            yield Match(("spec",), "256 MiB of metaspace for all jobs of the session", key=True)


class SnapshotWithoutJob(ManifestRule):
    code, name, severity = "KUB968", "snapshot-without-job", Severity.WARNING
    summary = "A FlinkStateSnapshot is of a session cluster."
    why = "The operator takes the job from the status of the resource that the snapshot names, and abandons the snapshot where that has none. It has none of a job that somebody else submitted, such as Flink's client or planner run."
    hint = "name a FlinkSessionJob; of a job that others submitted take it by Flink's REST interface, as flink savepoint does"
    source = "the operator's StateSnapshotReconciler"
    source_url = f"{OPERATOR_CODE}reconciler/snapshot/StateSnapshotReconciler.java"

    def check(self, subject: ManifestSubject) -> Iterator[Match]:
        named, document = subject.referenced, subject.document
        if not isinstance(document, FlinkStateSnapshot) or not isinstance(named, FlinkDeployment):
            return
        savepoint = document.spec.savepoint
        if named.is_whole and named.spec.job is None and not (savepoint and savepoint.already_exists):
            message = f"FlinkDeployment {named.name!r} has no job of its own to take a snapshot of"
            yield Match(("spec", "jobReference"), message, key=True)
