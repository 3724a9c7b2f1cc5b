"""The levels of the objective after the highest CPU utilisation, each without harm to those before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from planner.place.clock import Clock
from planner.place.levels.blast import blast_of, lower_blast
from planner.place.levels.deployments import deployments_of, lower_deployments
from planner.place.levels.kept import Kept
from planner.place.levels.memory import lower_memory, memory_of
from planner.place.levels.spread import lower_spread, spread_of
from planner.place.levels.traffic import lower_traffic, traffic_of
from planner.place.model.objective import Objective
from planner.place.result import Level
from planner.place.search.state import State

Improve = Callable[[State, Kept, Clock, np.random.Generator], Level]
LEVELS: dict[Objective, Improve] = {
    Objective.SPREAD: lower_spread,
    Objective.MEMORY: lower_memory,
    Objective.TRAFFIC: lower_traffic,
    Objective.BLAST: lower_blast,
    Objective.DEPLOYMENTS: lower_deployments,
}
NAMES: dict[Objective, str] = {
    Objective.SPREAD: "cpuUtilisationSpread",
    Objective.MEMORY: "maxMemoryUtilisation",
    Objective.TRAFFIC: "crossTraffic",
    Objective.BLAST: "expectedRestarts",
    Objective.DEPLOYMENTS: "deployments",
}
"""The names that documents have for the values of levels."""

_MEASURES: dict[str, Callable[[State], Fraction]] = {
    NAMES[Objective.SPREAD]: spread_of,
    NAMES[Objective.MEMORY]: memory_of,
    NAMES[Objective.TRAFFIC]: traffic_of,
    NAMES[Objective.BLAST]: blast_of,
    NAMES[Objective.DEPLOYMENTS]: deployments_of,
}


def as_it_is(name: Objective, state: State) -> Level:
    """Return a level as it is in ``state``, for which no time was left."""
    return Level(NAMES[name], _MEASURES[NAMES[name]](state))


def measured(level: Level, state: State) -> Level:
    """Return a level with its value in ``state``: later levels may have lowered earlier ones as well."""
    if level.name not in _MEASURES:
        return level
    value = _MEASURES[level.name](state)
    return replace(
        level, value=value, bound=level.bound if level.bound and level.bound.value <= value else None
    )
