"""Ways to rescale a job side by side: what each takes, and which none of the others beats in everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from planner.documents.placement import Placement
from planner.graph.job_graph import JobGraph
from planner.recover.rates import Demand, Work
from planner.recover.rescaling import Limits, Rescaling, group_slots, rescaling

STEP = Fraction(1, 10)
"""How far the other targets are from the one that is wanted."""


@dataclass(frozen=True, slots=True)
class RestartPart:
    """A part of the time in which a job that is rescaled handles nothing, and where the figure comes from."""

    name: str
    seconds: float
    source: str


@dataclass(frozen=True)
class Candidate:
    """A way to rescale a job.

    ``placement`` is None where no cluster was given, or where the job does not fit it as ``reason`` says.
    ``catch_up`` are the seconds after the restart until nothing waits any more: None where restart or load
    are not known, and infinite where the job cannot keep up. ``efficient`` marks those that no other one
    beats in everything.
    """

    name: str
    scaling: Rescaling
    placement: Placement | None = None
    reason: str = ""
    catch_up: float | None = None
    efficient: bool = False

    @property
    def subtasks(self) -> int:
        """How many subtasks the job has; all of them restart, whatever changes."""
        return sum(self.scaling.parallelism.values())

    @property
    def slots(self) -> int:
        """How many slots the job takes."""
        return sum(new for _, new in group_slots(self.scaling).values())

    @property
    def task_managers(self) -> int | None:
        """How many TaskManagers hold slots."""
        held = self.placement
        return None if held is None else sum(1 for tm in held.task_managers if tm.slots)

    @property
    def highest_cpu(self) -> float | None:
        """The highest CPU utilisation of a TaskManager."""
        return None if self.placement is None else self.placement.imbalance.max

    @property
    def moved(self) -> int | None:
        """How many slots change their TaskManager although they could stay."""
        moves = self.placement.moves if self.placement else None
        return None if moves is None else moves.moved

    def data(self) -> dict[str, Any]:
        """Return it as plain data; what is not known is left out."""
        catch_up = self.catch_up
        figures = {
            "taskManagers": self.task_managers,
            "maxCpuUtilisation": self.highest_cpu,
            "movedSlots": self.moved,
            "catchUpSeconds": None if catch_up is None or catch_up == float("inf") else round(catch_up, 3),
            "keepsUp": None if catch_up is None else catch_up < float("inf"),
            "doesNotFit": self.reason or None,
        }
        return {
            "name": self.name,
            "slots": self.slots,
            "subtasks": self.subtasks,
            "restartedSubtasks": self.subtasks,
            "busiest": round(float(self.scaling.highest), 6),
            **{name: value for name, value in figures.items() if value is not None},
            "efficient": self.efficient,
            "parallelism": {one.vertex.id: one.parallelism for one in self.scaling.vertices},
        }


def variants(
    job: JobGraph,
    work: Mapping[int, Work],
    demand: Mapping[int, Demand],
    allowed: Mapping[int, Limits],
    target: Fraction,
) -> list[Candidate]:
    """Return the ways to rescale a job that are worth a look, the least for ``target`` first.

    Besides it: one step more for every vertex, every vertex raised to the slots of its group, and the least
    for a target that is a tenth lower and higher. Those that come to the same are there once.
    """

    def least(share: Fraction, raised: Mapping[int, int] | None = None) -> Rescaling:
        return rescaling(job, work, demand, allowed, share, raised)

    first = least(target)
    name = f"{float(target):.0%}"
    named = [(name, first), (f"{name}+step", least(target, _stepped(first)))]
    named.append((f"{name}+filled", least(target, _filled(first))))
    named += [
        (f"{float(other):.0%}", least(other))
        for other in (target - STEP, target + STEP)
        if STEP <= other <= 1
    ]
    found: dict[tuple[int, ...], Candidate] = {}
    for label, scaling in named:
        found.setdefault(tuple(one.parallelism for one in scaling.vertices), Candidate(label, scaling))
    return list(found.values())


def _stepped(scaling: Rescaling) -> dict[int, int]:
    """Return the next parallelism of every vertex whose work is known that relieves its fullest subtask."""
    return {
        one.vertex.index: after
        for one in scaling.vertices
        if one.busy and (after := one.demand.shares.next_step(one.parallelism)) is not None
    }


def _filled(scaling: Rescaling) -> dict[int, int]:
    """Return for every vertex the slots of its group; never more than there are parts to divide."""
    slots = {group: new for group, (_, new) in group_slots(scaling).items()}
    pairs = [(one, slots[one.vertex.group]) for one in scaling.vertices]
    return {one.vertex.index: min(count, one.demand.shares.parts or count) for one, count in pairs}


def catch_up(scaling: Rescaling, restart: float) -> float | None:
    """Return the seconds that a job needs for what came in while it restarted, and what waited before.

    The backlog divided by capacity less rate, both as seconds of the wanted rate: the busiest subtask is the
    capacity of the job. None where no vertex's load is known; infinite where it is always busy.
    """
    busy = scaling.highest
    if not busy:
        return None
    if busy >= 1:
        return float("inf")
    return float((Fraction(restart) + _waiting(scaling)) * busy / (1 - busy))


def _waiting(scaling: Rescaling) -> Fraction:
    """Return the longest queue of a source, in seconds of the rate that is wanted of it."""
    queues = [
        one.work.pending / (one.work.records_in * one.demand.factor)
        for one in scaling.vertices
        if one.work.pending and one.work.records_in and one.demand.factor
    ]
    return max(queues, default=Fraction(0))


def efficient(candidates: Sequence[Candidate]) -> Iterator[bool]:
    """Tell of each candidate whether no other one is as good in everything and better in something.

    Compared are those that fit by their TaskManagers, slots, subtasks, highest CPU, moved slots and busiest
    subtask.
    """
    measures: tuple[Callable[[Candidate], float], ...] = (
        lambda one: one.task_managers or 0,
        lambda one: one.slots,
        lambda one: one.subtasks,
        lambda one: one.highest_cpu or 0.0,
        lambda one: one.moved or 0,
        lambda one: float(one.scaling.highest),
    )
    figures = [None if one.reason else tuple(measure(one) for measure in measures) for one in candidates]
    for mine in figures:
        yield mine is not None and not any(
            other is not None and other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
            for other in figures
        )
