"""What planner needs of the answers of Flink's REST interface; each class follows one of Flink's.

Memory of slots is in MiB, memory of processes in bytes, CPU in cores, as Flink reports them.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from planner.documents.answers import Answer, Count
from planner.documents.base import MAX_PARALLELISM, Name
from planner.units import LONG_MAX

MAX_VERTICES = 20_000
"""As many operators as a document may have."""
Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
"""A JobID or JobVertexID."""
Cores = Annotated[float, Field(ge=-1)]
"""Flink says -1 of a TaskManager that has not told its resources, the largest double where none are set."""
Known = Annotated[int, Field(ge=-1, le=LONG_MAX)]
"""A figure, -1 where Flink does not know it."""
Undecided = Annotated[int, Field(ge=-1, le=MAX_PARALLELISM)]
"""A parallelism, -1 while Flink has not decided it."""
Index = Annotated[int, Field(ge=0, lt=MAX_PARALLELISM)]


def _plausible(value: float) -> float:
    if math.isfinite(value) and abs(value) > LONG_MAX:
        raise ValueError(f"{value:g} is not the value of a metric")
    return value


Reading = Annotated[float, Field(allow_inf_nan=True), AfterValidator(_plausible)]
"""The value of a metric, which Flink writes as text; NaN where there is none."""


class FlinkConfig(Answer):
    """The cluster itself (`DashboardConfiguration`)."""

    flink_version: Annotated[str, Field(alias="flink-version", pattern=r"^[0-9]{1,4}\.[0-9]{1,4}")]


class Entry(Answer):
    """An option of the JobManager (`ConfigurationInfoEntry`)."""

    key: str
    value: str


class ListedJob(Answer):
    """A job and its state (`JobIdsWithStatusOverview`)."""

    id: Id
    status: str


class Jobs(Answer):
    """The jobs of a cluster."""

    jobs: list[ListedJob]


class Vertex(Answer):
    """A vertex of a job (`JobDetailsInfo.JobVertexDetailsInfo`)."""

    id: Id
    name: str
    parallelism: Undecided
    max_parallelism: Undecided = -1
    slot_sharing_group_id: str | None = None
    slot_sharing_group_name: Name | None = None
    tasks: dict[str, Count] = {}


class JobDetails(Answer):
    """A job, with how many subtasks of each vertex are in which state (`JobDetailsInfo`)."""

    name: str
    state: str
    job_type: Annotated[str, Field(alias="job-type")] = ""
    vertices: Annotated[list[Vertex], Field(max_length=MAX_VERTICES)]

    @property
    def batch(self) -> bool:
        """Whether it is a batch job."""
        return self.job_type.upper() == "BATCH"


class PlanInput(Answer):
    """What a vertex reads (`JsonPlanGenerator`)."""

    id: str
    num: Annotated[int, Field(ge=0, lt=2**31)] = 0
    ship_strategy: str
    exchange: str


class PlanNode(Answer):
    """A vertex in the plan of its job (`JsonPlanGenerator`)."""

    id: str
    inputs: list[PlanInput] = []


class JobPlan(Answer):
    """What the vertices of a job read."""

    nodes: Annotated[list[PlanNode], Field(max_length=MAX_VERTICES)]


class PlannedJob(JobDetails):
    """A job with its plan."""

    plan: JobPlan


class Subtask(Answer):
    """A subtask of a vertex (`SubtaskExecutionAttemptDetailsInfo`)."""

    subtask: Index
    status: str
    task_manager: Annotated[str, Field(alias="taskmanager-id")] = ""
    attempt: Count = 0


class VertexDetails(Answer):
    """The subtasks of a vertex (`JobVertexDetailsInfo`)."""

    subtasks: list[Subtask]


class Resource(Answer):
    """Resources of a slot or of a whole TaskManager (`ResourceProfileInfo`)."""

    cpu_cores: Cores | None = None
    task_heap_memory: Known | None = None
    task_off_heap_memory: Known | None = None
    managed_memory: Known | None = None
    network_memory: Known | None = None
    extended_resources: dict[str, Annotated[float, Field(ge=0)]] | None = None

    @property
    def memory(self) -> dict[str, int]:
        """Memory by Flink's name of it, in MiB."""
        told: dict[str, int] = self.model_dump(
            by_alias=True, exclude_none=True, exclude={"cpu_cores", "extended_resources"}
        )
        return told


class AllocatedSlot(Answer):
    """A slot that a job holds (`SlotInfo`)."""

    job_id: Id
    resource: Resource


class MemoryConfiguration(Answer):
    """Memory of a TaskManager's process in bytes (`TaskExecutorMemoryConfiguration`)."""

    framework_heap: Count | None = None
    framework_off_heap: Count | None = None
    task_heap: Count | None = None
    task_off_heap: Count | None = None
    managed_memory: Count | None = None
    network_memory: Count | None = None
    jvm_metaspace: Count | None = None
    jvm_overhead: Count | None = None
    total_flink_memory: Count | None = None
    total_process_memory: Count | None = None


class Hardware(Answer):
    """The machine of a TaskManager (`HardwareDescription`)."""

    cpu_cores: Count


class ListedTaskManager(Answer):
    """A TaskManager among all (`TaskManagerInfo`)."""

    id: Name
    path: str
    total_resource: Resource


class TaskManagers(Answer):
    """The TaskManagers of a cluster."""

    task_managers: Annotated[list[ListedTaskManager], Field(alias="taskmanagers")]


class TaskManagerDetails(Answer):
    """One TaskManager (`TaskManagerDetailsInfo`)."""

    slots_number: Count = 0
    total_resource: Resource
    memory_configuration: MemoryConfiguration | None = None
    hardware: Hardware | None = None
    allocated_slots: list[AllocatedSlot] = []

    @property
    def memory(self) -> dict[str, int]:
        """Memory of its process by Flink's name of it, in bytes."""
        told = self.memory_configuration or MemoryConfiguration()
        found: dict[str, int] = told.model_dump(by_alias=True, exclude_none=True)
        return found


class Failure(Answer):
    """Why a task, or a job as a whole, failed once (`JobExceptionsInfoWithHistory.ExceptionInfo`)."""

    stacktrace: str
    timestamp: Count = 0
    task_name: str | None = None
    endpoint: str | None = None
    task_manager_id: str | None = None


class RootFailure(Failure):
    """A failure with those of other tasks that came with it."""

    concurrent_exceptions: list[Failure] = []


class Failures(Answer):
    """Why a job failed, the last time first."""

    entries: list[RootFailure]


class Exceptions(Answer):
    """The failures of a job (`JobExceptionsInfo`)."""

    exception_history: Failures


class CheckpointConfig(Answer):
    """How a job takes checkpoints (`CheckpointConfigInfo`)."""

    interval: Count = 0
    state_backend: str | None = None


class Completed(Answer):
    """A checkpoint that was completed, and where it is (`CheckpointStatistics`)."""

    id: Count
    external_path: str | None = None


class Latest(Answer):
    """The last checkpoints of a job."""

    completed: Completed | None = None


class CheckpointCounts(Answer):
    """How many checkpoints a job has taken."""

    completed: Count = 0


class Checkpoints(Answer):
    """The checkpoints of a job (`CheckpointingStatistics`)."""

    counts: CheckpointCounts = CheckpointCounts()
    latest: Latest | None = None


class CompletedTime(Answer):
    """How many milliseconds a checkpoint took (`CheckpointStatistics`)."""

    end_to_end_duration: Count


class LatestTime(Answer):
    """The last checkpoint of a job."""

    completed: CompletedTime | None = None


class CheckpointTimes(Answer):
    """How long the checkpoints of a job take (`CheckpointingStatistics`)."""

    latest: LatestTime | None = None


class SubtaskTimes(Answer):
    """How many milliseconds a subtask was in each state, -1 for one that it was not in."""

    status_duration: Annotated[dict[str, Known], Field(alias="status-duration")] = {}


class VertexTimes(Answer):
    """The times of the subtasks of a vertex (`JobVertexDetailsInfo`)."""

    subtasks: list[SubtaskTimes]


class TaskState(Answer):
    """State of a vertex in a checkpoint (`TaskCheckpointStatistics`)."""

    state_size: Known = 0


class CheckpointDetails(Answer):
    """State in a checkpoint by vertex."""

    tasks: dict[str, TaskState]


class Triggered(Answer):
    """What the cluster has begun to do (`TriggerResponse`)."""

    request_id: Annotated[str, Field(alias="request-id", pattern="^[0-9a-f]{32}$")]


class QueueStatus(Answer):
    """Whether what was begun is done (`QueueStatus`): IN_PROGRESS or COMPLETED."""

    id: str


class SavepointCause(Answer):
    """Why a savepoint or checkpoint failed (`SerializedThrowable`)."""

    stack_trace: Annotated[str, Field(alias="stack-trace")] = ""


class SavepointOutcome(Answer):
    """Where a savepoint is, or why there is none (`SavepointInfo`)."""

    location: str | None = None
    cause: Annotated[SavepointCause | None, Field(alias="failure-cause")] = None


class Savepoint(Answer):
    """A savepoint that was triggered (`AsynchronousOperationResult` of `SavepointInfo`)."""

    status: QueueStatus
    operation: SavepointOutcome | None = None


class CheckpointOutcome(Answer):
    """The number of a checkpoint, or why there is none (`CheckpointInfo`)."""

    id: Annotated[int | None, Field(alias="checkpointId")] = None
    cause: Annotated[SavepointCause | None, Field(alias="failureCause")] = None


class Checkpoint(Answer):
    """A checkpoint that was triggered (`AsynchronousOperationResult` of `CheckpointInfo`)."""

    status: QueueStatus
    operation: CheckpointOutcome | None = None


class Metric(Answer):
    """A metric (`Metric`)."""

    id: str
    value: Reading | None = None


class Average(Answer):
    """The mean of a metric over subtasks (`AggregatedMetric`)."""

    id: str
    avg: Reading


class Total(Answer):
    """The sum of a metric over subtasks (`AggregatedMetric`)."""

    id: str
    sum: Reading


class Errors(Answer):
    """Why a request is refused (`ErrorResponseBody`)."""

    errors: list[str]
