"""The verbs, put together."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from planner.cli import (
    advise,
    cluster,
    diagnose,
    diff,
    explain,
    export,
    import_,
    memory,
    migrate,
    place,
    recover,
    report,
    run,
    scale,
    schema,
    show,
    size,
    supervise,
    ui,
    validate,
    verify,
)
from planner.cli import compile as compile_verb
from planner.cli.errors import report as report_error
from planner.version import __version__

EPILOG = (
    "Exit codes: 0 fine, 1 findings, 2 bad usage or unreadable input, 3 proven infeasible, 4 out of time."
)


_PREFIX = "Value error, "
"""What pydantic, by which typer reads options, puts before a message."""


class Verbs(TyperGroup):
    """The verbs; an exception of one of them becomes a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb that the command line names."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_PREFIX)
            raise
        except Exception as error:
            from planner.api import PlannerError

            if not isinstance(error, PlannerError):
                raise
            raise typer.Exit(report_error(error)) from None


app = typer.Typer(
    name="planner",
    cls=Verbs,
    help="Resources, placement and recovery plans for Apache Flink jobs, on unmodified Flink.",
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
app.command("report", epilog=EPILOG)(report.report)
app.command("ui", epilog=EPILOG)(ui.ui)
app.command("scale", epilog=EPILOG)(scale.scale)
app.command("size", epilog=EPILOG)(size.size)
app.command("advise", epilog=EPILOG)(advise.advise)
app.command("memory", epilog=EPILOG)(memory.memory)
app.command("up", epilog=EPILOG)(cluster.up)
app.command("status", epilog=EPILOG)(cluster.status)
app.command("down", epilog=EPILOG)(cluster.down)
app.command("run", epilog=EPILOG)(run.run)
app.command("supervise", epilog=EPILOG, context_settings={"allow_interspersed_args": False})(
    supervise.supervise
)
app.command("verify", epilog=EPILOG)(verify.verify)
app.command("migrate", epilog=EPILOG)(migrate.migrate)
app.command("diagnose", epilog=EPILOG)(diagnose.diagnose)
app.command("diff", epilog=EPILOG)(diff.diff)
app.add_typer(import_.app, name="import", epilog=EPILOG)
app.command("show", epilog=EPILOG)(show.show)
app.command("export", epilog=EPILOG)(export.export)
app.command("explain", epilog=EPILOG)(explain.explain)
app.command("schema", epilog=EPILOG)(schema.schema)
