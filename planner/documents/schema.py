"""The published JSON Schemas (2020-12), generated from the models."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from planner.documents.load import KINDS


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of the document ``kind``.

    Raises:
        KeyError: when there is no such kind.

    """
    schema = KINDS[kind].model_json_schema(by_alias=True, mode="validation")
    schema.pop("title", None)
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": f"planner {kind}", **schema}


def file_name(kind: str) -> str:
    """Return the name under which the schema of ``kind`` is published."""
    return f"{kind.lower()}.schema.json"
