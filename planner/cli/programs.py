"""Programs on the command line: a JAR, a SQL script or a PyFlink program where a job is expected."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from planner.cli.common import fail, progress, say

if TYPE_CHECKING:
    from planner.documents.profile import Program, ResourceProfile

KINDS: dict[str, Literal["jar", "sql", "python"]] = {".jar": "jar", ".sql": "sql", ".py": "python"}

ClassOption = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Entry class of a JAR whose manifest names none."),
]
ArgumentsOption = Annotated[
    str | None, typer.Option("--args", metavar="TEXT", help="Arguments of the program, quoted as in a shell.")
]
SettingOption = Annotated[
    list[str] | None, typer.Option("-D", metavar="KEY=VALUE", help="A Flink option for the program.")
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--flink-home", metavar="DIR", help="A Flink distribution to use instead of the extra."),
]
PythonOption = Annotated[
    str, typer.Option("--python", metavar="COMMAND", help="The interpreter that has PyFlink, for a .py file.")
]


def is_program(name: str | None) -> bool:
    """Tell whether a file name is that of a program."""
    return name is not None and Path(name).suffix.lower() in KINDS


def program_of(
    name: str, entry_class: str | None = None, arguments: str | None = None, settings: list[str] | None = None
) -> Program:
    """Return the program that a command line names."""
    from planner.documents.profile import Program

    kind = KINDS[Path(name).suffix.lower()]
    if kind == "sql" and (entry_class or arguments):
        fail("a SQL script has no entry class and takes no arguments")
    if kind == "python" and entry_class:
        fail("a PyFlink program has no entry class")
    options = options_of(settings)
    try:
        words = shlex.split(arguments or "")
    except ValueError as error:
        fail(f"--args: {error}")
    return Program(
        file=name, kind=kind, entry_class=entry_class or None, arguments=words, configuration=options
    )


def options_of(settings: list[str] | None) -> dict[str, str]:
    """Return the Flink options of ``-D`` arguments."""
    options = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            fail(f"-D {setting}: write -D key=value")
        options[key.strip()] = value.strip()
    return options


def quiet_bridge() -> None:
    """Keep the traces off stderr that py4j logs when a JVM ends; what is wrong is told as an error."""
    import logging

    logging.getLogger().addHandler(logging.NullHandler())


def compile_with_flink(
    program: Program,
    previous: ResourceProfile | None = None,
    home: Path | None = None,
    python: str = "python3",
) -> ResourceProfile:
    """Return the profile of a program; end with what is wrong with it, tell how it has drifted."""
    from planner import api
    from planner.flink.program import Toolchain

    quiet_bridge()
    try:
        with progress(f"compiling {program.file} with Flink"):
            profile, drift = api.compile_program(program, previous, Toolchain(home, python), say)
    except (api.ProgramError, api.FlinkMissing, api.NoFlinkHome) as error:
        fail(str(error))
    if drift:
        say(f"planner: {program.file} is not what the previous profile was compiled from")
        for line in drift.lines():
            say(f"  {line}")
    return profile
