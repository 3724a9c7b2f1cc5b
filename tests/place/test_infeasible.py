"""Why nothing fits: the smallest conflicts, and proposals that help whoever follows them."""

from __future__ import annotations

from typing import Any

import pytest
from rules.documents import cluster, job, op

from place.test_bend import documents
from planner import api
from planner.place.infeasible import LessForGroup, MoreTaskManagers, followed
from planner.units import CORE


def group(name: str, cpu: float, **placement: Any) -> dict[str, Any]:
    resources = {"cpu": cpu, "heap": "16 mb", "offHeap": 0, "managed": {"STATE_BACKEND": 0}}
    return {"name": name, "resources": resources, **({"placement": placement} if placement else {})}


def tasks(name: str, parallelism: int, **fields: Any) -> dict[str, Any]:
    return op(name, "source", group=name[0], parallelism=parallelism, **fields)


def shape(name: str, count: int, cpu: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "count": count, "cpu": cpu, "memory": {"process": "4 gb"}, **fields}


def explained(
    groups: list[dict[str, Any]],
    operators: list[dict[str, Any]],
    *classes: dict[str, Any],
    reserve: int | dict[str, int] = 0,
    named: list[dict[str, Any]] | None = None,
) -> api.Explanation:
    """Return why a job does not fit, after every proposal was followed."""
    document, _ = documents(job(*operators, slotSharingGroups=groups), shape("any", 1, 1))
    spec = {
        "taskManagerClasses": list(classes),
        "taskManagers": named or [],
        "reserve": {"classes": reserve} if isinstance(reserve, dict) else {"taskManagers": reserve},
    }
    places = api.Cluster.model_validate({**cluster(), "spec": spec})
    with pytest.raises(api.Infeasible) as error:
        api.place(document, places, time_limit=60)
    for change in error.value.explanation.changes:
        assert api.place(*followed(change, api.compile(document), places), time_limit=60).task_managers
    return error.value.explanation


def test_a_conflict_that_counting_finds_is_made_smaller_where_less_does_not_fit() -> None:
    """a, b and c are too much in total, and already a and b do not fit beside one another."""
    groups = [group("a", 3), group("b", 3), group("c", 1)]
    found = explained(groups, [tasks("a", 2), tasks("b", 1), tasks("c", 2)], shape("m", 2, 5))
    assert [conflict.groups for conflict in found.conflicts] == [("a", "b")]


def test_the_fewest_of_any_class() -> None:
    found = explained([group("g", 1)], [tasks("g", 19)], shape("small", 1, 3), shape("big", 1, 4))
    assert found.changes[0] == MoreTaskManagers("big", 3)


def test_the_cheapest_beside_the_fewest() -> None:
    small, big = shape("small", 1, 3, price=1), shape("big", 1, 4, price=10)
    found = explained([group("g", 1)], [tasks("g", 19)], small, big)
    assert found.changes[:2] == (MoreTaskManagers("big", 3), MoreTaskManagers("small", 4))


def test_one_more_of_a_class_is_as_the_class_says() -> None:
    named = [{"id": "n0", "class": "m", "cpu": 4}]
    found = explained([group("g", 1)], [tasks("g", 6)], shape("m", 0, 1), named=named)
    assert found.changes[0] == MoreTaskManagers("m", 2)


def test_one_more_may_take_the_place_of_the_one_in_reserve() -> None:
    groups = [group("g", 1, forbidden=["m-2"])]
    found = explained(groups, [tasks("g", 3)], shape("m", 3, 1), reserve=1)
    assert found.changes[0] == MoreTaskManagers("m", 1)
    assert found.reserve == 1


def test_nothing_is_added_where_that_cannot_help() -> None:
    groups = [group("a", 1, pinned=["m-0"], minTaskManagers=1), group("b", 1)]
    operators = [tasks("a1", 3, load={"cpu": 0.5}), tasks("a2", 1, load={"cpu": 0.2}), tasks("b", 2)]
    found = explained(groups, operators, shape("m", 2, 2))
    assert [conflict.groups for conflict in found.conflicts] == [("a",)]
    assert found.changes == (LessForGroup("a", "cpu", 66 * CORE // 100),)


def test_what_is_in_reserve_by_class_is_told() -> None:
    classes = shape("m", 2, 2), shape("s", 3, 1)
    found = explained([group("g", 1)], [tasks("g", 6)], *classes, reserve={"m": 1})
    assert "beside 1 m in reserve" in found.conflicts[0].message
    assert found.reserve == 1


def test_a_reserve_that_nothing_can_take_over_is_told() -> None:
    gpu = {**group("a", 1), "resources": {**group("a", 1)["resources"], "external": {"gpu": 1}}}
    classes = shape("big", 1, 8), shape("gpu", 1, 2, external={"gpu": 1})
    found = explained([gpu], [tasks("a", 1)], *classes, reserve=1)
    assert [conflict.resource for conflict in found.conflicts] == ["gpu"]
    assert found.changes[0] == MoreTaskManagers("gpu", 1)


def test_zones_and_memory_together() -> None:
    """Group a alone stands in two zones; b takes the room of one of them."""
    big = {"resources": {"cpu": 1, "heap": "3 gb", "offHeap": 0, "managed": {"STATE_BACKEND": 0}}}
    groups = [{"name": "a", **big, "placement": {"minZones": 2}}, {"name": "b", **big}]
    classes = [
        shape("x", 1, 8, labels={"zone": "z1"}) | {"memory": {"process": "2 gb"}},
        shape("y", 1, 4, labels={"zone": "z2"}) | {"memory": {"process": "5 gb"}},
        shape("w", 1, 2, labels={"zone": "z3"}) | {"memory": {"process": "5 gb"}},
    ]
    found = explained(groups, [tasks("a", 2), tasks("b", 1)], *classes)
    assert [conflict.groups for conflict in found.conflicts] == [("a", "b")]
    assert isinstance(found.changes[0], MoreTaskManagers)
    assert found.changes[0].count == 1
