"""MEM: what the rules over memory find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from planner.documents.finding import Finding, Severity
from rules.documents import COUNT, SOURCE, find, job, op


class TestManagedMemory:
    def found(
        self, managed: object, *, code: str = "MEM50", kind: str = "aggregate", **more: Any
    ) -> list[Finding]:
        resources = {"cpu": 1, "heap": "1 gb", **({} if managed is None else {"managed": managed})}
        group = {"name": "default", "resources": resources}
        options = {"state.backend.type": more.pop("backend", "rocksdb")}
        operator = op("count", kind, {"from": "events", "ship": "hash"}, **more)
        document = job(SOURCE, operator, slotSharingGroups=[group], flinkConfiguration=options)
        return find(document, code=code)

    @pytest.mark.parametrize("managed", [{}, {"STATE_BACKEND": 0}, {"PYTHON": "0 mb", "OPERATOR": 0}])
    @pytest.mark.parametrize("backend", ["rocksdb", "forst", "RocksDB"])
    def test_none_for_state_outside_the_heap(self, managed: object, backend: str) -> None:
        (found,) = self.found(managed, backend=backend)
        assert found.code == "MEM501"
        assert found.message == (
            f"group 'default' has no managed memory, which 'count' needs for its {backend.lower()} state"
        )

    def test_the_backend_of_the_operator_wins(self) -> None:
        assert self.found({}, state={"backend": "hashmap"}) == []
        (found,) = self.found({}, backend="hashmap", state={"backend": "rocksdb"})
        assert found.code == "MEM501"

    def test_state_on_the_heap(self) -> None:
        assert self.found({}, backend="hashmap") == []
        assert self.found(None, backend="hashmap") == []

    def test_enough_or_left_to_planner(self) -> None:
        assert self.found({"STATE_BACKEND": "256 mb"}) == []
        assert self.found(None) == []

    def test_python(self) -> None:
        (found,) = self.found({}, kind="python", backend="hashmap")
        assert found.message == "group 'default' has no managed memory, which 'count' needs for Python"

    def test_memory_that_nobody_uses(self) -> None:
        (found,) = self.found({"OPERATOR": "256 mb"}, kind="map")
        assert (found.code, found.severity) == ("MEM502", Severity.WARNING)
        assert found.message == "nothing in group 'default' uses its 256 mb of managed memory"

    def test_memory_that_state_on_the_heap_does_not_use(self) -> None:
        assert [f.code for f in self.found({"STATE_BACKEND": "256 mb"}, backend="hashmap")] == ["MEM502"]

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, 1),
            ({"state.backend.rocksdb.memory.fixed-per-slot": "512 mb"}, 0),
            ({"state.backend.rocksdb.memory.fixed-per-tm": "2 gb"}, 0),
        ],
    )
    def test_unmanaged_rocksdb(self, options: dict[str, str], expected: int) -> None:
        settings = {"state.backend.type": "rocksdb", "state.backend.rocksdb.memory.managed": False, **options}
        assert len(find(job(SOURCE, flinkConfiguration=settings), code="MEM504")) == expected


def test_weights_that_cannot_be_read_are_found_at_their_place() -> None:
    weights = "taskmanager.memory.managed.consumer-weights"
    data = job(SOURCE, COUNT)
    data["spec"]["flinkConfiguration"] = {weights: "OPERATOR:x"}
    (finding,) = find(data, code="MEM407")
    assert finding.pointer == f"/spec/flinkConfiguration/{weights}"
    assert (
        finding.message
        == f"{weights}: 'OPERATOR:x' is not a list such as OPERATOR:70,STATE_BACKEND:70,PYTHON:30"
    )
