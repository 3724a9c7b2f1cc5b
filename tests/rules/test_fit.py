"""FIT: what the rules over a job and its cluster find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from planner.documents.finding import Finding
from rules.documents import SOURCE, STANDARD, cluster, find, job


class TestFit:
    def fit(
        self, resources: dict[str, Any], *clusters: dict[str, Any], parallelism: int = 1
    ) -> list[Finding]:
        group = {"name": "default", "resources": {"cpu": 1, "heap": "1 gb", **resources}}
        document = job(SOURCE, slotSharingGroups=[group], parallelism=parallelism)
        return find(document, *(clusters or (cluster(STANDARD),)), code="FIT")

    @pytest.mark.parametrize(
        ("resources", "needs", "where"),
        [
            ({"cpu": 4.5}, "4.5 cpu; the closest, 'standard-0', has 4", "resources/cpu"),
            ({"heap": "20 gb"}, "20480 mb memory; the closest, 'standard-0', has 6860.8 mb", "name"),
            (
                {"external": {"gpu": 1}},
                "1 gpu, and TaskManagers such as 'standard-0' have 0",
                "resources/external",
            ),
        ],
    )
    def test_says_what_is_too_big_and_where(self, resources: dict[str, Any], needs: str, where: str) -> None:
        found = next(f for f in self.fit(resources) if f.code == "FIT801")
        assert found.message == f"a slot of group 'default' needs {needs}"
        assert found.pointer == f"/spec/slotSharingGroups/0/{where}"

    def test_a_part_that_the_cluster_fixes(self) -> None:
        shape = {**STANDARD, "memory": {"process": "8 gb", "managed": "512 mb"}}
        (found,) = self.fit({"managed": {"STATE_BACKEND": "1 gb"}}, cluster(shape))
        assert found.message == (
            "a slot of group 'default' needs 1024 mb managed; the closest, 'standard-0', has 512 mb"
        )

    def test_one_large_taskmanager_is_enough(self) -> None:
        large = {"name": "large", "count": 1, "cpu": 16, "memory": {"process": "32 gb"}}
        assert self.fit({"cpu": 8}, cluster(STANDARD, large)) == []

    def test_the_closest_taskmanager_is_named(self) -> None:
        larger = {"name": "larger", "count": 1, "cpu": 6, "memory": {"process": "8 gb"}}
        (found,) = self.fit({"cpu": 8}, cluster(STANDARD, larger))
        assert found.message == "a slot of group 'default' needs 8 cpu; the closest, 'larger-0', has 6"

    def test_a_slot_that_fits(self) -> None:
        assert self.fit({}) == []

    def test_the_sum(self) -> None:
        assert self.fit({"cpu": 2, "heap": "64 mb"}, parallelism=8) == []
        (found,) = self.fit({"cpu": 2, "heap": "64 mb"}, parallelism=9)
        assert (found.code, found.message) == (
            "FIT802",
            "the job's slots reserve 18 cores, the cluster has 16",
        )

    def test_the_reserve_does_not_count(self) -> None:
        spare = cluster(STANDARD, reserve={"taskManagers": 1})
        (found,) = self.fit({"cpu": 2, "heap": "64 mb"}, spare, parallelism=8)
        assert (
            found.message
            == "the job's slots reserve 16 cores, the cluster has 12 at most, beside its reserve"
        )

    def test_slots(self) -> None:
        few = cluster({**STANDARD, "slots": 1})
        (found,) = self.fit({"heap": "64 mb"}, few, parallelism=5)
        assert found.message == "the job has 5 slots, the cluster allows 4"

    def test_with_two_clusters_there_is_nothing_to_compare(self) -> None:
        assert self.fit({"cpu": 8}, cluster(STANDARD), cluster(STANDARD)) == []


class TestOtherBuffers:
    KEY = "taskmanager.memory.segment-size"

    @pytest.mark.parametrize(
        ("of_class", "of_job", "pointers"),
        [
            ("64 kb", "32 kb", ["/spec/taskManagerClasses/0/flinkConfiguration/" + KEY, "/spec/flinkConfiguration/" + KEY]),
            ("64 kb", None, ["/spec/taskManagerClasses/0/flinkConfiguration/" + KEY]),
            ("32768", None, []),
            ("64 kb", "65536 bytes", []),
            (None, "64 kb", []),
        ],
    )  # fmt: skip
    def test_is_found_where_it_stands(
        self, of_class: str | None, of_job: str | None, pointers: list[str]
    ) -> None:
        shape = {**STANDARD, "flinkConfiguration": {self.KEY: of_class} if of_class else {}}
        document = job(SOURCE, flinkConfiguration={self.KEY: of_job} if of_job else {})
        found = find(document, cluster(shape), code="FIT806")
        assert sorted(finding.pointer or "" for finding in found) == sorted(pointers)
        assert all("'64 kb'" in finding.message for finding in found)
