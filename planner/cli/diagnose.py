"""``planner diagnose``: why a job failed, and what to change."""

from __future__ import annotations

import codecs
import gzip
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import Exit, fail
from planner.cli.inputs import STDIN, Inputs
from planner.cli.output import OutputOption, emit, emit_text
from planner.cli.terminal import progress, say
from planner.cli.validate import Level

if TYPE_CHECKING:
    from planner.api import Diagnosis, Placement

LOGS = ("*.log", "*.log.[0-9]*", "*.out", "*.supervise.jsonl", "*.supervise.jsonl.1")
"""Names of the logs and journals in a folder, rotated ones among them."""
PIECE = 1 << 20
SAMPLE = 4096
GZIP = b"\x1f\x8b"
CONTROLS = bytes(range(32)).translate(None, b"\t\n\r\x1b")
"""Bytes that no log has; the escape character begins a colour."""


class Format(StrEnum):
    """How to print diagnoses."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def diagnose(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="LOG",
            help="Logs of JobManager and TaskManagers, or folders with them; - reads stdin."
            " Default: those of planner up.",
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            "--placement",
            "-p",
            metavar="FILE",
            help="The placement that ran, for the memory of its TaskManagers.",
        ),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(
            "--rest",
            metavar="URL",
            help="REST address of a cluster whose failures of a job are read, beside logs or alone."
            " Credentials: PLANNER_REST_USER, PLANNER_REST_TOKEN.",
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="ID", help="Which job of --rest. Default: the only one."),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print diagnoses.")] = Format.TEXT,
    fail_on: Annotated[Level, typer.Option(help="Exit with 1 from this severity on.")] = Level.ERROR,
    patch: Annotated[
        str | None,
        typer.Option(
            "--patch",
            metavar="FILE",
            help="A job, profile, cluster, FlinkDeployment or Flink configuration: show the changes as a diff of"
            " it. With -o the changed copy goes there, instead of the diagnoses.",
        ),
    ] = None,
    folder: FolderOption = None,
    output: OutputOption = None,
) -> None:
    """Find out from logs why a job failed, and what to change.

    The first cause comes first, with the line of the log that says so, and below it what followed from
    it. Name the logs of all processes: one TaskManager says what another one died of.

    \b
    Examples:
      planner diagnose
      planner diagnose logs/ -p job.placement.json
      planner diagnose jobmanager.log taskmanager-*.log --format json
      planner diagnose logs/ --patch deployment.yaml -o new.yaml
      planner diagnose --rest http://host:8081
      kubectl logs --timestamps job-0 | planner diagnose -
    """
    from planner import api
    from planner.documents.finding import Severity
    from planner.report import diagnosis

    inputs = Inputs()
    planned = None if placement is None else inputs.placement(placement)
    if planned is not None:
        inputs.require_valid()
    if job is not None and rest is None:
        fail("--job names a job of a cluster; name that with --rest URL")
    if patch is not None and output is not None and os.path.lexists(output):
        fail(f"{output} exists; name a new file for the changed copy of {patch}")
    names = _files(logs or ([] if rest is not None else [(folder or api.FOLDER) / "log"]))
    if output is not None and any(_same(output, name) for name in names):
        fail(f"{output} is an input of this command; write to another file")
    with progress("reading logs"):
        read = [
            ("<stdin>" if str(name) == STDIN else api.legible(str(name)), _pieces(name)) for name in names
        ]
        found = api.diagnose(read, planned, rest=rest, job=job)
    place = output if patch is None else None
    if output_format is Format.TEXT:
        emit_text(diagnosis.text(found), place)
    else:
        emit(diagnosis.json_list(found) if output_format is Format.JSON else diagnosis.sarif(found), place)
    if patch is not None:
        _patch(patch, found, planned, output, to_stderr=output_format is not Format.TEXT)
    say(diagnosis.summary(found, len(names) + (rest is not None)))
    if fail_on is not Level.NEVER and any(one.severity.rank <= Severity(fail_on.value).rank for one in found):
        raise typer.Exit(Exit.FINDINGS)


def _patch(
    name: str, found: list[Diagnosis], placement: Placement | None, output: Path | None, to_stderr: bool
) -> None:
    """Show the changes of diagnoses as a diff of a document, and write the changed copy."""
    from planner import api
    from planner.report import diagnosis

    inputs = Inputs()
    loaded = inputs.read(name)
    inputs.stop_on(inputs.findings)
    try:
        patched = api.patched(loaded, found, placement)
    except api.NotPatchable as error:
        fail(f"{name}: {error}")
    for line in diagnosis.left_lines(patched):
        say(f"planner: {line}")
    if patched.after == patched.before:
        say(f"planner: nothing to change in {name}")
        return
    diff = diagnosis.difference(patched, name)
    say(diff.rstrip("\n")) if to_stderr else emit_text(diff)
    if output is not None:
        emit(patched.after, output)
        say(f"planner: the changed copy of {name} is in {output}")


def _files(places: list[Path]) -> list[Path]:
    """Return the logs that a command line names, those of folders by name; end where there are none."""
    found: list[Path] = []
    for place in places:
        if os.path.isdir(place):
            inside = sorted({file for pattern in LOGS for file in place.glob(pattern) if file.is_file()})
            if not inside:
                fail(f"there is no log in {place}: no {', '.join(LOGS)}")
            found += inside
        elif not os.path.exists(place) and str(place) != STDIN:
            fail(f"cannot read {place}: no such file or folder; name logs, or folders with logs")
        else:
            found.append(place)
    return list(dict.fromkeys(found))


def _same(output: Path, name: Path) -> bool:
    return os.path.exists(output) and os.path.exists(name) and os.path.samefile(output, name)


def _pieces(name: Path) -> Iterator[bytes]:
    """Yield the bytes of a log in pieces, those of a compressed one as they were."""
    try:
        if str(name) == STDIN:
            if sys.stdin is None:
                fail("cannot read stdin: it is closed")
            yield from _all_of(sys.stdin.buffer, "stdin")
            return
        with open(name, "rb") as file:
            yield from _all_of(file, str(name))
    except (OSError, EOFError, zlib.error) as error:
        fail(f"cannot read {name}: {getattr(error, 'strerror', None) or error}")


def _all_of(file: IO[bytes], name: str) -> Iterator[bytes]:
    if _is_device(file):
        fail(f"cannot read {name}: it is a device, which has no end; name logs, or folders with logs")
    first = file.read(PIECE)
    if first.startswith(GZIP):
        file = cast("IO[bytes]", gzip.GzipFile(fileobj=cast("BinaryIO", _Again(first, file))))
        first = file.read(PIECE)
    if _is_binary(first):
        say(f"planner: {name} is no text, so nothing can be told of it; unpack it if it is compressed")
    while first:
        yield first
        first = file.read(PIECE)


class _Again:
    """A file whose beginning was read already."""

    def __init__(self, begin: bytes, file: IO[bytes]) -> None:
        self._begin, self._file = begin, file

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most so many."""
        found, self._begin = self._begin[:size], self._begin[size:]
        return found or self._file.read(size)


def _is_device(file: IO[bytes]) -> bool:
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (OSError, ValueError):
        return False  # no file of the system, as where the library is called
    return stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not file.isatty())


def _is_binary(piece: bytes) -> bool:
    """Tell whether a file that begins so is no text: a tenth of it is what no text has."""
    sample = piece.lstrip(b"\0")[:SAMPLE]
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    kept = sample.decode("utf-8", "ignore").encode().translate(None, CONTROLS)
    return len(sample) - len(kept) > len(sample) / 10
