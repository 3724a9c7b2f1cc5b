from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from planner.documents.option_tables import (
    Option,
    likely_version,
    of_operator,
    option_table,
    supported_versions,
    without_table,
)

VERSIONS = ("1.18", "1.19", "1.20", "2.0", "2.1", "2.2", "2.3")


def test_a_table_for_every_supported_version() -> None:
    assert supported_versions() == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_every_table_loads(version: str) -> None:
    table = option_table(version)
    assert table.flink_version.startswith(version + ".")
    assert len(table.options) > 800
    size = table.options["taskmanager.memory.process.size"]
    assert (size.type, size.default) == ("MemorySize", None)
    slots = table.options["taskmanager.numberOfTaskSlots"]
    assert (slots.type, slots.default) == ("Integer", "1")
    for option in table.options.values():
        assert bool(option.enum) == (option.type == "Enum"), option
        assert not option.key.startswith("$internal.")
        if option.enum and option.default:
            assert option.default in option.enum
    assert all(prefix.endswith(".") for prefix in table.prefixes)
    assert all(new in table.options for new in table.fallbacks.values())
    assert not table.fallbacks.keys() & table.options.keys()
    assert not table.removed.keys() & (table.fallbacks.keys() | table.options.keys())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_replaces_a_removed_option_exists(version: str) -> None:
    table = option_table(version)
    for removed in table.removed.values():
        if removed.replacement:
            key, _, value = removed.replacement.partition(": ")
            option = table.options[key]
            assert not value or value in option.enum


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("1.12", "1.18"),
        ("1.17.2", "1.18"),
        ("1.19.1", "1.19"),
        ("1.20.0", "1.20"),
        ("1.20", "1.20"),
        ("1.99", "1.20"),
        ("2.2.7", "2.2"),
        ("2.2-SNAPSHOT", "2.2"),
        ("2", "2.0"),
        ("2.10.1", "2.3"),
        ("3.0", "2.3"),
    ],
)
def test_the_nearest_older_table(asked: str, got: str) -> None:
    assert option_table(asked) is option_table(got)


def test_not_a_version() -> None:
    with pytest.raises(ValueError, match="not a Flink version: 'latest'"):
        option_table("latest")


def test_find() -> None:
    table = option_table("2.2")
    parallelism = table.find("parallelism.default")
    assert parallelism == Option("parallelism.default", "Integer", "1")
    mode = table.find("taskmanager.load-balance.mode")
    assert mode is not None
    assert mode.enum == ("NONE", "SLOTS", "MIN_RESOURCES", "TASKS")
    patterns = table.find("classloader.parent-first-patterns.additional")
    assert patterns is not None
    assert patterns.is_list
    assert table.find("taskmanager.memory.proces.size") is None
    assert table.find("path") is None


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("external-resource.gpu.amount", "external-resource.<resource_name>.amount"),
        (
            "external-resource.gpu.param.discovery-script.path",
            "external-resource.<resource_name>.param.<param>",
        ),
        ("metrics.reporter.prom.factory.class", "metrics.reporter.<name>.factory.class"),
        ("fs.hdfs.limit.total", "fs.<scheme>.limit.total"),
        ("kubernetes.jobmanager.labels.app", "kubernetes.jobmanager.labels"),
        ("jobmanager.web.port", "rest.bind-port"),
        ("state.backend", "state.backend.type"),
    ],
)
def test_find_other_spellings(key: str, name: str) -> None:
    option = option_table("2.2").find(key)
    assert option is not None
    assert option.key == name


def test_placeholders_do_not_match_everything() -> None:
    table = option_table("2.2")
    assert table.find("external-resource.gpu.amounts") is None
    assert table.find("external-resource.a.b.amount") is None
    assert table.find("kubernetes.jobmanager.labelsX") is None


def test_prefixes() -> None:
    table = option_table("2.2")
    assert table.passes_on("metrics.reporter.prom.port")
    assert table.passes_on("s3.access-key")
    assert not table.passes_on("s3")
    assert not table.passes_on("state.backend.type")
    assert not option_table("2.0").passes_on("events.reporter.log.factory.class")


def test_fallbacks_prefer_the_option_that_asks_first() -> None:
    fallbacks = option_table("2.0").fallbacks
    assert fallbacks["state.backend.local-recovery"] == "execution.state-recovery.from-local"
    assert fallbacks["web.port"] == "rest.port"
    assert "rest.port" not in fallbacks


def test_removed() -> None:
    key = "cluster.evenly-spread-out-slots"
    assert key in option_table("1.20").options
    assert key not in option_table("1.20").removed
    removed = option_table("2.0").find_removed(key)
    assert removed is not None
    assert (removed.since, removed.replacement) == ("2.0", "taskmanager.load-balance.mode: SLOTS")
    assert option_table("2.0").find(key) is None
    fine_grained = "cluster.fine-grained-resource-management.enabled"
    assert fine_grained in option_table("1.18").options
    assert all(fine_grained in option_table(version).removed for version in VERSIONS[1:])
    late = "traces.report-events-as-spans"
    with_it = [version for version in VERSIONS if late in option_table(version).removed]
    assert with_it == ["2.2", "2.3"]
    by_name = option_table("2.2").find_removed("metrics.reporter.prom.class")
    assert by_name is not None
    assert by_name.replacement == "metrics.reporter.<name>.factory.class"
    assert option_table("2.2").find_removed("no.such.option") is None


def test_suggest() -> None:
    table = option_table("2.2")
    assert table.suggest("taskmanager.memory.proces.size") == "taskmanager.memory.process.size"
    assert table.suggest("taskmanager.numberOfTaskSlot") == "taskmanager.numberOfTaskSlots"
    assert table.suggest("jobmanager.web.ports") == "rest.bind-port"
    assert table.suggest("something.entirely.different") is None


@pytest.mark.parametrize("version", VERSIONS)
def test_an_option_is_spelled_as_the_version_has_it(version: str) -> None:
    table = option_table(version)
    newest = option_table(VERSIONS[-1])
    for key in newest.options:
        own = table.spelling(key)
        assert own is None or own in table.options
        if key in table.options:
            assert own == key
    older = version in ("1.18", "1.19")
    own = "state.checkpoints.dir" if older else "execution.checkpointing.dir"
    assert table.spelling("execution.checkpointing.dir") == own
    assert table.respell("set execution.checkpointing.dir: s3://b.c/d, or no.such.key.") == (
        f"set {own}: s3://b.c/d, or no.such.key."
    )
    assert table.spelling("no.such.key") is None


def test_a_version_without_a_table() -> None:
    assert [without_table(version) for version in (*VERSIONS, "2.2.7")] == [None] * (len(VERSIONS) + 1)
    assert without_table("3.0") == "planner has no options of Flink 3.0; those of Flink 2.3 are used"
    assert without_table("1.21") == "planner has no options of Flink 1.21; those of Flink 1.20 are used"
    with pytest.raises(ValueError, match="not a Flink version: 'latest'"):
        without_table("latest")


def test_tables_cannot_be_changed() -> None:
    table = option_table("2.2")
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.flink_version = "9"  # type: ignore[misc]
    with pytest.raises(TypeError):
        table.options["a"] = Option("a", "String")  # type: ignore[index]


OPERATOR_TABLE = """<table><thead><tr><th>Key</th></tr></thead><tbody>
<tr><td><h5>job.autoscaler.utilization.target</h5></td><td>0.7</td><td>Double</td><td>Target.</td></tr>
<tr><td><h5>job.autoscaler.excluded.periods</h5></td><td></td><td>List&lt;String&gt;</td><td>Periods.</td></tr>
<tr><td><h5>kubernetes.operator.plugins.listeners.&lt;listener-name&gt;.class</h5></td><td>(none)</td><td>String</td><td>A class.</td></tr>
<tr><td><h5>kubernetes.operator.user.artifacts.base.dir</h5></td><td>"/opt"</td><td>String</td><td>A folder.</td></tr>
<tr><td><h5>kubernetes.operator.savepoint.format.type</h5></td><td>CANONICAL</td><td><p>Enum</p></td>
<td>The "type".<br />Possible values:<ul><li>"CANONICAL": One.</li><li>"NATIVE"</li></ul></td></tr>
</tbody></table>"""


def test_the_tables_of_the_operators_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    from dump_operator_options import read_table

    assert read_table(OPERATOR_TABLE) == {
        "job.autoscaler.utilization.target": {
            "type": "Double",
            "default": "0.7",
            "fallback": [
                "job.autoscaler.target.utilization",
                "kubernetes.operator.job.autoscaler.utilization.target",
                "kubernetes.operator.job.autoscaler.target.utilization",
            ],
        },
        "job.autoscaler.excluded.periods": {
            "type": "String",
            "list": True,
            "fallback": ["kubernetes.operator.job.autoscaler.excluded.periods"],
        },
        "kubernetes.operator.plugins.listeners.<listener-name>.class": {"type": "String"},
        "kubernetes.operator.user.artifacts.base.dir": {"type": "String", "default": "/opt"},
        "kubernetes.operator.savepoint.format.type": {
            "type": "Enum",
            "default": "CANONICAL",
            "enum": ["CANONICAL", "NATIVE"],
        },
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_the_operators_options_go_with_every_version(version: str) -> None:
    table = option_table(version)
    autoscaler = table.find("job.autoscaler.enabled")
    assert autoscaler is not None
    assert autoscaler.type == "Boolean"
    assert table.fallbacks["kubernetes.operator.job.autoscaler.enabled"] == "job.autoscaler.enabled"
    assert table.takes("kubernetes.operator.default-configuration.namespace.ns1.taskmanager.host")
    assert not table.takes("kubernetes.operator.no.such")
    assert table.suggest("job.autoscaler.enable") == "job.autoscaler.enabled"
    assert of_operator("kubernetes.operator.no.such")
    assert not of_operator("kubernetes.cluster-id")


def test_outdated_options_have_a_successor_that_is_there() -> None:
    table = option_table("1.20")
    assert table.outdated["jobmanager.heap.size"].replacement == "jobmanager.memory.process.size"
    assert not option_table("2.2").outdated.keys() & table.outdated.keys()
    for key, each in table.outdated.items():
        assert key in table.options
        assert (each.replacement or "").partition(":")[0] in table.options


@pytest.mark.parametrize(
    ("keys", "newest", "version"),
    [
        ([], "2.2", "2.2"),
        (["taskmanager.numberOfTaskSlots", "no.such"], "2.2", "2.2"),
        (["jobmanager.heap.size"], "2.2", "1.20"),
        (["jobmanager.heap.size"], "1.20", "1.20"),
        (["cluster.evenly-spread-out-slots"], "2.3", "1.20"),
        (["cluster.fine-grained-resource-management.enabled", "execution.checkpointing.dir"], "2.2", "2.2"),
        (["jobmanager.heap.size", "taskmanager.load-balance.mode", "table.exec.state.ttl"], "2.2", "1.20"),
    ],
)
def test_the_version_that_a_configuration_is_for(keys: list[str], newest: str, version: str) -> None:
    assert likely_version(keys, newest) == version
