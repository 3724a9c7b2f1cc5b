"""Timefold: a planning entity for every slot; limits are hard, the balance of the CPU load is soft."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

sys.path.pop(0)  # this file has the name of the package
from timefold.solver import SolverFactory
from timefold.solver.config import (
    Duration,
    ScoreDirectorFactoryConfig,
    SolverConfig,
    TerminationConfig,
)
from timefold.solver.domain import (
    PlanningEntityCollectionProperty,
    PlanningId,
    PlanningScore,
    PlanningVariable,
    ProblemFactCollectionProperty,
    ValueRangeProvider,
    planning_entity,
    planning_solution,
)
from timefold.solver.score import ConstraintCollectors, HardSoftScore, constraint_provider

sys.path.insert(0, str(Path(__file__).parent))
from common import Counts, counts, main, slots


@dataclass
class TaskManager:
    id: int
    cpu: int
    memory: int
    heap: int
    off_heap: int
    managed: int
    slots: int


@planning_entity
@dataclass
class Slot:
    id: Annotated[int, PlanningId]
    load: int
    cpu: int
    memory: int
    heap: int
    off_heap: int
    managed: int
    tm: Annotated[TaskManager | None, PlanningVariable] = field(default=None)


@constraint_provider
def constraints(factory):
    def over(name, need, limit):
        return (
            factory.for_each(Slot)
            .group_by(lambda slot: slot.tm, ConstraintCollectors.sum(need))
            .filter(lambda tm, used: used > limit(tm))
            .penalize(HardSoftScore.ONE_HARD, lambda tm, used: used - limit(tm))
            .as_constraint(name)
        )

    return [
        over("cpu", lambda s: s.cpu, lambda h: h.cpu),
        over("memory", lambda s: s.memory, lambda h: h.memory),
        over("heap", lambda s: s.heap, lambda h: h.heap),
        over("off-heap", lambda s: s.off_heap, lambda h: h.off_heap),
        over("managed", lambda s: s.managed, lambda h: h.managed),
        over("slots", lambda s: 1, lambda h: h.slots),
        factory.for_each(Slot)
        .group_by(lambda slot: slot.tm, ConstraintCollectors.sum(lambda slot: slot.load))
        .penalize(HardSoftScore.ONE_SOFT, lambda tm, load: (load * load) // tm.cpu)
        .as_constraint("balance"),
    ]


@planning_solution
@dataclass
class Plan:
    task_managers: Annotated[list[TaskManager], ProblemFactCollectionProperty, ValueRangeProvider]
    slots: Annotated[list[Slot], PlanningEntityCollectionProperty]
    score: Annotated[HardSoftScore | None, PlanningScore] = field(default=None)


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Minimise the sum over TaskManagers of load squared by capacity."""
    names = instance["resources"]
    unit = {"cpu": instance["cpuUnit"], **dict.fromkeys(("memory", "heap", "offHeap", "managed"), 2**20)}

    def rounded(values: list[int | None], up: bool) -> list[int]:
        found = []
        for name in ("cpu", "memory", "heap", "offHeap", "managed"):
            value = values[names.index(name)]
            whole = 2**30 * unit[name] if value is None else value
            found.append(-(-whole // unit[name]) if up else whole // unit[name])
        return found

    task_managers = [
        TaskManager(m, *rounded(h["limits"], up=False), h["limits"][names.index("slots")] or 2**30)
        for m, h in enumerate(instance["task_managers"])
    ]
    entities = []
    for number, t in enumerate(slots(instance)):
        entry = instance["types"][t]
        cpu, *memory = rounded(entry["demand"], up=True)
        entities.append(Slot(number, entry["load"] * instance["grain"] // unit["cpu"], cpu, *memory))
    config = SolverConfig(
        solution_class=Plan,
        entity_class_list=[Slot],
        score_director_factory_config=ScoreDirectorFactoryConfig(constraint_provider_function=constraints),
        termination_config=TerminationConfig(spent_limit=Duration(milliseconds=round(seconds * 1000))),
    )
    found = SolverFactory.create(config).build_solver().solve(Plan(task_managers, entities))
    # a slot without a TaskManager: time was up while Timefold built its first placement
    if found.score.hard_score < 0 or any(slot.tm is None for slot in found.slots):
        return None
    return counts(instance, [slot.tm.id for slot in found.slots])


if __name__ == "__main__":
    main(solve)
