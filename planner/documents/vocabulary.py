"""Flink's own words, as they stand in documents. Input takes any case, output is Flink's."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

E = TypeVar("E", bound=StrEnum)


class Ship(StrEnum):
    """Ship strategy of an edge: Flink's partitioners by the name it prints."""

    FORWARD = "FORWARD"
    RESCALE = "RESCALE"
    REBALANCE = "REBALANCE"
    HASH = "HASH"
    BROADCAST = "BROADCAST"
    GLOBAL = "GLOBAL"
    SHUFFLE = "SHUFFLE"
    CUSTOM = "CUSTOM"

    @classmethod
    def named(cls, text: str) -> Ship:
        """Return the strategy that a partitioner prints; one of a connector's own is CUSTOM."""
        name = text.partition("[")[0].strip().upper()
        return cls(name) if name in cls.__members__ else cls.CUSTOM

    @property
    def pointwise(self) -> bool:
        """Whether a consumer subtask reads only some producer subtasks (`StreamPartitioner.isPointwise`)."""
        return self in (Ship.FORWARD, Ship.RESCALE)


class Exchange(StrEnum):
    """Exchange mode of an edge (`StreamExchangeMode`); UNDEFINED leaves it to the job's type."""

    UNDEFINED = "UNDEFINED"
    PIPELINED = "PIPELINED"
    BATCH = "BATCH"
    HYBRID_FULL = "HYBRID_FULL"
    HYBRID_SELECTIVE = "HYBRID_SELECTIVE"


class Chaining(StrEnum):
    """Chaining strategy of an operator (`ChainingStrategy`)."""

    ALWAYS = "ALWAYS"
    HEAD = "HEAD"
    NEVER = "NEVER"
    HEAD_WITH_SOURCES = "HEAD_WITH_SOURCES"


class UseCase(StrEnum):
    """What managed memory of a slot is for (`ManagedMemoryUseCase`)."""

    OPERATOR = "OPERATOR"
    STATE_BACKEND = "STATE_BACKEND"
    PYTHON = "PYTHON"


class JobType(StrEnum):
    """Whether a job is bounded (`RuntimeExecutionMode`)."""

    STREAMING = "streaming"
    BATCH = "batch"


class Backend(StrEnum):
    """State backends of Flink."""

    HASHMAP = "hashmap"
    ROCKSDB = "rocksdb"
    FORST = "forst"


class Recovery(StrEnum):
    """How a cluster is set to recover: fast, as Flink does by itself, or by the job's own options."""

    FAST = "fast"
    FLINK = "flink"
    CUSTOM = "custom"


class Failed(StrEnum):
    """What fails: a task, or a TaskManager that ends, that is killed, or whose host is gone."""

    TASK_FAILED = "task-failed"
    TASK_MANAGER_ENDED = "taskmanager-ended"
    TASK_MANAGER_KILLED = "taskmanager-killed"
    HOST_LOST = "host-lost"


class Cover(StrEnum):
    """What may be lost while everything still fits: any one TaskManager, any two, or all of any zone."""

    ANY_ONE = "any-one"
    ANY_TWO = "any-two"
    ANY_ZONE = "any-zone"


def _choice(enum: type[E]) -> Any:
    names = {member.lower().replace("-", "_"): member for member in enum}

    def parse(value: Any) -> Any:
        if isinstance(value, enum):
            return value
        if not isinstance(value, str):
            raise ValueError(f"has to be one of {', '.join(enum)}")
        member = names.get(value.strip().lower().replace("-", "_"))
        if member is None:
            raise ValueError(f"{value[:40]!r} is none of {', '.join(enum)}")
        return member

    spellings = sorted({spelling for member in enum for spelling in (member.lower(), member.upper())})
    return BeforeValidator(parse), WithJsonSchema({"type": "string", "enum": spellings})


ShipField = Annotated[Ship, *_choice(Ship)]
ExchangeField = Annotated[Exchange, *_choice(Exchange)]
ChainingField = Annotated[Chaining, *_choice(Chaining)]
UseCaseField = Annotated[UseCase, *_choice(UseCase)]
JobTypeField = Annotated[JobType, *_choice(JobType)]
RecoveryField = Annotated[Recovery, *_choice(Recovery)]
FailedField = Annotated[Failed, *_choice(Failed)]
CoverField = Annotated[Cover, *_choice(Cover)]
BackendField = Annotated[Backend, *_choice(Backend)]


_RESTART_STRATEGIES = {
    "none": "none", "off": "none", "disable": "none",
    "fixed-delay": "fixed-delay", "fixeddelay": "fixed-delay",
    "failure-rate": "failure-rate", "failurerate": "failure-rate",
    "exponential-delay": "exponential-delay", "exponentialdelay": "exponential-delay",
}  # fmt: skip


def strategy_name(text: str) -> str | None:
    """Return the strategy that Flink understands under ``text``, None when it knows none."""
    return _RESTART_STRATEGIES.get(text.strip().lower())
