"""Checkpoints that are asked for, beside those that a job takes by its interval."""

from __future__ import annotations

import time
from collections.abc import Callable

from planner.cluster.answers import Checkpoint, Triggered
from planner.cluster.errors import CheckpointFailed, RestError
from planner.cluster.rest import Rest, job_path, last_cause

POLL_SECONDS = 0.1


def take_checkpoint(
    rest: Rest, job: str, seconds: float, note: Callable[[str], None] = lambda _: None
) -> int | None:
    """Let a running job take a checkpoint, and return its number once it is complete.

    Raises:
        CheckpointFailed: when the cluster refuses, the checkpoint fails, or it takes longer than ``seconds``.

    """
    path = f"{job_path(job)}/checkpoints"
    until = time.monotonic() + seconds
    try:
        triggered = rest.post(path, {"checkpointType": "CONFIGURED"}, Triggered)
        while True:
            found = rest.get(f"{path}/{triggered.request_id}", Checkpoint)
            if found.status.id == "COMPLETED" and found.operation is not None:
                break
            note(f"job {job} takes a checkpoint")
            if time.monotonic() > until:
                raise CheckpointFailed(f"job {job} has no checkpoint after {seconds:g} s")
            time.sleep(POLL_SECONDS)
    except RestError as error:
        raise CheckpointFailed(f"job {job} takes no checkpoint: {error}") from None
    if (cause := found.operation.cause) is not None:
        raise CheckpointFailed(f"job {job} takes no checkpoint: {last_cause(cause.stack_trace)}")
    return found.operation.id
