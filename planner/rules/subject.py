"""A document in the form that rules read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from planner.documents.cluster import Cluster
from planner.documents.finding import Path
from planner.documents.foreign.base import ForeignDocument
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.dialects import of_amazon
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.templates import is_placeholder
from planner.documents.job import Checkpointing, Job, Load, Operator, Resources, Restart, option_paths
from planner.documents.option_tables import OptionTable
from planner.documents.profile import Node, ResourceProfile, SsgProfile
from planner.graph.chaining import Chainer
from planner.graph.from_job import (
    checkpointing_options,
    declare,
    effective_configuration,
    restart_options,
)
from planner.graph.from_profile import operator_id, planner_fields, stream_graph
from planner.graph.kinds import find_kind, kind_of_exec_node
from planner.memory.complete import complete_profile
from planner.memory.estimates import estimates
from planner.memory.off_heap import job_catalogue
from planner.place.bend import without_estimates
from planner.place.model.slots import slot_resources
from planner.place.model.task_managers import cluster_errors, task_managers_of
from planner.rules.base import (
    ClusterSubject,
    GroupView,
    InputView,
    ManifestSubject,
    OperatorView,
    OptionsView,
    Subject,
)

_FIELDS = (
    "id",
    "uid",
    "name",
    "kind",
    "parallelism",
    "max_parallelism",
    "chaining",
    "group",
    "inputs",
)


def _default_backend(configuration: dict[str, str]) -> str:
    return (
        configuration.get("state.backend.type", configuration.get("state.backend", "hashmap")).strip().lower()
    )


def of_job(job: Job, data: object, table: OptionTable) -> Subject:
    """Return a Job, whose raw ``data`` is given too, as rules read it, still without its graph."""
    configuration = effective_configuration(job.spec)
    written = option_paths(data, ("spec", "flinkConfiguration"))
    backend = _default_backend(configuration)
    return Subject(
        kind="Job",
        type=job.spec.type,
        operators=[
            _job_operator(op, ("spec", "operators", n), backend) for n, op in enumerate(job.spec.operators)
        ],
        groups=[
            _group(group.name, ("spec", "slotSharingGroups", n), group.resources)
            for n, group in enumerate(job.spec.slot_sharing_groups)
        ],
        options=OptionsView(configuration, written | _structured(job), table, version=job.spec.flink_version),
        flink_version=job.spec.flink_version,
        written_options=written,
        node_of={operator.id: number for number, operator in enumerate(job.spec.operators, 1)},
        placements={
            group.name: (group.placement, ("spec", "slotSharingGroups", n, "placement"))
            for n, group in enumerate(job.spec.slot_sharing_groups)
            if group.placement is not None
        },
        catalogue=job_catalogue(job.spec.off_heap_catalogue),
        document=job,
    )


def _structured(job: Job) -> dict[str, Path]:
    """Return the options that come from the job's own fields, with the fields they come from."""
    found: dict[str, Path] = {}
    version = job.spec.flink_version
    if (checkpointing := job.spec.checkpointing) is not None:
        for name in checkpointing.model_fields_set:
            one = Checkpointing.model_construct(**{name: getattr(checkpointing, name)})
            path = ("spec", "checkpointing", Checkpointing.model_fields[name].alias or name)
            found |= dict.fromkeys(checkpointing_options(one, version), path)
    if (restart := job.spec.restart) is not None:
        for name in sorted(restart.model_fields_set - {"strategy"}):
            one_field = {"strategy": restart.strategy, name: getattr(restart, name)}
            path = ("spec", "restart", Restart.model_fields[name].alias or name)
            found |= dict.fromkeys(restart_options(Restart.model_construct(**one_field), version), path)
        alone = Restart.model_construct(strategy=restart.strategy)
        found |= dict.fromkeys(restart_options(alone, version), ("spec", "restart", "strategy"))
    return found


def _job_operator(operator: Operator, path: Path, backend: str) -> OperatorView:
    aliases = {name: Operator.model_fields[name].alias or name for name in _FIELDS}
    paths = {aliases[name]: (*path, aliases[name]) for name in _FIELDS if name in operator.model_fields_set}
    paths["cpuSamples"] = (*path, "load", "cpuSamples")
    kind = find_kind(operator.kind)
    return OperatorView(
        id=operator.id,
        path=path,
        paths=paths,
        uid=operator.uid,
        kind=operator.kind,
        group=operator.group,
        inputs=[
            InputView(e.from_, (*path, "inputs", n), e.ship, e.exchange)
            for n, e in enumerate(operator.inputs)
        ],
        stateful=operator.state is not None or bool(kind and kind.keyed),
        backend=(operator.state.backend if operator.state else None) or backend,
        off_heap=operator.resources.off_heap if operator.resources else None,
        samples=_samples(operator.load),
    )


def _samples(load: Load | None) -> int | None:
    return None if load is None or load.cpu_samples is None else len(load.cpu_samples)


def _group(name: str, path: Path, resources: Resources | None) -> GroupView:
    if resources is None:
        return GroupView(name, path, path, frozenset(), None, None)
    given = {name for name, value in (("cpu", resources.cpu), ("heap", resources.heap)) if value is not None}
    given |= {"offHeap"} if resources.off_heap is not None else set()
    given |= {"managed"} if resources.managed else set()
    given |= {"external"} if resources.external else set()
    managed = None if resources.managed is None else sum(resources.managed.values())
    return GroupView(name, path, (*path, "resources"), frozenset(given), managed, resources.off_heap)


def of_profile(profile: ResourceProfile, data: object, table: OptionTable) -> Subject:
    """Return a ResourceProfile, whose raw ``data`` is given too, as rules read it, still without its graph."""
    fields = planner_fields(profile)
    inputs: dict[int, list[InputView]] = defaultdict(list)
    names = {node.id: operator_id(node) for node in profile.nodes}
    for number, edge in enumerate(profile.edges):
        producer = names.get(edge.source, str(edge.source))
        inputs[edge.target].append(InputView(producer, ("edges", number), edge.strategy, edge.mode))
    backend = _default_backend(fields.flink_configuration)
    return Subject(
        kind="ResourceProfile",
        type=fields.type,
        operators=[
            _node_operator(node, ("nodes", n), inputs[node.id], backend)
            for n, node in enumerate(profile.nodes)
        ],
        groups=[_ssg(group, ("ssgProfiles", n)) for n, group in enumerate(profile.ssg_profiles)],
        options=OptionsView(
            fields.flink_configuration,
            option_paths(data, ("planner", "flinkConfiguration")),
            table,
            version=fields.flink_version,
        ),
        flink_version=fields.flink_version,
        node_of={operator_id(node): node.id for node in profile.nodes},
        placements={
            group: (wanted, ("planner", "placement", group))
            for group, wanted in (fields.placement or {}).items()
        },
        document=profile,
    )


def _node_operator(node: Node, path: Path, inputs: Sequence[InputView], backend: str) -> OperatorView:
    fields = node.planner
    kind = fields.kind if fields else kind_of_exec_node(node.type)
    found = find_kind(kind)
    if fields is None and found is not None and found.source and inputs:
        kind = "operator"  # an exec node of unknown class with inputs is not a source, whatever its name
    paths: dict[str, Path] = {
        "id": (*path, "id"),
        "kind": (*path, "planner", "kind") if fields else (*path, "type"),
        "uid": (*path, "planner", "uid"),
        "parallelism": (*path, "profile", "parallelism"),
        "maxParallelism": (*path, "profile", "maxParallelism"),
        "group": (*path, "profile", "group"),
        "cpuSamples": (*path, "planner", "load", "cpuSamples"),
    }
    return OperatorView(
        id=operator_id(node),
        path=path,
        paths=paths,
        uid=fields.uid if fields else None,
        kind=kind,
        group=node.profile.group,
        inputs=inputs,
        stateful=bool(found and found.keyed) or bool(fields and fields.state),
        backend=(fields.state.backend if fields and fields.state else None) or backend,
        off_heap=fields.resources.off_heap if fields and fields.resources else None,
        samples=_samples(fields.load) if fields else None,
    )


def _ssg(group: SsgProfile, path: Path) -> GroupView:
    names = {"cpu": group.cpu, "heap": group.heap, "offHeap": group.off_heap}
    given = {name for name, value in names.items() if value is not None}
    given |= {"managed"} if group.managed else set()
    managed = sum(group.managed.values()) if "managed" in group.model_fields_set else None
    return GroupView(group.name, path, path, frozenset(given), managed, group.off_heap)


def with_graph(subject: Subject) -> Subject:
    """Return ``subject`` with the graphs that Flink will run and the resources of its slots.

    Raises:
        ValueError: when the structure or an option does not allow it; rules report that before.

    """
    document = subject.document
    assert isinstance(document, (Job, ResourceProfile))
    profile = declare(document) if isinstance(document, Job) else document
    graph = stream_graph(profile)
    full, job = complete_profile(profile, subject.catalogue)
    return replace(
        subject,
        graph=graph,
        chainer=Chainer(graph),
        job_graph=job,
        complete=full,
        resources=slot_resources(full),
        firm=slot_resources(without_estimates(full)),
        estimates=estimates(full),
    )


def of_cluster(cluster: Cluster, data: object, table: OptionTable) -> ClusterSubject:
    """Return a Cluster, whose raw ``data`` is given too, as rules read it."""
    views = []
    for index, entry in enumerate(cluster.spec.task_manager_classes):
        paths = option_paths(data, ("spec", "taskManagerClasses", index, "flinkConfiguration"))
        views.append(OptionsView(entry.flink_configuration, paths, table))
    errors = [
        ([_as_written(path, views) for path in (error.path, *error.others)], str(error))
        for error in cluster_errors(cluster)
    ]
    return ClusterSubject(cluster, () if errors else task_managers_of(cluster), errors, views)


def _as_written(path: Path, options: Sequence[OptionsView]) -> Path:
    """Return where an option of a class is written, whose key stands last in ``path``."""
    if len(path) == 5 and path[1] == "taskManagerClasses" and path[3] == "flinkConfiguration":
        return options[int(path[2])].path(str(path[4]))
    return path


def _is_whole(document: ForeignDocument, session: ForeignDocument | None) -> bool:
    if isinstance(document, FlinkSessionJob):
        return session is not None
    return not isinstance(document, FlinkDeployment) or document.is_whole


def of_manifest(
    document: ForeignDocument, data: object, table: OptionTable, session: ForeignDocument | None = None
) -> ManifestSubject:
    """Return a document of others, whose raw ``data`` is given too, as rules read it.

    ``session`` is the deployment that a session job is for; the job's options go before those of it.
    """
    written = option_paths(data, document.options_path)
    settings = document.settings()
    set_there = {key: setting.value for key, setting in settings.items()}
    paths = {key: setting.path for key, setting in settings.items()}
    below = session.options if session else {}
    effective = {**below, **document.options, **set_there}
    unfilled = frozenset(key for key, value in effective.items() if is_placeholder(value))
    spec = data.get("spec") if isinstance(data, dict) else None
    version, defaults, vendor = document.flink_version, document.defaults(), of_amazon(spec)
    return ManifestSubject(
        document,
        OptionsView(document.options, written, table, unfilled, version, defaults, of_vendor=vendor),
        OptionsView(
            effective,
            written | paths,
            table,
            unfilled,
            version,
            defaults,
            _is_whole(document, session),
            vendor,
        ),
        settings,
        session,
        _written(spec),
        _written(spec.get("job") if isinstance(spec, dict) else None),
    )


def _written(fields: object) -> frozenset[str]:
    """Return the fields of a mapping that have something behind them."""
    if not isinstance(fields, dict):
        return frozenset()
    return frozenset(key for key, value in fields.items() if value is not None)
