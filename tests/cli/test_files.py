"""Files that people already have, from the command line: validate, memory, import deployment, place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from in_process import Answer, invoke

DEPLOYMENT = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: orders}
spec:
  flinkVersion: v2_2
  serviceAccount: flink
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "2"
    taskmanager.memory.managed.fraction: "0.1"
    external-resources: gpu
    external-resource.gpu.amount: 1
    state.backend.type: rocksdb
  jobManager: {resource: {memory: "2048m", cpu: 1}}
  taskManager: {resource: {memory: "2048m", cpu: 1.5}}
  job: {jarURI: "local:///a.jar", parallelism: 5}
"""
SESSION = DEPLOYMENT.replace('  job: {jarURI: "local:///a.jar", parallelism: 5}\n', "")
SESSION_JOB = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkSessionJob
metadata: {name: %s}
spec:
  deploymentName: orders
  job: {jarURI: "https://host/a.jar", parallelism: 3}
"""
JOB = """\
apiVersion: planner/v1
kind: Job
metadata: {name: orders}
spec:
  parallelism: 5
  checkpointing: {interval: 30 s, dir: "s3://lake/checkpoints"}
  operators:
    - {id: a, kind: kafka-source, uid: a}
    - {id: b, kind: kafka-sink, uid: b, inputs: [a]}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploy.yaml").write_text(DEPLOYMENT)
    (tmp_path / "job.yaml").write_text(JOB)
    return tmp_path


def run(*arguments: str) -> Answer:
    return invoke(arguments)


class TestValidate:
    def test_many_documents_at_once(self, files: Path) -> None:
        (files / "all.yaml").write_text(
            f"{JOB}---\n{DEPLOYMENT}---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\n"
        )
        (files / "config.yaml").write_text("taskmanager.numberOfTaskSlot: 4\n")
        answer = run("validate", "*.yaml", "--format", "json", "--ignore", "GRA,OPS")
        rows = json.loads(answer.stdout)
        assert [(row["file"], row["code"]) for row in rows] == [("config.yaml", "CFG401")]
        assert "planner: not checked, since others read them: Service\n" in answer.stderr
        assert "4 documents checked: 1 error" in answer.stderr
        assert answer.exit_code == 1


class TestBystanders:
    def test_files_of_others_that_a_glob_meets_are_warnings(self, files: Path) -> None:
        (files / "values.yaml").write_text("replicas: 2\n")
        (files / "patch.yaml").write_text("- {op: add, path: /a}\n")
        (files / "typo.yaml").write_text("kind: Jobb\n")
        met = run("validate", "*e*.yaml", "--format", "concise")
        assert met.exit_code == 0
        assert "DOC009" in met.stdout
        assert run("validate", "values.yaml", "deploy.yaml").exit_code == 1  # named
        assert run("validate", "*alues.yaml").exit_code == 1  # nothing that planner knows
        assert run("validate", "*.yaml").exit_code == 1  # a kind that is misspelled
        assert "patch.yaml:1:1: DOC008" in run("validate", "*.yaml", "--format", "concise").stdout


class TestMemory:
    def test_of_a_deployment(self, files: Path) -> None:
        answer = run("memory", "--config", "deploy.yaml", "--format", "json")
        computed = json.loads(answer.stdout)
        assert computed["parts"]["process"] == 2**31
        assert answer.stderr == ""
        assert run("memory", "--config", "deploy.yaml", "--process", "jobmanager").exit_code == 0

    def test_2048m_is_what_flink_means_by_it(self, files: Path) -> None:
        (files / "k8s.yaml").write_text(DEPLOYMENT.replace('"2048m", cpu: 1.5', '"2Gi", cpu: 1.5'))
        answers = [
            run("memory", "--config", name, "--format", "json").stdout for name in ("deploy.yaml", "k8s.yaml")
        ]
        assert answers[0] == answers[1]

    def test_what_is_wrong_is_said_with_its_place(self, files: Path) -> None:
        (files / "config.yaml").write_text(
            "taskmanager:\n  memory:\n    process:\n      size: 1728m\n    netwrok:\n      fraction: 0.3\n"
        )
        answer = run("memory", "--config", "config.yaml")
        assert answer.exit_code == 0
        assert answer.stderr.startswith("config.yaml:6:7: CFG401 Flink 2.2.1 has no option")

    def test_memory_that_does_not_add_up_is_at_its_place(self, files: Path) -> None:
        (files / "deploy.yaml").write_text(DEPLOYMENT.replace('"2048m", cpu: 1.5', '"400m", cpu: 1.5'))
        answer = run("memory", "--config", "deploy.yaml")
        assert answer.exit_code == 1
        assert answer.stderr.startswith("deploy.yaml:14:36: error MEM405")

    def test_an_old_key_and_its_successor(self, files: Path) -> None:
        (files / "flink-conf.yaml").write_text(
            "jobmanager.heap.size: 2000m\ntaskmanager.memory.process.size: 2200m\ntaskmanager.numberOfTaskSlots:2\n"
        )
        answer = run("memory", "--config", "flink-conf.yaml", "--process", "jobmanager")
        assert answer.exit_code == 1
        assert "flink-conf.yaml:3:1: DOC011" in answer.stderr
        assert "flink-conf.yaml:1:1: CFG402 'jobmanager.heap.size' is deprecated" in answer.stderr
        assert (
            "flink-conf.yaml:1:23: error MEM401: no memory is configured: set jobmanager.memory"
            in answer.stderr
        )
        assert "jobmanager.heap.size is an old key, which Flink 2 does not read" in answer.stderr
        assert run("memory", "--config", "flink-conf.yaml").exit_code == 0

    def test_a_file_without_a_configuration(self, files: Path) -> None:
        answer = run("memory", "--config", "job.yaml")
        assert (answer.exit_code, answer.stderr) == (
            2,
            "planner: job.yaml holds no configuration of Flink; give one\n",
        )

    def test_of_several_configurations_the_one_with_memory_of_the_process(self, files: Path) -> None:
        (files / "compose.yaml").write_text(
            "services:\n  jm:\n    environment:\n      FLINK_PROPERTIES: |\n        jobmanager.rpc.address: jm\n"
            "  tm:\n    environment:\n      FLINK_PROPERTIES: |\n        taskmanager.memory.process.size: 2g\n"
        )
        answer = run("memory", "--config", "compose.yaml", "--format", "json")
        assert json.loads(answer.stdout)["parts"]["process"] == 2**31
        other = run("memory", "--config", "compose.yaml", "--process", "jobmanager")
        assert (other.exit_code, other.stderr) == (
            2,
            "planner: compose.yaml holds 2 configurations of Flink, none of them with memory of a jobmanager;"
            " give one in a file of its own\n",
        )


class TestImportDeployment:
    def test_taskmanagers_of_a_deployment(self, files: Path) -> None:
        answer = run("import", "deployment", "deploy.yaml", "-o", "cluster.yaml")
        assert answer.exit_code == 0
        assert yaml.safe_load((files / "cluster.yaml").read_text()) == {
            "apiVersion": "planner/v1",
            "kind": "Cluster",
            "metadata": {"name": "orders"},
            "spec": {
                "taskManagerClasses": [
                    {
                        "name": "taskmanager",
                        "count": 3,
                        "cpu": 1.5,
                        "memory": {"process": "2 gb"},
                        "slots": 2,
                        "external": {"gpu": 1},
                        "flinkConfiguration": {"taskmanager.memory.managed.fraction": "0.1"},
                    }
                ]
            },
        }
        assert "parallelism 5 by 2 slots" in answer.stderr
        placed = run("place", "job.yaml", "-c", "cluster.yaml", "--format", "json", "--no-meta")
        assert placed.exit_code == 0, placed.stderr
        made = json.loads(placed.stdout)
        assert len(made["taskManagers"]) == 3
        again = run("place", "job.yaml", "-c", "deploy.yaml", "--format", "json", "--no-meta")
        assert json.loads(again.stdout)["inputs"] == made["inputs"]

    def test_options_of_its_taskmanagers_are_kept_or_said(self, files: Path) -> None:
        own = {
            "env.log.level": "WARN",
            "external-resource.gpu.param.discovery-script.args": "--all",
            "task.cancellation.timeout": "20000",
        }
        java = "env.java.opts.taskmanager: -Dpassword=hunter2"
        lines = [java, "heartbeat.interval: 5 s", *(f'{key}: "{value}"' for key, value in own.items())]
        text = DEPLOYMENT.replace(
            "  flinkConfiguration:\n", "  flinkConfiguration:\n    " + "\n    ".join(lines) + "\n"
        )
        (files / "deploy.yaml").write_text(text)
        answer = run("import", "deployment", "deploy.yaml")
        (entry,) = yaml.safe_load(answer.stdout)["spec"]["taskManagerClasses"]
        assert entry["flinkConfiguration"].items() >= own.items()
        assert not [key for key in entry["flinkConfiguration"] if key.startswith(("env.java", "heartbeat"))]
        assert entry["external"] == {"gpu": 1}
        assert "env.java.opts.taskmanager is left out" in answer.stderr
        assert "hunter2" not in answer.stdout + answer.stderr

    @pytest.mark.parametrize(
        ("old", "new", "count"),
        [
            ("taskManager: {", "taskManager: {replicas: 7, ", 7),
            ('numberOfTaskSlots: "2"', 'numberOfTaskSlots: "5"', 1),
            ("    external-resources: gpu\n", '    slotmanager.redundant-taskmanager-num: "2"\n', 5),
        ],
    )
    def test_how_many(self, files: Path, old: str, new: str, count: int) -> None:
        assert old in DEPLOYMENT
        (files / "deploy.yaml").write_text(DEPLOYMENT.replace(old, new))
        document = yaml.safe_load(run("import", "deployment", "deploy.yaml").stdout)
        (entry,) = document["spec"]["taskManagerClasses"]
        assert entry["count"] == count
        assert document["spec"].get("reserve") == ({"taskManagers": 2} if count == 5 else None)

    @pytest.mark.parametrize("option", ["scheduler-mode: REACTIVE", 'job.autoscaler.enabled: "true"'])
    def test_what_does_not_keep_to_a_placement_is_said(self, files: Path, option: str) -> None:
        text = DEPLOYMENT.replace("    external-resources: gpu\n", f"    {option}\n")
        (files / "deploy.yaml").write_text(text)
        answer = run("import", "deployment", "deploy.yaml")
        assert f"{option.split(':')[0]}: " in answer.stderr
        assert "does not keep to a placement (planner explain CFG407)" in answer.stderr

    def test_a_taskmanager_without_slots(self, files: Path) -> None:
        (files / "deploy.yaml").write_text(
            DEPLOYMENT.replace('numberOfTaskSlots: "2"', 'numberOfTaskSlots: "0"')
        )
        answer = run("import", "deployment", "deploy.yaml")
        assert answer.exit_code == 1
        assert "deploy.yaml:8:36: error MEM408" in answer.stderr

    def test_a_session_has_those_of_its_jobs(self, files: Path) -> None:
        (files / "session.yaml").write_text(SESSION)
        (files / "jobs.yaml").write_text("---\n".join(SESSION_JOB % name for name in ("a", "b")))
        alone = run("import", "deployment", "session.yaml")
        assert alone.exit_code == 2
        assert "a session cluster gets TaskManagers when jobs run on it" in alone.stderr
        answer = run("import", "deployment", "session.yaml", "jobs.yaml")
        (entry,) = yaml.safe_load(answer.stdout)["spec"]["taskManagerClasses"]
        assert entry["count"] == 3
        assert "6 slots for 2 session jobs" in answer.stderr

    def test_what_is_not_set_is_said(self, files: Path) -> None:
        text = DEPLOYMENT.replace('    taskmanager.numberOfTaskSlots: "2"\n', "").replace(", cpu: 1.5", "")
        (files / "deploy.yaml").write_text(text)
        answer = run("import", "deployment", "deploy.yaml")
        (entry,) = yaml.safe_load(answer.stdout)["spec"]["taskManagerClasses"]
        assert (entry["count"], entry["slots"], entry["cpu"]) == (5, 1, 1)
        assert "taskmanager.numberOfTaskSlots is not set: 1 slot" in answer.stderr
        assert "cpu is not set: 1, as many as slots" in answer.stderr

    def test_other_files(self, files: Path) -> None:
        assert run("import", "deployment", "job.yaml").exit_code == 2
        (files / "two.yaml").write_text(f"{DEPLOYMENT}---\n{DEPLOYMENT.replace('orders', 'users')}")
        answer = run("import", "deployment", "two.yaml")
        assert (answer.exit_code, answer.stderr) == (
            2,
            "planner: there are several FlinkDeployments: orders, users; give one of them\n",
        )

    def test_a_manifest_is_no_job(self, files: Path) -> None:
        answer = run("place", "deploy.yaml", "-c", "deploy.yaml")
        assert answer.exit_code == 2
        assert "deploy.yaml holds no Job or ResourceProfile but FlinkDeployment 'orders'" in answer.stderr
        assert "local:///a.jar" in answer.stderr

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("taskmanager.numberOfTaskSlots: 4\n", "a Flink configuration"),
            ("apiVersion: v1\nkind: Service\nmetadata: {name: ui}\n", "Service 'ui'"),
        ],
    )
    def test_what_a_file_holds_instead_is_said(self, files: Path, text: str, what: str) -> None:
        (files / "other.yaml").write_text(text)
        answer = run("compile", "other.yaml")
        assert answer.stderr == f"planner: other.yaml holds no Job or ResourceProfile but {what}\n"


def test_jobs_are_counted_together(files: Path) -> None:
    (files / "other.yaml").write_text(JOB.replace("{name: orders}", "{name: users}"))
    cluster = {"name": "tm", "count": 3, "cpu": 16, "memory": {"process": "8 gb"}, "slots": 3}
    document = {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {"taskManagerClasses": [cluster]},
    }
    (files / "cluster.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (row,) = json.loads(
        run(
            "validate", "job.yaml", "other.yaml", "cluster.yaml", "--format", "json", "--ignore", "GRA"
        ).stdout
    )
    assert (row["file"], row["code"], row["line"]) == ("cluster.yaml", "FIT805", 5)
    assert row["message"] == "'orders' (5), 'users' (5) need 10 slots together, the cluster has 9"
    assert run("validate", "job.yaml", "cluster.yaml").exit_code == 0
    assert run("compile", "job.yaml", "-o", "job.profile.json").exit_code == 0
    assert run("validate", "job.yaml", "job.profile.json", "cluster.yaml").exit_code == 0  # the same job
