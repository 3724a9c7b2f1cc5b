"""MEM: what the rules over memory find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from planner import api
from planner.documents.finding import Finding, Severity
from planner.documents.job import Job
from planner.documents.load import load
from rules.documents import COUNT, SOURCE, find, job, op


class TestManagedMemory:
    def found(
        self, managed: object, *, code: str = "MEM50", kind: str = "aggregate", **more: Any
    ) -> list[Finding]:
        resources = {"cpu": 1, "heap": "1 gb", **({} if managed is None else {"managed": managed})}
        group = {"name": "default", "resources": resources}
        options = {"state.backend.type": more.pop("backend", "rocksdb"), **more.pop("options", {})}
        spec = {"type": more.pop("type", "streaming"), "slotSharingGroups": [group]}
        spec["flinkVersion"] = more.pop("version", "2.2")
        operator = op("count", kind, {"from": "events", "ship": "hash"}, **more)
        document = job(SOURCE, operator, flinkConfiguration=options, **spec)
        return find(document, code=code)

    @pytest.mark.parametrize("managed", [{}, {"STATE_BACKEND": 0}, {"PYTHON": "0 mb", "OPERATOR": 0}])
    @pytest.mark.parametrize("backend", ["rocksdb", "forst", "RocksDB"])
    def test_none_for_state_outside_the_heap(self, managed: object, backend: str) -> None:
        (found,) = self.found(managed, backend=backend)
        assert (found.code, found.severity) == ("MEM501", Severity.WARNING)  # it runs
        assert found.message == (
            f"group 'default' has no managed memory, so the {backend.lower()} state of 'count' has a cache of"
            " 0 bytes and performs poorly"
        )

    @pytest.mark.parametrize("kind", ["aggregate", "keyed-python"])
    def test_none_for_a_batch_job_that_sorts(self, kind: str) -> None:
        (found,) = self.found({}, kind=kind, type="batch")
        assert (found.code, found.severity) == ("MEM501", Severity.ERROR)
        assert found.message == (
            "group 'default' has no managed memory, without which 'count' fails when it starts: it sorts or"
            " joins in it"
        )
        assert self.found({}, kind="map", type="batch") == []

    @pytest.mark.parametrize("option", ["fixed-per-slot", "fixed-per-tm"])
    def test_a_backend_with_memory_of_its_own(self, option: str) -> None:
        for backend in ("rocksdb", "forst"):
            options = {f"state.backend.{backend}.memory.{option}": "512 mb"}
            assert self.found({}, backend=backend, options=options) == []
            other = {"rocksdb": "forst", "forst": "rocksdb"}[backend]
            assert [f.code for f in self.found({}, backend=other, options=options)] == ["MEM501"]

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

    @pytest.mark.parametrize("version", ["1.20", "2.2", "2.3"])
    def test_python(self, version: str) -> None:
        """Tried on each: docs/benchmarks/zero-managed-memory.md."""
        (found,) = self.found({}, kind="python", backend="hashmap", version=version)
        assert found.severity is Severity.WARNING
        assert found.message == (
            "group 'default' has no managed memory, so nothing limits the memory of the Python worker of 'count'"
        )

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
        forst = {key.replace("rocksdb", "forst"): value for key, value in options.items()}
        off = {"state.backend.forst.memory.managed": False, **forst}
        assert len(find(job(SOURCE, flinkConfiguration=off), code="MEM504")) == expected
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


class TestUnknownClients:
    """One finding for a job, where the starting value stands in what planner reckons with."""

    def found(self, *operators: dict[str, Any], **spec: Any) -> list[str]:
        return [f.message for f in find(job(SOURCE, *operators, **spec), code="MEM505")]

    def test_once_with_every_kind(self) -> None:
        message = "the direct memory of solr-sink, nats-sink is not known; 8 mb for each subtask is assumed"
        twice = [
            op("a", "solr-sink", "events"),
            op("b", "nats-sink", "events"),
            op("c", "solr-sink", "events"),
        ]
        assert self.found(*twice) == [message]
        many = [op(f"s{n}", f"system{n}-sink", "events") for n in range(6)]
        (message,) = self.found(*many)
        assert "system3-sink and 2 more is not known" in message

    @pytest.mark.parametrize("kind", ["fluss-sink", "pulsar-sink", "jdbc-sink", "sink", "print-sink", "map"])
    def test_what_the_catalogue_knows_or_what_is_no_client(self, kind: str) -> None:
        assert self.found(op("a", kind, "events")) == []

    def test_what_is_declared(self) -> None:
        client = op("a", "solr-sink", "events")
        assert self.found(client, offHeapCatalogue={"solr-sink": "24 mb"}) == []
        assert self.found({**client, "resources": {"offHeap": "24 mb"}}) == []
        resources = {"cpu": 1, "heap": "1 gb", "offHeap": "100 mb"}
        assert self.found(client, slotSharingGroups=[{"name": "default", "resources": resources}]) == []

    def test_a_compiled_profile_until_somebody_changes_the_figure(self) -> None:
        (loaded,) = load(yaml.safe_dump(job(SOURCE, op("a", "solr-sink", "events"))).encode(), "job.yaml")
        assert isinstance(loaded.document, Job)
        profile = api.compile(loaded.document)
        assert [f.code for f in api.validate(profile) if f.code == "MEM505"] == ["MEM505"]
        groups = [group.model_copy(update={"off_heap": 99}) for group in profile.ssg_profiles]
        assert [
            f for f in api.validate(profile.model_copy(update={"ssg_profiles": groups})) if f.code == "MEM505"
        ] == []

    def test_a_declared_catalogue_counts_for_a_group_without_off_heap_memory(self) -> None:
        resources = {"cpu": 1, "heap": "1 gb", "offHeap": 0}
        spec = {"slotSharingGroups": [{"name": "default", "resources": resources}]}
        silent = {"kafka-source": 0, "solr-sink": 0}
        document = job(SOURCE, op("a", "solr-sink", "events"), offHeapCatalogue=silent, **spec)
        assert find(document, code="MEM503") == []
