r"""Write the schemas of the Flink Kubernetes Operator's resources that `planner.documents.crd` reads.

The operator's own definitions are over 1 MB for each of its versions: every field of a pod with its
description, four times. This script reads them from a checkout and writes them as JSON Schemas without
descriptions that allow no other field, with what is there several times written once::

    git clone --depth 1 --branch release-1.15.0 URL operator
    python tools/dump_operator_crd.py operator/helm/flink-kubernetes-operator/crds 1.15
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

OUTPUT = Path(__file__).parent.parent / "planner" / "documents" / "crds"
KEPT = ("type", "enum", "required", "minimum", "maximum", "pattern", "anyOf")
SHORTEST = 120
"""Characters from which on a schema that is there again is worth a name of its own."""


def main() -> None:
    """Read the definitions and write the schemas, by kind."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="folder of the definitions")
    parser.add_argument("version", help="version of the operator, as in 1.15")
    arguments = parser.parse_args()
    kinds = {}
    for file in sorted(arguments.folder.glob("*.yml")):
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        (version,) = definition["versions"]
        whole = version["schema"]["openAPIV3Schema"]
        kinds[definition["names"]["kind"]] = strict(
            {"type": "object", "properties": {"spec": whole["properties"]["spec"]}}
        )
    shared: dict[str, Any] = {}
    found = {"kinds": {kind: named(schema, shared, times(kinds)) for kind, schema in kinds.items()}}
    text = json.dumps({**found, "$defs": shared}, separators=(",", ":"), sort_keys=True) + "\n"
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{arguments.version}.json").write_text(text, encoding="utf-8")


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of a custom resource as one that allows no fields but its own."""
    found = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        found = {"type": ["integer", "string"]}
    if "items" in schema:
        found["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = strict(schema["additionalProperties"])
    if "properties" in schema:
        found["properties"] = {name: strict(one) for name, one in schema["properties"].items()}
        found["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return found


def times(schema: Any) -> dict[str, int]:
    """Return how often each schema is there, by its text."""
    counted: dict[str, int] = {}

    def count(value: Any) -> None:
        if isinstance(value, dict):
            text = json.dumps(value, sort_keys=True)
            counted[text] = counted.get(text, 0) + 1
            if counted[text] == 1:  # what is in one that is there again is not there again by itself
                for item in value.values():
                    count(item)

    count(schema)
    return counted


def named(schema: Any, shared: dict[str, Any], counted: dict[str, int]) -> Any:
    """Return a schema with references to those in ``shared``, to which it adds what is there again."""
    if not isinstance(schema, dict):
        return schema
    text = json.dumps(schema, sort_keys=True)
    inner = {key: named(value, shared, counted) for key, value in schema.items()}
    if not isinstance(schema.get("type"), (str, list)) or len(text) < SHORTEST or counted[text] == 1:
        return inner
    known = next((name for name, one in shared.items() if one == inner), None)
    name = known or str(len(shared))
    shared[name] = inner
    return {"$ref": f"#/$defs/{name}"}


if __name__ == "__main__":
    main()
