"""Several jobs as one: what shares TaskManagers is placed together, whichever job it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.documents.base import Metadata
from planner.documents.errors import PlacementMismatch
from planner.documents.job import GroupPlacement
from planner.documents.profile import (
    Node,
    NodeFields,
    PlannerFields,
    ResourceProfile,
    SsgProfile,
)
from planner.graph.from_profile import operator_id, planner_fields, sample_count
from planner.graph.job_graph import JobEdge, JobGraph, JobVertex

BETWEEN = "/"
"""Between the name of a job and that of one of its groups or operators."""


@dataclass(frozen=True)
class JobPart:
    """A job among others: its complete profile and job graph, and what its groups are called among all.

    ``digest`` is that of the profile as it was compiled, before estimates bent. What ``stays`` runs already,
    and its slots are where they are.
    """

    name: str
    profile: ResourceProfile
    graph: JobGraph
    groups: Mapping[str, str]
    digest: str
    stays: bool = False


def group_names(profile: ResourceProfile) -> list[str]:
    """Return the slot sharing groups of a complete profile."""
    return [group.name for group in profile.ssg_profiles]


def job_groups(name: str, profile: ResourceProfile) -> dict[str, str]:
    """Return what the groups of a job are called among several jobs, by what it calls them itself."""
    return {group: f"{name}{BETWEEN}{group}" for group in group_names(profile)}


def with_groups(profile: ResourceProfile, names: Mapping[str, str]) -> ResourceProfile:
    """Return a complete profile whose groups are called otherwise."""
    return _renamed(profile, names, names)


def together(name: str, parts: Sequence[JobPart]) -> tuple[ResourceProfile, JobGraph]:
    """Return several jobs as one profile and one job graph, called ``name``.

    Operators are called ``job/operator`` there. The profile has the options that all jobs have alike; it is
    for placing alone, since Flink would compile it to another graph where they differ.

    Raises:
        PlacementMismatch: when the jobs cannot share a cluster: they are of different types or versions of
            Flink, ask for different ways to recover, two have one name, or a group is to be apart from one
            that is not there.

    """
    _require_alike(parts)
    every = {
        f"{part.name}{BETWEEN}{group}": called for part in parts for group, called in part.groups.items()
    }
    nodes: list[Node] = []
    groups: list[SsgProfile] = []
    fields = [planner_fields(part.profile) for part in parts]
    options = fields[0].flink_configuration
    merged = PlannerFields(
        type=fields[0].type,
        flink_version=fields[0].flink_version,
        flink_configuration={
            key: value
            for key, value in options.items()
            if all(one.flink_configuration.get(key) == value for one in fields)
        },
        recovery=next((one.recovery for one in fields if one.recovery is not None), None),
        placement={},
        compiled_groups=[],
    )
    graphs: list[JobGraph] = []
    for part in parts:
        renamed = _renamed(part.profile, part.groups, {**every, **part.groups})
        own, first = planner_fields(renamed), len(nodes)
        number = {node.id: first + index for index, node in enumerate(renamed.nodes, 1)}
        nodes += [_as_of(part.name, node, number[node.id]) for node in renamed.nodes]
        groups += renamed.ssg_profiles
        merged = merged.model_copy(
            update={
                "groups": {**merged.groups, **own.groups},
                "placement": {**(merged.placement or {}), **(own.placement or {})},
                "compiled_groups": [*(merged.compiled_groups or ()), *(own.compiled_groups or ())],
            }
        )
        graphs.append(_with_names(part, number))
    profile = ResourceProfile.model_construct(
        api_version=parts[0].profile.api_version,
        kind="ResourceProfile",
        metadata=Metadata(name=name),
        ssg_profiles=groups,
        nodes=nodes,
        edges=[],
        vertices={},
        planner=merged,
    )
    return profile, _union(graphs)


def _require_alike(parts: Sequence[JobPart]) -> None:
    first, fields = parts[0], [planner_fields(part.profile) for part in parts]
    for number, (part, own) in enumerate(zip(parts, fields, strict=True)):
        if BETWEEN in part.name:
            raise PlacementMismatch(
                f"job {part.name!r} has a {BETWEEN!r} in its name, which stands between the name of a job and"
                " of its group; rename it (metadata.name)"
            )
        if any(part.name == other.name for other in parts[:number]):
            raise PlacementMismatch(f"two jobs are called {part.name!r}; their names tell them apart")
        if own.type is not fields[0].type:
            raise PlacementMismatch(
                f"{first.name!r} is a {fields[0].type} job and {part.name!r} a {own.type} one;"
                " place them on clusters of their own"
            )
        if own.flink_version != fields[0].flink_version:
            raise PlacementMismatch(
                f"{first.name!r} is for Flink {fields[0].flink_version} and {part.name!r} for"
                f" {own.flink_version}; one cluster has one version"
            )
    called = [name for part in parts for name in part.groups.values()]
    if twice := sorted(name for name, count in Counter(called).items() if count > 1):
        raise PlacementMismatch(f"two groups would be called {twice[0]!r}; rename a job or a group")
    sampled = {count: part.name for part in parts if (count := sample_count(part.profile)) > 1}
    if len(sampled) > 1:
        (few, job), (many, other), *_ = sorted(sampled.items())
        raise PlacementMismatch(f"{job!r} has {few} samples of its load, {other!r} has {many}")
    asked = {own.recovery: part.name for part, own in zip(parts, fields, strict=True) if own.recovery}
    if len(asked) > 1:
        (one, job), (another, other), *_ = asked.items()
        raise PlacementMismatch(
            f"{job!r} asks for recovery {one} and {other!r} for {another}; one JobManager serves both"
        )


def _renamed(
    profile: ResourceProfile, names: Mapping[str, str], others: Mapping[str, str]
) -> ResourceProfile:
    """Return a profile with other names of its groups; ``others`` are all names that it may speak of."""
    fields = planner_fields(profile)
    update: dict[str, object] = {
        "groups": {names.get(group, group): one for group, one in fields.groups.items()},
        "vertices": [
            one.model_copy(update={"group": names.get(one.group, one.group)}) for one in fields.vertices
        ],
    }
    if fields.placement is not None:
        update["placement"] = {
            names.get(group, group): _speaking_of(wanted, others)
            for group, wanted in fields.placement.items()
        }
    if fields.compiled_groups is not None:
        update["compiled_groups"] = [*_called(fields.compiled_groups, names)]
    return profile.model_copy(
        update={
            "ssg_profiles": [*_called(profile.ssg_profiles, names)],
            "nodes": [_in_group(node, names) for node in profile.nodes],
            "planner": fields.model_copy(update=update),
        }
    )


def _called(groups: Sequence[SsgProfile], names: Mapping[str, str]) -> Iterator[SsgProfile]:
    return (group.model_copy(update={"name": names.get(group.name, group.name)}) for group in groups)


def _in_group(node: Node, names: Mapping[str, str]) -> Node:
    called = names.get(node.profile.group, node.profile.group)
    return node.model_copy(update={"profile": node.profile.model_copy(update={"group": called})})


def _speaking_of(wanted: GroupPlacement, names: Mapping[str, str]) -> GroupPlacement:
    """Return a constraint with the groups of it by their other names, without those of jobs elsewhere."""
    jobs = {name.partition(BETWEEN)[0] for name in names if BETWEEN in name}
    for group in wanted.anti_affinity:
        job, between, _ = group.partition(BETWEEN)
        if group not in names and between and job in jobs:
            raise PlacementMismatch(f"there is no group {group!r} to be separated from")
    apart = [names[group] for group in wanted.anti_affinity if group in names]
    return wanted.model_copy(update={"anti_affinity": apart})


def _as_of(job: str, node: Node, number: int) -> Node:
    """Return a node as one of a job among others."""
    own = node.planner or NodeFields(operator=operator_id(node))
    named = own.model_copy(update={"operator": f"{job}{BETWEEN}{operator_id(node)}"})
    return node.model_copy(update={"id": number, "planner": named})


def _with_names(part: JobPart, number: Mapping[int, int]) -> JobGraph:
    """Return the job graph of a part with its nodes, groups and co-location groups as they are among all."""

    def of_job(name: str) -> str:
        return f"{part.name}{BETWEEN}{name}"

    vertices = tuple(
        replace(
            vertex,
            group=part.groups.get(vertex.group, vertex.group),
            sharing=of_job(vertex.sharing),
            nodes=tuple(number[node] for node in vertex.nodes),
            head=number.get(vertex.head, 0),
            co_location=None if vertex.co_location is None else of_job(vertex.co_location),
        )
        for vertex in part.graph.vertices
    )
    return replace(part.graph, vertices=vertices)


def _union(graphs: Sequence[JobGraph]) -> JobGraph:
    """Return job graphs beside each other as one."""
    vertices: list[JobVertex] = []
    edges: list[JobEdge] = []
    sets = 0
    for graph in graphs:
        first, before = len(vertices), len(edges)
        vertices += [replace(vertex, index=first + vertex.index) for vertex in graph.vertices]
        edges += [
            replace(
                edge,
                index=before + edge.index,
                source=first + edge.source,
                target=first + edge.target,
                data_set=sets + edge.data_set,
            )
            for edge in graph.edges
        ]
        sets += 1 + max((edge.data_set for edge in graph.edges), default=-1)
    return JobGraph(tuple(vertices), tuple(edges), graphs[0].type)
