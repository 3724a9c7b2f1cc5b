r"""Write the schema of a FlinkDeployment that tests hold exported manifests against.

The Flink Kubernetes Operator's own definition is 0.6 MB, since it has every field of a pod. This script reads
it from a checkout and writes it without descriptions, and of pods the fields below only, as a JSON Schema
that allows no other field::

    git clone --depth 1 --branch release-1.15.0 URL operator
    python tools/dump_operator_crd.py \
        operator/helm/flink-kubernetes-operator/crds/flinkdeployments.flink.apache.org-v1.yml \
        tests/targets/crd/flinkdeployment-1.15.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

POD = {
    "apiVersion": {},
    "kind": {},
    "metadata": {"labels": {}},
    "spec": {
        "containers": {"name": {}, "volumeMounts": {"name": {}, "mountPath": {}, "readOnly": {}}},
        "securityContext": {"runAsUser": {}, "runAsGroup": {}, "fsGroup": {}},
        "volumes": {"name": {}, "persistentVolumeClaim": {"claimName": {}}},
    },
}
"""Fields of a pod that planner writes; what is empty is kept whole."""
KEPT = ("type", "enum", "required", "minimum", "maximum", "pattern", "anyOf")


def main() -> None:
    """Read the definition and write the schema."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("definition", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    definition = yaml.safe_load(arguments.definition.read_text(encoding="utf-8"))
    (version,) = definition["spec"]["versions"]
    whole = version["schema"]["openAPIV3Schema"]
    found = strict({"type": "object", "properties": {"spec": whole["properties"]["spec"]}}, None)
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")


def strict(schema: dict[str, Any], fields: dict[str, Any] | None) -> dict[str, Any]:
    """Return a schema of a custom resource as one that allows no fields but its own, or those given."""
    found = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
        found.pop("anyOf", None)
    if "items" in schema:
        found["items"] = strict(schema["items"], fields)
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = strict(schema["additionalProperties"], None)
    if "properties" in schema:
        own = schema["properties"]
        found["properties"] = {
            name: strict(one, POD if name == "podTemplate" else (fields or {}).get(name) or None)
            for name, one in own.items()
            if not fields or name in fields
        }
        found["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return found


if __name__ == "__main__":
    main()
