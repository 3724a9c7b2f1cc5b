"""The frame of a rule, and what a rule reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar

from planner.documents.cluster import Cluster
from planner.documents.finding import Fix, Path, Severity
from planner.documents.foreign.base import ForeignDocument, Setting
from planner.documents.job import GroupPlacement
from planner.documents.option_tables import OptionTable, without_table
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.chaining import Chainer
from planner.graph.job_graph import JobGraph
from planner.graph.stream_graph import StreamGraph
from planner.memory.estimates import Estimate
from planner.memory.off_heap import Catalogue
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager
from planner.units import parse_duration

FLINK_DOCS = "https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/"
FLINK_CODE = "https://github.com/apache/flink/blob/release-2.2.1/"
MAX_DIGITS = 10
"""Digits of the largest number that Flink's options hold."""
MANY = 500
"""Above so many names no similar one is looked for, which would take too long."""


@dataclass(frozen=True)
class InputView:
    """An input of an operator as a document has it."""

    producer: str
    path: Path
    ship: Ship | None
    exchange: Exchange


@dataclass(frozen=True)
class OperatorView:
    """An operator of a Job, or a node of a ResourceProfile."""

    id: str
    path: Path
    paths: Mapping[str, Path]
    uid: str | None
    kind: str
    group: str | None
    inputs: Sequence[InputView]
    stateful: bool
    backend: str | None
    off_heap: int | None = None
    samples: int | None = None
    """How many samples its load has, None where it is the same all the time or unknown."""

    def at(self, name: str) -> Path:
        """Return the path of a field of the operator, or of the operator where it is not written."""
        return self.paths.get(name, self.path)


@dataclass(frozen=True)
class GroupView:
    """A declared slot sharing group; its resources may be in a mapping of their own."""

    name: str
    path: Path
    resources_path: Path
    given: frozenset[str]
    managed: int | None
    off_heap: int | None

    def at(self, name: str) -> Path:
        """Return the path of the group's name or of one of its resources."""
        return (*(self.path if name == "name" else self.resources_path), name)


@dataclass(frozen=True)
class OptionsView:
    """The Flink options of a document, with the table of the version they are for.

    ``unfilled`` are those whose value a template leaves open. ``version`` is what the document names; the
    table may be that of a version near to it.
    """

    configuration: Mapping[str, str]
    paths: Mapping[str, Path]
    table: OptionTable
    unfilled: frozenset[str] = frozenset()
    version: str | None = None
    defaults: Mapping[str, str] = field(default_factory=dict)
    """What Flink's Kubernetes operator sets where nothing is written."""
    whole: bool = True
    """Whether what is not here is not set: not so in a patch, or a session job without its session."""

    of_vendor: bool = False
    """Whether a vendor's build of Flink and of the operator reads them, which may have more."""

    def certainly(self, key: str) -> Severity | None:
        """Return the severity of a key without effect: a warning where another version may know it."""
        sure = self.table.stands_for(self.version, key) and not self.of_vendor
        return None if sure else Severity.WARNING

    @property
    def has_own_table(self) -> bool:
        """Whether the options are for a version that somebody named, and the table is that of it."""
        return self.version is not None and without_table(self.version) is None and not self.of_vendor

    @property
    def assumed(self) -> str:
        """What to say after the advice to use a key, where the version of Flink that has it is assumed."""
        if self.version is not None:
            return ""
        major, minor = self.table.version
        return f", as of Flink {major}.{minor}, since nothing here names a version"

    def path(self, key: str) -> Path:
        """Return where an option is set."""
        return self.paths.get(key, ())

    def written(self, key: str) -> str | None:
        """Return the key under which an option is written, its own or an old one."""
        option = self.table.find(key)
        keys = (key, *(option.fallback if option else ()))
        return next((name for name in keys if name in self.configuration), None)

    def value(self, key: str) -> str | None:
        """Return an option's value or default in lower case, None where a template leaves it open."""
        name, option = self.written(key), self.table.find(key)
        if name in self.unfilled:
            return None
        default = self.defaults.get(key, (option.default if option else None) or "")
        return (default if name is None else self.configuration[name]).strip().lower()

    def duration(self, key: str) -> int | None:
        """Return an option's duration in nanoseconds, None where it has none, or one that is open or unreadable."""
        try:
            return parse_duration(self.value(key) or "")
        except ValueError:
            return None

    def count(self, key: str) -> int | None:
        """Return an option's whole number, None where it has none, or one that is open or unreadable."""
        text = self.value(key) or ""
        return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


@dataclass(frozen=True)
class Subject:
    """One job or profile under validation, in a form that all rules share.

    ``firm`` is what binds a placement of ``resources``: without the ``estimates`` in them, by group and
    figure. ``graph``, ``chainer``, ``job_graph`` and the ``complete`` profile are None as long as a structural
    finding or an option that cannot be parsed keeps them from being built.
    """

    kind: str
    type: JobType
    operators: Sequence[OperatorView]
    groups: Sequence[GroupView]
    options: OptionsView
    flink_version: str
    written_options: Mapping[str, Path] = field(default_factory=dict)
    node_of: Mapping[str, int] = field(default_factory=dict)
    resources: Mapping[str, SlotResources] = field(default_factory=dict)
    firm: Mapping[str, SlotResources] = field(default_factory=dict)
    estimates: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    placements: Mapping[str, tuple[GroupPlacement, Path]] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=dict)
    graph: StreamGraph | None = None
    chainer: Chainer | None = None
    job_graph: JobGraph | None = None
    complete: ResourceProfile | None = None
    document: object = None

    def operator_of(self, node: int) -> OperatorView:
        """Return the operator of a stream node."""
        return next(op for op in self.operators if self.node_of[op.id] == node)

    @property
    def name(self) -> str | None:
        """The job's name, None for a profile that has none."""
        metadata = getattr(self.document, "metadata", None)
        return metadata.name if metadata else None

    @property
    def configuration(self) -> Mapping[str, str]:
        """The job's Flink options."""
        return self.options.configuration

    def option_path(self, key: str) -> Path:
        """Return where a Flink option is set."""
        return self.options.path(key)


@dataclass(frozen=True)
class ClusterSubject:
    """One cluster under validation; ``task_managers`` is empty where its figures are inconsistent."""

    cluster: Cluster
    task_managers: Sequence[TaskManager]
    errors: Sequence[tuple[Sequence[Path], str]] = ()
    options: Sequence[OptionsView] = ()


@dataclass(frozen=True)
class ManifestSubject:
    """A document of others under validation: Flink's configuration, or a manifest of its operator.

    ``options`` are those that are written; ``effective`` are what Flink's processes get to see, with what
    other fields of the manifest set, and a session job with those of its ``session``, where that is known.
    """

    document: ForeignDocument
    options: OptionsView
    effective: OptionsView
    settings: Mapping[str, Setting]
    session: ForeignDocument | None = None
    fields: frozenset[str] = frozenset()
    """The fields of the spec that are written, placeholders among them."""
    job_fields: frozenset[str] = frozenset()
    """Those of its job."""
    referenced: ForeignDocument | None = None
    """The deployment that a snapshot names, where that is known."""


@dataclass(frozen=True)
class Match:
    """Where a rule found something, and what; ``hint`` and ``severity`` replace the rule's own.

    ``in_cluster`` is for a rule over a job and its cluster: ``path`` leads to a place in the cluster. ``fix``
    is for what can be put right without knowing what somebody meant.
    """

    path: Path
    message: str
    hint: str | None = None
    key: bool = False
    severity: Severity | None = None
    in_cluster: bool = False
    fix: Fix | None = None


class Rule:
    """One thing that planner finds wrong. Subclasses describe it in class attributes.

    A rule without a check belongs to a finding that is raised elsewhere: by what reads documents (DOC) or
    derives the memory of a process (MEM40x).
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    otherwise: ClassVar[str] = ""
    """When a finding has another severity, and which one."""
    concerns_placement: ClassVar[bool] = False
    """Whether a placement is worth less than it says while this rule finds something; ``place`` reports it."""
    readiness: ClassVar[bool] = False
    """Whether it asks how ready a job is for production: left out of ``dev``, more severe in ``production``."""
    only_production: ClassVar[bool] = False
    """Whether it is checked in the profile ``production`` alone."""
    summary: ClassVar[str]
    """What is wrong, in one sentence."""
    why: ClassVar[str]
    """What happens if it stays."""
    hint: ClassVar[str]
    """What to do about it."""
    source: ClassVar[str]
    """What the rule rests on."""
    source_url: ClassVar[str]
    """A public page about that."""


class JobRule(Rule):
    """A rule over one Job or ResourceProfile."""

    structural: ClassVar[bool] = False
    """Whether the stream graph cannot be built while this rule finds something."""

    def check(self, subject: Subject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class OptionRule(Rule):
    """A rule over Flink options: of a job, of the TaskManagers of a cluster, or of a document of others."""

    effective: ClassVar[bool] = False
    """Whether it is about what Flink gets to see, with what fields and the session of a manifest set."""

    def check(self, options: OptionsView) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class DataRule(Rule):
    """A rule over any document as it is written, whatever its kind."""

    def check(self, data: object, document: object = None) -> Iterable[Match]:
        """Return what the rule finds in the ``data`` that a ``document`` was read from."""
        raise NotImplementedError


class ManifestRule(Rule):
    """A rule over one document of others."""

    def check(self, subject: ManifestSubject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class ClusterRule(Rule):
    """A rule over one Cluster."""

    def check(self, subject: ClusterSubject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class FitRule(Rule):
    """A rule over a job and the cluster it is meant for; its matches are in the job unless they say so."""

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class TogetherRule(Rule):
    """A rule over all jobs that are meant for one cluster; its matches are in the cluster."""

    def check(self, subjects: Sequence[Subject], cluster: ClusterSubject) -> Iterable[Match]:
        """Return what the rule finds; there are at least two jobs."""
        raise NotImplementedError


def similar(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that suggests the most similar name, empty if there is none."""
    names = list(known)
    close = get_close_matches(name[:60], names, 1) if len(names) <= MANY else []
    return f", did you mean {close[0]!r}?" if close else ""
