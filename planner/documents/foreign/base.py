"""What documents of others have in common: they hold Flink options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from planner.documents.base import Foreign, scalar_text
from planner.documents.finding import Path

_TRUTH = {"yes": True, "y": True, "on": True, "no": False, "n": False, "off": False}
Truth = Annotated[
    bool, BeforeValidator(lambda value: _TRUTH.get(value.lower(), value) if isinstance(value, str) else value)
]
"""A truth value of a manifest: kubectl reads YAML 1.1, where ``yes`` and ``on`` are ones too."""


def is_truth(value: object) -> bool:
    """Tell whether kubectl reads a value as a truth value."""
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in _TRUTH)


def old_number(text: str) -> int | None:
    """Return the number that kubectl reads in a text that is one in YAML 1.1 only: ``1_000``, ``0b11``."""
    if re.fullmatch(r"[+-]?(0b[01][01_]*|[1-9][0-9_]*_[0-9_]*)", text) is None:
        return None
    return int(text.replace("_", ""), 2 if "b" in text else 10)


def is_true(value: str) -> bool:
    """Return the truth value that kubectl reads; see `is_truth`."""
    return _TRUTH[value.lower()]


REFUSED = ("kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id")
"""Options that the operator sets itself, and refuses in a FlinkDeployment."""
OPERATOR_API = "flink.apache.org/v1beta1"


class Misspelled(ValueError):
    """A value that says what is meant in another spelling; ``right`` is the one that is read."""

    def __init__(self, message: str, right: str) -> None:
        super().__init__(message)
        self.right = right


class Setting(NamedTuple):
    """The value of a Flink option that another field of the document sets, and where that field is."""

    value: str
    path: Path


class ForeignDocument(Foreign):
    """A document whose format others own, with the Flink options that are written in it."""

    @property
    def options(self) -> Mapping[str, str]:
        """The Flink options that are written, by key."""
        return {}

    @property
    def options_path(self) -> Path:
        """Where the options are."""
        return ()

    @property
    def flink_version(self) -> str | None:
        """The Flink version that the document names, such as ``2.2``."""
        return None

    def settings(self) -> Mapping[str, Setting]:
        """Return the options that other fields set; the operator gives them precedence."""
        return {}

    def defaults(self) -> Mapping[str, str]:
        """Return the options that the operator sets unless they are written."""
        return {}

    def outline(self) -> str:
        """Return in a few words what the document holds."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.outline()}>"

    __str__ = __repr__


class KubernetesObject(ForeignDocument):
    """An object of Kubernetes, with the fields that every one has."""

    api_version: str
    kind: str
    metadata: dict[str, Any] = {}
    status: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """The name of the object, empty where it has none."""
        return scalar_text(self.metadata.get("name"))

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r}: {self.outline()}>"

    __str__ = __repr__


class OtherObject(KubernetesObject):
    """An object that Kubernetes or another tool reads; it may name a version of Flink."""

    api_version: str = ""
    image_version: str | None = None

    def outline(self) -> str:
        """Return what planner knows of it."""
        return "not planner's to check"
