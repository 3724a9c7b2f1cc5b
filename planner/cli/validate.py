"""``planner validate``."""

from __future__ import annotations

import glob
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import STDIN, Inputs, default_documents
from planner.cli.output import OutputOption, emit, emit_text
from planner.cli.terminal import say
from planner.documents.finding import CheckProfile

if TYPE_CHECKING:
    from planner.documents.finding import Finding


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
    """
    names, met = _expand(files) if files else (default_documents(), frozenset())
    inputs = Inputs()
    for name in names:
        inputs.read(name, stdin_filename if name == STDIN else None)
    from planner import api
    from planner.documents.finding import Severity, at_least, sort_findings
    from planner.documents.foreign.base import OtherObject
    from planner.report.formats import FORMATS, summary

    inputs.spare(output)
    prefixes = tuple(
        code.strip().upper() for entry in ignore or () for code in entry.split(",") if code.strip()
    )
    found = sort_findings([*inputs.findings, *api.validate(*inputs.loaded, profile=profile)])
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
