"""TaskManagers that are new beside a job that runs, warmed up: the first tasks of a JVM start slowly.

A JVM loads a class when it first meets it, and compiles code that it has met often. On a TaskManager that
never had a task all of that is part of a recovery; a small job that runs there before does it in time.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from planner.cluster.answers import Checkpoints
from planner.cluster.errors import RestError
from planner.cluster.rest import (
    ENDED,
    Rest,
    RunningTaskManager,
    failure,
    job_path,
    jobs,
    running_job,
    task_managers,
)
from planner.cluster.submit import submit
from planner.documents.profile import Program, SsgProfile
from planner.errors import PlannerError
from planner.flink.apply import all_in_one_group, as_another_job, restore_from
from planner.flink.program import Toolchain, stream_graph
from planner.flink.stream_graph import flink_version
from planner.place.model.quotas import QUOTA
from planner.units import MIB

LOG = logging.getLogger(__name__)
NAME = "planner warm-up"
"""The name of the job, as Flink's lists show it."""
SECONDS = 60.0
"""How long a warm-up may take; then the TaskManagers stay as they are."""
SETTLED_SECONDS = 3.0
"""How long a TaskManager that has slots may keep them; then it is in use."""
RATE = 1000
CHECKPOINTS = 2
"""How many checkpoints, one a second, the job takes before it starts again from the last of them."""
POLL_SECONDS = 0.3
LEAST_MANAGED, MANAGED = 16 * MIB, 64 * MIB
"""Managed memory that RocksDB needs to start, and that a slot of the warm-up has where there is so much."""
GROUP = SsgProfile.model_validate({"name": "warm-up", "cpu": "0.001", "heap": "1 mb", "offHeap": "0 mb"})
SCRIPT = """SET 'pipeline.name' = '{name}';
SET 'execution.runtime-mode' = 'streaming';
SET 'parallelism.default' = '{parallelism}';
SET 'restart-strategy.type' = 'none';
SET 'execution.checkpointing.interval' = '1 s';
SET 'execution.checkpointing.storage' = 'filesystem';
SET 'execution.checkpointing.dir' = '{folder}/checkpoints';
SET 'execution.checkpointing.incremental' = 'true';
SET 'execution.checkpointing.externalized-checkpoint-retention' = 'RETAIN_ON_CANCELLATION';
SET 'state.backend.type' = '{backend}';
CREATE TABLE numbers (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '{rows}',
  'rows-per-second' = '{rate}', 'fields.n.min' = '0', 'fields.n.max' = '99');
CREATE TABLE nowhere (n INT, count_ BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE files (n INT) WITH ('connector' = 'filesystem', 'path' = '{folder}/files', 'format' = 'csv');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO nowhere SELECT n, COUNT(*) FROM numbers GROUP BY n;
  INSERT INTO files SELECT n FROM numbers;
END;
"""


def warm_up(
    rest: Rest, names: Collection[str], home: Path | None, note: Callable[[str], None] = lambda _: None
) -> None:
    """Run a small job on TaskManagers, by resource id, that hold no slots; they are idle again after it.

    It fills what is free of a quota that they offer, with datagen, a keyed count (in RocksDB where there is
    managed memory), blackhole and a few files, which are gone after it, as are its checkpoints. ``home`` is
    the Flink that compiles it, None for that of the extra. A warm-up that fails changes nothing but the
    speed of a later start, so it is logged and no error.
    """
    left = set(names)
    try:
        end_warm_ups(rest)
        while left and (found := free_quota(settled(rest, left), left)):
            quota, free = found
            note(f"warming up {', '.join(sorted(left & free.keys()))}")
            _run(rest, quota, free, home)
            left -= free.keys()
    except (PlannerError, OSError) as error:
        LOG.warning("%s not warmed up: %s", ", ".join(sorted(left)), error)
        with suppress(RestError):
            end_warm_ups(rest)


def settled(rest: Rest, names: Collection[str]) -> dict[str, RunningTaskManager]:
    """Return the TaskManagers once none of ``names`` holds a slot, or after some seconds.

    A TaskManager that starts again in its working directory offers the job the slots that it had, of which
    the job gives back at once what it has elsewhere by now.
    """
    until = time.monotonic() + SETTLED_SECONDS
    while True:
        there = task_managers(rest)
        if time.monotonic() > until or not any(there[name].slots for name in names if name in there):
            return there
        time.sleep(POLL_SECONDS)


def end_warm_ups(rest: Rest) -> None:
    """Cancel what a planner that was killed has left.

    Raises:
        RestError: when the cluster does not answer.

    """
    for job, state in jobs(rest).items():
        if state not in ENDED and running_job(rest, job).name == NAME:
            rest.patch(f"/jobs/{job}")


def free_quota(
    there: Mapping[str, RunningTaskManager], wanted: Collection[str]
) -> tuple[str, dict[str, tuple[int, int]]] | None:
    """Return the quota that most of the ``wanted`` TaskManagers offer, of those that hold no slot.

    With it, for each TaskManager that has slots of it left, how many, and the managed memory in bytes that
    each of them can have. Flink may put the slots of a job on any of these, so it has to fill them all. None
    where the wanted ones have nothing to offer.
    """
    idle = {name for name in wanted if name in there and not there[name].slots}
    offered = {quota for name in idle for quota in there[name].external if quota.startswith(QUOTA)}
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for quota in offered:
        found[quota] = {name: free for name, tm in there.items() if (free := _free(tm, quota))[0] > 0}
    if not found:
        return None
    best = min(sorted(found), key=lambda quota: (-len(idle & found[quota].keys()), len(found[quota])))
    return best, found[best]


def _free(tm: RunningTaskManager, quota: str) -> tuple[int, int]:
    held = [slot for slots in tm.slots.values() for slot in slots]
    count = int(tm.external.get(quota, 0) - sum(slot.external.get(quota, 0) for slot in held))
    used = sum(slot.memory.get("managedMemory", 0) for slot in held) * MIB
    return count, (tm.memory.get("managedMemory", 0) - used) // max(count, 1)


def _run(rest: Rest, quota: str, free: Mapping[str, tuple[int, int]], home: Path | None) -> None:
    """Run the job in all that is free of a quota, and wait until it has ended."""
    managed = min(MANAGED, *(memory for _, memory in free.values()))
    keeps = managed >= LEAST_MANAGED
    with tempfile.TemporaryDirectory(prefix="planner-") as folder:
        file = Path(folder) / "warm-up.sql"
        file.write_text(
            SCRIPT.format(
                name=NAME,
                folder=Path(folder).as_uri(),
                parallelism=sum(count for count, _ in free.values()),
                backend="rocksdb" if keeps else "hashmap",
                rows=int(RATE * SECONDS),
                rate=RATE,
            ),
            encoding="utf-8",
        )
        group = GROUP.model_copy(update={"managed": {"STATE_BACKEND": managed} if keeps else {}})
        with stream_graph(Program(file=str(file), kind="sql"), Toolchain(home)) as (jvm, graph):
            if (own := flink_version(jvm)) != (theirs := rest.flink_version()):
                raise RestError(f"{rest.url} runs Flink {theirs}, and here is {own}")
            all_in_one_group(jvm, graph, group, quota)
            checkpoint = _until_checkpoint(rest, submit(jvm, graph, rest), CHECKPOINTS)
            restore_from(jvm, graph, checkpoint)
            as_another_job(jvm, graph)
            job = submit(jvm, graph, rest)
        _until_checkpoint(rest, job, 1)


def _until_checkpoint(rest: Rest, job: str, count: int) -> str:
    """Cancel a job once it has taken so many checkpoints, and return where the last one is."""
    until = time.monotonic() + SECONDS
    canceled = False
    while (state := jobs(rest).get(job)) not in ENDED:
        if state is None or time.monotonic() > until:
            raise RestError(f"its job had not taken {count} checkpoints after {SECONDS:g} s")
        # Flink 2.3 answers 500 while a job that is restored begins
        with suppress(RestError):
            if not canceled and _checkpoints(rest, job).counts.completed >= count:
                rest.patch(job_path(job))
                canceled = True
        time.sleep(POLL_SECONDS)
    latest = _checkpoints(rest, job).latest
    completed = latest.completed if latest is not None else None
    if state != "CANCELED" or completed is None or not completed.external_path:
        raise RestError(f"its job is {state}: {failure(rest, job)}")
    return completed.external_path


def _checkpoints(rest: Rest, job: str) -> Checkpoints:
    return rest.get(f"{job_path(job)}/checkpoints", Checkpoints)
