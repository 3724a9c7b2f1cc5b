"""Migrations on Kubernetes against a namespace in memory: killed at every call of kubectl, they can be ended.

What kubectl, controllers and Flink do in answer was watched on a real control plane.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from placements import CLUSTER, OPTIONS, placement, profile

import planner
from planner.cluster import kubectl, migrate_pods, migration
from planner.cluster.errors import CallbackFailed, KubernetesError, MigrationUnfinished
from planner.cluster.kubectl import Object
from planner.cluster.pods import ID, differing, is_task_managers, name_of, pod_sets, pods_of
from planner.cluster.rest import (
    Rest,
    RunningJob,
    RunningSlot,
    RunningSubtask,
    RunningTaskManager,
    RunningVertex,
)
from planner.targets.kubernetes import for_scripts
from planner.targets.options import exported_task_managers
from samples import document

JOB = "0" * 32
REST = Rest("http://jobmanager:8081")
SLOT = RunningSlot(1.0, {}, {})


@cache
def before() -> planner.Placement:
    return placement(profile())


@cache
def after() -> planner.Placement:
    """The same job on a large TaskManager fewer: others change, one goes, and it has another reserve."""
    text = CLUSTER.replace("OPTIONS", OPTIONS).replace("count: 2, cpu: 4", "count: 1, cpu: 4")
    text = text.replace("count: 3, cpu: 1.5", "count: 4, cpu: 1.5")
    return planner.place(profile(), document(text, planner.Cluster), time_limit=20)


def manifests(which: planner.Placement, *, spares: bool = True) -> tuple[Object, ...]:
    return exported(which is after(), spares)


@cache
def exported(later: bool, spares: bool) -> tuple[Object, ...]:
    which = after() if later else before()
    files = planner.export_kubernetes(which, profile())
    texts = (text for name, text in files.items() if name.endswith(".yaml") and name[:4] in ("base", "over"))
    found = [one for text in texts for one in yaml.safe_load_all(text) if is_task_managers(one)]
    for one in found:
        one["metadata"]["namespace"] = "default"
        if one["kind"] == "StatefulSet" and pod_sets(found)[name_of(one)].spare and spares:
            one["spec"]["replicas"] = len(pod_sets(found)[name_of(one)].options)
    return tuple(found)


class Killed(BaseException):
    """planner ends here, and nothing of it runs any more."""


class Namespace:
    """StatefulSets, ConfigMaps and pods, and a job in the slots that TaskManagers offer."""

    def __init__(self, running: Sequence[Object], folders: Mapping[str, Sequence[Object]]) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.folders = folders
        self.pods: dict[str, tuple[int, Mapping[str, str]]] = {}
        self.number = self.attempt = self.calls = self.versions = 0
        self.kill_at: int | None = None
        self.apply(running)
        self.wanted = sum((slots(one) for one, spare in self.lines() if not spare), Counter())
        self.hosts: list[str] = []
        self.reconcile()

    def run(self, arguments: Sequence[str], given: Sequence[Object] = (), where: Sequence[str] = ()) -> str:
        self.calls += 1
        if self.calls == self.kill_at:
            raise Killed
        answer = ""
        if "--dry-run=server" not in arguments:
            answer = getattr(self, arguments[0])(*(given,) if given else arguments[1:])
        self.reconcile()
        if self.kill_at is not None and self.calls == -self.kill_at:
            raise Killed
        return answer or ""

    def config(self, *_: str) -> str:
        return "here\n"

    def kustomize(self, folder: str) -> str:
        return yaml.safe_dump_all(self.folders[folder])

    def get(self, kinds: str, *more: str) -> str:
        if kinds == "pods":
            return json.dumps({"items": [self.pod(name) for name in self.pods]})
        if "--selector" not in more:
            found = self.objects.get((kinds, more[0]))
            return json.dumps(found) if found else ""
        kept = (one for (kind, _), one in self.objects.items() if kind in kinds.split(","))
        return json.dumps({"items": [one for one in kept if is_task_managers(one)]})

    def pod(self, name: str) -> Object:
        status: Object = {"containerStatuses": [{"restartCount": 0, "ready": True}]}
        status["podIP"] = f"10.0.0.{self.pods[name][0]}"
        return {"metadata": {"name": name, "uid": str(self.pods[name][0])}, "status": status}

    def apply(self, given: Sequence[Object]) -> None:
        for one in given:
            self.objects[one["kind"].lower(), name_of(one)] = json.loads(json.dumps(one))

    def create(self, given: Sequence[Object]) -> str:
        if (given[0]["kind"].lower(), name_of(given[0])) in self.objects:
            raise KubernetesError("AlreadyExists")
        return self.write(given)

    def replace(self, given: Sequence[Object]) -> str:
        found = self.objects.get((given[0]["kind"].lower(), name_of(given[0])))
        if found is None or found["metadata"]["resourceVersion"] != given[0]["metadata"]["resourceVersion"]:
            raise KubernetesError("Conflict")
        return self.write(given)

    def write(self, given: Sequence[Object]) -> str:
        self.versions += 1
        given[0]["metadata"]["resourceVersion"] = str(self.versions)
        self.apply(given)
        return json.dumps(given[0])

    def scale(self, kind: str, *names: str) -> None:
        for name in names[:-1]:
            self.objects[kind, name]["spec"]["replicas"] = int(names[-1].partition("=")[2])

    def delete(self, kind: str, *names: str) -> None:
        for name in (one for one in names if not one.startswith("--")):
            if kind == "pod":
                self.gone(name)
            else:
                self.objects.pop((kind, name), None)

    def sets(self) -> list[Any]:
        return list(pod_sets(one for one in self.objects.values() if is_task_managers(one)).values())

    def lines(self) -> Iterator[tuple[Mapping[str, str], bool]]:
        return ((line, one.spare) for one in self.sets() for line in one.pods().values())

    def gone(self, pod: str) -> None:
        _, line = self.pods.pop(pod)
        if line[ID] in self.hosts:
            self.hosts = []

    def reconcile(self) -> None:
        """Do what controllers do, and then what Flink does."""
        wanted = {name: line for one in self.sets() for name, line in one.pods().items()}
        for name in self.pods.keys() - wanted.keys():
            self.gone(name)
        for name in sorted(wanted.keys() - self.pods.keys()):
            self.number += 1
            self.pods[name] = self.number, wanted[name]
        pods = sorted(self.pods.items(), key=lambda one: "spare" in one[0])
        offered = [(line, group) for _, (_, line) in pods for group in slots(line).elements()]
        if not self.hosts and not self.wanted - Counter(group for _, group in offered):
            self.attempt += 1
            left = Counter(self.wanted)
            for line, group in offered:
                if left[group]:
                    left[group] -= 1
                    self.hosts.append(line[ID])

    def job(self) -> RunningJob:
        subtasks = tuple(
            RunningSubtask(number, "RUNNING", host, self.attempt) for number, host in enumerate(self.hosts)
        )
        state = "RUNNING" if self.hosts else "RESTARTING"
        return RunningJob(JOB, "job", state, (RunningVertex("a" * 32, "all", 4, subtasks),))

    def progress(self) -> tuple[str, int, int]:
        return self.job().state, len(self.hosts), len(self.hosts)

    def addresses(self) -> dict[str, str]:
        return {line[ID]: f"pekko.tcp://flink@10.0.0.{uid}:6122/user" for uid, line in self.pods.values()}

    def task_managers(self) -> dict[str, RunningTaskManager]:
        held = Counter(self.hosts)
        ids = [line[ID] for _, line in self.pods.values()]
        return {
            one: RunningTaskManager(one, {}, {}, {JOB: (SLOT,) * held[one]} if held[one] else {})
            for one in ids
        }


def slots(line: Mapping[str, str]) -> Counter[str]:
    names = line.get("external-resources", "").split(";")
    return Counter({name: int(line[f"external-resource.{name}.amount"]) for name in names if name})


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Namespace:
    made = Namespace(manifests(before()), {"new": manifests(after()), "old": manifests(before())})
    monkeypatch.setattr(kubectl, "_run", made.run)
    monkeypatch.setattr(migrate_pods, "POLL_SECONDS", 0)
    monkeypatch.setattr(migrate_pods._Pods, "poll", 0)
    monkeypatch.setattr(migration, "jobs", lambda rest: {JOB: "RUNNING"})
    monkeypatch.setattr(migration, "running_job", lambda rest, job: made.job())
    monkeypatch.setattr(migration, "progress", lambda rest, job: made.progress())
    monkeypatch.setattr(migrate_pods, "task_managers", lambda rest: made.task_managers())
    monkeypatch.setattr(migrate_pods, "_registered", lambda rest: made.addresses())
    return made


def options(which: planner.Placement) -> dict[str, Mapping[str, str]]:
    return {name: for_scripts(one).options for name, one in exported_task_managers(which).items()}


def reserve(which: planner.Placement) -> frozenset[str]:
    return frozenset(tm.id for tm in which.task_managers if tm.reserve)


def migrate(old: planner.Placement, new: planner.Placement, folder: str, **more: Any) -> Any:
    return migrate_pods.migrate_pods(
        migrate_pods.workload(Path(folder)),
        REST,
        (options(old), options(new)),
        (reserve(old), reserve(new)),
        (planner.to_data(old), planner.to_data(new)),
        **{"callbacks": {}, "checkpoint": False, "seconds": 5, **more},
    )


def is_as(namespace: Namespace, which: planner.Placement) -> None:
    """Every pod runs what the placement has for it, the job is on none in reserve, and nothing is left."""
    assert differing(namespace.sets(), options(which), reserve(which)) == ""
    lines = {name: line for one in namespace.sets() for name, line in one.pods().items()}
    assert {name: line for name, (_, line) in namespace.pods.items()} == lines
    assert namespace.hosts
    assert not reserve(which).intersection(namespace.hosts)
    assert {kind for kind, name in namespace.objects if "migration" in name} == set()
    assert {name for kind, name in namespace.objects if kind == "statefulset"} == {
        name_of(one) for one in manifests(which) if one["kind"] == "StatefulSet"
    }


def test_one_restart_of_the_job_and_pods_that_keep_their_line_stay(namespace: Namespace) -> None:
    there = dict(namespace.pods)
    done = migrate(before(), after(), "new")
    is_as(namespace, after())
    assert namespace.attempt == 2
    assert done.seconds is not None
    kept = {name for name, pod in there.items() if namespace.pods.get(name) == pod}
    assert kept
    ended = {there[name][1][ID] for name in there.keys() - namespace.pods.keys()}
    assert set(done.ended) == ended
    started = {line[ID] for name, (uid, line) in namespace.pods.items() if there.get(name, (0,))[0] != uid}
    assert set(done.started) == started


def test_there_and_back_is_where_it_was(namespace: Namespace) -> None:
    migrate(before(), after(), "new")
    migrate(after(), before(), "old")
    is_as(namespace, before())


def test_nothing_to_do_restarts_nothing(namespace: Namespace) -> None:
    done = migrate(before(), before(), "old")
    is_as(namespace, before())
    assert (namespace.attempt, done.seconds) == (1, None)


def test_a_job_on_a_spare_goes_home(namespace: Namespace) -> None:
    (lost,) = [name for name, (_, line) in namespace.pods.items() if line[ID] == namespace.hosts[0]]
    spare = next(line[ID] for _, line in namespace.pods.values() if line[ID] in reserve(before()))
    namespace.hosts = [spare if one == namespace.pods[lost][1][ID] else one for one in namespace.hosts]
    migrate(before(), before(), "old")
    is_as(namespace, before())
    assert namespace.attempt == 2


@pytest.mark.parametrize(
    ("abort", "after_it"),
    [
        pytest.param(False, False, id="resume-before"),
        pytest.param(True, True, id="abort-after"),
        pytest.param(False, True, id="resume-after", marks=pytest.mark.extended),
        pytest.param(True, False, id="abort-before", marks=pytest.mark.extended),
    ],
)
def test_killed_at_any_call_it_can_be_ended(namespace: Namespace, abort: bool, after_it: bool) -> None:
    """At each call the namespace is made anew, up to the first migration that ends before it."""
    first, calls = namespace, 0
    while True:
        calls += 1
        now = Namespace(manifests(before()), first.folders)
        first.__dict__.update(now.__dict__)
        first.kill_at = -calls if after_it else calls
        try:
            migrate(before(), after(), "new")
        except Killed:
            first.kill_at = None
        else:
            break
        target = migrate_pods.workload(Path("new"))
        unfinished = migrate_pods.unfinished(target)
        if unfinished is None:
            is_as(first, after() if first.attempt == 2 else before())
            continue
        with pytest.raises(MigrationUnfinished, match="--resume, or --abort"):
            migrate(before(), after(), "new")
        migrate_pods.resume_pods(target, REST, 5, abort=abort)
        is_as(first, before() if abort else after())
    assert calls > 15


def test_a_callback_that_fails_takes_everything_back(namespace: Namespace) -> None:
    there = {name: pod for name, pod in namespace.pods.items() if "spare" not in name}
    with pytest.raises(CallbackFailed):
        migrate(before(), after(), "new", callbacks={"preRestart": "exit 3"})
    is_as(namespace, before())
    assert there.items() <= namespace.pods.items()
    assert namespace.attempt == 1


def test_a_first_callback_that_fails_has_changed_nothing(namespace: Namespace) -> None:
    there, objects = dict(namespace.pods), json.dumps(sorted(map(str, namespace.objects.values())))
    with pytest.raises(CallbackFailed):
        migrate(before(), after(), "new", callbacks={"preRequestResource": "exit 3"})
    assert (namespace.pods, json.dumps(sorted(map(str, namespace.objects.values())))) == (there, objects)


def test_another_planner_that_takes_over_stops_this_one(namespace: Namespace) -> None:
    scaled = namespace.scale

    def other(kind: str, *names: str) -> None:
        scaled(kind, *names)
        for (kept, _), one in namespace.objects.items():
            if kept == "secret":
                one["metadata"]["resourceVersion"] = "other"

    namespace.scale = other  # type: ignore[method-assign]
    with pytest.raises(MigrationUnfinished, match="another planner took over"):
        migrate(before(), after(), "new")


def test_what_others_have_beside_stays(namespace: Namespace) -> None:
    """A ConfigMap with our labels, and annotations on ours, after there and after back."""
    beside = {
        "kind": "ConfigMap",
        "metadata": {**manifests(before())[0]["metadata"], "name": "log4j"},
        "data": {"a": "b"},
    }
    namespace.apply([beside])
    for one in namespace.objects.values():
        one["metadata"]["annotations"] = {"owner": "us"}
    migrate(before(), after(), "new", callbacks={"postRestart": "true"})
    assert ("configmap", "log4j") in namespace.objects
    first = Namespace(manifests(before()), namespace.folders)
    namespace.__dict__.update(first.__dict__)
    for one in namespace.objects.values():
        one["metadata"]["annotations"] = {"owner": "us"}
    with pytest.raises(CallbackFailed):
        migrate(before(), after(), "new", callbacks={"preRestart": "false"})
    kept = [
        one["metadata"]["annotations"] for (kind, _), one in namespace.objects.items() if kind == "configmap"
    ]
    assert kept == [{"owner": "us"}] * len(kept)


def test_a_callback_that_fails_after_a_change_is_said(
    namespace: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(before(), after(), "new", callbacks={"postRestart": "false"})
    is_as(namespace, after())
    assert "callback postRestart: the command ends with 1" in caplog.text


def test_the_last_callbacks_are_called_by_a_resume_too(namespace: Namespace, tmp_path: Path) -> None:
    seen = {name: f"echo {name} >> {tmp_path}/called" for name in ("preRestart", "postRestart")}
    deleted = namespace.delete

    def killed(kind: str, *names: str) -> None:
        deleted(kind, *names)
        if kind == "pod" and namespace.kill_at is None:
            namespace.kill_at = -namespace.calls

    namespace.delete = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        migrate(before(), after(), "new", callbacks=seen)
    namespace.kill_at = 10**6
    migrate_pods.resume_pods(migrate_pods.workload(Path("new")), REST, 5)
    is_as(namespace, after())
    assert (tmp_path / "called").read_text().split() == ["preRestart", "postRestart"]


def test_a_journal_is_a_secret(namespace: Namespace) -> None:
    namespace.kill_at = -12
    with pytest.raises(Killed):
        migrate(before(), after(), "new", callbacks={"preRestart": "curl -H 'Authorization: Bearer s3cr3t'"})
    assert "secret" in {kind for kind, _ in namespace.objects}


def test_what_does_not_go_together_changes_nothing(namespace: Namespace) -> None:
    there = dict(namespace.pods)
    with pytest.raises(KubernetesError, match="what runs is not of the present placement"):
        migrate(after(), before(), "old")
    with pytest.raises(KubernetesError, match="the folder is not of the new placement; export that first"):
        migrate(before(), after(), "old")
    namespace.folders = {"overlay": manifests(after(), spares=False)}
    with pytest.raises(
        KubernetesError, match="0 of 1 replicas of orders-spare-large; name the folder spares"
    ):
        migrate(before(), after(), "overlay")
    few = json.loads(json.dumps(manifests(after())))
    next(one for one in few if name_of(one).startswith("orders-tm-small") and "spec" in one)["spec"][
        "replicas"
    ] = 1
    namespace.folders["few"] = few
    with pytest.raises(KubernetesError, match="the folder has 1 of 4 replicas"):
        migrate(before(), after(), "few")
    assert namespace.pods == there
    with pytest.raises(KubernetesError, match="no migration of orders in namespace default is unfinished"):
        migrate_pods.resume_pods(migrate_pods.workload(Path("overlay")), REST, 5)


@pytest.mark.parametrize(
    "data",
    [{}, {"journal.json.gz": "!"}, {"journal.json.gz": "AAAA"}, {"journal.json.gz": "H4sIAAAAAAAA//////8="}],
)
def test_a_journal_of_somebody_else_is_no_traceback(namespace: Namespace, data: dict[str, str]) -> None:
    target = migrate_pods.workload(Path("new"))
    made = {"kind": "Secret", "metadata": {"name": target.journal, "resourceVersion": "1"}, "data": data}
    namespace.apply([made])
    with pytest.raises(KubernetesError, match="is not planner's; delete it"):
        migrate_pods.unfinished(target)


@pytest.mark.parametrize("folder", [[], [{"kind": "ConfigMap", "metadata": {"name": "x"}}]])
def test_a_folder_without_taskmanagers_says_what_to_name(namespace: Namespace, folder: list[Object]) -> None:
    namespace.folders = {"x": folder}
    with pytest.raises(KubernetesError, match="no TaskManagers of planner export"):
        migrate_pods.workload(Path("x"))


def test_a_manifest_that_others_wrote_is_refused() -> None:
    for broken in (
        [{"kind": "StatefulSet", "metadata": {"name": "a"}}],
        [one for one in manifests(before()) if one["kind"] == "StatefulSet"],
    ):
        with pytest.raises(KubernetesError, match="not as planner export writes it"):
            pod_sets(broken)
    for answer in ([{}], [{"metadata": {"name": "a", "uid": "b"}, "status": {"containerStatuses": [{}]}}]):
        with pytest.raises(KubernetesError, match="does not describe pods"):
            pods_of(answer)


class TestKubectl:
    def test_none_is_said(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(KubernetesError, match="kubectl is not installed, or not in PATH"):
            kubectl.current_context()

    def test_its_last_words_are_the_reason_without_secrets(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        script = tmp_path / "kubectl"
        script.write_text("#!/bin/sh\necho 'warning: x' >&2\necho 'error: no token=abcdef' >&2\nexit 1\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        with pytest.raises(KubernetesError, match="kubectl get pods: error: no token=") as error:
            kubectl.Namespace("n", "c").get("pods", {})
        assert "abcdef" not in str(error.value)
        assert kubectl.current_context() is None

    def test_an_answer_that_is_no_json_is_said(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        script = tmp_path / "kubectl"
        script.write_text("#!/bin/sh\necho '<html>'\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        with pytest.raises(KubernetesError, match="kubectl does not answer as expected"):
            kubectl.Namespace("n").get("pods", {})
