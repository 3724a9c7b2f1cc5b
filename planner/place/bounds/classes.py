"""A lower bound from a linear program over classes: slots may be split, TaskManagers of a class are one."""

from __future__ import annotations

from fractions import Fraction

from ortools.linear_solver import pywraplp

from planner.place.bounds.area import Bound, fits_alone, next_level
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS


def class_bound(problem: Problem) -> Bound | None:
    """Return the bound, None where the program is too big or has no solution.

    The solver's prices are only a suggestion: for any prices b_c of CPU and g_cr of resources that are
    not negative, with sum(K_c cpu_c b_c) = 1, no placement is better than
    sum(n_t min_c(b_c load_t + sum_r g_cr need_tr)) - sum(K_c g_cr limit_cr). That is computed exactly.
    """
    classes, types = problem.classes, problem.types
    if len(classes) * len(types) > PARAMETERS.class_bound_variables:
        return None
    allowed = [[c for c, entry in enumerate(classes) if fits_alone(slot, entry)] for slot in types]
    limits = [
        {r: limit for r, limit in enumerate(entry.limits) if limit and any(slot.demand[r] for slot in types)}
        for entry in classes
    ]
    solver = pywraplp.Solver.CreateSolver("GLOP")
    infinity = solver.infinity()
    top = solver.NumVar(0, infinity, "")
    objective = solver.Objective()
    objective.SetMinimization()
    objective.SetCoefficient(top, 1)
    load_rows = [solver.Constraint(-infinity, 0) for _ in classes]
    # in shares of all CPU, so that prices are of the order of one however fine the grain is
    scale = problem.total_cpu
    for row, entry in zip(load_rows, classes, strict=True):
        row.SetCoefficient(top, -entry.cpu * len(entry.members) / scale)
    rows = [
        {r: solver.Constraint(-infinity, len(entry.members)) for r in mine}
        for entry, mine in zip(classes, limits, strict=True)
    ]
    for slot, choices in zip(types, allowed, strict=True):
        placed = solver.Constraint(slot.count, slot.count)
        for c in choices:
            variable = solver.NumVar(0, infinity, "")
            placed.SetCoefficient(variable, 1)
            load_rows[c].SetCoefficient(variable, slot.load / scale)
            for r, row in rows[c].items():
                if slot.demand[r]:
                    row.SetCoefficient(variable, slot.demand[r] / limits[c][r])
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return None
    cpu_prices = [_price(row) / scale for row in load_rows]
    whole = sum(
        (price * entry.cpu * len(entry.members) for price, entry in zip(cpu_prices, classes, strict=True)),
        Fraction(0),
    )
    if not whole:
        return None
    cpu_prices = [price / whole for price in cpu_prices]
    prices = [
        {r: _price(row) / whole / limits[c][r] for r, row in mine.items()} for c, mine in enumerate(rows)
    ]
    value = Fraction(0)
    for slot, choices in zip(types, allowed, strict=True):
        value += slot.count * min(
            cpu_prices[c] * slot.load + sum(price * slot.demand[r] for r, price in prices[c].items())
            for c in choices
        )
    for c, entry in enumerate(classes):
        value -= len(entry.members) * sum(price * limits[c][r] for r, price in prices[c].items())
    return Bound(next_level(problem, value), "class-lp")


def _price(row: pywraplp.Constraint) -> Fraction:
    return Fraction(max(-row.dual_value(), 0.0)).limit_denominator(PARAMETERS.price_denominator)
