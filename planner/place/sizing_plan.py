"""What `planner size` proposes: how many TaskManagers of each class, what they cost, and at least."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from planner.documents.cluster import Cluster, TaskManagerClass
from planner.errors import PlannerError
from planner.place.model.problem import Solution
from planner.place.model.task_managers import ClusterError, class_count

LARGEST = 2**52
"""CP-SAT tells its bounds as doubles, which hold whole numbers up to here."""

Counts = tuple[int, ...]
"""How many TaskManagers there are of each class of a cluster, in its order."""


@dataclass(frozen=True)
class Sizing:
    """The cheapest TaskManagers found, None where there are none, and what they cost at least.

    ``impossible`` tells that not even all that there may be are enough. ``solution`` is a placement on them
    within the utilisation, where nothing else was to be chosen, such as a reserve.
    """

    counts: Counts | None
    price: Fraction
    bound: Fraction
    impossible: bool = False
    solution: Solution | None = None

    @property
    def optimal(self) -> bool:
        """Tell whether it is proven that nothing is cheaper."""
        return self.counts is not None and self.price <= self.bound


@dataclass(frozen=True)
class SizingPlan:
    """The cheapest TaskManagers for a job: ``cluster`` has so many, and a utilisation of at most ``target``.

    ``alone`` is what each class costs where there is no other one, by its name.
    """

    name: str
    target: Fraction
    sizing: Sizing
    cluster: Cluster
    alone: Mapping[str, Sizing]

    @property
    def priced(self) -> bool:
        """Whether classes have prices; without, the fewest TaskManagers are found."""
        return any(entry.price is not None for entry in self.cluster.spec.task_manager_classes)

    def data(self) -> dict[str, Any]:
        """Return it as plain data: prices as numbers, a utilisation as a share."""
        assert self.sizing.counts is not None
        names = [entry.name for entry in self.cluster.spec.task_manager_classes]
        return {
            "job": self.name,
            "utilisation": float(self.target),
            "price": float(self.sizing.price),
            "bound": float(self.sizing.bound),
            "status": "optimal" if self.sizing.optimal else "feasible",
            "taskManagers": dict(zip(names, self.sizing.counts, strict=True)),
            "alone": {name: _alone(one) for name, one in self.alone.items()},
        }


def _alone(sizing: Sizing) -> dict[str, Any]:
    price = None if sizing.counts is None else float(sizing.price)
    return {"price": price, "bound": None if sizing.impossible else float(sizing.bound)}


def of_one_class(cluster: Cluster, number: int) -> Cluster:
    """Return a cluster in which there may be more of one class only."""
    classes = [
        entry if index == number else entry.model_copy(update={"max": entry.min or 0, "count": None})
        for index, entry in enumerate(cluster.spec.task_manager_classes)
    ]
    spec = cluster.spec.model_copy(update={"task_manager_classes": classes})
    return cluster.model_copy(update={"spec": spec})


def counted(cluster: Cluster, counts: Sequence[int]) -> Cluster:
    """Return a cluster with so many TaskManagers of each class."""
    classes = [
        _as_many(entry, count) for entry, count in zip(cluster.spec.task_manager_classes, counts, strict=True)
    ]
    spec = cluster.spec.model_copy(update={"task_manager_classes": classes})
    return cluster.model_copy(update={"spec": spec})


def _as_many(entry: TaskManagerClass, count: int) -> TaskManagerClass:
    fields = {name: getattr(entry, name) for name in entry.model_fields_set - {"min", "max"}}
    return TaskManagerClass.model_construct(**{**fields, "count": count})


def prices(classes: Sequence[TaskManagerClass]) -> list[Fraction]:
    """Return what a TaskManager of each class costs, as it was written; one each where none has a price."""
    if all(entry.price is None for entry in classes):
        return [Fraction(1)] * len(classes)
    return [Fraction(str(entry.price or 0)) for entry in classes]


def require_prices(classes: Sequence[TaskManagerClass]) -> None:
    """Refuse classes that cannot be compared by their prices.

    Raises:
        ClusterError: when there is no class, when some have a price and others none, or when whole prices of
            all TaskManagers together are more than a solver's numbers hold.

    """
    if not classes:
        raise ClusterError(("spec",), "there are no classes of TaskManagers to choose from")
    for number, entry in enumerate(classes):
        path = ("spec", "taskManagerClasses", number)
        if entry.price is None and any(one.price is not None for one in classes):
            raise ClusterError(path, f"class {entry.name!r} has no price, and others have one")
    known = prices(classes)
    if (
        sum(p * class_count(one) for p, one in zip(known, classes, strict=True)) * whole_prices(known)
        >= LARGEST
    ):
        dearest = ("spec", "taskManagerClasses", known.index(max(known)), "price")
        raise ClusterError(dearest, "prices are too large, or have too many digits, to be compared exactly")


def whole_prices(known: Sequence[Fraction]) -> int:
    """Return by what prices become whole numbers."""
    return math.lcm(*(price.denominator for price in known))


class NotSizable(PlannerError):
    """All TaskManagers that there may be are not enough for the utilisation that is asked for."""


class TooManyNodes(PlannerError):
    """More nodes than the integer program is meant for."""
