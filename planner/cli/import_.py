"""``planner import``: a running cluster, or a manifest, into planner's documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import fail
from planner.cli.inputs import HomeOption, Inputs, PythonOption, compile_with_flink, program_kind
from planner.cli.output import OutputOption, emit, emit_tables
from planner.cli.terminal import progress, say
from planner.cli.verify import RestOption, RunningJobOption

if TYPE_CHECKING:
    from planner.api import Cluster, Loaded, Measured

HELD_BACK = 0.1
"""Share of the time from which on back pressure is reported."""
app = typer.Typer(no_args_is_help=True, help="Read a running cluster or a manifest into planner's documents.")


@app.command("load")
def load(
    profile: Annotated[
        str | None,
        typer.Argument(metavar="PROFILE", help="Profile of the job. Default: *.profile.json here."),
    ] = None,
    rest: RestOption = None,
    job: RunningJobOption = None,
    window: Annotated[
        float, typer.Option("--window", min=1, max=3600, metavar="SECONDS", help="How long to measure.")
    ] = 30.0,
    samples: Annotated[
        int,
        typer.Option(
            "--samples", min=1, max=1000, metavar="COUNT", help="How many windows, one after the other."
        ),
    ] = 1,
    output: OutputOption = None,
    folder: FolderOption = None,
) -> None:
    """Measure a running job and write its load into its profile.

    CPU is what the TaskManagers' processes used, shared out among subtasks by busy time. The next
    planner place balances by it. With several samples it balances the highest load of all of them.

    \b
    Examples:
      planner import load --rest http://host:8081 -o loaded.profile.json
      planner import load --window 60 -o loaded.profile.json
      planner import load --window 3600 --samples 24 -o day.profile.json
    """
    from planner import api

    inputs = Inputs()
    document = inputs.job(profile)
    if not isinstance(document, api.ResourceProfile):
        fail(
            "a measured load goes into a profile; compile first: planner compile job.yaml -o job.profile.json"
        )
    inputs.require_valid()
    with progress("measuring") as note:
        loaded, measured = api.import_load(
            document,
            rest=rest,
            folder=folder or api.FOLDER,
            job=job,
            window=window,
            samples=samples,
            note=note,
        )
    _print(measured)
    emit(api.to_json(api.to_data(loaded)), output)


@app.command("job")
def job(
    rest: RestOption = None,
    job: RunningJobOption = None,
    output: OutputOption = None,
    folder: FolderOption = None,
) -> None:
    """Write a running job as a profile.

    REST reports vertices, not the operators in them, and not resources: those are planner's
    defaults, to be edited or measured with planner import load. Where the program is at hand,
    planner compile is more exact.

    \b
    Examples:
      planner import job --rest http://host:8081 -o job.profile.json
      planner import job --job 5f2c…e1 | planner place - -c cluster.yaml
    """
    from planner import api

    with progress("asking the cluster"):
        profile = api.import_job(rest=rest, folder=folder or api.FOLDER, job=job)
    emit(api.to_json(api.to_data(profile)), output)


@app.command("cluster")
def cluster(
    rest: RestOption = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the document.")] = "cluster",
    output: OutputOption = None,
    folder: FolderOption = None,
) -> None:
    """Write the TaskManagers of a running cluster as a Cluster.

    \b
    Examples:
      planner import cluster --rest http://host:8081 -o cluster.yaml
    """
    from planner import api

    with progress("asking the cluster") as note:
        document, guessed = api.import_cluster(name, rest=rest, folder=folder or api.FOLDER, note=note)
    if guessed:
        say(
            f"planner: {', '.join(guessed[:3])}{', …' if len(guessed) > 3 else ''}: as many cores as slots, which"
            " is what Flink announces where taskmanager.cpu.cores is not set; check cpu"
        )
    emit(_cluster_yaml(document), output)


def _cluster_yaml(document: Cluster) -> str:
    """Return a cluster as YAML, the name of each class first."""
    from planner import api

    data = api.as_written(document)
    classes = data["spec"]["taskManagerClasses"]
    data["spec"]["taskManagerClasses"] = [{"name": entry["name"], **entry} for entry in classes]
    return api.to_yaml(data)


@app.command("deployment")
def deployment(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="A FlinkDeployment; a session's FlinkSessionJobs with it."),
    ],
    output: OutputOption = None,
    program: Annotated[
        str | None,
        typer.Option("--program", metavar="FILE", help="The job's program where it is built, for --job-out."),
    ] = None,
    job_output: Annotated[
        Path | None,
        typer.Option("--job-out", metavar="FILE", help="Write the job's profile too; needs --program."),
    ] = None,
    flink_home: HomeOption = None,
    python: PythonOption = None,
) -> None:
    """Write the TaskManagers that a FlinkDeployment gets as a Cluster.

    Their number is taskManager.replicas, or what the job's parallelism needs; their memory is what
    the operator sets from the manifest. With the program at hand, the job is compiled with the
    parallelism, arguments and options of the manifest.

    \b
    Examples:
      planner import deployment deployment.yaml -o cluster.yaml
      planner import deployment session.yaml jobs.yaml -o cluster.yaml
      planner import deployment deployment.yaml -o cluster.yaml --program job.jar --job-out job.profile.json
    """
    if (program is None) != (job_output is None):
        fail("--program and --job-out go together")
    inputs = Inputs()
    loaded = [entry for name in files for entry in inputs.read(name)]
    inputs.stop_on([*inputs.findings, *(finding for entry in loaded for finding in entry.findings)])
    document = inputs.deployment(loaded)
    if document is None:
        fail(f"{', '.join(files)}: there is no FlinkDeployment in it")
    if program is not None:
        inputs.names.append(program)
    for target in (output, job_output):
        inputs.spare(target)
    if program is not None:
        _write_job(loaded, program, job_output, flink_home, python)
    emit(_cluster_yaml(document), output)


def _write_job(
    loaded: Sequence[Loaded], name: str, output: Path | None, home: Path | None, python: str | None
) -> None:
    """Compile the program of a deployment with what its manifest says, and write the profile."""
    from planner import api

    found = next(entry.document for entry in loaded if isinstance(entry.document, api.FlinkDeployment))
    wanted = api.program_of_deployment(found, name, program_kind(name))
    profile, _ = api.compile_job(compile_with_flink(wanted, None, home, python))
    emit(api.to_json(api.to_data(profile)), output)


def _print(measured: Measured) -> None:
    from planner.report.tables import load_table

    emit_tables(load_table(measured), to_stderr=True)
    if say_held_back(measured):
        say(
            "planner: so this is the load that the job manages where it is now, not all that is offered to it"
        )
    if any(vertex.cpu is None for vertex in measured.vertices):
        say(
            "planner: Flink measures no busy time of legacy (SourceFunction) sources; they keep the load they have"
        )


def say_held_back(measured: Measured) -> bool:
    """Say which vertices were held back by what reads from them, and tell whether any was."""
    held_back = [vertex for vertex in measured.vertices if vertex.backpressured > HELD_BACK]
    for vertex in held_back:
        say(
            f"planner: {vertex.name} was held back {vertex.backpressured:.0%} of the time by what reads from it"
        )
    return bool(held_back)
