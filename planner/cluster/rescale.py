"""Another parallelism for a running job: by Flink's adaptive scheduler, or through a savepoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from planner.cluster.answers import JobDetails, Savepoint, Triggered
from planner.cluster.errors import RestError
from planner.cluster.rest import ENDED, Rest, RunningJob, failure, job_path, jobs, last_cause, running_job
from planner.errors import TimedOut

POLL_SECONDS = 0.5
ADAPTIVE = ("adaptive",)
"""Values of ``jobmanager.scheduler`` under which a job takes resource requirements."""


def set_parallelism(
    rest: Rest,
    job: str,
    requirements: Mapping[str, Mapping[str, Mapping[str, int]]],
    seconds: float,
    note: Callable[[str], None] = lambda _: None,
) -> RunningJob:
    """Give a job of the adaptive scheduler new resource requirements and wait until it runs with them.

    ``requirements`` has the ``lowerBound`` and ``upperBound`` of the ``parallelism`` by vertex: the body of
    ``PUT /jobs/:id/resource-requirements``. The job runs with them when every vertex has its upper bound.

    Raises:
        RestError: when the scheduler is another one, the vertices are those of another job, the cluster
            refuses, or the job fails.
        TimedOut: when it does not run with them within ``seconds``; they stay set.

    """
    if (scheduler := rest.scheduler()) not in ADAPTIVE:
        raise RestError(
            f"{rest.url} runs its jobs with the {scheduler} scheduler; only the adaptive one takes another"
            " parallelism while a job runs"
        )
    require_vertices(rest, job, requirements)
    rest.put(f"{job_path(job)}/resource-requirements", requirements)
    wanted = {name: entry["parallelism"]["upperBound"] for name, entry in requirements.items()}
    until = time.monotonic() + seconds
    while True:
        found = running_job(rest, job)
        now = {vertex.id: vertex.parallelism for vertex in found.vertices}
        if now == wanted and found.running:
            return found
        if found.state in ENDED:
            raise RestError(f"job {job} is {found.state}: {failure(rest, job)}")
        done = sum(now.get(name) == number for name, number in wanted.items())
        note(f"job {job} {found.state}, {done} of {len(wanted)} tasks have their new parallelism")
        if time.monotonic() > until:
            raise TimedOut(
                f"job {job} does not run with its new parallelism after {seconds:g} s ({done} of"
                f" {len(wanted)} tasks have it); there may be too few slots, or a cooldown"
                " (jobmanager.adaptive-scheduler.executing.*); what was set stays set"
            )
        time.sleep(POLL_SECONDS)


def require_vertices(rest: Rest, job: str, vertices: Iterable[str]) -> None:
    """Make sure that a job is the one that is meant.

    Raises:
        RestError: when its vertices are not these.

    """
    if {vertex.id for vertex in rest.get(job_path(job), JobDetails).vertices} != set(vertices):
        raise RestError(f"job {job} at {rest.url} does not have the vertices of this profile")


def stop_with_savepoint(
    rest: Rest,
    job: str,
    directory: str | None,
    seconds: float,
    note: Callable[[str], None] = lambda _: None,
) -> str:
    """Stop a job with a savepoint and return where that is, once the job has ended.

    ``directory`` is None for the cluster's ``execution.checkpointing.savepoint-dir``.

    Raises:
        RestError: when the cluster refuses, or the savepoint fails; the job runs on then.
        TimedOut: when the job has not stopped within ``seconds``; it may still do so.

    """
    body = {"drain": False, **({} if directory is None else {"targetDirectory": directory})}
    triggered = rest.post(f"{job_path(job)}/stop", body, Triggered)
    path = f"{job_path(job)}/savepoints/{triggered.request_id}"
    until = time.monotonic() + seconds
    location = None
    while True:
        if location is None:
            found = rest.get(path, Savepoint)
            outcome = found.operation
            if found.status.id == "COMPLETED" and outcome is not None:
                location = outcome.location
                if location is None:
                    trace = outcome.cause.stack_trace if outcome.cause else ""
                    raise RestError(
                        f"job {job} could not be stopped with a savepoint: {last_cause(trace)}; it runs on"
                    )
        elif jobs(rest).get(job) in (None, *ENDED):
            return location
        note(f"stopping job {job} with a savepoint")
        if time.monotonic() > until:
            raise TimedOut(
                f"job {job} has not stopped with a savepoint after {seconds:g} s; it may still do so"
            )
        time.sleep(POLL_SECONDS)
