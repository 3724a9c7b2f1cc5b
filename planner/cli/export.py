"""``planner export``."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import Inputs, JobArgument
from planner.cli.output import OutputOption, emit


class Target(StrEnum):
    """What to write."""

    EXPERT_MODE = "expert-mode"
    OPERATOR_LABELS = "operator-labels"


def export(
    job: JobArgument = None,
    target: Annotated[Target, typer.Option("--target", help="Format to write.")] = Target.EXPERT_MODE,
    output: OutputOption = None,
) -> None:
    """Write a job in the format of another tool.

    operator-labels is of no job: options for the Kubernetes operator's own configuration, by which it
    labels failures with the classes that planner diagnose knows.

    \b
    Examples:
      planner export job.profile.json --target expert-mode -o job.json
      planner export job.yaml --target expert-mode
      planner export --target operator-labels
    """
    from planner import api

    if target is Target.OPERATOR_LABELS:
        if job is not None:
            fail("--target operator-labels is the same for every job; leave the job out")
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in api.operator_labels().items())
        emit("".join(lines), output)
        return
    inputs = Inputs()
    document = inputs.job(job)
    inputs.require_valid()
    inputs.spare(output)
    emit(api.to_json(api.export(document, api.Target(target.value))), output)
