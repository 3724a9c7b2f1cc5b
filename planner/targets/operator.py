"""A placement for the Flink Kubernetes Operator.

A FlinkDeployment has one kind of TaskManager. In standalone mode a JobManager accepts others beside it, so
the operator manages the JobManager and the TaskManagers are StatefulSets, as of the target ``kubernetes``.
In native mode a JobManager accepts only pods that it has asked for itself (``ActiveResourceManager``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from planner.documents.crd import OPERATOR_VERSIONS, flink_versions
from planner.documents.foreign.base import REFUSED
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import planner_fields
from planner.memory.jobmanager import derive_jobmanager
from planner.memory.taskmanager import derive_taskmanager
from planner.targets.errors import NotExportable
from planner.targets.kubernetes import (
    ControlPlane,
    Object,
    Parameters,
    Target,
    checked,
    kustomization,
    pod_template,
    refuse_secrets,
    rule,
    service_account,
    storage_claim,
    task_manager_sets,
    to_yaml,
    with_control_plane,
)
from planner.targets.operator_readme import native_readme
from planner.targets.options import (
    JOBMANAGER_MEMORY,
    Written,
    exported_task_managers,
    without_secrets,
)
from planner.targets.uniform import Size, differing, largest, lost, uniform_options
from planner.units import CORE, MIB

DeploymentMode = Literal["standalone", "native"]
OPERATOR = "1.15"
"""The newest version that was released."""
_CONTAINER = "flink-main-container"
"""What the operator calls the container of a process in a pod template."""
_IDLE = {"taskmanager.numberOfTaskSlots": "1", "taskmanager.memory.process.size": f"{1024 * MIB}b"}
"""The TaskManager that the operator demands: about the least that Flink's default fractions leave a heap."""
_IDLE_CPU = CORE // 10


def _spelled(size: Size, operator: str) -> Object:
    """Return a size as a version of the operator has it, in bytes: ``b`` is a unit of Flink's only."""
    cores = size.cpu / CORE
    if operator == OPERATOR:
        return {"resource": {"cpu": cores, "memory": f"{size.memory}b"}}
    amounts = {"cpu": f"{cores:g}", "memory": str(size.memory)}
    return {"resources": {"requests": amounts, "limits": dict(amounts)}}


def operator(
    placement: Placement,
    profile: ResourceProfile,
    parameters: Parameters | None = None,
    *,
    mode: DeploymentMode = "standalone",
    version: str = OPERATOR,
    degrade: bool = False,
) -> dict[str, str]:
    """Return manifests by file name, and a README.

    With ``degrade`` native mode loses what it cannot express; the README and `lost_in_native` say what.

    Raises:
        NotExportable: when native mode cannot express the placement and it is not to ``degrade``, when the
            operator does not know the version of Flink, or for a reason of `kubernetes`.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    flink = planner_fields(profile).flink_version
    if version not in OPERATOR_VERSIONS:
        known = " and ".join(OPERATOR_VERSIONS)
        raise NotExportable(f"operator {version!r} is not one whose resources planner knows: {known}")
    if flink not in flink_versions(version):
        raise NotExportable(
            f"a FlinkDeployment of operator {version} has no name for Flink {flink}: name a newer operator,"
            " or export to kubernetes"
        )
    given = parameters or Parameters()
    if mode == "native":
        return _native(placement, profile, given, version, degrade=degrade)
    if degrade:
        raise NotExportable("standalone mode expresses the whole placement; leave degrade out")
    return with_control_plane(placement, profile, given, partial(_managed, version))


def lost_in_native(placement: Placement) -> list[str]:
    """Return what native mode loses of a placement; see `lost`."""
    return lost(placement, "native mode", "a new pod")


def _managed(version: str, target: Target, master: Written) -> ControlPlane:
    """Return a JobManager that the operator manages."""
    base = service_account(target, [rule("", "configmaps")])
    idle = Size(derive_taskmanager(_IDLE).process, _IDLE_CPU)
    deployment = _deployment(target, master, version, "standalone", idle, _IDLE, replicas=1)
    return ControlPlane(target.job, base, deployment=deployment, operator=version)


def _deployment(
    target: Target,
    master: Written,
    version: str,
    mode: DeploymentMode,
    worker: Size,
    worker_options: Mapping[str, str],
    **fields: Any,
) -> Object:
    """Return a FlinkDeployment without a job: planner submits that under its placement."""
    options = {**target.options(), **master.options, **worker_options}
    sizes = {*JOBMANAGER_MEMORY, "taskmanager.memory.process.size", "taskmanager.cpu.cores"}
    jobmanager = Size(derive_jobmanager(master.options).process, CORE)
    container: Object = {"name": _CONTAINER}
    if target.volume:
        container["volumeMounts"] = [{"name": "storage", "mountPath": target.volume}]
    labels = {"metadata": {"labels": target.labels("jobmanager")}}
    spec = {
        "image": target.parameters.image or f"flink:{target.version}",
        "flinkVersion": f"v{target.version.replace('.', '_')}",
        "mode": mode,
        "serviceAccount": target.job,
        "flinkConfiguration": {
            key: value for key, value in sorted(options.items()) if key not in {*sizes, *REFUSED}
        },
        "podTemplate": {"apiVersion": "v1", "kind": "Pod", "spec": pod_template(target, container)},
        "jobManager": {
            **_spelled(jobmanager, version),
            "replicas": 1,
            "podTemplate": {"apiVersion": "v1", "kind": "Pod", **labels},
        },
        "taskManager": {**_spelled(worker, version), **fields},
    }
    return target.object("flink.apache.org/v1beta1", "FlinkDeployment", target.job, "jobmanager", spec=spec)


def _native(
    placement: Placement, profile: ResourceProfile, parameters: Parameters, version: str, *, degrade: bool
) -> dict[str, str]:
    refuse_secrets(profile)
    written = exported_task_managers(placement)
    missing = lost_in_native(placement)
    if missing and not degrade:
        raise NotExportable(
            "native mode starts TaskManagers of one kind, when Flink asks for them, and this placement needs"
            f" more. {' '.join(missing)} Export for standalone mode, or degrade to lose this"
        )
    _, job = task_manager_sets(placement)
    target = Target(job, planner_fields(profile).flink_version, checked(parameters))
    master = without_secrets({**JOBMANAGER_MEMORY, **(placement.flink_configuration or {})})
    worker = without_secrets(uniform_options(placement))
    deployment = _deployment(target, master, version, "native", largest(placement), worker.options)
    # a JobManager in native mode starts and stops pods, and its own Deployment when it ends
    account = service_account(
        target,
        [rule("", "configmaps", "pods", "services"), rule("apps", "deployments", "deployments/finalizers")],
    )
    resources = ["account.yaml", "deployment.yaml", *(["storage.yaml"] if target.volume else [])]
    left_out = {key: why for one in (master, worker, *written.values()) for key, why in one.left_out.items()}
    unequal = differing(written.values(), {**master.options, **worker.options})
    files = {
        "README.md": native_readme(job, target.parameters.namespace, version, missing, left_out, unequal),
        "kustomization.yaml": kustomization(*resources, namespace=target.parameters.namespace),
        "account.yaml": to_yaml(*account),
        "deployment.yaml": to_yaml(deployment),
    }
    if target.volume:
        files["storage.yaml"] = to_yaml(storage_claim(target))
    return files
