"""The frame of a rule, and what a rule sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from planner.documents.cluster import Cluster
from planner.documents.finding import Path, Severity
from planner.documents.job import GroupPlacement
from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.chaining import Chainer
from planner.graph.job_graph import JobGraph
from planner.graph.stream_graph import StreamGraph
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager


class Option(Protocol):
    """What rules need to know of a Flink option."""

    @property
    def key(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def is_list(self) -> bool: ...
    @property
    def enum(self) -> tuple[str, ...]: ...


class RemovedOption(Protocol):
    """What rules need to know of an option that a Flink version dropped."""

    @property
    def since(self) -> str: ...
    @property
    def replacement(self) -> str | None: ...
    @property
    def note(self) -> str | None: ...


class OptionTable(Protocol):
    """The options of one Flink version."""

    @property
    def flink_version(self) -> str: ...
    @property
    def fallbacks(self) -> Mapping[str, str]: ...
    def find(self, key: str) -> Option | None: ...
    def find_removed(self, key: str) -> RemovedOption | None: ...
    def passes_on(self, key: str) -> bool: ...
    def suggest(self, key: str) -> str | None: ...


@dataclass(frozen=True)
class InputView:
    """An input of an operator as it stands in a document."""

    producer: str
    path: Path
    ship: Ship | None
    exchange: Exchange


@dataclass(frozen=True)
class OperatorView:
    """An operator as it stands in a Job, or a node as it stands in a ResourceProfile."""

    id: str
    path: Path
    paths: Mapping[str, Path]
    uid: str | None
    kind: str
    group: str | None
    inputs: Sequence[InputView]
    stateful: bool
    backend: str | None

    def at(self, name: str) -> Path:
        """Return the path of a field of the operator, or of the operator where it is not written."""
        return self.paths.get(name, self.path)


@dataclass(frozen=True)
class GroupView:
    """A declared slot sharing group; its resources may stand in a mapping of their own."""

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
    """Flink options as they stand in a document, with the table of the version they are for."""

    configuration: Mapping[str, str]
    paths: Mapping[str, Path]
    table: OptionTable

    def path(self, key: str) -> Path:
        """Return where an option is set."""
        return self.paths.get(key, ())


@dataclass(frozen=True)
class Subject:
    """One job or profile under validation, in a form that all rules share.

    ``graph`` and ``job_graph`` are there once nothing keeps them from being built.
    """

    kind: str
    type: JobType
    operators: Sequence[OperatorView]
    groups: Sequence[GroupView]
    options: OptionsView
    written_options: Mapping[str, Path] = field(default_factory=dict)
    node_of: Mapping[str, int] = field(default_factory=dict)
    resources: Mapping[str, SlotResources] = field(default_factory=dict)
    placements: Mapping[str, tuple[GroupPlacement, Path]] = field(default_factory=dict)
    graph: StreamGraph | None = None
    chainer: Chainer | None = None
    job_graph: JobGraph | None = None
    document: object = None

    def operator_of(self, node: int) -> OperatorView:
        """Return the operator of a stream node."""
        return next(op for op in self.operators if self.node_of[op.id] == node)

    @property
    def configuration(self) -> Mapping[str, str]:
        """The job's Flink options."""
        return self.options.configuration

    def option_path(self, key: str) -> Path:
        """Return where a Flink option is set."""
        return self.options.path(key)


@dataclass(frozen=True)
class ClusterSubject:
    """One cluster under validation; ``hosts`` is empty where its figures do not work out."""

    cluster: Cluster
    hosts: Sequence[TaskManager]
    errors: Sequence[tuple[Path, str]] = ()
    options: Sequence[OptionsView] = ()


@dataclass(frozen=True)
class Match:
    """Where a rule found something, and what; ``hint`` replaces the rule's own."""

    path: Path
    message: str
    hint: str | None = None
    key: bool = False


class Rule:
    """One thing that planner checks. Subclasses say everything in class attributes."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    summary: ClassVar[str]
    why: ClassVar[str]
    hint: ClassVar[str]
    source: ClassVar[str]


class JobRule(Rule):
    """A rule over one Job or ResourceProfile."""

    structural: ClassVar[bool] = False
    """Whether the stream graph cannot be built while this rule finds something."""

    def check(self, subject: Subject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class OptionRule(Rule):
    """A rule over Flink options, of a job or of the TaskManagers of a cluster."""

    def check(self, options: OptionsView) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class ClusterRule(Rule):
    """A rule over one Cluster."""

    def check(self, subject: ClusterSubject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError


class FitRule(Rule):
    """A rule over a job and the cluster it is meant for; its matches are in the job."""

    def check(self, subject: Subject, cluster: ClusterSubject) -> Iterable[Match]:
        """Return what the rule finds."""
        raise NotImplementedError
