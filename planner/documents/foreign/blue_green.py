"""FlinkBlueGreenDeployment: a FlinkDeployment as a template, and options of the operator beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planner.documents.finding import Path

FIELDS = ("configuration", "ingress", "template", "transitionMode")
"""The fields of its spec; the last one is newer than operator 1.16."""


def parts_of(data: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield where the documents in a FlinkBlueGreenDeployment are, and each as a document of its own."""
    template, options = (data["spec"].get(field) for field in ("template", "configuration"))
    if isinstance(template, dict):
        deployment = {
            "apiVersion": data["apiVersion"],
            "kind": "FlinkDeployment",
            "metadata": data.get("metadata") or {},
            "spec": template.get("spec"),
        }
        yield ("spec", "template"), deployment
    if isinstance(options, dict):
        yield ("spec", "configuration"), options
