"""Documents to text: fixed key order, no empty optional fields, no timestamps."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pydantic_core
import yaml
from pydantic import BaseModel


def to_data(document: BaseModel) -> dict[str, Any]:
    """Return ``document`` as plain data in the order of its fields; fields that are None are left out."""
    data: dict[str, Any] = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return data


def as_written(document: BaseModel) -> dict[str, Any]:
    """Return only what was set in ``document``, so that a foreign document comes back as it was."""
    data: dict[str, Any] = document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return data


def to_json(data: Any) -> str:
    """Return ``data`` as indented JSON with a final newline.

    Raises:
        ValueError: when a number in it is not finite, for which JSON has no word.

    """
    # as json.dumps writes it, whose indented form takes nine times as long
    text = pydantic_core.to_json(data, indent=2).decode()
    if "NaN" in text or "Infinity" in text:
        json.dumps(data, allow_nan=False)
    return text + "\n"


def to_yaml(data: Any) -> str:
    """Return ``data`` as YAML for a person to go on with."""
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return text


def digest(document: BaseModel) -> str:
    """Return the SHA-256 of ``document``'s content, independent of its spelling and layout."""
    canonical = json.dumps(to_data(document), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
