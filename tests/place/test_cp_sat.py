"""CP-SAT's knapsack of one TaskManager, and its work on the clock."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.sat.python import cp_model

from place.search.states import SMALL
from place.ways import rich_problems, simple
from planner.place.clock import Clock, Stop
from planner.place.cp_sat import add_knapsack, is_small, new_solver, run
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS


class Every(cp_model.CpSolverSolutionCallback):
    """All values of some variables."""

    def __init__(self, variables: list[cp_model.IntVar]) -> None:
        super().__init__()
        self.variables = variables
        self.found: set[tuple[int, ...]] = set()

    def on_solution_callback(self) -> None:
        self.found.add(tuple(self.value(x) for x in self.variables))


@settings(parent=SMALL, max_examples=30)
@given(rich_problems(), st.sampled_from([None, 0, 3, 8]))
def test_a_knapsack_is_every_content_within_limits_and_without_rivals(
    problem: Problem, cap: int | None
) -> None:
    for entry in problem.classes:
        model = cp_model.CpModel()
        every = Every(add_knapsack(model, problem, entry, cap))
        solver = cp_model.CpSolver()
        solver.parameters.enumerate_all_solutions = True
        solver.parameters.num_workers = 1
        assert solver.solve(model, every) == cp_model.OPTIMAL
        expected = set()
        for content in itertools.product(*(range(slot.count + 1) for slot in problem.types)):
            used = [
                sum(n * slot.demand[r] for n, slot in zip(content, problem.types, strict=True))
                for r in range(len(entry.limits))
            ]
            load = sum(n * slot.load for n, slot in zip(content, problem.types, strict=True))
            if (
                all(top is None or need <= top for need, top in zip(used, entry.limits, strict=True))
                and (cap is None or load <= cap)
                and not any(content[a] and content[b] for a, b in problem.rivals)
            ):
                expected.add(content)
        assert every.found == expected


def hard() -> tuple[cp_model.CpModel, list[cp_model.IntVar]]:
    """Return a market split problem (Cornuejols and Dawande 1998), which takes more than any budget here."""
    model, rng = cp_model.CpModel(), Random(1)
    x = [model.new_bool_var("") for _ in range(60)]
    for _ in range(7):
        sizes = [rng.randrange(1, 1000) for _ in x]
        model.add(sum(size * one for size, one in zip(sizes, x, strict=True)) == sum(sizes) // 2)
    return model, x


def test_work_is_charged_and_ends_the_search_at_the_same_point() -> None:
    ends = []
    for _ in range(2):
        whole = Clock(Stop(seconds=600))
        before = whole.left()
        model, _ = hard()
        solver = new_solver(whole, 0.2, 1)
        run(solver, model, whole)
        assert before - whole.left() == pytest.approx(0.2, rel=0.5)
        ends.append((solver.response_proto.deterministic_time, solver.num_conflicts))
    assert ends[0] == ends[1]


def test_an_interrupt_ends_the_search() -> None:
    asked: list[int] = []

    def interrupted() -> bool:
        asked.append(1)
        return len(asked) > 3

    stop = Clock(Stop(seconds=600, interrupted=interrupted))
    model, _ = hard()
    solver = new_solver(stop, 500.0, 1)
    assert run(solver, model, stop) == cp_model.UNKNOWN
    assert solver.response_proto.deterministic_time * PARAMETERS.work_of_cp_sat < 500


def test_small_is_by_the_number_of_counts() -> None:
    most = PARAMETERS.exact_variables
    assert is_small(simple([("a", 1, 1)], [1] * most))
    assert not is_small(simple([("a", 1, 1)], [1] * (most + 1)))
    assert not is_small(simple([("a", 1, 1), ("b", 1, 1)], [1] * (most // 2 + 1)))
