"""Rescaling: the least parallelism of every vertex, and a profile with it.

A vertex needs the least parallelism at which its fullest subtask is busy at most a target share of the time.
Vertices that FORWARD edges or a co-location group connect have one parallelism, the largest that one of them
needs. A slot sharing group has as many slots as its largest vertex has subtasks, so none is left over. What
needs fewer is not raised to fill the slots: every subtask takes network buffers, threads and a part in each
checkpoint. `planner.recover.candidates` shows what raising them would do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from planner.documents.job import Load
from planner.documents.profile import Node, ResourceProfile
from planner.documents.vocabulary import JobType, Ship
from planner.graph.components import components
from planner.graph.from_profile import OVERRIDES, operator_id, parallelism_overrides, planner_fields
from planner.graph.job_graph import JobGraph, JobVertex
from planner.graph.stream_graph import StreamGraph, default_max_parallelism
from planner.recover.rates import Demand, NotScalable, Work, decimal
from planner.recover.shares import Division


class Bound(StrEnum):
    """What decides the parallelism of a vertex."""

    LOAD = "load"
    CONNECTED = "connected"
    FIXED = "fixed"
    LIMIT = "limit"
    UNKNOWN = "load unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which parallelisms a vertex may be, and why it stays where it is, if it does."""

    least: int
    most: int
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A vertex, its parallelism now and then, and how busy its fullest subtask is at the wanted rates.

    ``needed`` is the parallelism that its own work needs, None where that is not known or no parallelism is
    enough. ``bound`` is what decides, ``why`` says more where it is not the load alone.
    """

    vertex: JobVertex
    present: int
    parallelism: int
    needed: int | None
    bound: Bound
    why: str
    demand: Demand
    work: Work
    limits: Limits

    @property
    def busy_now(self) -> Fraction | None:
        """How busy the fullest subtask would be at the present parallelism; None where it is not known."""
        return self.demand.utilisation(self.present)

    @property
    def busy(self) -> Fraction | None:
        """How busy the fullest subtask is at the new parallelism; None where it is not known."""
        return self.demand.utilisation(self.parallelism)


@dataclass(frozen=True)
class Rescaling:
    """The new parallelism of every vertex, upstream first, for a target share of busy time."""

    target: Fraction
    vertices: tuple[Scaled, ...]

    @property
    def parallelism(self) -> dict[int, int]:
        """The new parallelism by the index of a vertex."""
        return {scaled.vertex.index: scaled.parallelism for scaled in self.vertices}

    @property
    def overloaded(self) -> tuple[Scaled, ...]:
        """The vertices whose fullest subtask is busier than the target all the same."""
        return tuple(s for s in self.vertices if s.busy is not None and s.busy > self.target)

    @property
    def highest(self) -> Fraction:
        """How busy the busiest subtask of the job is; zero where nothing is known."""
        return max((s.busy for s in self.vertices if s.busy is not None), default=Fraction(0))


def limits(
    profile: ResourceProfile, graph: StreamGraph, job: JobGraph, fixed: Mapping[int, str]
) -> dict[int, Limits]:
    """Return the limits of every vertex, by its index.

    ``fixed`` are the nodes that a person has fixed, each with the reason. A source of the old interface
    (`SourceFunction`) with one subtask stays as it is: such a one may not be parallel, and several would each
    read everything.
    """
    nodes = {node.id: node for node in profile.nodes}
    found: dict[int, Limits] = {}
    for vertex in job.vertices:
        reasons = [fixed[node] for node in vertex.nodes if node in fixed]
        if vertex.parallelism == 1 and any(graph.by_id[node].legacy_source for node in vertex.nodes):
            reasons.append("a SourceFunction with one subtask, which may not be parallel")
        found[vertex.index] = Limits(
            least=max(nodes[node].profile.min_parallelism for node in vertex.nodes),
            most=vertex.max_parallelism,
            fixed=reasons[0] if reasons else "",
        )
    return found


def connected(job: JobGraph) -> tuple[tuple[int, ...], ...]:
    """Return the vertices that have to have one parallelism: by FORWARD edges and co-location groups."""
    pairs = [(edge.source, edge.target) for edge in job.edges if edge.ship is Ship.FORWARD]
    first: dict[str, int] = {}
    for vertex in job.vertices:
        if vertex.co_location is not None:
            pairs.append((first.setdefault(vertex.co_location, vertex.index), vertex.index))
    return components(len(job.vertices), pairs)


def rescaling(
    job: JobGraph,
    work: Mapping[int, Work],
    demand: Mapping[int, Demand],
    allowed: Mapping[int, Limits],
    target: Fraction,
    raised: Mapping[int, int] | None = None,
) -> Rescaling:
    """Return the least parallelism of every vertex at which no subtask is busier than ``target``.

    ``raised`` has, by the index of a vertex, a parallelism that it is to have at least.

    Raises:
        NotScalable: when the job is a batch job.

    """
    if job.type is JobType.BATCH:
        raise NotScalable("a batch job has no rate to scale for; Flink's adaptive batch scheduler sizes it")
    found: dict[int, Scaled] = {}
    for members in connected(job):
        found |= _unit(job, members, work, demand, allowed, target, raised or {})
    return Rescaling(target, tuple(found[index] for index in job.order))


def _unit(
    job: JobGraph,
    members: Sequence[int],
    work: Mapping[int, Work],
    demand: Mapping[int, Demand],
    allowed: Mapping[int, Limits],
    target: Fraction,
    raised: Mapping[int, int],
) -> dict[int, Scaled]:
    """Return the vertices of a unit, all with the parallelism that the one with the largest need needs."""
    present = max(work[index].parallelism for index in members)
    needs = {index: _need(demand[index], allowed[index], target) for index in members}
    known = {index: need for index, need in needs.items() if need is not None}
    least = max(allowed[index].least for index in members)
    most = min(allowed[index].most for index in members)
    fixed = next((index for index in members if allowed[index].fixed), None)
    wanted = max([*known.values(), *(raised[index] for index in members if index in raised)], default=present)
    chosen = present if fixed is not None else min(max(wanted, least), most)
    leader = max(known, key=lambda index: known[index], default=None)
    found = {}
    for index in members:
        vertex, mine = job.vertices[index], demand[index]
        bound, why = Bound.LOAD, ""
        if fixed is not None:
            where = "" if fixed == index else f"connected to {job.vertices[fixed].name!r}: "
            bound, why = Bound.FIXED, where + allowed[fixed].fixed
        elif not known:
            bound, why = Bound.UNKNOWN, "neither load.busy nor load.cpu is declared or measured"
        elif chosen < wanted or _none_is_enough(mine, target):
            bound, why = (
                Bound.LIMIT,
                f"at most {min(most, mine.shares.parts or most)}: {_limit(vertex, mine)}",
            )
        elif known.get(index) != chosen and leader is not None and leader != index:
            bound, why = Bound.CONNECTED, f"with {job.vertices[leader].name!r}"
        own = mine.least(target) if mine.divided is not None else None
        found[index] = Scaled(vertex, present, chosen, own, bound, why, mine, work[index], allowed[index])
    return found


def _none_is_enough(demand: Demand, target: Fraction) -> bool:
    return demand.divided is not None and demand.least(target) is None


def _need(demand: Demand, limits: Limits, target: Fraction) -> int | None:
    """Return the parallelism that a vertex needs, that of the smallest share where none is enough."""
    if demand.divided is None:
        return None
    least = demand.least(target)
    return least if least is not None else min(demand.shares.parts or limits.most, limits.most)


def _limit(vertex: JobVertex, demand: Demand) -> str:
    if demand.shares.division in (Division.PARTITIONS, Division.ONE):
        return f"it is divided into {demand.shares.parts} {demand.shares.division}"
    return f"max parallelism {vertex.max_parallelism}"


def rescaled_profile(profile: ResourceProfile, scaling: Rescaling) -> ResourceProfile:
    """Return a profile with the new parallelism, and with loads as they are then.

    All else stays as it was written. The load of one subtask goes with the rate and against the parallelism,
    up to where the subtask is always busy. A max parallelism that Flink derives from the parallelism is set
    to the present one where it would change, since state keeps the number of its key groups.
    """
    of_node = {node: scaled for scaled in scaling.vertices for node in scaled.vertex.nodes}
    nodes = [_rescaled(node, of_node[node.id]) for node in profile.nodes]
    fields = planner_fields(profile)
    options = fields.flink_configuration
    if OVERRIDES in options:
        new = {scaled.vertex.id: scaled.parallelism for scaled in scaling.vertices}
        kept = {name: new.get(name, number) for name, number in parallelism_overrides(options).items()}
        text = ",".join(f"{name}:{number}" for name, number in kept.items())
        fields = fields.model_copy(update={"flink_configuration": {**options, OVERRIDES: text}})
        profile = profile.model_copy(update={"planner": fields})
    return profile.model_copy(update={"nodes": nodes})


def _rescaled(node: Node, scaled: Scaled) -> Node:
    new, settings = scaled.parallelism, {"parallelism": scaled.parallelism}
    own = node.planner
    if own is not None and "maxParallelism" in (own.defaults or ()):
        settings["max_parallelism"] = scaled.vertex.max_parallelism
        if default_max_parallelism(new) != scaled.vertex.max_parallelism:
            left = [name for name in own.defaults or () if name != "maxParallelism"]
            own = own.model_copy(update={"defaults": left or None})
    if own is not None and own.load is not None:
        ratio = scaled.demand.factor * scaled.present / new
        if scaled.work.busy:  # more than always busy is no thread
            ratio = min(ratio, 1 / scaled.work.busy)
        own = own.model_copy(update={"load": _rescaled_load(own.load, ratio)})
    return node.model_copy(update={"profile": node.profile.model_copy(update=settings), "planner": own})


def _rescaled_load(load: Load, ratio: Fraction) -> Load:
    update: dict[str, object] = {}
    if load.cpu is not None:
        update["cpu"] = round(load.cpu * ratio)
    if load.cpu_samples is not None:
        update["cpu_samples"] = [round(sample * ratio) for sample in load.cpu_samples]
    if load.busy is not None:
        update["busy"] = round(min(float(decimal(load.busy) * ratio), 1.0), 6)
    if load.records_per_second is not None:
        update["records_per_second"] = round(float(decimal(load.records_per_second) * ratio), 3)
    return load.model_copy(update=update)


def group_slots(scaling: Rescaling) -> dict[str, tuple[int, int]]:
    """Return the slots of every group now and then: the largest parallelism in it."""
    found: dict[str, tuple[int, int]] = {}
    for scaled in scaling.vertices:
        now, new = found.get(scaled.vertex.group, (0, 0))
        found[scaled.vertex.group] = max(now, scaled.present), max(new, scaled.parallelism)
    return found


def fixed_nodes(profile: ResourceProfile, names: Collection[str]) -> dict[int, str]:
    """Return the nodes that are called by ``names``: operator ids or Flink's names.

    Raises:
        NotScalable: when one of them names no operator.

    """
    found: dict[int, str] = {}
    for name in names:
        nodes = [node.id for node in profile.nodes if name in (operator_id(node), node.desc)]
        if not nodes:
            raise NotScalable(f"{name!r} is not an operator of this job, so its parallelism cannot be fixed")
        found |= dict.fromkeys(nodes, "its parallelism is fixed")
    return found


def overrides(scaling: Rescaling) -> str:
    """Return the value of ``pipeline.jobvertex-parallelism-overrides`` for every vertex."""
    return ",".join(f"{scaled.vertex.id}:{scaled.parallelism}" for scaled in scaling.vertices)


def requirements(scaling: Rescaling) -> dict[str, dict[str, dict[str, int]]]:
    """Return the body of ``PUT /jobs/:id/resource-requirements`` (`JobResourceRequirementsBody`).

    The lower bound is 1, so that the job runs on with fewer slots where there are not enough.
    """
    return {
        scaled.vertex.id: {"parallelism": {"lowerBound": 1, "upperBound": scaled.parallelism}}
        for scaled in scaling.vertices
    }


def remarks(scaling: Rescaling) -> Iterator[str]:
    """Yield a sentence for every vertex that stays above the target, whose work is unknown, or is uneven."""
    for scaled in scaling.vertices:
        name, busy = scaled.vertex.name, scaled.busy
        if busy is not None and busy > scaling.target:
            need = f"it needs {scaled.needed}" if scaled.needed else "no parallelism is enough"
            yield (
                f"{name!r} is a bottleneck: its fullest subtask is {float(busy):.0%} busy at parallelism"
                f" {scaled.parallelism}, {need} ({scaled.why})"
            )
        elif scaled.bound is Bound.UNKNOWN:
            yield f"{name!r} stays at {scaled.parallelism}: {scaled.why}"
        if scaled.work.capped:
            yield (
                f"{name!r}: a load of more than one core counts as always busy, though other threads may use"
                " it; declare load.busy, or measure it (--rest)"
            )
        if (uneven := scaled.work.uneven(scaled.demand.shares)) > UNEVEN:
            yield (
                f"{name!r}: the busiest subtask is {float(uneven):.2f} times as busy as its share"
                " of the records explains (hot keys); that is taken to stay so"
            )


UNEVEN = Fraction(11, 10)
"""How much busier than its share explains a subtask may be before it is told."""
