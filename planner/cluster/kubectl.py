"""kubectl, by which planner reads and changes what is in a namespace: with the user's own configuration."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from planner.cluster.errors import KubernetesError
from planner.documents.answers import Answer, AnswerError, read_answer
from planner.documents.sensitive import masked_line

SECONDS = 120.0
"""How long one call may take."""
LONGEST = 300
"""Characters of what kubectl says that a message repeats."""
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of a cluster, which a context of kubectl's configuration names; None within a pod."""

    name: str
    context: str | None = None

    def run(self, *arguments: str, given: Sequence[Object] = ()) -> str:
        """Run kubectl in the namespace and return what it prints; ``given`` is its stdin.

        Raises:
            KubernetesError: when it is not installed, cannot be reached, or refuses.

        """
        context = ["--context", self.context] if self.context is not None else []
        return _run(arguments, given, [*context, "--namespace", self.name])

    def get(self, kinds: str, labels: Mapping[str, str]) -> list[Object]:
        """Return the objects of some kinds that have these labels; errors are those of `run`."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return _items(self.run("get", kinds, "--selector", selector, "--output", "json"))

    def find(self, kind: str, name: str) -> Object | None:
        """Return an object, None where there is none; errors are those of `run`."""
        text = self.run("get", kind, name, "--ignore-not-found", "--output", "json")
        return _read(text, dict[str, Any]) if text.strip() else None

    def apply(self, objects: Sequence[Object]) -> None:
        """Apply manifests; errors are those of `run`."""
        if objects:
            self.run("apply", "--filename", "-", given=objects)

    def scale(self, names: Iterable[str], replicas: int) -> None:
        """Give StatefulSets a number of replicas; errors are those of `run`."""
        if chosen := sorted(names):
            self.run("scale", "statefulset", *chosen, f"--replicas={replicas}")

    def delete(self, kind: str, names: Iterable[str]) -> None:
        """Let objects go, those that are there, without waiting; errors are those of `run`."""
        if chosen := sorted(names):
            self.run("delete", kind, *chosen, "--ignore-not-found", "--wait=false")


def kustomized(folder: Path) -> list[Object]:
    """Return the manifests that a kustomization comes to.

    Raises:
        KubernetesError: when kubectl is not installed, or the folder holds none.

    """
    try:
        found = list(yaml.load_all(_run(["kustomize", str(folder)]), Loader=_Loader))
    except yaml.YAMLError as error:
        raise KubernetesError(f"kubectl kustomize {folder} prints no YAML: {error}"[:LONGEST]) from None
    return [one for one in found if isinstance(one, dict)]


def current_context() -> str | None:
    """Return the context that kubectl uses, None where it has none, as within a pod.

    Raises:
        KubernetesError: when it is not installed.

    """
    try:
        return _run(["config", "current-context"]).strip() or None
    except KubectlMissing:
        raise
    except KubernetesError:
        return None


class KubectlMissing(KubernetesError):
    """There is no kubectl."""


class _List(Answer):
    items: list[dict[str, Any]]


_LOGGED = re.compile(r'[EFIW]\d{4} [\d:.]+ +\d+ \S+\] ("command failed" err=)?')
"""What stands before an error that kubectl logs."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as kubectl writes it, which leaves ``=`` without quotes."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


def _items(text: str) -> list[Object]:
    found: _List = _read(text, _List)
    return found.items


def _read(text: str, kind: type[Any]) -> Any:
    try:
        return read_answer(text.encode(), kind)
    except AnswerError as error:
        raise KubernetesError(f"kubectl does not answer as expected: {error}") from None


def _run(arguments: Sequence[str], given: Sequence[Object] = (), where: Sequence[str] = ()) -> str:
    body = "".join(f"{json.dumps(one)}\n---\n" for one in given)
    shown = " ".join(takewhile(lambda word: not word.startswith("-"), arguments))[:LONGEST]
    try:
        done = subprocess.run(
            ["kubectl", *where, *arguments],
            input=body,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise KubectlMissing("kubectl is not installed, or not in PATH") from None
    except subprocess.TimeoutExpired:
        raise KubernetesError(f"kubectl {shown} does not end within {SECONDS:g} s") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KubernetesError(f"kubectl {shown} cannot be run: {error}") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = masked_line(_LOGGED.sub("", said[-1]))[:LONGEST] if said else f"exit code {done.returncode}"
        raise KubernetesError(f"kubectl {shown}: {reason}")
    return done.stdout
