"""OPS: what the rules about operations find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from planner.api import validate
from planner.documents.finding import CheckProfile, json_pointer
from planner.documents.load import load
from planner.rules.ops import SecretInDocument
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


class TestSecrets:
    def found(self, data: object) -> list[tuple[str, str]]:
        return [(json_pointer(match.path), match.message) for match in SecretInDocument().check(data)]

    def test_options_wherever_they_stand(self) -> None:
        flat, nested = {"s3.secret-key": "x"}, {"s3": {"secret-key": 12345}, "a": ["b"]}
        data = {
            "spec": {"flinkConfiguration": nested, "taskManagerClasses": [{"flinkConfiguration": flat}]},
            "planner": {"program": {"configuration": flat}},
            "taskManagers": [{"memory": {"dynamicOptions": flat}}],
        }
        assert self.found(data) == [
            (f"{place}", "s3.secret-key holds a secret in plain text")
            for place in (
                "/spec/flinkConfiguration/s3/secret-key",
                "/spec/taskManagerClasses/0/flinkConfiguration/s3.secret-key",
                "/planner/program/configuration/s3.secret-key",
                "/taskManagers/0/memory/dynamicOptions/s3.secret-key",
            )
        ]

    def test_addresses_and_arguments(self) -> None:
        data = {
            "spec": {"checkpointing": {"dir": "s3://KEY:SECRET@b"}},
            "planner": {"program": {"arguments": ["--rate", "1", "--password", "x", "y.token=z"]}},
        }
        assert self.found(data) == [
            ("/spec/checkpointing/dir", "has a password in plain text"),
            ("/planner/program/arguments/3", "an argument of the program is a secret in plain text"),
            ("/planner/program/arguments/4", "an argument of the program is a secret in plain text"),
        ]

    def test_what_is_no_secret(self) -> None:
        options = {"s3.secret-key": "@env:X", "x.password": "******", "x.token": "", "a": "abfss://c@acc/x"}
        data = {
            "flinkConfiguration": {**options, "security.delegation.tokens.enabled": True},
            "id": "tokenize",
            "desc": "Filter(password = 'x')",
            "arguments": ["--rate", "100"],
        }
        assert self.found(data) == []

    def test_a_finding_shows_no_secret(self) -> None:
        (found,) = find(job(SOURCE, flinkConfiguration={"s3.secret-key": "hunter2"}), code="OPS606")
        assert "hunter2" not in found.message + found.hint


READY = {
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "execution.checkpointing.tolerable-failed-checkpoints": "3",
    "execution.checkpointing.min-pause": "10 s",
}


class TestProfiles:
    def found(self, profile: CheckProfile, **spec: Any) -> dict[str, str]:
        text = yaml.safe_dump(job(SOURCE, {**COUNT, "uid": None}, **spec))
        found = validate(*load(text.encode(), "job.yaml"), profile=profile)
        return {one.code: str(one.severity) for one in found if one.code.startswith("OPS")}

    def test_readiness_is_left_out_of_drafts_and_an_error_in_production(self) -> None:
        ready = {"flinkConfiguration": READY}
        assert self.found(CheckProfile.DEV, **ready) == {}
        assert self.found(CheckProfile.CI, **ready) == {"OPS601": "warning"}
        assert self.found(CheckProfile.PRODUCTION, **ready) == {"OPS601": "error"}

    @pytest.mark.parametrize(
        ("key", "code"), list(zip(READY, ("OPS610", "OPS611", "OPS612"), strict=True)), ids=str
    )
    def test_what_only_production_asks_for(self, key: str, code: str) -> None:
        rest = {name: value for name, value in READY.items() if name != key}
        assert code not in self.found(CheckProfile.CI, flinkConfiguration=rest)
        assert code in self.found(CheckProfile.PRODUCTION, flinkConfiguration=rest)
        assert code not in self.found(CheckProfile.PRODUCTION, flinkConfiguration=rest, checkpointing=None)

    def test_incremental_checkpoints_of_rocksdb(self) -> None:
        rocksdb = {**READY, "state.backend.type": "rocksdb"}
        full = {"interval": "30 s", "dir": "s3://lake/checkpoints"}
        assert "OPS613" in self.found(
            CheckProfile.PRODUCTION, flinkConfiguration=rocksdb, checkpointing={**full, "incremental": False}
        )
        for options, checkpointing in ((rocksdb, {**full, "incremental": True}), (READY, full)):
            assert "OPS613" not in self.found(
                CheckProfile.PRODUCTION, flinkConfiguration=options, checkpointing=checkpointing
            )


@pytest.mark.parametrize(
    ("backup", "recovery", "version", "half"),
    [
        ("true", None, "2.2", True),
        ("false", "true", "2.2", True),
        ("true", "true", "2.2", False),
        (None, "true", "2.2", False),  # backups follow recovery
        (None, None, "2.2", False),
    ],
)
def test_local_recovery_is_whole(backup: str | None, recovery: str | None, version: str, half: bool) -> None:
    keys = ("execution.checkpointing.local-backup.enabled", "execution.state-recovery.from-local")
    options = {key: value for key, value in zip(keys, (backup, recovery), strict=True) if value}
    found = find(job(SOURCE, flinkConfiguration=options, flinkVersion=version), code="OPS607")
    assert bool(found) == half


@pytest.mark.parametrize(
    ("value", "never"),
    [("0", True), ("0 ms", True), ("0s", True), ("0 h", True), ("30 s", False), ("soon", False)],
)
def test_a_watchdog(value: str, never: bool) -> None:
    found = find(job(SOURCE, flinkConfiguration={"task.cancellation.timeout": value}), code="OPS608")
    assert bool(found) == never
