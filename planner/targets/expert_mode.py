"""The official expert-mode document, as Realtime Compute for Apache Flink imports and exports it."""

from __future__ import annotations

from typing import Any

from planner.documents.profile import ResourceProfile
from planner.documents.write import as_written, to_data

_TOP = ("ssgProfiles", "nodes", "edges", "vertices")
_ENVELOPE = ("apiVersion", "kind", "metadata", "planner")


def expert_mode(profile: ResourceProfile) -> dict[str, Any]:
    """Return ``profile`` as a plain expert-mode document.

    A document that came from there goes back as it was, with the fields that planner does not know;
    one of planner's own loses only what is under ``planner`` and the envelope.
    """
    if profile.api_version is None:
        return {
            key: _without_planner(value) for key, value in as_written(profile).items() if key != "planner"
        }
    data = to_data(profile)
    rest = {key: value for key, value in data.items() if key not in (*_TOP, *_ENVELOPE)}
    plain = {key: _without_planner(data[key]) for key in _TOP if key in data}
    return plain | rest


def _without_planner(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_planner(item) for key, item in value.items() if key != "planner"}
    if isinstance(value, list):
        return [_without_planner(item) for item in value]
    return value
