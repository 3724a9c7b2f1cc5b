"""What nobody declared never makes a job infeasible, and what somebody declared is kept."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from rules.documents import cluster, job, op

from planner import api
from planner.documents.load import load
from planner.memory.estimates import estimates
from planner.place.bend import as_planned, without_estimates
from planner.place.check.judge import check
from planner.units import CORE, MIB


def documents(job_data: dict[str, Any], *classes: dict[str, Any]) -> tuple[api.Job, api.Cluster]:
    raw = yaml.safe_dump_all([job_data, cluster(*classes)]).encode()
    one, two = (entry.document for entry in load(raw, "job.yaml"))
    assert isinstance(one, api.Job)
    assert isinstance(two, api.Cluster)
    return one, two


def chain(parallelism: int = 2, groups: list[dict[str, Any]] | None = None, **load: Any) -> dict[str, Any]:
    return job(
        op("events", "source", **load),
        op("mapper", "keyed-process", {"from": "events", "ship": "hash"}, **load),
        op("print", "print-sink", "mapper", **load),
        parallelism=parallelism,
        slotSharingGroups=groups or [],
    )


SMALL = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "2048m"}, "slots": 2}


@pytest.mark.parametrize("slots", [None, 2, 8])
@pytest.mark.parametrize("parallelism", [1, 2, 8])
def test_a_job_that_declares_nothing_fits_where_there_are_slots(slots: int | None, parallelism: int) -> None:
    document, places = documents(chain(parallelism), {**SMALL, "slots": slots or 8})
    if slots is not None and slots < parallelism:
        document, places = documents(chain(parallelism), {**SMALL, "slots": slots})
        with pytest.raises(api.Infeasible, match="slots"):
            api.place(document, places)
        return
    placement = api.place(document, places)
    assert placement.task_managers[0].quotas == {"default": parallelism}
    assert placement.task_managers[0].utilisation["cpuReserved"] <= 1


def test_estimates_bend_to_what_a_default_slot_has() -> None:
    placement = api.place(*documents(chain(), SMALL))
    assert placement.planned_groups is not None
    planned = placement.planned_groups["default"]
    assert (planned.cpu, planned.estimated_cpu) == (CORE // 2, 3 * CORE // 4)
    memory = planned.heap + planned.off_heap + sum(planned.managed.values())
    assert memory < planned.estimated_memory
    assert "3 operators that declare none" in planned.reason
    (tm,) = placement.task_managers
    assert tm.load.cpu_reserved == CORE
    assert tm.utilisation["memory"] == pytest.approx(1, abs=1e-3)


def test_only_what_does_not_fit_bends() -> None:
    document, places = documents(chain(), {**SMALL, "memory": {"process": "8 gb"}})
    placement = api.place(document, places)
    assert placement.planned_groups is not None
    planned = placement.planned_groups["default"]
    assert planned.cpu == CORE // 2
    assert planned.heap == 3 * 256 * MIB
    assert api.place(document, documents(chain(), {**SMALL, "cpu": 2})[1]).planned_groups is not None
    enough = {**SMALL, "cpu": 2, "memory": {"process": "8 gb"}}
    assert api.place(document, documents(chain(), enough)[1]).planned_groups is None


def test_declared_loads_count_before_estimates() -> None:
    document, places = documents(chain(load={"cpu": 0.05}), SMALL)
    profile = api.compile(document)
    assert profile.ssg_profiles[0].cpu == 15 * CORE // 100
    assert api.place(document, places).task_managers[0].load.cpu == 30 * CORE // 100


def test_what_is_declared_is_kept_beside_estimates_that_bend() -> None:
    firm = {"name": "firm", "resources": {"cpu": 0.75, "heap": "512 mb"}}
    data = job(
        op("events", "source", group="firm"),
        op("count", "map", {"from": "events", "ship": "rebalance"}, group="loose"),
        slotSharingGroups=[firm],
        parallelism=1,
    )
    document, places = documents(data, {**SMALL, "cpu": 0.9})
    placement = api.place(document, places)
    assert set(placement.planned_groups or {}) == {"loose"}
    assert 0 < placement.planned_groups["loose"].cpu <= 15 * CORE // 100  # type: ignore[index]
    profile = as_planned(api.compile(document), placement.planned_groups)
    assert {group.name: group.cpu for group in profile.ssg_profiles}["firm"] == 3 * CORE // 4


def test_what_is_declared_and_does_not_fit_is_infeasible() -> None:
    groups = [{"name": "default", "resources": {"cpu": 0.75, "heap": "512 mb"}}]
    with pytest.raises(api.Infeasible, match="cpu") as error:
        api.place(*documents(chain(groups=groups), SMALL))
    assert [conflict.resource for conflict in error.value.explanation.conflicts] == ["cpu"]


def test_an_edited_figure_is_no_estimate_any_more() -> None:
    profile = api.compile(documents(chain(), SMALL)[0])
    assert set(estimates(profile)["default"]) >= {"cpu", "heap"}
    edited = profile.ssg_profiles[0].model_copy(update={"cpu": CORE})
    profile = profile.model_copy(update={"ssg_profiles": [edited]})
    assert "cpu" not in estimates(profile)["default"]
    assert without_estimates(profile).ssg_profiles[0].cpu == CORE


def test_the_judge_refuses_a_plan_that_lowers_what_is_declared() -> None:
    document, places = documents(chain(), SMALL)
    placement = api.place(document, places)
    groups = [{"name": "default", "resources": {"cpu": 0.75, "heap": "1 gb"}}]
    declared = api.compile(documents(chain(groups=groups), SMALL)[0])
    assert check(placement, api.compile(document), places) == []
    found = check(placement, declared, places)
    assert "group 'default' is planned with another cpu than the job declares" in found


def test_managed_memory_left_out_is_derived_through_compile_and_back() -> None:
    groups = [{"name": "default", "resources": {"cpu": 0.5, "heap": "64 mb"}}]
    data = chain(groups=groups)
    data["spec"]["flinkConfiguration"] = {"state.backend.type": "rocksdb"}
    document, _ = documents(data, SMALL)
    profile = api.compile(document)
    managed = profile.ssg_profiles[0].managed
    assert sum(managed.values()) > 0
    (again,) = load(api.to_json(api.to_data(profile)).encode(), "job.profile.json")
    assert isinstance(again.document, api.ResourceProfile)
    assert api.compile(again.document).ssg_profiles[0].managed == managed
    assert not [finding for finding in api.validate(again) if finding.code == "MEM501"]
