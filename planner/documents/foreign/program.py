"""The program of a FlinkDeployment as the operator starts it, in a file that is at hand."""

from __future__ import annotations

from typing import Literal

from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.profile import Program

_OF_JOB = (
    "execution.",
    "jobmanager.scheduler",
    "parallelism.",
    "pipeline.",
    "restart-strategy",
    "state.",
    "table.",
)
"""How options begin that a job reads. A profile is committed, so it gets no others, such as passwords."""
_NOT_OF_JOB = ("pipeline.classpaths", "pipeline.jars")
"""Paths within the image of the deployment."""


def program_of(deployment: FlinkDeployment, file: str, kind: Literal["jar", "sql", "python"]) -> Program:
    """Return the program in ``file`` with the entry class, arguments and options of a deployment's job."""
    job = deployment.spec.job
    settings = {key: setting.value for key, setting in deployment.settings().items()}
    options = {
        key: text
        for key, text in {**deployment.options, **settings}.items()
        if key.startswith(_OF_JOB) and key not in _NOT_OF_JOB
    }
    return Program(
        file=file,
        kind=kind,
        entry_class=job.entry_class if job and kind == "jar" else None,
        arguments=list(job.args) if job and kind != "sql" else [],
        configuration=options,
    )
