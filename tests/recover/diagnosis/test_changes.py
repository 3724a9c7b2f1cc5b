"""Changes: bounded, within the container, and what Flink derives from them is what they say."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.documents.placement import PlacedLoad, PlacedMemory, PlacedTaskManager
from planner.memory.process import MemoryConfigurationError
from planner.memory.taskmanager import PREFIX, TaskManagerMemory, derive_taskmanager
from planner.recover.diagnosis.changes import Change, Process, changes
from planner.recover.diagnosis.classes import CLASSES
from planner.units import MIB, format_size, parse_size

POOLS = {
    "heap": "task_heap",
    "direct-memory": "task_off_heap",
    "metaspace": "jvm_metaspace",
    "container-killed": "jvm_overhead",
    "network-buffers": "network",
}
"""Classes that one part of a TaskManager's memory is too small for."""
BUFFERS = {"required": "64", "available": "11", "total": "2048", "size": "32768"}
PROCESS = PREFIX + "process.size"
SIZES = {
    PROCESS: st.integers(1200, 40_000),
    PREFIX + "flink.size": st.integers(900, 30_000),
    PREFIX + "task.heap.size": st.integers(1, 4000),
    PREFIX + "managed.size": st.integers(0, 4000),
    PREFIX + "task.off-heap.size": st.integers(0, 500),
    PREFIX + "jvm-metaspace.size": st.integers(60, 700),
    PREFIX + "network.min": st.integers(1, 64),
    PREFIX + "network.max": st.integers(65, 2000),
}


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, str]:
    """Draw memory options of a TaskManager, most of which Flink takes."""
    keys = draw(st.sets(st.sampled_from(sorted(SIZES)), max_size=4)) | {
        draw(st.sampled_from([PROCESS, PREFIX + "flink.size"]))
    }
    found = {key: f"{draw(SIZES[key])}m" for key in sorted(keys)}
    if draw(st.booleans()):
        found["state.backend.type"] = draw(st.sampled_from(["hashmap", "rocksdb"]))
    return found


def applied(options: Mapping[str, str], wanted: tuple[Change, ...]) -> TaskManagerMemory:
    return derive_taskmanager({**options, **{change.option: change.after for change in wanted}})


@settings(max_examples=300, deadline=None)
@given(configurations(), st.sampled_from(sorted(POOLS)))
def test_what_changes_say_is_what_flink_derives(options: dict[str, str], name: str) -> None:
    try:
        before = derive_taskmanager(options)
    except MemoryConfigurationError:
        return
    wanted = changes(name, BUFFERS, Process(told=options, told_by="tm.log"))
    if not wanted:
        assert name == "metaspace"
        assert before.jvm_metaspace >= 512 * MIB
        return
    after, pool = applied(options, wanted), POOLS[name]
    assert getattr(after, pool) > getattr(before, pool)
    assert after.task_heap >= before.task_heap - MIB  # sizes are in whole mb
    grown = [change for change in wanted if "the process grows" in change.why]
    if not grown:
        assert after.process <= before.process
    assert after.process <= before.process + getattr(after, pool) - getattr(before, pool) + MIB
    for change in wanted:
        if change.before is not None and change.option in options:
            assert change.before == options[change.option]
    if options.get("state.backend.type") == "rocksdb":
        assert after.managed >= before.managed - MIB


def placed(memory: TaskManagerMemory, heap: int, managed: int) -> PlacedTaskManager:
    load = PlacedLoad(cpu=0, cpu_reserved=0, heap=heap, off_heap=0, managed=managed, network=memory.network)
    return PlacedTaskManager(
        id="tm-1",
        quotas={"default": 1},
        slots=[],
        load=load,
        utilisation={},
        memory=PlacedMemory(jvm_arguments=[], dynamic_options=memory.dynamic_options()),
    )


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1500, 20_000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(sorted({*POOLS} - {"network-buffers"})),
)
def test_a_placement_says_what_is_free(process: int, heap: float, managed: float, name: str) -> None:
    memory = derive_taskmanager({PROCESS: f"{process}m"})
    tm = placed(memory, int(memory.task_heap * heap), int(memory.managed * managed))
    wanted = changes(name, {}, Process(placed=tm))
    after, pool = applied(memory.dynamic_options(), wanted), POOLS[name]
    assert getattr(after, pool) > getattr(memory, pool)
    assert after.task_heap >= tm.load.heap
    assert after.managed >= tm.load.managed
    grown = after.process - memory.process
    assert grown <= MIB or any("the process grows" in change.why for change in wanted)
    free = memory.managed - tm.load.managed
    free += memory.task_heap - tm.load.heap if name != "heap" else 0
    if grown > 2 * MIB:
        assert free < getattr(after, pool) - getattr(memory, pool) + 3 * MIB
    assert {change.source for change in wanted} == {"the placement"}


@settings(max_examples=200, deadline=None)
@given(configurations(), st.sampled_from(sorted(POOLS)))
def test_what_is_contained_does_not_grow(options: dict[str, str], name: str) -> None:
    try:
        before = derive_taskmanager(options)
    except MemoryConfigurationError:
        return
    wanted = changes(name, BUFFERS, Process(told=options, told_by="tm.log", contained=True))
    if wanted:
        after = applied(options, wanted)
        assert after.process <= before.process
        assert getattr(after, POOLS[name]) > getattr(before, POOLS[name])


def test_one_in_reserve_has_nothing_free() -> None:
    memory = derive_taskmanager({PROCESS: "4g"})
    spare = placed(memory, 0, 0).model_copy(update={"reserve": True})
    (change, *others) = changes("metaspace", {}, Process(placed=spare))
    assert "the process grows" in change.why
    assert others == []


def test_buffers_are_those_that_were_missing() -> None:
    (low, high) = changes("network-buffers", BUFFERS, Process())
    assert (low.option, high.option) == (PREFIX + "network.min", PREFIX + "network.max")
    assert (low.before, low.after) == ("64 mb", "66 mb")  # 53 buffers of 32 kb more, in whole mb
    assert changes("network-buffers", {"total": "x"}, Process()) == ()


def test_metaspace_is_raised_once() -> None:
    (change, *_) = changes("metaspace", {}, Process(version="2.2"))
    assert (change.before, change.source, change.after) == ("256 mb", "Flink 2.2.1's default", "512 mb")
    large = {PROCESS: "4g", PREFIX + "jvm-metaspace.size": "512m"}
    assert changes("metaspace", {}, Process(told=large)) == ()


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("stuck-cancel", {}, ("task.cancellation.timeout", "3 min", "1 min")),
        ("stuck-cancel", {"task.cancellation.timeout": "5000"}, None),
        ("heartbeat", {}, ("heartbeat.timeout", "50 s", "2 min")),
        ("heartbeat", {"heartbeat.timeout": "180000"}, None),
        ("partition-not-found", {}, ("taskmanager.network.request-backoff.max", "10000", "30000")),
        ("partition-not-found", {"taskmanager.network.request-backoff.max": "60000"}, None),
        ("checkpoint-tolerance", {}, ("execution.checkpointing.tolerable-failed-checkpoints", "0", "3")),
        ("checkpoint-expired", {}, ("execution.checkpointing.unaligned.enabled", "false", "true")),
        (
            "checkpoint-expired",
            {"execution.checkpointing.unaligned.enabled": "true"},
            ("execution.checkpointing.timeout", "10 min", "20 min"),
        ),
        ("checkpoint-storage", {}, ("execution.checkpointing.storage", None, "filesystem")),
        ("registration", {}, ("taskmanager.registration.timeout", "5 min", "10 min")),
        ("rpc-size", {}, ("pekko.framesize", "10485760b", "33554432b")),
        ("rpc-size", {"pekko.framesize": "64m"}, None),
        (
            "gave-up",
            {"restart-strategy.type": "fixed-delay"},
            ("restart-strategy.type", "fixed-delay", "exponential-delay"),
        ),
        ("gave-up", {"execution.checkpointing.interval": "1 s"}, None),
        ("gave-up", {}, ("restart-strategy.type", "none", "exponential-delay")),
        ("user-code", {}, None),
    ],
)
def test_bounds(name: str, told: dict[str, str], expected: tuple[str, str, str] | None) -> None:
    found = changes(name, {}, Process(told=told, told_by="tm.log"))
    if expected is None:
        assert found == ()
    else:
        assert (found[0].option, found[0].before, found[0].after) == expected


@pytest.mark.parametrize("name", [one.name for one in CLASSES])
@pytest.mark.parametrize("jobmanager", [False, True])
def test_nonsense_in_a_log_is_no_traceback(name: str, jobmanager: bool) -> None:
    for value in ("", "x", "-1", "99999999999999999999999999", "\x00"):
        keys = [*SIZES, "jobmanager.memory.heap.size", "jobmanager.memory.process.size", "heartbeat.timeout"]
        keys += [
            "execution.checkpointing.timeout",
            "restart-strategy.type",
            "pekko.framesize",
            "state.backend",
        ]
        told = dict.fromkeys(keys, value)
        changes(name, dict.fromkeys(BUFFERS, value), Process(jobmanager, told, "tm.log"))


def test_a_jobmanager_has_options_of_its_own() -> None:
    told = {"jobmanager.memory.process.size": "1600m"}
    found = changes("heap", {}, Process(True, told, "jm.log"))
    assert all(change.option.startswith("jobmanager.memory.") for change in found)
    assert parse_size(found[-1].after) > parse_size("1600m")
    assert format_size(parse_size(found[-1].after)) == found[-1].after
