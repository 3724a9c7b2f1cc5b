"""The RecoveryPlan document: what each failure restarts."""

from __future__ import annotations

from typing import Literal

from planner.documents.base import Envelope, Metadata, Model, Name, Text
from planner.documents.vocabulary import FailedField


class RecoveryInputs(Model):
    """SHA-256 of the documents that a recovery plan was made from."""

    profile: Text
    placement: Text


class RegionPart(Model):
    """Subtasks of one vertex, written as ranges: ``0-7,9``."""

    vertex: Text
    id: Text
    subtasks: Text


class Region(Model):
    """A pipelined region: subtasks that restart together.

    ``restarted`` counts the subtasks that restart when it fails, those of other regions included; it is
    left out where there are very many regions.
    """

    id: int
    size: int
    restarted: int | None = None
    parts: list[RegionPart]


class Restarted(Model):
    """How much of the job restarts."""

    subtasks: int
    share: float


class Failure(Model):
    """The loss of one TaskManager.

    On which of its TaskManagers a slot of a group lands is Flink's choice, so ``restarted``
    is for the assignment in the placement and ``worst`` for the worst one with the same quotas.
    When it comes back it is empty, beside those in reserve that took over: then it is what the next loss
    finds, and ``coveredNext`` is how many of the other TaskManagers it could take over from.
    """

    task_manager: Name
    lost: int
    regions: list[int]
    restarted: Restarted
    worst: Restarted
    full_restart: Restarted
    covered_next: int | None = None


class Scope(Model):
    """A part of the job that fails: a task (one of its subtasks, the worst), a whole group or zone."""

    kind: Literal["task", "slotSharingGroup", "zone"]
    name: Text
    lost: int
    restarted: Restarted


class DowntimePart(Model):
    """A part of a downtime in seconds, and the option that governs it; without seconds nobody knows it."""

    name: Literal["detection", "backOff", "cancel", "allocation", "restore", "catchUp"]
    seconds: float | None = None
    option: Text | None = None
    value: Text | None = None
    reason: Text


class Downtime(Model):
    """What a failure costs: the sum of the parts that are known, and whether these are all.

    Without ``seconds`` the job does not restart at all.
    """

    failed: FailedField
    seconds: float | None = None
    complete: bool
    parts: list[DowntimePart]


class Reserve(Model):
    """TaskManagers in reserve.

    When the JobManager fails over while they are there, Flink may put slots on them that are planned
    elsewhere: ``worstCpuUtilisation`` is the highest that a TaskManager can then have.
    """

    task_managers: list[Name]
    uncovered: list[Name] = []
    worst_cpu_utilisation: float


class Settings(Model):
    """Options that govern a recovery, as they are and as ``recovery: fast`` would set them."""

    option: Text
    value: Text
    fast: Text


class RestartStrategy(Model):
    """The back-off strategy that the job's configuration gives, and where it comes from."""

    type: Text
    options: dict[str, Text]
    source: Text


class RecoveryPlan(Envelope):
    """Restart regions and what each failure restarts."""

    kind: Literal["RecoveryPlan"]
    metadata: Metadata
    inputs: RecoveryInputs
    failover_strategy: Literal["region", "full"]
    restart_strategy: RestartStrategy
    subtasks: int
    regions: list[Region]
    failures: list[Failure]
    reserve: Reserve | None = None
    scopes: list[Scope] = []
    settings: list[Settings] = []
    downtimes: list[Downtime] = []
    fast_downtimes: list[Downtime] = []

    def outline(self) -> str:
        """Return how many regions there are, and the most that a lost TaskManager restarts."""
        worst = max((failure.restarted.subtasks for failure in self.failures), default=0)
        regions = "1 region" if len(self.regions) == 1 else f"{len(self.regions)} regions"
        return f"{regions}, a lost TaskManager restarts up to {worst} of {self.subtasks} subtasks"
