"""The figures of a placement again, without the code that wrote them: imbalance, objective, moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from planner.documents.placement import Placement
from planner.place.model.slots import SlotResources
from planner.place.model.task_managers import TaskManager

TOLERANCE = 1e-6
"""Figures in documents have six decimals."""


def figures(
    placement: Placement,
    offered: Mapping[str, TaskManager],
    utilisations: Mapping[str, Fraction],
    resources: Mapping[str, SlotResources],
    flows: Mapping[tuple[str, str], int],
    restarts: Callable[[], float],
) -> Iterator[str]:
    """Say which measures of imbalance and levels of the objective are not those of the slots."""
    values = [utilisations[placed.id] for placed in placement.task_managers if not placed.reserve]
    if not values:
        return
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum(float(value - mean) ** 2 for value in values) / len(values))
    expected = {
        "max": float(max(values)),
        "mean": float(mean),
        "min": float(min(values)),
        "max_over_mean": float(max(values) / mean) if mean else 1.0,
        "spread": float(max(values) - min(values)),
        "cv": deviation / float(mean) if mean else 0.0,
    }
    for name, value in expected.items():
        stated = getattr(placement.imbalance, name)
        if abs(stated - value) > 2 * TOLERANCE:
            yield f"imbalance.{name} is {stated}, it has to be {value:.6f}"
    known: dict[str, Callable[[], float]] = {
        "taskManagers": lambda: float(len(values)),
        "maxCpuUtilisation": lambda: expected["max"],
        "cpuUtilisationSpread": lambda: expected["spread"],
        "maxMemoryUtilisation": lambda: _memory(placement, offered, resources),
        "crossTraffic": lambda: _traffic(placement, flows),
        "expectedRestarts": restarts,
        "deployments": lambda: float(_deployments(placement, offered)),
    }
    if not any(level.name == "maxCpuUtilisation" for level in placement.objective):
        yield "the objective says nothing of the highest cpu utilisation"
    for level in placement.objective:
        if level.name in known:
            value = known[level.name]()
            if abs(level.value - value) > 2 * TOLERANCE * max(1.0, value):
                yield f"{level.name} is {level.value}, it has to be {value:.6f}"
        if level.bound is not None and level.bound > level.value + TOLERANCE:
            yield f"the bound of {level.name} is above its value"
        if level.status == "optimal" and (level.bound is None or level.value > level.bound + 2 * TOLERANCE):
            yield f"{level.name} is called optimal, and its bound does not prove it"


def _memory(
    placement: Placement, offered: Mapping[str, TaskManager], resources: Mapping[str, SlotResources]
) -> float:
    """Return the highest share of memory, or of a part of it that has a limit on every TaskManager."""
    used = [placed for placed in placement.task_managers if not placed.reserve]
    limits = [(offered[placed.id].capacity.memory, *offered[placed.id].capacity.parts) for placed in used]
    highest = 0.0
    for part, name in enumerate(("memory", "heap", "off_heap", "managed", "network")):
        column = [row[part] for row in limits]
        if any(limit is None for limit in column):
            continue
        for placed, limit in zip(used, column, strict=True):
            size = sum(getattr(resources[group], name) * count for group, count in placed.quotas.items())
            highest = max(highest, size / max(limit or 0, 1))
    return highest


def _traffic(placement: Placement, flows: Mapping[tuple[str, str], int]) -> float:
    """Return the bytes a second expected to leave TaskManagers, slots of a group being alike."""
    held = [placed.quotas for placed in placement.task_managers if not placed.reserve]
    total: Counter[str] = Counter()
    for quotas in held:
        total.update(quotas)
    crossing = 0.0
    for (source, target), rate in flows.items():
        together = sum(quotas.get(source, 0) * quotas.get(target, 0) for quotas in held)
        pairs = total[source] * total[target]
        crossing += rate * (1 - together / pairs) if pairs else 0.0
    return crossing


def _deployments(placement: Placement, offered: Mapping[str, TaskManager]) -> int:
    return len(
        {
            (
                offered[placed.id].class_name or placed.id,
                offered[placed.id].capacity,
                tuple(sorted(placed.quotas.items())),
            )
            for placed in placement.task_managers
            if not placed.reserve
        }
    )


def _held(placement: Placement) -> dict[str, Counter[str]]:
    """Return what stands on every TaskManager, nothing on those in reserve."""
    return {tm.id: Counter() if tm.reserve else Counter(tm.quotas) for tm in placement.task_managers}


def moves(placement: Placement, previous: Placement, weights: Mapping[str, Fraction]) -> Iterator[str]:
    """Say where the moves of a placement are not those between it and the one before."""
    if placement.moves is None:
        yield "there are no moves, and there is a placement before"
        return
    now, before = _held(placement), _held(previous)
    moved, lost, weight = 0, 0, Fraction(0)
    for group in {group for quotas in [*now.values(), *before.values()] for group in quotas}:
        change = {name: now[name][group] - before.get(name, Counter())[group] for name in now}
        leaving = sum(-by for by in change.values() if by < 0)
        coming = sum(by for by in change.values() if by > 0)
        moved += min(leaving, coming)
        weight += min(leaving, coming) * weights.get(group, Fraction(1))
        lost += sum(quotas[group] for name, quotas in before.items() if name not in now)
        told: Counter[str] = Counter()
        for step in placement.moves.steps:
            if step.group == group:
                told[step.from_] -= step.slots
                told[step.to] += step.slots
        if any(
            not min(change.get(name, 0), 0) <= by <= max(change.get(name, 0), 0) for name, by in told.items()
        ):
            yield f"the steps of group {group!r} do not lead from the placement before to this one"
    stated = placement.moves
    if (stated.moved, stated.lost) != (moved, lost) or sum(s.slots for s in stated.steps) != moved:
        yield f"{stated.moved} slots are said to move and {stated.lost} to be lost, not {moved} and {lost}"
    if abs(stated.weight - float(weight)) > TOLERANCE * max(1.0, float(weight)):
        yield f"the moves weigh {float(weight):.6f}, not {stated.weight}"
