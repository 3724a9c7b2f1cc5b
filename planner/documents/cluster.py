"""The Cluster document: the TaskManagers that there are, one by one or as classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from planner.documents.base import (
    Envelope,
    ExternalName,
    Metadata,
    Model,
    Name,
    PositiveCpu,
    PositiveSize,
    Size,
    Text,
    WholeAmount,
)
from planner.documents.job import Configuration
from planner.documents.vocabulary import CoverField

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Slots = Annotated[int, Field(ge=1, le=100_000)]


class Memory(Model):
    """Memory of a TaskManager: its whole process or Flink size, or Flink's parts of it.

    Names are those of Flink's ``taskmanager.memory.*.size`` options in camelCase.
    """

    process: PositiveSize | None = None
    flink: PositiveSize | None = None
    framework_heap: Size | None = None
    framework_off_heap: Size | None = None
    task_heap: Size | None = None
    task_off_heap: Size | None = None
    managed: Size | None = None
    network: Size | None = None
    jvm_metaspace: Size | None = None
    jvm_overhead: Size | None = None


class TaskManagerShape(Model):
    """What a TaskManager offers; ``slots`` limits the placement, Flink does not limit fine-grained slots."""

    cpu: PositiveCpu
    memory: Memory
    slots: Slots | None = None
    external: dict[ExternalName, WholeAmount] = {}
    labels: dict[str, Text] = {}
    flink_configuration: Configuration = {}


class TaskManagerClass(TaskManagerShape):
    """Equal TaskManagers: ``count`` of them, or ``min`` to ``max`` that may be asked for.

    ``price`` is what one of them costs, in any unit: sizing finds the cheapest.
    """

    name: Name
    count: Count | None = None
    min: Count | None = None
    max: Count | None = None
    price: Annotated[float, Field(ge=0)] | None = None


class TaskManager(Model):
    """One TaskManager by its id: of a class, or with its own figures."""

    id: Name
    class_: Name | None = Field(default=None, alias="class")
    cpu: PositiveCpu | None = None
    memory: Memory | None = None
    slots: Slots | None = None
    external: dict[ExternalName, WholeAmount] | None = None
    labels: dict[str, Text] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"id": value} if isinstance(value, str) else value


class Reserve(Model):
    """What a placement keeps free so that others may fail.

    That is so many ``taskManagers``, on each of which fits what any other one holds, so many of each of the
    ``classes``, or as few as ``cover`` takes. A zone is what TaskManagers have as their label ``zone``.
    """

    task_managers: Annotated[int, Field(ge=0, le=100_000)] = 0
    classes: dict[Name, Annotated[int, Field(ge=0, le=100_000)]] = {}
    cover: CoverField | None = None

    @property
    def count(self) -> int:
        """How many TaskManagers are kept in reserve; with a cover that is found out."""
        return self.task_managers + sum(self.classes.values())


class ClusterSpec(Model):
    """The TaskManagers of a cluster."""

    task_manager_classes: list[TaskManagerClass] = []
    task_managers: list[TaskManager] = []
    reserve: Reserve = Reserve()


class Cluster(Envelope):
    """The TaskManagers that a job may be placed on."""

    kind: Literal["Cluster"]
    metadata: Metadata
    spec: ClusterSpec

    def outline(self) -> str:
        """Return how many TaskManagers there are."""
        classes = [
            f"{entry.count if entry.count is not None else f'{entry.min or 0}-{entry.max}'} {entry.name}"
            for entry in self.spec.task_manager_classes
        ]
        named = len(self.spec.task_managers)
        return ", ".join([*classes, *([f"{named} by id"] if named else [])]) or "no TaskManagers"
