"""Changes in the documents that they belong to: the right place, a valid document, nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import invoke
from rest_server import planned

from planner import api
from planner.api import load
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.write import to_json
from planner.recover.diagnosis.diagnose import Diagnosis, diagnose
from planner.recover.diagnosis.patch import NotPatchable, patched
from samples import FOLDER, cluster_of, job_of

LOGS = Path(__file__).parent.parent / "logs"
EXPIRED = "checkpoint-expired-2.2.1"
DEPLOYMENT = """apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: orders}
spec:
  image: flink:2.2
  flinkVersion: v2_2
  serviceAccount: flink
  flinkConfiguration:
    # as before
    taskmanager.numberOfTaskSlots: "2"
  jobManager:
    resource: {memory: 2048m, cpu: 1}
  taskManager:
    resource: {memory: 2048m, cpu: 1}
"""


def found(scenario: str) -> list[Diagnosis]:
    return diagnose((path.name, [path.read_bytes()]) for path in sorted((LOGS / scenario).iterdir()))


def failed(placement: Placement, tm: str, words: str) -> list[Diagnosis]:
    """Return the diagnosis of a task that failed on a TaskManager of a placement."""
    line = (
        "2026-03-02 02:31:31,411 INFO  org.apache.flink.runtime.executiongraph.ExecutionGraph - count (1/2) (a_b_0_0)"
        f" switched from RUNNING to FAILED on {tm} @ host (dataPort=4711).\n{words}\n"
    )
    return diagnose([("jm.log", [line.encode()])], placement)


def added(text: str, diagnoses: list[Diagnosis], placement: Placement | None = None) -> list[str]:
    """Return the lines that a patch adds."""
    one = patched(load(text, "x.yaml"), diagnoses, placement)
    assert load(one.after, "x.yaml")
    return [line.strip() for line in one.after.splitlines() if line not in one.before.splitlines()]


def test_a_deployment_gets_every_option() -> None:
    lines = added(DEPLOYMENT, found("composed-container-killed"))
    assert 'state.backend.rocksdb.memory.managed: "true"' in lines
    assert added(DEPLOYMENT, found(EXPIRED)) == [
        'execution.checkpointing.unaligned.enabled: "true"',
        "execution.checkpointing.aligned-checkpoint-timeout: 30 s",
    ]


def test_options_stand_where_they_stood() -> None:
    nested = (
        "taskmanager:\n  numberOfTaskSlots: 2\n"
        "execution.checkpointing:\n  aligned-checkpoint-timeout: 0 ms # for now\n  unaligned.enabled: false\n"
    )
    assert added(nested, found(EXPIRED)) == [
        "aligned-checkpoint-timeout: 30 s # for now",
        'unaligned.enabled: "true"',
    ]


def test_a_session_job_has_no_options_of_processes() -> None:
    text = (
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkSessionJob\nmetadata: {name: a}\n"
        "spec:\n  deploymentName: s\n  job: {jarURI: 'local:///a.jar', parallelism: 1}\n"
    )
    one = patched(load(text, "x.yaml"), [*found("heap-2.2.1"), *found(EXPIRED)])
    assert {change.option for change, reason in one.left if "session" in reason} == {
        "taskmanager.memory.task.heap.size",
        "taskmanager.memory.managed.size",
    }
    assert "aligned-checkpoint-timeout: 30 s" in one.after


def test_sizes_of_a_taskmanager_are_of_its_class() -> None:
    cluster = (FOLDER / "cdc-to-lake/cluster.yaml").read_text()
    placement = api.place(job_of("cdc-to-lake"), cluster_of("cdc-to-lake"))
    tm = next(one for one in placement.task_managers if one.class_ == "standard")
    diagnoses = failed(placement, tm.id, "java.lang.OutOfMemoryError: Metaspace")
    (changed,) = added(cluster, diagnoses, placement)
    assert "jvmMetaspace: 512 mb" in changed
    patch = api.patched(load(cluster, "x.yaml"), diagnoses, placement)
    (loaded,) = load(patch.after, "x.yaml")
    assert isinstance(loaded.document, Cluster)
    again = api.place(job_of("cdc-to-lake"), loaded.document)
    (same,) = (one for one in again.task_managers if one.id == tm.id)
    assert same.memory is not None
    assert tm.memory is not None
    before, after = (
        {word.split("=")[0].rstrip("0123456789"): word for word in one.memory.jvm_arguments if one.memory}
        for one in (tm, same)
    )
    assert after["-XX:MaxMetaspaceSize"] == f"-XX:MaxMetaspaceSize={512 * 2**20}"
    assert after != before


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "heap"),
        ("java.lang.OutOfMemoryError: Direct buffer memory", "offHeap"),
    ],
)
def test_what_slots_are_given_is_raised_in_the_profile(words: str, field: str) -> None:
    placement, profile, _ = planned()
    tm = next(one for one in placement.task_managers if one.slots)
    diagnoses = failed(placement, tm.id, words)
    text = to_json(api.to_data(profile))
    one = api.patched(load(text, "x.json"), diagnoses, placement)
    (loaded,) = load(one.after, "x.json")
    assert isinstance(loaded.document, ResourceProfile)
    name = {"offHeap": "off_heap"}.get(field, field)
    (change,) = (
        c
        for c in diagnoses[0].changes
        if c.option.endswith(f"task.{'heap' if field == 'heap' else 'off-heap'}.size")
    )
    missing = api.parse_size(change.after) - api.parse_size(change.before or "")
    groups = {slot.group for slot in tm.slots}
    was, now = (
        {one.name: getattr(one, name) for one in each.ssg_profiles} for each in (profile, loaded.document)
    )
    assert sum(now[slot.group] - was[slot.group] for slot in tm.slots) >= missing
    assert all(now[group] == was[group] for group in was.keys() - groups)
    assert all("-p" in reason for c, reason in patched(load(text, "x.json"), diagnoses).left if c is change)


def test_what_is_in_words_is_left_to_the_user() -> None:
    one = patched(load(DEPLOYMENT, "x.yaml"), found("composed-checkpoint-storage"))
    assert "execution.checkpointing.storage: filesystem" in one.after
    assert [(change.option, "yours to choose" in reason) for change, reason in one.left] == [
        ("execution.checkpointing.dir", True)
    ]


def test_two_failures_do_not_change_one_option() -> None:
    line = "2026-03-02 02:31:{},411 ERROR org.apache.flink.runtime.taskexecutor.TaskManagerRunner - x\n{}\n"
    text = "".join(
        line.format(*each)
        for each in (
            ("01", "java.lang.OutOfMemoryError: Java heap space"),
            ("40", "java.lang.OutOfMemoryError: Metaspace"),
        )
    )
    start = (
        "2026-03-02 02:30:00,000 INFO  org.apache.flink.runtime.taskexecutor.TaskManagerRunner -     "
        "Starting TaskManager with ResourceID: tm-1\n"
        "2026-03-02 02:30:00,000 INFO  a.b.c - Loading configuration property: taskmanager.memory.process.size, 2048m\n"
    )
    diagnoses = diagnose([("tm.log", [(start + text).encode()])])
    assert [one.kind.name for one in diagnoses if one.changes] == ["heap", "metaspace"]
    one = patched(load(DEPLOYMENT, "x.yaml"), diagnoses)
    assert "task.heap" in one.after or "managed" in one.after
    assert "metaspace" not in one.after
    assert {reason.split(";")[0] for _, reason in one.left} == {
        "it belongs to another failure than the first"
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("apiVersion: planner/v1\nkind: Placement\nmetadata: {name: a}\n", "holds no job"),
        (DEPLOYMENT + "---\n" + DEPLOYMENT, "several documents"),
        ("taskmanager.host: a\nexecution.checkpointing: &r {unaligned.enabled: false}\nz: *r\n", "by hand"),
    ],
)
def test_what_cannot_be_patched(text: str, said: str) -> None:
    with pytest.raises(NotPatchable, match=said):
        patched(load(text, "x.yaml"), found(EXPIRED))


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.yaml").write_text(DEPLOYMENT.replace("# as before", "s3.secret-key: hunter2"))
    words = ["diagnose", str(LOGS / EXPIRED), "--patch", "d.yaml"]
    shown = invoke(words)
    assert shown.exit_code == 1
    assert "+    execution.checkpointing.aligned-checkpoint-timeout: 30 s\n" in shown.stdout
    assert "--- d.yaml\n+++ d.yaml\n@@ " in shown.stdout
    assert "hunter2" not in shown.stdout + shown.stderr
    assert [path.name for path in Path().iterdir()] == ["d.yaml"]
    written = invoke([*words, "-o", "new.yaml", "--format", "json"])
    assert written.stdout.startswith("[")
    assert "+    execution.checkpointing.unaligned.enabled" in written.stderr
    assert "the changed copy of d.yaml is in new.yaml" in written.stderr
    before, after = (Path(name).read_text().splitlines() for name in ("d.yaml", "new.yaml"))
    assert [line for line in after if "checkpointing" not in line] == before
    for output in ("new.yaml", "d.yaml"):
        refused = invoke([*words, "-o", output])
        assert (refused.exit_code, "exists; name a new file" in refused.stderr) == (2, True)
    assert "nothing to change" in invoke(["diagnose", str(LOGS / "killed-2.2.1"), "--patch", "d.yaml"]).stderr
    assert invoke(["diagnose", str(LOGS / "killed-2.2.1"), "--patch", "none.yaml"]).exit_code == 2


def test_what_would_not_be_valid_is_refused() -> None:
    small = DEPLOYMENT.replace("{memory: 2048m, cpu: 1}\n", "{memory: 700m, cpu: 1}\n")
    with pytest.raises(NotPatchable, match="would not be valid"):
        api.patched(load(small, "x.yaml"), found("heap-2.2.1"))


def test_options_of_a_job_are_its_own() -> None:
    text = (FOLDER / "cdc-to-lake/job.yaml").read_text()
    one = api.patched(load(text, "x.yaml"), [*found("heap-2.2.1"), *found(EXPIRED)])
    (loaded,) = load(one.after, "x.yaml")
    assert isinstance(loaded.document, Job)
    assert loaded.document.spec.flink_configuration["execution.checkpointing.unaligned.enabled"] == "true"
    assert [change.option for change, _ in one.left] == ["taskmanager.memory.task.heap.size"]
