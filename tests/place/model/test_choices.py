"""Slots set aside for constraints, and the choices of zones."""

from __future__ import annotations

from dataclasses import replace

from place.ways import simple
from planner.documents.job import GroupPlacement
from planner.place.model.constraints import (
    apart,
    constraints_of,
    may_stand,
    special_slots,
    zone_choices,
)
from planner.place.model.task_managers import TaskManager


def zoned(*zones: tuple[str, int]) -> list[TaskManager]:
    """Return a TaskManager for each zone and number of cores."""
    problem = simple([("a", 1, 1)], [cpu for _, cpu in zones])
    return [
        replace(tm, labels=(("zone", zone),) if zone else ())
        for tm, (zone, _) in zip(problem.task_managers, zones, strict=True)
    ]


def special(placement: GroupPlacement, zones: tuple[str, ...] = ()) -> list[frozenset[str]]:
    return special_slots("g", constraints_of(["g"], {"g": placement}, {"g": zones}))


def test_slots_of_zones_count_for_task_managers_as_well() -> None:
    both = special(GroupPlacement(min_task_managers=3, min_zones=2), ("x", "y"))
    spread = "TaskManagers of g"
    assert both == [
        frozenset({"g in zone x", spread}),
        frozenset({"g in zone y", spread}),
        frozenset({spread}),
    ]
    assert special(GroupPlacement(min_zones=2), ("x", "y")) == [{"g in zone x"}, {"g in zone y"}]
    assert special(GroupPlacement(min_task_managers=1, min_zones=2), ("x", "y"))[1] == {"g in zone y"}
    assert special(GroupPlacement(max_per_task_manager=1)) == []


def test_limits_of_constraints_by_task_manager() -> None:
    here, there = zoned(("x", 1), ("", 1))
    wanted = {"g": GroupPlacement(pinned=[here.id], max_per_task_manager=2, min_task_managers=1)}
    limits = {one.name: (one.limit(here), one.limit(there)) for one in constraints_of(["g"], wanted, {})}
    assert limits == {
        "placement of g": (None, 0),
        "slots of g per TaskManager": (2, 2),
        "TaskManagers of g": (1, 1),
    }
    (zone,) = constraints_of(["g"], {"g": GroupPlacement(min_zones=1)}, {"g": ["x"]})
    assert (zone.limit(here), zone.limit(there), zone.copies) == (None, 0, 1)


def test_pins_and_bans_by_id_or_class() -> None:
    (tm,) = zoned(("x", 1))
    tm = replace(tm, class_name="large")
    assert may_stand(tm, GroupPlacement(pinned=["large"]))
    assert may_stand(tm, GroupPlacement(pinned=["other", tm.id]))
    assert not may_stand(tm, GroupPlacement(pinned=["other"]))
    assert not may_stand(tm, GroupPlacement(pinned=["large"], forbidden=[tm.id]))


def test_groups_apart_are_pairs_of_two() -> None:
    wanted = {"a": GroupPlacement(anti_affinity=["b", "a"]), "b": GroupPlacement(anti_affinity=["a"])}
    assert apart(wanted) == {frozenset({"a", "b"})}


def test_zones_with_most_cpu_come_first() -> None:
    task_managers = zoned(("x", 1), ("y", 4), ("z", 2), ("", 9))
    choices, every = zone_choices({"g": GroupPlacement(min_zones=2)}, task_managers)
    assert [one["g"] for one in choices] == [("y", "z"), ("y", "x"), ("z", "x")]
    assert every


def test_zones_where_the_group_may_not_stand_are_no_choice() -> None:
    task_managers = zoned(("x", 1), ("y", 4), ("z", 2))
    wanted = {"g": GroupPlacement(min_zones=2, forbidden=[task_managers[1].id])}
    assert zone_choices(wanted, task_managers) == ([{"g": ("z", "x")}], True)


def test_more_zones_than_there_are_name_one_that_is_missing() -> None:
    choices, every = zone_choices({"g": GroupPlacement(min_zones=2)}, zoned(("x", 1)))
    assert choices == [{"g": ("x", "(missing 0)")}]
    assert every


def test_what_is_cut_off_is_not_called_complete() -> None:
    task_managers = zoned(*((zone, 1) for zone in "uvwxyz"))
    wanted = {"g": GroupPlacement(min_zones=3), "h": GroupPlacement(min_zones=1)}
    choices, every = zone_choices(wanted, task_managers, most=10)
    assert (len(choices), every) == (10, False)
    assert len({tuple(sorted(one.items())) for one in choices}) == 10
    assert choices[0] == {"g": ("u", "v", "w"), "h": ("u",)}
    # those nearest to the first of each group: neither group waits for all zones of the other
    assert choices[1:3] == [{"g": ("u", "v", "w"), "h": ("v",)}, {"g": ("u", "v", "x"), "h": ("u",)}]
    assert zone_choices({}, task_managers) == ([{}], True)
