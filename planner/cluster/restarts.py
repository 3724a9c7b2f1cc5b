"""How long a running job took for what a restart repeats: a snapshot of its state, and its start."""

from __future__ import annotations

from collections.abc import Iterator

from planner.cluster.answers import CheckpointTimes, JobDetails, VertexTimes
from planner.cluster.rest import Rest, job_path

BEFORE_RUNNING = ("CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING")
"""States of a subtask before it handles records, in which it waits for a slot and restores its state."""


def restart_times(rest: Rest, job: str) -> Iterator[tuple[str, float, str]]:
    """Yield the parts of a restart that can be told from a running job: name, seconds, where it is from.

    Not among them are what is outside of the job: a client that submits it, TaskManagers that start.

    Raises:
        RestError: when the cluster does not answer as Flink does.

    """
    completed = rest.get(f"{job_path(job)}/checkpoints", CheckpointTimes).latest
    if completed is not None and completed.completed is not None:
        seconds = completed.completed.end_to_end_duration / 1000
        yield "savepoint", seconds, "estimated: as long as the last checkpoint"
    starts = []
    for vertex in rest.get(job_path(job), JobDetails).vertices:
        for subtask in rest.get(f"{job_path(job)}/vertices/{vertex.id}", VertexTimes).subtasks:
            times = [subtask.status_duration.get(state, 0) for state in BEFORE_RUNNING]
            starts.append(sum(max(time, 0) for time in times))
    if any(starts):
        yield "start and restore", max(starts) / 1000, "measured: the present start of this job"
