"""What would help holds when it is followed, and less of it would not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import planner
from place.instances import exhaustive, problems
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.place.clock import Clock, Stop
from planner.place.infeasible import counting_conflict
from planner.place.infeasible.changes import MoreNetwork, helpful_changes
from planner.place.model.problem import Problem
from planner.units import MIB
from samples import document

SHUFFLES, PARALLELISM = 12, 16


def with_limited_network(problem: Problem, limits: list[int], demand: int) -> Problem:
    """Return the problem with network memory of ``demand`` a slot, and a limit of it on every TaskManager."""
    index, memory = problem.resources.index("network"), problem.resources.index("memory")
    types = []
    for slot in problem.types:
        needs = list(slot.demand)
        needs[memory] += demand - needs[index]
        needs[index] = demand
        types.append(replace(slot, demand=tuple(needs)))
    task_managers = [
        replace(tm, capacity=replace(tm.capacity, parts=(None, None, None, limits[n % len(limits)])))
        for n, tm in enumerate(problem.task_managers)
    ]
    classes = [
        replace(entry, name=task_managers[tm].id, members=(tm,), limits=problem.limits_of(task_managers[tm]))
        for entry in problem.classes
        for tm in entry.members
    ]
    return replace(problem, types=tuple(types), task_managers=tuple(task_managers), classes=tuple(classes))


def raised(problem: Problem, change: MoreNetwork, amount: int) -> Problem:
    """Follow the change by hand: other limits of network memory on the TaskManagers that it names."""
    index = problem.resources.index("network")
    classes = [
        replace(
            entry,
            limits=(*entry.limits[:index], max(entry.limits[index] or 0, amount), *entry.limits[index + 1 :]),
        )
        if entry.name in change.classes
        else entry
        for entry in problem.classes
    ]
    return replace(problem, classes=tuple(classes))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    problems(groups=2, task_managers=3, slots=3),
    st.lists(st.sampled_from([1, 8, 20]), min_size=1, max_size=3),
    st.sampled_from([7, 16]),
)
def test_network_memory_that_is_proposed_is_enough_and_least(
    problem: Problem, limits: list[int], demand: int
) -> None:
    problem = with_limited_network(problem, [limit * MIB for limit in limits], demand * MIB)
    conflict = counting_conflict(problem)
    if conflict is None or conflict.resource != "network":
        return
    found = helpful_changes(problem, [conflict], Clock(Stop(seconds=10)), {})
    for change in (one for one in found if isinstance(one, MoreNetwork)):
        assert exhaustive(raised(problem, change, change.amount)) is not None
        assert exhaustive(raised(problem, change, change.amount - MIB)) is None


def shuffles() -> Job:
    chain = [{"id": "s0", "uid": "s0", "kind": "source"}]
    chain += [
        {"id": f"s{n}", "uid": f"s{n}", "kind": "map", "inputs": [{"from": f"s{n - 1}", "ship": "rebalance"}]}
        for n in range(1, SHUFFLES + 1)
    ]
    spec = {"parallelism": PARALLELISM, "operators": chain}
    head = {"apiVersion": "planner/v1", "kind": "Job", "metadata": {"name": "shuffles"}}
    return document(yaml.safe_dump({**head, "spec": spec}), Job)


def with_network(size: str) -> Cluster:
    return document(
        f"""
apiVersion: planner/v1
kind: Cluster
metadata: {{name: one}}
spec: {{taskManagers: [{{id: tm, cpu: 64, memory: {{process: 80 gb, network: {size}}}, slots: 16}}]}}
""",
        Cluster,
    )


def test_the_first_thing_that_helps_against_too_little_network_memory_is_more_of_it() -> None:
    with pytest.raises(planner.Infeasible) as caught:
        planner.place(shuffles(), with_network("64 mb"))
    changes = caught.value.explanation.changes
    first = changes[0]
    assert isinstance(first, MoreNetwork)
    assert first.classes == ("tm",)
    mebibytes = first.amount // MIB
    assert str(first) == (
        f"network memory of {mebibytes} mb on TaskManagers like 'tm'"
        " (taskmanager.memory.network.min and .max) would make it fit"
    )
    assert first.data() == {"raiseNetwork": {"like": ["tm"], "to": first.amount}}
    assert not any("network of group" in str(change) for change in changes)  # no job document sets that
    assert planner.place(shuffles(), with_network(f"{mebibytes} mb")).task_managers
    with pytest.raises(planner.Infeasible):
        planner.place(shuffles(), with_network(f"{mebibytes - 1} mb"))
