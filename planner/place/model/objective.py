"""The levels of the objective, in the order in which they count unless the user picks others."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Objective(StrEnum):
    """What a placement may minimise."""

    TASK_MANAGERS = "taskmanagers"
    CPU = "cpu"
    SPREAD = "spread"
    MEMORY = "memory"
    TRAFFIC = "traffic"
    BLAST = "blast"
    DEPLOYMENTS = "deployments"


BALANCE = (Objective.CPU, Objective.SPREAD, Objective.MEMORY, Objective.TRAFFIC, Objective.DEPLOYMENTS)
PACK = (Objective.TASK_MANAGERS, Objective.CPU)
ANY = (*BALANCE[:-1], Objective.BLAST, Objective.DEPLOYMENTS)
"""What may be asked for beside the highest CPU utilisation, which comes first."""
CPU_LEVEL = "maxCpuUtilisation"
"""The level of `Objective.CPU` in a placement."""


def objectives(text: str) -> tuple[Objective, ...]:
    """Return the levels that a list of names with commas stands for.

    CPU comes first, since it decides how far all others may go; how many deployments there are comes
    last, since no swap of single slots keeps that number.

    Raises:
        ValueError: when a name is unknown or stands twice, or the order is not possible.

    """
    known = [level.value for level in ANY]
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is not a level of the objective; there are {', '.join(known)}")
    if len(set(names)) < len(names):
        raise ValueError(f"{text!r} names a level twice")
    if not names or names[0] != Objective.CPU:
        raise ValueError("the objective begins with cpu: the other levels are within what it reaches")
    if Objective.DEPLOYMENTS in names[:-1]:
        raise ValueError("deployments can only be the last level of the objective")
    return tuple(map(Objective, names))


def is_packing(levels: Sequence[Objective]) -> bool:
    """Tell whether the number of TaskManagers counts first."""
    return bool(levels) and levels[0] is Objective.TASK_MANAGERS
