"""FlinkSessionJob: a job for a session cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from planner.documents.base import Foreign, Text
from planner.documents.finding import Path
from planner.documents.foreign.base import KubernetesObject, Setting
from planner.documents.foreign.deployment import JobSpec, Whole
from planner.documents.job import Configuration


class FlinkSessionJobSpec(Foreign):
    """The job, and the session cluster that it is for."""

    deployment_name: Text | None = None
    flink_configuration: Configuration = {}
    restart_nonce: Whole | None = None
    job: JobSpec | None = None


class FlinkSessionJob(KubernetesObject):
    """A job that the operator submits to a session cluster."""

    kind: Literal["FlinkSessionJob"]
    spec: FlinkSessionJobSpec

    @property
    def session(self) -> str:
        """The name of the deployment that the job is for, empty where there is none."""
        return self.spec.deployment_name or ""

    @property
    def options(self) -> Mapping[str, str]:
        """``spec.flinkConfiguration``, flat."""
        return self.spec.flink_configuration

    @property
    def options_path(self) -> Path:
        """Where the options are."""
        return ("spec", "flinkConfiguration")

    def settings(self) -> Mapping[str, Setting]:
        """Return the option that the operator sets from the job's parallelism."""
        if self.spec.job is None or self.spec.job.parallelism is None:
            return {}
        path = ("spec", "job", "parallelism")
        return {"parallelism.default": Setting(str(self.spec.job.parallelism), path)}

    def outline(self) -> str:
        """Return what it is for."""
        return f"a job of session cluster {self.spec.deployment_name or '?'}"
