"""A running job and its cluster, as REST tells of them, to planner's documents.

REST knows job vertices, not the operators in them: each becomes one operator of the profile, under the
id of its vertex. What REST does not report keeps planner's defaults: names of groups, resources, uids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.cluster.errors import NotThere, RestError
from planner.cluster.rest import Rest, registered, task_manager_path
from planner.documents.base import API_VERSION, Metadata
from planner.documents.cluster import Cluster, ClusterSpec, TaskManager, TaskManagerClass, TaskManagerShape
from planner.documents.job import State
from planner.documents.profile import (
    CompiledEdge,
    CompiledNode,
    Edge,
    EdgeFields,
    Node,
    NodeFields,
    NodeProfile,
    PlannerFields,
    ResourceProfile,
    SsgProfile,
    Trait,
)
from planner.documents.vocabulary import Backend, Chaining, Exchange, JobType, Ship, UseCase
from planner.documents.write import as_written
from planner.flink.stream_graph import OPTIONS, slug, unique
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager
from planner.place.model.quotas import QUOTA

_OUTSIDE = {
    "framework_heap": "frameworkHeap",
    "framework_off_heap": "frameworkOffHeap",
    "jvm_metaspace": "jvmMetaspace",
    "jvm_overhead": "jvmOverhead",
}
"""The parts of a TaskManager's memory outside of slots, by their names in REST and in documents."""
NEVER = 2**62
"""Flink's interval of a job without checkpoints is the largest long."""
_INTERVAL = "execution.checkpointing.interval"


def job_profile(rest: Rest, job: str) -> ResourceProfile:
    """Return the profile of a job that runs, or ran, on a cluster.

    Raises:
        RestError: when the cluster does not know it, or does not answer as Flink does.

    """
    told = rest.get(f"/jobs/{job}")
    try:
        return _profile(rest, job, told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RestError(
            f"{rest.url} describes job {job} in a way that planner does not support: {error!r}"
        ) from None


def _profile(rest: Rest, job: str, told: Mapping[str, Any]) -> ResourceProfile:
    vertices = {str(vertex["id"]): vertex for vertex in told["vertices"]}
    inputs = {str(node["id"]): node.get("inputs", []) for node in told["plan"]["nodes"]}
    order = _sources_first({name: [str(edge["id"]) for edge in inputs[name]] for name in vertices})
    number = {name: index for index, name in enumerate(order, 1)}
    batch = str(told.get("job-type", "")).upper() == "BATCH"
    groups = _groups([vertices[name] for name in order], batch)
    operators = unique([_operator(str(vertices[name]["name"])) for name in order])
    options, states = _options(rest, job), _states(rest, job)
    nodes = [
        _node(vertices[name], number[name], operator, groups, inputs[name], states.get(name))
        for name, operator in zip(order, operators, strict=True)
    ]
    edges = [_edge(edge, number, number[name]) for name in order for edge in inputs[name]]
    return ResourceProfile(
        api_version=API_VERSION,
        kind="ResourceProfile",
        metadata=Metadata(name=slug(str(told["name"])) or "job"),
        ssg_profiles=[SsgProfile(name=name) for name in dict.fromkeys(groups.values())],
        nodes=nodes,
        edges=edges,
        planner=PlannerFields(
            type=JobType.BATCH if batch else JobType.STREAMING,
            flink_version=rest.flink_version(),
            flink_configuration=options,
        ),
    )


def _sources_first(producers: Mapping[str, Sequence[str]]) -> list[str]:
    """Return vertices in REST's order, each after those that it reads."""
    found: dict[str, None] = {}
    while len(found) < len(producers):
        ready = [name for name, read in producers.items() if name not in found and found.keys() >= set(read)]
        if not ready:
            raise ValueError("its vertices form a cycle")
        found |= dict.fromkeys(ready)
    return list(found)


def _groups(vertices: Sequence[Mapping[str, Any]], batch: bool) -> dict[str, str]:
    """Return the name of every slot sharing group by its id: by number where REST does not tell names.

    In a batch job every pipelined region of a group has an id of its own.
    """
    names: dict[str, str | None] = {_group_id(v): v.get("slotSharingGroupName") for v in vertices}
    alone = batch or len(names) == 1
    return {
        group: name or ("default" if alone else f"group-{number}")
        for number, (group, name) in enumerate(names.items(), 1)
    }


def _group_id(vertex: Mapping[str, Any]) -> str:
    return str(vertex.get("slotSharingGroupId"))


def _operator(name: str) -> str:
    """Return a short name for a vertex: that of the first operator of its chain."""
    return slug(name.partition(" -> ")[0]) or "operator"


def _node(
    vertex: Mapping[str, Any],
    number: int,
    operator: str,
    groups: Mapping[str, str],
    inputs: Sequence[Mapping[str, Any]],
    state: State | None,
) -> Node:
    group = groups[_group_id(vertex)]
    parallelism, most = int(vertex["parallelism"]), int(vertex.get("maxParallelism", -1))
    if parallelism < 1:
        raise RestError(
            f"Flink has not decided yet how many subtasks {vertex['name']!r} has; import it later"
        )
    max_parallelism = most if most > 0 else None
    keyed = any(edge["ship_strategy"] == "HASH" for edge in inputs)
    traits: list[Trait] = [] if inputs else ["source", "sourceFactory"]
    return Node(
        id=number,
        type="JobVertex",
        desc=str(vertex["name"]),
        profile=NodeProfile(
            group=group, parallelism=parallelism, max_parallelism=max_parallelism, chaining=Chaining.NEVER
        ),
        planner=NodeFields(
            operator=operator,
            kind="source" if not inputs else "keyed-process" if keyed else "operator",
            state=state,
            compiled=CompiledNode(
                parallelism=parallelism,
                max_parallelism=max_parallelism,
                group=group,
                chaining=Chaining.NEVER,
                traits=traits,
                id=str(vertex["id"]),
                managed_slot=[UseCase.STATE_BACKEND] if keyed else [],
            ),
        ),
    )


def _edge(edge: Mapping[str, Any], number: Mapping[str, int], target: int) -> Edge:
    ship = Ship.named(str(edge["ship_strategy"]))
    exchange = str(edge["exchange"]).upper()
    if exchange not in Exchange.__members__:
        exchange = "PIPELINED" if exchange.startswith("PIPELINED") else "BATCH"
    return Edge(
        source=number[str(edge["id"])],
        target=target,
        mode=Exchange(exchange),
        strategy=ship,
        planner=EdgeFields(input=int(edge.get("num", 0)), compiled=CompiledEdge(strategy=ship)),
    )


def _options(rest: Rest, job: str) -> dict[str, str]:
    """Return the options that the job runs with, as far as REST tells them."""
    cluster = {str(entry["key"]): str(entry["value"]) for entry in rest.get("/jobmanager/config")}
    found = {key: value for key, value in cluster.items() if key.startswith(OPTIONS) and key != _INTERVAL}
    try:
        checkpoints = rest.get(f"/jobs/{job}/checkpoints/config")
    except NotThere:
        return found  # a job without checkpoints
    interval = int(checkpoints.get("interval", 0))
    if 0 < interval < NEVER:
        found[_INTERVAL] = f"{interval} ms"
    backend = str(checkpoints.get("state_backend", "")).lower()
    known = next((name for name in Backend if name in backend), None)
    return {**found, **({"state.backend.type": str(known)} if known else {})}


def _states(rest: Rest, job: str) -> dict[str, State]:
    """Return the state of every vertex that has some in the last checkpoint."""
    try:
        last = (rest.get(f"/jobs/{job}/checkpoints").get("latest") or {}).get("completed")
        tasks = rest.get(f"/jobs/{job}/checkpoints/details/{last['id']}")["tasks"] if last else {}
    except NotThere:
        return {}  # a job without checkpoints
    sizes = {str(name): int(task.get("state_size", 0)) for name, task in tasks.items()}
    return {name: State.model_validate({"size": size}) for name, size in sizes.items() if size}


def cluster_document(rest: Rest, name: str) -> tuple[Cluster, list[str]]:
    """Return the TaskManagers of a running cluster: a class for each kind, and each one by its id.

    With it come the TaskManagers whose cores may be a guess of Flink's: one a slot, where nobody set them.

    Raises:
        RestError: when the cluster does not answer as Flink does, or has none.

    """
    try:
        known = sorted(registered(rest.get("/taskmanagers")["taskmanagers"]))
        told = {one: rest.get(task_manager_path(one)) for one in known}
        shapes = {one: _shape(entry) for one, entry in told.items()}
        guessed = [one for one, entry in told.items() if _one_core_a_slot(entry)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RestError(
            f"{rest.url} describes its TaskManagers in a way that planner does not support: {error!r}"
        ) from None
    if not shapes:
        raise RestError(f"no TaskManager is registered at {rest.url}")
    kinds: list[TaskManagerShape] = []
    for shape in shapes.values():
        kinds += [shape] if shape not in kinds else []
    classes = [
        TaskManagerClass.model_validate({"name": f"class-{number}", **as_written(kind)})
        for number, kind in enumerate(kinds, 1)
    ]
    cluster = Cluster(
        api_version=API_VERSION,
        kind="Cluster",
        metadata=Metadata(name=name),
        spec=ClusterSpec(
            task_manager_classes=classes,
            task_managers=[
                TaskManager.model_validate({"id": one, "class": classes[kinds.index(shape)].name})
                for one, shape in shapes.items()
            ],
        ),
    )
    return cluster, guessed


def _shape(entry: Mapping[str, Any]) -> TaskManagerShape:
    """Return what a TaskManager offers, its memory as a process and what is not Flink's default of it."""
    memory, whole = entry["memoryConfiguration"], entry["totalResource"]
    process = int(memory["totalProcessMemory"])
    usual = _usual(process)
    unusual = {
        told: int(memory[told])
        for name, told in _OUTSIDE.items()
        if usual is None or getattr(usual, name) != memory[told]
    }
    announced = whole.get("extendedResources", {})
    external = {key: value for key, value in announced.items() if not key.startswith(QUOTA)}
    shape = {
        "cpu": whole["cpuCores"],
        "memory": {"process": process, **unusual},
        # under a placement the number of slots is that of the placement, not a limit
        **(
            {"slots": entry["slotsNumber"]}
            if entry["slotsNumber"] and len(external) == len(announced)
            else {}
        ),
        **({"external": external} if external else {}),
    }
    return TaskManagerShape.model_validate(shape)


def _usual(process: int) -> TaskManagerMemory | None:
    """Return the parts that Flink itself makes of a process, None where it refuses the size."""
    try:
        return derive_taskmanager({"taskmanager.memory.process.size": f"{process}b"})
    except MemoryConfigurationError:
        return None


def _one_core_a_slot(entry: Mapping[str, Any]) -> bool:
    cores = entry["totalResource"]["cpuCores"]
    return bool(cores == entry["slotsNumber"] != entry["hardware"]["cpuCores"])
