"""CFG: configuration, the Flink options of a job or of the TaskManagers of a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from planner.documents.finding import Fix, Severity
from planner.documents.foreign.base import REFUSED
from planner.documents.job import Job
from planner.documents.option_tables import Option, of_operator, of_others, supported_versions, without_table
from planner.documents.vocabulary import Backend, JobType, strategy_name
from planner.graph.from_job import checkpointing_options, restart_options, unused_restart_fields
from planner.rules.base import FLINK_CODE, FLINK_DOCS, JobRule, Match, OptionRule, OptionsView, Subject
from planner.units import KIB, format_size, parse_duration, parse_size


class UnknownOption(OptionRule):
    code, name, severity = "CFG401", "unknown-option", Severity.ERROR
    otherwise = "or warning for a Flink version without a table"
    summary = "Flink does not have an option with this key."
    why = "Flink silently ignores keys that it does not have, so a misspelled key has no effect."
    hint = "correct the key; if something other than Flink reads it, add # planner: ignore[CFG401]"
    source = "Flink's configuration page; planner has the options of each version from Flink's classes"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        table, own = options.table, 0
        for key in options.configuration:
            if table.takes(key) or table.find_removed(key) or of_operator(key) or of_others(key):
                continue
            mine = _of_own_factory(key, options)
            own += mine
            if not (mine and (own > _COMPARED or table.suggest(key) is None)):
                severity = options.certainly(key)
                yield Match(options.path(key), table.unknown(key), key=True, severity=severity)


_COMPARED = 100
"""How many keys of a factory are compared with Flink's, which takes milliseconds for each."""
_FACTORIES = ("state.backend.rocksdb.options-factory", "state.backend.forst.options-factory")


def _of_own_factory(key: str, options: OptionsView) -> bool:
    """Tell whether a class of the user configures the state backend: it is given all keys below the backend's."""
    return any(
        factory in options.configuration and key.startswith(factory.removesuffix("options-factory"))
        for factory in _FACTORIES
    )


class RenamedOption(OptionRule):
    code, name, severity = "CFG402", "renamed-option", Severity.WARNING
    summary = "An option has a new key."
    why = "Flink still reads the old key, but a later version will not. If both are set, the new key wins."
    hint = "use the new key"
    source = "the fallback keys in Flink's classes"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key in options.configuration:
            current = options.table.current(key)
            if options.of_vendor and of_operator(key):
                continue  # releases of a vendor's operator come later
            outdated = options.table.outdated.get(key)
            if current:
                message, hint = f"{key!r} is now called {current!r}", f"write {current}{options.assumed}"
                if current in options.configuration:
                    message, hint = f"{message}, which is set too and goes before it", "remove the old one"
                yield Match(options.path(key), message, hint, key=True, fix=_renaming(options, key, current))
            elif outdated:
                message = f"{key!r} is deprecated, and Flink {outdated.since} does not read it"
                hint = f"write {outdated.replacement}"
                yield Match(
                    options.path(key),
                    message,
                    f"{hint}. {outdated.note}" if outdated.note else hint,
                    key=True,
                )


def _renaming(options: OptionsView, key: str, current: str) -> Fix | None:
    """Return how an option gets its new key where it stands, or goes where another says the same.

    Not where the version is assumed or has no table, since it may not know the new key; nor where the
    operator refuses that. Below keys that the new one does not begin with, it would have to stand elsewhere.
    """
    if not options.has_own_table or current in REFUSED:
        return None
    first = options.written(current)
    if first != key:
        same = first is not None and options.configuration[first] == options.configuration[key]
        return Fix() if same else None
    above = key.removesuffix(str(options.path(key)[-1]))
    return Fix(key=current.removeprefix(above)) if current.startswith(above) else None


class RemovedOptionUsed(OptionRule):
    code, name, severity = "CFG403", "removed-option", Severity.ERROR
    otherwise = "or warning for a Flink version without a table"
    summary = "An option was removed in the chosen Flink version."
    why = "Flink ignores it, so it has no effect."
    hint = "remove it, or use its replacement"
    source = "the difference between the options of Flink's versions"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key in options.configuration:
            removed = options.table.find_removed(key)
            if removed is None or options.table.find(key):
                continue
            hint = f"use {removed.replacement}" if removed.replacement else removed.note or "remove it"
            message, severity = f"{key!r} was removed in Flink {removed.since}", options.certainly(key)
            fix = Fix() if options.has_own_table and not (removed.replacement or removed.note) else None
            yield Match(options.path(key), message, hint, key=True, severity=severity, fix=fix)


class WrongValue(OptionRule):
    code, name, severity = "CFG404", "wrong-value", Severity.ERROR
    summary = "Flink cannot parse the value of an option."
    why = "The job or the cluster fails when it starts, or when the option is first used."
    hint = "write a value of the option's type"
    source = "Flink's ConfigurationUtils, MemorySize and TimeUtils"
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/ConfigurationUtils.java"
    )

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key, value in options.configuration.items():
            current = options.table.find(key)
            if current is None or (current.type == "Map" and current.key != key) or key in options.unfilled:
                continue  # a key below a map holds anything
            problem = unreadable(current, value)
            if problem:
                yield Match(options.path(key), f"{key}: {problem}")


_INTEGER = re.compile(r"[+-]?[0-9]+")


_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[fFdD]?")


_PAGE, _LEAST_PAGE = "taskmanager.memory.segment-size", 4 * KIB
"""The option of which `ConfigurationParserUtils.getPageSize` takes not every size."""


_RANGES = {"Integer": 2**31, "Long": 2**63}


def unreadable(option: Option, value: str) -> str | None:
    """Return why Flink cannot read ``value`` as the option's type, or None if it can."""
    if option.type == "Map":
        pairs = (pair for pair in re.split(r"[,;\n]", value) if pair.strip())
        wrong = next((pair for pair in pairs if ":" not in pair), None)
        return f"{wrong.strip()[:40]!r} is not a pair of key:value" if wrong is not None else None
    if option.is_list:
        items = (item for item in value.split(";") if item.strip())
        return next((problem for item in items if (problem := _unreadable(option, item))), None)
    return _unreadable(option, value)


def _unreadable(option: Option, value: str) -> str | None:
    text = value.strip()
    try:
        match option.type:
            case "MemorySize":
                size = parse_size(value)
                if option.key == _PAGE and (size < _LEAST_PAGE or size & (size - 1)):
                    return f"{value[:40]!r} is not a power of 2 of at least {format_size(_LEAST_PAGE)}"
            case "Duration":
                parse_duration(value)
            case "Boolean" if text.lower() not in ("true", "false"):
                return f"{value[:40]!r} is neither true nor false"
            case "Integer" | "Long" if not _is_integer(text, _RANGES[option.type]):
                return f"{value[:40]!r} is not a whole number of type {option.type}"
            case "Double" | "Float" if not _DECIMAL.fullmatch(text):
                return f"{value[:40]!r} is not a number"
            case _:
                pass
    except ValueError as error:
        return str(error)
    if option.enum and text.upper() not in {choice.upper() for choice in option.enum}:
        return f"{value[:40]!r} is not one of {', '.join(option.enum)}"
    return None


def _is_integer(text: str, limit: int) -> bool:
    return bool(_INTEGER.fullmatch(text)) and len(text) <= 40 and -limit <= int(text) < limit


def same_value(option: Option | None, left: str, right: str) -> bool:
    """Return whether two spellings mean the same to Flink."""
    if left.strip().lower() == right.strip().lower():
        return True
    parsers: dict[str, Callable[[str], int]] = {
        "MemorySize": parse_size,
        "Duration": parse_duration,
        "Integer": int,
    }
    parse = parsers.get(option.type) if option else None
    try:
        return parse is not None and parse(left) == parse(right)
    except ValueError:
        return False


class ContradictingOption(JobRule):
    code, name, severity = "CFG405", "contradicting-option", Severity.ERROR
    summary = "A field of the job and an option under flinkConfiguration have different values."
    why = "Only one of them can take effect, and a reader cannot see which one."
    hint = "keep one of them"
    source = "planner's document format; each such field sets the Flink option of the message"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if not isinstance(subject.document, Job):
            return
        spec = subject.document.spec
        own: dict[str, str] = {}
        if spec.checkpointing:
            own |= checkpointing_options(spec.checkpointing, spec.flink_version)
        if spec.restart:
            own |= restart_options(spec.restart, spec.flink_version)
        if spec.parallelism is not None:
            own["parallelism.default"] = str(spec.parallelism)
        if spec.max_parallelism is not None:
            own["pipeline.max-parallelism"] = str(spec.max_parallelism)
        own["execution.runtime-mode"] = spec.type.upper()
        for key, value in own.items():
            other = spec.flink_configuration.get(key)
            if other is None or same_value(subject.options.table.find(key), other, value):
                continue
            if key == "execution.runtime-mode" and other.strip().upper() == "AUTOMATIC":
                continue
            path = subject.written_options.get(key, ("spec", "flinkConfiguration"))
            yield Match(path, f"{key} is {other!r} here and {value!r} in the job's own fields", key=True)


class ClusterOptionInJob(JobRule):
    code, name, severity = "CFG406", "cluster-option-in-job", Severity.WARNING
    summary = "A job sets an option that only a TaskManager or JobManager process reads."
    why = "The memory and the slots of a process are fixed when it starts, before it runs any job, so the option has no effect in a job."
    hint = "set it for the TaskManagers in the cluster document"
    source = "Flink's TaskExecutorProcessUtils and JobManagerProcessUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/clusterframework/TaskExecutorProcessUtils.java"

    _PREFIXES = (
        "taskmanager.memory.",
        "jobmanager.memory.",
        "taskmanager.numberOfTaskSlots",
        "taskmanager.cpu.cores",
    )
    _NEEDED = ("taskmanager.memory.segment-size", "taskmanager.memory.managed.consumer-weights")

    def check(self, subject: Subject) -> Iterator[Match]:
        for key in subject.configuration:
            if key.startswith(self._PREFIXES) and key not in self._NEEDED:
                yield Match(subject.option_path(key), f"{key!r} has no effect in a job", key=True)


_SCHEDULER, _SCHEDULER_MODE = "jobmanager.scheduler", "scheduler-mode"


def _scheduler(subject: Subject) -> tuple[str, str | None]:
    """Return the scheduler that Flink takes, in lower case, and the option that decides; None is no option.

    As `DefaultSlotPoolServiceSchedulerFactory.getSchedulerType`: reactive mode goes before the scheduler,
    and where either asks for the adaptive scheduler a batch job gets the adaptive batch scheduler.
    """
    batch = subject.type is JobType.BATCH
    if subject.configuration.get(_SCHEDULER_MODE, "").strip().lower() == "reactive":
        return "adaptivebatch" if batch else "adaptive", _SCHEDULER_MODE
    named = subject.configuration.get(_SCHEDULER)
    if named is None:
        return "adaptivebatch" if batch else "default", None
    name = named.strip().lower()
    return "adaptivebatch" if batch and name == "adaptive" else name, _SCHEDULER


class ParallelismNotFixed(JobRule):
    code, name, severity = "CFG407", "parallelism-not-fixed", Severity.ERROR
    otherwise = "or warning where no group declares resources, and for an autoscaler"
    concerns_placement = True
    summary = "The job runs under a scheduler or an autoscaler that does not follow a placement."
    why = "A placement is made for the parallelism and the slots of the job as it is declared. The adaptive scheduler, also in reactive mode, requests slots without the resources of groups and with the parallelism that there is room for. An autoscaler changes parallelism while the job runs, and slots beyond the quotas of a placement find no room."
    hint = "use jobmanager.scheduler: Default, without scheduler-mode"
    source = "Flink's pages on elastic scaling and fine-grained resource management; the autoscaler of Flink's Kubernetes operator"
    source_url = f"{FLINK_DOCS}deployment/elastic_scaling/"

    _AUTOSCALERS = ("job.autoscaler.", "kubernetes.operator.job.autoscaler.")
    _ADAPTIVE_ONLY = ("jobmanager.adaptive-scheduler.", "web.adaptive-scheduler.")

    def check(self, subject: Subject) -> Iterator[Match]:
        scheduler, key = _scheduler(subject)
        if scheduler == "adaptive" and key is not None:
            declared = any(group.given for group in subject.groups)
            ignored = "the resources of slot sharing groups and a placement" if declared else "a placement"
            yield Match(
                subject.option_path(key),
                f"{key}: {subject.configuration[key]} ignores {ignored}",
                severity=None if declared else Severity.WARNING,
            )
        elif subject.type is JobType.STREAMING:
            yield from self._unnamed(subject, key)
        yield from self._autoscaler(subject)

    def _unnamed(self, subject: Subject, key: str | None) -> Iterator[Match]:
        """Find options that only the adaptive scheduler reads where nothing says which scheduler there is."""
        only = next((name for name in subject.configuration if name.startswith(self._ADAPTIVE_ONLY)), None)
        if key is None and only is not None:
            yield Match(
                subject.option_path(only),
                f"only the adaptive scheduler reads {only!r}; if the cluster uses it, it ignores a placement",
                "remove it, or set jobmanager.scheduler: Default",
                key=True,
                severity=Severity.WARNING,
            )

    def _autoscaler(self, subject: Subject) -> Iterator[Match]:
        options = subject.configuration
        prefix = next((p for p in self._AUTOSCALERS if f"{p}enabled" in options), None)
        if prefix is None or options[f"{prefix}enabled"].strip().lower() != "true":
            return
        scaling = next(
            (options[key] for p in self._AUTOSCALERS if (key := f"{p}scaling.enabled") in options), ""
        )
        if scaling.strip().lower() != "false":
            yield Match(
                subject.option_path(f"{prefix}enabled"),
                f"{prefix}enabled: the autoscaler changes the parallelism that a placement is made for",
                f"set {prefix}scaling.enabled: false, which only recommends, and place again for its figures",
                severity=Severity.WARNING,
            )


class UnusedRestartField(JobRule):
    code, name, severity = "CFG408", "unused-restart-field", Severity.WARNING
    summary = "A restart setting belongs to another strategy than the configured one."
    why = "Flink reads only the options of the configured strategy."
    hint = "remove it, or choose the strategy that it belongs to"
    source = "Flink's RestartStrategyOptions"
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/RestartStrategyOptions.java"
    )

    def check(self, subject: Subject) -> Iterator[Match]:
        if isinstance(subject.document, Job) and (restart := subject.document.spec.restart):
            aliases = {name: field.alias or name for name, field in type(restart).model_fields.items()}
            for field in unused_restart_fields(restart):
                message = f"strategy {restart.strategy} has no {aliases[field]}"
                yield Match(("spec", "restart", aliases[field]), message, key=True)


class UnknownRestartStrategy(OptionRule):
    code, name, severity = "CFG409", "unknown-restart-strategy", Severity.ERROR
    summary = "The restart strategy is not one of Flink's."
    why = "Flink refuses the job."
    hint = "use none, fixed-delay, failure-rate or exponential-delay"
    source = "Flink's RestartStrategyOptions"
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/configuration/RestartStrategyOptions.java"
    )

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key in ("restart-strategy.type", "restart-strategy"):
            value = options.configuration.get(key)
            if value is not None and key not in options.unfilled and strategy_name(value) is None:
                yield Match(options.path(key), f"{value!r} is not a restart strategy of Flink")


class UnknownBackend(OptionRule):
    code, name, severity = "CFG410", "unknown-backend", Severity.ERROR
    summary = "The state backend is not one of Flink's."
    why = "Flink takes the value for the class name of a factory, and does not find that class."
    hint = "use hashmap, rocksdb or forst, or the full name of a factory class"
    source = "Flink's StateBackendLoader"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/state/StateBackendLoader.java"
    )

    def check(self, options: OptionsView) -> Iterator[Match]:
        known = [*Backend, "filesystem", "jobmanager"]
        for key in ("state.backend.type", "state.backend"):
            value = options.configuration.get(key)
            if value is None or key in options.unfilled:
                continue
            if value.strip().lower() not in known and "." not in value:
                close = get_close_matches(value.lower()[:40], known, 1)
                also = f", did you mean {str(close[0])!r}?" if close else ""
                yield Match(options.path(key), f"{value[:40]!r} is not a state backend of Flink{also}")


class AdaptiveBatchScheduler(JobRule):
    code, name, severity = "CFG411", "adaptive-batch-scheduler", Severity.WARNING
    concerns_placement = True
    summary = "A batch job uses the adaptive batch scheduler."
    why = "It is Flink's default for batch jobs. It requests one slot per subtask regardless of groups, so the resources of groups, and the placement, are ignored."
    hint = "set jobmanager.scheduler: Default, without scheduler-mode"
    source = "Flink's SimpleExecutionSlotAllocator, verified on a real cluster; DefaultSlotPoolServiceSchedulerFactory"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/scheduler/SimpleExecutionSlotAllocator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        scheduler, key = _scheduler(subject)
        if subject.type is not JobType.BATCH or scheduler in ("default", "ng"):
            return
        if key is not None:
            message = f"{key}: {subject.configuration[key]} ignores slot sharing groups"
            yield Match(subject.option_path(key), message)
        else:
            place = "spec" if subject.kind == "Job" else "planner"
            message = f"without {_SCHEDULER}: Default, a batch job ignores slot sharing groups"
            yield Match((place, "type"), message)


class NoOptionTable(JobRule):
    code, name, severity = "CFG412", "no-option-table", Severity.WARNING
    summary = "The Flink version of a job is not one whose options planner has."
    why = "Options are checked against the nearest version that planner has. What is found about an option may be wrong for this version, and a fault may be missed."
    hint = f"set flinkVersion to the version that runs the job; planner has {', '.join(supported_versions())}"
    source = "planner's option tables, which are read from the classes of each Flink version"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: Subject) -> Iterator[Match]:
        message = without_table(subject.flink_version)
        if message is not None:
            yield Match(("spec" if subject.kind == "Job" else "planner", "flinkVersion"), message)


class MemoryInJavaOptions(OptionRule):
    code, name, severity = "CFG413", "memory-in-java-options", Severity.WARNING
    summary = "A JVM argument in env.java.opts replaces the one that follows from the memory options."
    why = "Flink's scripts put env.java.opts behind the arguments that they derive, and the JVM takes the last one. The process then has another heap, direct memory or metaspace than Flink shares out, and may be killed for more memory than its container has."
    hint = "remove it, and set the size with taskmanager.memory.* or jobmanager.memory.*"
    source = "Flink's start scripts, taskmanager.sh and flink-daemon.sh; ProcessMemoryUtils"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/util/config/memory/ProcessMemoryUtils.java"

    def check(self, options: OptionsView) -> Iterator[Match]:
        for key, value in options.configuration.items():
            if key in _JAVA_OPTIONS:
                for argument in value.split():
                    flag = next((each for each in _DERIVED if argument.strip(_QUOTES).startswith(each)), None)
                    if flag is not None:
                        message = f"{key}: {argument.strip(_QUOTES)} replaces the {flag} that Flink derives"
                        yield Match(options.path(key), message)


_JAVA_OPTIONS = (
    "env.java.opts",
    *(
        f"env.java.{opts}.{who}"
        for opts in ("opts", "default-opts")
        for who in ("all", "taskmanager", "jobmanager")
    ),
)
_DERIVED = ("-Xmx", "-Xms", "-XX:MaxDirectMemorySize", "-XX:MaxMetaspaceSize")
_QUOTES = "\"'"
