"""Manifests against the operator's own definitions: what kubectl or the API server refuses, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import planner
from planner.documents.crd import OPERATOR_VERSIONS, against_definition
from planner.documents.source import read_sources

HEAD = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: a}
spec:
  flinkVersion: v1_20
  jobManager: {resource: {memory: 1600m, cpu: 1}}
  taskManager: {resource: {memory: 2g, cpu: 1}}
  podTemplate:
    spec:
      containers:
      - name: flink-main-container
"""


def found(text: str, version: str | None = None) -> list[tuple[int, str, str]]:
    """Lines, codes and messages; those of no other kind than a wrong form."""
    findings = planner.validate(*planner.load(text.encode(), "d.yaml"), operator_version=version)
    return [(one.position.line, one.code, one.message) for one in findings if one.code.startswith("DOC1")]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("env: [{name: A, value: 3}]", "DOC103", "[0].env[0].value: expected text, found 3"),
        ("env: [{name: A, value: yes}]", "DOC103", "[0].env[0].value: expected text, found true"),
        ("env: [{name: A, value: 1_0}]", "DOC103", "[0].env[0].value: expected text, found 10"),
        ("env: [{name: A_TOKEN, value: 12345}]", "DOC103", "[0].env[0].value: not of the type that is needed"),
        ("env: [{name: A, value: true}]", "DOC103", "[0].env[0].value: expected text, found true"),
        ("volumeMount: []", "DOC101", "unknown field 'volumeMount' in spec.podTemplate.spec.containers[0]"),
        ("ports: [{containerPort: '80'}]", "DOC103", "containerPort: expected a whole number, found '80'"),
        ("ports: {containerPort: 80}", "DOC103", "[0].ports: expected a list, found a mapping"),
        ("tty: 'yes'", "DOC103", "[0].tty: expected true or false, found 'yes'"),
        ("tty: 1", "DOC103", "[0].tty: expected true or false, found 1"),
        ("resources: {limits: {cpu: [1]}}", "DOC103", "limits.cpu: expected a whole number or text, found a list"),
    ],
)  # fmt: skip
def test_a_pod_template_is_checked_to_its_leaves(line: str, code: str, message: str) -> None:
    ((number, told, text),) = found(f"{HEAD}        {line}\n")
    assert (number, told) == (12, code)
    assert message in text


@pytest.mark.parametrize(
    "line",
    [
        "env: [{name: A, value: '3'}, {name: B, value: }]",
        "env: [{name: A, value: 'yes'}, {name: B, value: 1_a}]",
        "livenessProbe: {periodSeconds: 1_000, initialDelaySeconds: 0b11}",
        "stdin: &t yes\n        tty: *t",
        "tty: y",
        "'{{ key }}': 1",
        "tty: yes",
        "tty: '{{ .Values.tty }}'",
        "ports: [{containerPort: '${PORT}'}]",
        "resources: {limits: {cpu: 1, memory: 1Gi}}",
        "livenessProbe: {httpGet: {port: rest, path: /}}",
        "volumeMounts:",
    ],
)
def test_what_kubectl_takes_is_no_finding(line: str) -> None:
    assert found(f"{HEAD}        {line}\n") == []


def test_a_field_of_one_version_is_unknown_to_the_other_and_right_for_some() -> None:
    text = HEAD.replace("resource: {memory: 2g, cpu: 1}", "resources: {requests: {memory: 2g, cpu: 1}}")
    assert found(text) == found(text, "1.16") == []
    assert [(line, code) for line, code, _ in found(text, "1.15")] == [(7, "DOC101")]


def test_what_the_models_said_is_not_said_twice() -> None:
    text = HEAD.replace("cpu: 1}}\n  taskManager", "cpus: 1}}\n  taskManager").replace("v1_20", "v9_9")
    assert [(line, code) for line, code, _ in found(text)] == [(6, "DOC101")]
    assert [(line, code) for line, code, _ in found(text, "1.16")] == [(5, "DOC104"), (6, "DOC101")]


def test_an_unknown_version_is_said_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=re.escape("'0.9' is not one of 1.15, 1.16")):
        planner.validate(*planner.load(HEAD.encode()), operator_version="0.9")


@pytest.mark.parametrize("kind", ["FlinkDeployment", "FlinkSessionJob", "FlinkStateSnapshot"])
@pytest.mark.parametrize("version", OPERATOR_VERSIONS)
def test_every_kind_has_a_definition_of_its_own(kind: str, version: str) -> None:
    text = f"kind: {kind}\nspec:\n  nothing: 1\n"
    (finding,) = against_definition(read_sources(text.encode(), "x")[0], version)
    assert (finding.path, finding.position.line, finding.position.column) == (("spec", "nothing"), 3, 3)


def test_a_template_in_a_blue_green_deployment_is_checked_where_it_stands() -> None:
    body = HEAD.split("spec:\n", 1)[1] + "        tty: 1\n"
    inner = "".join(f"    {line}\n" for line in body.splitlines())
    text = HEAD.split("spec:\n", 1)[0].replace("FlinkDeployment", "FlinkBlueGreenDeployment")
    text += f"spec:\n  template:\n    spec:\n{inner}"
    assert [(line, code) for line, code, _ in found(text)] == [(14, "DOC103")]


def test_deployments_that_planner_has_as_samples_are_right() -> None:
    for file in Path("samples").rglob("*deployment*.yaml"):
        assert found(file.read_text()) == []
