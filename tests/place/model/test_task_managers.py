"""What options of a class say of its TaskManagers is kept, or a finding says what contradicts it."""

from __future__ import annotations

from typing import Any

import pytest
from rules.documents import cluster, find, job, op

from place.test_bend import documents
from planner import api
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.task_managers import SLOTS
from planner.units import GIB, MIB

MEMORY = "taskmanager.memory."
OPTIONS = {
    MEMORY + "task.heap.size": ("1g", "task_heap"),
    MEMORY + "task.off-heap.size": ("1g", "task_off_heap"),
    MEMORY + "managed.size": ("700m", "managed"),
    MEMORY + "managed.fraction": ("0.2", "managed"),
    MEMORY + "network.min": ("512m", "network"),
    MEMORY + "network.max": ("80m", "network"),
    MEMORY + "network.fraction": ("0.25", "network"),
    MEMORY + "framework.heap.size": ("200m", "framework_heap"),
    MEMORY + "framework.off-heap.size": ("100m", "framework_off_heap"),
    MEMORY + "jvm-metaspace.size": ("300m", "jvm_metaspace"),
    MEMORY + "jvm-overhead.max": ("250m", "jvm_overhead"),
    MEMORY + "jvm-overhead.min": ("600m", "jvm_overhead"),
    MEMORY + "jvm-overhead.fraction": ("0.2", "jvm_overhead"),
    "taskmanager.memory.size": ("700m", "managed"),
    "taskmanager.network.memory.max": ("80m", "network"),
}
SLOT = {"name": "default", "resources": {"cpu": 1, "heap": "256 mb", "managed": {"OPERATOR": "16 mb"}}}
JOB = job(op("in", "source"), parallelism=1, slotSharingGroups=[SLOT])


def placed(**shape: Any) -> api.Placement:
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}, **shape}
    return api.place(*documents(JOB, shape))


@pytest.mark.parametrize("key", OPTIONS)
def test_an_option_of_a_class_is_kept_to_the_byte(key: str) -> None:
    value, part = OPTIONS[key]
    (tm,) = placed(flinkConfiguration={key: value}).task_managers
    assert tm.memory is not None
    stock = derive_taskmanager({MEMORY + "process.size": "4g", key: value})
    planned = derive_taskmanager(tm.memory.dynamic_options)
    assert getattr(planned, part) == getattr(stock, part)
    assert planned.process == 4 * GIB


def test_a_total_may_be_an_option() -> None:
    (tm,) = placed(memory={}, flinkConfiguration={MEMORY + "process.size": "3g"}).task_managers
    assert tm.memory is not None
    assert derive_taskmanager(tm.memory.dynamic_options).process == 3 * GIB


def test_other_options_go_with_the_placement() -> None:
    options = {MEMORY + "segment-size": "64kb", "taskmanager.numberOfTaskSlots": "3", "env.log.level": "WARN"}
    (tm,) = placed(flinkConfiguration=options).task_managers
    assert tm.flink_configuration == options
    assert tm.utilisation["slots"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [
        ({"slots": 1}, "taskmanager.numberOfTaskSlots", "8"),
        ({"cpu": 2}, "taskmanager.cpu.cores", "3"),
        ({"memory": {"process": "4g"}}, MEMORY + "process.size", "5g"),
        ({"memory": {"process": "4g", "taskHeap": "1g"}}, MEMORY + "task.heap.size", "2g"),
        ({"memory": {"process": "4g", "network": "64m"}}, MEMORY + "network.max", "128m"),
        ({"memory": {"process": "4g", "managed": "64m"}}, "taskmanager.memory.size", "128m"),
        ({"external": {"gpu": 1}}, "external-resource.gpu.amount", "2"),
    ],
)
def test_what_contradicts_an_option_is_found_at_both_places(
    field: dict[str, Any], key: str, value: str
) -> None:
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}, **field}
    found = find(cluster({**shape, "flinkConfiguration": {key: value}}), code="CLU706")
    assert len({finding.pointer for finding in found}) == 2
    assert all(key in finding.message for finding in found)
    same = {"numberOfTaskSlots": "1", "cores": "2.0"}.get(key.rsplit(".", 1)[-1])
    if same:
        assert find(cluster({**shape, "flinkConfiguration": {key: same}}), code="CLU706") == []


def test_parts_that_do_not_fit_are_found_where_they_stand() -> None:
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}}
    (finding,) = find(cluster({**shape, "flinkConfiguration": {MEMORY + "task.heap.size": "8g"}}), code="CLU")
    assert finding.pointer == "/spec/taskManagerClasses/0/flinkConfiguration"
    for key, value in ((MEMORY + "managed.size", "x"), (SLOTS, "0"), (SLOTS, "9" * 5000)):
        (finding,) = find(cluster({**shape, "flinkConfiguration": {key: value}}), code="CLU")
        assert finding.pointer == "/spec/taskManagerClasses/0/flinkConfiguration"


def test_external_resources_are_declared_under_external() -> None:
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}}
    (finding,) = find(cluster({**shape, "flinkConfiguration": {"external-resources": "gpu"}}), code="CLU706")
    assert "external" in finding.hint


@pytest.mark.parametrize(("heap", "fits"), [("700 mb", True), ("900 mb", False)])
def test_what_fixed_parts_leave_is_shared_by_the_others(heap: str, fits: bool) -> None:
    """Two slots fit by the sum of all memory; what is fixed as managed memory is not there for their heap."""
    slot = {"name": "default", "resources": {"cpu": 0.5, "heap": heap, "offHeap": 0}}
    data = job(op("in", "source"), parallelism=2, slotSharingGroups=[slot])
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g", "managed": "1536 mb"}}
    document, places = documents(data, shape)
    if fits:
        (tm,) = api.place(document, places).task_managers
        assert tm.memory is not None
        assert derive_taskmanager(tm.memory.dynamic_options).managed == 1536 * MIB
        return
    with pytest.raises(api.Infeasible) as error:
        api.place(document, places)
    (conflict,) = error.value.explanation.conflicts
    assert conflict.resource == "heap + offHeap + network"
    assert any("heap of group" in str(change) for change in error.value.explanation.changes)
