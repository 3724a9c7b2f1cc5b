"""From a job or a program to the profile that a placement is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from planner.api.documents import validate
from planner.documents.errors import DocumentError
from planner.documents.finding import Severity
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.sensitive import is_sensitive, masked_arguments
from planner.documents.write import digest
from planner.errors import PlannerError
from planner.flink.program import COMPILE_SECONDS, Toolchain, require_compilable, stream_graph
from planner.flink.stream_graph import flink_version, profile_of, secret_options
from planner.graph.edits import Drift, keep_edits
from planner.graph.from_job import declare
from planner.graph.job_graph import JobGraph
from planner.memory.complete import complete_profile
from planner.memory.off_heap import Catalogue, job_catalogue

if TYPE_CHECKING:
    pass

Note = Callable[[str], None]
"""Told in a few words what is being done."""


def compile(  # noqa: A001 - the verb's name
    job: Job | ResourceProfile, catalogue: Catalogue | None = None
) -> ResourceProfile:
    """Return the complete profile of a job, or of a profile that was edited.

    ``catalogue`` is off-heap memory by kind of operator, before planner's own; the job's goes before both.

    Raises:
        DocumentError: when the job is not valid.

    """
    return compile_job(job, catalogue)[0]


def compile_job(
    job: Job | ResourceProfile, catalogue: Catalogue | None = None
) -> tuple[ResourceProfile, JobGraph]:
    """Return the complete profile of a job, and the job graph that Flink compiles it to; see `compile`."""
    try:
        if isinstance(job, ResourceProfile):
            return complete_profile(job, catalogue)
        declared = job_catalogue(job.spec.off_heap_catalogue)
        return complete_profile(declare(job), {**(catalogue or {}), **declared})
    except PlannerError:
        raise
    except ValueError as error:
        errors = [finding for finding in validate(job) if finding.severity is Severity.ERROR]
        if not errors:
            raise  # a defect: what keeps a job from compiling is a rule's to find
        raise DocumentError(errors) from error


def compile_program(
    program: Program,
    previous: ResourceProfile | None = None,
    *,
    flink_home: Path | None = None,
    python: str = "python3",
    time_limit: float = COMPILE_SECONDS,
    note: Note = lambda _: None,
) -> tuple[ResourceProfile, Drift | None]:
    """Return the profile of a program as Flink itself compiles it, with the edits of a previous one.

    With a ``previous`` profile comes how the program has drifted from it. ``python`` is the interpreter
    that has PyFlink, for a program in Python. The program's main has ``time_limit`` seconds.

    Raises:
        ProgramError: when the program cannot be read or Flink refuses it.
        TimedOut: when the program makes no job in time.
        OptionRefused: when a secret that an option names cannot be had.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.

    """
    with stream_graph(program, Toolchain(flink_home, python, time_limit), note) as (jvm, graph):
        profile = profile_of(jvm, graph, program, flink_version(jvm))
        require_compilable(graph, program)
    for line in _about_secrets(program):
        note(line)
    return (profile, None) if previous is None else keep_edits(profile, previous)


def _about_secrets(program: Program) -> Iterator[str]:
    """Say which secrets of a program its profile does not hold, and which it does."""
    for key in secret_options(program):
        keep = f"; as -D {key}=@FILE or @env:NAME the profile keeps it" if is_sensitive(key) else ""
        yield f"planner: {key} is a secret, so the profile is without it; planner run needs it again{keep}"
    if masked_arguments(program.arguments) != program.arguments:
        yield (
            "planner: an argument of the program is a secret, and the profile holds it; let the program read"
            " it from a file or the environment"
        )


def profile_digest(job: Job | ResourceProfile) -> str:
    """Return the digest of the complete profile of a job, by which placements tell what they are made from.

    Raises:
        DocumentError: when the job is not valid.

    """
    return digest(compile_job(job)[0])


def made_from(placement: Placement, job: Job | ResourceProfile) -> bool:
    """Tell whether a placement was made from exactly this job or profile.

    Raises:
        DocumentError: when the job is not valid.

    """
    return profile_digest(job) == placement.inputs.profile
