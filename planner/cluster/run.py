"""A program under a placement: compiled, given the profile, submitted, watched until it runs, verified."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.cluster.errors import RestError, SlotsTaken
from planner.cluster.rest import (
    ENDED,
    Rest,
    RunningJob,
    failure,
    jobs,
    only_job,
    running_job,
    task_managers,
)
from planner.cluster.submit import submit
from planner.cluster.verify import MISSING, Deviation, NotAsPlanned, deviations
from planner.documents.option_tables import option_table
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.write import digest
from planner.errors import TimedOut
from planner.flink.apply import apply, restore_from
from planner.flink.errors import ProgramError
from planner.flink.program import SCHEDULER, Toolchain, stream_graph
from planner.flink.stream_graph import flink_version, profile_of
from planner.graph.edits import Edit, edits
from planner.graph.job_graph import JobGraph
from planner.memory.complete import complete_profile
from planner.place.bend import as_planned
from planner.place.model.quotas import quota_name
from planner.place.model.slots import slot_resources
from planner.rules.cfg import same_value

POLL_SECONDS = 0.3
SETTLING_SECONDS = 5.0
"""How long REST may show an older state of a TaskManager than that of the job (its cache is 3 s)."""
SCHEDULERS = ("default", "ng")
"""Values of ``jobmanager.scheduler`` under which groups get their resources; the second is an old name."""


LOST_SECONDS = 60.0
"""How long TaskManagers may take to give up the slots of a job that no JobManager knows any more."""


@dataclass(frozen=True)
class Plan:
    """What a run will do: the complete profile, its job graph, and what it changes of the program."""

    profile: ResourceProfile
    graph: JobGraph
    edits: list[Edit]


@dataclass(frozen=True)
class Run:
    """A job that was submitted under a placement, and what the cluster does otherwise than planned.

    ``lacking`` are options of the placement that the JobManager does not have, with its own values.
    """

    job: str
    url: str
    plan: Plan
    finished: bool
    deviations: list[Deviation]
    lacking: Mapping[str, str | None]


def run_program(
    program: Program,
    profile: ResourceProfile | None,
    placement: Placement,
    rest: Rest,
    tools: Toolchain,
    seconds: float,
    note: Callable[[str], None] = lambda _: None,
    start_spares: Callable[[], None] = lambda: None,
    savepoint: str | None = None,
    wait: float = 0.0,
) -> Run:
    """Submit a program as ``placement`` plans it, wait until every subtask runs, and verify it.

    The JobManager has ``wait`` seconds to answer, and TaskManagers of the placement to register.
    It starts from ``savepoint`` where one is named, a path that the cluster can read. ``start_spares`` is
    called when it runs: TaskManagers in reserve are not to be there before.

    Raises:
        NotAsPlanned: when the TaskManagers are not those of the placement; nothing is submitted then.
        SlotsTaken: when another job runs in their slots.
        TimedOut: when not every subtask runs within ``seconds``; ``best`` is the `Run` so far.
        ProgramError: when program, profile and placement do not belong together.
        RestError: when the cluster does not take the job, or the job fails.

    """
    wait_until_registered(rest, placement, wait, note)
    if found := verify(rest, placement, None, note=note):
        raise NotAsPlanned(f"the cluster at {rest.url} is not the one that was planned", found)
    if other := _job_in_slots(rest, placement, note):
        raise SlotsTaken(
            f"job {other} holds slots of this placement at {rest.url};"
            f" cancel it first: curl -X PATCH {rest.url}/jobs/{other}"
        )
    plan, job = execute(program, profile, placement, rest, tools, note, savepoint)
    assert job is not None
    lacking = lacking_options(placement, rest.options(), rest.flink_version())
    try:
        done = wait_until_running(rest, job, seconds, note)
    except TimedOut as error:
        so_far = Run(job, rest.url, plan, False, verify(rest, placement, None), lacking)
        raise TimedOut(str(error), so_far) from None
    if done.state != "FINISHED" and not done.batch:  # later stages of a batch job would take their slots
        start_spares()
    found = verify(rest, placement, job, plan.profile, plan.graph, note)
    return Run(job, rest.url, plan, done.state == "FINISHED", found, lacking)


def lacking_options(placement: Placement, there: Mapping[str, str], version: str) -> dict[str, str | None]:
    """Return the options of a placement that a JobManager does not have, and what it has instead.

    ``there`` are the options that it was started with, and ``version`` is its Flink's.
    """
    table = option_table(version)
    return {
        key: there.get(key)
        for key, value in (placement.flink_configuration or {}).items()
        if key not in there or not same_value(table.find(key), value, there[key])
    }


def planned_job(rest: Rest, placement: Placement, *, alone: bool) -> str:
    """Return the job that runs under a placement: the only one where it is ``alone``, else by its slots.

    Raises:
        RestError: when it is not clear which one that is, or there is none.

    """
    running = {job for job, state in jobs(rest).items() if state not in ENDED}
    if alone and len(running) <= 1:
        return only_job(rest)
    found = running & jobs_holding(rest, placement)
    if len(found) == 1:
        return min(found)
    if not found and not alone:
        raise RestError(f"no job holds slots of {placement.metadata.name!r} at {rest.url}; does it run?")
    return only_job(rest)


def jobs_holding(rest: Rest, placement: Placement, note: Callable[[str], None] = lambda _: None) -> set[str]:
    """Return the jobs that hold slots with quotas of a placement."""
    quotas = {quota_name(group) for tm in placement.task_managers for group in tm.quotas}
    return {
        job
        for tm in task_managers(rest, note).values()
        for job, slots in tm.slots.items()
        if any(name in quotas for slot in slots for name in slot.external)
    }


def _job_in_slots(rest: Rest, placement: Placement, note: Callable[[str], None]) -> str | None:
    """Return a job that runs in slots with quotas of a placement, None where all of them are free.

    Slots of a job that has ended, or that the JobManager does not know because it was lost with the one
    before, are free as soon as their TaskManagers notice; that is waited for.
    """
    until = time.monotonic() + LOST_SECONDS
    while True:
        held = jobs_holding(rest, placement, note)
        running = held & {job for job, state in jobs(rest).items() if state not in ENDED}
        if running or not held:
            return min(running, default=None)
        if time.monotonic() > until:
            raise RestError(
                f"TaskManagers at {rest.url} hold slots for job {min(held)}, which has ended or is lost;"
                " restart them"
            )
        time.sleep(1)


def execute(
    program: Program,
    profile: ResourceProfile | None,
    placement: Placement,
    rest: Rest | None,
    tools: Toolchain,
    note: Callable[[str], None] = lambda _: None,
    savepoint: str | None = None,
) -> tuple[Plan, str | None]:
    """Submit a program as ``placement`` plans it; return what that means and the job's id.

    ``profile`` is what the placement was made from, None where that is the program as it is. Without
    ``rest`` nothing is submitted.

    Raises:
        ProgramError: when program, profile and placement do not belong together.
        RestError: when the cluster does not take the job.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when the distribution that is named holds no Flink.

    """
    note(f"compiling {program.file}")
    with stream_graph(program, tools, note) as (jvm, graph):
        if graph.isDynamic():
            raise ProgramError(
                f"{program.file} is compiled for the adaptive batch scheduler, which does not support groups,"
                f" so no placement can be kept; leave {SCHEDULER} out"
            )
        if rest is not None and (scheduler := rest.scheduler()) not in SCHEDULERS:
            raise ProgramError(
                f"{rest.url} runs its jobs with the {scheduler} scheduler, which ignores the resources of"
                f" groups, so no placement can be kept; start it without {SCHEDULER} and scheduler-mode"
            )
        version = flink_version(jvm)
        if rest is not None and (theirs := rest.flink_version()) != version:
            raise ProgramError(
                f"{rest.url} runs Flink {theirs} and the program was compiled with {version}; name a"
                f" distribution of {theirs} with --flink-home (for a .py file, --python with its PyFlink)"
            )
        fresh = profile_of(jvm, graph, program, version)
        complete, job = complete_profile(profile or fresh)
        if digest(complete) != placement.inputs.profile:
            raise ProgramError(
                "the placement was made from another profile"
                + ("" if profile else " than the program's own; name it with --profile")
                + ", or place again"
            )
        plan = Plan(complete, job, edits(complete))
        apply(jvm, graph, fresh, as_planned(complete, placement.planned_groups))
        if rest is None:
            return plan, None
        if savepoint is not None:
            restore_from(jvm, graph, savepoint)
        note("submitting the job")
        return plan, submit(jvm, graph, rest)


def wait_until_running(
    rest: Rest, job: str, seconds: float, note: Callable[[str], None] = lambda _: None
) -> RunningJob:
    """Return the job as soon as every subtask runs, seen twice.

    A subtask may run for a moment before it fails: its gates take their network memory then.

    Raises:
        RestError: when the job fails.
        TimedOut: when it does not run within ``seconds``.

    """
    until = time.monotonic() + seconds
    ran = False
    while True:
        found = running_job(rest, job, note)
        if (found.running and ran) or found.state == "FINISHED":
            return found
        ran = found.running
        if found.state in ("FAILED", "CANCELED", "SUSPENDED"):
            raise RestError(f"job {job} is {found.state}: {failure(rest, job)}")
        states = [subtask.state for vertex in found.vertices for subtask in vertex.subtasks]
        note(f"job {job} {found.state}, {states.count('RUNNING')} of {len(states)} subtasks run")
        if time.monotonic() > until and not ran:
            raise TimedOut(
                f"job {job} does not run after {seconds:g} s, only {states.count('RUNNING')} of its"
                f" {len(states)} subtasks do; it is left as it is"
            )
        time.sleep(POLL_SECONDS)


def wait_until_registered(
    rest: Rest, placement: Placement, seconds: float, note: Callable[[str], None] = lambda _: None
) -> None:
    """Return when every TaskManager of a placement has registered, or after ``seconds``.

    A process can be ready for Kubernetes before it has registered.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            missing = [
                one.where
                for one in deviations(placement, task_managers(rest, note), None)
                if one.actual == MISSING
            ]
        except RestError:  # a JobManager that starts does not answer, or says that it elects a leader
            note(f"waiting for {rest.url}")
        else:
            if not missing:
                return
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            note(f"waiting for {missing[0]}{more} to register")
        time.sleep(POLL_SECONDS)


def verify(
    rest: Rest,
    placement: Placement,
    job: str | None,
    profile: ResourceProfile | None = None,
    graph: JobGraph | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[Deviation]:
    """Return what a cluster does otherwise than planned, once REST had time to show the present state."""
    until = time.monotonic() + SETTLING_SECONDS
    planned = as_planned(profile, placement.planned_groups) if profile is not None else None
    resources = slot_resources(planned) if planned is not None else None
    while True:
        running = running_job(rest, job, note) if job else None
        found = deviations(placement, task_managers(rest, note), running, graph, resources)
        if not found or time.monotonic() > until:
            return found
        time.sleep(POLL_SECONDS)
