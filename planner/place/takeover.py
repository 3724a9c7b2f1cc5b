"""One TaskManager takes over all that another one holds: the move that replaces a single process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from planner.documents.cluster import Cluster, Reserve, TaskManager
from planner.documents.errors import PlacementMismatch
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph
from planner.place.arranged import arranged
from planner.place.clock import Clock
from planner.place.model.task_managers import class_ids, task_manager_ids


def without(cluster: Cluster, names: set[str]) -> Cluster:
    """Return a cluster without some TaskManagers; those that are left keep their ids.

    Raises:
        PlacementMismatch: when one of them is not there.

    """
    spec = cluster.spec
    if missing := sorted(names - set(task_manager_ids(cluster))):
        raise PlacementMismatch(f"cluster {cluster.metadata.name!r} has no TaskManager {missing[0]!r}")
    classes, named = [], []
    for entry in spec.task_manager_classes:
        left = [name for name in class_ids(entry) if name not in names]
        if len(left) == len(class_ids(entry)):
            classes.append(entry)
            continue
        classes.append(entry.model_copy(update={"count": 0, "min": None, "max": None}))
        named += [TaskManager.model_validate({"id": name, "class": entry.name}) for name in left]
    named += [one for one in spec.task_managers if one.id not in names]
    changed = spec.model_copy(update={"task_manager_classes": classes, "task_managers": named})
    return cluster.model_copy(update={"spec": changed})


def with_reserve(cluster: Cluster, spare: Collection[PlacedTaskManager]) -> Cluster:
    """Return a cluster that keeps as many in reserve as in ``spare``, by class where it asks for that."""
    if cluster.spec.reserve.classes:
        reserve = Reserve(classes=Counter(tm.class_ or tm.id for tm in spare))
    else:
        reserve = Reserve(task_managers=len(spare))
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"reserve": reserve})})


def empty_ones(placement: Placement) -> Iterator[PlacedTaskManager]:
    """Yield the TaskManagers without slots, those in reserve first."""
    free = [tm for tm in placement.task_managers if not tm.slots]
    yield from sorted(free, key=lambda tm: not tm.reserve)


def takeover(
    profile: ResourceProfile,
    job: JobGraph,
    cluster: Cluster,
    previous: Placement,
    source: str,
    target: str,
    clock: Clock,
) -> Placement | None:
    """Return ``previous`` with all that is on ``source`` on ``target`` instead, None where that does not fit.

    ``cluster`` may be without ``source``. The figures are those of a placement that nobody searched for.

    Raises:
        PlacementMismatch: when the placement is not of this job.

    """
    swap = {target: source, source: target}
    parts = {tm.id: tm for tm in previous.task_managers}
    there = {name: parts.get(swap.get(name, name)) for name in task_manager_ids(cluster)}
    held = {name: part.slots for name, part in there.items() if part}
    spare = {name for name, part in there.items() if part and part.reserve}
    placement, problems = arranged(profile, job, cluster, previous, held, spare, clock)
    return None if problems else placement
