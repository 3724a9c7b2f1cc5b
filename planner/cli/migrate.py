"""``planner migrate``: a running job from one placement to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import fail
from planner.cli.inputs import Inputs, JobArgument, first_word, quiet_bridge
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_result, emit_tables
from planner.cli.terminal import progress, say
from planner.cli.verify import as_planned, report_deviations

if TYPE_CHECKING:
    from planner.api import Cluster, Job, Migrated, Placement, ResourceProfile

SECONDS = 120.0
NO_ADDRESS = (
    "--kubernetes needs the JobManager's address: --rest http://localhost:8081, with kubectl port-forward"
)


def migrate(
    job: JobArgument = None,
    placement: Annotated[
        str | None,
        typer.Option(
            "-p", "--placement", metavar="FILE", help="The present one. Default: *.placement.json here."
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", "-c", metavar="FILE", help="Cluster document. Default: cluster.yaml here."),
    ] = None,
    drain: Annotated[
        list[str] | None,
        typer.Option("--drain", metavar="ID", help="Use this TaskManager no more. May be repeated."),
    ] = None,
    hot: Annotated[
        str | None,
        typer.Option(
            "--hot", metavar="ID", help="Let a TaskManager without slots take over all of its slots."
        ),
    ] = None,
    replace: Annotated[
        str | None,
        typer.Option("--replace", metavar="ID=OTHER", help="Let this one take over all of its slots."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Bring the cluster to this placement.")
    ] = None,
    home: Annotated[
        bool,
        typer.Option("--home", show_default=False, help="Bring a job that runs on those in reserve back."),
    ] = False,
    apply: Annotated[
        bool,
        typer.Option("--apply", show_default=False, help="Do it, on the local cluster or with --kubernetes."),
    ] = False,
    kubernetes: Annotated[
        Path | None,
        typer.Option(
            "--kubernetes",
            metavar="FOLDER",
            help="Do it with kubectl. FOLDER is overlay or spares of the exported new placement, or a kustomization of one.",
        ),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option("--rest", metavar="URL", help="With --kubernetes: the JobManager's REST address."),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="CALLBACK=COMMAND",
            help="Run a command, or POST to an http address: preRequestResource, postRequestResource, preRestart,"
            " postRestart, preDeploy, postDeploy. One that fails before a change stops the migration.",
        ),
    ] = None,
    checkpoint: Annotated[
        bool,
        typer.Option(
            "--checkpoint",
            show_default=False,
            help="Let the job take a checkpoint right before old TaskManagers end: it has less to do again.",
        ),
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", show_default=False, help="Show the migration that is unfinished.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", show_default=False, help="End an unfinished migration.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", show_default=False, help="Take an unfinished migration back.")
    ] = False,
    seconds: Annotated[
        float,
        typer.Option("--time-limit", min=1, max=86400, metavar="SECONDS", help="When to give up on a step."),
    ] = SECONDS,
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
    folder: FolderOption = None,
) -> None:
    """Move a running job to another placement.

    Without --apply it shows what would change and writes the new placement. With --apply new
    TaskManagers are started first, next to the old ones; when they are registered, the old ones end
    and the job restarts once. On Kubernetes pods that change are replaced together instead. Interrupted
    at any point, --resume goes on and --abort goes back.

    \b
    Examples:
      planner migrate --drain large-0                (show what would change)
      planner migrate --drain large-0 --apply -o new.placement.json
      planner migrate --replace large-0=large-3 --apply -o new.json
      planner migrate --to new.json --apply --on preRestart=./pause-alerts
      planner migrate --home --apply                 (after a loss and planner up)
      planner migrate --resume
      planner migrate --to new.json --apply --kubernetes k8s/spares --rest URL
    """
    from planner import api
    from planner.report import tables

    folder = folder or api.FOLDER
    given = [name for name, value in _wanted(drain, hot, replace, to, home).items() if value]
    ways = [
        name for name, wanted in (("--status", status), ("--resume", resume), ("--abort", abort)) if wanted
    ]
    if ways:
        if len(ways + given) > 1:
            fail(f"{', '.join(ways + given)}: leave out all but one of them")
        if kubernetes is not None and rest is None and not status:
            fail(NO_ADDRESS)
        _unfinished(folder, seconds, _On(kubernetes, rest), resume=resume, abort=abort)
        return
    callbacks = _callbacks(on or [])
    if len(given) != 1:
        fail("say what to do: one of --drain, --hot, --replace, --to and --home")
    if kubernetes is not None and to is None and not home:
        fail(f"{given[0]} with --kubernetes: write the new placement with -o, export it, then use --to")
    if apply and kubernetes is not None and rest is None:
        fail(
            "--kubernetes needs the JobManager's address: --rest http://localhost:8081, with kubectl port-forward"
        )
    if rest is not None and kubernetes is None:
        fail("--rest goes with --kubernetes")
    if output is not None and (to is not None or home):
        fail(f"-o is for the new placement of --drain, --hot and --replace; {given[0]} makes none")
    inputs = Inputs()
    before = inputs.binding_placement(placement)
    if before.jobs is not None:
        _refuse_for_several(job, given[0], kubernetes)
        documents = inputs.jobs_kept(before, [])
        profile = documents[0]
    else:
        document = inputs.profile_of(before, None) if job is None else None
        documents = [profile := document or inputs.job(job)]
    inputs.require_valid(fit=False)
    if before.jobs is None and not api.made_from(before, profile):
        fail("the placement was made from another version of this job; name that, or place again")
    if home:
        after = before
    elif to is not None:
        after = inputs.binding_placement(to)
    else:
        if apply and output is None:
            fail("--apply needs a file for the new placement: -o new.placement.json")
        places = inputs.cluster(cluster)
        inputs.require_valid(fit=False)
        with progress("placing"):
            after, left = _target(profile, places, before, drain or [], hot, replace)
        _say_of_cluster(places, left)
    inputs.spare(output)
    plan = api.migration(before, after, *documents)
    table, lines = tables.migration_table(plan), tables.migration_lines(plan, before, after)
    if home:
        say("planner: those in reserve that hold slots end, and start again empty; the job restarts once")
    elif to is not None:
        emit_tables(table, lines, to_stderr=apply)
    elif output is not None:
        emit(api.to_json(api.to_data(after)), output)
        emit_tables(table, lines, to_stderr=True)
    else:
        emit_result(api.to_json(api.to_data(after)), [table, lines], output_format, None)
    if not apply:
        return
    quiet_bridge()
    with progress("migrating") as note:
        done, deviations = api.migrate(
            before,
            after,
            profile,
            folder=folder,
            kubernetes=kubernetes,
            rest=rest,
            callbacks=callbacks,
            checkpoint=checkpoint,
            time_limit=seconds,
            note=note,
        )
    _report(done)
    report_deviations(deviations)
    say(as_planned(api.compile_job(profile)[1]))


def _refuse_for_several(job: str | None, way: str, kubernetes: Path | None) -> None:
    """End where more is asked for than there is for a placement of several jobs."""
    if job is not None:
        fail("the placement is of several jobs, whose profiles are taken from beside it; name none")
    if way not in ("--to", "--home"):
        fail(
            f"{way} is for a placement of one job; place the jobs again (planner place --from), then use --to"
        )
    if kubernetes is not None:
        fail("--kubernetes is for a placement of one job")


def _wanted(
    drain: Sequence[str] | None, hot: str | None, replace: str | None, to: str | None, home: bool
) -> dict[str, bool]:
    return {
        "--drain": bool(drain),
        "--hot": hot is not None,
        "--replace": replace is not None,
        "--to": to is not None,
        "--home": home,
    }


def _callbacks(texts: Sequence[str]) -> dict[str, str]:
    from planner.api import CALLBACKS

    found = {}
    for text in texts:
        name, equals, command = text.partition("=")
        if name not in CALLBACKS or not equals or not command.strip():
            fail(f"--on {first_word(name)}: write CALLBACK=COMMAND with one of {', '.join(CALLBACKS)}")
        if name in found:
            fail(f"--on {name} is there twice; run both commands in one")
        found[name] = command
    return found


def _target(
    profile: Job | ResourceProfile,
    places: Cluster,
    before: Placement,
    drain: Sequence[str],
    hot: str | None,
    replace: str | None,
) -> tuple[Placement, Cluster]:
    from planner import api

    if drain:
        return api.drain(profile, places, before, drain)
    if hot is not None:
        return api.take_over(profile, places, before, hot)
    source, equals, target = (replace or "").partition("=")
    if not equals or not source or not target:
        fail(f"--replace {replace}: write the ids of two TaskManagers, as in --replace large-0=large-3")
    return api.take_over(profile, places, before, source, target)


def _say_of_cluster(before: Cluster, left: Cluster) -> None:
    """Say what the cluster document has to say from now on, since the new placement is for that."""
    if left == before:
        return
    name = before.metadata.name
    say(
        f"planner: the new placement is for another cluster than {name!r}: before planner place is used again,"
    )
    say("  take what is drained out of the cluster document" + _about_reserve(before, left))


def _about_reserve(before: Cluster, left: Cluster) -> str:
    if before.spec.reserve == left.spec.reserve:
        return ""
    count = left.spec.reserve.count
    kept = {0: "no TaskManager", 1: "1 TaskManager"}.get(count, f"{count} TaskManagers")
    return f"; it keeps {kept} in reserve now"


def _report(done: Migrated) -> None:
    if done.started:
        say(f"planner: started {', '.join(done.started)}")
    if done.ended:
        say(f"planner: ended {', '.join(done.ended)}")
    if done.seconds is not None:
        say(f"planner: every subtask ran again {done.seconds:.1f} s after the first SIGTERM")


class _On(NamedTuple):
    """Where a migration on Kubernetes is; None of a local one."""

    kubernetes: Path | None
    rest: str | None


def _unfinished(folder: Path, seconds: float, on: _On, *, resume: bool, abort: bool) -> None:
    from planner import api

    found = api.unfinished_migration(folder, on.kubernetes)
    if found is None:
        say(f"planner: no migration in {on.kubernetes or folder} is unfinished")
        return
    if not resume and not abort:
        way = "back" if found.aborting else "on"
        say(f"planner: a migration is unfinished, at {found.step}, on its way {way}")
        say("  planner migrate --resume goes on, --abort goes back to where it came from")
        raise typer.Exit(1)
    quiet_bridge()
    with progress("migrating") as note:
        done, _, deviations = api.resume_migration(
            folder=folder,
            kubernetes=on.kubernetes,
            rest=on.rest,
            abort=abort,
            time_limit=seconds,
            note=note,
        )
    _report(done)
    report_deviations(deviations)
    say(
        "planner: the cluster is as it was before"
        if abort or found.aborting
        else "planner: the cluster is as planned"
    )
