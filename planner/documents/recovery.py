"""The RecoveryPlan document: what each failure restarts."""

from __future__ import annotations

from typing import Literal

from planner.documents.base import Envelope, Metadata, Model, Name, Text


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
    """A pipelined region: subtasks that restart together."""

    id: int
    size: int
    parts: list[RegionPart]


class Restarted(Model):
    """How much of the job restarts."""

    subtasks: int
    share: float


class Failure(Model):
    """The loss of one TaskManager.

    On which of its TaskManagers a slot of a group lands is Flink's choice, so ``restarted``
    is for the assignment in the placement and ``worst`` for the worst one with the same quotas.
    """

    task_manager: Name
    lost: int
    regions: list[int]
    restarted: Restarted
    worst: Restarted
    full_restart: Restarted


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

    def outline(self) -> str:
        """Return how many regions there are, and the most that a lost TaskManager restarts."""
        worst = max((failure.restarted.subtasks for failure in self.failures), default=0)
        return (
            f"{len(self.regions)} regions, a lost TaskManager restarts up to {worst} of"
            f" {self.subtasks} subtasks"
        )
