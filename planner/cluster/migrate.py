"""A running local cluster from one placement to another: replacements first, then one restart of the job.

TaskManagers whose quotas or memory change are replaced by new processes, which register beside the old ones.
When all are there, the old ones get a SIGTERM: Flink restarts what ran there on the new ones.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from planner.cluster.errors import ClusterFolderError, MigrationUnfinished
from planner.cluster.launches import Launch
from planner.cluster.migration import Journal, Migrated, Note, aborted, carry_out
from planner.cluster.processes import end
from planner.cluster.rest import Rest, RunningJob, task_managers
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
from planner.documents.answers import Answer, AnswerError, read_answer
from planner.documents.vocabulary import Recovery
from planner.files import real, write_atomically


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


class LocalJournal(Journal):
    """An unfinished migration of a local cluster, between two sets of processes."""

    old: _Setup
    new: _Setup


def journal_of(folder: Path) -> LocalJournal | None:
    """Return the unfinished migration of a folder's cluster, None where there is none.

    Raises:
        ClusterFolderError: when it cannot be read.

    """
    file = folder / JOURNAL
    raw = content(file)
    try:
        return None if raw is None else read_answer(raw, LocalJournal)
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

    With ``checkpoint`` the job takes one before old TaskManagers end. Exceptions are those of
    `planner.cluster.migration.carry_out`, and besides:

    Raises:
        MigrationUnfinished: when another migration is to be resumed or aborted first.
        ClusterFolderError: when there is no cluster in ``folder``.

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
        journal = LocalJournal(
            id=uuid.uuid4().hex,
            step="requestResource",
            callbacks=dict(callbacks),
            checkpoint=checkpoint,
            old=_plain(old),
            new=_plain(new),
            before=dict(placements[0]),
            after=dict(placements[1]),
        )
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
            journal = aborted(journal)
        return _go_on(cluster, journal, seconds, note)


def _go_on(cluster: Standalone, journal: LocalJournal, seconds: float, note: Note) -> Migrated:
    return carry_out(_Local(cluster, journal), lambda back: _Local(cluster, back), journal, seconds, note)


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


class _Local:
    """The processes of a local cluster, on the way to the target of a journal."""

    poll, patient = 0.1, False

    def __init__(self, cluster: Standalone, journal: LocalJournal) -> None:
        self._target = (journal.old if journal.aborting else journal.new).setup()
        self._origin = (journal.new if journal.aborting else journal.old).setup()
        placement = journal.before if journal.aborting else journal.after
        launches = {"jobmanager": cluster.launches["jobmanager"], **self._target.launches}
        self._cluster = replace(
            cluster,
            launches=launches,
            spares=self._target.spares,
            generations=self._target.generations,
            warm_up=placement.get("recovery") == Recovery.FAST,
        )
        self.rest = Rest(cluster.url)
        self._before = frozenset(cluster.running())
        self._ended: set[str] = set()
        self._old: set[str] = set()
        self._pids: list[int] = []

    def save(self, journal: LocalJournal) -> None:
        text = journal.model_dump_json(by_alias=True, indent=2) + "\n"
        write_atomically(self._cluster.folder / JOURNAL, text, private=True)

    def forget(self) -> None:
        (self._cluster.folder / JOURNAL).unlink(missing_ok=True)

    def starting(self) -> Collection[str]:
        return self._target.processes() - self._origin.processes()

    def ending(self) -> Collection[str]:
        return self._origin.processes() - self._target.processes()

    def end_idle_spares(self, until: float) -> None:
        spares = {
            process_name(name, side.generations.get(name, 0))
            for side in (self._origin, self._target)
            for name in side.spares
        }
        running = self._cluster.running()
        told = task_managers(self.rest) if spares & running.keys() else {}
        idle = {name for name in spares if name in running and not (name in told and told[name].slots)}
        idle -= self._target.processes()
        end(running[name] for name in idle)
        self._ended |= idle

    def start(self, until: float, note: Note) -> None:
        launch(self._cluster, self._target.regular(), until, note)

    def leaving(self) -> set[str]:
        return self._cluster.running().keys() - self._target.processes() - {"jobmanager"}

    def end(self, job: RunningJob | None) -> None:
        self._old = self.leaving()
        self._pids = self._cluster.to_end(self._old)
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self._ended |= self._old

    def moved(self, job: RunningJob) -> bool:
        return not job.is_on(self._old)

    def ended(self, until: float) -> None:
        end(self._pids)

    def start_spares(self, until: float, note: Note, *, job: bool) -> None:
        write(self._cluster)
        if self._target.spares and job:
            launch(self._cluster, sorted(self._target.spares), until, note)

    def done(self) -> tuple[Collection[str], Collection[str]]:
        started = set(self._cluster.running()) - self._before
        return started, self._ended - started
