"""Exit codes, and which of them each exception means."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

import typer

from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.api import PlannerError


UNREADABLE = "DOC0"
"""What codes of findings begin with where a text cannot be read at all."""


class Exit(IntEnum):
    """What planner's exit code says.

    The last two are 128 and a signal, SIGINT and SIGPIPE, as a shell reports processes that they ended.
    """

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INFEASIBLE = 3
    TIME = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


def fail(message: str, code: Exit = Exit.USAGE) -> NoReturn:
    """Say what is wrong and end."""
    say("planner: " + message.replace("\n", " "))
    raise typer.Exit(code)


def data_lost(error: OSError) -> NoReturn:
    """End where stdout does not take what a verb writes: quietly where nobody reads it any more."""
    if error.errno == errno.EPIPE:
        raise typer.Exit(Exit.BROKEN_PIPE)
    fail(f"cannot write to stdout: {error.strerror or error}")


def exit_code(error: PlannerError) -> Exit:
    """Return the code of a kind of exception: bad input unless it is said here."""
    from planner import api

    match error:
        case api.DocumentError():
            unreadable = any(finding.code.startswith(UNREADABLE) for finding in error.findings)
            return Exit.USAGE if unreadable else Exit.FINDINGS
        case api.Infeasible() | api.NotSizable():
            return Exit.INFEASIBLE
        case api.TimedOut():
            return Exit.TIME
        case api.NoAnswer():
            return Exit.USAGE
        case (
            api.CallbackFailed()
            | api.CheckpointFailed()
            | api.ClusterBusy()
            | api.ClusterFailed()
            | api.MigrationUnfinished()
            | api.NoRoom()
            | api.NotAsPlanned()
            | api.RestError()
            | api.SlotsTaken()
        ):
            return Exit.FINDINGS
        case _:
            return Exit.USAGE


def report(error: PlannerError) -> Exit:
    """Say what went wrong and return the code to end with."""
    from planner import api
    from planner.report.tables import infeasible_lines

    match error:
        case api.DocumentError():
            from planner.report.text import text

            say(text(error.findings, {}))
        case api.Infeasible():
            say("planner: proven infeasible, no placement exists")
            for line in infeasible_lines(error.explanation):
                say(line)
        case api.NotAsPlanned():
            say(f"planner: {error}")
            for deviation in error.deviations:
                say(f"  {deviation}")
        case api.RefusedError():
            say(
                f"planner: a defect of planner: its checker refuses the placement ({error}); nothing is written"
            )
        case api.MemoryConfigurationError():
            say(f"planner: memory settings are inconsistent: {error}")
        case _:
            say("planner: " + str(error).replace("\n", " "))
    return exit_code(error)
