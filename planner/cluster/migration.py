"""A running job from one placement to another: the order of it, whoever starts and ends TaskManagers.

What is to do follows from what runs, never from what a journal says was done: a migration that was killed at
any point is resumed, or aborted, by doing the same again with the new, or the old, placement as the target.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import AfterValidator, ValidationError

from planner.cluster.callbacks import call
from planner.cluster.checkpoints import take_checkpoint
from planner.cluster.errors import CallbackFailed, CheckpointFailed, ClusterFailed, RestError
from planner.cluster.rest import ENDED, Rest, RunningJob, jobs, progress, running_job
from planner.cluster.warm_up import NAME as WARM_UP
from planner.documents.answers import Answer, reason
from planner.documents.placement import Placement
from planner.errors import TimedOut

LOG = logging.getLogger(__name__)
GO_ON = "planner migrate --resume goes on, --abort goes back"
Note = Callable[[str], None]
Step = Literal["requestResource", "restart", "startSpares"]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did: processes that were started and ended, and seconds from SIGTERM to all RUNNING.

    The seconds are None where nothing of a job had to restart.
    """

    started: tuple[str, ...]
    ended: tuple[str, ...]
    seconds: float | None


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
    step: Step
    aborting: bool = False
    called: list[str] = []
    callbacks: dict[str, str] = {}
    checkpoint: bool = False
    before: _Placement
    after: _Placement


J = TypeVar("J", bound=Journal)
J_contra = TypeVar("J_contra", bound=Journal, contravariant=True)


class Site(Protocol[J_contra]):
    """Where TaskManagers run, with what the target of a migration wants of them; names are resource ids."""

    rest: Rest
    poll: float
    """Seconds between two looks at the job."""
    patient: bool
    """Whether a REST address that does not answer may do so again."""

    def save(self, journal: J_contra) -> None:
        """Keep a journal, in place of the one before."""

    def forget(self) -> None:
        """Keep no journal any more."""

    def starting(self) -> Collection[str]:
        """Return what the migration starts."""

    def ending(self) -> Collection[str]:
        """Return what the migration ends."""

    def end_idle_spares(self, until: float) -> None:
        """End spares that hold no slots: they would be given those of what ends."""

    def start(self, until: float, note: Note) -> None:
        """Start what can run beside what is there, and wait until it is registered."""

    def leaving(self) -> Collection[str]:
        """Return what runs and is to end."""

    def end(self, job: RunningJob | None) -> None:
        """Let that end, and whatever takes its place start, while a ``job`` runs; this does not wait."""

    def moved(self, job: RunningJob) -> bool:
        """Tell whether no subtask of a job that runs is on what is to end."""

    def ended(self, until: float) -> None:
        """Wait until everything has ended that is to."""

    def start_spares(self, until: float, note: Note, *, job: bool) -> None:
        """Make the target what there is; with a ``job`` that runs, start its spares."""

    def done(self) -> tuple[Collection[str], Collection[str]]:
        """Return what was started and ended."""


def carry_out(
    site: Site[J], back: Callable[[J], Site[J]], journal: J, seconds: float, note: Note
) -> Migrated:
    """Do what is left of a migration; what refuses it before the restart takes it back, to the site ``back``.

    Raises:
        CheckpointFailed: when a checkpoint could not be taken; the cluster is as it was.
        CallbackFailed: when a callback before a change fails; the cluster is as it was.
        ClusterFailed: when a process or the job ends that should not.
        TimedOut: when a step takes longer than ``seconds``; it can be resumed or aborted.

    """
    migration = _Migration(site, journal, seconds, note)
    try:
        return migration.run()
    except RestError as error:
        raise type(error)(f"{error}; {GO_ON}") from None
    except (CallbackFailed, CheckpointFailed) as error:
        if migration.untouched:
            site.forget()
            raise
        note(f"{error}; going back")
        returning = aborted(journal)
        site.save(returning)
        _Migration(back(returning), returning, seconds, note).run()
        raise


def aborted(journal: J) -> J:
    """Return a journal on its way back to where the migration came from."""
    return journal.model_copy(update={"aborting": True, "step": "requestResource"})


class _Migration(Generic[J]):
    """One run of what is left of a migration."""

    def __init__(self, site: Site[J], journal: J, seconds: float, note: Note) -> None:
        self._site, self._journal, self._seconds, self._note = site, journal, seconds, note
        self._restarted = journal.step != "requestResource"
        self._restarting = journal.step != "requestResource" or "preRestart" in journal.called
        self.untouched = not journal.aborting and not self._restarting and not journal.called

    def run(self) -> Migrated:
        self._step("requestResource")
        self._call("preRequestResource")
        self.untouched = False
        self._within(lambda: self._site.end_idle_spares(self._until))
        self._within(lambda: self._site.start(self._until, self._note))
        self._call("postRequestResource")
        taken = self._restart()
        self._step("startSpares")
        target = self._journal.before if self._journal.aborting else self._journal.after
        # of several jobs all of them: what is submitted when spares are there may be placed on them
        running = len(self._jobs()) >= max(len(target.get("jobs") or ()), 1)
        self._within(lambda: self._site.start_spares(self._until, self._note, job=running))
        self._site.forget()
        started, ended = self._site.done()
        return Migrated(tuple(sorted(started)), tuple(sorted(ended)), taken)

    def _step(self, step: Step) -> None:
        self._journal = self._journal.model_copy(update={"step": step})
        self._site.save(self._journal)
        self._until = time.monotonic() + self._seconds

    def _within(self, what: Callable[[], None]) -> None:
        """Do something, and say of what goes wrong how to go on."""
        try:
            what()
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
            "cluster": self._site.rest.url,
            "started": sorted(self._site.starting()),
            "ended": sorted(self._site.ending()),
            "error": error,
        }
        try:
            call(self._journal.callbacks, name, event)
        except CallbackFailed as failed:
            if name.startswith("pre"):
                raise
            LOG.warning("%s", failed)
        self._remember(name)

    def _remember(self, name: str) -> None:
        called = [*self._journal.called, name]
        self._journal = self._journal.model_copy(update={"called": called})
        self._site.save(self._journal)

    def _restart(self) -> float | None:
        """End what is not of the target, and wait until all jobs run again without it."""
        old = self._site.leaving()
        live = self._jobs()
        moving = [job for job in live if job.is_on(old)]
        if moving:
            self._call("preRestart")
            self._call("preDeploy")
            self._checkpoint(moving)
        self._step("restart")
        began = time.monotonic()
        self._within(lambda: self._site.end(live[0] if live else None))
        taken = None
        # where a migration is resumed, the old ones may have ended before
        restarting = [job for job in live if job in moving or self._restarting or not job.running]
        for job in restarting:
            self._wait(job)
        if restarting:
            taken = time.monotonic() - began
            self._call("postRestart")
            self._call("postDeploy")
        self._within(lambda: self._site.ended(self._until))
        return taken

    def _checkpoint(self, moving: Sequence[RunningJob]) -> None:
        """Take checkpoints where they are wanted, not again after a restart began, none on the way back."""
        wanted = self._journal.checkpoint and not self._journal.aborting and not self._restarted
        if not wanted or "checkpoint" in self._journal.called:
            return
        for job in moving:
            number = take_checkpoint(self._site.rest, job.id, self._seconds, self._note)
            self._note(f"job {job.id} has checkpoint {number}")
        self._remember("checkpoint")

    def _jobs(self) -> list[RunningJob]:
        """Return the jobs that are not over, but for a warm-up that a planner left which was killed."""
        rest = self._site.rest
        found = [running_job(rest, job) for job, state in jobs(rest).items() if state not in ENDED]
        return [job for job in found if job.name != WARM_UP]

    def _wait(self, job: RunningJob) -> None:
        """Wait until every subtask runs, and none where it ran before on what ended."""
        while True:
            try:
                state, done, count = progress(self._site.rest, job.id)
                if state == "FINISHED":
                    return
                if state == "RUNNING" and (done == count or job.batch):
                    now = running_job(self._site.rest, job.id)
                    if now.running and self._site.moved(now):
                        return
            except RestError:
                if not self._site.patient or time.monotonic() > self._until:
                    raise
                time.sleep(self._site.poll)
                continue
            if state in ("FAILED", "CANCELED"):
                raise ClusterFailed(f"job {job.id} is {state} while it is moved")
            run = f"{done} of {count} subtasks"
            if time.monotonic() > self._until:
                raise TimedOut(f"job {job.id} does not run after {self._seconds:g} s, only {run} do; {GO_ON}")
            self._note(f"job {state}, {run} run")
            time.sleep(self._site.poll)
