"""The Placement document: how many slots of which group are on which TaskManager."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from planner.documents.base import Amount, Cpu, Envelope, ExternalName, Metadata, Model, Name, Size, Text
from planner.documents.vocabulary import RecoveryField, UseCaseField


class Inputs(Model):
    """SHA-256 of the documents that a placement was made from."""

    profile: Text
    cluster: Text
    previous: Text | None = None


class Decided(Model):
    """The TaskManager with the highest value, and the group that has the largest part in it."""

    task_manager: Name
    group: Name


class ObjectiveLevel(Model):
    """One level of the objective with the bound that proves how good it is."""

    name: Text
    value: float
    bound: float | None = None
    bound_kind: Text | None = None
    gap: float | None = None
    status: Literal["optimal", "feasible", "unknown"]
    decided_by: Decided | None = None


class Imbalance(Model):
    """CPU utilisation over the TaskManagers that the placement may use (load / capacity)."""

    max: float
    mean: float
    min: float
    max_over_mean: float
    spread: float
    cv: float


class Slot(Model):
    """One slot with the subtasks that share it, as ``operator/subtask`` for every operator of a chain."""

    group: Name
    subtasks: list[Text]


class PlacedLoad(Model):
    """What the slots of a TaskManager take together."""

    cpu: Cpu
    cpu_reserved: Cpu
    heap: Size
    off_heap: Size
    managed: Size
    network: Size
    external: dict[ExternalName, Amount] = {}


class PlacedMemory(Model):
    """Memory configuration of a TaskManager, as Flink's own start script would print it."""

    jvm_arguments: list[Text]
    dynamic_options: dict[str, Text]


class PlacedTaskManager(Model):
    """What is placed on one TaskManager; ``flinkConfiguration`` are options beside those of ``memory``.

    One in ``reserve`` holds no slots. It starts when the job runs; its quotas are what it can take over.
    """

    id: Name
    class_: Name | None = Field(default=None, alias="class")
    reserve: bool | None = None
    quotas: dict[Name, int]
    slots: list[Slot]
    load: PlacedLoad
    utilisation: dict[str, float]
    memory: PlacedMemory | None = None
    flink_configuration: dict[str, Text] | None = None

    @model_validator(mode="after")
    def _reserve_is_empty(self) -> PlacedTaskManager:
        if self.reserve and self.slots:
            raise ValueError("it is in reserve and holds slots; one in reserve holds none")
        return self


class StockStrategy(Model):
    """What Flink's own slot allocation would do with the same slots and TaskManagers."""

    max: float | None = None
    lowest: float | None = None
    highest: float | None = None
    fits: bool


class SlotLoad(Model):
    """Range of the CPU utilisation where slots of one group carry unequal load.

    Flink decides which slot of a group lands on which of its TaskManagers.
    """

    best: float
    worst: float


class Samples(Model):
    """What it means that load comes and goes: a placement for ``count`` samples of it.

    CPU load and utilisation of a TaskManager are those of the sample in which they are highest.
    ``decidedBy`` is the number, from 1, of the one in which the highest utilisation of all is reached.
    ``balancedMean`` is the highest utilisation of a placement that balances the mean of all samples.
    """

    count: int
    decided_by: int
    balanced_mean: float | None = None


class PlacedJob(Model):
    """One of several jobs that are placed together.

    ``groups`` are what its slot sharing groups are called here; subtasks are called ``job/operator/subtask``.
    ``cpu`` is the load of all of its ``slots``. ``highest`` is the highest CPU utilisation of a TaskManager
    that it stands on; alone on the cluster it could have less, and none below ``alone``, which is a bound.
    ``kept`` slots stayed where they were.
    """

    profile: Text
    groups: list[Name]
    kept: bool | None = None
    slots: int
    task_managers: int
    cpu: Cpu
    highest: float
    alone: float


class Move(Model):
    """Slots of a group that change their TaskManager."""

    group: Name
    slots: int
    from_: Name = Field(alias="from")
    to: Name


class Moves(Model):
    """What changes against the placement before.

    ``moved`` slots could have stayed; ``weight`` counts each as one, and one more for each GiB of state
    that it restores. ``lost`` were on TaskManagers that are gone, ``added`` and ``removed`` come
    from groups with more or fewer slots. ``slack`` is how far above the best value the placement may be.
    """

    slack: float
    moved: int
    weight: float
    lost: int
    added: int
    removed: int
    steps: list[Move] = []


class PlannedGroup(Model):
    """What a slot of a group takes where estimates had to bend, since what nobody declared has to fit.

    ``estimatedCpu`` and ``estimatedMemory`` (of heap, off-heap and managed memory) are what was estimated.
    """

    cpu: Cpu
    heap: Size
    off_heap: Size
    managed: dict[UseCaseField, Size]
    estimated_cpu: Cpu
    estimated_memory: Size
    reason: Text


class Meta(Model):
    """Facts about the run that made the placement."""

    seconds: float
    seed: int
    workers: int
    planner_version: Text


class Placement(Envelope):
    """Every slot of the job on a TaskManager; with a ``strategy`` it simulates Flink's own scheduler.

    ``uncovered`` are TaskManagers whose loss those in reserve do not make up for. ``flinkConfiguration`` are
    options that every process of the cluster is given, so that it recovers as the job asks for, and that
    the regions of a batch job take turns in its slots; ``recovery`` is how it asks for that.
    """

    kind: Literal["Placement"]
    metadata: Metadata
    inputs: Inputs
    strategy: Text | None = None
    objective: list[ObjectiveLevel]
    imbalance: Imbalance
    slot_load: SlotLoad | None = None
    samples: Samples | None = None
    jobs: Annotated[dict[Name, PlacedJob], Field(min_length=1)] | None = None
    moves: Moves | None = None
    uncovered: list[Name] | None = None
    planned_groups: dict[Name, PlannedGroup] | None = None
    flink_configuration: dict[str, Text] | None = None
    recovery: RecoveryField | None = None
    task_managers: list[PlacedTaskManager]
    stock_flink: dict[Literal["none", "slots", "tasks", "minResources"], StockStrategy]
    meta: Meta | None = None

    def outline(self) -> str:
        """Return the size of the placement and the first level of its objective."""
        slots = sum(len(tm.slots) for tm in self.task_managers)
        used = sum(1 for tm in self.task_managers if tm.slots)
        level = next((one for one in self.objective if one.name == "maxCpuUtilisation"), None)
        cpu = f", highest CPU {level.value:.1%}" if level else ""
        how = f"simulation of {self.strategy}" if self.strategy else level.status if level else "unknown"
        return f"{slots} slots on {used} of {len(self.task_managers)} TaskManagers{cpu} ({how})"
