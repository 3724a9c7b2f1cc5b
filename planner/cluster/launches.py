"""How the processes of a local cluster are started: JVM arguments and Flink options of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.cluster.processes import CHOSEN
from planner.documents.cluster import Cluster
from planner.documents.placement import Placement
from planner.documents.sensitive import HIDDEN, masked
from planner.flink.errors import OptionRefused
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.launch import launch_jobmanager
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.task_managers import ClusterError, stock_options
from planner.targets.options import task_manager_options
from planner.units import GIB

Launch = tuple[Sequence[str], Mapping[str, str]]
"""JVM arguments and Flink options of a process."""
JOBMANAGER_MEMORY = "1024m"
OVERCOMMIT = 2
"""How often the memory of this machine may be given out: processes seldom fill all of theirs."""


def launches(placement: Placement, options: Mapping[str, str]) -> dict[str, Launch]:
    """Return how the processes of the cluster that a placement describes are started.

    ``options`` are Flink options for all of them.

    Raises:
        OptionRefused: when one of ``options`` is the placement's or planner's to set.

    """
    options = _merged(options, placement.flink_configuration or {}, "placement")
    found = {"jobmanager": _jobmanager(options)}
    for tm in placement.task_managers:
        if tm.memory is None:
            continue
        own = tm.flink_configuration or {}
        _chosen_refused(own, f"TaskManager {tm.id}")
        for key, value in (placement.flink_configuration or {}).items():
            if own.get(key, value) != value:
                raise OptionRefused(
                    f"TaskManager {tm.id}: {key} is {masked(key, own[key])} in its class, and"
                    f" {masked(key, value)} for all processes, so that the job recovers as it asks for;"
                    " leave it out of the class, or set the same in the job's flinkConfiguration"
                )
        planned = _merged(options, task_manager_options(tm), "placement")
        found[_task_manager(tm.id)] = (tm.memory.jvm_arguments, planned)
    return found


def stock_launches(cluster: Cluster, options: Mapping[str, str]) -> dict[str, Launch]:
    """Return how the processes of a cluster without a placement are started.

    Raises:
        ClusterError: when the figures of a TaskManager are inconsistent.
        OptionRefused: when one of ``options`` is the cluster's or planner's to set.

    """
    found = {"jobmanager": _jobmanager(options)}
    for name, own in stock_options(cluster).items():
        _chosen_refused(own, f"TaskManager {name}")
        configured = _merged(options, own, "cluster")
        try:
            memory = derive_taskmanager(configured)
        except MemoryConfigurationError as error:
            raise ClusterError(("spec",), f"TaskManager {name}: {error}") from None
        found[_task_manager(name)] = (jvm_arguments(memory), {**configured, **memory.dynamic_options()})
    return found


def too_large(launches: Mapping[str, Launch], memory: int) -> str | None:
    """Return why a machine with so many bytes of memory cannot hold a cluster, None where it can.

    Raises:
        MemoryConfigurationError: when the options of a TaskManager are inconsistent.

    """
    task_managers = [options for name, (_, options) in launches.items() if name != "jobmanager"]
    needed = sum(derive_taskmanager(options).process for options in task_managers)
    if needed <= OVERCOMMIT * memory:
        return None
    return (
        f"its {len(task_managers)} TaskManagers take {needed / GIB:.0f} gb together and this machine has"
        f" {memory / GIB:.0f} gb; place the job on a cluster that fits here"
    )


def _jobmanager(options: Mapping[str, str]) -> Launch:
    for key in CHOSEN:
        if key in options:
            raise OptionRefused(f"-D {key}: planner chooses that for a local cluster; leave it out")
    own = {key: value for key, value in options.items() if not key.startswith("taskmanager.memory.")}
    sized = any(f"jobmanager.memory.{size}.size" in own for size in ("process", "flink", "heap"))
    memory = {} if sized else {"jobmanager.memory.process.size": JOBMANAGER_MEMORY}
    try:
        master = launch_jobmanager({**memory, **own})
    except MemoryConfigurationError as error:
        raise OptionRefused(f"the JobManager would not start: {error}") from None
    return master.jvm_arguments, {**own, **master.dynamic_options}


def _chosen_refused(options: Mapping[str, str], whose: str) -> None:
    for key in CHOSEN:
        if key in options:
            raise OptionRefused(f"{whose}: planner chooses {key} for a local cluster; leave it out")


def _task_manager(name: str) -> str:
    if name == "jobmanager":
        raise OptionRefused("a TaskManager of a local cluster cannot have the id 'jobmanager'")
    return name


def _merged(options: Mapping[str, str], own: Mapping[str, str], document: str) -> dict[str, str]:
    """Return the options of a TaskManager: those of all processes, and what a document says of it.

    A secret that is hidden in the document is the user's to give.
    """
    own = {key: value for key, value in own.items() if HIDDEN not in value or key not in options}
    for key in sorted(options.keys() & own.keys()):
        if options[key] != own[key]:
            given, theirs = masked(key, options[key]), masked(key, own[key])
            raise OptionRefused(f"-D {key}={given}: the {document} sets it to {theirs}")
    return {**options, **own}
