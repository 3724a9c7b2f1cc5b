"""``planner import``: what a running cluster knows, into planner's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.cluster import FOLDER, FolderOption
from planner.cli.common import Exit, Inputs, OutputOption, default_job, emit, fail, pick_job, progress, say
from planner.cli.run import RestOption, fail_of, only_job, rest_of

if TYPE_CHECKING:
    from planner.cluster.measure import Measured

HELD_BACK = 0.1
"""Share of the time from which on back pressure is told."""
app = typer.Typer(no_args_is_help=True, help="Read a running cluster into planner's documents.")


@app.command("load")
def load(
    profile: Annotated[
        str | None,
        typer.Argument(metavar="[PROFILE]", help="Profile of the job. Default: *.profile.json here."),
    ] = None,
    rest: RestOption = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="ID", help="Which job. Default: the only one that runs.")
    ] = None,
    window: Annotated[
        float, typer.Option("--window", min=1, max=3600, metavar="SECONDS", help="How long to measure.")
    ] = 30.0,
    output: OutputOption = None,
    folder: FolderOption = FOLDER,
) -> None:
    """Measure a running job and write the load of its subtasks into its profile.

    CPU is what the TaskManagers' processes used, shared out by busy time. The next planner place
    balances by it.

    \b
    Examples:
      planner import load --rest http://host:8081 -o loaded.profile.json
      planner import load --window 60 -o loaded.profile.json
    """
    inputs = Inputs()
    document = pick_job(inputs, default_job() if profile is None else profile)
    from planner import api
    from planner.cluster.errors import RestError
    from planner.cluster.measure import measure, with_load
    from planner.cluster.rest import running_job
    from planner.documents.profile import ResourceProfile
    from planner.documents.write import to_data

    if not isinstance(document, ResourceProfile):
        fail(
            "a measured load goes into a profile; compile first: planner compile job.yaml -o job.profile.json"
        )
    inputs.stop_on(api.validate(inputs.loaded))
    complete, graph = api.compile_job(document)
    try:
        cluster = rest_of(rest, folder)
        running = running_job(cluster, job or only_job(cluster))
        if not {vertex.id for vertex in graph.vertices} & {vertex.id for vertex in running.vertices}:
            fail(f"job {running.id} at {cluster.url} has none of the vertices of this profile")
        if running.batch:
            fail(f"job {running.id} is a batch job, whose load has no level to measure", Exit.FINDINGS)
        if not running.running:
            fail(f"job {running.id} at {cluster.url} does not run with all its subtasks yet", Exit.FINDINGS)
        with progress("measuring") as tell:
            measured = measure(cluster, running, window, tell)
    except RestError as error:
        fail_of(error)
    _print(measured)
    emit(api.to_json(to_data(api.compile_job(with_load(complete, graph, measured))[0])), output)


@app.command("job")
def job(
    rest: RestOption = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="ID", help="Which job. Default: the only one that runs.")
    ] = None,
    output: OutputOption = None,
    folder: FolderOption = FOLDER,
) -> None:
    """Write a running job as a profile: its vertices, parallelism, groups, state and options.

    REST tells of vertices, not of the operators in them, and not of resources: those are planner's
    defaults, to be edited or measured with planner import load. Where the program is at hand,
    planner compile knows more.

    \b
    Examples:
      planner import job --rest http://host:8081 -o job.profile.json
      planner import job --job 5f2c…e1 | planner place - -c cluster.yaml
    """
    from planner import api
    from planner.cluster.errors import RestError
    from planner.cluster.read_job import job_profile
    from planner.documents.write import to_data

    try:
        cluster = rest_of(rest, folder)
        found = job_profile(cluster, job or only_job(cluster))
    except RestError as error:
        fail_of(error)
    emit(api.to_json(to_data(api.compile_job(found)[0])), output)


@app.command("cluster")
def cluster(
    rest: RestOption = None,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the document.")] = "cluster",
    output: OutputOption = None,
    folder: FolderOption = FOLDER,
) -> None:
    """Write the TaskManagers of a running cluster as a Cluster document.

    \b
    Examples:
      planner import cluster --rest http://host:8081 -o cluster.yaml
    """
    from planner.cluster.errors import RestError
    from planner.cluster.read_job import cluster_document
    from planner.documents.write import as_written, to_yaml

    try:
        found, guessed = cluster_document(rest_of(rest, folder), name)
    except RestError as error:
        fail_of(error)
    if guessed:
        say(
            f"planner: {', '.join(guessed[:3])}{', …' if len(guessed) > 3 else ''}: as many cores as slots, which"
            " is what Flink announces where taskmanager.cpu.cores is not set; check cpu"
        )
    data = as_written(found)
    classes = data["spec"]["taskManagerClasses"]
    data["spec"]["taskManagerClasses"] = [{"name": entry["name"], **entry} for entry in classes]
    emit(to_yaml(data), output)


def _print(measured: Measured) -> None:
    import sys

    from planner.cli.common import wants_color
    from planner.report.tables import load_table, render

    sys.stderr.write(render(load_table(measured), color=wants_color(sys.stderr.isatty())))
    held_back = [vertex for vertex in measured.vertices if vertex.backpressured > HELD_BACK]
    for vertex in held_back:
        say(
            f"planner: {vertex.name} was held back {vertex.backpressured:.0%} of the time by what reads from it"
        )
    if held_back:
        say(
            "planner: so this is the load that the job manages where it stands now, not all that is offered to it"
        )
    if any(vertex.cpu is None for vertex in measured.vertices):
        say("planner: Flink measures no busy time of sources of the old kind; they keep the load they have")
