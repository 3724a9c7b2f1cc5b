"""PRF: what the rules over profiles find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import yaml

from planner.api import compile_job
from planner.documents.job import Job
from planner.documents.load import load
from rules.documents import COUNT, SOURCE, find, job
from samples import document


class TestProfiles:
    def profile(self, **planner: Any) -> dict[str, Any]:
        full, _ = compile_job(document(yaml.safe_dump(job(SOURCE, COUNT)), Job))
        data: dict[str, Any] = full.model_dump(mode="json", by_alias=True, exclude_none=True)
        data["planner"] |= planner
        return data

    def test_what_planner_writes_is_clean(self) -> None:
        assert find(self.profile()) == []

    def test_a_flink_version_that_is_none(self) -> None:
        (loaded,) = load(yaml.safe_dump(self.profile(flinkVersion="latest")).encode(), "job.yaml")
        assert [finding.code for finding in loaded.findings] == ["DOC104"]
