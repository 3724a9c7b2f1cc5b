"""Every manifest that planner writes, strictly against Kubernetes' own schemas: the oldest and the newest known."""

from __future__ import annotations

from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml
from placements import OPTIONS, placement, profile

import planner
from planner.documents.crd import OPERATOR_VERSIONS

VERSIONS = ("1.25", "1.37")
OTHERS = ("FlinkDeployment", "Kustomization")
"""Kinds that are not Kubernetes' own."""


@cache
def exports() -> dict[str, dict[str, str]]:
    job = profile()
    found = {}
    for name, planned in (("reserve", placement(job)), ("all", placement(job, OPTIONS, reserve=False))):
        found[f"{name}, volume"] = planner.export_kubernetes(planned, job)
        bucket = {
            "storage": "s3://bucket/flink",
            "namespace": "jobs",
            "image": "registry/flink:1@sha256:" + "0" * 64,
        }
        found[f"{name}, bucket"] = planner.export_kubernetes(planned, job, **bucket)
        for version in OPERATOR_VERSIONS:
            found[f"{name}, operator {version}"] = planner.export_operator(
                planned, job, operator_version=version
            )
        found[f"{name}, native"] = planner.export_operator(planned, job, mode="native", degrade=True)
    return found


def manifests(files: dict[str, str]) -> list[dict[str, Any]]:
    texts = (text for name, text in files.items() if name.endswith(".yaml"))
    found = [one for text in texts for one in yaml.safe_load_all(text)]
    return [one for one in found if one["kind"] not in OTHERS]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_one_of_kubernetes(version: str) -> None:
    kinds = set()
    for name, files in exports().items():
        for one in manifests(files):
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                pytest.fail(f"{name}: {one['kind']} {one['metadata']['name']}: {error.message}")
            kinds.add(one["kind"])
    assert {
        "ConfigMap",
        "Job",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
        "StatefulSet",
    } <= kinds


def test_what_kubernetes_does_not_know_is_refused() -> None:
    """That the test above can fail."""
    one = next(one for one in manifests(exports()["all, volume"]) if one["kind"] == "StatefulSet")
    wrong = {**one, "spec": {**one["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)
