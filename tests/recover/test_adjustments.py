"""What a supervisor may change: inside the process of the placement, on every way that it can go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.documents.placement import PlacedLoad, PlacedMemory, PlacedTaskManager
from planner.memory.taskmanager import PREFIX, TaskManagerMemory, derive_taskmanager
from planner.recover.adjustments import KINDS, MOST, Adjustment, adjustments
from planner.units import MIB

PARTS = {
    "heap": "task_heap",
    "direct": "task_off_heap",
    "metaspace": "jvm_metaspace",
    "container": "jvm_overhead",
}


def placed(
    memory: TaskManagerMemory, heap: float = 1, managed: float = 1, off_heap: float = 1, reserve: bool | None = None
) -> PlacedTaskManager:  # fmt: skip
    """Return a TaskManager whose slots take shares of its memory."""
    load = PlacedLoad(
        cpu=0,
        cpu_reserved=0,
        heap=int(memory.task_heap * heap),
        off_heap=int(memory.task_off_heap * off_heap),
        managed=int(memory.managed * managed),
        network=memory.network,
    )
    return PlacedTaskManager(
        id="tm-1",
        reserve=reserve,
        quotas={"default": 1},
        slots=[],
        load=load,
        utilisation={},
        memory=PlacedMemory(jvm_arguments=[], dynamic_options=memory.dynamic_options()),
    )


Way = tuple[TaskManagerMemory, str, Adjustment]
"""The memory before a step, what ran out, and the step."""


def ways(before: TaskManagerMemory, steps: Mapping[str, Adjustment], depth: int = 1) -> Iterator[Way]:
    assert depth <= MOST or not steps
    for kind, one in steps.items():
        yield before, kind, one
        assert kind not in one.then, "each kind once"
        yield from ways(one.memory, one.then, depth + 1)


@settings(max_examples=100, deadline=None)
@given(st.integers(1000, 20_000), st.integers(0, 600), *[st.floats(0, 1)] * 3)
def test_every_way_stays_within_the_process(
    process: int, off_heap: int, heap: float, managed: float, direct: float
) -> None:
    options = {PREFIX + "process.size": f"{process}m", PREFIX + "task.off-heap.size": f"{off_heap}m"}
    try:
        memory = derive_taskmanager(options)
    except ValueError:
        return
    tm = placed(memory, heap, managed, direct)
    for before, kind, one in ways(memory, adjustments(tm)):
        after = one.memory
        assert after.process <= memory.process
        assert min(after.task_heap, after.managed, after.task_off_heap) >= 0
        assert after.task_heap >= tm.load.heap, "its slots are still allocated"
        assert after.managed >= tm.load.managed
        assert after.task_off_heap >= tm.load.off_heap
        assert after.network == memory.network
        assert getattr(after, PARTS[kind]) > getattr(before, PARTS[kind])
        smaller = {name for name, part in PARTS.items() if getattr(after, part) < getattr(before, part)}
        assert smaller == set(one.takes)
        now = before.dynamic_options()
        changed = {change.option: change.after for change in one.changes}
        assert derive_taskmanager({**now, **changed}) == after, "Flink derives it"
        assert all(change.option.startswith(PREFIX) for change in one.changes)


@settings(max_examples=50, deadline=None)
@given(st.integers(2000, 20_000))
def test_a_second_step_leaves_the_first_one_alone(process: int) -> None:
    memory = derive_taskmanager({PREFIX + "process.size": f"{process}m"})
    for kind, one in adjustments(placed(memory, heap=0.3, managed=0.3)).items():
        for other in one.then.values():
            assert getattr(other.memory, PARTS[kind]) >= getattr(one.memory, PARTS[kind])


def test_where_nothing_is_free_nothing_changes() -> None:
    memory = derive_taskmanager({PREFIX + "process.size": "2g"})
    assert adjustments(placed(memory)) == {}
    assert adjustments(placed(memory, managed=0.99)) == {}, "a few mb would only put it off"
    assert adjustments(placed(memory, heap=0, managed=0, reserve=True)) == {}, "it may have to take over"
    assert adjustments(placed(memory, managed=0).model_copy(update={"memory": None})) == {}


def test_metaspace_is_raised_once_and_from_what_no_slot_takes() -> None:
    memory = derive_taskmanager({PREFIX + "process.size": "2g"})
    one = adjustments(placed(memory, managed=0.2))["metaspace"]
    assert one.memory.jvm_metaspace == 512 * MIB
    assert one.takes == ()
    assert [change.option.removeprefix(PREFIX) for change in one.changes] == [
        "jvm-metaspace.size",
        "managed.size",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_step_where_there_is_room(kind: str) -> None:
    memory = derive_taskmanager({PREFIX + "process.size": "8g"})
    assert kind in adjustments(placed(memory, heap=0.5, managed=0))
