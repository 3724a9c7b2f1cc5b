"""Rules over where groups are allowed to stand."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.memory.slot_resources import slot_counts
from planner.place.model.constraints import ZONE
from planner.rules.base import ClusterSubject, FitRule, JobRule, Match, Subject


class ImpossiblePlacement(JobRule):
    code, name, severity = "GRA311", "impossible-placement", Severity.ERROR
    summary = "A group's placement cannot be met, or names a group that is not there."
    why = "A group cannot stand on more TaskManagers or zones than it has slots, nor apart from itself."
    hint = "lower minTaskManagers or minZones, raise the parallelism, or correct the name"
    source = "planner's document format"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.job_graph is None:
            return
        counts = slot_counts(subject.job_graph)
        for group, (wanted, path) in subject.placements.items():
            if group not in counts:
                yield Match(path, f"group {group!r} has a placement and no slots")
                continue
            for field, least, what in (
                ("minTaskManagers", wanted.min_task_managers, "TaskManagers"),
                ("minZones", wanted.min_zones, "zones"),
            ):
                if least is not None and least > counts[group]:
                    yield Match(
                        (*path, field),
                        f"group {group!r} has {counts[group]} slots and is to stand on {least} {what}",
                    )
            for number, other in enumerate(wanted.anti_affinity):
                at = (*path, "antiAffinity", number)
                if other == group:
                    yield Match(
                        at, f"group {group!r} cannot stand apart from itself; write maxPerTaskManager: 1"
                    )
                elif other not in counts:
                    yield Match(at, f"there is no group {other!r} to stand apart from")


class UnknownPlace(FitRule):
    code, name, severity = "FIT803", "unknown-place", Severity.WARNING
    summary = "A group's placement names a TaskManager, class or zone that the cluster does not have."
    why = "Slots that are pinned to it have nowhere to go, and forbidding it changes nothing."
    hint = "correct the name, or label TaskManagers with their zone"
    source = "planner's document format"

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterator[Match]:
        known = {host.id for host in cluster.hosts} | {host.class_name for host in cluster.hosts}
        zones = {zone for host in cluster.hosts if (zone := dict(host.labels).get(ZONE))}
        for group, (wanted, path) in subject.placements.items():
            for field, names in (("pinned", wanted.pinned), ("forbidden", wanted.forbidden)):
                for number, name in enumerate(names):
                    if name not in known:
                        yield Match(
                            (*path, field, number), f"no TaskManager and no class of the cluster is {name!r}"
                        )
            if wanted.min_zones is not None and wanted.min_zones > len(zones):
                yield Match(
                    (*path, "minZones"),
                    f"group {group!r} is to stand in {wanted.min_zones} zones, the cluster has {len(zones)}",
                )
