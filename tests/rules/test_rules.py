"""What single rules find, and what they leave alone."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from planner.api import compile_job, validate
from planner.documents.finding import Finding, Severity
from planner.documents.job import Job
from planner.documents.load import load

CHECKPOINTS = {"interval": "30 s", "dir": "s3://lake/checkpoints"}


def find(*documents: dict[str, Any], code: str = "") -> list[Finding]:
    raw = yaml.safe_dump_all(documents, sort_keys=False).encode()
    loaded = load(raw, "job.yaml")
    assert all(entry.document for entry in loaded), [entry.findings for entry in loaded]
    return [finding for finding in validate(loaded) if finding.code.startswith(code)]


def job(*operators: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "job"},
        "spec": {"checkpointing": CHECKPOINTS, "maxParallelism": 720, **spec, "operators": list(operators)},
    }


def cluster(*classes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "cluster"},
        "spec": {"taskManagerClasses": list(classes), **spec},
    }


def op(name: str, kind: str = "map", *inputs: Any, **fields: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "uid": name, **({"inputs": list(inputs)} if inputs else {}), **fields}


def with_options(version: str = "2.2", **spec: Any) -> Any:
    """Return a function that validates a job with one Flink option."""

    def check(key: str, value: object, code: str = "CFG40") -> list[Finding]:
        options = {key: value}
        return find(
            job(op("a", "source"), flinkVersion=version, flinkConfiguration=options, **spec), code=code
        )

    return check


SOURCE = op("events", "kafka-source")
COUNT = op("count", "aggregate", {"from": "events", "ship": "hash"})


class TestCycle:
    def test_two_operators(self) -> None:
        (found,) = find(job(SOURCE, op("a", "map", "events", "b"), op("b", "map", "a")), code="JOB203")
        assert found.message == "operators form a cycle: a <- b <- a"
        assert found.pointer == "/spec/operators/1"

    def test_self_loop(self) -> None:
        (found,) = find(job(SOURCE, op("a", "map", "events", "a")), code="JOB203")
        assert found.message == "operators form a cycle: a <- a"

    def test_names_only_the_cycle_and_not_what_reads_from_it(self) -> None:
        document = job(
            SOURCE,
            op("after", "map", "b"),
            op("a", "map", "events", "b"),
            op("b", "map", "a"),
            op("last", "map", "after"),
        )
        (found,) = find(document, code="JOB203")
        assert "after" not in found.message
        assert "last" not in found.message

    def test_a_diamond_is_no_cycle(self) -> None:
        document = job(
            SOURCE, op("a", "map", "events"), op("b", "map", "events"), op("c", "map", "a", "b", "a")
        )
        assert find(document, code="JOB") == []

    def test_a_cycle_of_3000_operators(self) -> None:
        count = 3000
        ring = [op(f"o{n}", "map", f"o{(n - 1) % count}") for n in range(count)]
        started = time.monotonic()
        (found,) = find(job(SOURCE, *ring), code="JOB203")
        assert time.monotonic() - started < 5
        assert found.message.startswith("operators form a cycle: o")

    def test_a_long_cycle_has_a_short_message(self) -> None:
        ring = [op(f"o{n}", "map", f"o{(n - 1) % 3000}") for n in range(3000)]
        (found,) = find(job(SOURCE, *ring), code="JOB203")
        assert len(found.message) < 500

    def test_a_long_chain_is_no_cycle(self) -> None:
        chain = [op(f"o{n}", "map", f"o{n - 1}" if n else "events") for n in range(2000)]
        assert find(job(SOURCE, *reversed(chain)), code="JOB") == []


class TestGroups:
    OPERATORS = (op("a", "source", group="io"), op("b", "map", "a", group="stat"))

    def test_without_declared_groups_every_name_is_fine(self) -> None:
        assert find(job(*self.OPERATORS), code="JOB206") == []

    def test_with_declared_groups_names_have_to_be_among_them(self) -> None:
        (found,) = find(
            job(*self.OPERATORS, slotSharingGroups=[{"name": "io"}, {"name": "state"}]), code="JOB206"
        )
        assert found.pointer == "/spec/operators/1/group"
        assert "did you mean 'state'?" in found.message

    def test_default_is_always_there(self) -> None:
        operators = (op("a", "source", group="default"), op("b", "map", "a", group="io"))
        assert find(job(*operators, slotSharingGroups=[{"name": "io"}]), code="JOB20") == []

    def test_an_inherited_group_is_used(self) -> None:
        operators = (op("a", "source", group="io"), op("b", "map", "a"))
        assert find(job(*operators, slotSharingGroups=[{"name": "io"}]), code="JOB208") == []

    @pytest.mark.parametrize(
        ("resources", "missing"),
        [
            ({"cpu": 1}, "no heap"),
            ({"heap": "1 gb"}, "no cpu"),
            ({"offHeap": "1 mb"}, "no cpu and no heap"),
            ({"managed": {"PYTHON": "1 mb"}}, "no cpu and no heap"),
            ({"external": {"gpu": 1}}, "no cpu and no heap"),
        ],
    )
    def test_incomplete_resources(self, resources: dict[str, Any], missing: str) -> None:
        (found,) = find(
            job(SOURCE, slotSharingGroups=[{"name": "default", "resources": resources}]), code="JOB210"
        )
        assert found.message.endswith(missing)

    @pytest.mark.parametrize("group", [{}, {"resources": {}}, {"resources": {"cpu": 1, "heap": "1 gb"}}])
    def test_complete_or_no_resources(self, group: dict[str, Any]) -> None:
        assert find(job(SOURCE, slotSharingGroups=[{"name": "default", **group}]), code="JOB210") == []


class TestKeys:
    def test_a_removed_option(self) -> None:
        key = "cluster.evenly-spread-out-slots"
        assert with_options("1.20")(key, True) == []
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

    def test_the_current_name_is_fine(self) -> None:
        assert with_options("2.2")("execution.checkpointing.savepoint-dir", "s3://lake/savepoints") == []

    def test_the_value_of_a_renamed_option_is_read_too(self) -> None:
        assert "CFG404" in [f.code for f in with_options()("execution.buffer-timeout", "soon")]

    @pytest.mark.parametrize("version", ["1.20", "2.2"])
    def test_a_misspelled_option(self, version: str) -> None:
        (found,) = with_options(version)("jobmanager.schedular", "Default")
        assert found.code == "CFG401"
        assert f"Flink {version}" in found.message
        assert "did you mean 'jobmanager.scheduler'?" in found.message

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
        assert "'STREAMING' in the job's own fields" in found.message


class TestScheduler:
    GROUP = {"name": "default", "resources": {"cpu": 1, "heap": "1 gb"}}

    def test_groups_with_resources(self) -> None:
        (found,) = with_options(slotSharingGroups=[self.GROUP])("jobmanager.scheduler", "Adaptive", "CFG407")
        assert found.severity is Severity.ERROR

    def test_groups_without_resources(self) -> None:
        assert with_options(slotSharingGroups=[{"name": "default"}])("jobmanager.scheduler", "adaptive") == []

    def test_other_schedulers_and_batch_jobs(self) -> None:
        assert with_options(slotSharingGroups=[self.GROUP])("jobmanager.scheduler", "default") == []
        batch = with_options(slotSharingGroups=[self.GROUP], type="batch")
        assert batch("jobmanager.scheduler", "adaptive", "CFG407") == []


class TestKeyGroups:
    @pytest.mark.parametrize(
        ("parallelism", "groups", "found"),
        [
            (4, 128, False),
            (128, 128, False),
            (3, 128, False),
            (100, 128, True),
            (24, 128, True),
            (24, 720, False),
            (100, 720, True),
            (7, 720, False),
            (1, 1, False),
        ],
    )
    def test_uneven_key_groups(self, parallelism: int, groups: int, found: bool) -> None:
        document = job(SOURCE, COUNT, parallelism=parallelism, maxParallelism=groups)
        assert bool(find(document, code="GRA303")) is found

    def test_says_how_many(self) -> None:
        (found,) = find(job(SOURCE, COUNT, parallelism=100, maxParallelism=128), code="GRA303")
        assert found.message == "128 key groups on 100 subtasks of 'count': some get 2, some 1"
        assert found.severity is Severity.INFO

    def test_an_operator_without_keys(self) -> None:
        document = job(SOURCE, op("a", "map", "events"), parallelism=100, maxParallelism=128)
        assert find(document, code="GRA303") == []

    def test_more_subtasks_than_key_groups_are_another_finding(self) -> None:
        codes = [f.code for f in find(job(SOURCE, COUNT, parallelism=200, maxParallelism=128), code="GRA30")]
        assert "GRA302" in codes
        assert "GRA303" not in codes


class TestChains:
    def groups(self, *, ship: str | None = None, parallelism: int = 2, kind: str = "map") -> list[Finding]:
        entry = {"from": "events", **({"ship": ship} if ship else {})}
        operators = (
            {**SOURCE, "group": "io", "parallelism": 2},
            op("work", kind, entry, group="work", parallelism=parallelism),
        )
        return find(job(*operators), code="GRA304")

    def test_a_chain_that_a_group_breaks(self) -> None:
        (found,) = self.groups()
        assert found.message == "'events' -> 'work' is not chained: groups 'io' and 'work' differ"
        assert found.pointer == "/spec/operators/1/inputs/0"
        assert len(self.groups(ship="forward")) == 1

    @pytest.mark.parametrize("ship", ["rebalance", "hash", "rescale"])
    def test_an_edge_that_is_not_chained_anyway(self, ship: str) -> None:
        assert self.groups(ship=ship) == []

    def test_other_parallelism_and_two_inputs(self) -> None:
        assert self.groups(parallelism=4) == []
        operators = (
            {**SOURCE, "group": "io"},
            op("more", "source", group="io"),
            op("both", "connect", "events", "more", group="work"),
        )
        assert find(job(*operators), code="GRA304") == []

    def test_one_group(self) -> None:
        assert find(job(SOURCE, op("a", "map", "events")), code="GRA304") == []

    def test_chaining_is_off(self) -> None:
        operators = ({**SOURCE, "group": "io"}, op("a", "map", "events", group="work"))
        options = {"pipeline.operator-chaining.enabled": False}
        assert find(job(*operators, flinkConfiguration=options), code="GRA304") == []


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
        assert f"'count' needs for its {backend.lower()} state" in found.message

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
        assert "needs for Python" in found.message

    def test_memory_that_nobody_uses(self) -> None:
        (found,) = self.found({"OPERATOR": "256 mb"}, kind="map")
        assert (found.code, found.severity) == ("MEM502", Severity.WARNING)
        assert "256 mb" in found.message

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


STANDARD = {"name": "standard", "count": 4, "cpu": 4, "memory": {"process": "8 gb"}}


class TestFit:
    def fit(
        self, resources: dict[str, Any], *clusters: dict[str, Any], parallelism: int = 1
    ) -> list[Finding]:
        group = {"name": "default", "resources": {"cpu": 1, "heap": "1 gb", **resources}}
        document = job(SOURCE, slotSharingGroups=[group], parallelism=parallelism)
        return find(document, *(clusters or (cluster(STANDARD),)), code="FIT")

    @pytest.mark.parametrize(
        ("resources", "parts"),
        [
            ({"cpu": 4.5}, ("4.5 cpu", "'standard-0'", "has 4")),
            ({"heap": "20 gb"}, ("memory", "'standard-0'")),
            ({"external": {"gpu": 1}}, ("needs 1 gpu", "'standard-0'", "have 0")),
        ],
    )
    def test_says_what_is_too_big_and_for_what(
        self, resources: dict[str, Any], parts: tuple[str, ...]
    ) -> None:
        found = next(f for f in self.fit(resources) if f.code == "FIT801")
        assert found.message.startswith("a slot of group 'default' needs ")
        for part in parts:
            assert part in found.message
        assert found.pointer == "/spec/slotSharingGroups/0/name"

    def test_a_part_that_the_cluster_fixes(self) -> None:
        shape = {**STANDARD, "memory": {"process": "8 gb", "managed": "512 mb"}}
        (found,) = self.fit({"managed": {"STATE_BACKEND": "1 gb"}}, cluster(shape))
        assert "needs 1024 mb managed; the closest, 'standard-0', has 512 mb" in found.message

    def test_one_large_taskmanager_is_enough(self) -> None:
        large = {"name": "large", "count": 1, "cpu": 16, "memory": {"process": "32 gb"}}
        assert self.fit({"cpu": 8}, cluster(STANDARD, large)) == []

    def test_the_closest_taskmanager_is_named(self) -> None:
        larger = {"name": "larger", "count": 1, "cpu": 6, "memory": {"process": "8 gb"}}
        (found,) = self.fit({"cpu": 8}, cluster(STANDARD, larger))
        assert "'larger-0', has 6" in found.message

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
        assert found.message == "the job's slots reserve 16 cores, the cluster has 12"

    def test_slots(self) -> None:
        few = cluster({**STANDARD, "slots": 1})
        (found,) = self.fit({"heap": "64 mb"}, few, parallelism=5)
        assert found.message == "the job has 5 slots, the cluster allows 4"

    def test_with_two_clusters_there_is_nothing_to_compare(self) -> None:
        assert self.fit({"cpu": 8}, cluster(STANDARD), cluster(STANDARD)) == []


class TestClusters:
    @pytest.mark.parametrize(
        ("numbers", "expected"),
        [
            ({"count": 2}, []),
            ({"min": 1, "max": 3}, []),
            ({"min": 2}, []),
            ({"max": 2}, []),
            ({"min": 3, "max": 2}, ["CLU705"]),
            ({"count": 1, "max": 2}, ["CLU705"]),
            ({"count": 0}, ["CLU703"]),
            ({}, ["CLU703"]),
        ],
    )
    def test_numbers(self, numbers: dict[str, int], expected: list[str]) -> None:
        shape = {"name": "a", "cpu": 1, "memory": {"process": "4 gb"}, **numbers}
        assert [finding.code for finding in find(cluster(shape))] == expected

    def test_a_name_that_a_class_makes(self) -> None:
        listed = [{"id": "standard-1", "class": "standard"}]
        (found,) = find(cluster(STANDARD, taskManagers=listed))
        assert (found.code, found.pointer) == ("CLU701", "/spec/taskManagers/0/id")

    def test_a_class_that_is_not_there(self) -> None:
        (found,) = find(cluster(STANDARD, taskManagers=[{"id": "a", "class": "standart"}]))
        assert (found.code, found.pointer) == ("CLU702", "/spec/taskManagers/0/class")

    @pytest.mark.parametrize("count", [4, 5])
    def test_reserve(self, count: int) -> None:
        (found,) = find(cluster(STANDARD, reserve={"taskManagers": count}))
        assert (found.code, found.message) == ("CLU704", f"{count} of 4 TaskManagers are kept in reserve")


class TestProfiles:
    def profile(self, **planner: Any) -> dict[str, Any]:
        (loaded,) = load(yaml.safe_dump(job(SOURCE, COUNT)).encode(), "job.yaml")
        assert isinstance(loaded.document, Job)
        full, _ = compile_job(loaded.document)
        data: dict[str, Any] = full.model_dump(mode="json", by_alias=True, exclude_none=True)
        data["planner"] |= planner
        return data

    def test_what_planner_writes_is_clean(self) -> None:
        assert find(self.profile()) == []

    def test_a_flink_version_that_is_none(self) -> None:
        (loaded,) = load(yaml.safe_dump(self.profile(flinkVersion="latest")).encode(), "job.yaml")
        assert [finding.code for finding in loaded.findings] == ["DOC104"]
