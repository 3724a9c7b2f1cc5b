"""A job or a placement in the formats of other tools."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from planner.api.compiling import compile_job, made_from
from planner.documents.errors import PlacementMismatch
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import planner_fields
from planner.targets.errors import NotExportable
from planner.targets.expert_mode import expert_mode
from planner.targets.flink_conf import LOCALHOST, flink_conf
from planner.targets.kubernetes import NAMESPACE, STORAGE, Parameters, kubernetes
from planner.targets.migration_map import migration_map
from planner.targets.operator import OPERATOR, DeploymentMode, operator
from planner.targets.standalone import on_hosts
from planner.targets.yarn import yarn

if TYPE_CHECKING:
    pass


class Target(StrEnum):
    """A format of another tool."""

    EXPERT_MODE = "expert-mode"


def export(job: Job | ResourceProfile, target: Target = Target.EXPERT_MODE) -> dict[str, Any]:
    """Return a job as plain data in the format of another tool.

    Raises:
        DocumentError: when the job is not valid.

    """
    del target  # there is one so far
    return expert_mode(job if isinstance(job, ResourceProfile) else compile_job(job)[0])


def export_flink_conf(
    placement: Placement, profile: Job | ResourceProfile, *, jobmanager: str = LOCALHOST
) -> dict[str, str]:
    """Return a folder of Flink's configuration for every process of a placement, as texts by file name.

    ``profile`` is what the placement was made from, and ``jobmanager`` the host of the JobManager.
    `write_folder` writes the files.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return flink_conf(placement, planner_fields(_exported(placement, profile)).flink_version, jobmanager)


def export_migration_map(placement: Placement, profile: Job | ResourceProfile) -> dict[str, Any]:
    """Return the TaskManager of every subtask by JobVertexID, for schedulers that can be told that.

    ``profile`` is what the placement was made from.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when the placement is a simulation.
        DocumentError: when the profile is not valid.

    """
    complete, job = compile_job(_exported(placement, profile))
    return migration_map(placement, complete, job)


def export_standalone(
    placement: Placement, profile: Job | ResourceProfile, *, hosts: str | None = None
) -> dict[str, str]:
    """Return what `export_flink_conf` does, and what starts it on hosts: a script, and units of systemd.

    ``hosts`` is a text with a line for each process, its name and its host; without it all are on one
    machine.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when ``hosts`` does not have each process once, or an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return on_hosts(placement, planner_fields(_exported(placement, profile)).flink_version, hosts)


def export_kubernetes(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    image: str | None = None,
    namespace: str = NAMESPACE,
    storage: str = STORAGE,
) -> dict[str, str]:
    """Return manifests for a placement, laid out for kustomize, as texts by file name.

    ``profile`` is what the placement was made from. ``image`` has Flink (default: ``flink`` of the
    profile's version); ``storage`` is a URI that all pods reach, a volume where it is a path. `write_folder`
    writes the files.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when an option or a parameter cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return kubernetes(placement, _exported(placement, profile), Parameters(image, namespace, storage))


def export_operator(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    mode: DeploymentMode = "standalone",
    operator_version: str = OPERATOR,
    degrade: bool = False,
    image: str | None = None,
    namespace: str = NAMESPACE,
    storage: str = STORAGE,
) -> dict[str, str]:
    """Return manifests for the Flink Kubernetes Operator, as texts by file name.

    In ``standalone`` mode the operator manages the JobManager, and the TaskManagers are those of
    `export_kubernetes`, which has the other parameters too. In ``native`` mode all TaskManagers are alike;
    what that loses of the placement is lost only with ``degrade``.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when the mode cannot express the placement, the operator does not know the version of
            Flink, or an option or a parameter cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    parameters = Parameters(image, namespace, storage)
    complete = _exported(placement, profile)
    return operator(placement, complete, parameters, mode=mode, version=operator_version, degrade=degrade)


def export_yarn(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    node_label: str | None = None,
    degrade: bool = False,
) -> dict[str, str]:
    """Return Flink's configuration for an application on YARN and what runs it, as texts by file name.

    Flink asks YARN for containers of one size; what it loses by that is lost only with ``degrade``.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when YARN cannot express the placement, or an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return yarn(placement, _exported(placement, profile), node_label=node_label, degrade=degrade)


def _exported(placement: Placement, profile: Job | ResourceProfile) -> ResourceProfile:
    """Return the complete profile of a placement.

    Raises:
        NotExportable: when it is a simulation.
        PlacementMismatch: when it was not made from ``profile``.
        DocumentError: when the profile is not valid.

    """
    if placement.strategy is not None:
        raise NotExportable(f"a simulation of {placement.strategy} cannot be carried out; place without it")
    if not made_from(placement, profile):
        raise PlacementMismatch("the placement was made from another profile; name that one, or place again")
    return compile_job(profile)[0]


def operator_labels() -> dict[str, str]:
    """Return the option by which the Kubernetes operator labels failures with the classes of a diagnosis."""
    from planner.recover.diagnosis.labels import LABEL_MAPPER, label_mapper

    return {LABEL_MAPPER: label_mapper()}
