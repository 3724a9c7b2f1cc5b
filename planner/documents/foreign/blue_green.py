"""FlinkBlueGreenDeployment: a FlinkDeployment as a template, and options of the operator beside it."""

from __future__ import annotations

from typing import Any

from planner.documents.finding import Path


def parts_of(data: dict[str, Any]) -> list[tuple[Path, dict[str, Any]]]:
    """Return where the documents in a FlinkBlueGreenDeployment are, and each as a document of its own."""
    spec = data.get("spec")
    if not isinstance(spec, dict):
        return [((), {**data, "kind": "FlinkDeployment"})]
    template = spec.get("template")
    deployment = {
        "apiVersion": data["apiVersion"],
        "kind": "FlinkDeployment",
        "metadata": data.get("metadata", {}),
        "spec": template.get("spec") if isinstance(template, dict) else None,
    }
    parts: list[tuple[Path, dict[str, Any]]] = [(("spec", "template"), deployment)]
    if isinstance(spec.get("configuration"), dict):
        parts.append((("spec", "configuration"), spec["configuration"]))
    return parts
