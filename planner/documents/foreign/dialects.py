"""How manifests differ from the schema of the Kubernetes operator and are right all the same."""

from __future__ import annotations

from typing import Any

from planner.documents.finding import Path

_CANARY = "flink.apache.org/canary"
"""The label of an object without a spec, with which the operator watches itself (`CanaryResourceManager`)."""
_OF_AMAZON = frozenset(
    [
        ("spec", "emrReleaseLabel"),
        ("spec", "executionRoleArn"),
        ("spec", "monitoringConfiguration"),
        ("spec", "jobManager", "highAvailabilityEnabled"),
        ("spec", "jobManager", "storageDir"),
    ]
)
"""Fields that the operator of Amazon EMR on EKS has besides, which goes by the same kind and version."""


def as_applied(value: Any) -> Any:
    """Return an object as it comes to the API server and as that takes it.

    Merge keys (``<<``) of YAML 1.1 are what kubectl resolves. A field with nothing behind it is left out
    (apiextensions-apiserver, `PruneNonNullableNullsWithoutDefaults`), but for options, whose content the
    schema leaves open.
    """
    if isinstance(value, list):
        return [as_applied(item) for item in value]
    if not isinstance(value, dict):
        return value
    merged = value.get("<<")
    parts = [
        as_applied(part)
        for part in (merged if isinstance(merged, list) else [merged])
        if isinstance(part, dict)
    ]
    if parts:
        own = {key: item for key, item in value.items() if key != "<<"}
        value = {key: item for part in (*reversed(parts), own) for key, item in part.items()}
    return {
        key: item if key == "flinkConfiguration" and not _merges(item) else as_applied(item)
        for key, item in value.items()
        if item is not None
    }


def _merges(options: Any) -> bool:
    return isinstance(options, dict) and "<<" in options


def is_canary(data: dict[str, Any]) -> bool:
    """Tell whether an object is one of the operator's own probes, which have no spec."""
    metadata = data.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return isinstance(labels, dict) and labels.get(_CANARY) == "true"


def of_amazon(spec: object) -> bool:
    """Tell whether a spec is for the operator of Amazon EMR on EKS."""
    return isinstance(spec, dict) and bool({"emrReleaseLabel", "executionRoleArn"} & spec.keys())


def fields_of_vendors(data: dict[str, Any]) -> frozenset[Path]:
    """Return the fields of a manifest that only the operator of a vendor has, where it is for that one."""
    return _OF_AMAZON if of_amazon(data.get("spec")) else frozenset()
