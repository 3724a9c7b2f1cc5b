"""FlinkStateSnapshot: a savepoint or checkpoint that the operator takes."""

from __future__ import annotations

from typing import Literal

from planner.documents.base import Foreign, Text
from planner.documents.foreign.base import KubernetesObject, Truth


class JobReference(Foreign):
    """Of which job the snapshot is."""

    kind: Literal["FlinkDeployment", "FlinkSessionJob"] | None = None
    name: Text | None = None


class Savepoint(Foreign):
    """A savepoint to take, or one that exists."""

    path: Text | None = None
    format_type: Literal["CANONICAL", "NATIVE", "UNKNOWN"] | None = None
    already_exists: Truth | None = None
    dispose_on_delete: Truth | None = None


class FlinkStateSnapshotSpec(Foreign):
    """Of which job, and whether it is a savepoint or a checkpoint."""

    job_reference: JobReference | None = None
    savepoint: Savepoint | None = None
    checkpoint: dict[str, object] | None = None
    backoff_limit: int | None = None


class FlinkStateSnapshot(KubernetesObject):
    """A snapshot of a job's state."""

    kind: Literal["FlinkStateSnapshot"]
    spec: FlinkStateSnapshotSpec

    @property
    def deployment(self) -> str:
        """The name of the deployment that it is of, empty where it is of something else."""
        reference = self.spec.job_reference
        return (reference.name or "") if reference and reference.kind == "FlinkDeployment" else ""

    def outline(self) -> str:
        """Return what it is of."""
        reference = self.spec.job_reference
        return f"a snapshot of {reference.name if reference and reference.name else 'an existing savepoint'}"
