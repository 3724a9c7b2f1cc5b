"""A program under a placement: compiled, given the profile, submitted, and watched until it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from planner.cluster.errors import RestError, TimedOut
from planner.cluster.rest import Rest, RunningJob, failure, running_job, task_managers
from planner.cluster.submit import submit
from planner.cluster.verify import Difference, differences
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.write import digest
from planner.flink.apply import apply
from planner.flink.errors import ProgramError
from planner.flink.program import SCHEDULER, Toolchain, stream_graph
from planner.flink.stream_graph import flink_version, profile_of
from planner.graph.edits import Edit, edits
from planner.graph.job_graph import JobGraph
from planner.memory.complete import complete_profile
from planner.place.model.slots import slot_resources

POLL_SECONDS = 0.3
SETTLING_SECONDS = 5.0
"""How long REST may show an older state of a TaskManager than that of the job (its cache is 3 s)."""
SCHEDULERS = ("default", "ng")
"""Values of ``jobmanager.scheduler`` under which groups get their resources; the second is an old name."""


@dataclass(frozen=True)
class Plan:
    """What a run will do: the complete profile, its job graph, and what it changes of the program."""

    profile: ResourceProfile
    graph: JobGraph
    edits: list[Edit]


def execute(
    program: Program,
    profile: ResourceProfile | None,
    placement: Placement,
    rest: Rest | None,
    tools: Toolchain,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Plan, str | None]:
    """Submit a program as ``placement`` plans it; return what that means and the job's id.

    ``profile`` is what the placement was made from, None where that is the program as it is. Without
    ``rest`` nothing is submitted.

    Raises:
        ProgramError: when program, profile and placement do not belong together.
        RestError: when the cluster does not take the job.
        FlinkMissing: when the extra ``planner[flink]`` is not installed.
        NoFlinkHome: when the distribution that is named holds no Flink.

    """
    note(f"compiling {program.file}")
    with stream_graph(program, tools, note) as (jvm, graph):
        if graph.isDynamic():
            raise ProgramError(
                f"{program.file} is compiled for the adaptive batch scheduler, which knows no groups and so"
                f" no plan; leave {SCHEDULER} out"
            )
        if rest is not None and (scheduler := rest.scheduler()) not in SCHEDULERS:
            raise ProgramError(
                f"{rest.url} runs its jobs with the {scheduler} scheduler, which ignores the resources of"
                f" groups and so any plan; start it without {SCHEDULER} and scheduler-mode"
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
        apply(jvm, graph, fresh, complete)
        if rest is None:
            return plan, None
        note("submitting the job")
        return plan, submit(jvm, graph, rest.url)


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
        found = running_job(rest, job)
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


def verify(
    rest: Rest,
    placement: Placement,
    job: str | None,
    profile: ResourceProfile | None = None,
    graph: JobGraph | None = None,
) -> list[Difference]:
    """Return what a cluster does otherwise than planned, once REST had time to show the present state."""
    until = time.monotonic() + SETTLING_SECONDS
    resources = slot_resources(profile) if profile is not None else None
    while True:
        running = running_job(rest, job) if job else None
        found = differences(placement, task_managers(rest), running, graph, resources)
        if not found or time.monotonic() > until:
            return found
        time.sleep(POLL_SECONDS)
