"""Where pods run: what Kubernetes' Nodes have for them, and what a ResourceQuota lets a namespace take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from planner.documents.errors import document_error
from planner.documents.finding import Path
from planner.documents.source import Source
from planner.units import CORE, parse_quantity

KEYS = {
    "cpu": ("cpu", "requests.cpu", "limits.cpu"),
    "memory": ("memory", "requests.memory", "limits.memory"),
    "pods": ("pods", "count/pods"),
}
"""The keys of a quota for each resource: planner's pods request as much as they may use at most."""
AVOIDED = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Room:
    """What pods may take together: CPU units, bytes, and their number; None where that is not said."""

    cpu: int | None
    memory: int | None
    pods: int | None


def nodes_of(sources: Sequence[Source]) -> list[Room]:
    """Return the nodes that take pods, of what ``kubectl get nodes -o yaml`` or ``-o json`` prints.

    Nodes that are cordoned, or have a taint that keeps pods away, are left out. What other pods take there
    is not in a Node: nodes count as empty.

    Raises:
        DocumentError: when there is no such node, or an amount is none.

    """
    found = [
        _room(source, path, node, ("status", "allocatable"), {name: (name,) for name in KEYS}, {})
        for source, path, node in _objects(sources, "Node")
        if _takes_pods(node)
    ]
    name, hint = sources[0].name if sources else "", "write what kubectl get nodes -o yaml prints into it"
    if not found:
        raise document_error(name, "DOC004", "holds no Node that takes pods", hint)
    if any(room.cpu is None or room.memory is None for room in found):
        raise document_error(name, "DOC004", "has a Node without status.allocatable cpu and memory", hint)
    return found


def quota_of(sources: Sequence[Source]) -> Room:
    """Return what is left of the ResourceQuotas of a namespace, the least of several.

    Raises:
        DocumentError: when there is none, or an amount is none.

    """
    found = [
        _room(source, path, one, ("spec", "hard"), KEYS, _mapping(one, ("status", "used")))
        for source, path, one in _objects(sources, "ResourceQuota")
    ]
    if not found:
        raise document_error(
            sources[0].name if sources else "",
            "DOC004",
            "holds no ResourceQuota",
            "write what kubectl get resourcequota -o yaml prints into it",
        )

    def least(name: str) -> int | None:
        return min((one for room in found if (one := getattr(room, name)) is not None), default=None)

    return Room(least("cpu"), least("memory"), least("pods"))


def _objects(sources: Sequence[Source], kind: str) -> Iterator[tuple[Source, Path, Mapping[str, Any]]]:
    """Yield the objects of a kind, those in lists as well, with where they are."""
    for source in sources:
        if not isinstance(source.data, Mapping):
            continue
        items = source.data.get("items")
        listed: list[tuple[Path, Any]] = [((), source.data)]
        if str(source.data.get("kind", "")).endswith("List") and isinstance(items, list):
            listed = [(("items", number), item) for number, item in enumerate(items)]
        for path, item in listed:
            if isinstance(item, Mapping) and item.get("kind", kind) == kind:
                yield source, path, item


def _takes_pods(node: Mapping[str, Any]) -> bool:
    spec = _mapping(node, ("spec",))
    taints = spec.get("taints")
    avoided = any(
        isinstance(one, Mapping) and one.get("effect") in AVOIDED
        for one in (taints if isinstance(taints, list) else ())
    )
    return not avoided and spec.get("unschedulable") is not True


def _mapping(data: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    found: Any = data
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _room(
    source: Source,
    path: Path,
    data: Mapping[str, Any],
    where: Path,
    keys: Mapping[str, Sequence[str]],
    used: Mapping[str, Any],
) -> Room:
    amounts = _mapping(data, where)
    least: dict[str, Decimal] = {}
    for name, names in keys.items():
        for key in names:
            if key in amounts:
                at = (*path, *where, key)
                left = _amount(source, at, amounts[key]) - _amount(source, at, used.get(key, 0))
                least[name] = min(least.get(name, left), left)
    return Room(
        int(least["cpu"] * CORE) if "cpu" in least else None,
        int(least["memory"]) if "memory" in least else None,
        int(least["pods"]) if "pods" in least else None,
    )


def _amount(source: Source, path: Path, value: Any) -> Decimal:
    try:
        return parse_quantity(str(value))
    except ValueError as error:
        hint = "write it as Kubernetes does: 4, 500m, 16Gi"
        raise document_error(source.name, "DOC103", str(error), hint, source.position(path)) from None
