"""Downtimes: parts that follow Flink, and what nobody knows stays unknown."""

from __future__ import annotations

import pytest

from planner.documents.recovery import Downtime
from planner.documents.vocabulary import Failed, Recovery
from planner.recover.downtime import Circumstances, downtime
from planner.recover.settings import recovery_options

CHECKPOINTS = {"execution.checkpointing.interval": "10 s"}
FAST = {**CHECKPOINTS, **recovery_options(Recovery.FAST, {}, "2.2")}
COVERED = Circumstances(covered=True, state=0, busiest=0.5)


def parts(found: Downtime) -> dict[str, float | None]:
    return {part.name: part.seconds for part in found.parts}


def test_flinks_defaults() -> None:
    """The delays 1, 1.5, 2.25, ... add up to 20.8 s when heartbeats failed after 15 s (22.8 s were measured)."""
    killed = downtime(Failed.TASK_MANAGER_KILLED, CHECKPOINTS, COVERED)
    assert parts(killed)["detection"] == 15
    assert parts(killed)["backOff"] == pytest.approx(
        1 + 1.5 + 1.5**2 + 1.5**3 + 1.5**4 + 1.5**5 - 15, abs=1e-3
    )
    assert parts(downtime(Failed.HOST_LOST, CHECKPOINTS, COVERED))["detection"] == 50
    assert parts(downtime(Failed.TASK_MANAGER_ENDED, CHECKPOINTS, COVERED))["detection"] == 0
    assert parts(downtime(Failed.TASK_FAILED, CHECKPOINTS, COVERED))["backOff"] == 1


def test_fast_options_are_faster_for_every_failure() -> None:
    for failed in Failed:
        fast, slow = downtime(failed, FAST, COVERED), downtime(failed, CHECKPOINTS, COVERED)
        assert fast.complete
        assert slow.complete
        assert fast.seconds is not None
        assert slow.seconds is not None
        assert fast.seconds < slow.seconds


def test_a_backlog_is_worked_off_by_what_is_left() -> None:
    """Down for 1 s, and half of 10 s processed again: 6 s at half of a core take 6 s."""
    assert parts(downtime(Failed.TASK_FAILED, CHECKPOINTS, COVERED))["catchUp"] == pytest.approx(6)
    full = downtime(Failed.TASK_FAILED, CHECKPOINTS, Circumstances(True, 0, 1.0))
    assert parts(full)["catchUp"] is None
    assert not full.complete


def test_what_nobody_knows() -> None:
    found = downtime(Failed.TASK_MANAGER_KILLED, CHECKPOINTS, Circumstances(False, 1 << 30, None))
    assert {name for name, spent in parts(found).items() if spent is None} == {
        "allocation",
        "restore",
        "catchUp",
    }
    assert found.seconds == pytest.approx(20.781)
    assert not found.complete


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "it does not restart"),
        ({"restart-strategy.type": "none"}, "it does not restart"),
        ({"restart-strategy.type": "fixed-delay"}, "used up 1 s after the loss"),
        ({"restart-strategy.type": "failure-rate"}, "used up 1 s after the loss"),
        (
            {"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": "5"},
            "used up 5 s",
        ),
    ],
)
def test_jobs_that_do_not_come_back(options: dict[str, str], reason: str) -> None:
    found = downtime(Failed.TASK_MANAGER_KILLED, options, COVERED)
    assert found.seconds is None
    assert reason in found.parts[-1].reason


def test_enough_attempts_outlast_the_detection() -> None:
    options = {"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": "30"}
    assert parts(downtime(Failed.TASK_MANAGER_KILLED, options, COVERED))["backOff"] == 0
    single = downtime(Failed.TASK_MANAGER_ENDED, {"restart-strategy.type": "fixed-delay"}, COVERED)
    assert single.seconds is not None
