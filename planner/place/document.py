"""A result to the Placement document."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from planner.documents.base import API_VERSION, Metadata
from planner.documents.placement import (
    Decided,
    Imbalance,
    Inputs,
    Move,
    Moves,
    ObjectiveLevel,
    PlacedLoad,
    PlacedMemory,
    PlacedTaskManager,
    Placement,
    Samples,
    Slot,
    SlotLoad,
    StockStrategy,
)
from planner.documents.profile import ResourceProfile
from planner.documents.sensitive import masked
from planner.graph.job_graph import JobGraph
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import TaskManagerMemory
from planner.place.model.objective import CPU_LEVEL
from planner.place.model.problem import Problem
from planner.place.model.quotas import quota_options
from planner.place.model.slots import (
    JobSlot,
    SlotResources,
    highest,
    slot_resources,
    subtask_names,
    vertex_operators,
)
from planner.place.model.task_managers import Capacity, TaskManager, configured_memory
from planner.place.moves.move_list import MoveList
from planner.place.result import Result, rounded
from planner.place.spares import Spare, Spares
from planner.place.stock.prediction import Prediction
from planner.units import CORE, cpu_number


def placement_document(
    profile: ResourceProfile,
    job: JobGraph,
    slots: Sequence[JobSlot],
    result: Result,
    stock: Mapping[str, Prediction],
    inputs: Inputs,
    moves: MoveList | None = None,
    spares: Spares | None = None,
    balanced_mean: Fraction | None = None,
) -> Placement:
    """Return the placement that a solved ``result`` stands for.

    ``balanced_mean`` is what a placement that balances the mean of several samples comes to.

    Raises:
        ValueError: when the result holds no solution.

    """
    if result.solution is None:
        raise ValueError("there is no solution to write down")
    problem, resources = result.problem, slot_resources(profile)
    assigned = _assign(problem, slots, result.solution.counts)
    spares, operators = spares or Spares({}), vertex_operators(profile, job)

    @cache
    def content(capacity: Capacity, quotas: tuple[tuple[str, int], ...], tasks: int) -> _Content:
        return _content(capacity, dict(quotas), tasks, resources)

    task_managers = [
        _task_manager(operators, tm, assigned.get(index, []), content)
        for index, tm in enumerate(problem.task_managers)
    ]
    tasks = max((sum(len(slot.subtasks) for slot in tm.slots) for tm in task_managers), default=0)
    for index in problem.spare:
        offer = spares.offers.get(index, Spare({}, (0, 0, 0, 0)))
        task_managers[index] = _spare(task_managers[index], problem.task_managers[index], offer, tasks)
    utilisations = [
        Fraction(highest(assigned.get(i, [])), problem.task_managers[i].capacity.cpu) for i in problem.usable
    ]
    return Placement(
        api_version=API_VERSION,
        kind="Placement",
        metadata=profile.metadata or Metadata(name="job"),
        inputs=inputs,
        objective=_objective(result, task_managers),
        imbalance=imbalance(utilisations),
        slot_load=_slot_load(problem, slots, assigned),
        samples=_samples(result, balanced_mean),
        moves=_moves(moves) if moves else None,
        uncovered=list(spares.uncovered) or None,
        task_managers=task_managers,
        stock_flink={name: _stock(prediction) for name, prediction in stock.items()},  # type: ignore[misc]
    )


def _assign(
    problem: Problem, slots: Sequence[JobSlot], counts: Mapping[int, tuple[int, ...]]
) -> dict[int, list[JobSlot]]:
    """Give every TaskManager its slots: those of a type in order of their number."""
    waiting: dict[tuple[str, tuple[int, ...]], list[JobSlot]] = defaultdict(list)
    for slot in reversed(slots):
        waiting[problem.key_of(slot)].append(slot)
    assigned: dict[int, list[JobSlot]] = defaultdict(list)
    for tm in problem.usable:
        for slot_type, count in zip(problem.types, counts[tm], strict=True):
            assigned[tm] += [waiting[slot_type.key].pop() for _ in range(count)]
    return assigned


@dataclass(frozen=True, slots=True)
class _Content:
    """What follows for a TaskManager from its class and its quotas alone: the same for many."""

    load: dict[str, Any]
    utilisation: dict[str, float]
    memory: PlacedMemory


def _content(
    capacity: Capacity, quotas: Mapping[str, int], tasks: int, resources: Mapping[str, SlotResources]
) -> _Content:
    taken = [(resources[group], count) for group, count in quotas.items()]
    sizes = [
        sum(getattr(slot, part) * count for slot, count in taken)
        for part in ("heap", "off_heap", "managed", "network")
    ]
    memory = configured_memory(capacity, sizes, tasks)
    external: dict[str, Decimal] = {}
    for slot, count in taken:
        for name, amount in slot.external:
            external[name] = external.get(name, Decimal(0)) + amount * count
    reserved = sum(slot.cpu * count for slot, count in taken)
    load: dict[str, Any] = {
        "cpu_reserved": reserved,
        "heap": sizes[0],
        "off_heap": sizes[1],
        "managed": sizes[2],
        "network": sizes[3],
        "external": dict(sorted(external.items())),
    }
    shares = {
        "cpuReserved": (reserved, capacity.cpu),
        "memory": (sum(slot.memory * count for slot, count in taken), capacity.memory),
        "heap": (sizes[0], memory.task_heap),
        "offHeap": (sizes[1], memory.task_off_heap),
        "managed": (sizes[2], memory.managed),
        "network": (sizes[3], memory.network),
        "slots": (sum(quotas.values()), capacity.slots or 0),
        **{
            name: (int(external.get(name, Decimal(0)) * CORE), int(amount * CORE))
            for name, amount in capacity.external
        },
    }
    utilisation = {name: rounded(Fraction(used, whole)) for name, (used, whole) in shares.items() if whole}
    return _Content(load, utilisation, _memory(capacity, memory, quotas))


def _task_manager(
    operators: Sequence[Sequence[str]],
    tm: TaskManager,
    slots: Sequence[JobSlot],
    content: Callable[[Capacity, tuple[tuple[str, int], ...], int], _Content],
) -> PlacedTaskManager:
    quotas = dict(sorted(Counter([slot.group for slot in slots]).items()))
    names = [subtask_names(operators, slot) for slot in slots]
    found, cpu = content(tm.capacity, tuple(quotas.items()), sum(map(len, names))), highest(slots)
    return PlacedTaskManager.model_construct(
        id=tm.id,
        class_=tm.class_name,
        quotas=quotas,
        slots=[
            Slot.model_construct(group=slot.group, subtasks=subtasks)
            for slot, subtasks in zip(slots, names, strict=True)
        ],
        load=PlacedLoad.model_construct(cpu=cpu, **found.load),
        utilisation={"cpu": rounded(Fraction(cpu, tm.capacity.cpu)), **found.utilisation},
        memory=found.memory,
        # a placement is committed: names of secrets stay in it, secrets do not
        flink_configuration={key: masked(key, value) for key, value in tm.options} or None,
    )


def _memory(capacity: Capacity, memory: TaskManagerMemory, quotas: Mapping[str, int]) -> PlacedMemory:
    return PlacedMemory(
        jvm_arguments=jvm_arguments(memory),
        dynamic_options={
            "taskmanager.cpu.cores": str(float(cpu_number(capacity.cpu))),
            **memory.dynamic_options(),
            **quota_options(quotas, capacity.external),
        },
    )


def _spare(empty: PlacedTaskManager, tm: TaskManager, offer: Spare, tasks: int) -> PlacedTaskManager:
    """Return an empty TaskManager as one in reserve, ready for what it stands for and for so many tasks."""
    memory = configured_memory(tm.capacity, offer.parts, tasks)
    quotas = dict(sorted(offer.quotas.items()))
    return empty.model_copy(
        update={"reserve": True, "quotas": quotas, "memory": _memory(tm.capacity, memory, quotas)}
    )


def imbalance(utilisations: Sequence[Fraction]) -> Imbalance:
    """Return the three measures of imbalance over TaskManagers."""
    if not utilisations:
        return Imbalance(max=0, mean=0, min=0, max_over_mean=1, spread=0, cv=0)
    mean = sum(utilisations, Fraction(0)) / len(utilisations)
    deviation = math.sqrt(sum((u - mean) ** 2 for u in utilisations) / len(utilisations))
    most, least = max(utilisations), min(utilisations)
    return Imbalance(
        max=rounded(most),
        mean=rounded(mean),
        min=rounded(least),
        max_over_mean=rounded(most / mean) if mean else 1.0,
        spread=rounded(most - least),
        cv=rounded(deviation / float(mean)) if mean else 0.0,
    )


def _objective(result: Result, task_managers: Sequence[PlacedTaskManager]) -> list[ObjectiveLevel]:
    found = []
    for level in result.levels:
        bound = level.bound
        found.append(
            ObjectiveLevel(
                name=level.name,
                value=rounded(level.value),
                bound=rounded(bound.value) if bound else None,
                bound_kind=bound.kind if bound else None,
                gap=rounded(level.value / bound.value - 1) if bound and bound.value else None,
                status="optimal" if level.optimal else "feasible",
                decided_by=_decided(result, task_managers) if level.name == CPU_LEVEL else None,
            )
        )
    return found


def _decided(result: Result, task_managers: Sequence[PlacedTaskManager]) -> Decided | None:
    """Return the TaskManager with the highest CPU utilisation, and the group that loads it most."""
    solution, problem = result.solution, result.problem
    if solution is None or not problem.types:
        return None
    utilisation = solution.utilisations(problem)
    tm = max(utilisation, key=lambda index: utilisation[index])
    sample = _deciding(solution.loads(problem)[tm])
    loads: Counter[str] = Counter()
    for slot, count in zip(problem.types, solution.counts[tm], strict=True):
        loads[slot.group] += slot.samples[sample] * count
    return Decided(task_manager=task_managers[tm].id, group=max(loads, key=lambda group: loads[group]))


def _samples(result: Result, balanced_mean: Fraction | None) -> Samples | None:
    """Return how many samples the load has and which of them decides, None where it has one."""
    solution, problem = result.solution, result.problem
    if solution is None or problem.samples == 1:
        return None
    utilisation, loads = solution.utilisations(problem), solution.loads(problem)
    tm = max(utilisation, key=lambda index: utilisation[index])
    return Samples(
        count=problem.samples,
        decided_by=_deciding(loads[tm]) + 1,
        balanced_mean=None if balanced_mean is None else rounded(balanced_mean),
    )


def _deciding(loads: Sequence[int]) -> int:
    """Return the number of the sample in which a load is highest, the first of several."""
    return loads.index(max(loads))


def _moves(moves: MoveList) -> Moves:
    return Moves(
        slack=rounded(moves.slack),
        moved=moves.moved,
        weight=rounded(moves.weight),
        lost=moves.lost,
        added=moves.added,
        removed=moves.removed,
        steps=[
            Move.model_construct(group=step.group, slots=step.slots, from_=step.source, to=step.target)
            for step in moves.steps
        ],
    )


def _slot_load(
    problem: Problem, slots: Sequence[JobSlot], assigned: Mapping[int, list[JobSlot]]
) -> SlotLoad | None:
    """Return the range of the highest utilisation over all ways in which Flink may fill the quotas."""
    by_group: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for slot in slots:
        by_group[slot.group].append(slot.loads)
    if all(len(set(loads)) == 1 for loads in by_group.values()):
        return None
    heaviest = {
        group: [sorted(sample, reverse=True) for sample in zip(*loads, strict=True)]
        for group, loads in by_group.items()
    }
    worst, planned = Fraction(0), Fraction(0)
    for tm in problem.usable:
        mine = assigned.get(tm, [])
        cpu = problem.task_managers[tm].capacity.cpu
        quotas = Counter(slot.group for slot in mine)
        for sample in range(problem.samples):
            most = sum(sum(heaviest[group][sample][:count]) for group, count in quotas.items())
            worst = max(worst, Fraction(most, cpu))
        planned = max(planned, Fraction(highest(mine), cpu))
    return SlotLoad(best=rounded(planned), worst=rounded(worst))


def _stock(prediction: Prediction) -> StockStrategy:
    if prediction.median is None or prediction.lowest is None or prediction.highest is None:
        return StockStrategy(fits=False)
    return StockStrategy(
        max=rounded(prediction.median),
        lowest=rounded(prediction.lowest),
        highest=rounded(prediction.highest),
        fits=True,
    )
