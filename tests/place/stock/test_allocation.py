"""Slot allocation as real Flink answered it (tests/oracles/make_allocation.py)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.place.stock.allocation import (
    Allocation,
    Mode,
    OpenTaskManager,
    Requirement,
    Rules,
    Worker,
    allocate,
)

HERE = Path(__file__).parents[2] / "oracles"
CORE = 10**8
Case = dict[str, Any]


def answer(case: Case) -> Allocation:
    """Return planner's allocation of a case."""
    worker = Worker(tuple(case["worker"]), case["slots"], memory_parts=3)
    task_managers = []
    for used in case["registered"]:
        tm = OpenTaskManager(worker.total, worker.default, worker.memory_parts)
        for amounts in used:
            tm.give(tuple(amounts))
        tm.given.clear()
        task_managers.append(tm)
    wanted = [Requirement(tuple(p) if p else None, count) for p, count in case["requirements"]]
    rules = Rules(Mode[case["mode"]], worker, case["redundant"], case["min_cpu"], case["min_memory"])
    return allocate(task_managers, wanted, rules)


def told(allocation: Allocation) -> Case:
    """Return an allocation in the form of the oracle; new TaskManagers have no order."""

    def counts(given: dict[tuple[int, ...], int]) -> list[Any]:
        return sorted([list(amounts), count] for amounts, count in given.items())

    return {
        "registered": [counts(given) for given in allocation.registered],
        "pending": sorted(counts(given) for given in allocation.pending),
        "unfulfillable": allocation.unfulfillable,
    }


def expected(case: Case) -> Case:
    return {**case["expected"], "pending": sorted(case["expected"]["pending"])}


def _amounts(profile: Any, default: list[int]) -> list[int]:
    if profile in ("DEFAULT", "UNKNOWN"):
        return default
    if isinstance(profile, str):
        cpu, heap, managed, network, gpu = profile.split(",")
        profile = {"cpu": cpu, "task_heap": heap, "managed": managed, "network": network, "gpu": gpu}
    parts = (int(profile[name]) for name in ("task_heap", "managed", "network"))
    return [int(Decimal(profile["cpu"]) * CORE), *parts, int(Decimal(profile["gpu"]) * CORE)]


def from_text(case: Case) -> Case:
    """Return a case whose profiles are spelled out in the form of this project's own."""
    worker = _amounts(case["tm_total"], [])
    default = [amount // case["num_slots"] for amount in worker]

    def counts(given: dict[str, int]) -> list[Any]:
        return sorted([_amounts(profile, default), count] for profile, count in given.items())

    registered = case["expected"]["registered"]
    return {
        "mode": case["mode"],
        "worker": worker,
        "slots": case["num_slots"],
        "redundant": case["redundant_tms"],
        "min_cpu": int(case["min_total_cpu"] * CORE),
        "min_memory": 0,
        "registered": [[_amounts(used, default) for used in row] for row in case["registered_tms"]],
        "requirements": [
            [None if r["profile"] == "UNKNOWN" else _amounts(r["profile"], default), r["count"]]
            for r in case["requirements"]
        ],
        "expected": {
            "registered": [counts(registered.get(str(n), {})) for n in range(len(case["registered_tms"]))],
            "pending": [counts(given) for given in case["expected"]["pending"]],
            "unfulfillable": case["expected"]["unfulfillable"],
        },
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = Path(metafunc.config.getoption("--oracles") or HERE)
    cases: list[Case] = []
    for path in sorted(folder.glob("*allocation.json")):
        data = json.loads(path.read_text())
        cases += data if isinstance(data, list) else map(from_text, data["cases"])
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases, ids=[f"{n}-{case['mode']}" for n, case in enumerate(cases)])


def test_allocation_is_flinks(case: Case) -> None:
    assert told(answer(case)) == expected(case)
