"""Quotas: how many slots of a group a TaskManager offers, as stock Flink is told of it.

A quota is an external resource of which each slot of the group asks for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

QUOTA = "slot-"
"""What the names of quotas begin with, among the external resources of a TaskManager."""


def quota_options(quotas: Mapping[str, int], external: Sequence[tuple[str, object]]) -> dict[str, str]:
    """Return the external resources by which stock Flink keeps to the quotas of a TaskManager."""
    amounts = {quota_name(group): str(count) for group, count in sorted(quotas.items()) if count}
    amounts |= {name: str(amount) for name, amount in external}
    if not amounts:
        return {}
    options = {f"external-resource.{name}.amount": amount for name, amount in amounts.items()}
    return {"external-resources": ";".join(amounts), **options}


def quota_name(group: str) -> str:
    """Return the external resource that stands for a slot of ``group``: letters, digits and dashes."""
    safe = "".join(char if char.isascii() and char.isalnum() else "-" for char in group)
    suffix = "" if safe == group else "-" + hashlib.sha256(group.encode()).hexdigest()[:8]
    return f"{QUOTA}{safe}{suffix}"
