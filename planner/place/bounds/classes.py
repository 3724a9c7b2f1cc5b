"""A lower bound from a linear program over classes: slots may be split, TaskManagers of a class are one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ortools.linear_solver import pywraplp

from planner.place.bounds.area import Bound, heaviest_samples, next_level
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS


@dataclass(frozen=True)
class Prices:
    """Prices by class, none negative: of one unit of load, and of one unit of each resource by its number."""

    load: Sequence[Fraction]
    resources: Sequence[Mapping[int, Fraction]]


@dataclass(frozen=True)
class _Program:
    """The linear program: how many slots of a type stand on a class, and how high utilisation is.

    ``load_rows`` say by class that its load is within the utilisation, ``resource_rows`` by class and
    resource that no more is used than there is.
    """

    solver: pywraplp.Solver
    load_rows: list[pywraplp.Constraint]
    resource_rows: list[dict[int, pywraplp.Constraint]]


def class_bound(problem: Problem) -> Bound | None:
    """Return the best bound of the heaviest samples, None where the program is too big or has no solution.

    The solver's prices are only a suggestion: the bound is what `value_at` makes of them exactly, which is
    right for any prices.
    """
    if len(problem.classes) * len(problem.types) > PARAMETERS.class_bound_variables:
        return None
    found = [_bound(one) for one in heaviest_samples(problem, PARAMETERS.bounded_samples)]
    return max((one for one in found if one is not None), key=lambda bound: bound.value, default=None)


def _bound(problem: Problem) -> Bound | None:
    """Return the bound of a problem with one sample."""
    program = _program(problem)
    if program.solver.Solve() != pywraplp.Solver.OPTIMAL:
        return None
    prices = _prices(problem, program)
    return None if prices is None else Bound(next_level(problem, value_at(problem, prices)), "class-lp")


def value_at(problem: Problem, prices: Prices) -> Fraction:
    """Return a utilisation that no placement is below.

    By weak duality of the linear program: for prices b_c of load and g_cr of resources that are not
    negative, with sum(K_c cpu_c b_c) = 1 over classes of K_c TaskManagers, that is
    sum(n_t min_c(b_c load_t + sum_r g_cr need_tr)) - sum(K_c g_cr limit_cr), the least over classes that
    can hold a slot of type t. Every type has to fit a class.
    """
    value = Fraction(0)
    for slot, choices in zip(problem.types, _choices(problem), strict=True):
        value += slot.count * min(
            prices.load[c] * slot.load
            + sum(price * slot.demand[r] for r, price in prices.resources[c].items())
            for c in choices
        )
    for c, entry in enumerate(problem.classes):
        value -= len(entry.members) * sum(
            price * (entry.limits[r] or 0) for r, price in prices.resources[c].items()
        )
    return value


def _choices(problem: Problem) -> list[list[int]]:
    """Return for each type the classes that can hold a slot of it."""
    return [[c for c, entry in enumerate(problem.classes) if entry.can_hold(slot)] for slot in problem.types]


def _limits(problem: Problem) -> list[dict[int, int]]:
    """Return for each class its limits that matter, by number of the resource."""
    return [
        {
            r: limit
            for r, limit in enumerate(entry.limits)
            if limit and any(slot.demand[r] for slot in problem.types)
        }
        for entry in problem.classes
    ]


def _program(problem: Problem) -> _Program:
    """Build the linear program. In shares of what there is, prices are of the order of one."""
    classes, limits, whole = problem.classes, _limits(problem), problem.total_cpu
    solver = pywraplp.Solver.CreateSolver("GLOP")
    infinity = solver.infinity()
    top = solver.NumVar(0, infinity, "")
    objective = solver.Objective()
    objective.SetMinimization()
    objective.SetCoefficient(top, 1)
    load_rows = [solver.Constraint(-infinity, 0) for _ in classes]
    for row, entry in zip(load_rows, classes, strict=True):
        row.SetCoefficient(top, -entry.cpu * len(entry.members) / whole)
    resource_rows = [
        {r: solver.Constraint(-infinity, len(entry.members)) for r in mine}
        for entry, mine in zip(classes, limits, strict=True)
    ]
    for slot, choices in zip(problem.types, _choices(problem), strict=True):
        placed = solver.Constraint(slot.count, slot.count)
        for c in choices:
            count = solver.NumVar(0, infinity, "")
            placed.SetCoefficient(count, 1)
            load_rows[c].SetCoefficient(count, slot.load / whole)
            for r, row in resource_rows[c].items():
                if slot.demand[r]:
                    row.SetCoefficient(count, slot.demand[r] / limits[c][r])
    return _Program(solver, load_rows, resource_rows)


def _prices(problem: Problem, program: _Program) -> Prices | None:
    """Return the prices of a solved program, scaled so that all CPU costs one; None if it is free."""
    classes, limits = problem.classes, _limits(problem)
    load = [_price(row) / problem.total_cpu for row in program.load_rows]
    whole = sum(
        (price * entry.cpu * len(entry.members) for price, entry in zip(load, classes, strict=True)),
        Fraction(0),
    )
    if not whole:
        return None
    return Prices(
        [price / whole for price in load],
        [
            {r: _price(row) / whole / limits[c][r] for r, row in rows.items()}
            for c, rows in enumerate(program.resource_rows)
        ],
    )


def _price(row: pywraplp.Constraint) -> Fraction:
    return Fraction(max(-row.dual_value(), 0.0)).limit_denominator(PARAMETERS.price_denominator)
