"""CFG: what the rules over Flink options find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from planner.documents.finding import Severity
from planner.documents.option_tables import option_table, supported_versions
from rules.documents import SOURCE, cluster, find, job, op, with_options


class TestKeys:
    def test_a_removed_option(self) -> None:
        key = "cluster.evenly-spread-out-slots"
        (early,) = with_options("1.20")(key, True)
        assert (early.code, early.hint) == ("CFG402", "write taskmanager.load-balance.mode: SLOTS")
        for version in ("2.0", "2.2", "2.2.1", "2.3"):
            (found,) = with_options(version)(key, True)
            assert found.code == "CFG403"
            assert found.message == f"{key!r} was removed in Flink 2.0"
            assert found.hint == "use taskmanager.load-balance.mode: SLOTS"

    def test_a_removed_option_with_a_name_in_it(self) -> None:
        (found,) = with_options("2.2")("metrics.reporter.prom.class", "x")
        assert found.code == "CFG403"
        assert with_options("1.20")("metrics.reporter.prom.class", "x") == []

    def test_a_removed_option_without_a_replacement(self) -> None:
        (found,) = with_options("2.2")("state.backend.async", True)
        assert found.hint == "All snapshots are asynchronous."

    def test_a_renamed_option(self) -> None:
        (found,) = with_options("2.2")("state.savepoints.dir", "s3://lake/savepoints")
        assert (found.code, found.severity) == ("CFG402", Severity.WARNING)
        assert found.hint == "write execution.checkpointing.savepoint-dir"

    def test_an_option_that_was_renamed_twice_leads_to_its_last_name(self) -> None:
        assert option_table("1.20").current("jobmanager.web.port") == "rest.bind-port"
        assert option_table("2.2").current("state.savepoints.dir") == "execution.checkpointing.savepoint-dir"
        for version in supported_versions():
            table = option_table(version)
            for key in table.fallbacks:
                newest = table.current(key)
                assert newest is not None
                assert table.current(newest) is None

    @pytest.mark.parametrize("key", ["query.server.port", "statefun.module.global-config.a"])
    def test_what_others_read_or_write_is_left_alone(self, key: str) -> None:
        assert with_options("2.2")(key, 1) == []

    def test_a_renamed_option_beside_its_new_name(self) -> None:
        old, new = "taskmanager.memory.size", "taskmanager.memory.managed.size"
        options = {old: "90m", new: "100m"}
        shape = {
            "name": "tm",
            "count": 1,
            "cpu": 1,
            "memory": {"process": "4g"},
            "flinkConfiguration": options,
        }
        (found,) = find(cluster(shape), code="CFG402")
        assert found.message == f"{old!r} is now called {new!r}, which is set too and goes before it"
        assert found.hint == "remove the old one"

    def test_the_current_name_is_fine(self) -> None:
        assert with_options("2.2")("execution.checkpointing.savepoint-dir", "s3://lake/savepoints") == []

    def test_the_value_of_a_renamed_option_is_read_too(self) -> None:
        assert "CFG404" in [f.code for f in with_options()("execution.buffer-timeout", "soon")]

    @pytest.mark.parametrize("version", ["1.20", "2.2"])
    def test_a_misspelled_option(self, version: str) -> None:
        (found,) = with_options(version)("jobmanager.schedular", "Default")
        assert found.code == "CFG401"
        exact = option_table(version).flink_version
        assert found.message == (
            f"Flink {exact} has no option 'jobmanager.schedular', did you mean 'jobmanager.scheduler'?"
        )

    @pytest.mark.parametrize(
        "key",
        [
            "s3.access-key",
            "fs.s3a.endpoint",
            "metrics.reporter.prom.port",
            "external-resource.gpu.amount",
            "kubernetes.jobmanager.labels.team",
            "containerized.taskmanager.env.LD_PRELOAD",
            "flink.hadoop.dfs.replication",
        ],
    )
    def test_keys_that_flink_passes_on(self, key: str) -> None:
        assert with_options()(key, "1") == []

    def test_nested_keys(self) -> None:
        options = {"jobmanager": {"rpc": {"port": "x"}, "scheduler": "Default"}}
        (found,) = find(job(op("a", "source"), flinkConfiguration=options), code="CFG")
        assert found.message.startswith("jobmanager.rpc.port: 'x'")

    def test_nested_keys_have_their_place(self) -> None:
        options = {"jobmanager": {"rpc": {"port": "x"}}}
        (found,) = find(job(op("a", "source"), flinkConfiguration=options), code="CFG")
        assert found.pointer == "/spec/flinkConfiguration/jobmanager/rpc/port"


GOOD_AND_BAD = [
    ("taskmanager.memory.segment-size", ["32 kb", "32768", "1gibibytes"], ["1Gi", "1.5 gb", "-1", ""]),
    (
        "execution.buffer-timeout.interval",
        ["100 ms", "0", "PT1M", "5min"],
        ["5 fortnights", "1 s 2 ms", "-1", ""],
    ),
    ("pipeline.object-reuse", ["true", "FALSE"], ["yes", "1", ""]),
    ("parallelism.default", ["1", "+5", "007"], ["1.0", "0x10", "2147483648", "many", ""]),
    (
        "execution.state-recovery.without-channel-state.checkpoint-id",
        ["-1", "2147483648"],
        [str(2**63), "1e3"],
    ),
    ("state.backend.rocksdb.bloom-filter.bits-per-key", ["10", "1e-1", ".5", "2d"], ["1,5", "ten", ""]),
    ("restart-strategy.exponential-delay.jitter-factor", ["0.1"], ["10 %"]),
    ("execution.batch-shuffle-mode", ["ALL_EXCHANGES_PIPELINED", "all_exchanges_blocking"], ["BLOCKING", ""]),
    ("jobmanager.scheduler", ["Default", "adaptive", "ADAPTIVEBATCH"], ["adaptive-batch", "Ng"]),
    ("pipeline.jars", ["a.jar;b.jar", "", "anything at all"], []),
    ("metrics.job.status.enable", ["STATE;CURRENT_TIME", "state"], []),
    ("taskmanager.memory.managed.consumer-weights", ["OPERATOR:70,PYTHON:30"], []),
    ("execution.checkpointing.savepoint-dir", ["s3://a/b", "", "  "], []),
]


class TestValues:
    @pytest.mark.parametrize(("key", "value"), [(key, v) for key, good, _ in GOOD_AND_BAD for v in good])
    def test_readable(self, key: str, value: str) -> None:
        assert with_options()(key, value, "CFG404") == []

    @pytest.mark.parametrize(("key", "value"), [(key, v) for key, _, bad in GOOD_AND_BAD for v in bad])
    def test_unreadable(self, key: str, value: str) -> None:
        (found,) = with_options()(key, value, "CFG404")
        assert found.message.startswith(f"{key}: ")
        assert found.pointer == f"/spec/flinkConfiguration/{key}"

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("execution.batch-shuffle-mode", "all-exchanges-blocking"),
            ("execution.checkpointing.mode", "exactly-once"),
            ("metrics.job.status.enable", "STATE;FOO"),
            ("taskmanager.memory.managed.consumer-weights", "OPERATOR"),
        ],
    )
    def test_unreadable_for_flink(self, key: str, value: str) -> None:
        assert with_options()(key, value, "CFG404")

    def test_a_value_of_the_structured_fields(self) -> None:
        document = job(SOURCE, checkpointing={"interval": "30 s", "mode": "sometimes"})
        (found,) = find(document, code="CFG404")
        assert found.message.startswith("execution.checkpointing.mode: 'sometimes'")
        assert found.pointer.startswith("/spec/checkpointing")

    def test_a_yaml_list_and_a_yaml_boolean(self) -> None:
        options = {"pipeline.jars": ["a.jar", "b.jar"], "pipeline.object-reuse": True}
        assert find(job(SOURCE, flinkConfiguration=options), code="CFG") == []

    @pytest.mark.parametrize(
        ("value", "fine"), [("64kb", True), ("4096", True), ("2 kb", False), ("48 kb", False), ("0", False)]
    )
    def test_a_network_buffer_is_a_power_of_two(self, value: str, fine: bool) -> None:
        found = with_options()("taskmanager.memory.segment-size", value, "CFG404")
        assert [f.message.endswith("is not a power of 2 of at least 4 kb") for f in found] == [True] * (
            not fine
        )


class TestJavaOptions:
    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ("-Xmx2g", ["-Xmx"]),
            ("-Dx=1 '-Xms1g' -XX:MaxMetaspaceSize=1g", ["-Xms", "-XX:MaxMetaspaceSize"]),
            ("-XX:MaxDirectMemorySize=1g", ["-XX:MaxDirectMemorySize"]),
            ("-Xlog:gc -Xss1m -XX:+UseZGC -Dx=-Xmx", []),
            ("", []),
        ],
    )
    def test_memory_in_them(self, text: str, flags: list[str]) -> None:
        found = with_options()("env.java.opts.taskmanager", text, "CFG413")
        assert {f.message.rpartition(" replaces the ")[2].split()[0] for f in found} == set(flags)
        assert not with_options()("env.java.opts.client", text, "CFG413")


class TestContradictions:
    def test_two_values(self) -> None:
        (found,) = with_options(parallelism=4)("parallelism.default", 8, "CFG405")
        assert found.message == "parallelism.default is '8' here and '4' in the job's own fields"

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("parallelism.default", 4),
            ("execution.runtime-mode", "streaming"),
            ("execution.runtime-mode", "AUTOMATIC"),
            ("execution.checkpointing.interval", "30 s"),
        ],
    )
    def test_the_same_value(self, key: str, value: object) -> None:
        assert with_options(parallelism=4)(key, value, "CFG405") == []

    @pytest.mark.parametrize("value", ["30s", "30000", "30 sec", "PT30S"])
    def test_the_same_value_in_other_words(self, value: str) -> None:
        assert with_options()("execution.checkpointing.interval", value, "CFG405") == []

    def test_runtime_mode(self) -> None:
        (found,) = with_options()("execution.runtime-mode", "BATCH", "CFG405")
        assert found.message == (
            "execution.runtime-mode is 'BATCH' here and 'STREAMING' in the job's own fields"
        )


class TestScheduler:
    """What keeps Flink from following a placement: schedulers, reactive mode, autoscalers."""

    GROUP = {"name": "default", "resources": {"cpu": 1, "heap": "1 gb"}}
    ADAPTIVE = [("jobmanager.scheduler", "Adaptive"), ("scheduler-mode", "reactive")]

    def found(self, options: dict[str, Any], **spec: Any) -> list[tuple[str, Severity, str]]:
        findings = find(job(SOURCE, flinkConfiguration=options, **spec))
        places = {f.code: f.pointer.rpartition("/")[2] for f in findings}
        return [(f.code, f.severity, places[f.code]) for f in findings if f.code in ("CFG407", "CFG411")]

    @pytest.mark.parametrize(("key", "value"), ADAPTIVE)
    def test_the_adaptive_scheduler(self, key: str, value: str) -> None:
        declared = {"slotSharingGroups": [self.GROUP]}
        assert self.found({key: value}, **declared) == [("CFG407", Severity.ERROR, key)]
        assert self.found({key: value}) == [("CFG407", Severity.WARNING, key)]
        assert self.found({key: value}, slotSharingGroups=[{"name": "default"}]) == [
            ("CFG407", Severity.WARNING, key)
        ]

    def test_reactive_mode_goes_before_the_scheduler(self) -> None:
        options = {"jobmanager.scheduler": "Default", "scheduler-mode": "REACTIVE"}
        assert self.found(options) == [("CFG407", Severity.WARNING, "scheduler-mode")]
        assert self.found(options, type="batch") == [("CFG411", Severity.WARNING, "scheduler-mode")]

    @pytest.mark.parametrize(
        ("options", "place"),
        [
            ({}, "type"),
            ({"jobmanager.scheduler": "adaptive"}, "jobmanager.scheduler"),
            ({"jobmanager.scheduler": "AdaptiveBatch"}, "jobmanager.scheduler"),
        ],
    )
    def test_batch_jobs(self, options: dict[str, str], place: str) -> None:
        expected = [("CFG411", Severity.WARNING, place)]
        assert self.found(options, type="batch") == expected
        assert self.found(options, type="batch", slotSharingGroups=[self.GROUP]) == expected

    @pytest.mark.parametrize("options", [{}, {"jobmanager.scheduler": "default"}, {"scheduler-mode": ""}])
    def test_the_default_scheduler(self, options: dict[str, str]) -> None:
        assert self.found(options, slotSharingGroups=[self.GROUP]) == []

    def test_an_option_of_the_adaptive_scheduler(self) -> None:
        key = "jobmanager.adaptive-scheduler.prefer-minimal-taskmanagers"
        options = {key: "true", "jobmanager.adaptive-scheduler.min-parallelism-increase": "2"}
        assert self.found(options) == [("CFG407", Severity.WARNING, key)]
        assert self.found({**options, "jobmanager.scheduler": "Default"}) == []
        assert self.found({**options, "jobmanager.scheduler": "adaptive"}) == [
            ("CFG407", Severity.WARNING, "jobmanager.scheduler")
        ]

    @pytest.mark.parametrize("prefix", ["job.autoscaler.", "kubernetes.operator.job.autoscaler."])
    def test_the_autoscaler(self, prefix: str) -> None:
        enabled = {f"{prefix}enabled": "true"}
        expected = [("CFG407", Severity.WARNING, f"{prefix}enabled")]
        assert self.found(enabled) == expected
        assert self.found(enabled, slotSharingGroups=[self.GROUP]) == expected
        assert self.found({**enabled, f"{prefix}scaling.enabled": True}) == expected
        assert self.found({**enabled, f"{prefix}scaling.enabled": False}) == []  # it only recommends
        assert self.found({**enabled, "job.autoscaler.scaling.enabled": False}) == []
        assert self.found({f"{prefix}enabled": "false", f"{prefix}metrics.window": "3 m"}) == []
