"""How busy the vertices of a job are, and what other rates of its sources make of that.

What a vertex gives out is taken to grow with what it takes in, so that a rate of a source goes along the
edges by the ratios that were measured or declared. A vertex itself is taken to be as busy for a record as it
is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.documents.job import Load
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import Ship
from planner.errors import PlannerError
from planner.graph.from_profile import operator_id
from planner.graph.job_graph import JobEdge, JobGraph, JobVertex
from planner.recover.shares import Division, Shares
from planner.units import CORE


class NotScalable(PlannerError):
    """The job has no parallelism that follows from rates, or a name is of nothing in it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the ``parallelism`` subtasks of a vertex do now.

    ``busy`` is the mean share of the time in which a subtask is busy, ``records_in`` and ``records_out``
    are of all subtasks in a second, ``busiest`` is the share of the busiest subtask; None where that is not
    known. ``pending`` records wait at a source, which reads ``partitions``. ``capped`` marks a load of more
    than one thread, which counts as always busy.
    """

    parallelism: int
    busy: Fraction | None = None
    records_in: Fraction | None = None
    records_out: Fraction | None = None
    busiest: Fraction | None = None
    partitions: int | None = None
    pending: Fraction = Fraction(0)
    capped: bool = False

    @property
    def true_rate(self) -> Fraction | None:
        """The records a second that a subtask handles which is always busy."""
        if not self.busy or self.records_in is None:
            return None
        return self.records_in / (self.busy * self.parallelism)

    def uneven(self, shares: Shares) -> Fraction:
        """Return how many times busier the busiest subtask is than its share explains, at least 1."""
        if not self.busy or self.busiest is None:
            return Fraction(1)
        explained = self.busy * self.parallelism * shares.fullest(self.parallelism)
        return max(Fraction(1), self.busiest / explained)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a vertex has to do at the rates that are wanted.

    ``divided`` is how many subtasks the records that are divided among them keep always busy, with what
    makes the busiest one busier in it; ``everywhere`` is the share of the time that broadcast records keep
    each subtask busy. Both are None where the work of the vertex is not known. ``factor`` is the rate that is
    wanted by the present one.
    """

    shares: Shares
    factor: Fraction
    divided: Fraction | None = None
    everywhere: Fraction | None = None

    def utilisation(self, parallelism: int) -> Fraction | None:
        """Return the share of the time in which the fullest of ``parallelism`` subtasks is busy."""
        if self.divided is None or self.everywhere is None:
            return None
        return self.divided * self.shares.fullest(parallelism) + self.everywhere

    def least(self, target: Fraction) -> int | None:
        """Return the least parallelism whose fullest subtask is busy at most ``target`` of the time.

        None where there is none. The work has to be known.
        """
        assert self.divided is not None
        assert self.everywhere is not None
        if self.divided == 0:
            return 1 if self.everywhere <= target else None
        return self.shares.least((target - self.everywhere) / self.divided)


def declared_work(profile: ResourceProfile, job: JobGraph) -> dict[int, Work]:
    """Return what the loads in a profile say of every vertex, by its index.

    A chain runs in one thread: it is busy as long as its operators are together, each as its ``busy`` says
    or its ``cpu``, and never more than always. Records leave it with its last operator; those that a source
    reads are what its first one gives out.
    """
    loads = {node.id: node.planner.load for node in profile.nodes if node.planner and node.planner.load}
    found: dict[int, Work] = {}
    for index in job.order:
        vertex = job.vertices[index]
        mine = [loads[node] for node in vertex.nodes if node in loads]
        busy = [share for load in mine if (share := _busy(load)) is not None]
        total = sum(busy, Fraction(0))
        first, last = (_records(loads.get(node), vertex) for node in (vertex.nodes[0], vertex.nodes[-1]))
        found[index] = Work(
            parallelism=vertex.parallelism,
            busy=min(total, Fraction(1)) if busy else None,
            records_in=None if job.inputs[index] else first or last,
            records_out=last,
            capped=total > 1,
        )
    return {index: _received(job, found, index) for index in found}


def _records(load: Load | None, vertex: JobVertex) -> Fraction | None:
    if load is None or load.records_per_second is None:
        return None
    return decimal(load.records_per_second) * vertex.parallelism


def decimal(value: float) -> Fraction:
    """Return a number as it was written: 0.7 is seven tenths, not the double next to it."""
    return Fraction(str(value))


def _busy(load: Load) -> Fraction | None:
    if load.busy is not None:
        return decimal(load.busy)
    return None if load.highest_cpu is None else Fraction(load.highest_cpu, CORE)


def _received(job: JobGraph, work: Mapping[int, Work], index: int) -> Work:
    """Return the work of a vertex with the records that reach it: what its inputs give out."""
    mine, edges = work[index], job.inputs[index]
    sent = [_sent(work, edge) for edge in edges]
    known = [one for one in sent if one is not None]
    return replace(mine, records_in=sum(known, Fraction(0))) if known and len(known) == len(sent) else mine


def _sent(work: Mapping[int, Work], edge: JobEdge) -> Fraction | None:
    """Return the records that an edge brings in a second, to all subtasks together."""
    out = work[edge.source].records_out
    if out is None:
        return None
    return out * work[edge.target].parallelism if edge.ship is Ship.BROADCAST else out


def demands(
    job: JobGraph, work: Mapping[int, Work], rates: Mapping[int, Fraction], partitions: Mapping[int, int]
) -> dict[int, Demand]:
    """Return what every vertex has to do when its sources give ``rates``, by its index.

    ``rates`` are records a second by the index of a vertex without inputs; what is not named keeps its rate.
    ``partitions`` go before those in ``work``.

    Raises:
        NotScalable: when the present rate of a source is not known, or zero.

    """
    shares = divisions(job, work, partitions)
    factors: dict[int, Fraction] = {}
    for index in job.order:
        edges = job.inputs[index]
        if not edges:
            factors[index] = _source_factor(job, work, rates, index)
            continue
        factors[index] = _mixed(job, work, edges, factors)
    return {index: _demand(job, work, shares[index], factors, index) for index in job.order}


def _source_factor(
    job: JobGraph, work: Mapping[int, Work], rates: Mapping[int, Fraction], index: int
) -> Fraction:
    if index not in rates:
        return Fraction(1)
    now = work[index].records_in or work[index].records_out
    if not now:
        raise NotScalable(
            f"the present rate of {job.vertices[index].name!r} is not known, so nothing follows from another"
            " one; declare load.recordsPerSecond of the source, or measure it (--rest)"
        )
    return rates[index] / now


def _weights(job: JobGraph, work: Mapping[int, Work], edges: Sequence[JobEdge]) -> list[Fraction] | None:
    """Return the records that each edge brings, None where that is not known of all of them."""
    if len(edges) == 1:
        received = work[edges[0].target].records_in
        return None if received is None else [received]
    sent = [_sent(work, edge) for edge in edges]
    known = [one for one in sent if one is not None]
    return known if len(known) == len(sent) and any(known) else None


def _mixed(
    job: JobGraph, work: Mapping[int, Work], edges: Sequence[JobEdge], factors: Mapping[int, Fraction]
) -> Fraction:
    """Return the factor of a vertex: the mean of its inputs' by records, the highest if those are unknown."""
    found = [factors[edge.source] for edge in edges]
    weights = _weights(job, work, edges)
    if weights is None or len(set(found)) == 1 or not sum(weights):
        return max(found)
    return sum((w * f for w, f in zip(weights, found, strict=True)), Fraction(0)) / sum(weights)


def _demand(
    job: JobGraph, work: Mapping[int, Work], shares: Shares, factors: Mapping[int, Fraction], index: int
) -> Demand:
    mine, edges, factor = work[index], job.inputs[index], factors[index]
    if mine.busy is None:
        return Demand(shares, factor)
    weights = _weights(job, work, edges)
    spread = [edge.ship is Ship.BROADCAST for edge in edges]
    everywhere = Fraction(0)
    whole = mine.busy * factor
    if edges and all(spread):
        return Demand(shares, factor, Fraction(0), whole)
    if weights and any(spread) and (total := sum(weights)):
        grown = [w * factors[edge.source] for w, edge in zip(weights, edges, strict=True)]
        everywhere = (
            mine.busy * sum((g for g, s in zip(grown, spread, strict=True) if s), Fraction(0)) / total
        )
        whole = mine.busy * sum(grown, Fraction(0)) / total
    divided = (whole - everywhere) * mine.parallelism * mine.uneven(shares)
    return Demand(shares, factor, divided, everywhere)


def divisions(job: JobGraph, work: Mapping[int, Work], partitions: Mapping[int, int]) -> dict[int, Shares]:
    """Return by what the records of every vertex are divided among its subtasks, by its index.

    A vertex that reads by FORWARD alone gets what its producer has.
    """
    found: dict[int, Shares] = {}
    for index in job.order:
        edges = [edge for edge in job.inputs[index] if edge.ship is not Ship.BROADCAST]
        ships = {edge.ship for edge in edges}
        if not job.inputs[index]:
            count = partitions.get(index) or work[index].partitions
            found[index] = Shares(Division.PARTITIONS, count) if count else Shares(Division.EQUAL)
        elif Ship.HASH in ships:
            found[index] = Shares(Division.KEY_GROUPS, job.vertices[index].max_parallelism)
        elif ships == {Ship.GLOBAL}:
            found[index] = Shares(Division.ONE, 1)
        elif ships == {Ship.FORWARD}:
            found[index] = min(
                (found[edge.source] for edge in edges), key=lambda shares: shares.parts or 2**31
            )
        else:
            found[index] = Shares(Division.EQUAL)
    return found


def source_named(profile: ResourceProfile, job: JobGraph, name: str) -> int:
    """Return the index of the vertex without inputs that an operator with this id or name begins.

    Raises:
        NotScalable: when there is none.

    """
    nodes = {node.id: node for node in profile.nodes}
    heads = [vertex for vertex in job.vertices if not job.inputs[vertex.index]]
    for vertex in heads:
        known = {text for node in vertex.nodes for text in (operator_id(nodes[node]), nodes[node].desc)}
        if name in known | {vertex.name, vertex.id}:
            return vertex.index
    names = ", ".join(repr(operator_id(nodes[vertex.nodes[0]])) for vertex in heads[:5])
    raise NotScalable(f"{name!r} is not a source of this job; its sources are {names}")
