"""Options for recovery: what a person set is kept, and no pause of a JVM is taken for a loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner import api
from planner.cluster.launches import launches
from planner.documents.option_tables import option_table
from planner.documents.vocabulary import Recovery
from planner.graph.failover import FAILOVER
from planner.recover.settings import OLD_LOCAL, SETTINGS, recovery_options, seconds
from planner.units import CORE, GIB, parse_duration


@pytest.mark.parametrize("version", ["1.20", "2.0", "2.1", "2.2", "2.3"])
def test_flink_has_every_option(version: str) -> None:
    known = option_table(version)
    assert known is not None
    chosen = recovery_options(Recovery.FAST, {}, version)
    assert [key for key in chosen if known.find(key) is None] == []


def test_one_option_of_local_recovery_before_1_20() -> None:
    chosen = recovery_options(Recovery.FAST, {}, "1.19")
    assert chosen[OLD_LOCAL] == "true"
    assert not [key for key in chosen if key.startswith("execution.")]


def test_what_a_person_set_is_kept() -> None:
    own = {"heartbeat.timeout": "33 s", "restart-strategy.type": "fixed-delay", "other": "x"}
    chosen = recovery_options(Recovery.FAST, own, "2.2")
    assert chosen["heartbeat.timeout"] == "33 s"
    assert chosen["restart-strategy.type"] == "fixed-delay"
    assert [key for key in chosen if key.startswith("restart-strategy.exponential-delay")] == []
    assert recovery_options(Recovery.CUSTOM, own, "2.2") == {k: own[k] for k in own if k != "other"}
    assert recovery_options(Recovery.FLINK, own, "2.2") == recovery_options(None, own, "2.2") == {}


def test_a_first_delay_of_ones_own_is_below_the_longest() -> None:
    own = {"restart-strategy.exponential-delay.initial-backoff": "20 s"}
    chosen = recovery_options(Recovery.FAST, own, "2.2")
    assert "restart-strategy.exponential-delay.max-backoff" not in chosen
    assert chosen["restart-strategy.exponential-delay.reset-backoff-threshold"] == "1 min"


@pytest.mark.parametrize("recovery", [None, *Recovery])
def test_what_restarts_is_said_to_the_jobmanager_whose_option_it_is(recovery: Recovery | None) -> None:
    chosen = recovery_options(recovery, {FAILOVER: "full"}, "2.2")
    assert chosen[FAILOVER] == "full"
    assert FAILOVER not in recovery_options(recovery, {}, "2.2")


@pytest.mark.parametrize(("heap", "cores", "timeout"), [(1, 2, 10), (8, 2, 20), (60, 4, 50), (64, 64, 10)])
def test_the_heartbeat_outlasts_a_garbage_collection(heap: int, cores: int, timeout: int) -> None:
    chosen = recovery_options(Recovery.FAST, {}, "2.2", heap * GIB, cores * CORE)
    assert chosen["heartbeat.timeout"] == f"{timeout} s"
    assert parse_duration(chosen["heartbeat.timeout"]) >= parse_duration(chosen["heartbeat.interval"])


def test_values_of_flink_are_read() -> None:
    assert seconds({}, "task.cancellation.timeout") == 180
    assert seconds({"heartbeat.interval": "2500"}, "heartbeat.interval") == 2.5
    assert {one.key for one in SETTINGS if one.flink == one.fast} == {"restart-strategy.type"}


def test_a_job_asks_and_every_process_is_told(tmp_path: Path) -> None:
    job = {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"recovery": "fast", "operators": [{"id": "s", "kind": "source", "parallelism": 1}]},
    }
    cluster = {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {"taskManagers": [{"id": "t", "cpu": 1, "memory": {"process": "1600 mb"}}]},
    }
    profile = api.compile(api.Job.model_validate(job))
    file = tmp_path / "j.profile.json"
    api.save(profile, file)
    assert json.loads(file.read_text())["planner"]["recovery"] == "fast"
    placement = api.place(api.load_profile(file), api.Cluster.model_validate(cluster))
    assert placement.flink_configuration == recovery_options(Recovery.FAST, {}, "2.2")
    for _, options in launches(placement, {}).values():
        assert options.items() >= placement.flink_configuration.items()
    with pytest.raises(api.OptionRefused, match="the placement sets it to 1 s"):
        launches(placement, {"heartbeat.interval": "5 s"})


def test_an_option_of_a_class_against_what_every_process_is_told() -> None:
    placement = _placed_with({"heartbeat.interval": "5 s"})
    with pytest.raises(api.OptionRefused, match=r"heartbeat\.interval is 5 s in its class, and 1 s for all"):
        launches(placement, {})
    assert launches(_placed_with({"heartbeat.interval": "1 s"}), {})


def _placed_with(options: dict[str, str]) -> api.Placement:
    operators = [{"id": "s", "kind": "source", "parallelism": 1}]
    tm = {"name": "t", "count": 1, "cpu": 1, "memory": {"process": "1600 mb"}, "flinkConfiguration": options}
    head = {"apiVersion": "planner/v1", "metadata": {"name": "j"}}
    job = {**head, "kind": "Job", "spec": {"recovery": "fast", "operators": operators}}
    cluster = {**head, "kind": "Cluster", "spec": {"taskManagerClasses": [tm]}}
    return api.place(api.Job.model_validate(job), api.Cluster.model_validate(cluster))
