"""The ResourceProfile document: stream graph and resources, in the words of the public expert mode.

``ssgProfiles``, ``nodes``, ``edges`` and ``vertices`` have the meaning of the official document, which
others write too, so fields that planner does not know are kept there. All of planner's own fields
stand under ``planner``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from planner.documents.base import (
    Amount,
    Cpu,
    ExternalName,
    Foreign,
    Metadata,
    Model,
    Name,
    Parallelism,
    Size,
    Text,
    Whole,
)
from planner.documents.job import Configuration, FlinkVersion, GroupPlacement, Load, Resources, State
from planner.documents.vocabulary import (
    ChainingField,
    ExchangeField,
    JobType,
    JobTypeField,
    RecoveryField,
    ShipField,
    UseCaseField,
)


class SsgProfile(Foreign):
    """Resources of one slot of a slot sharing group."""

    name: Name
    cpu: Cpu | None = None
    heap: Size | None = None
    off_heap: Size | None = None
    managed: dict[UseCaseField, Size] = {}
    extended: dict[ExternalName, Amount] = {}


class NodeProfile(Foreign):
    """Group and parallelism of a node."""

    group: Name = "default"
    parallelism: Parallelism
    max_parallelism: Parallelism | None = None
    min_parallelism: Parallelism = 1
    chaining: ChainingField | None = None


Trait = Literal["source", "sourceFactory", "legacySource", "yielding", "atEnd"]


class CompiledNode(Model):
    """What a program itself says of a node, before any edit: its settings, and facts about its class.

    ``traits`` are what Flink asks an operator's class: see `planner.graph.stream_graph.StreamNode`. ``id`` is
    that of the job vertex, where the node was imported from a running job.
    """

    parallelism: Parallelism
    max_parallelism: Parallelism | None = None
    group: Name = "default"
    chaining: ChainingField
    traits: list[Trait] = []
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    managed_weights: dict[UseCaseField, int] = {}
    managed_slot: list[UseCaseField] = []


class NodeFields(Model):
    """What planner knows of a node beyond the official fields.

    ``defaults`` names the fields that nobody set, so that they follow when another one is edited. Equal
    subtasks of operators with one ``co_location_group`` share a slot.
    """

    operator: Name
    uid: Name | None = None
    kind: Text = "operator"
    co_location_group: Text | None = None
    state: State | None = None
    load: Load | None = None
    resources: Resources | None = None
    defaults: list[Literal["maxParallelism", "group"]] | None = None
    compiled: CompiledNode | None = None


class Node(Foreign):
    """An operator; ``id`` is dense from 1."""

    id: Annotated[int, Field(ge=0, le=2**31 - 1)]
    type: Text = ""
    desc: Text = ""
    profile: NodeProfile
    state: Any = None
    planner: NodeFields | None = None


class CompiledEdge(Model):
    """What a program itself says of an edge, before any edit.

    ``key`` is equal for edges of one producer that partition alike. ``unchained`` is what Flink makes of
    a FORWARD that it does not chain, where it stands for a second shuffle by the same key.
    """

    strategy: ShipField
    key: int | None = None
    unchained: ShipField | None = None


class EdgeFields(Model):
    """What planner knows of an edge: its place among the consumer's inputs, and who chose the strategy.

    ``output_tag`` is the id of the side output that it reads, ``cached`` marks what `cache()` keeps.
    """

    input: Annotated[int, Field(ge=0)] = 0
    default: bool = False
    output_tag: Text | None = None
    cached: bool | None = None
    compiled: CompiledEdge | None = None


class Edge(Foreign):
    """A connection of two nodes."""

    source: int
    target: int
    mode: ExchangeField
    strategy: ShipField
    planner: EdgeFields | None = None


class VertexInput(Model):
    """What a job vertex reads."""

    vertex: Text
    ship: ShipField
    pattern: Literal["POINTWISE", "ALL_TO_ALL"]
    type: Text


class VertexFields(Model):
    """A job vertex as Flink compiles it: derived, for readers and comparing; edits change nothing."""

    id: Text
    name: Text
    nodes: list[int]
    group: Name
    parallelism: int
    max_parallelism: int
    region: int
    inputs: list[VertexInput] = []


class Reason(Model):
    """Why a derived figure of a slot is what it is, and how sure that is."""

    figure: Text
    value: Text
    reason: Text
    source: Text | None = None
    confidence: Literal["exact", "documented", "estimate", "declared"]


class SlotFields(Model):
    """Derived figures of a group: how many slots, and what one of them takes."""

    slots: int
    network: Size | None = None
    load: Cpu | None = None
    explanation: list[Reason] = []


class Program(Model):
    """The program that a profile was compiled from; ``configuration`` are options given beside it.

    ``scripts`` are SQL scripts that follow ``file`` in the same session, ``jars`` those that it needs
    besides its own. Of a script that makes several jobs, ``job_index`` (from 1) names the one that is meant.
    """

    file: Text
    kind: Literal["jar", "sql", "python"]
    entry_class: Name | None = None
    arguments: list[Text] = []
    configuration: Configuration = {}
    scripts: list[Text] | None = None
    jars: list[Text] | None = None
    job_index: Annotated[int, Field(ge=1)] | None = None


class PlannerFields(Model):
    """What the official document has no place for.

    ``placement`` limits where groups may stand, ``recovery`` says how their cluster recovers;
    ``compiledGroups`` are those that the program, or the job document, itself gives resources, before any
    edit.
    """

    type: JobTypeField = JobType.STREAMING
    flink_version: FlinkVersion = "2.2"
    flink_configuration: Configuration = {}
    placement: dict[str, GroupPlacement] | None = None
    recovery: RecoveryField | None = None
    groups: dict[str, SlotFields] = {}
    vertices: list[VertexFields] = []
    program: Program | None = None
    compiled_groups: list[SsgProfile] | None = None


class ResourceProfile(Whole, Foreign):
    """The stream graph with the resources of every slot sharing group."""

    api_version: Literal["planner/v1"] | None = None
    kind: Literal["ResourceProfile"] | None = None
    metadata: Metadata | None = None
    ssg_profiles: list[SsgProfile] = []
    nodes: Annotated[list[Node], Field(min_length=1, max_length=20_000)]
    edges: list[Edge] = []
    vertices: dict[str, list[int]] = {}
    planner: PlannerFields | None = None

    def outline(self) -> str:
        """Return the size of the graph, and the slots of each group."""
        figures = self.planner.groups if self.planner else {}
        groups = [
            f"{group.name} x{figures[group.name].slots}" if group.name in figures else group.name
            for group in self.ssg_profiles
        ]
        return f"{len(self.nodes)} operators, slots {', '.join(groups) or 'not derived'}"
