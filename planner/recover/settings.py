"""Options that govern how long a recovery takes: Flink's values, fast ones, and what speaks against those."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from planner.documents.vocabulary import Recovery
from planner.graph.failover import FAILOVER
from planner.units import CORE, GIB, parse_duration


@dataclass(frozen=True, slots=True)
class Setting:
    """An option with Flink's value and the fast one, why it matters, and what may go wrong."""

    key: str
    flink: str
    fast: str
    reason: str
    risk: str


INTERVAL = "heartbeat.interval"
THRESHOLD = "heartbeat.rpc-failure-threshold"
TIMEOUT = "heartbeat.timeout"
STRATEGY = "restart-strategy.type"
BACKOFF = "restart-strategy.exponential-delay.initial-backoff"
MAX_BACKOFF = "restart-strategy.exponential-delay.max-backoff"
RESET_BACKOFF = "restart-strategy.exponential-delay.reset-backoff-threshold"
CANCELLATION = "task.cancellation.timeout"
BACKUP = "execution.checkpointing.local-backup.enabled"
FROM_LOCAL = "execution.state-recovery.from-local"
OLD_LOCAL = "state.backend.local-recovery"
"""The option of local recovery before Flink 1.20, which has two instead (FLIP-406)."""

SETTINGS = (
    Setting(
        INTERVAL,
        "10 s",
        "1 s",
        "A process that died is given up when heartbeats to it fail; before, Flink puts tasks on it again.",
        "Ten times the heartbeats; with thousands of TaskManagers the JobManager feels that.",
    ),
    Setting(
        THRESHOLD,
        "2",
        "1",
        "How many failed heartbeats in a row it takes.",
        "A single refused connection counts as a loss, so a network that flaps costs restarts.",
    ),
    Setting(
        TIMEOUT,
        "50 s",
        "10 s",
        "A host that is gone refuses nothing: only this ends the waiting.",
        "A JVM that pauses for longer is given up although it lives.",
    ),
    Setting(
        STRATEGY,
        "exponential-delay",
        "exponential-delay",
        "The delay before a restart begins small and grows only while restarts fail.",
        "None beside Flink's default with checkpoints.",
    ),
    Setting(
        BACKOFF,
        "1 s",
        "100 ms",
        "How long the first restart waits; each that fails waits 1.5 times as long.",
        "A job that fails at once restarts a few times more often in its first seconds.",
    ),
    Setting(
        MAX_BACKOFF,
        "1 min",
        "10 s",
        "How long a restart waits at most; a single killed TaskManager costs several until it is given up.",
        "A job that cannot run restarts every 10 s, and reads its state each time.",
    ),
    Setting(
        RESET_BACKOFF,
        "1 h",
        "1 min",
        "How long after a failure the next one is a first one again: after some losses within an hour Flink"
        " would wait the longest time for each.",
        "A job that fails every few minutes restarts without a delay each time.",
    ),
    Setting(
        CANCELLATION,
        "180000",
        "30000",
        "A task that does not react to its cancellation holds up the restart until its TaskManager is ended.",
        "User code that needs longer to end takes its TaskManager with it.",
    ),
    Setting(
        BACKUP,
        "false",
        "true",
        "TaskManagers keep a copy of the state that they write to checkpoints.",
        "Disk for a second copy of the state.",
    ),
    Setting(
        FROM_LOCAL,
        "false",
        "true",
        "Tasks go back to the slot that they had and read their state there.",
        "None beside that copy.",
    ),
)
"""In the order in which a recovery meets them.

``slot.request.timeout`` stays at Flink's 5 min: a lower one fails a restart while a TaskManager still starts.
"""
PAUSE = 2.4
"""Seconds of CPU of a full garbage collection for each GiB of live objects: 1.2 s/GiB on two cores, the most
of eight collections of 0.45 and 1.12 GiB (G1 of Java 17)."""
MAX_TIMEOUT = 50
"""Seconds of Flink's own heartbeat timeout; a recovery is not to become slower than Flink's."""


def recovery_options(
    recovery: Recovery | None,
    configuration: Mapping[str, str],
    version: str,
    heap: int = 0,
    cpu: int = CORE,
) -> dict[str, str]:
    """Return the options that a cluster is given so that it recovers as a job asks for.

    What ``configuration``, the job's own, sets itself stays as it is, and what is to restart is the job's to
    say whatever ``recovery`` is. ``heap`` (bytes) and ``cpu`` (CPU
    units) are those of the TaskManager with the longest garbage collection: the heartbeat timeout of
    ``fast`` is twice as long, and at most Flink's.
    """
    failover = {key: configuration[key] for key in (FAILOVER,) if key in configuration}
    if recovery is None or recovery is Recovery.FLINK:
        return failover
    own = {**failover, **{one.key: configuration[one.key] for one in SETTINGS if one.key in configuration}}
    if recovery is Recovery.CUSTOM:
        return own
    chosen = {one.key: one.fast for one in SETTINGS}
    chosen[TIMEOUT] = f"{_timeout(heap, cpu)} s"
    if _minor(version) < (1, 20):
        del chosen[BACKUP], chosen[FROM_LOCAL]
        chosen[OLD_LOCAL] = "true"
    if any(key in configuration for key in (STRATEGY, "restart-strategy")):
        # a person chose how to restart
        strategy = configuration.get(STRATEGY, configuration.get("restart-strategy", ""))
        del chosen[STRATEGY]
        if strategy.strip().lower().replace("-", "") != "exponentialdelay":
            for key in (BACKOFF, MAX_BACKOFF, RESET_BACKOFF):
                del chosen[key]
    if BACKOFF in own:
        # Flink refuses a first delay above the longest
        chosen.pop(MAX_BACKOFF, None)
    return {**chosen, **own}


def _timeout(heap: int, cpu: int) -> int:
    pause = PAUSE * heap / GIB / max(cpu / CORE, 1.0)
    return min(max(10, math.ceil(2 * pause)), MAX_TIMEOUT)


def _minor(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def seconds(options: Mapping[str, str], key: str) -> float:
    """Return a duration that governs a recovery: what ``options`` say, else Flink's.

    Raises:
        ValueError: when it cannot be read.

    """
    default = next(one.flink for one in SETTINGS if one.key == key)
    return parse_duration(options.get(key, default)) / 1e9
