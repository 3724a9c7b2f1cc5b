"""Where the values of a compiled job come from."""

from __future__ import annotations

import pytest

import planner
from planner.report.explain import explanation
from samples import SAMPLES, job_of


@pytest.mark.parametrize("name", SAMPLES)
def test_every_operator_input_and_group_is_explained(name: str) -> None:
    job = job_of(name)
    profile = planner.compile(job)
    lines = explanation(job, profile).splitlines()
    assert [line for line in lines if line.startswith("operator ")] == [
        f"operator {operator.id}" for operator in job.spec.operators
    ]
    inputs = sum(len(operator.inputs) for operator in job.spec.operators)
    assert sum(line.startswith("  input ") for line in lines) == inputs
    groups = [line.split()[1].rstrip(":") for line in lines if line.startswith("group ")]
    assert groups == [group.name for group in profile.ssg_profiles]


def test_declared_values_are_called_declared() -> None:
    job = job_of("click-enrichment")
    text = explanation(job, planner.compile(job))
    operator = next(operator for operator in job.spec.operators if operator.parallelism)
    section = text.split(f"operator {operator.id}\n")[1]
    assert section.splitlines()[0] == f"  parallelism {operator.parallelism}: declared"
