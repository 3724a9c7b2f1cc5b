"""How long a job stands still after a failure, as a sum of parts, each with the option that governs it.

What is computed follows Flink: a TaskManager that ends says goodbye (`TaskExecutor.onStop`); one that was
killed is given up when heartbeats to it have failed (`DefaultHeartbeatMonitor`), and meanwhile the job, whose
other tasks see their connections closed, restarts onto it again and again with a growing delay; a host that
is gone refuses nothing and costs the heartbeat timeout. How long a TaskManager takes to start, and state to
be read, nobody has declared: these parts have no figure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from planner.documents.recovery import Downtime, DowntimePart, RestartStrategy
from planner.documents.vocabulary import Failed
from planner.recover.restart_strategy import restart_strategy
from planner.recover.settings import BACKOFF, CANCELLATION, FROM_LOCAL, INTERVAL, THRESHOLD, TIMEOUT, seconds
from planner.units import GIB, parse_duration

SLOTS_TIMEOUT = "slot.request.timeout"
CHECKPOINTS = "execution.checkpointing.interval"
MOST_RESTARTS = 10_000


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a downtime depends on beside options.

    ``covered`` tells whether those in reserve make up for a loss, ``state`` is the declared size of the state
    in bytes, ``busiest`` the highest share of a core that a subtask uses, None where nobody measured it.
    """

    covered: bool
    state: int
    busiest: float | None


def downtime(failed: Failed, options: Mapping[str, str], job: Circumstances) -> Downtime:
    """Return what a failure costs under some options.

    Raises:
        ValueError: when an option cannot be read.

    """
    strategy = restart_strategy(options)
    found = _detection(failed, options)
    parts = [found, _back_off(failed, found.seconds or 0.0, strategy)]
    fails = parts[-1].seconds is None
    if not fails:
        parts += [_cancel(options), _allocation(failed, job), _restore(options, job)]
        parts += _catch_up(sum(part.seconds or 0.0 for part in parts), options, job)
    known = [part.seconds for part in parts if part.seconds is not None]
    total = None if fails else round(sum(known), 3)
    return Downtime(failed=failed, parts=parts, seconds=total, complete=len(known) == len(parts))


def _detection(failed: Failed, options: Mapping[str, str]) -> DowntimePart:
    if failed is Failed.TASK_MANAGER_KILLED:
        interval, threshold = seconds(options, INTERVAL), int(options.get(THRESHOLD, "2"))
        expected = interval * (threshold - 0.5)
        reason = "its heartbeats have to fail; the first one comes within an interval"
        return _part(
            "detection", expected, f"{INTERVAL} x {THRESHOLD}", f"{interval:g} s x {threshold}", reason
        )
    if failed is Failed.HOST_LOST:
        timeout = seconds(options, TIMEOUT)
        return _part("detection", timeout, TIMEOUT, f"{timeout:g} s", "nothing refuses a connection")
    told = "the task itself fails" if failed is Failed.TASK_FAILED else "it says goodbye"
    return _part("detection", 0.0, None, None, told)


def _back_off(failed: Failed, detected: float, strategy: RestartStrategy) -> DowntimePart:
    """Return the delay after the detection until the restart that finds the loss known."""
    key = f"restart-strategy.{strategy.type}"
    if strategy.type == "none":
        return _part("backOff", None, "restart-strategy.type", "none", "the job fails: it does not restart")
    # only where others see closed connections does the job restart before the loss is known
    wanted = detected if failed is Failed.TASK_MANAGER_KILLED else 0.0
    at = 0.0
    for number, delay in enumerate(itertools.islice(_delays(strategy), MOST_RESTARTS)):
        if delay is None:
            reason = f"the job fails: its restarts are used up {at:g} s after the loss, before that is known"
            return _part("backOff", None, key, _limit(strategy), reason)
        at += delay
        if at >= wanted:
            reason = (
                f"restart {number + 1} is the first after the loss is known"
                if number
                else "the first restart"
            )
            option = BACKOFF if strategy.type == "exponential-delay" else f"{key}.delay"
            return _part("backOff", at - wanted, option, strategy.options[option.rpartition(".")[2]], reason)
    return _part("backOff", 0.0, key, None, "restarts follow one another without a delay")


def _delays(strategy: RestartStrategy) -> Iterator[float | None]:
    """Yield the delays before restarts that follow one another, None where the strategy gives up."""
    options = strategy.options
    if strategy.type == "exponential-delay":
        delay, most = _seconds(options["initial-backoff"]), _seconds(options["max-backoff"])
        while True:
            yield min(delay, most)
            delay *= float(options["backoff-multiplier"])
    limit = int(options["attempts" if strategy.type == "fixed-delay" else "max-failures-per-interval"])
    yield from itertools.repeat(_seconds(options["delay"]), limit)
    yield None


def _limit(strategy: RestartStrategy) -> str:
    name = "attempts" if strategy.type == "fixed-delay" else "max-failures-per-interval"
    return f"{name} {strategy.options[name]}"


def _cancel(options: Mapping[str, str]) -> DowntimePart:
    most = seconds(options, CANCELLATION)
    held = f"at most {most:g} s" if most else "for ever, since the watchdog is off"
    reason = f"tasks end when they are cancelled; one that does not react holds up {held}"
    return _part("cancel", 0.0, CANCELLATION, f"{most:g} s", reason)


def _allocation(failed: Failed, job: Circumstances) -> DowntimePart:
    if failed is Failed.TASK_FAILED:
        return _part("allocation", 0.0, None, None, "the slots are kept")
    if job.covered:
        return _part("allocation", 0.0, None, None, "those in reserve have the slots")
    reason = "until a TaskManager offers the lost quotas: nothing is in reserve"
    return _part("allocation", None, SLOTS_TIMEOUT, "5 min", reason)


def _restore(options: Mapping[str, str], job: Circumstances) -> DowntimePart:
    if not job.state:
        return _part("restore", 0.0, None, None, "no state is declared")
    local = options.get(FROM_LOCAL, "false").strip().lower() == "true"
    where = "what was lost of it from the checkpoint, the rest locally" if local else "from the checkpoint"
    reason = f"{job.state / GIB:.3g} gb of state are read, {where}"
    return _part("restore", None, FROM_LOCAL, str(local).lower(), reason)


def _catch_up(down: float, options: Mapping[str, str], job: Circumstances) -> Iterator[DowntimePart]:
    """Yield the time until what waited is worked off: backlog / (capacity - rate), of the busiest subtask.

    With a share u of its core in use, each second of records takes u seconds, so a backlog of b seconds is
    worked off in b u / (1 - u); half a checkpoint interval is processed again.
    """
    if job.busiest is None:
        yield _part("catchUp", None, None, None, "nobody declared or measured the load of a subtask")
        return
    interval = parse_duration(options[CHECKPOINTS]) / 1e9 if CHECKPOINTS in options else 0.0
    if job.busiest >= 1:
        yield _part(
            "catchUp",
            None,
            None,
            None,
            "the busiest subtask uses a core or more: it may have no capacity left",
        )
        return
    backlog = down + interval / 2
    reason = f"a backlog of {backlog:.1f} s, and the busiest subtask uses {job.busiest:.0%} of a core"
    caught = backlog * job.busiest / (1 - job.busiest)
    yield _part("catchUp", caught, CHECKPOINTS, options.get(CHECKPOINTS), reason)


def _part(name: str, spent: float | None, option: str | None, value: str | None, reason: str) -> DowntimePart:
    rounded = None if spent is None else round(spent, 3)
    return DowntimePart.model_validate(
        {"name": name, "seconds": rounded, "option": option, "value": value, "reason": reason}
    )


def _seconds(text: str) -> float:
    return parse_duration(text) / 1e9
