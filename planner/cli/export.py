"""``planner export``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from planner.cli.common import Inputs, JobArgument, OutputOption, default_job, emit, pick_job


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
      planner export job.profile.json --target expert-mode -o plan.json
      planner export job.yaml --target expert-mode
    """
    del target
    inputs = Inputs()
    document = pick_job(inputs, default_job() if job is None else job)
    from planner import api
    from planner.documents.profile import ResourceProfile
    from planner.targets.expert_mode import expert_mode

    inputs.stop_on(api.validate(inputs.loaded))
    inputs.keep(output)
    profile = document if isinstance(document, ResourceProfile) else api.compile_job(document)[0]
    emit(api.to_json(expert_mode(profile)), output)
