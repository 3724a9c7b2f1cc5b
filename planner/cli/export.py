"""``planner export``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from planner.cli.inputs import Inputs, JobArgument
from planner.cli.output import OutputOption, emit


class Target(StrEnum):
    """What to write."""

    EXPERT_MODE = "expert-mode"


def export(
    job: JobArgument = None,
    target: Annotated[Target, typer.Option("--target", help="Format to write.")] = Target.EXPERT_MODE,
    output: OutputOption = None,
) -> None:
    """Write a job in the format of another tool.

    \b
    Examples:
      planner export job.profile.json --target expert-mode -o job.json
      planner export job.yaml --target expert-mode
    """
    from planner import api

    inputs = Inputs()
    document = inputs.job(job)
    inputs.require_valid()
    inputs.spare(output)
    emit(api.to_json(api.export(document, api.Target(target.value))), output)
