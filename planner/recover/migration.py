"""A migration: which TaskManagers change between two placements, and what of the job restarts meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph


class Step(StrEnum):
    """What happens to a TaskManager, in the order in which it does."""

    START = "start"
    REPLACE = "replace"
    END = "end"
    RESERVE = "keep in reserve"


@dataclass(frozen=True, slots=True)
class Change:
    """A TaskManager that changes: what happens to it, and its quotas before and after."""

    task_manager: str
    step: Step
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Migration:
    """The TaskManagers that change, and how many of the job's subtasks restart at once."""

    changes: tuple[Change, ...]
    restarted: int
    subtasks: int


def migration(before: Placement, after: Placement, profile: ResourceProfile, job: JobGraph) -> Migration:
    """Return what a cluster under ``before`` needs to be one under ``after``.

    TaskManagers that are started or replaced come first; then the old ones end, all at once, so that the job
    restarts a single time; those in reserve start last.

    Raises:
        PlacementMismatch: when ``before`` does not hold every subtask of the job once.

    """
    from planner.recover.recovery_plan import restarted_by

    changes = sorted(_changes(before, after), key=lambda one: list(Step).index(one.step))
    held = {tm.id for tm in before.task_managers if not tm.reserve}
    ended = {one.task_manager for one in changes} & held
    total = sum(vertex.parallelism for vertex in job.vertices)
    return Migration(tuple(changes), restarted_by(profile, job, before, ended), total)


def _changes(before: Placement, after: Placement) -> Iterator[Change]:
    old = {tm.id: tm for tm in before.task_managers}
    new = {tm.id: tm for tm in after.task_managers}
    for name in dict.fromkeys([*new, *old]):
        was, now = old.get(name), new.get(name)
        step = _step(was, now)
        if step is not None:
            yield Change(name, step, was.quotas if was else {}, now.quotas if now else {})


def _step(was: PlacedTaskManager | None, now: PlacedTaskManager | None) -> Step | None:
    """Return what happens to a TaskManager, None where it stays as it is."""
    if now is None:
        return Step.END
    same = was is not None and (was.memory, was.flink_configuration) == (now.memory, now.flink_configuration)
    if now.reserve:
        return None if same and was is not None and was.reserve else Step.RESERVE
    if was is None or was.reserve:
        return Step.START
    return None if same else Step.REPLACE
