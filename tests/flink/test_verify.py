"""Differences between a plan and what a cluster says, each found by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.api import compile_job, place
from planner.cluster.rest import (
    Rest,
    RunningJob,
    RunningSlot,
    RunningSubtask,
    RunningTaskManager,
    RunningVertex,
    task_manager_path,
)
from planner.cluster.verify import deviations
from planner.documents.cluster import Cluster, Reserve
from planner.documents.placement import Placement
from planner.documents.vocabulary import Cover
from planner.graph.job_graph import JobGraph
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.quotas import quota_name
from planner.place.model.slots import SlotResources, slot_resources
from planner.units import CORE, MIB
from samples import cluster_of, job_of

NAMES = {
    "frameworkHeap": "framework_heap", "frameworkOffHeap": "framework_off_heap", "taskHeap": "task_heap",
    "taskOffHeap": "task_off_heap", "managedMemory": "managed", "networkMemory": "network",
    "jvmMetaspace": "jvm_metaspace", "jvmOverhead": "jvm_overhead", "totalFlinkMemory": "flink",
    "totalProcessMemory": "process",
}  # fmt: skip
Observed = tuple[Placement, dict[str, RunningTaskManager], RunningJob, JobGraph, dict[str, SlotResources]]


@pytest.fixture(scope="module")
def obeyed() -> Observed:
    return observed(cluster_of("skewed-join"))


@pytest.fixture(scope="module")
def spared() -> Observed:
    cluster = cluster_of("skewed-join")
    spec = cluster.spec.model_copy(update={"reserve": Reserve(cover=Cover.ANY_ONE)})
    return observed(cluster.model_copy(update={"spec": spec}))


def observed(cluster: Cluster) -> Observed:
    """Return a plan, and what REST would say of a cluster that keeps to it."""
    job = job_of("skewed-join")
    placement = place(job, cluster, time_limit=60)
    profile, graph = compile_job(job)
    resources = slot_resources(profile)
    managers, places = {}, {}
    for tm in placement.task_managers:
        assert tm.memory is not None
        memory = derive_taskmanager(tm.memory.dynamic_options)
        options = tm.memory.dynamic_options
        names = [name for name in options.get("external-resources", "").split(";") if name]
        managers[tm.id] = RunningTaskManager(
            id=tm.id,
            memory={rest: getattr(memory, name) for rest, name in NAMES.items()},
            external={name: float(options[f"external-resource.{name}.amount"]) for name in names},
            slots={"j": tuple(told(resources[slot.group], quota_name(slot.group)) for slot in tm.slots)},
            cpu=float(options["taskmanager.cpu.cores"]),
        )
        for slot in tm.slots:
            for subtask in slot.subtasks:
                places[subtask] = tm.id
    head = {v.index: v for v in graph.vertices}
    names_of = {node.id: node.planner.operator for node in profile.nodes if node.planner}
    vertices = tuple(
        RunningVertex(
            v.id,
            v.name,
            v.parallelism,
            tuple(
                RunningSubtask(i, "RUNNING", places[f"{names_of[v.nodes[0]]}/{i}"])
                for i in range(v.parallelism)
            ),
        )
        for v in head.values()
    )
    return placement, managers, RunningJob("j", "job", "RUNNING", vertices), graph, resources


def told(slot: SlotResources, quota: str) -> RunningSlot:
    """Return what REST says of a slot, memory in whole MiB."""
    figures = {
        "taskHeapMemory": slot.heap, "taskOffHeapMemory": slot.off_heap, "managedMemory": slot.managed,
        "networkMemory": slot.network,
    }  # fmt: skip
    return RunningSlot(slot.cpu / CORE, {name: size // MIB for name, size in figures.items()}, {quota: 1.0})


def test_a_cluster_that_obeys(obeyed: Observed) -> None:
    assert deviations(*obeyed) == []


def test_other_names_of_taskmanagers_are_no_difference(obeyed: Observed) -> None:
    placement, managers, job, graph, resources = obeyed
    renamed = {f"pod-{name}": replace(manager, id=f"pod-{name}") for name, manager in managers.items()}
    moved = tuple(
        replace(v, subtasks=tuple(replace(s, task_manager=f"pod-{s.task_manager}") for s in v.subtasks))
        for v in job.vertices
    )
    assert deviations(placement, renamed, replace(job, vertices=moved), graph, resources) == []


def test_each_difference_is_told(obeyed: Observed) -> None:
    placement, managers, job, graph, resources = obeyed
    name = next(tm.id for tm in placement.task_managers if tm.quotas)
    group = next(iter(next(tm for tm in placement.task_managers if tm.id == name).quotas))
    manager = managers[name]

    def found(changed: RunningTaskManager | None, of: RunningJob = job) -> list[str]:
        others = {key: value for key, value in managers.items() if key != name}
        seen = {**others, **({name: changed} if changed else {})}
        return [str(difference) for difference in deviations(placement, seen, of, graph, resources)]

    assert f"{name}: the TaskManager: missing, planned: registered" in found(None)
    (line,) = found(replace(manager, memory={**manager.memory, "taskHeap": 1}))
    assert line.startswith(f"{name}: taskHeap: 1 bytes, planned: ")
    quota = quota_name(group)
    assert any(
        f"quota {quota}" in line
        for line in found(replace(manager, external={**manager.external, quota: 99.0}))
    )
    assert any(f"slots of group {group}" in line for line in found(replace(manager, slots={})))
    assert any("cores: 99, planned" in line for line in found(replace(manager, cpu=99.0)))
    first_slot, *others = manager.slots["j"]
    for spoiled, words in (
        (replace(first_slot, cpu=77.0), "cores of a slot of group"),
        (
            replace(first_slot, memory={**first_slot.memory, "managedMemory": 77}),
            "managedMemory of a slot of group",
        ),
    ):
        lines = found(replace(manager, slots={"j": (spoiled, *others)}))
        assert len(lines) == 1
        assert words in lines[0]
        assert "77" in lines[0]
    first = job.vertices[0]
    stopped = replace(first, subtasks=tuple(replace(s, state="FAILED") for s in first.subtasks))
    lines = found(manager, replace(job, vertices=(stopped, *job.vertices[1:])))
    assert lines == [
        f"{first.name}: subtasks: {first.parallelism} FAILED, planned: {first.parallelism} RUNNING"
    ]
    elsewhere = replace(first, subtasks=tuple(replace(s, task_manager=name) for s in first.subtasks))
    assert any(
        f"subtasks of {first.name}" in line
        for line in found(manager, replace(job, vertices=(elsewhere, *job.vertices[1:])))
    )
    assert any(
        "the vertex: missing" in line for line in found(manager, replace(job, vertices=job.vertices[1:]))
    )


def test_a_taskmanager_too_many_that_could_take_slots_is_told(obeyed: Observed) -> None:
    placement, managers, *_ = obeyed
    manager = next(m for m in managers.values() if m.external)
    spare = replace(manager, id="left-over", slots={})
    (found,) = deviations(placement, {**managers, "left-over": spare}, None)
    assert found.where == "left-over"
    stranger = replace(spare, external={"gpu": 1.0})
    assert deviations(placement, {**managers, "left-over": stranger}, None) == []


def test_ids_of_taskmanagers_may_hold_any_character() -> None:
    assert task_manager_path("rack 1/größe?#") == "/taskmanagers/rack%201%2Fgr%C3%B6%C3%9Fe%3F%23"


def test_a_batch_job_may_have_less_than_all_of_it(obeyed: Observed) -> None:
    placement, managers, job, graph, _ = obeyed
    first = job.vertices[0]
    waiting = replace(first, subtasks=tuple(replace(s, state="SCHEDULED") for s in first.subtasks))
    idle = {name: replace(manager, slots={}) for name, manager in managers.items()}
    some = replace(job, vertices=(waiting, *job.vertices[2:]))
    assert deviations(placement, idle, some, graph)
    assert deviations(placement, idle, replace(some, batch=True), graph) == []
    failed = replace(first, subtasks=tuple(replace(s, state="FAILED") for s in first.subtasks))
    assert deviations(placement, idle, replace(job, vertices=(failed,), batch=True), graph)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h:8081", "http://h:8081"),
        ("h:8081", "http://h:8081"),
        ("https://h", "https://h:443"),
        ("h", "http://h:80"),
        ("http://h:8081/", "http://h:8081"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    assert Rest.at(text).url == url


def moved_to_spare(spared: Observed) -> tuple[str, str, dict[str, RunningTaskManager], RunningJob]:
    """Return what REST would say when a spare stands in for a TaskManager that is lost, and both."""
    placement, managers, job, _, _ = spared
    spare = next(tm.id for tm in placement.task_managers if tm.reserve)
    lost = next(tm.id for tm in placement.task_managers if tm.slots)
    seen = {name: tm for name, tm in managers.items() if name != lost}
    seen[spare] = replace(seen[spare], slots=managers[lost].slots)

    def at(subtask: RunningSubtask) -> RunningSubtask:
        return replace(subtask, task_manager=spare) if subtask.task_manager == lost else subtask

    vertices = tuple(replace(v, subtasks=tuple(map(at, v.subtasks))) for v in job.vertices)
    return lost, spare, seen, replace(job, vertices=vertices)


def test_spares_may_be_there_when_the_job_runs(spared: Observed) -> None:
    placement, managers, job, graph, resources = spared
    assert deviations(*spared) == []
    spare = next(tm.id for tm in placement.task_managers if tm.reserve)
    assert (
        deviations(placement, {n: m for n, m in managers.items() if n != spare}, job, graph, resources) == []
    )
    (found,) = deviations(placement, {n: replace(m, slots={}) for n, m in managers.items()}, None)
    assert (found.where, found.covered) == (spare, False)


def test_a_spare_that_stands_in_is_as_the_placement_provides(spared: Observed) -> None:
    placement, _, _, graph, resources = spared
    lost, spare, seen, job = moved_to_spare(spared)
    found = deviations(placement, seen, job, graph, resources)
    assert {deviation.where for deviation in found} == {lost, spare}
    assert all(deviation.covered for deviation in found)
    returned = {**seen, lost: replace(spared[1][lost], slots={})}
    found = deviations(placement, returned, job, graph, resources)
    assert found
    assert all(deviation.covered for deviation in found)


def test_slots_that_are_nowhere_are_not_covered(spared: Observed) -> None:
    placement, _, _, graph, resources = spared
    _, spare, seen, job = moved_to_spare(spared)
    seen[spare] = replace(seen[spare], slots={"j": seen[spare].slots["j"][1:]})
    assert not all(deviation.covered for deviation in deviations(placement, seen, job, graph, resources))
