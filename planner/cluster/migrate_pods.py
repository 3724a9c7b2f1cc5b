"""TaskManagers on Kubernetes from one placement to another: pods whose line changes are replaced at once.

A pod of a StatefulSet has no double: new ones that take more room start first, then those that change are
deleted together and come back with their new line, so that the job restarts once. Spares end before, since
Flink would put slots there, and start again when the job runs. The journal is a Secret beside the pods: it
keeps others off, and whoever reaches the cluster can go on.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.cluster.answers import TaskManagers
from planner.cluster.errors import KubernetesError, MigrationUnfinished, RestError
from planner.cluster.kubectl import Namespace, Object, current_context, kustomized
from planner.cluster.migration import Journal, Migrated, Note, aborted, carry_out
from planner.cluster.pods import (
    COMPONENT,
    ID,
    INSTANCE,
    Pod,
    PodSet,
    differing,
    is_task_managers,
    name_of,
    names_of_maps,
    pod_sets,
    pods_of,
    version_of,
)
from planner.cluster.rest import Rest, RunningJob, registered, task_managers
from planner.documents.answers import MAX_ANSWER, Answer, AnswerError, read_answer
from planner.errors import TimedOut

POLL_SECONDS = 0.5
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = "journal.json.gz"


class _Pod(Answer):
    uid: str
    restarts: int


class PodsJournal(Journal):
    """An unfinished migration on Kubernetes, between two lists of manifests.

    ``pods`` are those that ran before. ``seen`` and ``seen_back`` are the uids of those that were there when
    the ConfigMaps of the target, or on the way back those of before, had been applied: what starts later
    reads its line from these.
    """

    old: list[dict[str, Any]]
    new: list[dict[str, Any]]
    pods: dict[str, _Pod]
    seen: dict[str, str] | None = None
    seen_back: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """The TaskManagers of a job in a namespace, as a folder of manifests has them."""

    job: str
    namespace: Namespace
    manifests: Sequence[Object]

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that is of its TaskManagers."""
        return {INSTANCE: self.job, COMPONENT: "taskmanager"}

    @property
    def journal(self) -> str:
        """The name of the Secret that holds an unfinished migration: callbacks may have tokens."""
        return f"{self.job}-migration"


def workload(folder: Path) -> Workload:
    """Return the TaskManagers in a folder that ``planner export`` wrote, or in a kustomization of it.

    Raises:
        KubernetesError: when there are none, or kubectl is not installed.

    """
    found = [one for one in kustomized(folder) if is_task_managers(one)]
    places = {(one["metadata"]["labels"].get(INSTANCE), one["metadata"].get("namespace")) for one in found}
    if len(places) != 1 or None in (place := next(iter(places))):
        what = "TaskManagers of more than one job" if len(places) > 1 else "no TaskManagers of planner export"
        raise KubernetesError(
            f"{folder} has {what}; name its folder overlay or spares, or a kustomization of it"
        )
    job, namespace = map(str, place)
    return Workload(job, Namespace(namespace, current_context()), found)


def unfinished(target: Workload) -> PodsJournal | None:
    """Return the migration of a job's TaskManagers that is to be ended, None where there is none.

    Raises:
        KubernetesError: when it cannot be read.

    """
    kept = _kept(target)
    return None if kept is None else kept[0]


def _kept(target: Workload) -> tuple[PodsJournal, str] | None:
    """Return the journal of an unfinished migration, and the version of what holds it."""
    found = target.namespace.find("secret", target.journal)
    if found is None:
        return None
    try:
        reader = zlib.decompressobj(wbits=31)
        raw = reader.decompress(base64.b64decode(found["data"][_KEY]), MAX_ANSWER + 1)
        return read_answer(raw, PodsJournal), str(found["metadata"]["resourceVersion"])
    except (KeyError, TypeError, zlib.error, binascii.Error, AnswerError) as error:
        raise KubernetesError(
            f"Secret {target.journal} was modified, or is not planner's; delete it ({error})"
        ) from None


def migrate_pods(
    target: Workload,
    rest: Rest,
    wanted: tuple[Mapping[str, Mapping[str, str]], Mapping[str, Mapping[str, str]]],
    spares: tuple[frozenset[str], frozenset[str]],
    placements: tuple[Mapping[str, Any], Mapping[str, Any]],
    *,
    callbacks: Mapping[str, str],
    checkpoint: bool,
    seconds: float,
    note: Note = lambda _: None,
) -> Migrated:
    """Bring the pods of a job to the manifests of ``target``; pairs are of the old and the new placement.

    ``wanted`` are the options of TaskManagers by id. With ``checkpoint`` the job takes one before pods are
    deleted. Exceptions are those of `planner.cluster.migration.carry_out`, and besides:

    Raises:
        MigrationUnfinished: when another migration is to be resumed or aborted first.
        KubernetesError: when kubectl refuses, or what runs or is to run is not of these placements.
        RestError: when the cluster does not answer.

    """
    if unfinished(target) is not None:
        raise MigrationUnfinished(_unfinished(target))
    old = _live(target)
    for manifests, options, reserve, what in (
        (old, wanted[0], spares[0], "what runs is not of the present placement; name the one that it is of"),
        (target.manifests, wanted[1], spares[1], "the folder is not of the new placement; export that first"),
    ):
        if difference := differing(pod_sets(manifests).values(), options, reserve):
            raise KubernetesError(f"{what}: {difference}")
    for one in pod_sets(target.manifests).values():
        if one.replicas != len(one.options):
            instead = "; name the folder spares" if one.spare else ""
            raise KubernetesError(
                f"the folder has {one.replicas} of {len(one.options)} replicas of {one.name}{instead}"
            )
    target.namespace.run("apply", "--dry-run=server", "--filename", "-", given=target.manifests)
    pods = pods_of(target.namespace.get("pods", target.labels))
    journal = PodsJournal(
        id=uuid.uuid4().hex,
        step="requestResource",
        callbacks=dict(callbacks),
        checkpoint=checkpoint,
        before=dict(placements[0]),
        after=dict(placements[1]),
        old=old,
        new=list(target.manifests),
        pods={pod.name: _Pod(uid=pod.uid, restarts=pod.restarts) for pod in pods.values()},
    )
    return _go_on(target, rest, journal, seconds, note, None)


def resume_pods(
    target: Workload, rest: Rest, seconds: float, note: Note = lambda _: None, *, abort: bool = False
) -> tuple[Migrated, PodsJournal]:
    """End an unfinished migration at its target, or with ``abort`` where it came from; see `migrate_pods`."""
    kept = _kept(target)
    if kept is None:
        raise KubernetesError(
            f"no migration of {target.job} in namespace {target.namespace.name} is unfinished"
        )
    journal, version = kept
    if abort and not journal.aborting:
        journal = aborted(journal)
    return _go_on(target, rest, journal, seconds, note, version), journal


def _go_on(
    target: Workload, rest: Rest, journal: PodsJournal, seconds: float, note: Note, version: str | None
) -> Migrated:
    site = _Pods(target, rest, journal, version)
    return carry_out(site, lambda back: _Pods(target, rest, back, site.version), journal, seconds, note)


def _unfinished(target: Workload) -> str:
    return (
        f"a migration of {target.job} in namespace {target.namespace.name} is unfinished:"
        " planner migrate --resume, or --abort, with --kubernetes"
    )


def _taken_over(target: Workload, version: str | None) -> str:
    if version is None:
        return _unfinished(target)
    return f"another planner took over the migration of {target.job} in namespace {target.namespace.name}"


def _live(target: Workload) -> list[Object]:
    """Return manifests that make what is there of a job's TaskManagers.

    Raises:
        KubernetesError: when there are none.

    """
    there = target.namespace.get("statefulset,configmap", target.labels)
    if not any(one.get("kind") == "StatefulSet" for one in there):
        raise KubernetesError(
            f"no TaskManagers of {target.job} in namespace {target.namespace.name}: kubectl apply -k first"
        )
    named = names_of_maps(there)
    return [_manifest(one) for one in there if one["kind"] == "StatefulSet" or name_of(one) in named]


def _manifest(live: Object) -> Object:
    """Return what an object was applied as, with what it is now of what a migration changes."""
    try:
        metadata = live["metadata"]
        notes = dict(metadata.get("annotations") or {})
        applied = notes.pop(_APPLIED, None)
        names = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
        found: Object = {key: live[key] for key in ("apiVersion", "kind", "spec") if key in live}
        found["metadata"] = {**names, **({"annotations": notes} if notes else {})}
        if applied is not None:
            found = read_answer(applied.encode(), dict[str, Any])
        if live["kind"] == "ConfigMap":
            return {**found, "data": live.get("data") or {}}
        return _with_replicas(found, live["spec"]["replicas"])
    except (KeyError, TypeError, AttributeError, AnswerError):
        raise KubernetesError(f"{name_of(live) or 'an object'} is not as kubectl applied it") from None


def _with_replicas(manifest: Object, replicas: int) -> Object:
    return {**manifest, "spec": {**manifest["spec"], "replicas": replicas}}


class _Pods:
    """The pods of a job's TaskManagers, on the way to the target of a journal.

    ``version`` is that of the Secret that holds the journal, None where there is none yet: who writes it
    with another one is another planner, which took the migration over.
    """

    poll, patient = POLL_SECONDS, True

    def __init__(self, target: Workload, rest: Rest, journal: PodsJournal, version: str | None) -> None:
        self.rest = rest
        self._workload, self._at, self.version = target, target.namespace, version
        ways = (journal.new, journal.old) if journal.aborting else (journal.old, journal.new)
        self._manifests = ways[1]
        self._obsolete = [one for one in ways[0] if not any(_same(one, other) for other in ways[1])]
        self._origin, self._target = pod_sets(ways[0]), pod_sets(ways[1])
        self._before, self._aborting = journal.pods, journal.aborting
        self._seen_as = "seen_back" if journal.aborting else "seen"
        self._seen: dict[str, str] | None = getattr(journal, self._seen_as)
        self._journal = journal
        old, new = _regular(self._origin), _regular(self._target)
        self._changed = {name for name in old.keys() & new.keys() if old[name] != new[name]}
        self._added, self._removed = new.keys() - old.keys(), old.keys() - new.keys()
        self._there = self._pods()
        self._ending_spares: Collection[str] = ()
        self._attempts: dict[tuple[str, int], int] = {}
        self._old_ids, self._new_ids = _ids(self._origin), _ids(self._target)

    def save(self, journal: PodsJournal) -> None:
        self._journal = journal = journal.model_copy(update={self._seen_as: self._seen})
        packed = base64.b64encode(gzip.compress(journal.model_dump_json(by_alias=True).encode(), mtime=0))
        labels = {**self._workload.labels, COMPONENT: "migration"}
        metadata = {"name": self._workload.journal, "labels": labels}
        if self.version is not None:
            metadata["resourceVersion"] = self.version
        kept = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {_KEY: packed.decode()}}
        verb = "create" if self.version is None else "replace"
        try:
            answer = self._at.run(verb, "--filename", "-", "--output", "json", given=[kept])
        except KubernetesError:
            now = self._at.find("secret", self._workload.journal)
            if self.version is None and now is None:
                raise
            if now is not None and str(now["metadata"]["resourceVersion"]) == self.version:
                raise
            raise MigrationUnfinished(_taken_over(self._workload, self.version)) from None
        self.version = version_of(answer)

    def forget(self) -> None:
        self.save(self._journal)  # refuses where it is that of another planner by now
        self._at.delete("secret", [self._workload.journal])

    def starting(self) -> Collection[str]:
        return {self._new_ids[name] for name in self._changed | self._added}

    def ending(self) -> Collection[str]:
        return {self._old_ids[name] for name in self._changed | self._removed}

    def end_idle_spares(self, until: float) -> None:
        idle = self._spares() - self._busy_spares()
        self._at.scale(idle, 0)
        self._wait_gone(_of_sets(idle), until, lambda _: None)

    def start(self, until: float, note: Note) -> None:
        there, pods = self._replicas(), self._pods()
        if self._maps_differ():
            self._at.apply(_maps(self._manifests))
            self._seen = None
        if self._seen is None:
            pods = self._pods()
            self._seen = {pod.name: pod.uid for pod in pods.values()}
            self.save(self._journal)
        held = self._running_ids(pods, pods)
        replicas = {
            name: there.get(name, 0) if one.spare else self._beside(one, there.get(name, 0), held)
            for name, one in self._target.items()
        }
        self._at.apply([_with_replicas(one, replicas[name_of(one)]) for one in _sets(self._manifests)])
        begun = {f"{name}-{ordinal}" for name, count in replicas.items() for ordinal in range(count)}
        self._wait_there(self._added & begun, until, note)

    def _beside(self, one: PodSet, now: int, held: Collection[str]) -> int:
        """Return how many replicas of a StatefulSet can run beside what is there.

        A pod that takes the id of another that still runs has to wait for its end: Flink knows TaskManagers
        by their ids.
        """
        for ordinal in range(now, one.replicas):
            if self._new_ids[f"{one.name}-{ordinal}"] in held:
                return ordinal
        return max(now, one.replicas)

    def _maps_differ(self) -> bool:
        live = self._at.get("configmap", self._workload.labels)
        data = {name_of(one): one.get("data") for one in live}
        return any(data.get(name_of(one)) != one.get("data") for one in _maps(self._manifests))

    def leaving(self) -> Collection[str]:
        pods, spares = self._pods(), self._busy_spares()
        leaving = self._stale(pods) | {name for name in pods if _is_of(name, spares)}
        return self._running_ids(pods, leaving) - self._kept_ids(pods)

    def end(self, job: RunningJob | None) -> None:
        pods, spares, leaving = self._pods(), self._busy_spares(), self.leaving()
        self._ending_spares = spares
        self._attempts = {key: attempt for key, (at, attempt) in _attempts(job).items() if at in leaving}
        self._at.apply(_maps(self._manifests))  # whoever else may have put back others
        gone = {name for name in self._replicas() if name in self._origin and name not in self._target}
        self._at.scale(spares | gone, 0)
        self._at.apply(
            [
                _with_replicas(one, self._target[name_of(one)].replicas)
                for one in _sets(self._manifests)
                if not self._target[name_of(one)].spare
            ]
        )
        self._at.delete("pod", self._stale(pods).intersection(self._changed))

    def moved(self, job: RunningJob) -> bool:
        try:
            pods = self._pods()
        except KubernetesError:  # an API server that does not answer may do so again
            return False
        wanted = _regular(self._target)
        there = all(name in pods and self._is_new(pods[name]) for name in wanted)
        gone = not any(name in self._removed or _is_of(name, self._ending_spares) for name in pods)
        # REST shows a job as it was some seconds ago; a JobManager that starts anew counts attempts from 0
        now = _attempts(job)
        return (
            there
            and gone
            and all(now[key][1] != attempt for key, attempt in self._attempts.items() if key in now)
        )

    def ended(self, until: float) -> None:
        self._wait_gone(lambda name: name in self._removed, until, lambda _: None)
        self._wait_there(_regular(self._target), until, lambda _: None)

    def start_spares(self, until: float, note: Note, *, job: bool) -> None:
        sets = [one for one in _sets(self._manifests) if self._target[name_of(one)].spare]
        self._at.apply([one if job or self._aborting else _with_replicas(one, 0) for one in sets])
        self._at.delete("statefulset", map(name_of, _sets(self._obsolete)))
        self._at.delete("configmap", map(name_of, _maps(self._obsolete)))
        if job:
            self._wait_there(
                [name for one in self._target.values() if one.spare for name in one.pods()], until, note
            )

    def done(self) -> tuple[Collection[str], Collection[str]]:
        before, now = self._there, self._pods()
        started = {
            name for name, pod in now.items() if before.get(name, pod).uid != pod.uid or name not in before
        }
        ended = before.keys() - now.keys()
        return {self._new_ids.get(name, name) for name in started}, {
            self._old_ids.get(name, name) for name in ended
        }

    def _pods(self) -> dict[str, Pod]:
        return pods_of(self._at.get("pods", self._workload.labels))

    def _replicas(self) -> dict[str, int]:
        found = self._at.get("statefulset", self._workload.labels)
        return {name_of(one): int(one.get("spec", {}).get("replicas", 1)) for one in found}

    def _stale(self, pods: Mapping[str, Pod]) -> set[str]:
        """Return the pods, which are not spares, that do not run what the target has for them."""
        changed = {
            name for name in self._changed if name in pods and not self._is_new(pods[name], ready=False)
        }
        return changed | {name for name in self._removed if name in pods}

    def _is_new(self, pod: Pod, *, ready: bool = True) -> bool:
        """Tell whether a pod runs what the target has for it."""
        if pod.going or (ready and not pod.ready):
            return False
        if pod.name not in self._changed:
            return True
        before = self._before.get(pod.name)
        if self._aborting and before is not None and (before.uid, before.restarts) == (pod.uid, pod.restarts):
            return True
        return self._seen is not None and self._seen.get(pod.name) != pod.uid

    def _running_ids(self, pods: Mapping[str, Pod], names: Iterable[str]) -> set[str]:
        """Return the resource ids of pods, by the line that they were started with."""
        sides = (self._new_ids, self._old_ids) if self._aborting else (self._old_ids, self._new_ids)
        found = set()
        for name in names:
            before = self._before.get(name)
            first, other = sides if before is not None and before.uid == pods[name].uid else reversed(sides)
            found.add(first.get(name) or other.get(name, name))
        return found

    def _kept_ids(self, pods: Mapping[str, Pod]) -> set[str]:
        """Return the ids of those that stay; a class that loses one gives its id to another pod."""
        stay = _regular(self._target).keys() & pods.keys()
        return {self._new_ids[name] for name in stay if self._is_new(pods[name], ready=False)}

    def _spares(self) -> set[str]:
        """Return the StatefulSets in reserve that have pods."""
        sets = {**self._origin, **self._target}
        there = self._replicas()
        return {name for name, one in sets.items() if one.spare and there.get(name)}

    def _busy_spares(self) -> set[str]:
        """Return those of which a pod holds slots."""
        spares = self._spares()
        if not spares:
            return set()
        told, pods = task_managers(self.rest), self._pods()
        busy = {name for name, one in told.items() if one.slots} - self._kept_ids(pods)
        return {
            name
            for name in spares
            if busy & self._running_ids(pods, (pod for pod in pods if _is_of(pod, {name})))
        }

    def _wait_there(self, names: Iterable[str], until: float, note: Note) -> None:
        """Wait until pods are ready and their TaskManagers registered."""
        ids = {name: self._new_ids[name] for name in names}
        self._wait(
            lambda: self._missing(ids),
            until,
            lambda left: note(f"{len(ids) - len(left)} of {len(ids)} TaskManagers registered"),
        )

    def _missing(self, ids: Mapping[str, str]) -> list[str]:
        if not ids:
            return []
        pods, known = self._pods(), _registered(self.rest)
        return [
            name
            for name, id_ in ids.items()
            if name not in pods
            or not self._is_new(pods[name])
            or pods[name].address not in known.get(id_, "")
        ]

    def _wait_gone(self, which: Callable[[str], bool], until: float, note: Note) -> None:
        self._wait(lambda: [name for name in self._pods() if which(name)], until, lambda _: note(""))

    def _wait(self, left: Callable[[], list[str]], until: float, tell: Callable[[list[str]], None]) -> None:
        """Wait until nothing is left; an API server that does not answer may do so again."""
        while True:
            try:
                names = left()
            except KubernetesError:
                if time.monotonic() > until:
                    raise
            else:
                if not names:
                    return
                tell(names)
                if time.monotonic() > until:
                    shown = ", ".join(sorted(names)[:5])
                    raise TimedOut(f"pods not as they are to be: {shown}; see kubectl describe pod")
            time.sleep(POLL_SECONDS)


def _attempts(job: RunningJob | None) -> dict[tuple[str, int], tuple[str, int]]:
    """Return where each subtask is that has not finished, and which attempt at it that is."""
    vertices = job.vertices if job is not None else ()
    return {
        (vertex.id, subtask.index): (subtask.task_manager, subtask.attempt)
        for vertex in vertices
        for subtask in vertex.subtasks
        if subtask.state != "FINISHED"
    }


def _registered(rest: Rest) -> Mapping[str, str]:
    """Return the addresses of TaskManagers by their ids: one that ended without a word stays for a while."""
    try:
        return registered(rest.get("/taskmanagers", TaskManagers).task_managers)
    except RestError:  # a JobManager that starts anew
        return {}


def _regular(sets: Mapping[str, PodSet]) -> dict[str, Mapping[str, str]]:
    """Return the options of the pods that are not spares, by their names."""
    return {name: options for one in sets.values() if not one.spare for name, options in one.pods().items()}


def _ids(sets: Mapping[str, PodSet]) -> dict[str, str]:
    """Return the resource ids of pods by their names."""
    return {name: options.get(ID, name) for one in sets.values() for name, options in one.pods().items()}


def _of_sets(sets: Collection[str]) -> Callable[[str], bool]:
    return lambda pod: _is_of(pod, sets)


def _is_of(pod: str, sets: Collection[str]) -> bool:
    return pod.rpartition("-")[0] in sets


def _sets(manifests: Iterable[Object]) -> list[Object]:
    return [one for one in manifests if one["kind"] == "StatefulSet"]


def _maps(manifests: Iterable[Object]) -> list[Object]:
    return [one for one in manifests if one["kind"] == "ConfigMap"]


def _same(one: Object, other: Object) -> bool:
    return one["kind"] == other["kind"] and name_of(one) == name_of(other)
