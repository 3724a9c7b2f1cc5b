"""OPS: what the rules about operations find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from rules.documents import COUNT, SOURCE, find, job, op

BATCH = {"type": "batch", "flinkConfiguration": {"jobmanager.scheduler": "Default"}}


class TestUids:
    WITHOUT = {key: value for key, value in COUNT.items() if key != "uid"}

    def test_an_operator_with_state(self) -> None:
        (found,) = find(job(SOURCE, self.WITHOUT), code="OPS")
        assert (found.code, found.message) == ("OPS601", "operator 'count' keeps state but has no uid")
        assert found.pointer == "/spec/operators/1/id"

    def test_an_operator_without_state_and_a_batch_job(self) -> None:
        plain = {"id": "a", "kind": "map", "inputs": ["events"]}
        assert find(job(SOURCE, plain), code="OPS") == []
        assert find(job(SOURCE, self.WITHOUT, **BATCH), code="OPS") == []


class TestCheckpoints:
    def found(self, **spec: Any) -> list[tuple[str, str]]:
        return [(f.code, f.message) for f in find(job(SOURCE, COUNT, **spec), code="OPS60")]

    def test_none(self) -> None:
        message = "operator 'count' keeps state, but no checkpoint interval is set"
        assert self.found(checkpointing=None) == [("OPS602", message)]
        assert find(job(SOURCE, op("a", "map", "events"), checkpointing=None), code="OPS") == []

    def test_without_a_directory(self) -> None:
        message = "checkpoints are enabled, but execution.checkpointing.dir is not set"
        assert self.found(checkpointing={"interval": "30 s"}) == [("OPS603", message)]

    @pytest.mark.parametrize("place", ["file:///checkpoints", "/checkpoints"])
    def test_a_local_directory(self, place: str) -> None:
        message = f"checkpoints go to {place!r}, which other hosts may not be able to read"
        assert self.found(checkpointing={"interval": "30 s", "dir": place}) == [("OPS603", message)]

    @pytest.mark.parametrize("key", ["execution.checkpointing.dir", "state.checkpoints.dir"])
    def test_shared_storage(self, key: str) -> None:
        options = {key: "hdfs:///checkpoints"}
        assert self.found(checkpointing={"interval": "30 s"}, flinkConfiguration=options) == []


@pytest.mark.parametrize(
    ("restart", "message"),
    [
        ({"strategy": "none"}, "the job does not restart after a failure"),
        ({"strategy": "fixed-delay"}, "the job restarts at most once"),
        ({"strategy": "fixed-delay", "attempts": 1}, "the job restarts at most once"),
        ({"strategy": "fixed-delay", "attempts": 2}, None),
        ({"strategy": "exponential-delay"}, None),
        (None, None),
    ],
)
def test_restarts(restart: dict[str, Any] | None, message: str | None) -> None:
    found = find(job(SOURCE, restart=restart), code="OPS604")
    assert [finding.message for finding in found] == ([message] if message else [])


def test_max_parallelism() -> None:
    (found,) = find(job(SOURCE, COUNT, maxParallelism=None), code="OPS605")
    assert found.message == "operator 'count' keeps state, but no max parallelism is set"
    assert find(job(SOURCE, {**COUNT, "maxParallelism": 720}, maxParallelism=None), code="OPS605") == []
    assert find(job(SOURCE, op("a", "map", "events"), maxParallelism=None), code="OPS605") == []
