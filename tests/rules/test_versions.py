"""Every version of Flink by its own options: what is found, and that advice names only what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from planner.api import validate
from planner.documents.finding import Finding, Severity
from planner.documents.load import load
from planner.documents.option_tables import option_table, supported_versions
from planner.rules.registry import RULES
from rules.documents import COUNT, SOURCE, STANDARD, cluster, find, job, op, with_options
from rules.samples import SAMPLES

VERSIONS = supported_versions()
TABLES = {version: option_table(version) for version in VERSIONS}
KEY = re.compile(r"[a-z][\w-]*(?:\.[\w-]+)+")
CHECKPOINTING = {
    "interval": "30 s", "timeout": "10 min", "minPause": "1 s", "mode": "EXACTLY_ONCE",
    "dir": "s3://lake/checkpoints", "incremental": True, "unaligned": False,
}  # fmt: skip
RESTARTS: list[dict[str, Any]] = [
    {"strategy": "none"},
    {"strategy": "fixed-delay", "attempts": 3, "delay": "1 s"},
    {"strategy": "failure-rate", "failuresPerInterval": 3, "interval": "1 min", "delay": "1 s"},
    {"strategy": "exponential-delay", "initialBackoff": "1 s", "maxBackoff": "1 min"},
]


def lacking(text: str, version: str) -> list[str]:
    """Return what a text names that is an option of some version, but not of this one."""
    found = KEY.findall(text)
    return [
        key for key in found if any(t.find(key) for t in TABLES.values()) and not TABLES[version].takes(key)
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_hint_names_an_option_that_the_version_lacks(version: str) -> None:
    for rule in RULES:
        assert lacking(TABLES[version].respell(rule.hint), version) == [], rule.code


@pytest.mark.parametrize("version", VERSIONS)
def test_no_finding_in_a_sample_does(version: str) -> None:
    seen = set()
    for path in SAMPLES:
        if path.suffix != ".yaml" or path.stem.startswith(("DOC", "CFG412")):
            continue
        documents = list(yaml.safe_load_all(path.read_text()))
        for one in documents:
            if one.get("kind") == "Job":
                one["spec"]["flinkVersion"] = version
        for finding in validate(*load(yaml.safe_dump_all(documents).encode(), path.name)):
            assert lacking(finding.hint, version) == [], finding
            seen.add(finding.code)
    assert len(seen) > 40


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("restart", RESTARTS, ids=lambda restart: restart["strategy"])
def test_fields_of_a_job_become_options_of_its_version(version: str, restart: dict[str, Any]) -> None:
    document = job(SOURCE, COUNT, checkpointing=CHECKPOINTING, restart=restart, flinkVersion=version)
    assert find(document, code="CFG") == []
    (loaded,) = load(yaml.safe_dump(document).encode(), "job.yaml")
    from planner.graph.from_job import effective_configuration

    options = effective_configuration(loaded.document.spec)  # type: ignore[union-attr]
    assert len(options) == len(CHECKPOINTING) + len(restart)
    assert [key for key in options if key not in TABLES[version].options] == []


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    ("version", "key", "expected"),
    [
        ("1.18", "state.checkpoints.dir", []),
        ("1.19", "state.checkpoints.dir", []),
        ("1.20", "state.checkpoints.dir", ["CFG402"]),
        ("2.3", "state.checkpoints.dir", ["CFG402"]),
        ("1.19", "execution.checkpointing.dir", ["CFG401"]),
        ("1.20", "execution.checkpointing.dir", []),
        ("1.18", "taskmanager.network.memory.buffers-per-channel", []),
        ("2.0", "taskmanager.network.memory.buffers-per-channel", ["CFG403"]),
    ],
)
def test_a_key_is_right_or_wrong_for_a_version(version: str, key: str, expected: list[str]) -> None:
    value = "2" if key.endswith("channel") else "s3://lake/checkpoints"
    assert codes(with_options(version, checkpointing=None)(key, value, "CFG")) == expected


def test_an_older_version_is_told_its_own_key() -> None:
    (found,) = with_options("1.19", checkpointing=None)("execution.checkpointing.dir", "s3://b", "CFG401")
    assert found.message.endswith(
        "has no option 'execution.checkpointing.dir', its key there is 'state.checkpoints.dir'"
    )
    (found,) = with_options("1.18")("events.reporters", "a", "CFG401")
    assert found.message.endswith("has no option 'events.reporters', which is new in Flink 2.1")


def test_checkpoints_without_a_directory_are_told_the_key_of_the_version() -> None:
    for version, key in (("1.19", "state.checkpoints.dir"), ("2.2", "execution.checkpointing.dir")):
        document = job(SOURCE, COUNT, checkpointing={"interval": "30 s"}, flinkVersion=version)
        (found,) = find(document, code="OPS603")
        assert found.message == f"checkpoints are enabled, but {key} is not set"
        assert found.hint == f"set {key} to shared storage such as s3:// or hdfs://"


@pytest.mark.parametrize(
    ("version", "nearest"), [("1.12", VERSIONS[0]), ("1.17.2", VERSIONS[0]), ("3.0", VERSIONS[-1])]
)
def test_a_version_without_a_table_is_said_to_be_so_once(version: str, nearest: str) -> None:
    document = job(SOURCE, COUNT, flinkVersion=version)
    (found,) = find(document, code="CFG")
    assert (found.code, found.severity, found.pointer) == ("CFG412", Severity.WARNING, "/spec/flinkVersion")
    assert found.message == f"planner has no options of Flink {version}; those of Flink {nearest} are used"


@pytest.mark.parametrize("version", [*VERSIONS, "2.2.7"])
def test_a_version_with_a_table_is_not(version: str) -> None:
    assert find(job(SOURCE, COUNT, flinkVersion=version), code="CFG412") == []


def test_options_of_a_cluster_are_those_of_the_job_beside_it() -> None:
    gone = {**STANDARD, "flinkConfiguration": {"cluster.evenly-spread-out-slots": True}}
    plain = op("a", "source")
    assert codes(find(cluster(gone), code="CFG")) == ["CFG403"]
    assert codes(find(cluster(gone), job(plain, flinkVersion="1.20"), code="CFG")) == ["CFG402"]
    assert codes(find(cluster(gone), job(plain, flinkVersion="2.3"), code="CFG")) == ["CFG403"]
