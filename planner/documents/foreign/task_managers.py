"""The TaskManagers that a FlinkDeployment gets, as a Cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.documents.base import API_VERSION
from planner.documents.cluster import Cluster
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.errors import PlannerError
from planner.units import parse_cpu, parse_size

_SIZES = {
    "process.size": "process",
    "flink.size": "flink",
    "framework.heap.size": "frameworkHeap",
    "framework.off-heap.size": "frameworkOffHeap",
    "task.heap.size": "taskHeap",
    "task.off-heap.size": "taskOffHeap",
    "managed.size": "managed",
    "jvm-metaspace.size": "jvmMetaspace",
}
"""Options below ``taskmanager.memory.`` with a field of their own in a Cluster."""
_MEMORY, _SLOTS = "taskmanager.memory.", "taskmanager.numberOfTaskSlots"
_FREE = {
    "scheduler-mode": "reactive",
    "jobmanager.scheduler": "adaptive",
    "job.autoscaler.enabled": "true",
    "kubernetes.operator.job.autoscaler.enabled": "true",
}
"""Options, and their values under which a job does not keep to a placement."""
_OF_TASK_MANAGERS = ("taskmanager.", "task.", "external-resource.", "io.tmp.dirs", "env.log.")
"""What options begin with that a TaskManager's process reads, and the job does not bring along."""
_OF_JAVA = ("env.java.opts", "env.java.opts.all", "env.java.opts.taskmanager")
_REDUNDANT = "slotmanager.redundant-taskmanager-num"


class DeploymentError(PlannerError):
    """A FlinkDeployment that does not say what TaskManagers it gets."""


@dataclass(frozen=True)
class ManifestCluster:
    """The cluster of a manifest, and what had to be assumed for it."""

    cluster: Cluster
    assumed: tuple[str, ...] = ()


def cluster_of(deployment: FlinkDeployment, jobs: Iterable[FlinkSessionJob] = ()) -> ManifestCluster:
    """Return the TaskManagers that the operator gives a deployment, with the ``jobs`` of its session.

    Their number is ``taskManager.replicas``, else what the slots of one slot sharing group need (the
    operator's ``FlinkUtils.getNumTaskManagers``): parallelism by slots, rounded up. Flink's native mode asks
    for as many.

    Raises:
        DeploymentError: when the deployment does not say how much memory or how many slots they have.

    """
    options = {**deployment.options, **{key: each.value for key, each in deployment.settings().items()}}
    assumed: list[str] = []
    slots = _integer(options, _SLOTS)
    if slots is None:
        slots = 1
        assumed.append(
            f"{_SLOTS} is not set: 1 slot, Flink's default; the operator's own configuration may set another"
        )
    if slots < 1:
        raise DeploymentError(f"{_SLOTS}: a TaskManager has at least one slot, not {slots}")
    cores = _cores(options)
    if cores is None:
        cores = slots
        assumed.append(f"cpu is not set: {slots}, as many as slots, which is Flink's default")
    count = _count(deployment, list(jobs), slots, assumed)
    for key, value in _FREE.items():
        if options.get(key, "").strip().lower() == value:
            assumed.append(f"{key}: {options[key]} does not keep to a placement (planner explain CFG407)")
    redundant = 0 if deployment.spec.mode == "standalone" else _integer(options, _REDUNDANT) or 0
    entry: dict[str, Any] = {"name": "taskmanager", "count": count + redundant, "cpu": cores}
    entry["memory"] = _memory(options, deployment.name)
    entry["slots"] = slots
    if external := _external(options):
        entry["external"] = external
    if rest := _other_options(options):
        entry["flinkConfiguration"] = rest
    for key in _OF_JAVA:
        if key in options:
            assumed.append(
                f"{key} is left out, since JVM arguments may hold secrets; put it into the flinkConfiguration"
                " of the class, and planner up gives it to its TaskManagers"
            )
    spec: dict[str, Any] = {"taskManagerClasses": [entry]}
    if redundant:
        spec["reserve"] = {"taskManagers": redundant}
    name = deployment.name or "deployment"
    document = {"apiVersion": API_VERSION, "kind": "Cluster", "metadata": {"name": name}, "spec": spec}
    return ManifestCluster(Cluster.model_validate(document), tuple(assumed))


def _count(deployment: FlinkDeployment, jobs: list[FlinkSessionJob], slots: int, assumed: list[str]) -> int:
    workers, job = deployment.spec.task_manager, deployment.spec.job
    if workers is not None and workers.replicas is not None:
        return workers.replicas
    if job is not None:
        needed = job.parallelism or 0
        if needed < 1:
            raise DeploymentError("spec.job.parallelism and spec.taskManager.replicas are not set; set one")
        assumed.append(
            f"parallelism {needed} by {slots} slots: a job with several slot sharing groups, or operators"
            " of a higher parallelism, gets more TaskManagers"
        )
        return -(-needed // slots)
    own = [each for each in jobs if each.spec.deployment_name == deployment.name]
    needed = sum((each.spec.job.parallelism or 0) if each.spec.job else 0 for each in own)
    if needed < 1:
        raise DeploymentError(
            "a session cluster gets TaskManagers when jobs run on it: set spec.taskManager.replicas, or give"
            " its FlinkSessionJobs too"
        )
    assumed.append(f"{needed} slots for {len(own)} session jobs by their parallelism")
    return -(-needed // slots)


def _integer(options: Mapping[str, str], key: str) -> int | None:
    text = options.get(key)
    if text is None:
        return None
    if not text.strip().isdecimal():
        raise DeploymentError(f"{key}: {text!r} is not a whole number")
    return int(text)


def _cores(options: Mapping[str, str]) -> int | float | None:
    for key in ("kubernetes.taskmanager.cpu.amount", "kubernetes.taskmanager.cpu"):
        if key in options:
            try:
                parse_cpu(options[key])
            except ValueError as error:
                raise DeploymentError(f"{key}: {error}") from None
            cores = float(options[key].removesuffix("m")) / (1000 if options[key].endswith("m") else 1)
            return int(cores) if cores == int(cores) else cores
    return None


def _memory(options: Mapping[str, str], name: str) -> dict[str, Any]:
    memory: dict[str, Any] = {}
    for key, field in _SIZES.items():
        if (text := options.get(_MEMORY + key)) is not None:
            try:
                memory[field] = parse_size(text)
            except ValueError as error:
                raise DeploymentError(f"{_MEMORY}{key}: {error}") from None
    if not memory.keys() & {"process", "flink"} and not {"taskHeap", "managed"} <= memory.keys():
        raise DeploymentError(f"FlinkDeployment {name!r} does not set spec.taskManager.resource.memory")
    return memory


def _external(options: Mapping[str, str]) -> dict[str, int]:
    names = [name.strip() for name in options.get("external-resources", "").split(";") if name.strip()]
    amounts = {name: _integer(options, f"external-resource.{name}.amount") for name in names}
    return {name: amount for name, amount in amounts.items() if amount}


def _other_options(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a TaskManager that a Cluster has no field for."""
    fields = {_SLOTS, "taskmanager.cpu.cores", *(_MEMORY + key for key in _SIZES)}
    others = {key: text for key, text in options.items() if key.startswith(_OF_TASK_MANAGERS)}
    amounts = {key for key in others if key.startswith("external-resource.") and key.endswith(".amount")}
    return {key: text for key, text in others.items() if key not in fields | amounts}
