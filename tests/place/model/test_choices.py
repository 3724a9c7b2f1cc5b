"""What a problem leaves open: the ways to settle it, and what remains of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from place.instances import BLANK
from planner.documents.cluster import Reserve
from planner.documents.job import GroupPlacement
from planner.place.model.choices import Choice, SetAside, choices, chosen, settle
from planner.place.model.constraints import Presence, apart, constraints_of, may_stand, presences_of
from planner.place.model.problem import Problem, Solution, build_problem
from planner.place.model.slots import JobSlot, SlotResources
from planner.place.model.task_managers import Capacity, TaskManager
from planner.units import CORE


def zoned(*zones: tuple[str, int]) -> list[TaskManager]:
    """Return a TaskManager for each zone and number of cores, each of a class of its own."""
    return [
        TaskManager(
            f"tm-{i}",
            None,
            Capacity(cpu * CORE, 1 << 30, (None,) * 4, None, (), BLANK),
            (("zone", zone),) if zone else (),
        )
        for i, (zone, cpu) in enumerate(zones)
    ]


def problem_of(
    task_managers: Sequence[TaskManager],
    wanted: GroupPlacement | None = None,
    loads: Sequence[int] = (1, 1, 1),
    reserve: int | dict[str, int] = 0,
) -> Problem:
    """Return the problem of one group ``g`` whose slots have ``loads`` in cores."""
    slots = [JobSlot("g", ((0, i),), (load * CORE,)) for i, load in enumerate(loads)]
    resources = {"g": SlotResources(CORE, 0, 0, 0, 0)}
    kept = Reserve(task_managers=reserve) if isinstance(reserve, int) else Reserve(classes=reserve)
    return build_problem(slots, resources, task_managers, kept, {"g": wanted} if wanted else None)


def zones_of(problem: Problem) -> list[tuple[str | None, ...]]:
    return [tuple(slot.zone for slot in choice.slots) for choice in choices(problem)[0]]


def test_slots_of_zones_count_for_task_managers_as_well() -> None:
    wanted = GroupPlacement(min_task_managers=3, min_zones=2)
    problem = problem_of(zoned(("x", 2), ("y", 1), ("", 1)), wanted)
    (choice,), complete = choices(problem)
    assert complete
    assert choice.slots == (
        SetAside(0, "x", spread=True),
        SetAside(0, "y", spread=True),
        SetAside(0, None, spread=True),
    )
    settled = settle(problem, choice)
    assert settled.resources[-3:] == ("TaskManagers of g", "g in zone x", "g in zone y")
    assert sorted((slot.demand[-3:], slot.count) for slot in settled.types) == [
        ((1, 0, 0), 1),
        ((1, 0, 1), 1),
        ((1, 1, 0), 1),
    ]
    limits = [entry.limits[-3:] for entry in settled.classes]
    assert limits == [(1, None, 0), (1, 0, None), (1, 0, 0)]


def test_one_task_manager_is_no_demand_but_one_zone_is() -> None:
    wanted = {"g": GroupPlacement(min_task_managers=1, min_zones=1)}
    assert presences_of(["g", "h"], wanted) == [Presence("g", 1, zones=True)]


def test_slots_of_unequal_load_are_set_aside_in_every_way() -> None:
    problem = problem_of(zoned(("", 4), ("", 1)), GroupPlacement(min_task_managers=2), loads=(3, 1, 1))
    ways, complete = choices(problem)
    assert complete
    # one of each, or two light ones; there is only one heavy slot
    assert [tuple(slot.type for slot in way.slots) for way in ways] == [(0, 1), (1, 1)]


def test_a_group_with_fewer_slots_than_places_has_no_way() -> None:
    problem = problem_of(zoned(("", 4), ("", 1)), GroupPlacement(min_task_managers=2), loads=(1,))
    assert choices(problem) == ([], True)


def test_limits_of_constraints_by_task_manager() -> None:
    here, there = zoned(("x", 1), ("", 1))
    wanted = {"g": GroupPlacement(pinned=[here.id], max_per_task_manager=2)}
    limits = {one.name: (one.limit(here), one.limit(there)) for one in constraints_of(["g"], wanted)}
    assert limits == {"placement of g": (None, 0), "slots of g per TaskManager": (2, 2)}


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
    assert zones_of(problem_of(task_managers, GroupPlacement(min_zones=2))) == [
        ("y", "z"),
        ("y", "x"),
        ("z", "x"),
    ]


def test_zones_where_the_group_may_not_stand_are_no_choice() -> None:
    task_managers = zoned(("x", 1), ("y", 4), ("z", 2))
    wanted = GroupPlacement(min_zones=2, forbidden=[task_managers[1].id])
    assert zones_of(problem_of(task_managers, wanted)) == [("z", "x")]


def test_more_zones_than_there_are_name_one_that_is_missing() -> None:
    problem = problem_of(zoned(("x", 1)), GroupPlacement(min_zones=2))
    assert zones_of(problem) == [("x", "(missing 0)")]


def test_what_is_cut_off_is_not_called_complete() -> None:
    problem = problem_of(zoned(*((zone, 1) for zone in "uvwxyz")), GroupPlacement(min_zones=3))
    ways, complete = choices(problem, most=10)
    assert (len(ways), complete) == (10, False)
    assert len(set(ways)) == 10
    assert choices(problem_of(zoned(("", 1)))) == ([Choice()], True)


def test_the_largest_is_in_reserve_first_and_of_equal_ones_the_last() -> None:
    large, *small = zoned(("", 4), ("", 1), ("", 1), ("", 1))
    equal = [replace(tm, class_name="small") for tm in small]
    ways, complete = choices(problem_of([large, *equal], reserve=2))
    assert complete
    assert [choice.spare for choice in ways] == [(0, 3), (2, 3)]


def test_so_many_of_each_class_are_in_reserve() -> None:
    """In whichever zone they are; what they can take over limits nothing."""
    large, *small = zoned(("", 4), ("x", 1), ("x", 1), ("y", 1))
    named = [replace(large, class_name="large"), *(replace(tm, class_name="small") for tm in small)]
    wanted = GroupPlacement(min_zones=1)
    problem = problem_of(named, wanted, reserve={"small": 1, "large": 1})
    ways, complete = choices(problem)
    assert complete
    assert {choice.spare for choice in ways} == {(2, 0), (3, 0)}
    (choice,), _ = choices(problem_of(named[:2], reserve={"small": 1}))
    assert settle(problem, choice).classes[0].limits[0] == 4 * CORE


def test_what_stands_anywhere_fits_on_those_in_reserve() -> None:
    problem = problem_of(zoned(("", 4), ("", 2)), reserve=1)
    cpu = problem.resources.index("cpu")
    small_left, large_left = (settle(problem, choice) for choice in choices(problem)[0])
    assert (small_left.spare, large_left.spare) == ((0,), (1,))
    assert [entry.limits[cpu] for entry in small_left.classes] == [2 * CORE]
    assert [(entry.cpu, entry.limits[cpu]) for entry in large_left.classes] == [(4, 2 * CORE)]


def test_a_solution_is_of_the_choice_that_is_read_from_it() -> None:
    wanted = GroupPlacement(min_task_managers=2, min_zones=2)
    problem = problem_of(zoned(("x", 4), ("x", 4), ("y", 2)), wanted, loads=(3, 1, 1), reserve=1)
    solution = Solution({0: (0, 0), 1: (1, 1), 2: (0, 1)})
    choice, same = chosen(problem, solution, (0,))
    assert choice == Choice((0,), (SetAside(0, "x", spread=True), SetAside(1, "y", spread=True)))
    settled = settle(problem, choice)
    assert same.utilisations(settled) == {
        tm: value for tm, value in solution.utilisations(problem).items() if tm
    }
    held = {tm: sum(row) for tm, row in same.counts.items()}
    assert held == {1: 2, 2: 1}
