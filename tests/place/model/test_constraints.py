"""Where groups may stand: every constraint holds in the solution, and a solution is found if there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from planner.documents.job import GroupPlacement
from planner.place.clock import Clock, Stop
from planner.place.model.constraints import zone_choices
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem, Solution, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import TaskManager
from planner.place.result import Status
from planner.place.solve import solve

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
SLOT = SlotResources(cpu=0, heap=0, off_heap=0, managed=0, network=0)


@st.composite
def constrained(draw: st.DrawFn) -> tuple[list[JobSlot], Sequence[TaskManager], dict[str, GroupPlacement]]:
    base = draw(problems(groups=2, task_managers=4, slots=4))
    task_managers = [
        replace(tm, labels=(("zone", draw(st.sampled_from("ab"))),)) for tm in base.task_managers
    ]
    slots = [JobSlot(t.group, ((0, 0),), t.load * base.grain) for t in base.types for _ in range(t.count)]
    names = [tm.id for tm in task_managers]
    some = st.lists(st.sampled_from(names), max_size=2, unique=True)
    wanted = {
        group: GroupPlacement(
            pinned=draw(some),
            forbidden=draw(some),
            max_per_task_manager=draw(st.sampled_from([None, 1, 2])),
            min_task_managers=draw(st.sampled_from([None, 1, 2])),
            min_zones=draw(st.sampled_from([None, 1, 2])),
            anti_affinity=draw(st.sampled_from([[], ["g0"], ["g1"]])),
        )
        for group in {slot.group for slot in slots}
    }
    return slots, task_managers, wanted


def broken(
    quotas: Mapping[str, Counter[str]],
    task_managers: Sequence[TaskManager],
    wanted: Mapping[str, GroupPlacement],
) -> list[str]:
    """Say which constraints quotas (by TaskManager) do not keep, from their meaning alone."""
    found = []
    zone_of = {tm.id: dict(tm.labels)["zone"] for tm in task_managers}
    for group, rule in wanted.items():
        where = {name: held[group] for name, held in quotas.items() if held[group]}
        if rule.pinned and set(where) - set(rule.pinned):
            found.append(f"{group} off its pins")
        if set(where) & set(rule.forbidden):
            found.append(f"{group} where forbidden")
        if rule.max_per_task_manager and max(where.values(), default=0) > rule.max_per_task_manager:
            found.append(f"{group} crowded")
        if rule.min_task_managers and len(where) < rule.min_task_managers:
            found.append(f"{group} on too few")
        if rule.min_zones and len({zone_of[name] for name in where}) < rule.min_zones:
            found.append(f"{group} in too few zones")
        found += [
            f"{group} beside {other}"
            for other in rule.anti_affinity
            if other != group and any(quotas[name][other] for name in where)
        ]
    return found


def quotas_of(problem: Problem, solution: Solution) -> dict[str, Counter[str]]:
    found = {}
    for tm in problem.usable:
        held: Counter[str] = Counter()
        for slot, count in zip(problem.types, solution.counts[tm], strict=True):
            held[slot.group] += count
        found[problem.task_managers[tm].id] = held
    return found


def every_way(slots: Sequence[JobSlot], task_managers: Sequence[TaskManager]) -> Problem:
    resources = dict.fromkeys({slot.group for slot in slots}, SLOT)
    return build_problem(slots, resources, task_managers)


@SMALL
@given(constrained())
def test_constraints_hold(
    case: tuple[list[JobSlot], Sequence[TaskManager], dict[str, GroupPlacement]],
) -> None:
    slots, task_managers, wanted = case
    counts = Counter(slot.group for slot in slots)
    if any(max(r.min_task_managers or 0, r.min_zones or 0) > counts[g] for g, r in wanted.items()):
        return  # refused by rule GRA311
    resources = dict.fromkeys(counts, SLOT)
    for zones in zone_choices(wanted, task_managers)[0]:
        problem = build_problem(slots, resources, task_managers, 0, wanted, zones)
        result = solve(problem, Clock(Stop(seconds=20)), objective=(Objective.CPU,))
        best = exhaustive(problem)
        if best is None:
            assert result.status is Status.INFEASIBLE
            continue
        assert result.solution is not None
        assert result.solution.max_utilisation(problem) == best
        assert broken(quotas_of(problem, result.solution), task_managers, wanted) == []


@SMALL
@given(constrained())
def test_a_way_that_keeps_all_constraints_is_found(
    case: tuple[list[JobSlot], Sequence[TaskManager], dict[str, GroupPlacement]],
) -> None:
    """No choice of slots or zones to set aside loses a placement: those by meaning are those of a model."""
    slots, task_managers, wanted = case
    slots = [replace(slot, load=0) for slot in slots]
    counts = Counter(slot.group for slot in slots)
    if any(max(r.min_task_managers or 0, r.min_zones or 0) > counts[g] for g, r in wanted.items()):
        return
    resources = dict.fromkeys(counts, SLOT)
    models = [
        build_problem(slots, resources, task_managers, 0, wanted, z)
        for z in zone_choices(wanted, task_managers)[0]
    ]
    free = every_way(slots, task_managers)
    unlimited = replace(
        free, classes=tuple(replace(c, limits=tuple(None for _ in c.limits)) for c in free.classes)
    )
    relaxed = [
        replace(
            model,
            classes=tuple(
                replace(c, limits=(*[None] * len(free.resources), *c.limits[len(free.resources) :]))
                for c in model.classes
            ),
        )
        for model in models
    ]
    assert any(exhaustive(model) is not None for model in relaxed) == any(
        not broken(way, task_managers, wanted) for way in _ways(unlimited, task_managers)
    )


def _ways(problem: Problem, task_managers: Sequence[TaskManager]) -> list[dict[str, Counter[str]]]:
    """Return every way to spread groups over TaskManagers."""
    import itertools

    from place.instances import splits

    found = []
    for choice in itertools.product(*(splits(slot.count, len(task_managers)) for slot in problem.types)):
        quotas: dict[str, Counter[str]] = {tm.id: Counter() for tm in task_managers}
        for slot, way in zip(problem.types, choice, strict=True):
            for tm, count in zip(task_managers, way, strict=True):
                quotas[tm.id][slot.group] += count
        found.append(quotas)
    return found
