"""A running local cluster from one placement to another: replacements first, then one restart of the job.

TaskManagers whose quotas or memory change are replaced by new processes, which register beside the old ones.
When all are there, the old ones get a SIGTERM: Flink restarts what ran there on the new ones. What is to do
follows from what runs, never from what a file says was done: a migration that was killed at any point is
resumed, or aborted, by doing the same again with the new, or the old, placement as the target.
"""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from planner.cluster.callbacks import call
from planner.cluster.checkpoints import take_checkpoint
from planner.cluster.errors import (
    CallbackFailed,
    CheckpointFailed,
    ClusterFailed,
    ClusterFolderError,
    MigrationUnfinished,
)
from planner.cluster.launches import Launch
from planner.cluster.processes import end
from planner.cluster.rest import ENDED, Rest, RunningJob, RunningSubtask, jobs, running_job, task_managers
from planner.cluster.standalone import (
    JOURNAL,
    Standalone,
    UsableName,
    content,
    known,
    launch,
    locked,
    process_name,
    read,
    unreadable,
    write,
)
from planner.documents.answers import Answer, AnswerError, read_answer, reason
from planner.documents.placement import Placement
from planner.errors import TimedOut
from planner.files import real, write_atomically

POLL_SECONDS = 0.05
GO_ON = "planner migrate --resume goes on, --abort goes back"
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setup:
    """The TaskManagers of a placement as processes; the JobManager is not among them."""

    launches: Mapping[str, Launch]
    spares: frozenset[str]
    generations: Mapping[str, int]

    def regular(self) -> list[str]:
        """Return the names of those that are there before the job runs."""
        return [name for name in self.launches if name not in self.spares]

    def processes(self) -> set[str]:
        """Return the resource ids of those."""
        return {process_name(name, self.generations.get(name, 0)) for name in self.regular()}


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did: processes that were started and ended, and seconds from SIGTERM to all RUNNING.

    The seconds are None where nothing of a job had to restart.
    """

    started: tuple[str, ...]
    ended: tuple[str, ...]
    seconds: float | None


class _Setup(Answer):
    launches: dict[UsableName, tuple[list[str], dict[str, str]]]
    spares: list[str]
    generations: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]]

    @model_validator(mode="after")
    def _spares_are_known(self) -> _Setup:
        known(self.spares, self.launches)
        return self

    def setup(self) -> Setup:
        return Setup(self.launches, frozenset(self.spares), self.generations)


def _is_placement(data: dict[str, Any]) -> dict[str, Any]:
    try:
        Placement.model_validate(data)
    except ValidationError as error:
        raise ValueError(reason(error)) from None
    return data


_Placement = Annotated[dict[str, Any], AfterValidator(_is_placement)]


class Journal(Answer):
    """An unfinished migration: what it goes from and to, the step it has come to, and what was called.

    ``before`` and ``after`` are placements as data; ``checkpoint`` tells whether the job takes one before the
    restart.
    """

    id: str
    step: Literal["requestResource", "restart", "startSpares"]
    aborting: bool = False
    called: list[str] = []
    callbacks: dict[str, str] = {}
    checkpoint: bool = False
    old: _Setup
    new: _Setup
    before: _Placement
    after: _Placement


def journal_of(folder: Path) -> Journal | None:
    """Return the unfinished migration of a folder's cluster, None where there is none.

    Raises:
        ClusterFolderError: when it cannot be read.

    """
    file = folder / JOURNAL
    raw = content(file)
    try:
        return None if raw is None else read_answer(raw, Journal)
    except AnswerError as error:
        raise unreadable(file, str(error)) from None


def migrate(
    folder: Path,
    launches: Mapping[str, Launch],
    spares: Iterable[str],
    placements: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    callbacks: Mapping[str, str],
    checkpoint: bool,
    seconds: float,
    note: Note = lambda _: None,
) -> Migrated:
    """Bring a local cluster to other TaskManagers, those of a new placement; ``placements`` are old and new.

    With ``checkpoint`` the job takes one before old TaskManagers end.

    Raises:
        CheckpointFailed: when it could not be taken; the cluster is as it was.
        MigrationUnfinished: when another migration is to be resumed or aborted first.
        CallbackFailed: when a callback before a change fails; the cluster is as it was.
        ClusterFailed: when a process ends that should not.
        ClusterFolderError: when there is no cluster in ``folder``.
        TimedOut: when a step takes longer than ``seconds``; it can be resumed or aborted.

    """
    folder = real(folder)
    _cluster(folder)  # before a folder is made
    with locked(folder):
        if journal_of(folder) is not None:
            raise MigrationUnfinished(
                f"a migration in {folder} is unfinished: planner migrate --resume, or --abort"
            )
        cluster = _cluster(folder)
        old = _setup(cluster)
        wanted = {name: (list(args), dict(own)) for name, (args, own) in launches.items()}
        new = Setup(wanted, frozenset(spares), _generations(cluster, wanted, frozenset(spares)))
        journal = Journal(
            id=uuid.uuid4().hex,
            step="requestResource",
            callbacks=dict(callbacks),
            checkpoint=checkpoint,
            old=_plain(old),
            new=_plain(new),
            before=dict(placements[0]),
            after=dict(placements[1]),
        )
        _save(folder, journal)
        return _go_on(cluster, journal, seconds, note)


def resume(folder: Path, seconds: float, note: Note = lambda _: None, *, abort: bool = False) -> Migrated:
    """End an unfinished migration at its target, or with ``abort`` where it came from.

    Exceptions are those of `migrate`.
    """
    folder = real(folder)
    with locked(folder):
        journal = journal_of(folder)
        if journal is None:
            raise ClusterFolderError(f"no migration in {folder} is unfinished")
        cluster = _cluster(folder)
        if abort and not journal.aborting:
            journal = journal.model_copy(update={"aborting": True, "step": "requestResource"})
            _save(folder, journal)
        return _go_on(cluster, journal, seconds, note)


def _go_on(cluster: Standalone, journal: Journal, seconds: float, note: Note) -> Migrated:
    """Do what is left of a migration; what refuses it before the restart takes it back."""
    try:
        return _Migration(cluster, journal, seconds, note).run()
    except (CallbackFailed, CheckpointFailed) as error:
        note(f"{error}; going back")
        back = journal.model_copy(update={"aborting": True, "step": "requestResource"})
        _save(cluster.folder, back)
        _Migration(cluster, back, seconds, note).run()
        raise


def _cluster(folder: Path) -> Standalone:
    cluster = read(folder)
    if cluster is None or "jobmanager" not in cluster.running():
        raise ClusterFolderError(f"no cluster runs in {folder}; start one with planner up")
    return cluster


def _setup(cluster: Standalone) -> Setup:
    launches = {name: entry for name, entry in cluster.launches.items() if name != "jobmanager"}
    return Setup(launches, cluster.spares, cluster.generations)


def _plain(setup: Setup) -> _Setup:
    launches = {name: (list(args), dict(options)) for name, (args, options) in setup.launches.items()}
    return _Setup(launches=launches, spares=sorted(setup.spares), generations=dict(setup.generations))


def _generations(cluster: Standalone, wanted: Mapping[str, Launch], spares: frozenset[str]) -> dict[str, int]:
    """Return the generations of new TaskManagers: the next one of each whose process has to be another."""
    found = {}
    for name in wanted:
        generation = cluster.generations.get(name, 0)
        same = cluster.launches.get(name) == wanted[name] and (name in spares) == (name in cluster.spares)
        if name in cluster.launches and not same:
            generation += 1
            while process_name(name, generation) in {*wanted, *cluster.launches}:
                generation += 1
        if generation:
            found[name] = generation
    return found


def _save(folder: Path, journal: Journal) -> None:
    write_atomically(folder / JOURNAL, journal.model_dump_json(by_alias=True, indent=2) + "\n", private=True)


def _running(subtasks: Iterable[RunningSubtask]) -> int:
    return sum(1 for one in subtasks if one.state == "RUNNING")


class _Migration:
    """One run of what is left of a migration."""

    def __init__(self, cluster: Standalone, journal: Journal, seconds: float, note: Note) -> None:
        self._journal, self._note = journal, note
        self._target = (journal.old if journal.aborting else journal.new).setup()
        self._origin = (journal.new if journal.aborting else journal.old).setup()
        launches = {"jobmanager": cluster.launches["jobmanager"], **self._target.launches}
        self._cluster = replace(
            cluster,
            launches=launches,
            spares=self._target.spares,
            generations=self._target.generations,
        )
        self._rest = Rest(cluster.url)
        self._seconds = seconds

    def run(self) -> Migrated:
        before = set(self._cluster.running())
        ended = self._idle_spares()
        self._step("requestResource")
        self._call("preRequestResource")
        end(ended.values())
        self._launch(self._target.regular())
        self._call("postRequestResource")
        more, taken = self._restart()
        self._step("startSpares")
        write(self._cluster)
        if self._target.spares and self._job() is not None:
            self._launch(sorted(self._target.spares))
        (self._cluster.folder / JOURNAL).unlink(missing_ok=True)
        started = set(self._cluster.running()) - before
        return Migrated(tuple(sorted(started)), tuple(sorted({*ended, *more} - started)), taken)

    def _step(self, step: Literal["requestResource", "restart", "startSpares"]) -> None:
        self._journal = self._journal.model_copy(update={"step": step})
        _save(self._cluster.folder, self._journal)
        self._until = time.monotonic() + self._seconds

    def _launch(self, names: Sequence[str]) -> None:
        try:
            launch(self._cluster, names, self._until, self._note)
        except TimedOut as error:
            raise TimedOut(f"{error}; {GO_ON}") from None
        except ClusterFailed as error:
            raise ClusterFailed(f"{error}; {GO_ON}") from None

    def _call(self, name: str, error: str | None = None) -> None:
        """Call back once, however often the migration is resumed; none on the way back."""
        if name in self._journal.called or self._journal.aborting:
            return
        event = {
            "migration": self._journal.id,
            "cluster": self._rest.url,
            "started": sorted(self._target.processes() - self._origin.processes()),
            "ended": sorted(self._origin.processes() - self._target.processes()),
            "error": error,
        }
        try:
            call(self._journal.callbacks, name, event)
        except CallbackFailed as failed:
            if name.startswith("pre"):
                raise
            self._note(str(failed))
        called = [*self._journal.called, name]
        self._journal = self._journal.model_copy(update={"called": called})
        _save(self._cluster.folder, self._journal)

    def _idle_spares(self) -> dict[str, int]:
        """Return spares that hold no slots: they would be given those of the ones that end."""
        spares = {
            process_name(name, side.generations.get(name, 0))
            for side in (self._origin, self._target)
            for name in side.spares
        }
        running = self._cluster.running()
        told = task_managers(self._rest) if spares & running.keys() else {}
        idle = {name for name in spares if name in running and not (name in told and told[name].slots)}
        return {name: running[name] for name in idle - self._target.processes()}

    def _restart(self) -> tuple[set[str], float | None]:
        """End what is not of the target, and wait until the job runs again without it."""
        running = self._cluster.running()
        old = running.keys() - self._target.processes() - {"jobmanager"}
        job = self._job()
        moves = job is not None and any(
            subtask.task_manager in old for vertex in job.vertices for subtask in vertex.subtasks
        )
        if moves:
            self._call("preRestart")
            self._call("preDeploy")
            self._checkpoint(job)
        self._step("restart")
        ending = self._cluster.to_end(old)
        began = time.monotonic()
        for pid in ending:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        taken = None
        # where a migration is resumed, the old ones may have ended before
        if job is not None and (moves or not job.running):
            self._wait(job, old)
            taken = time.monotonic() - began
            self._call("postRestart")
            self._call("postDeploy")
        end(ending)
        return old, taken

    def _checkpoint(self, job: RunningJob | None) -> None:
        """Take a checkpoint where one is wanted, not again when it restarts already, none on the way back."""
        wanted = self._journal.checkpoint and not self._journal.aborting
        if wanted and job is not None and self._journal.step == "requestResource":
            number = take_checkpoint(self._rest, job.id, self._seconds, self._note)
            self._note(f"job {job.id} has checkpoint {number}")

    def _job(self) -> RunningJob | None:
        """Return the job that is not over, None where there is none."""
        live = [job for job, state in jobs(self._rest).items() if state not in ENDED]
        return running_job(self._rest, live[0]) if live else None

    def _wait(self, job: RunningJob, old: set[str]) -> None:
        """Wait until every subtask runs, and none where it ran before on what ended."""
        while True:
            now = running_job(self._rest, job.id)
            states = [subtask for vertex in now.vertices for subtask in vertex.subtasks]
            if now.running and not any(subtask.task_manager in old for subtask in states):
                return
            if now.state in ("FAILED", "CANCELED"):
                raise ClusterFailed(f"job {job.id} is {now.state} while it is moved")
            if time.monotonic() > self._until:
                raise TimedOut(
                    f"job {job.id} does not run after {self._seconds:g} s, only {_running(states)} of its"
                    f" {len(states)} subtasks do; {GO_ON}"
                )
            self._note(f"job {now.state}, {_running(states)} of {len(states)} subtasks run")
            time.sleep(POLL_SECONDS)
