"""A running job and its cluster, as REST reports them, to planner's documents.

REST knows job vertices, not the operators in them: each becomes one operator of the profile, under the
id of its vertex. What REST does not report keeps planner's defaults: names of groups, resources, uids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from planner.cluster.answers import (
    CheckpointConfig,
    CheckpointDetails,
    Checkpoints,
    Entry,
    MemoryConfiguration,
    PlanInput,
    PlannedJob,
    TaskManagerDetails,
    TaskManagers,
    Vertex,
)
from planner.cluster.errors import NotThere, RestError
from planner.cluster.rest import Note, Rest, job_path, registered, task_manager_details
from planner.documents.answers import reason
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
from planner.documents.sensitive import masked_options
from planner.documents.vocabulary import Backend, Chaining, Exchange, JobType, Ship, UseCase
from planner.documents.write import as_written
from planner.flink.stream_graph import OPTIONS, slug, unique
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager
from planner.place.model.quotas import QUOTA

_OUTSIDE = ("framework_heap", "framework_off_heap", "jvm_metaspace", "jvm_overhead")
"""The parts of a TaskManager's memory outside of slots, named alike in answers and in documents."""
NEVER = 2**62
"""Flink's interval of a job without checkpoints is the largest long."""
_INTERVAL = "execution.checkpointing.interval"


def job_profile(rest: Rest, job: str) -> ResourceProfile:
    """Return the profile of a job that runs, or ran, on a cluster.

    Raises:
        RestError: when the cluster does not know it, or does not answer as Flink does.

    """
    told = rest.get(job_path(job), PlannedJob)
    try:
        return _profile(rest, job, told)
    except ValidationError as error:
        raise _unsupported(rest, f"job {job}", reason(error)) from None


def _unsupported(rest: Rest, what: str, why: str) -> RestError:
    return RestError(f"{rest.url} describes {what} in a way that planner does not support: {why}")


def _profile(rest: Rest, job: str, told: PlannedJob) -> ResourceProfile:
    vertices = {vertex.id: vertex for vertex in told.vertices}
    inputs = {node.id: node.inputs for node in told.plan.nodes if node.id in vertices}
    if inputs.keys() != vertices.keys() or any(e.id not in vertices for es in inputs.values() for e in es):
        raise _unsupported(rest, f"job {job}", "its plan has other vertices than the job")
    try:
        order = _sources_first({name: [edge.id for edge in inputs[name]] for name in vertices})
    except CycleError:
        raise _unsupported(rest, f"job {job}", "its vertices form a cycle") from None
    if waiting := [vertex.name for vertex in told.vertices if vertex.parallelism < 1]:
        raise RestError(f"Flink has not decided yet how many subtasks {waiting[0]!r} has; import it later")
    number = {name: index for index, name in enumerate(order, 1)}
    groups = _groups([vertices[name] for name in order], told.batch)
    operators = unique([_operator(vertices[name].name) for name in order])
    options, states = _options(rest, job), _states(rest, job)
    nodes = [
        _node(vertices[name], number[name], operator, groups, inputs[name], states.get(name))
        for name, operator in zip(order, operators, strict=True)
    ]
    edges = [_edge(edge, number, number[name]) for name in order for edge in inputs[name]]
    return ResourceProfile(
        api_version=API_VERSION,
        kind="ResourceProfile",
        metadata=Metadata(name=slug(told.name) or "job"),
        ssg_profiles=[SsgProfile(name=name) for name in dict.fromkeys(groups.values())],
        nodes=nodes,
        edges=edges,
        planner=PlannerFields(
            type=JobType.BATCH if told.batch else JobType.STREAMING,
            flink_version=rest.flink_version(),
            flink_configuration=options,
        ),
    )


def _sources_first(producers: Mapping[str, Sequence[str]]) -> list[str]:
    """Return vertices in REST's order, each after those that it reads.

    Raises:
        CycleError: when they form a cycle.

    """
    place = {name: number for number, name in enumerate(producers)}
    sorter = TopologicalSorter(producers)
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        found += ready
        sorter.done(*ready)
    return found


def _groups(vertices: Sequence[Vertex], batch: bool) -> dict[str | None, str]:
    """Return the name of every slot sharing group by its id: by number where REST does not tell names.

    In a batch job every pipelined region of a group has an id of its own.
    """
    names = {vertex.slot_sharing_group_id: vertex.slot_sharing_group_name for vertex in vertices}
    alone = batch or len(names) == 1
    return {
        group: name or ("default" if alone else f"group-{number}")
        for number, (group, name) in enumerate(names.items(), 1)
    }


def _operator(name: str) -> str:
    """Return a short name for a vertex: that of the first operator of its chain."""
    return slug(name.partition(" -> ")[0]) or "operator"


def _node(
    vertex: Vertex,
    number: int,
    operator: str,
    groups: Mapping[str | None, str],
    inputs: Sequence[PlanInput],
    state: State | None,
) -> Node:
    group = groups[vertex.slot_sharing_group_id]
    max_parallelism = vertex.max_parallelism if vertex.max_parallelism > 0 else None
    keyed = any(edge.ship_strategy == "HASH" for edge in inputs)
    traits: list[Trait] = [] if inputs else ["source", "sourceFactory"]
    return Node(
        id=number,
        type="JobVertex",
        desc=vertex.name,
        profile=NodeProfile(
            group=group,
            parallelism=vertex.parallelism,
            max_parallelism=max_parallelism,
            chaining=Chaining.NEVER,
        ),
        planner=NodeFields(
            operator=operator,
            kind="source" if not inputs else "keyed-process" if keyed else "operator",
            state=state,
            compiled=CompiledNode(
                parallelism=vertex.parallelism,
                max_parallelism=max_parallelism,
                group=group,
                chaining=Chaining.NEVER,
                traits=traits,
                id=vertex.id,
                managed_slot=[UseCase.STATE_BACKEND] if keyed else [],
            ),
        ),
    )


def _edge(edge: PlanInput, number: Mapping[str, int], target: int) -> Edge:
    ship = Ship.named(edge.ship_strategy)
    exchange = edge.exchange.upper()
    if exchange not in Exchange.__members__:
        exchange = "PIPELINED" if exchange.startswith("PIPELINED") else "BATCH"
    return Edge(
        source=number[edge.id],
        target=target,
        mode=Exchange(exchange),
        strategy=ship,
        planner=EdgeFields(input=edge.num, compiled=CompiledEdge(strategy=ship)),
    )


def _options(rest: Rest, job: str) -> dict[str, str]:
    """Return the options that the job runs with, as far as REST reports them, without secrets."""
    cluster = {entry.key: entry.value for entry in rest.get("/jobmanager/config", list[Entry])}
    found = {key: value for key, value in cluster.items() if key.startswith(OPTIONS) and key != _INTERVAL}
    try:
        checkpoints = rest.get(f"{job_path(job)}/checkpoints/config", CheckpointConfig)
    except NotThere:
        return masked_options(found)  # a job without checkpoints
    if 0 < checkpoints.interval < NEVER:
        found[_INTERVAL] = f"{checkpoints.interval} ms"
    backend = (checkpoints.state_backend or "").lower()
    known = next((name for name in Backend if name in backend), None)
    return masked_options({**found, **({"state.backend.type": str(known)} if known else {})})


def _states(rest: Rest, job: str) -> dict[str, State]:
    """Return the state of every vertex that has some in the last checkpoint."""
    path = f"{job_path(job)}/checkpoints"
    try:
        latest = rest.get(path, Checkpoints).latest
        if latest is None or latest.completed is None:
            return {}
        tasks = rest.get(f"{path}/details/{latest.completed.id}", CheckpointDetails).tasks
    except NotThere:
        return {}  # a job without checkpoints
    return {
        name: State.model_validate({"size": task.state_size})
        for name, task in tasks.items()
        if task.state_size > 0
    }


def cluster_document(rest: Rest, name: str, note: Note = lambda _: None) -> tuple[Cluster, list[str]]:
    """Return the TaskManagers of a running cluster: a class for each kind, and each one by its id.

    With it come the TaskManagers whose cores may be a guess of Flink's: one a slot, where nobody set them.

    Raises:
        RestError: when the cluster does not answer as Flink does, or has none.

    """
    known = sorted(registered(rest.get("/taskmanagers", TaskManagers).task_managers))
    if not known:
        raise RestError(f"no TaskManager is registered at {rest.url}")
    told = task_manager_details(rest, known, note)
    shapes: dict[str, TaskManagerShape] = {}
    for one, entry in told.items():
        try:
            shapes[one] = _shape(entry)
        except ValidationError as error:
            raise _unsupported(rest, f"TaskManager {one}", reason(error)) from None
    classes: dict[str, TaskManagerClass] = {}
    class_of = {}
    for one, shape in shapes.items():
        written = as_written(shape)
        found = classes.setdefault(
            repr(written),
            TaskManagerClass.model_validate({"name": f"class-{len(classes) + 1}", **written}),
        )
        class_of[one] = found.name
    cluster = Cluster(
        api_version=API_VERSION,
        kind="Cluster",
        metadata=Metadata(name=name),
        spec=ClusterSpec(
            task_manager_classes=list(classes.values()),
            task_managers=[
                TaskManager.model_validate({"id": one, "class": kind}) for one, kind in class_of.items()
            ],
        ),
    )
    return cluster, [one for one, entry in told.items() if _one_core_a_slot(entry)]


def _shape(entry: TaskManagerDetails) -> TaskManagerShape:
    """Return what a TaskManager offers, its memory as a process and what is not Flink's default of it."""
    memory, whole = entry.memory_configuration or MemoryConfiguration(), entry.total_resource
    usual = _usual(memory.total_process_memory or 0)
    unusual = {
        name: size
        for name in _OUTSIDE
        if (size := getattr(memory, name)) is not None and (usual is None or getattr(usual, name) != size)
    }
    announced = whole.extended_resources or {}
    external = {key: value for key, value in announced.items() if not key.startswith(QUOTA)}
    shape = {
        "cpu": whole.cpu_cores,
        "memory": {"process": memory.total_process_memory or 0, **unusual},
        # under a placement the number of slots is that of the placement, not a limit
        **({"slots": entry.slots_number} if entry.slots_number and len(external) == len(announced) else {}),
        **({"external": external} if external else {}),
    }
    return TaskManagerShape.model_validate(shape)


def _usual(process: int) -> TaskManagerMemory | None:
    """Return the parts that Flink itself makes of a process, None where it refuses the size."""
    try:
        return derive_taskmanager({"taskmanager.memory.process.size": f"{process}b"})
    except MemoryConfigurationError:
        return None


def _one_core_a_slot(entry: TaskManagerDetails) -> bool:
    machine = entry.hardware.cpu_cores if entry.hardware else None
    return entry.total_resource.cpu_cores == entry.slots_number != machine
