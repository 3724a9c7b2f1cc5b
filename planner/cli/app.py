"""The verbs, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from planner import __version__
from planner.cli import (
    cluster,
    diff,
    explain,
    export,
    import_,
    memory,
    place,
    recover,
    schema,
    show,
    validate,
)
from planner.cli import compile as compile_verb
from planner.cli import run as run_verb

EPILOG = (
    "Exit codes: 0 fine, 1 findings, 2 bad usage or unreadable input, 3 proven infeasible, 4 out of time."
)

app = typer.Typer(
    name="planner",
    help="Resources, placement and restart plans for Apache Flink jobs, on unmodified Flink.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"planner {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


app.command("compile", epilog=EPILOG)(compile_verb.compile_)
app.command("validate", epilog=EPILOG)(validate.validate)
app.command("place", epilog=EPILOG)(place.place)
app.command("recover", epilog=EPILOG)(recover.recover)
app.command("memory", epilog=EPILOG)(memory.memory)
app.command("up", epilog=EPILOG)(cluster.up)
app.command("status", epilog=EPILOG)(cluster.status)
app.command("down", epilog=EPILOG)(cluster.down)
app.command("run", epilog=EPILOG)(run_verb.run)
app.command("verify", epilog=EPILOG)(run_verb.verify)
app.command("diff", epilog=EPILOG)(diff.diff)
app.add_typer(import_.app, name="import")
app.command("show")(show.show)
app.command("export")(export.export)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
