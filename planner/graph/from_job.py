"""A Job document to the stream graph part of a ResourceProfile, filling in Flink's defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from planner.documents.base import API_VERSION
from planner.documents.job import (
    DEFAULT_GROUP,
    Checkpointing,
    Input,
    Job,
    JobSpec,
    Operator,
    Restart,
)
from planner.documents.option_tables import option_table
from planner.documents.profile import (
    Edge,
    EdgeFields,
    Node,
    NodeFields,
    NodeProfile,
    PlannerFields,
    ResourceProfile,
    SsgProfile,
)
from planner.documents.sensitive import masked_options
from planner.documents.vocabulary import Exchange, JobType
from planner.graph.from_profile import approximate_local_recovery
from planner.graph.kinds import CACHE, KINDS, find_kind
from planner.graph.stream_graph import default_max_parallelism, default_ship, inherited_group
from planner.units import format_duration

_CHECKPOINTING = {
    "interval": "execution.checkpointing.interval",
    "timeout": "execution.checkpointing.timeout",
    "min_pause": "execution.checkpointing.min-pause",
    "mode": "execution.checkpointing.mode",
    "dir": "execution.checkpointing.dir",
    "incremental": "execution.checkpointing.incremental",
    "unaligned": "execution.checkpointing.unaligned.enabled",
}
_DURATIONS = {"interval", "timeout", "min_pause", "delay", "initial_backoff", "max_backoff"}
_RESTART = {
    "fixed-delay": {"attempts": "attempts", "delay": "delay"},
    "failure-rate": {
        "failures_per_interval": "max-failures-per-interval",
        "interval": "failure-rate-interval",
        "delay": "delay",
    },
    "exponential-delay": {
        "attempts": "attempts-before-reset-backoff",
        "initial_backoff": "initial-backoff",
        "max_backoff": "max-backoff",
    },
    "none": {},
}


def _option_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format_duration(value) if name in _DURATIONS and isinstance(value, int) else str(value)


def _keys_of(version: str, options: Mapping[str, str]) -> dict[str, str]:
    """Return options under their keys in a Flink version; one that it does not have keeps its key."""
    table = option_table(version)
    return {table.spelling(key) or key: value for key, value in options.items()}


def checkpointing_options(checkpointing: Checkpointing, version: str) -> dict[str, str]:
    """Return the options of a Flink version that a job's checkpoint settings stand for."""
    values = ((name, key, getattr(checkpointing, name)) for name, key in _CHECKPOINTING.items())
    options = {key: _option_text(name, value) for name, key, value in values if value is not None}
    return _keys_of(version, options)


def restart_options(restart: Restart, version: str) -> dict[str, str]:
    """Return the options of a Flink version that a job's restart settings stand for."""
    options: dict[str, str] = {"restart-strategy.type": restart.strategy}
    for name, key in _RESTART[restart.strategy].items():
        value = getattr(restart, name)
        if value is not None:
            options[f"restart-strategy.{restart.strategy}.{key}"] = _option_text(name, value)
    return _keys_of(version, options)


def unused_restart_fields(restart: Restart) -> list[str]:
    """Return the fields that are set although the chosen strategy has no such option."""
    known = {"strategy", *_RESTART[restart.strategy]}
    return sorted(name for name in restart.model_fields_set if name not in known)


def effective_configuration(spec: JobSpec) -> dict[str, str]:
    """Return the job's Flink options: those passed through and those its settings stand for."""
    options = dict(spec.flink_configuration)
    if spec.checkpointing:
        options |= checkpointing_options(spec.checkpointing, spec.flink_version)
    if spec.restart:
        options |= restart_options(spec.restart, spec.flink_version)
    return options


def default_parallelism(spec: JobSpec) -> int:
    """Return the parallelism of operators that name none: the job's, Flink's option, or 1."""
    if spec.parallelism is not None:
        return spec.parallelism
    text = spec.flink_configuration.get("parallelism.default", "1")
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 2**15 else 1


def job_max_parallelism(spec: JobSpec) -> int | None:
    """Return the max parallelism of operators that name none, if the job sets one."""
    text = spec.flink_configuration.get("pipeline.max-parallelism", "")
    configured = int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 2**15 else None
    return spec.max_parallelism or configured


def translation_order(operators: list[Operator]) -> Iterator[Operator]:
    """Return operators as Flink translates them: as listed, but each after those it reads.

    Raises:
        ValueError: when an input names no operator.

    """
    by_id = {operator.id: operator for operator in operators}
    done: set[str] = set()
    for first in operators:
        stack = [first]
        entered: set[str] = set()
        while stack:
            current = stack[-1]
            if current.id in done:
                stack.pop()
                continue
            missing = [edge.from_ for edge in current.inputs if edge.from_ not in done]
            if missing and current.id not in entered:
                entered.add(current.id)
                for name in reversed(missing):
                    if name not in by_id:
                        raise ValueError(f"operator {current.id!r} reads from {name!r}, which is not there")
                    stack.append(by_id[name])
                continue
            stack.pop()
            done.add(current.id)
            yield current


def operator_groups(operators: list[Operator]) -> dict[str, str]:
    """Return the slot sharing group of every operator: its own, that of its inputs, or default."""
    groups: dict[str, str] = {}
    for operator in translation_order(operators):
        groups[operator.id] = operator.group or inherited_group(
            [groups.get(edge.from_, DEFAULT_GROUP) for edge in operator.inputs]
        )
    return groups


def declare(job: Job) -> ResourceProfile:
    """Return the profile of ``job`` with everything that is declared or follows by Flink's defaults.

    Slot resources that nobody declared are still missing in it.

    Raises:
        ValueError: when an input names no operator; validation finds that before.

    """
    spec = job.spec
    numbers = {operator.id: number for number, operator in enumerate(spec.operators, 1)}
    groups = operator_groups(spec.operators)
    nodes = {op.id: _node(spec, op, numbers[op.id], groups[op.id]) for op in spec.operators}
    edges = [
        _edge(spec, nodes, operator, index, entry)
        for operator in translation_order(spec.operators)
        for index, entry in enumerate(operator.inputs)
    ]
    declared = list(_declared_groups(spec, groups))
    return ResourceProfile(
        api_version=API_VERSION,
        kind="ResourceProfile",
        metadata=job.metadata,
        ssg_profiles=declared,
        nodes=list(nodes.values()),
        edges=edges,
        planner=PlannerFields(
            type=spec.type,
            flink_version=spec.flink_version,
            flink_configuration=masked_options(effective_configuration(spec)),
            placement={
                group.name: group.placement
                for group in spec.slot_sharing_groups
                if group.placement is not None
            }
            or None,
            recovery=spec.recovery,
            compiled_groups=[group for group in declared if group.cpu is not None] or None,
        ),
    )


def _declared_groups(spec: JobSpec, groups: Mapping[str, str]) -> Iterator[SsgProfile]:
    declared = {group.name: group.resources for group in spec.slot_sharing_groups}
    for name in dict.fromkeys(groups.values()):
        resources = declared.get(name)
        if resources is None:
            yield SsgProfile(name=name)
        else:
            # values are parsed already; managed memory that is left out is derived
            group = SsgProfile.model_construct(
                name=name,
                cpu=resources.cpu,
                heap=resources.heap,
                off_heap=resources.off_heap,
                extended=resources.external,
            )
            given = resources.managed is not None
            yield group.model_copy(update={"managed": resources.managed}) if given else group


def _node(spec: JobSpec, operator: Operator, number: int, group: str) -> Node:
    parallelism = operator.parallelism or default_parallelism(spec)
    max_parallelism = operator.max_parallelism or job_max_parallelism(spec)
    kind = find_kind(operator.kind) or KINDS["operator"]
    defaults: list[Literal["maxParallelism", "group"]] = [] if max_parallelism else ["maxParallelism"]
    if operator.group is None:
        defaults.append("group")
    return Node(
        id=number,
        type=operator.kind,
        desc=operator.name or kind.name.format(id=operator.id),
        profile=NodeProfile(
            group=group,
            parallelism=parallelism,
            max_parallelism=max_parallelism or default_max_parallelism(parallelism),
            min_parallelism=1,
            chaining=operator.chaining or kind.chaining,
        ),
        planner=NodeFields(
            operator=operator.id,
            uid=operator.uid,
            kind=operator.kind,
            co_location_group=operator.co_location_group,
            state=operator.state,
            load=operator.load,
            resources=operator.resources,
            defaults=defaults or None,
        ),
    )


def _edge(spec: JobSpec, nodes: Mapping[str, Node], operator: Operator, index: int, entry: Input) -> Edge:
    source, target = nodes[entry.from_], nodes[operator.id]
    kind = find_kind(operator.kind) or KINDS["operator"]
    ship = entry.ship or default_ship(source.profile.parallelism, target.profile.parallelism)
    mode, streaming = entry.exchange, spec.type is JobType.STREAMING
    if mode is Exchange.UNDEFINED and streaming and not approximate_local_recovery(spec.flink_configuration):
        mode = Exchange.PIPELINED
    number = min(index + 1, kind.inputs) if kind.inputs > 1 else 0
    return Edge(
        source=source.id,
        target=target.id,
        mode=mode,
        strategy=ship,
        planner=EdgeFields(
            input=number,
            default=entry.ship is None,
            output_tag=entry.output_tag,
            cached=True if not streaming and operator.kind == CACHE else None,
        ),
    )
