"""FlinkDeployment: a Flink cluster, with or without a job of its own, as the operator's users declare it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from planner.documents.base import Foreign, Text, scalar_text
from planner.documents.finding import Path
from planner.documents.foreign.base import KubernetesObject, Misspelled, Setting, Truth, old_number
from planner.documents.job import Configuration
from planner.units import parse_manifest_size, parse_quantity


def _whole(value: object) -> object:
    """Return a number as kubectl sends it: ``4.0`` is a whole one, ``1_000`` and ``0b11`` are of YAML 1.1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    number = old_number(value) if isinstance(value, str) else None
    return value if number is None else number


Whole = Annotated[int, BeforeValidator(_whole)]
Int32 = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**31), lt=2**31)]
"""A number of type ``Integer``; what is a sensible one is for rules to say."""
_KNOWN = re.compile("1_(1[3-9]|20)|2_[0-9]")
"""Versions of Flink that a number stands for; 1.2 may be what is left of 1.20."""
_MOST_OF_A_PATCH = 2
OperatorVersion = Annotated[str, BeforeValidator(lambda value: _operator_version(value))]
"""A version of Flink as manifests have it, such as ``v2_2``."""


def _operator_version(value: object) -> str:
    text = scalar_text(value)
    if re.fullmatch(r"v[0-9]{1,4}_[0-9]{1,4}", text):
        return text
    found = re.fullmatch(r"v?([0-9]{1,4})[._]([0-9]{1,4})([._][0-9]{1,4})?", text)
    wrong = f"{text[:40]!r} is not how a manifest has it; write"
    if found is None or not _KNOWN.fullmatch(f"{found[1]}_{found[2]}"):
        raise ValueError(f"{wrong} a version such as v2_2")
    right = f"v{found[1]}_{found[2]}"
    raise Misspelled(f"{wrong} {right}", right)


class Resource(Foreign):
    """Memory and CPU of a process, the operator's own spelling."""

    cpu: float | None = None
    memory: Text | None = None
    ephemeral_storage: Text | None = None


class Resources(Foreign):
    """Memory and CPU of a process in the spelling of Kubernetes, which the operator has since 1.16."""

    limits: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    claims: list[Any] = []

    def requested(self, name: str) -> tuple[str, Path] | None:
        """Return what is requested of a resource, else its limit, and where that is."""
        for field, amounts in (("requests", self.requests), ("limits", self.limits)):
            if amounts.get(name) is not None:
                return scalar_text(amounts[name]), (field, name)
        return None


class ProcessSpec(Foreign):
    """The JobManager or the TaskManagers."""

    resource: Resource | None = None
    resources: Resources | None = None
    replicas: Int32 | None = None
    pod_template: dict[str, Any] | None = None

    def memory(self) -> Setting | None:
        """Return the memory of the process in the spelling of the document."""
        return self._amount("memory")

    def cpu(self) -> Setting | None:
        """Return the CPU of the process in the spelling of the document."""
        return self._amount("cpu")

    def _amount(self, name: str) -> Setting | None:
        if self.resources is not None and (self.resources.requests or self.resources.limits):
            found = self.resources.requested(name)
            return Setting(found[0], ("resources", *found[1])) if found else None
        value = getattr(self.resource, name, None)
        return None if value is None else Setting(scalar_text(value), ("resource", name))


class JobSpec(Foreign):
    """The job of a deployment or of a session cluster."""

    jar_uri: Annotated[Text | None, Field(alias="jarURI")] = None
    parallelism: Int32 | None = None
    entry_class: Text | None = None
    args: list[Text] = []
    state: Literal["running", "suspended"] | None = None
    upgrade_mode: Literal["stateless", "last-state", "savepoint"] | None = None
    initial_savepoint_path: Text | None = None
    allow_non_restored_state: Truth | None = None
    savepoint_trigger_nonce: Whole | None = None
    savepoint_redeploy_nonce: Whole | None = None
    checkpoint_trigger_nonce: Whole | None = None
    autoscaler_reset_nonce: Whole | None = None


class FlinkDeploymentSpec(Foreign):
    """What a deployment consists of."""

    flink_version: OperatorVersion | None = None
    image: Text | None = None
    image_pull_policy: Text | None = None
    service_account: Text | None = None
    mode: Literal["native", "standalone"] | None = None
    flink_configuration: Configuration = {}
    log_configuration: dict[str, Text] = {}
    ingress: dict[str, Any] | None = None
    pod_template: dict[str, Any] | None = None
    restart_nonce: Whole | None = None
    job: JobSpec | None = None
    job_manager: ProcessSpec | None = None
    task_manager: ProcessSpec | None = None


class FlinkDeployment(KubernetesObject):
    """A Flink cluster; with ``spec.job`` an application cluster, without it a session cluster."""

    kind: Literal["FlinkDeployment"]
    spec: FlinkDeploymentSpec

    @property
    def options(self) -> Mapping[str, str]:
        """``spec.flinkConfiguration``, flat."""
        return self.spec.flink_configuration

    @property
    def options_path(self) -> Path:
        """Where the options are."""
        return ("spec", "flinkConfiguration")

    @property
    def flink_version(self) -> str | None:
        """``v2_2`` as ``2.2``."""
        version = self.spec.flink_version
        return None if version is None else version.removeprefix("v").replace("_", ".")

    @property
    def is_whole(self) -> bool:
        """Whether this is a deployment of its own; a patch of Kustomize has but few of the fields."""
        spec = self.spec
        program = spec.job.jar_uri if spec.job else None
        given = (spec.image, spec.flink_version, spec.service_account, spec.job_manager, spec.task_manager)
        return sum(part is not None for part in (*given, program)) > _MOST_OF_A_PATCH

    def settings(self) -> Mapping[str, Setting]:
        """Return the options that the operator sets from fields of the spec (`FlinkConfigBuilder`)."""
        found: dict[str, Setting] = {}
        for field, process, spec in (
            ("jobManager", "jobmanager", self.spec.job_manager),
            ("taskManager", "taskmanager", self.spec.task_manager),
        ):
            if spec is None:
                continue
            if (memory := spec.memory()) is not None:
                size = flink_size(memory.value)
                found[f"{process}.memory.process.size"] = Setting(size, ("spec", field, *memory.path))
            if (cpu := spec.cpu()) is not None:
                cores = _cores(cpu.value)
                found[f"kubernetes.{process}.cpu.amount"] = Setting(cores, ("spec", field, *cpu.path))
        manager = self.spec.job_manager
        if manager is not None and (manager.replicas or 0) > 0:
            path = ("spec", "jobManager", "replicas")
            found["kubernetes.jobmanager.replicas"] = Setting(str(manager.replicas), path)
        if self.spec.job is not None and (parallelism := self._parallelism()) is not None:
            found["parallelism.default"] = parallelism
        return found

    def _parallelism(self) -> Setting | None:
        """Return the parallelism of the job: the slots of all replicas where those are given."""
        workers, job = self.spec.task_manager, self.spec.job
        if workers is not None and workers.replicas is not None:
            slots = self.options.get("taskmanager.numberOfTaskSlots", "1")
            if not slots.strip().isdecimal():
                return None
            return Setting(str(workers.replicas * int(slots)), ("spec", "taskManager", "replicas"))
        if job is None or job.parallelism is None:
            return None
        return Setting(str(job.parallelism), ("spec", "job", "parallelism"))

    def defaults(self) -> Mapping[str, str]:
        """Return what the operator sets of an application unless it is written (`FlinkConfigBuilder`)."""
        if self.spec.job is None:
            return {}
        found = {"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION"}
        if self.spec.job.upgrade_mode == "last-state":
            found["execution.checkpointing.interval"] = "5 min"
        return found

    def outline(self) -> str:
        """Return what it runs."""
        program = self.spec.job.jar_uri if self.spec.job else None
        return f"Flink {self.flink_version or '?'}, {program or ('a job' if self.spec.job else 'a session')}"


def flink_size(text: str) -> str:
    """Return a size of a manifest as Flink reads it; one that the operator cannot read stays as it is."""
    try:
        return f"{parse_manifest_size(text)}b"
    except ValueError:
        return text


def _cores(text: str) -> str:
    """Return the CPU of a manifest, which may be ``500m``, as a number of cores."""
    try:
        return format(parse_quantity(text).normalize(), "f")
    except ValueError:
        return text
