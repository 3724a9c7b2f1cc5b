"""Memory of processes: to the byte what Flink derives, and backwards from needs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.memory.breakdown import jobmanager_parts, taskmanager_parts
from planner.memory.launch import java_double, java_hash_order, launch_jobmanager, launch_taskmanager
from planner.memory.process import MemoryConfigurationError
from planner.memory.sizing import exact_options, size_taskmanager
from planner.memory.taskmanager import PREFIX, derive_taskmanager
from planner.units import MIB

ORACLE = json.loads((Path(__file__).parent.parent / "oracles/memory.json").read_text())
LAUNCH = {"taskmanager": launch_taskmanager, "jobmanager": launch_jobmanager}
CAUSES = {
    "MEM401": "Either required fine-grained memory",
    "MEM402": ("Sum of", "less than the configured Off-heap", "is larger than", "exceed", "greater than"),
    "MEM403": "If Total Flink, Task Heap",
    "MEM404": "Derived JVM Overhead size",
    "MEM405": ("Total Process Memory size", "Sum of configured JVM Metaspace"),
    "MEM406": "Inconsistently configured",
    "MEM407": ("Cannot read memory size", "Could not parse value"),
    "MEM408": "positive number of CPU cores",
}


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Return planner's answer to a case of make_memory.py in the same form."""
    try:
        launch = LAUNCH[case["process"]](case["config"])
    except MemoryConfigurationError as error:
        return {"refused": error.code}
    return {"jvmArguments": launch.jvm_arguments, "dynamicOptions": dict(launch.dynamic_options)}


def expected(case: dict[str, Any], got: dict[str, Any]) -> dict[str, Any]:
    """Return Flink's answer; a refusal has to have the cause that planner's code stands for."""
    if "error" not in case:
        return {key: case[key] for key in ("jvmArguments", "dynamicOptions")}
    words = CAUSES.get(got.get("refused", ""), ())
    found = any(word in case["error"] for word in ([words] if isinstance(words, str) else words))
    return got if found else {"refused": case["error"]}


@pytest.mark.parametrize("case", ORACLE, ids=range(len(ORACLE)))
def test_memory_is_flinks(case: dict[str, Any]) -> None:
    got = answer(case)
    assert got == expected(case, got)


@pytest.mark.parametrize("case", [c for c in ORACLE if "error" not in c], ids=lambda c: c["process"])
def test_parts_with_reasons_are_the_whole_process(case: dict[str, Any]) -> None:
    parts = {"taskmanager": taskmanager_parts, "jobmanager": jobmanager_parts}[case["process"]](
        case["config"]
    )
    assert sum(part.size for part in parts) == LAUNCH[case["process"]](case["config"]).memory.process
    assert all(part.how for part in parts)


NEEDS = st.fixed_dictionaries(
    {name: st.integers(0, 2**36) for name in ("task_heap", "task_off_heap", "managed", "network")}
)


@given(NEEDS)
def test_backwards_gives_exactly_what_is_needed(needs: dict[str, int]) -> None:
    wanted = size_taskmanager(needs)
    options = exact_options(wanted)
    assert derive_taskmanager(options) == wanted
    assert (wanted.task_heap, wanted.task_off_heap, wanted.managed) == tuple(
        needs[name] for name in ("task_heap", "task_off_heap", "managed")
    )
    assert wanted.network == max(needs["network"], 32 * 1024)
    smaller = {**options, f"{PREFIX}process.size": f"{wanted.process - 1}b"}
    with pytest.raises(MemoryConfigurationError):
        derive_taskmanager(smaller)


def backwards_problems(jvm: Any, count: int, seed: int) -> Iterator[str]:
    """Give options for random needs to Flink's own classes: other parts, or a smaller process, are problems."""
    from oracles.make_memory import Oracle, needs

    oracle, rng = Oracle(jvm), random.Random(seed)
    for _ in range(count):
        wanted = size_taskmanager(needs(rng))
        options = exact_options(wanted)
        told = oracle.answer("taskmanager", options)
        if {
            k: told.get("dynamicOptions", {}).get(k) for k in wanted.dynamic_options()
        } != wanted.dynamic_options():
            yield f"{wanted}: {told}"
        smaller = {**options, f"{PREFIX}process.size": f"{wanted.process - 1}b"}
        if "error" not in oracle.answer("taskmanager", smaller):
            yield f"{wanted}: one byte less is accepted"


def test_backwards_keeps_what_is_configured_outside_of_slots() -> None:
    configured = {f"{PREFIX}framework.heap.size": "256m", f"{PREFIX}jvm-metaspace.size": "512m"}
    memory = size_taskmanager({"task_heap": 512 * MIB}, configured)
    assert (memory.framework_heap, memory.jvm_metaspace) == (256 * MIB, 512 * MIB)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.5, "0.5"),
        (1e-4, "1.0E-4"),
        (12345678.0, "1.2345678E7"),
        (2.25, "2.25"),
        (1e7, "1.0E7"),
    ],
)
def test_doubles_are_spelled_as_java_does(value: float, text: str) -> None:
    assert java_double(value) == text


def test_hash_order() -> None:
    assert java_hash_order(["gpu", "fpga"]) == ["fpga", "gpu"]
