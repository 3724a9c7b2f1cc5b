"""KUB and the rules over options, in manifests of the operator and in Flink's own configuration."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from planner.api import validate
from planner.documents.finding import CheckProfile, Finding, Severity
from planner.documents.load import load


def deployment(options: Any = None, **spec: Any) -> dict[str, Any]:
    process = {"resource": {"memory": "2048m", "cpu": 1}}
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "orders"},
        "spec": {
            "image": "flink:2.2",
            "flinkVersion": "v2_2",
            "serviceAccount": "flink",
            "flinkConfiguration": options or {},
            "jobManager": process,
            "taskManager": process,
            "job": {"jarURI": "local:///a.jar", "parallelism": 2},
            **spec,
        },
    }


def find(document: dict[str, Any], code: str = "") -> list[Finding]:
    loaded = load(yaml.safe_dump(document, sort_keys=False), "deployment.yaml")
    return [finding for finding in validate(*loaded) if finding.code.startswith(code)]


def of_options(text: str) -> list[Finding]:
    return validate(*load(text, "config.yaml"))


TYPICAL = [
    deployment({"taskmanager.numberOfTaskSlots": "2"}),
    deployment(
        {
            "taskmanager.numberOfTaskSlots": "2",
            "state.savepoints.dir": "file:///flink-data/savepoints",
            "state.checkpoints.dir": "file:///flink-data/checkpoints",
            "high-availability": "kubernetes",
            "high-availability.storageDir": "file:///flink-data/ha",
        },
        flinkVersion="v1_20",
        job={"jarURI": "local:///a.jar", "parallelism": 2, "upgradeMode": "savepoint", "state": "running"},
        podTemplate={"spec": {"containers": [{"name": "flink-main-container"}]}},
    ),
    deployment(
        {
            "job.autoscaler.enabled": "true",
            "job.autoscaler.stabilization.interval": "1m",
            "job.autoscaler.utilization.target": "0.6",
            "job.autoscaler.vertex.exclude.ids": "a;b",
            "kubernetes.operator.savepoint.history.max.age": "24 h",
            "kubernetes.operator.periodic.savepoint.interval": "0 0 * * * ?",
            "kubernetes.operator.plugins.listeners.mine.class": "com.example.Listener",
            "kubernetes.operator.default-configuration.flink-version.v1_19+.env.java.opts.all": "-Dx=y",
            "jobmanager.scheduler": "adaptive",
            "pipeline.max-parallelism": "24",
            "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
            "metrics.reporter.prom.port": "9249",
        }
    ),
    deployment(
        {"taskmanager": {"numberOfTaskSlots": 2}, "rest": {"profiling": {"enabled": True}}},
        job=None,
        ingress={"template": "{{name}}.flink.k8s.io"},
        logConfiguration={"log4j-console.properties": "rootLogger.level = DEBUG\n"},
    ),
    deployment(
        {"scheduler-mode": "REACTIVE"},
        mode="standalone",
        taskManager={"resource": {"memory": "2Gi", "cpu": 1}, "replicas": 2},
        job={"jarURI": "local:///a.jar"},
    ),
]


@pytest.mark.parametrize("number", range(len(TYPICAL)))
def test_nothing_is_wrong_with_what_is_typical(number: int) -> None:
    """Manifests of the forms that the operator's examples have."""
    found = [
        f for f in find(TYPICAL[number]) if f.code != "CFG402"
    ]  # state.savepoints.dir is an old key in 1.20
    assert found == []


class TestOptions:
    def test_the_keys_of_flink(self) -> None:
        (found,) = find(deployment({"taskmanager": {"memory": {"netwrok": {"fraction": 0.1}}}}))
        assert (found.code, found.position.line) == ("CFG401", 13)
        assert "did you mean 'taskmanager.memory.network.fraction'" in found.message
        assert found.pointer == "/spec/flinkConfiguration/taskmanager/memory/netwrok/fraction"

    def test_their_values(self) -> None:
        (found,) = find(deployment({"taskmanager.numberOfTaskSlots": "two"}), "CFG")
        assert (found.code, found.position.line) == ("CFG404", 10)

    def test_the_version_is_that_of_the_deployment(self) -> None:
        options = {"cluster.evenly-spread-out-slots": "true"}
        assert [f.code for f in find(deployment(options))] == ["CFG403"]
        (older,) = find(deployment(options, flinkVersion="v1_20"))
        assert older.code == "CFG402"

    @pytest.mark.parametrize(
        ("key", "value", "code"),
        [
            ("job.autoscaler.enabled", "yes", "CFG404"),
            ("job.autoscaler.quota.memory", "ten", "CFG404"),
            ("kubernetes.operator.savepoint.format.type", "NATIVE", ""),
            ("kubernetes.operator.savepoint.format.type", "native", ""),
            ("kubernetes.operator.savepoint.format.type", "BINARY", "CFG404"),
            ("kubernetes.operator.job.autoscaler.enabled", "true", "CFG402"),
            ("job.autoscaler.target.utilization", "0.5", "CFG402"),
            ("kubernetes.operator.savepoint.history.max.cuont", "3", "KUB953"),
            ("job.autoscaler.something.new", "3", "KUB953"),
            ("kubernetes.operator.metrics.reporter.slf4j.interval", "5 MINUTE", ""),
            ("state.backend.type", "rockdb", "CFG410"),
            ("restart-strategy.type", "sometimes", "CFG409"),
            ("state.backend.rocksdb.memory.managed", "false", "MEM504"),
        ],
    )
    def test_keys_of_operator_and_autoscaler(self, key: str, value: str, code: str) -> None:
        found = find(deployment({key: value}))
        assert [finding.code for finding in found] == ([code] if code else [])
        assert all(finding.position.line == 10 for finding in found)

    def test_a_job_may_have_them_too(self) -> None:
        text = """\
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  flinkConfiguration: {job.autoscaler.enabled: true, kubernetes.operator.job.restart.failed: true}
  operators: [{id: a, kind: kafka-source, uid: a}]
"""
        assert [
            f for f in validate(*load(text, "job.yaml")) if f.code.startswith(("CFG401", "CFG404", "KUB"))
        ] == []


class TestMemory:
    def test_the_field_goes_before_the_option(self) -> None:
        (found,) = find(deployment({"taskmanager.memory.process.size": "1g"}))
        assert (found.code, found.position.line) == ("KUB951", 10)
        assert found.message == (
            "taskmanager.memory.process.size is '1g' here, and the Kubernetes operator takes spec.taskManager.resource.memory"
        )
        assert find(deployment({"taskmanager.memory.process.size": "2g"})) == []

    def test_what_does_not_add_up_is_at_the_field(self) -> None:
        document = deployment(taskManager={"resource": {"memory": "400m"}})
        (found,) = find(document)
        assert found.code == "MEM405"
        assert found.pointer == "/spec/taskManager/resource/memory"
        assert found.message.startswith("taskmanager: JVM metaspace 256.000mb")

    def test_parts_and_process(self) -> None:
        options = {"taskmanager.memory.flink.size": "1900m"}
        (found,) = find(deployment(options))
        assert found.code == "MEM405"
        assert "taskmanager: total process memory 2.000gb" in found.message

    def test_the_jobmanager_too(self) -> None:
        (found,) = find(deployment({"jobmanager.memory.off-heap.size": "3g"}))
        assert (found.code, found.pointer) == (
            "MEM402",
            "/spec/flinkConfiguration/jobmanager.memory.off-heap.size",
        )

    @pytest.mark.parametrize("memory", ["2 gigabytes", "-1Gi", "1.0000001Gi"])
    def test_a_memory_that_the_operator_cannot_read(self, memory: str) -> None:
        (found,) = find(deployment(taskManager={"resource": {"memory": memory}}))
        assert (found.code, found.pointer) == ("MEM407", "/spec/taskManager/resource/memory")

    def test_without_memory_the_operator_refuses(self) -> None:
        (found,) = find(deployment(taskManager={"replicas": 1}, job=None))
        assert (found.code, found.hint) == ("MEM401", "set spec.taskManager.resource.memory")
        assert find(deployment({"taskmanager.memory.process.size": "1g"}, taskManager=None)) == []

    def test_a_wrong_size_is_found_once(self) -> None:
        (found,) = find(deployment({"taskmanager.memory.managed.size": "much"}))
        assert found.code == "CFG404"


class TestManifests:
    @pytest.mark.parametrize(
        "key", ["kubernetes.namespace", "kubernetes.cluster-id", "high-availability.cluster-id"]
    )
    def test_options_that_the_operator_sets(self, key: str) -> None:
        assert [f.code for f in find(deployment({key: "a"}))] == ["KUB952"]

    @pytest.mark.parametrize(
        ("job", "options", "needed"),
        [
            ({"upgradeMode": "stateless"}, {}, []),
            ({"upgradeMode": "last-state"}, {}, ["execution.checkpointing.dir"]),
            ({"upgradeMode": "last-state"}, {"execution.checkpointing.dir": "s3://a"}, []),
            (
                {"upgradeMode": "savepoint", "savepointTriggerNonce": 1},
                {},
                ["execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"],
            ),
            ({"savepointTriggerNonce": 1}, {}, ["execution.checkpointing.savepoint-dir"]),
            ({"savepointTriggerNonce": 1}, {"execution.checkpointing.savepoint-dir": "s3://a"}, []),
        ],
    )
    def test_directories(self, job: dict[str, Any], options: dict[str, str], needed: list[str]) -> None:
        found = find(deployment(options, job={"jarURI": "local:///a.jar", "parallelism": 1, **job}), "KUB954")
        assert [finding.message.rpartition(" ")[2] for finding in found] == needed

    @pytest.mark.parametrize(
        ("replicas", "options", "count"),
        [
            (1, {}, 0),
            (2, {}, 1),
            (2, {"high-availability.type": "kubernetes"}, 0),
            (2, {"high-availability": "kubernetes"}, 0),
            (2, {"high-availability.type": "NONE"}, 1),
        ],
    )
    def test_standby_jobmanagers(self, replicas: int, options: dict[str, str], count: int) -> None:
        process = {"replicas": replicas, "resource": {"memory": "2048m"}}
        assert len(find(deployment(options, jobManager=process), "KUB955")) == count

    @pytest.mark.parametrize(("parallelism", "count"), [(6, 0), (4, 1), (0, 0)])
    def test_a_parallelism_beside_replicas(self, parallelism: int, count: int) -> None:
        document = deployment(
            {"taskmanager.numberOfTaskSlots": "2"},
            taskManager={"replicas": 3, "resource": {"memory": "2048m"}},
            job={"jarURI": "local:///a.jar", "parallelism": parallelism},
        )
        assert len(find(document, "KUB956")) == count

    @pytest.mark.parametrize(
        ("fields", "count"),
        [(["savepoint"], 0), (["checkpoint"], 0), ([], 1), (["savepoint", "checkpoint"], 1)],
    )
    def test_a_snapshot_is_of_one_kind(self, fields: list[str], count: int) -> None:
        spec = {"jobReference": {"kind": "FlinkDeployment", "name": "a"}, **{field: {} for field in fields}}
        document = {**deployment(), "kind": "FlinkStateSnapshot", "spec": spec}
        assert len(find(document, "KUB957")) == count

    def test_a_session_job_has_the_options_of_its_deployment_too(self) -> None:
        job = {"jarURI": "https://host/a.jar", "parallelism": 1, "upgradeMode": "last-state"}
        spec = {"deploymentName": "orders", "job": job}
        session_job = {**deployment(), "kind": "FlinkSessionJob", "metadata": {"name": "job"}, "spec": spec}
        assert find(session_job) == []  # who knows what the deployment sets

        def together(options: dict[str, str]) -> list[str]:
            documents = [deployment(options, job=None), session_job]
            return [f.code for f in validate(*load(yaml.safe_dump_all(documents), "both.yaml"))]

        assert together({"execution.checkpointing.dir": "s3://lake/checkpoints"}) == []
        assert together({}) == ["KUB954"]

    def test_a_wrong_value_of_the_job_hides_nothing_else(self) -> None:
        job = {"jarURI": "local:///a.jar", "parallelism": "4", "state": "RUNNING", "args": [1]}
        found = find(deployment({"taskmanager.memory.process.size": "1g", "rest.prot": "1"}, job=job))
        assert sorted(f.code for f in found) == ["CFG401", "DOC103", "DOC104", "DOC104", "KUB951"]

    @pytest.mark.parametrize(
        ("spec", "found"),
        [
            ({"deploymentName": "a", "job": {"jarURI": "a", "parallelism": 1}}, []),
            ({"deploymentName": "a"}, ["KUB958"]),
            ({"job": {"jarURI": "a", "parallelism": 1}}, ["KUB958"]),
            ({"job": {"parallelism": 4}}, []),  # a patch
            ({"deploymentName": "a", "job": {"jarURI": "a", "parallelism": 0}}, ["KUB959"]),
            ({"deploymentName": "orders", "job": {"jarURI": "a", "parallelism": 1}}, ["KUB959"]),
        ],
    )
    def test_what_a_session_job_needs(self, spec: dict[str, Any], found: list[str]) -> None:
        session_job = {**deployment(), "kind": "FlinkSessionJob", "metadata": {"name": "job"}, "spec": spec}
        documents = yaml.safe_dump_all([deployment(), session_job])
        assert [f.code for f in validate(*load(documents, "both.yaml"))] == found

    @pytest.mark.parametrize("field", ["flinkVersion", "serviceAccount"])
    def test_what_the_operator_requires(self, field: str) -> None:
        without = deployment()
        del without["spec"][field]
        (found,) = find(without)
        assert (found.code, found.message) == ("KUB958", f"spec has no {field}")
        assert find(deployment(**{field: "${FIELD}"}), "KUB958") == []

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"job": {"jarURI": "local:///a.jar", "parallelism": 0}}, "parallelism 0"),
            ({"taskManager": {"replicas": 0, "resource": {"memory": "1g"}}}, "0 replicas"),
            ({"jobManager": {"replicas": 0, "resource": {"memory": "1g"}}}, "0 replicas"),
            ({"ingress": {"className": "nginx"}}, "no template"),
            ({"logConfiguration": {"log4j.properties": "a"}}, "'log4j.properties'"),
        ],
    )
    def test_what_the_operator_refuses(self, fields: dict[str, Any], words: str) -> None:
        (found,) = find(deployment(**fields))
        assert found.code == "KUB959"
        assert words in found.message

    @pytest.mark.parametrize(
        ("name", "count"), [("a-1", 0), ("A", 1), ("1a", 1), ("a" * 46, 1), ("a.b", 1), ("${NAME}", 0)]
    )
    def test_the_name_of_a_deployment(self, name: str, count: int) -> None:
        assert len(find({**deployment(), "metadata": {"name": name}}, "KUB959")) == count

    def test_amazon_sets_the_service_account(self) -> None:
        without = deployment(executionRoleArn="arn:aws:iam::1:role/flink")
        del without["spec"]["serviceAccount"]
        assert find(without) == []

    @pytest.mark.parametrize(
        ("spec", "count"),
        [
            ({"savepoint": {}}, 1),
            ({"savepoint": {"alreadyExists": True}}, 0),
            ({"checkpoint": {}, "jobReference": {"kind": "FlinkDeployment", "name": "a"}}, 0),
        ],
    )
    def test_a_snapshot_is_of_a_job(self, spec: dict[str, Any], count: int) -> None:
        assert len(find({**deployment(), "kind": "FlinkStateSnapshot", "spec": spec}, "KUB958")) == count

    @pytest.mark.parametrize(
        "spec",
        [
            {"job": {"parallelism": 8}, "taskManager": {"replicas": 4}},
            {"image": "flink:2.2.1", "flinkVersion": "v2_2"},
            {"jobManager": {"replicas": 2}, "job": {"upgradeMode": "savepoint"}},
            {"taskManager": {"resource": {"memory": "8g"}}},
        ],
    )
    def test_a_patch_of_kustomize_is_not_a_deployment_that_lacks_things(self, spec: dict[str, Any]) -> None:
        assert find({**deployment(), "spec": spec}) == []


class TestOtherVersions:
    def test_a_key_of_a_version_without_a_table_may_be_right(self) -> None:
        found = find(deployment({"taskmanager.memory.preallocate": "false"}, flinkVersion="v1_14"))
        assert [(f.code, f.severity) for f in found] == [("CFG412", "warning"), ("CFG401", "warning")]
        (found_now,) = find(deployment({"taskmanager.memory.preallocate": "false"}))
        assert found_now.severity == "error"

    def test_what_is_removed_is_not_in_a_later_version(self) -> None:
        found = find(deployment({"jobmanager.heap.size": "1g", "taskmanager.new": "1"}, flinkVersion="v3_0"))
        assert [(f.code, f.severity) for f in found] == [
            ("CFG412", "warning"),
            ("CFG403", "error"),
            ("CFG401", "warning"),
        ]

    def test_a_configuration_is_for_the_version_that_reads_its_keys(self) -> None:
        """Flink 2 removed the key, but hands on everything that begins as it does."""
        assert of_options("metrics.reporter.jmx.class: a.B\nmetrics.reporter.jmx.port: 8789\n") == []


class TestConfigurations:
    def test_placeholders_keep_nothing_else_from_being_found(self) -> None:
        text = (
            "taskmanager.memory.process.size: ${SIZE}\njobmanager.memory.process.size: 1k\n"
            "state.backend.type: ${BACKEND}\nrestart-strategy.type: ${STRATEGY}\n"
        )
        found = of_options(text)
        assert [(f.code, f.position.line) for f in found] == [("DOC012", 1), ("MEM405", 2)]

    @pytest.mark.parametrize(
        ("value", "count"),
        [("${S3_SECRET}", 0), ("{{ .Values.secret }}", 0), ("hunter$TWO", 1), ("a${b}", 1)],
    )
    def test_a_secret_that_is_filled_in_later_stands_in_no_file(self, value: str, count: int) -> None:
        found = find(deployment({"s3.secret-key": value}))
        found += of_options(f"taskmanager.numberOfTaskSlots: 1\ns3:\n  secret-key: '{value}'\n")
        assert [f.code for f in found] == ["OPS606"] * count * 2
        assert all("keep it in a Secret" in f.hint for f in found)

    def test_a_factory_of_the_user_has_keys_of_its_own(self) -> None:
        own = "state.backend.rocksdb.falcon.use-hash-memtable: true\n"
        typo = "state.backend.rocksdb.localdirs: /data\n"
        factory = (
            "state.backend.rocksdb.options-factory: com.example.Factory\ntaskmanager.numberOfTaskSlots: 1\n"
        )
        assert [f.code for f in of_options(own + typo + factory)] == ["CFG401"]
        assert len(of_options(own + typo + "taskmanager.numberOfTaskSlots: 1\n")) == 2

    def test_a_misspelled_key(self) -> None:
        (found,) = of_options(
            "taskmanager:\n  numberOfTaskSlots: 4\n  memory:\n    process:\n      size: 1728m\n    netwrok:\n      fraction: 0.3\n"
        )
        assert (found.code, found.position.line, found.position.column) == ("CFG401", 7, 7)
        assert "did you mean 'taskmanager.memory.network.fraction'" in found.message

    def test_an_old_key_is_named_with_its_successor(self) -> None:
        (found,) = of_options("jobmanager.heap.size: 2000m\ntaskmanager.memory.process.size: 2200m\n")
        assert (found.code, found.position.line) == ("CFG402", 1)
        assert found.message == "'jobmanager.heap.size' is deprecated, and Flink 2.0 does not read it"
        assert found.hint.startswith("write jobmanager.memory.process.size. In containers")

    def test_memory_that_does_not_add_up(self) -> None:
        (found,) = of_options("taskmanager.memory.process.size: 1g\ntaskmanager.memory.managed.size: 1g\n")
        assert (found.code, found.position.line) == ("MEM402", 1)

    def test_memory_may_be_elsewhere(self) -> None:
        (found,) = of_options("jobmanager.rpc.port: 6123\ntaskmanager.memory.managed.fraction: 0.1\n")
        assert (found.code, found.severity, found.position.line) == ("MEM401", Severity.INFO, 2)
        assert "unless arguments of the process do" in found.hint
        variable = (
            "services:\n  t:\n    image: flink:2.2\n    environment:\n      FLINK_PROPERTIES: |\n        "
        )
        assert of_options(variable + "taskmanager.memory.managed.fraction: 0.1\n") == []

    def test_in_a_config_map(self) -> None:
        (found,) = of_options(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  config.yaml: |\n"
            "    taskmanager.numberOfTaskSlot: 4\n"
        )
        assert (found.code, found.position.line, found.position.column) == ("CFG401", 6, 5)
        assert found.pointer == "/data/config.yaml/taskmanager.numberOfTaskSlot"

    def test_a_comment_suppresses_within_a_config_map(self) -> None:
        assert (
            of_options(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  config.yaml: |\n"
                "    taskmanager.numberOfTaskSlot: 4  # planner: ignore[CFG401]\n"
            )
            == []
        )


def production(document: dict[str, Any], code: str) -> list[Finding]:
    found = validate(*load(yaml.safe_dump(document).encode(), "d.yaml"), profile=CheckProfile.PRODUCTION)
    return [one for one in found if one.code == code]


JAR = "local:///a.jar"
UNMANAGED = {"state.backend.rocksdb.memory.managed": "false"}
AUTOSCALED = {"job.autoscaler.enabled": "true"}


@pytest.mark.parametrize(
    ("parallelism", "slots", "replicas", "message"),
    [
        (5, "2", None, "3 TaskManagers have 6 slots, 1 of them without a subtask"),
        (6, "2", None, None),
        (5, None, None, None),  # one slot each
        (5, "2", 4, None),  # the parallelism is ignored
        (5, "many", None, None),
    ],
)
def test_slots_left_over(
    parallelism: int, slots: str | None, replicas: int | None, message: str | None
) -> None:
    workers = {"resource": {"memory": "2048m", "cpu": 1}, **({"replicas": replicas} if replicas else {})}
    options = {"taskmanager.numberOfTaskSlots": slots} if slots else {}
    document = deployment(options, job={"jarURI": JAR, "parallelism": parallelism}, taskManager=workers)
    assert [one.message for one in production(document, "KUB960")] == ([message] if message else [])


@pytest.mark.parametrize(
    ("options", "code", "count"),
    [
        ({**AUTOSCALED, "job.autoscaler.metrics.window": "10 s"}, "KUB961", 1),
        ({**AUTOSCALED, "job.autoscaler.metrics.window": "45 s"}, "KUB961", 0),  # Helm's interval is 15 s
        ({"job.autoscaler.metrics.window": "10 s"}, "KUB961", 0),
        ({**AUTOSCALED, "job.autoscaler.metrics.window": "${WINDOW}"}, "KUB961", 0),
        ({**AUTOSCALED, "kubernetes.operator.reconcile.interval": "20 min"}, "KUB961", 1),
        (AUTOSCALED, "KUB961", 0),
        ({**AUTOSCALED, "job.autoscaler.utilization.max": "0.6"}, "KUB962", 1),  # the target is 0.7
        (
            {**AUTOSCALED, "job.autoscaler.utilization.min": "0.9", "job.autoscaler.utilization.max": "1.0"},
            "KUB962",
            1,
        ),
        (
            {**AUTOSCALED, "job.autoscaler.utilization.min": "0.6", "job.autoscaler.utilization.max": "0.8"},
            "KUB962",
            0,
        ),
        ({**AUTOSCALED, "job.autoscaler.utilization.min": "high"}, "KUB962", 0),
        ({"job.autoscaler.utilization.max": "0.6"}, "KUB962", 0),  # it is off
        ({"kubernetes.operator.deployment.rollback.enabled": "true"}, "KUB964", 1),
        ({"kubernetes.operator.cluster.health-check.enabled": "true"}, "KUB964", 0),
        (
            {
                "kubernetes.operator.cluster.health-check.enabled": "true",
                "kubernetes.operator.jm-deployment-recovery.enabled": "false",
            },
            "KUB964",
            1,
        ),
        ({"state.backend.rocksdb.memory.fixed-per-slot": "900 mb"}, "MEM506", 0),
        ({"state.backend.rocksdb.memory.fixed-per-tm": "1 gb"}, "MEM506", 0),  # managed memory goes before it
        ({"state.backend.rocksdb.memory.fixed-per-tm": "1 gb", **UNMANAGED}, "MEM506", 1),
        ({"state.backend.rocksdb.memory.fixed-per-tm": "900 mb", **UNMANAGED}, "MEM506", 0),
        (
            {"state.backend.rocksdb.memory.fixed-per-slot": "9 gb", "state.backend.type": "hashmap"},
            "MEM506",
            0,
        ),
        (
            {
                "state.backend.rocksdb.memory.fixed-per-slot": "2 gb",
                "kubernetes.taskmanager.memory.limit-factor": "2.0",
            },
            "MEM506",
            0,
        ),
        ({"taskmanager.numberOfTaskSlots": "9" * 5000}, "KUB960", 0),
        (
            {"state.backend.rocksdb.memory.fixed-per-slot": "300 mb", "taskmanager.numberOfTaskSlots": "4"},
            "MEM506",
            1,
        ),
    ],
)
def test_options_of_a_deployment(options: dict[str, str], code: str, count: int) -> None:
    assert len(find(deployment(options), code)) == count


def test_more_subtasks_than_the_autoscaler_allows() -> None:
    job = {"jarURI": JAR, "parallelism": 300}
    (found,) = find(deployment(AUTOSCALED, job=job), "KUB963")
    assert found.message == "parallelism 300, and the autoscaler allows 200"
    more = {**AUTOSCALED, "job.autoscaler.vertex.max-parallelism": "300"}
    assert find(deployment(more, job=job), "KUB963") == []
    watching = {**AUTOSCALED, "job.autoscaler.scaling.enabled": "false"}
    assert find(deployment(watching, job=job), "KUB963") == []


def test_production_asks_for_availability_state_and_metaspace() -> None:
    available = {"high-availability.type": "kubernetes", "high-availability.storageDir": "s3://lake/ha"}
    assert len(production(deployment(), "KUB965")) == 1
    assert production(deployment(available), "KUB965") == []
    interval = {"execution.checkpointing.interval": "30 s"}
    for mode, count in ((None, 1), ("stateless", 1), ("savepoint", 0)):
        job = {"jarURI": JAR, "parallelism": 1, **({"upgradeMode": mode} if mode else {})}
        assert len(production(deployment(interval, job=job), "KUB966")) == count
        assert production(deployment(job=job), "KUB966") == []
    assert len(production(deployment(job=None), "KUB967")) == 1
    metaspace = {"taskmanager.memory.jvm-metaspace.size": "512m"}
    assert production(deployment(metaspace, job=None), "KUB967") == []
    assert production(deployment(), "KUB967") == []


def test_the_operator_retains_checkpoints_of_applications() -> None:
    interval = {"execution.checkpointing.interval": "30 s"}
    assert production(deployment(interval), "OPS610") == []
    assert len(production(deployment(interval, job=None), "OPS610")) == 1
    deleted = {"execution.checkpointing.externalized-checkpoint-retention": "NO_EXTERNALIZED_CHECKPOINTS"}
    assert len(production(deployment({**interval, **deleted}), "OPS610")) == 1


def test_what_a_template_leaves_open_is_no_finding() -> None:
    options = {
        "execution.checkpointing.interval": "30 s",
        "execution.checkpointing.min-pause": "${PAUSE}",
        "execution.checkpointing.tolerable-failed-checkpoints": "${FAILURES}",
        "execution.checkpointing.incremental": "{{ incremental }}",
        "state.backend.type": "rocksdb",
    }
    document = deployment(options, job={"jarURI": JAR, "parallelism": 1, "upgradeMode": "${MODE}"})
    for code in ("OPS611", "OPS612", "OPS613", "KUB966"):
        assert production(document, code) == []


def test_a_patch_is_not_asked_for_what_its_base_may_have() -> None:
    spec = {"flinkConfiguration": {"execution.checkpointing.interval": "30 s"}, "job": {"parallelism": 4}}
    patch = {**deployment(), "spec": spec}
    for code in ("OPS610", "OPS611", "OPS612", "KUB966"):
        assert production(patch, code) == []


def test_a_session_job_has_the_options_of_its_session() -> None:
    interval = {"execution.checkpointing.interval": "30 s", "state.backend.type": "rocksdb"}
    ready = {
        "execution.checkpointing.tolerable-failed-checkpoints": "3",
        "execution.checkpointing.min-pause": "10 s",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }
    job = {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkSessionJob",
        "metadata": {"name": "totals"},
        "spec": {
            "deploymentName": "orders",
            "flinkConfiguration": interval,
            "job": {"jarURI": "https://a/b.jar", "parallelism": 1, "upgradeMode": "savepoint"},
        },
    }

    def asked(*documents: dict[str, Any]) -> set[str]:
        loaded = load(yaml.safe_dump_all(documents), "d.yaml")
        found = validate(*loaded, profile=CheckProfile.PRODUCTION)
        return {one.code for one in found if one.code.startswith("OPS61")}

    assert asked(deployment(ready, job=None), job) == set()
    assert asked(deployment(job=None), job) == {"OPS610", "OPS611", "OPS612", "OPS613"}
    assert asked(job) == set()


def test_checkpoints_that_the_operator_enables_count() -> None:
    job = {"jarURI": JAR, "parallelism": 1, "upgradeMode": "last-state"}
    (found,) = production(deployment(job=job), "OPS611")
    assert found.path == ("spec", "job")
    assert production(deployment(job={**job, "upgradeMode": "savepoint"}), "OPS611") == []


class TestVendors:
    EMR = (
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\nspec:\n"
        "  emrReleaseLabel: emr-7.1.0-flink-latest\n  executionRoleArn: arn:aws:iam::0:role/a\n"
        "  flinkVersion: v1_18\n  flinkConfiguration:\n    OPTION\n"
    )

    def test_options_of_a_vendor_may_be_more_than_flinks(self) -> None:
        (found,) = of_options(self.EMR.replace("OPTION", "task.local-recovery.ebs.enable: true"))
        assert (found.code, found.severity) == ("CFG401", Severity.WARNING)

    def test_its_operator_takes_a_new_key_later(self) -> None:
        option = "kubernetes.operator.job.autoscaler.enabled: true"
        assert of_options(self.EMR.replace("OPTION", option)) == []


@pytest.mark.parametrize(
    ("job", "snapshot", "found"),
    [
        ("", "{kind: FlinkDeployment, name: a}", 1),
        ("", "{kind: FlinkSessionJob, name: a}", 0),
        ("", "{kind: FlinkDeployment, name: elsewhere}", 0),
        (
            "\n  job: {jarURI: local:///a.jar, parallelism: 1, upgradeMode: stateless}",
            "{kind: FlinkDeployment, name: a}",
            0,
        ),
    ],
)
def test_a_snapshot_of_a_session_cluster_has_no_job(job: str, snapshot: str, found: int) -> None:
    text = f"""apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {{name: a}}
spec:
  flinkVersion: v2_2
  serviceAccount: flink
  jobManager: {{resource: {{memory: 2g, cpu: 1}}}}
  taskManager: {{resource: {{memory: 2g, cpu: 1}}}}{job}
---
apiVersion: flink.apache.org/v1beta1
kind: FlinkStateSnapshot
metadata: {{name: s}}
spec: {{jobReference: {snapshot}, savepoint: {{path: s3://a/b}}}}
"""
    codes = [one.code for one in validate(*load(text, "d.yaml"))]
    assert codes.count("KUB968") == found
