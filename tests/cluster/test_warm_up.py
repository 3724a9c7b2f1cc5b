"""Which quota a warm-up fills, from what a cluster tells of its TaskManagers."""

from __future__ import annotations

import pytest

from planner.cluster import warm_up
from planner.cluster.rest import Rest, RunningSlot, RunningTaskManager
from planner.cluster.warm_up import free_quota
from planner.units import MIB


def task_manager(
    quotas: dict[str, float], managed: int = 0, slots: tuple[RunningSlot, ...] = ()
) -> RunningTaskManager:
    return RunningTaskManager(
        "", {"managedMemory": managed * MIB}, {**quotas, "gpu": 1.0}, {"job": slots} if slots else {}
    )


def slot(quota: str, managed: int = 0) -> RunningSlot:
    return RunningSlot(0.1, {"managedMemory": managed}, {quota: 1.0})


def test_one_quota_that_all_of_them_offer() -> None:
    there = {
        "used": task_manager({"slot-a": 1}, 50, (slot("slot-a", 50),)),
        "spare": task_manager({"slot-a": 1, "slot-b": 2}, 100),
        "other": task_manager({"slot-b": 1}, 40),
    }
    # managed memory is shared by what is free
    assert free_quota(there, {"spare", "other"}) == (
        "slot-b",
        {"spare": (2, 50 * MIB), "other": (1, 40 * MIB)},
    )


def test_what_is_free_elsewhere_is_filled_as_well() -> None:
    """Flink may put the slots of the warm-up there, and none where they are meant."""
    half_used = task_manager({"slot-a": 2}, 90, (slot("slot-a", 30),))
    there = {"running": half_used, "spare": task_manager({"slot-a": 1}, 30)}
    assert free_quota(there, {"spare"}) == ("slot-a", {"running": (1, 60 * MIB), "spare": (1, 30 * MIB)})


def test_the_fewer_elsewhere_the_better() -> None:
    there = {
        "running": task_manager({"slot-a": 1}),
        "spare": task_manager({"slot-a": 1, "slot-b": 1}),
    }
    assert free_quota(there, {"spare"}) == ("slot-b", {"spare": (1, 0)})


def test_nothing_to_warm_up() -> None:
    taken = task_manager({"slot-a": 2}, 0, (slot("slot-a"),))
    there = {"taken": taken, "stock": task_manager({})}
    assert free_quota(there, {"taken", "stock", "gone"}) is None


def test_slots_of_before_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TaskManager that starts again offers the slots that it had, and has none a moment later."""
    again = task_manager({"slot-a": 1}, 0, (slot("slot-a"),))
    told = iter([{"tm": again}, {"tm": again}, {"tm": task_manager({"slot-a": 1})}])
    monkeypatch.setattr(warm_up, "task_managers", lambda _: next(told))
    monkeypatch.setattr(warm_up, "POLL_SECONDS", 0)
    assert free_quota(warm_up.settled(Rest("http://localhost"), {"tm"}), {"tm"}) is not None


def test_slots_that_stay_are_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {"tm": task_manager({"slot-a": 1}, 0, (slot("slot-a"),))}
    monkeypatch.setattr(warm_up, "task_managers", lambda _: used)
    monkeypatch.setattr(warm_up, "SETTLED_SECONDS", 0)
    assert warm_up.settled(Rest("http://localhost"), {"tm", "gone"}) == used
