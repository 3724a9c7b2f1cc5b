"""The Job document: what a person declares about a Flink job."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from planner.documents.base import (
    Amount,
    Cpu,
    Duration,
    Envelope,
    ExternalName,
    Metadata,
    Model,
    Name,
    Parallelism,
    PositiveCpu,
    PositiveSize,
    Size,
    Text,
    scalar_text,
)
from planner.documents.finding import Path
from planner.documents.vocabulary import (
    BackendField,
    ChainingField,
    Exchange,
    ExchangeField,
    JobType,
    JobTypeField,
    RecoveryField,
    ShipField,
    UseCase,
    UseCaseField,
)

DEFAULT_GROUP = "default"
"""The slot sharing group of everything that names none (`StreamGraphGenerator`)."""


MOST_SAMPLES = 1_000
"""How many samples of load there may be: a week of ten minutes each is 1,008, which nobody tells apart."""
LONGEST_LIST = 1_000_000
"""How many characters the parts of an option's list may have together."""


def flatten_configuration(value: Any) -> Any:
    """Turn Flink's nested ``config.yaml`` style into flat keys with the text of their values.

    Raises:
        ValueError: when a list is too long.

    """
    if not isinstance(value, dict):
        return value
    flat: dict[str, str] = {}

    def visit(prefix: str, item: Any) -> None:
        if isinstance(item, dict):
            for key, child in item.items():
                visit(f"{prefix}.{key}" if prefix else str(key), child)
        elif isinstance(item, list):
            parts = [scalar_text(part) for part in item]
            if sum(map(len, parts)) > LONGEST_LIST:  # aliases make a list longer than its document
                raise ValueError(f"the list {prefix[:40]!r} is longer than {LONGEST_LIST:,} characters")
            flat[prefix] = ";".join(parts)
        else:
            flat[prefix] = scalar_text(item)

    visit("", value)
    return flat


def option_paths(data: Any, path: Path) -> dict[str, Path]:
    """Return where each Flink option is in the raw ``data`` of a document, nested or flat."""
    found: dict[str, Path] = {}
    try:
        for part in path:
            data = data[part]
    except (KeyError, IndexError, TypeError):
        return found

    def visit(prefix: str, item: object, here: Path) -> None:
        if isinstance(item, dict) and item:
            for key, child in item.items():
                visit(f"{prefix}.{key}" if prefix else str(key), child, (*here, key))
        else:
            found[prefix] = here

    visit("", data, path)
    return found


Configuration = Annotated[
    dict[str, str],
    BeforeValidator(flatten_configuration),
    WithJsonSchema(
        {
            "type": "object",
            "description": "Flink options by key, flat or nested as in Flink's config.yaml.",
        }
    ),
]


FlinkVersion = Annotated[Text, Field(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$")]


Copies = Annotated[int, Field(ge=1, le=1_000_000)]


class Resources(Model):
    """What one slot of a group, or one subtask of an operator, is given."""

    cpu: PositiveCpu | None = None
    heap: PositiveSize | None = None
    off_heap: Size | None = None
    managed: dict[UseCaseField, Size] | None = None
    external: dict[ExternalName, Amount] = {}


class GroupPlacement(Model):
    """Where the slots of a group may stand; TaskManagers go by their id or their class.

    ``pinned`` are the only ones to use, ``forbidden`` ones not to. A zone is what TaskManagers have as
    their label ``zone``. Slots of groups in ``antiAffinity`` stand on other TaskManagers; those of another
    job that shares the cluster are called ``job/group``.
    """

    pinned: list[Name] = []
    forbidden: list[Name] = []
    max_per_task_manager: Copies | None = None
    min_task_managers: Copies | None = None
    min_zones: Copies | None = None
    anti_affinity: list[Name] = []


class SlotSharingGroup(Model):
    """A slot sharing group; ``resources`` are those of one slot."""

    name: Name
    resources: Resources | None = None
    placement: GroupPlacement | None = None


class State(Model):
    """State that an operator keeps over all its subtasks."""

    backend: BackendField | None = None
    size: Size | None = None


class Load(Model):
    """What one subtask of an operator uses and handles, measured or declared.

    ``cpuSamples`` stand in the place of ``cpu`` where load comes and goes: one figure for each hour of a day,
    say, of which every operator has as many. An operator with ``cpu`` alone has the same load in all of them.
    ``busy`` is the share of the time in which it is neither idle nor held back: Flink's
    ``busyTimeMsPerSecond`` by 1000. ``recordsPerSecond`` are the records that leave it.
    """

    cpu: Cpu | None = None
    cpu_samples: Annotated[list[Cpu], Field(min_length=1, max_length=MOST_SAMPLES)] | None = None
    busy: Annotated[float, Field(ge=0, le=1)] | None = None
    records_per_second: Annotated[float, Field(ge=0)] | None = None
    bytes_per_record: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _once(self) -> Load:
        if self.cpu is not None and self.cpu_samples is not None:
            raise ValueError("cpu and cpuSamples say the same twice; leave one out")
        return self

    @property
    def samples(self) -> tuple[int, ...]:
        """CPU load in each sample: one where the load is the same all the time, none where it is unknown."""
        if self.cpu_samples is not None:
            return tuple(self.cpu_samples)
        return () if self.cpu is None else (self.cpu,)

    @property
    def highest_cpu(self) -> int | None:
        """CPU load in the sample in which it is highest, None where it is unknown."""
        return max(self.samples, default=None)


class Input(Model):
    """An edge into an operator; written short as the id of the operator it comes from.

    ``outputTag`` is the id of the side output that it reads.
    """

    from_: Name = Field(alias="from")
    output_tag: Name | None = None
    ship: ShipField | None = None
    exchange: ExchangeField = Exchange.UNDEFINED

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"from": value}
        if not isinstance(value, dict):
            raise ValueError("name the operator it comes from, or write {from: ..., ship: ...}")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "minLength": 1}, {**full}]}


class Operator(Model):
    """One operator of the job: a node of Flink's stream graph.

    Equal subtasks of operators with the same ``coLocationGroup`` run in one slot.
    """

    id: Name
    uid: Name | None = None
    name: Name | None = None
    kind: Text = "operator"
    parallelism: Parallelism | None = None
    max_parallelism: Parallelism | None = None
    chaining: ChainingField | None = None
    group: Name | None = None
    co_location_group: Name | None = None
    resources: Resources | None = None
    inputs: list[Input] = []
    state: State | None = None
    load: Load | None = None


class Checkpointing(Model):
    """Checkpoint settings, in the words of Flink's ``execution.checkpointing.*`` options."""

    interval: Duration | None = None
    timeout: Duration | None = None
    min_pause: Duration | None = None
    mode: Text | None = None
    dir: Text | None = None
    incremental: bool | None = None
    unaligned: bool | None = None


class Restart(Model):
    """Restart strategy, in the words of Flink's ``restart-strategy.*`` options."""

    strategy: Literal["none", "fixed-delay", "failure-rate", "exponential-delay"]
    attempts: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    delay: Duration | None = None
    failures_per_interval: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    interval: Duration | None = None
    initial_backoff: Duration | None = None
    max_backoff: Duration | None = None


class JobSpec(Model):
    """The job itself.

    With ``recovery: fast`` its cluster gets options that make a recovery quick, with ``custom`` those of them
    that ``flinkConfiguration`` sets; else it gets none.
    """

    type: JobTypeField = JobType.STREAMING
    flink_version: FlinkVersion = "2.2"
    parallelism: Parallelism | None = None
    max_parallelism: Parallelism | None = None
    flink_configuration: Configuration = {}
    checkpointing: Checkpointing | None = None
    restart: Restart | None = None
    recovery: RecoveryField | None = None
    off_heap_catalogue: dict[Name, Size] = {}
    slot_sharing_groups: list[SlotSharingGroup] = []
    operators: Annotated[list[Operator], Field(min_length=1, max_length=20_000)]


class Job(Envelope):
    """A Flink job as a person declares it."""

    kind: Literal["Job"]
    metadata: Metadata
    spec: JobSpec

    def outline(self) -> str:
        """Return the type of the job and how many operators it has."""
        return f"{self.spec.type} job, {len(self.spec.operators)} operators"


__all__ = [
    "Checkpointing",
    "GroupPlacement",
    "Input",
    "Job",
    "JobSpec",
    "Load",
    "Operator",
    "Resources",
    "Restart",
    "SlotSharingGroup",
    "State",
    "UseCase",
]
