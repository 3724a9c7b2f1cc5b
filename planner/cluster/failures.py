"""Why a job failed, as its cluster tells: the exception history of REST, as the log of a JobManager."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from planner.cluster.answers import Exceptions, Failure
from planner.cluster.errors import RestError
from planner.cluster.rest import ENDED, Rest, job_path, jobs

HISTORY = 100
"""Failures of a job that are asked for; Flink keeps 16 unless it is told otherwise."""


def failed_job(rest: Rest) -> str:
    """Return the id of the job that is meant where none is named: the only one that runs, else the only one.

    Raises:
        RestError: when that is not clear.

    """
    states = jobs(rest)
    running = [name for name, state in states.items() if state not in ENDED]
    meant = running if running else list(states)
    if len(meant) != 1:
        raise RestError(f"{rest.url} has {len(meant)} jobs that may be meant; name one with --job ID")
    return meant[0]


def failure_log(rest: Rest, job: str) -> tuple[str, list[bytes]]:
    """Return the failures of a job as a log, the oldest first, and its name: the address that tells them.

    Raises:
        RestError: when the cluster does not know the job, or does not answer as Flink does.

    """
    path = f"{job_path(job)}/exceptions"
    told = rest.get(f"{path}?maxExceptions={HISTORY}", Exceptions).exception_history.entries
    failures = sorted(
        [each for entry in told for each in (entry, *entry.concurrent_exceptions)],
        key=lambda failure: failure.timestamp,
    )
    return f"{rest.url}{path}", [
        "\n".join([*_lines(failure), ""]).encode("utf-8", "replace") for failure in failures
    ]


def _lines(failure: Failure) -> Iterator[str]:
    """Yield the lines that a JobManager logs of a failure."""
    moment = datetime.fromtimestamp(min(failure.timestamp / 1000, 2**33), UTC)
    stamp = moment.strftime("%Y-%m-%d %H:%M:%S,") + f"{moment.microsecond // 1000:03d}"
    what, manager = failure.task_name or "the job", failure.task_manager_id
    where = f" on {_word(manager)} @ {_word(failure.endpoint or 'unknown')} (dataPort=0)" if manager else ""
    logger = "org.apache.flink.runtime.executiongraph.ExecutionGraph"
    yield f"{stamp} WARN  {logger} - {_word(what)} switched from RUNNING to FAILED{where}."
    yield from failure.stacktrace.splitlines()


def _word(text: str) -> str:
    """Return a name as one word of a line, whatever is in it."""
    return "".join(char if char.isprintable() and not char.isspace() else "_" for char in text)
