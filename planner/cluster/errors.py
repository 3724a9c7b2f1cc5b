"""What can go wrong between planner and a running cluster; every message is for the user."""

from __future__ import annotations

from planner.errors import PlannerError


class ClusterFailed(PlannerError):
    """A process of a cluster ended or did not come up; the message holds the end of its log."""


class ClusterFolderError(PlannerError):
    """A folder that cannot hold a local cluster, or whose state cannot be read."""


class ClusterBusy(ClusterFolderError):
    """Another planner process uses the folder of a local cluster."""


class RestError(PlannerError):
    """A cluster refuses what it is asked, or its answer means nothing; the message names the address."""


class NoAnswer(RestError):
    """Nothing answers at an address, or nothing that is Flink."""


class NotThere(RestError):
    """A cluster answers that it does not have what it is asked for."""


class SlotsTaken(PlannerError):
    """Another job runs in slots of a placement."""


class CallbackFailed(PlannerError):
    """A callback of a migration failed; the message names it and says how."""


class CheckpointFailed(PlannerError):
    """A job could not take a checkpoint; the message says why."""


class MigrationUnfinished(PlannerError):
    """A migration is under way, or was interrupted: it has to be resumed or aborted first."""


class KubernetesError(ClusterFailed):
    """kubectl refuses what it is asked for, or does not answer; the message says what it was."""
