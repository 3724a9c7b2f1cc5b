"""What options of a class say of its TaskManagers is kept, or a finding says what contradicts it."""

from __future__ import annotations

from typing import Any

import pytest
from rules.documents import cluster, find, job, op

from place.test_bend import documents
from planner import api
from planner.documents.cluster import Memory
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.task_managers import SLOTS, memory_options
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


@pytest.mark.parametrize("options", [{}, {MEMORY + "flink.size": "700m"}])
def test_two_totals_are_both_kept(options: dict[str, str]) -> None:
    """JVM overhead is what they leave, however little that is for native memory."""
    memory = {"process": "1200m", **({} if options else {"flink": "700m"})}
    (tm,) = placed(memory=memory, flinkConfiguration=options).task_managers
    assert tm.memory is not None
    planned = derive_taskmanager(tm.memory.dynamic_options)
    assert (planned.process, planned.flink) == (1200 * MIB, 700 * MIB)


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


OPTION_AT = "/spec/taskManagerClasses/0/flinkConfiguration/"
FIELD_AT = "/spec/taskManagerClasses/0/"


def pointers(options: dict[str, Any], code: str = "CLU", **shape: Any) -> set[str]:
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}, **shape}
    found = find(cluster({**shape, "flinkConfiguration": options}), code=code)
    short = {OPTION_AT + MEMORY: "", OPTION_AT: "", FIELD_AT: ""}
    return {
        next(pointer.removeprefix(at) for at in short if pointer.startswith(at))
        for pointer in (finding.pointer or "" for finding in found)
    }


@pytest.mark.parametrize(
    ("options", "memory", "places"),
    [
        ({"task.heap.size": "8g"}, {"process": "4g"}, {"task.heap.size", "memory/process"}),
        ({"task.heap.size": "8g"}, {"flink": "4g"}, {"task.heap.size", "memory/flink"}),
        ({"task.heap.size": "2g"}, {"process": "4g", "managed": "2g"}, {"task.heap.size", "memory/managed", "memory/process"}),
        ({"flink.size": "2g"}, {"process": "4g"}, {"flink.size", "memory/process"}),
        ({"process.size": "5g"}, {"flink": "3g"}, {"process.size", "memory/flink"}),
        ({"process.size": "5g", "flink.size": "3g"}, {}, {"process.size", "flink.size"}),
        ({"network.min": "2g", "network.max": "1g"}, {"process": "4g"}, {"network.min", "network.max"}),
        ({"jvm-overhead.min": "3900m", "jvm-overhead.max": "4g"}, {"process": "4g"}, {"jvm-overhead.min", "jvm-overhead.max", "memory/process"}),
        ({"jvm-metaspace.size": "5g"}, {"process": "4g"}, {"jvm-metaspace.size", "memory/process"}),
        ({"framework.heap.size": "5g"}, {"process": "4g"}, {"framework.heap.size", "memory/process"}),
        ({"framework.off-heap.size": "5g"}, {"taskHeap": "1g", "managed": "1g", "flink": "4g"}, {"framework.off-heap.size", "memory/flink"}),
        ({"managed.size": "x"}, {"process": "4g"}, {"managed.size"}),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_found_wherever_it_stands(
    options: dict[str, str], memory: dict[str, str], places: set[str]
) -> None:
    found = pointers({MEMORY + key: value for key, value in options.items()}, memory=memory, code="CLU702")
    assert found == places
    nested = {"taskmanager": {"memory": options}}
    written = {place if "/" in place else f"taskmanager/memory/{place}" for place in places}
    assert pointers(nested, memory=memory, code="CLU702") == written


@pytest.mark.parametrize("value", ["0", "9" * 5000])
def test_a_number_of_slots_that_is_none(value: str) -> None:
    assert pointers({SLOTS: value}) == {SLOTS}


def test_options_of_a_class_that_contradict_a_taskmanager_of_it() -> None:
    options = {MEMORY + "task.heap.size": "3g"}
    shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "8g"}, "flinkConfiguration": options}
    one = {"id": "small", "class": "tm", "memory": {"process": "2g"}}
    found = find(cluster(shape, taskManagers=[one]), code="CLU702")
    assert {finding.pointer for finding in found} == {
        OPTION_AT + MEMORY + "task.heap.size",
        "/spec/taskManagers/0/memory/process",
    }


@pytest.mark.parametrize(
    ("options", "memory", "places"),
    [
        ({"managed.size": "1g", "managed.fraction": "0.2"}, {"process": "4g"}, {"managed.size", "managed.fraction"}),
        ({"managed.fraction": "0.2"}, {"process": "4g", "managed": "1g"}, {"memory/managed", "managed.fraction"}),
        ({"network.fraction": "0.2"}, {"process": "4g", "network": "1g"}, {"memory/network", "network.fraction"}),
        ({"network.min": "1g", "network.max": "1024m", "network.fraction": "0.2"}, {"process": "4g"}, {"network.min", "network.max", "network.fraction"}),
        ({"network.max": "80m", "network.fraction": "0.2"}, {"process": "4g"}, set()),
        ({"jvm-overhead.fraction": "0.2"}, {"process": "4g", "jvmOverhead": "1g"}, {"memory/jvmOverhead", "jvm-overhead.fraction"}),
        ({"jvm-overhead.fraction": "0.2"}, {"process": "4g", "flink": "3g"}, {"memory/process", "memory/flink", "jvm-overhead.fraction"}),
    ],
)  # fmt: skip
def test_a_fraction_that_flink_does_not_look_at_is_found(
    options: dict[str, str], memory: dict[str, str], places: set[str]
) -> None:
    written = {MEMORY + key: value for key, value in options.items()}
    assert pointers(written, memory=memory, code="CLU706") == places
    alone = {key: value for key, value in written.items() if not key.endswith("fraction")}
    assert pointers(alone, memory=memory) == set()
    if places:  # Flink's answer is the same without it
        stock = {**written, **memory_options(Memory.model_validate(memory), {})}
        without = {key: value for key, value in stock.items() if not key.endswith("fraction")}
        assert derive_taskmanager(stock) == derive_taskmanager(without)


@pytest.mark.parametrize(("high", "fits"), [("600m", True), ("550m", False)])
def test_network_memory_is_what_all_other_parts_leave(high: str, fits: bool) -> None:
    parts = {"task.heap.size": "1g", "task.off-heap.size": "0", "managed.size": "1225m", "network.max": high}
    options = {MEMORY + key: value for key, value in {**parts, "flink.size": "3g"}.items()}
    if not fits:
        assert len(pointers(options, memory={})) == 5
        return
    (tm,) = placed(memory={}, flinkConfiguration=options).task_managers
    assert tm.memory is not None
    assert derive_taskmanager(tm.memory.dynamic_options) == derive_taskmanager(options)


def test_external_resources_are_declared_under_external() -> None:
    for key, value in (("external-resources", "gpu"), ("external-resource.gpu.amount", "1")):
        shape = {"name": "tm", "count": 1, "cpu": 1, "memory": {"process": "4g"}}
        (finding,) = find(cluster({**shape, "flinkConfiguration": {key: value}}), code="CLU706")
        assert "external" in finding.hint


def test_what_else_is_said_of_an_external_resource_is_kept() -> None:
    options = {
        "external-resource.gpu.driver-factory.class": "org.apache.flink.externalresource.gpu.GPUDriverFactory",
        "external-resource.gpu.kubernetes.config-key": "nvidia.com/gpu",
    }
    assert pointers(options, external={"gpu": 1}) == set()
    (tm,) = placed(external={"gpu": 1}, flinkConfiguration=options).task_managers
    assert tm.flink_configuration == options
    assert tm.memory is not None
    assert tm.memory.dynamic_options["external-resource.gpu.amount"] == "1"


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
