"""OPS: operations, what a job needs to run in production: uids, checkpoints, restarts."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.base import scalar_text
from planner.documents.finding import Path, Severity
from planner.documents.foreign.base import ForeignDocument
from planner.documents.foreign.configuration import FlinkConfiguration
from planner.documents.foreign.templates import is_wholly_placeholder
from planner.documents.sensitive import (
    ARGUMENTS,
    OPTION_FIELDS,
    is_sensitive,
    masked,
    masked_arguments,
    masked_user_info,
)
from planner.documents.vocabulary import JobType, strategy_name
from planner.rules.base import (
    FLINK_CODE,
    FLINK_DOCS,
    DataRule,
    JobRule,
    Match,
    OperatorView,
    OptionRule,
    OptionsView,
    Subject,
)


def _stateful(subject: Subject) -> list[OperatorView]:
    """Return the operators of a streaming job that keep state from one run to the next."""
    if subject.type is JobType.BATCH:
        return []
    return [operator for operator in subject.operators if operator.stateful]


class NoUid(JobRule):
    code, name, severity = "OPS601", "no-uid", Severity.WARNING
    readiness = True
    summary = "An operator with state has no uid."
    why = "Without a uid, Flink derives the operator ID from the shape of the graph. Any upstream change gives the operator another ID, and Flink cannot map its state from a savepoint."
    hint = "add a uid: that never changes"
    source = "Flink's production readiness checklist"
    source_url = f"{FLINK_DOCS}ops/production_ready/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.kind == "Job":
            for operator in _stateful(subject):
                if operator.uid is None:
                    yield Match(operator.at("id"), f"operator {operator.id!r} keeps state but has no uid")


class NoCheckpoints(JobRule):
    code, name, severity = "OPS602", "no-checkpoints", Severity.WARNING
    readiness = True
    summary = "A streaming job with state takes no checkpoints."
    why = "Its state is lost after a failure. Besides, without checkpoints Flink does not restart the job at all by default."
    hint = "set checkpointing: {interval: 30 s}"
    source = "Flink's checkpointing page"
    source_url = f"{FLINK_DOCS}dev/datastream/fault-tolerance/checkpointing/"

    def check(self, subject: Subject) -> Iterator[Match]:
        stateful = _stateful(subject)
        if (
            stateful
            and subject.type is JobType.STREAMING
            and "execution.checkpointing.interval" not in subject.configuration
        ):
            yield Match(
                stateful[0].at("id"),
                f"operator {stateful[0].id!r} keeps state, but no checkpoint interval is set",
            )


class LocalCheckpoints(JobRule):
    code, name, severity = "OPS603", "local-checkpoints", Severity.WARNING
    readiness = True
    summary = "Checkpoints are written to a local directory, or to no durable storage."
    why = "A TaskManager on another host cannot read them, so the job cannot recover from the loss of a host."
    hint = "set execution.checkpointing.dir to shared storage such as s3:// or hdfs://"
    source = "Flink's checkpoints page"
    source_url = f"{FLINK_DOCS}ops/state/checkpoints/"

    def check(self, subject: Subject) -> Iterator[Match]:
        options = subject.configuration
        interval = "execution.checkpointing.interval"
        if interval not in options:
            return
        key = next(
            (k for k in ("execution.checkpointing.dir", "state.checkpoints.dir") if k in options),
            None,
        )
        if key is None:
            yield Match(
                subject.option_path(interval),
                subject.options.table.respell(
                    "checkpoints are enabled, but execution.checkpointing.dir is not set"
                ),
                key=True,
            )
        elif options[key].startswith(("file:", "/")):
            yield Match(
                subject.option_path(key),
                f"checkpoints go to {options[key]!r}, which other hosts may not be able to read",
            )


class NoRestart(JobRule):
    code, name, severity = "OPS604", "no-restart", Severity.WARNING
    readiness = True
    summary = "The job does not restart after a failure, or it restarts only once."
    why = "The first or second loss of a TaskManager ends the job for good."
    hint = "use exponential-delay, or more attempts"
    source = "Flink's page on task failure recovery: fixed-delay makes one attempt by default"
    source_url = f"{FLINK_DOCS}ops/state/task_failure_recovery/"

    def check(self, subject: Subject) -> Iterator[Match]:
        options = subject.configuration
        key = next((k for k in ("restart-strategy.type", "restart-strategy") if k in options), None)
        name = strategy_name(options[key]) if key else None
        if key and name == "none":
            yield Match(subject.option_path(key), "the job does not restart after a failure")
        elif (
            key
            and name == "fixed-delay"
            and options.get("restart-strategy.fixed-delay.attempts", "1").strip() in ("0", "1")
        ):
            yield Match(subject.option_path(key), "the job restarts at most once")


class NoMaxParallelism(JobRule):
    code, name, severity = "OPS605", "no-max-parallelism", Severity.INFO
    readiness = True
    summary = "A job with state does not set max parallelism."
    why = "Flink derives it from the parallelism of the first start, and it cannot change while the state is kept. The usual result is 128."
    hint = "set maxParallelism, for example to 720, which has many divisors"
    source = "Flink's production readiness checklist"
    source_url = f"{FLINK_DOCS}ops/production_ready/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.kind != "Job" or subject.graph is None:
            return
        for operator in _stateful(subject):
            if subject.graph.by_id[subject.node_of[operator.id]].max_parallelism is None:
                yield Match(
                    operator.at("id"),
                    f"operator {operator.id!r} keeps state, but no max parallelism is set",
                )
                return


class SecretInDocument(DataRule):
    code, name, severity = "OPS606", "secret-in-document", Severity.WARNING
    summary = "A document holds a password, a key or a token."
    why = "Documents are committed and shared. Whoever reads the repository, or a copy of it, has the secret, and it stays in the history when it is removed."
    hint = "write @FILE or @env:NAME as its value, or give it beside the document, and replace the secret itself: it is known now"
    source = "the keys whose values Flink hides, GlobalConfiguration.isSensitive, and passwords in URLs"
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/GlobalConfiguration.java"
    )

    _OF_OTHERS = "keep it in a Secret that Flink is given as a file or a variable, and replace the secret itself: it is known now"

    def check(self, data: object, document: object = None) -> Iterator[Match]:
        own = self._OF_OTHERS if isinstance(document, ForeignDocument) else None
        within = "" if isinstance(document, FlinkConfiguration) else None
        for key, text, path in _texts(data, option=within):
            if path[-2:-1] == (ARGUMENTS,):
                hint = "let the program read it from a file or the environment"
                yield Match(path, "an argument of the program is a secret in plain text", hint)
            elif key is not None and is_sensitive(key):
                if masked(key, text) != text and not is_wholly_placeholder(text):
                    yield Match(path, f"{key[:80]} holds a secret in plain text", own, key=True)
            elif text != (masked_user_info(text) if key is None else masked(key, text)):
                hint = "give user and password by options of their own, as in s3.access-key and s3.secret-key"
                yield Match(path, "has a password in plain text", hint, key=True)


def _texts(
    data: object, path: Path = (), option: str | None = None
) -> Iterator[tuple[str | None, str, Path]]:
    """Yield what can be a secret in a document, with the option that it is the value of, and its path.

    Of the arguments of a program only secrets are yielded, and of other texts only addresses. ``option`` is
    the key so far within Flink options, flat or nested.
    """
    if isinstance(data, dict):
        for name, item in data.items():
            inside = f"{option}.{name}" if option else str(name)
            deeper = inside if option is not None else "" if name in OPTION_FIELDS else None
            if _can_be_secret(item, deeper):
                yield from _texts(item, (*path, name), deeper)
    elif isinstance(data, list) and path[-1:] == (ARGUMENTS,):
        words = [str(item) for item in data]
        shown = masked_arguments(words)
        yield from ((None, word, (*path, n)) for n, word in enumerate(words) if shown[n] != word)
    elif isinstance(data, list):
        for number, item in enumerate(data):
            if _can_be_secret(item, option):
                yield from _texts(item, (*path, number), option)
    else:
        yield option, scalar_text(data), path


def _can_be_secret(item: object, option: str | None) -> bool:
    return option is not None or isinstance(item, (dict, list)) or (isinstance(item, str) and "://" in item)


INTERVAL = "execution.checkpointing.interval"
BACKUP, FROM_LOCAL = "execution.checkpointing.local-backup.enabled", "execution.state-recovery.from-local"
_CONFIGURATION = f"{FLINK_DOCS}deployment/config/"


def _takes_checkpoints(options: OptionsView) -> bool:
    """Tell whether a document takes checkpoints and says all of it: what is set elsewhere is asked there."""
    here = INTERVAL in options.paths or INTERVAL not in options.configuration
    return options.whole and here and bool(options.duration(INTERVAL))


def _checkpoint_path(options: OptionsView, key: str = INTERVAL) -> Path:
    """Return where an option is set, or checkpoints are enabled, or the job for which the operator does that."""
    return options.path(key) or options.path(INTERVAL) or ("spec", "job")


class HalfOfLocalRecovery(OptionRule):
    code, name, severity = "OPS607", "half-of-local-recovery", Severity.WARNING
    summary = "Only one half of local recovery is enabled."
    why = "A local backup that no recovery reads costs disk and time, and a recovery from local state finds none without backups."
    hint = "enable both, or neither"
    source = "Flink's CheckpointingOptions and StateRecoveryOptions (FLIP-406)"
    source_url = _CONFIGURATION

    effective = True

    def check(self, options: OptionsView) -> Iterator[Match]:
        if BACKUP not in options.table.options:
            return  # before Flink 1.20 one option is for both
        backup, recovery = options.value(BACKUP), options.value(FROM_LOCAL)
        if options.whole and {backup, recovery} == {"true", "false"}:
            key = next((key for key in (BACKUP, FROM_LOCAL) if key in options.paths), "")
            message = f"{BACKUP} is {backup}, and {FROM_LOCAL} is {recovery}"
            yield Match(options.path(key), message, key=True)


class NoCancellationTimeout(OptionRule):
    code, name, severity = "OPS608", "no-cancellation-timeout", Severity.WARNING
    summary = "The watchdog of cancellations is disabled."
    why = "A task that does not end when it is cancelled keeps its slot, and the job stays in RESTARTING, until someone ends the TaskManager. With the watchdog, Flink ends it."
    hint = "remove task.cancellation.timeout, or set it to some minutes"
    source = "Flink's TaskManagerOptions: a value of 0 deactivates the watchdog"
    source_url = _CONFIGURATION

    def check(self, options: OptionsView) -> Iterator[Match]:
        key = "task.cancellation.timeout"
        if key in options.configuration and options.duration(key) == 0:
            yield Match(options.path(key), "a cancellation that hangs is never ended", key=True)


class RecoveryWithoutItsPrerequisite(OptionRule):
    code, name, severity = "OPS609", "recovery-prerequisite", Severity.WARNING
    summary = "Checkpoints during recovery are enabled without what they need."
    why = "Flink takes no checkpoint while it recovers the buffers of an unaligned one, unless output is recovered downstream."
    hint = "set both to true, or neither"
    source = "Flink's page on checkpoints under backpressure, and CheckpointingOptions of Flink 2.3"
    source_url = f"{FLINK_DOCS}ops/state/checkpointing_under_backpressure/"

    effective = True

    def check(self, options: OptionsView) -> Iterator[Match]:
        key = "execution.checkpointing.during-recovery.enabled"
        needed = "execution.checkpointing.unaligned.recover-output-on-downstream.enabled"
        if not options.whole or key not in options.table.options:
            return
        if options.value(key) == "true" and options.value(needed) == "false":
            yield Match(options.path(key), f"{key} needs {needed}", key=True)


class CheckpointsDeleted(OptionRule):
    code, name, severity = "OPS610", "checkpoints-deleted", Severity.WARNING
    only_production = effective = True
    summary = "The checkpoints of a job are deleted when it is cancelled or fails."
    why = "Without a retained checkpoint a job that was cancelled by mistake, or that failed for good, starts without its state. The Kubernetes operator sets this for application clusters."
    hint = "set execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION"
    source = "Flink's page on checkpoints: they are not retained by default"
    source_url = f"{FLINK_DOCS}ops/state/checkpoints/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        key = "execution.checkpointing.externalized-checkpoint-retention"
        if _takes_checkpoints(options) and options.value(key) == "no_externalized_checkpoints":
            message = "no checkpoint is retained when the job ends"
            yield Match(_checkpoint_path(options, key), message, key=True)


class NoFailedCheckpointTolerated(OptionRule):
    code, name, severity = "OPS611", "no-failed-checkpoint", Severity.WARNING
    only_production = effective = True
    summary = "One failed checkpoint fails the job."
    why = "A slow moment of the storage restarts the job. While it catches up checkpoints take longer, so that the next one may fail as well."
    hint = "set execution.checkpointing.tolerable-failed-checkpoints to a few, such as 3"
    source = "Flink's ExecutionCheckpointingOptions: none is tolerated by default"
    source_url = f"{FLINK_DOCS}dev/datastream/fault-tolerance/checkpointing/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        key = "execution.checkpointing.tolerable-failed-checkpoints"
        if _takes_checkpoints(options) and options.value(key) in ("", "0"):
            yield Match(_checkpoint_path(options, key), "no failed checkpoint is tolerated", key=True)


class CheckpointsBackToBack(OptionRule):
    code, name, severity = "OPS612", "checkpoints-back-to-back", Severity.INFO
    only_production = effective = True
    summary = "There is no pause between checkpoints."
    why = "Where one takes longer than the interval, the next begins at once, and the job does little but checkpoints."
    hint = "set execution.checkpointing.min-pause, for example to half of the interval"
    source = "Flink's page on large state: tuning checkpointing"
    source_url = f"{FLINK_DOCS}ops/state/large_state_tuning/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        if _takes_checkpoints(options) and options.duration("execution.checkpointing.min-pause") == 0:
            yield Match(_checkpoint_path(options), "checkpoints may run back to back", key=True)


class FullCheckpoints(OptionRule):
    code, name, severity = "OPS613", "full-checkpoints", Severity.WARNING
    only_production = effective = True
    summary = "RocksDB or ForSt writes all of its state at each checkpoint."
    why = "An incremental checkpoint writes what has changed since the last one, which is far less for large state."
    hint = "set execution.checkpointing.incremental: true"
    source = "Flink's page on large state: incremental checkpoints"
    source_url = f"{FLINK_DOCS}ops/state/large_state_tuning/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        key = next((k for k in ("state.backend.type", "state.backend") if k in options.configuration), None)
        incremental = options.table.spelling("execution.checkpointing.incremental")
        if key is None or incremental is None or not _takes_checkpoints(options):
            return
        native = options.configuration[key].strip().lower() in ("rocksdb", "forst")
        if native and options.value(incremental) == "false":
            yield Match(_checkpoint_path(options, key), "every checkpoint writes all state", key=True)
