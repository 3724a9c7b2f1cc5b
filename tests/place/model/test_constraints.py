"""Where groups may stand and what is in reserve: the answer is that of every way there is, by meaning alone."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from place.instances import problems, splits
from planner.documents.cluster import Reserve
from planner.documents.job import GroupPlacement
from planner.place import choose
from planner.place.choose import choose_and_solve
from planner.place.clock import Clock, Stop
from planner.place.infeasible import possible
from planner.place.model.choices import choices, settle
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import TaskManager
from planner.place.result import Result, Status

SMALL = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Case:
    """Slots with their resources by group, TaskManagers, what groups want, and how many are in reserve."""

    slots: Sequence[JobSlot]
    resources: Mapping[str, SlotResources]
    task_managers: Sequence[TaskManager]
    wanted: Mapping[str, GroupPlacement]
    reserve: int

    def problem(self) -> Problem:
        reserve = Reserve(task_managers=self.reserve)
        return build_problem(self.slots, self.resources, self.task_managers, reserve, dict(self.wanted))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    base = draw(problems(groups=2, task_managers=3, slots=3))
    task_managers = [
        replace(tm, labels=(("zone", zone),) if (zone := draw(st.sampled_from(["a", "b", ""]))) else ())
        for tm in base.task_managers
    ]
    slots = [JobSlot(t.group, ((0, 0),), (t.load * base.grain,)) for t in base.types for _ in range(t.count)]
    demands = {t.group: t.demand for t in base.types}
    resources = {
        group: SlotResources(cpu=d[0], heap=d[2], off_heap=d[3], managed=d[4], network=d[5])
        for group, d in demands.items()
    }
    some = st.lists(st.sampled_from([tm.id for tm in task_managers]), max_size=2, unique=True)
    wanted = {
        group: GroupPlacement(
            pinned=draw(some),
            forbidden=draw(some),
            max_per_task_manager=draw(st.sampled_from([None, None, 1, 2])),
            min_task_managers=draw(st.sampled_from([None, 1, 2])),
            min_zones=draw(st.sampled_from([None, None, 1, 2])),
            anti_affinity=draw(st.sampled_from([[], ["g0"], ["g1"]])),
        )
        for group in demands
    }
    return Case(slots, resources, task_managers, wanted, draw(st.sampled_from([0, 0, 1, 2])))


def broken(
    quotas: Mapping[str, Counter[str]],
    task_managers: Sequence[TaskManager],
    wanted: Mapping[str, GroupPlacement],
) -> list[str]:
    """Say which constraints quotas (by TaskManager) do not keep, from their meaning alone."""
    found = []
    zone_of = {tm.id: dict(tm.labels).get("zone") for tm in task_managers}
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
        if rule.min_zones and len({zone_of[name] for name in where} - {None}) < rule.min_zones:
            found.append(f"{group} in too few zones")
        found += [
            f"{group} beside {other}"
            for other in rule.anti_affinity
            if other != group and any(quotas[name][other] for name in where)
        ]
    return found


def fits(case: Case, held: Counter[str], tm: TaskManager) -> bool:
    """Tell whether a TaskManager has room for slots, by group."""
    cpu = sum(case.resources[group].cpu * n for group, n in held.items())
    memory = sum(case.resources[group].memory * n for group, n in held.items())
    slots = tm.capacity.slots
    return (
        cpu <= tm.capacity.cpu and memory <= tm.capacity.memory and (slots is None or held.total() <= slots)
    )


def in_reserve(case: Case, quotas: Mapping[str, Counter[str]]) -> bool:
    """Tell whether enough TaskManagers are empty on each of which fits what any other one holds."""
    able = [
        tm
        for tm in case.task_managers
        if not quotas[tm.id].total() and all(fits(case, held, tm) for held in quotas.values())
    ]
    return len(able) >= min(case.reserve, len(case.task_managers))


def best_of_all(case: Case) -> Fraction | None:
    """Return the least highest utilisation over every way to place the slots, None if there is none."""
    values = [
        max(Fraction(sum(loads), tm.capacity.cpu) for tm, loads in zip(case.task_managers, way, strict=True))
        for way, quotas in ways(case)
        if all(fits(case, quotas[tm.id], tm) for tm in case.task_managers)
        and in_reserve(case, quotas)
        and not broken(quotas, case.task_managers, case.wanted)
    ]
    return min(values, default=None)


def ways(case: Case) -> Iterator[tuple[list[list[int]], dict[str, Counter[str]]]]:
    """Yield every way to spread the slots: the loads on each TaskManager, and its slots by group."""
    kinds = Counter((slot.group, slot.loads) for slot in case.slots)
    places = len(case.task_managers)
    for choice in itertools.product(*(splits(count, places) for count in kinds.values())):
        loads: list[list[int]] = [[] for _ in range(places)]
        quotas: dict[str, Counter[str]] = {tm.id: Counter() for tm in case.task_managers}
        for (group, (load,)), way in zip(kinds, choice, strict=True):
            for row, tm, count in zip(loads, case.task_managers, way, strict=True):
                row += [load] * count
                if count:
                    quotas[tm.id][group] += count
        yield loads, quotas


def quotas_of(result: Result, task_managers: Sequence[TaskManager]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {tm.id: Counter() for tm in task_managers}
    assert result.solution is not None
    for tm, row in result.solution.counts.items():
        for slot, count in zip(result.problem.types, row, strict=True):
            if count:
                found[task_managers[tm].id][slot.group] += count
    return found


def check(case: Case) -> None:
    problem, best = case.problem(), best_of_all(case)
    result = choose_and_solve(problem, Clock(Stop(seconds=300)), objective=(Objective.CPU,))
    if best is None:
        assert result.status is Status.INFEASIBLE
        return
    assert result.status is Status.OPTIMAL
    assert result.levels[0].value == best
    quotas = quotas_of(result, case.task_managers)
    assert broken(quotas, case.task_managers, case.wanted) == []
    assert in_reserve(case, quotas)
    assert all(not quotas[case.task_managers[tm].id].total() for tm in result.problem.spare)


@SMALL
@given(cases())
def test_the_answer_is_that_of_every_way(case: Case) -> None:
    check(case)


@SMALL
@given(cases())
def test_without_cp_sat_over_all_choices_it_is_the_same(case: Case) -> None:
    """Large problems are settled one choice after the other; here that is compared with every way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "is_small", lambda _: False)
        check(case)


@SMALL
@given(cases())
def test_choices_are_all_there_are(case: Case) -> None:
    """No choice loses a placement: together they have one where the meaning of the constraints has one."""
    problem = case.problem()
    ways, complete = choices(problem)
    assert complete
    clock = Clock(Stop(seconds=300))
    some = any(possible(settle(problem, choice), clock) for choice in ways)
    assert some == (best_of_all(case) is not None)
