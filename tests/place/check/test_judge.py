"""Every sample's placement passes the checker, and the checker sees what is wrong with a spoiled one."""

from __future__ import annotations

import pytest

from planner.api import compile_job, place
from planner.documents.cluster import Cluster
from planner.documents.placement import PlacedLoad, Placement
from planner.documents.profile import ResourceProfile
from planner.place.check.judge import check
from planner.place.model.objective import Objective
from samples import SAMPLES, cluster_of, job_of

Case = tuple[Placement, ResourceProfile, Cluster]


@pytest.fixture(scope="module", params=SAMPLES)
def case(request: pytest.FixtureRequest) -> Case:
    job, cluster = job_of(request.param), cluster_of(request.param)
    return place(job, cluster), compile_job(job)[0], cluster


def test_placements_of_samples_hold(case: Case) -> None:
    assert check(*case) == []


def test_samples_are_placed_with_proof(case: Case) -> None:
    placement = case[0]
    assert placement.objective[0].status == "optimal"
    stock = [s.max for s in placement.stock_flink.values() if s.max is not None]
    assert all(placement.imbalance.max <= value for value in stock)


def test_the_checker_sees_a_slot_moved_away(case: Case) -> None:
    placement, profile, cluster = case
    first = next(tm for tm in placement.task_managers if tm.slots)
    spoiled = first.model_copy(update={"slots": first.slots[1:]})
    changed = [spoiled if tm is first else tm for tm in placement.task_managers]
    problems = check(placement.model_copy(update={"task_managers": changed}), profile, cluster)
    assert any("is not placed" in text for text in problems)
    assert any("quotas differ" in text for text in problems)


def test_the_checker_sees_too_much_on_one(case: Case) -> None:
    placement, profile, cluster = case
    every = [slot for tm in placement.task_managers for slot in tm.slots]
    smallest = min(placement.task_managers, key=lambda tm: tm.load.cpu)
    changed = [
        tm.model_copy(update={"slots": every if tm is smallest else []}) for tm in placement.task_managers
    ]
    problems = check(placement.model_copy(update={"task_managers": changed}), profile, cluster)
    assert any(
        text.startswith(f"{smallest.id}: slots take ") and " of memory, there is " in text
        for text in problems
    )


def test_the_checker_sees_wrong_figures(case: Case) -> None:
    placement, profile, cluster = case
    first = next(tm for tm in placement.task_managers if tm.slots)
    load = PlacedLoad.model_construct(**{**dict(first.load), "heap": first.load.heap + 1})
    changed = [tm.model_copy(update={"load": load}) if tm is first else tm for tm in placement.task_managers]
    assert check(placement.model_copy(update={"task_managers": changed}), profile, cluster)
    better = placement.imbalance.model_copy(update={"max": placement.imbalance.max - 0.01})
    assert check(placement.model_copy(update={"imbalance": better}), profile, cluster)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_checker_computes_expected_restarts(name: str) -> None:
    job, cluster = job_of(name), cluster_of(name)
    placement = place(job, cluster, objective=(Objective.CPU, Objective.BLAST), slack=0.05)
    profile = compile_job(job)[0]
    assert check(placement, profile, cluster) == []
    level = placement.objective[1]
    assert level.name == "expectedRestarts"
    wrong = level.model_copy(update={"value": level.value * 1.01, "status": "feasible"})
    found = check(
        placement.model_copy(update={"objective": [placement.objective[0], wrong]}), profile, cluster
    )
    assert any(text.startswith("expectedRestarts is") for text in found)


def test_memory_is_given_out_to_the_byte(case: Case) -> None:
    """What the options add up to is the process size of the cluster document."""
    from planner.memory.taskmanager import derive_taskmanager

    placement, _, cluster = case
    sizes = {entry.name: entry.memory.process for entry in cluster.spec.task_manager_classes}
    for tm in placement.task_managers:
        assert tm.memory is not None
        size = sizes.get(tm.class_ or "")
        if size is not None:
            assert derive_taskmanager(tm.memory.dynamic_options).process == size
