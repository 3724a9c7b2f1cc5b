"""``planner validate``."""

from __future__ import annotations

import glob
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import STDIN, Inputs, default_documents, read_bytes
from planner.cli.output import OutputOption, emit, emit_text
from planner.cli.terminal import say
from planner.documents.finding import CheckProfile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.documents.finding import Finding

BOM = "\ufeff"
"""The mark that some editors begin a file with."""


class Format(StrEnum):
    """How to print findings."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"
    SARIF = "sarif"


READ = (Format.TEXT, Format.CONCISE, Format.GITHUB)
"""The formats that people read, in a terminal or a log."""


class Level(StrEnum):
    """From which severity on findings fail the run."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Documents, globs, or - for stdin."),
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="How to print findings.", envvar="PLANNER_FORMAT")
    ] = Format.TEXT,
    profile: Annotated[
        CheckProfile,
        typer.Option(
            help="What to ask for besides that a job runs: dev less, production more.",
            envvar="PLANNER_PROFILE",
        ),
    ] = CheckProfile.CI,
    fail_on: Annotated[Level, typer.Option(help="Exit with 1 from this severity on.")] = Level.ERROR,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Leave out a code or all with a prefix; repeatable."),
    ] = None,
    operator_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Check manifests as this version of the Kubernetes operator, 1.15 or 1.16. Default: either.",
        ),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            show_default=False,
            help="Correct what can be corrected mechanically, in the files, and show it.",
        ),
    ] = False,
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", show_default=False, help="Show what --fix would change; exit with 1 if anything."
        ),
    ] = False,
    stdin_filename: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call stdin in findings.")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Check documents: their form, and what Flink would do with them.

    Besides planner's documents these are Flink's own configurations, ConfigMaps with them, and
    FlinkDeployments, FlinkSessionJobs and FlinkStateSnapshots of its Kubernetes operator.
    Jobs are also checked against the cluster, each and together, when exactly one is among the files.
    A comment `# planner: ignore[CODE]` suppresses findings of its line.

    \b
    Examples:
      planner validate job.yaml cluster.yaml
      planner validate 'jobs/**/*.yaml' --format sarif -o planner.sarif
      planner validate deployment.yaml conf/config.yaml
      cat job.yaml | planner validate - --stdin-filename job.yaml
      planner validate job.yaml --fail-on warning --ignore OPS
      planner validate deployment.yaml --profile production
      planner validate deployment.yaml --diff        (what --fix would change)
    """
    from planner.documents.crd import OPERATOR_VERSIONS

    names, met = _expand(files) if files else (default_documents(), frozenset())
    if operator_version not in (None, *OPERATOR_VERSIONS):
        fail(f"--operator-version {operator_version}: use one of {', '.join(OPERATOR_VERSIONS)}")
    if fix and STDIN in names:
        fail("--fix: stdin cannot be written; --diff shows what would change")
    if fix and diff:
        fail("--fix, --diff: leave out one of them")
    if fix or diff:
        names = _different(names)
    inputs = Inputs()
    for name in names:
        inputs.read(name, stdin_filename if name == STDIN else None)
    from planner import api
    from planner.documents.finding import Severity, at_least, sort_findings
    from planner.documents.foreign.base import OtherObject
    from planner.report.formats import FORMATS, summary
    from planner.report.patch import printable_patch

    inputs.spare(output)
    prefixes = tuple(
        code.strip().upper() for entry in ignore or () for code in entry.split(",") if code.strip()
    )
    if fix or diff:
        texts = api.fix(*inputs.loaded, profile=profile, operator_version=operator_version, ignore=prefixes)
        if diff:
            if inputs.findings:
                say(FORMATS[Format.TEXT](sort_findings(inputs.findings), inputs.texts))
            emit(printable_patch(_changes(inputs, texts)), output)
            raise typer.Exit(Exit.USAGE if inputs.unreadable else Exit.FINDINGS if texts else Exit.OK)
        inputs = _written(inputs, names, texts)
    told = api.validate(*inputs.loaded, profile=profile, operator_version=operator_version)
    found = sort_findings([*inputs.findings, *told])
    if any(entry.document is not None for entry in inputs.loaded):
        found = [_of_bystander(finding) if finding.file in met else finding for finding in found]
    found = [finding for finding in found if not finding.code.startswith(prefixes)] if prefixes else found
    report = FORMATS[output_format](found, inputs.texts)
    write = emit_text if output_format in READ else emit
    write(report, output)
    others = {entry.document.kind for entry in inputs.loaded if isinstance(entry.document, OtherObject)}
    if others:
        say(f"planner: not checked, since others read them: {', '.join(sorted(others))}")
    say(summary(found, len(names)))
    if inputs.unreadable:
        raise typer.Exit(Exit.USAGE)
    if fail_on is not Level.NEVER and at_least(found, Severity(fail_on.value)):
        raise typer.Exit(Exit.FINDINGS)


def _changes(inputs: Inputs, texts: Mapping[str, str]) -> str:
    """Return the patches of files, without secrets."""
    from planner.documents.masked_text import masked_text
    from planner.report.patch import patch

    before = {entry.source.name: entry.source.text for entry in inputs.loaded}
    return "".join(
        patch(masked_text(before[name], name), masked_text(text, name), name.lstrip("/"))
        for name, text in sorted(texts.items())
    )


def _written(inputs: Inputs, names: Sequence[str], texts: Mapping[str, str]) -> Inputs:
    """Show what changes, write it, and return what the files hold then."""
    from planner.api import legible, write_atomically
    from planner.report.patch import printable_patch

    sys.stderr.write(printable_patch(_changes(inputs, texts)))
    before = {entry.source.name: entry.source.text for entry in inputs.loaded}
    for name in names:
        text = texts.get(legible(name))
        if text is None:
            continue
        try:
            raw = read_bytes(name)
            if raw.decode("utf-8-sig") != before[legible(name)]:
                fail(f"{name} has changed meanwhile; nothing more is written")
            mark = BOM if raw.startswith(BOM.encode()) else ""
            write_atomically(Path(name), mark + text)
        except OSError as error:
            fail(f"{name} cannot be written: {error.strerror or error}")
    again = Inputs()
    for name in names:
        again.read(name)
    return again


def _different(names: Sequence[str]) -> list[str]:
    """Return names of files, one of each: to be written, two names of one file are one."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(os.path.realpath(name), name)
    return list(found.values())


def _of_bystander(finding: Finding) -> Finding:
    """Return what is said of a file that a glob met as a warning where it is that the file is none of planner's."""
    from dataclasses import replace

    from planner.documents.finding import Severity

    foreign = finding.code in ("DOC008", "DOC009") and not finding.path
    return replace(finding, severity=Severity.WARNING) if foreign else finding


def _expand(files: list[str]) -> tuple[list[str], frozenset[str]]:
    """Expand globs that the shell left alone, and return which names only they have.

    A name without a match stays, to be reported as missing.
    """
    from planner.api import legible

    names: list[str] = []
    met: set[str] = set()
    for entry in files:
        if entry != STDIN and not os.path.exists(entry) and glob.has_magic(entry):
            matches = sorted(name for name in glob.glob(entry, recursive=True) if Path(name).is_file())
            if not matches:
                fail(f"no file matches {entry}")
            names += matches
            met.update(matches)
        else:
            names.append(entry)
    return list(dict.fromkeys(names)), frozenset(legible(name) for name in met.difference(files))
