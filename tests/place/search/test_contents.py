"""All contents of a class are those that trying every combination finds."""

from __future__ import annotations

import itertools

from hypothesis import given

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from planner.place.cp_sat import add_knapsack, new_solver, run
from planner.place.model.contents import Pool, contents_within, every_content
from planner.place.model.problem import Problem, TaskManagerClass


def holds(problem: Problem, entry: TaskManagerClass, content: tuple[int, ...], cap: int | None) -> bool:
    used = [
        sum(n * slot.demand[r] for n, slot in zip(content, problem.types, strict=True))
        for r in range(len(problem.resources))
    ]
    load = sum(n * slot.load for n, slot in zip(content, problem.types, strict=True))
    limits = zip(used, entry.limits, strict=True)
    return all(limit is None or need <= limit for need, limit in limits) and (cap is None or load <= cap)


def combinations(problem: Problem) -> itertools.product[tuple[int, ...]]:
    return itertools.product(*(range(slot.count + 1) for slot in problem.types))


@SMALL
@given(problems(slots=3))
def test_contents_are_all_that_a_solution_may_use(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    caps = [best.numerator * entry.cpu // best.denominator for entry in problem.classes]
    free = (
        sum(cap * len(e.members) for cap, e in zip(caps, problem.classes, strict=True)) - problem.total_load
    )
    pool = every_content(problem, caps, clock())
    assert pool is not None
    assert pool.complete
    for entry, cap, contents in zip(problem.classes, caps, pool.contents, strict=True):
        loads = {
            content: sum(n * slot.load for n, slot in zip(content, problem.types, strict=True))
            for content in combinations(problem)
        }
        assert set(contents) == {
            content
            for content, load in loads.items()
            if holds(problem, entry, content, cap) and load >= cap - free
        }


@SMALL
@given(problems(slots=3))
def test_a_knapsack_allows_exactly_the_contents_within_limits(problem: Problem) -> None:
    from ortools.sat.python import cp_model

    for entry in problem.classes:
        model = cp_model.CpModel()
        counts = add_knapsack(model, problem, entry, None)
        model.maximize(sum(counts))
        solver = new_solver(clock(), 5.0, 1)
        assert run(solver, model, clock()) == cp_model.OPTIMAL
        content = tuple(solver.value(x) for x in counts)
        most = max(sum(c) for c in combinations(problem) if holds(problem, entry, c, None))
        assert holds(problem, entry, content, None)
        assert sum(content) == most


@SMALL
@given(problems(slots=3))
def test_contents_within_a_cap_are_those_of_a_load_up_to_it(problem: Problem) -> None:
    everything = [dict.fromkeys(combinations(problem)) for _ in problem.classes]
    caps = [entry.cpu // 2 for entry in problem.classes]
    for cap, before, kept in zip(
        caps, everything, contents_within(problem, caps, Pool(everything)).contents, strict=True
    ):
        loads = {
            one: sum(n * slot.load for n, slot in zip(one, problem.types, strict=True)) for one in before
        }
        assert list(kept) == [one for one in before if loads[one] <= cap]
