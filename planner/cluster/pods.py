"""TaskManagers as pods: which StatefulSets there are, and what each of their pods is started with.

They are those that ``planner export`` writes: a pod finds its line in ConfigMaps by its ordinal.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.cluster.errors import KubernetesError
from planner.documents.answers import AnswerError, read_answer

COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"
RESERVE = "flink-reserve"
ID = "taskmanager.resource-id"
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PodSet:
    """A StatefulSet of TaskManagers: those of a class that hold slots, or those of it in reserve.

    ``options`` are Flink's, of each TaskManager that there is a line for, by ordinal.
    """

    name: str
    spare: bool
    replicas: int
    options: tuple[Mapping[str, str], ...]

    def pods(self) -> dict[str, Mapping[str, str]]:
        """Return the options of its pods by their names."""
        return {f"{self.name}-{ordinal}": one for ordinal, one in enumerate(self.options[: self.replicas])}


def is_task_managers(manifest: Object) -> bool:
    """Tell whether a manifest is a StatefulSet of TaskManagers, or a ConfigMap with their lines."""
    return (
        manifest.get("kind") in ("StatefulSet", "ConfigMap")
        and (_metadata(manifest).get("labels") or {}).get(COMPONENT) == "taskmanager"
    )


def names_of_maps(manifests: Iterable[Object]) -> set[str]:
    """Return the names of the ConfigMaps in which pods of StatefulSets among manifests find their lines."""
    found = set()
    for one in manifests:
        try:
            volumes = one["spec"]["template"]["spec"]["volumes"]
            (volume,) = (each for each in volumes if each["name"] == "placement")
            found |= {source["configMap"]["name"] for source in volume["projected"]["sources"]}
        except (KeyError, TypeError, ValueError):
            continue  # a ConfigMap, or a StatefulSet that `pod_sets` refuses
    return found


def version_of(answer: str) -> str:
    """Return the version of an object that kubectl has written, as it answers.

    Raises:
        KubernetesError: when the answer has none.

    """
    try:
        return str(read_answer(answer.encode(), dict[str, Any])["metadata"]["resourceVersion"])
    except (AnswerError, KeyError, TypeError):
        raise KubernetesError("kubectl does not answer with what it has written") from None


def name_of(manifest: Object) -> str:
    """Return the name of an object."""
    return str(_metadata(manifest).get("name", ""))


def pod_sets(manifests: Iterable[Object]) -> dict[str, PodSet]:
    """Return the StatefulSets among manifests by their names, with what ConfigMaps among them say.

    Raises:
        KubernetesError: when they are not as ``planner export`` writes them.

    """
    kinds: dict[str, dict[str, Object]] = {"StatefulSet": {}, "ConfigMap": {}}
    for one in manifests:
        if one.get("kind") in kinds:
            kinds[one["kind"]][name_of(one)] = one
    return {name: _pod_set(name, one, kinds["ConfigMap"]) for name, one in kinds["StatefulSet"].items()}


def _pod_set(name: str, manifest: Object, maps: Mapping[str, Object]) -> PodSet:
    try:
        spec = manifest["spec"]
        (volume,) = (one for one in spec["template"]["spec"]["volumes"] if one["name"] == "placement")
        parts = [maps[source["configMap"]["name"]]["data"] for source in volume["projected"]["sources"]]
        common = _options(parts[0]["options"])
        lines = [line for number, part in enumerate(parts) for line in part[f"lines-{number}"].splitlines()]
        options = tuple({**common, **_options(line)} for line in lines)
        spare = _metadata(manifest)["labels"].get(RESERVE) == "true"
        return PodSet(name, spare, int(spec.get("replicas", 1)), options)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise KubernetesError(
            f"StatefulSet {name!r} is not as planner export writes it, or a ConfigMap of its lines is missing"
        ) from None


def _options(text: str) -> dict[str, str]:
    words = [word for word in shlex.split(text) if word != "-D"]
    return dict(word.partition("=")[::2] for word in words)


def _metadata(manifest: Object) -> dict[str, Any]:
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def differing(sets: Iterable[PodSet], wanted: Mapping[str, Mapping[str, str]], spares: frozenset[str]) -> str:
    """Return how StatefulSets differ from the TaskManagers of a placement, empty where they do not.

    ``wanted`` are their options by resource id, and ``spares`` those of them that are in reserve.
    """
    found = {one.get(ID, ""): (one, each.spare) for each in sets for one in each.options}
    if missing := sorted(wanted.keys() - found.keys()):
        return f"it has no TaskManager {missing[0]!r}"
    if more := sorted(found.keys() - wanted.keys()):
        return f"it has a TaskManager {more[0]!r} that the placement does not have"
    for name, options in wanted.items():
        own, spare = found[name]
        if spare is not (name in spares):
            return f"TaskManager {name!r} is {'' if spare else 'not '}in reserve there"
        for key, value in options.items():
            if own.get(key) != value:
                return f"TaskManager {name!r} has {key} {own.get(key, 'unset')!r}, not {value!r}"
    return ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that is there; one that is ``going`` has been deleted."""

    name: str
    uid: str
    restarts: int
    ready: bool
    going: bool
    address: str


def pods_of(objects: Sequence[Object]) -> dict[str, Pod]:
    """Return the pods among what the API server answers, by name.

    Raises:
        KubernetesError: when it is not as Kubernetes answers.

    """
    found = {}
    for one in objects:
        try:
            metadata, status = one["metadata"], one.get("status") or {}
            containers = status.get("containerStatuses") or []
            name = metadata["name"]
            found[name] = Pod(
                name,
                metadata["uid"],
                sum(container["restartCount"] for container in containers),
                bool(containers) and all(container["ready"] is True for container in containers),
                "deletionTimestamp" in metadata,
                str(status.get("podIP") or "without an address"),
            )
        except (KeyError, TypeError, AttributeError):
            raise KubernetesError("the API server does not describe pods as Kubernetes does") from None
    return found
