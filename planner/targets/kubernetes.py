"""A placement as manifests of Kubernetes, laid out for kustomize.

One StatefulSet for each TaskManager class, since a pod template has one size. What differs between its
pods is a line each in a ConfigMap, which a pod finds by its ordinal: two placements of a job on the same
classes differ in ConfigMaps only.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from planner.documents.finding import json_pointer
from planner.documents.placement import PlacedTaskManager, Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.sensitive import HIDDEN, masked
from planner.documents.write import to_data, to_json
from planner.graph.from_profile import planner_fields
from planner.memory.jobmanager import derive_jobmanager
from planner.memory.taskmanager import derive_taskmanager
from planner.rules.ops import SecretInDocument
from planner.targets.errors import NotExportable
from planner.targets.kubernetes_readme import readme
from planner.targets.kubernetes_scripts import (
    DOCUMENTS,
    FLINK_USER,
    LINES,
    START_JOBMANAGER,
    START_TASKMANAGER,
    dockerfile,
    run_arguments,
)
from planner.targets.names import is_label, labels
from planner.targets.options import (
    JOBMANAGER_MEMORY,
    Written,
    arguments,
    committed,
    exported_options,
    exported_task_managers,
    reserved_cpu,
    without_secrets,
)
from planner.units import CORE, MIB

NAMESPACE = "default"
STORAGE = "file:///flink-storage"
"""Where checkpoints go that nobody has named a place for: a volume that all pods share."""
STORAGE_SIZE = "10Gi"
LONGEST_SET = 52
"""Characters of a StatefulSet's name: its pods have a label with up to 11 more."""
LONGEST_CLASS = 24
LIMIT = 240_000
"""Bytes in a ConfigMap: ``kubectl apply`` keeps a copy in an annotation, of which 256 KiB are allowed."""
RUN_MEMORY = "3Gi"
"""What compiles and submits a program: a JVM with a heap of at most 2 gb, and planner."""
RPC, BLOB, REST, TASKMANAGER_RPC, DATA = 6123, 6124, 8081, 6122, 6121
FOLDER = "/placement"
UNKNOWN_PROGRAM = Program(file="job.jar", kind="jar")
"""What the job of a profile that was not compiled from a program is taken to run."""
_FROM_FILE = "env."
"""What options begin with that Flink's start scripts read from a configuration file only."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a placement does not say; ``storage`` is a URI that all pods reach."""

    image: str | None = None
    namespace: str = NAMESPACE
    storage: str = STORAGE


@dataclass(frozen=True, slots=True)
class TaskManagerSet:
    """A StatefulSet of TaskManagers: those of a class that hold slots, or those of it in reserve.

    ``parts`` are the names of the ConfigMaps with their lines, as many as there are TaskManagers for.
    """

    name: str
    label: str
    spare: bool
    parts: Sequence[str]
    size: Mapping[str, str]
    task_managers: Sequence[PlacedTaskManager]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What starts the JobManager.

    ``address`` is where TaskManagers find it, ``base`` what stands beside their manifests, and ``maps`` what
    stands beside their ConfigMaps. ``deployment`` is what names an image where kustomize cannot put one, for
    the version of the ``operator``.
    """

    address: str
    base: Sequence[Object]
    maps: Sequence[Object] = ()
    deployment: Object | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What every manifest needs to know: names, and Flink's options that Kubernetes decides."""

    job: str
    version: str
    parameters: Parameters

    def name(self, what: str) -> str:
        """Return the name of an object of the job."""
        return f"{self.job}-{what}"

    def labels(self, component: str) -> dict[str, str]:
        """Return the labels of objects and pods of a component."""
        return {
            "app.kubernetes.io/name": "flink",
            "app.kubernetes.io/instance": self.job,
            "app.kubernetes.io/component": component,
        }

    def object(self, version: str, kind: str, name: str, component: str, **fields: Any) -> Object:
        """Return an object of a version of Kubernetes' API."""
        metadata = {"name": name, "labels": self.labels(component)}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}

    @property
    def volume(self) -> str | None:
        """Where the storage is mounted, None where Flink reaches it by itself."""
        storage = self.parameters.storage
        return storage.removeprefix("file://") if storage.startswith("file:") else None

    def options(self) -> dict[str, str]:
        """Return the options of high availability and of checkpoints, which all processes have."""
        before_2 = self.version.startswith("1.")
        checkpoints = "state.checkpoints.dir" if before_2 else "execution.checkpointing.dir"
        savepoints = "state.savepoints.dir" if before_2 else "execution.checkpointing.savepoint-dir"
        storage = self.parameters.storage
        return {
            "high-availability.type": "kubernetes",
            "high-availability.storageDir": f"{storage}/high-availability",
            "kubernetes.cluster-id": self.job,
            "kubernetes.namespace": "$(POD_NAMESPACE)",
            checkpoints: f"{storage}/checkpoints",
            savepoints: f"{storage}/savepoints",
        }


def kubernetes(
    placement: Placement, profile: ResourceProfile, parameters: Parameters | None = None
) -> dict[str, str]:
    """Return manifests by file name, a Dockerfile for what submits the job, and a README.

    Raises:
        NotExportable: when Kubernetes cannot express a parameter, an option, or the size of the placement,
            or when the profile holds a secret.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return with_control_plane(placement, profile, parameters or Parameters(), _jobmanager)


def with_control_plane(
    placement: Placement,
    profile: ResourceProfile,
    parameters: Parameters,
    control: Callable[[Target, Written], ControlPlane],
) -> dict[str, str]:
    """Return what `kubernetes` does, with another JobManager, from its options; raises the same errors."""
    refuse_secrets(profile)
    fields = planner_fields(profile)
    sets, job = task_manager_sets(placement)
    target = Target(job, fields.flink_version, checked(parameters))
    written = {name: for_scripts(one) for name, one in exported_task_managers(placement).items()}
    master = for_scripts(without_secrets({**JOBMANAGER_MEMORY, **(placement.flink_configuration or {})}))
    plane = control(target, master)
    program = fields.program or UNKNOWN_PROGRAM
    documents = {
        "job.placement.json": to_json(to_data(committed(placement))),
        "job.profile.json": to_json(to_data(profile)),
    }
    in_image = sum(len(text.encode()) for text in documents.values()) > LIMIT
    namespace, runs = target.parameters.namespace, program.kind != "python"
    spares = [one for one in sets if one.spare]
    files = {
        "README.md": readme(
            job,
            namespace,
            program if runs else None,
            known=fields.program is not None,
            volume=target.volume,
            operator=plane.operator,
            spares=bool(spares),
            left_out={key: why for one in (master, *written.values()) for key, why in one.left_out.items()},
            hidden=[key for key, value in program.configuration.items() if HIDDEN in value],
            documents=list(documents) if in_image else [],
        ),
        "base/kustomization.yaml": kustomization(
            "jobmanager.yaml", "taskmanagers.yaml", *(["storage.yaml"] if target.volume else [])
        ),
        "base/jobmanager.yaml": to_yaml(*plane.base),
        "base/taskmanagers.yaml": to_yaml(*_task_managers(target, sets, plane.address)),
        "overlay/kustomization.yaml": kustomization(
            "../base",
            "placement.yaml",
            *(["deployment.yaml"] if plane.deployment else []),
            namespace=namespace,
            images=[_image(target.parameters.image or f"flink:{target.version}")],
        ),
        "overlay/placement.yaml": to_yaml(*plane.maps, *_config_maps(target, sets, master, written)),
    }
    if runs:
        generator = {} if in_image else _generator(target, documents)
        files |= {
            "run/kustomization.yaml": kustomization("job.yaml", namespace=namespace, **generator),
            "run/job.yaml": to_yaml(_run(target, program, in_image=in_image)),
            "run/Dockerfile": dockerfile(program, target.version, documents if in_image else ()),
            **{f"run/{name}": text for name, text in documents.items()},
        }
    if plane.deployment:
        files["overlay/deployment.yaml"] = to_yaml(plane.deployment)
    if target.volume:
        files["base/storage.yaml"] = to_yaml(storage_claim(target))
    if spares:
        replicas = [{"name": one.name, "count": len(one.task_managers)} for one in spares]
        files["spares/kustomization.yaml"] = kustomization("../overlay", replicas=replicas)
    return files


def refuse_secrets(profile: ResourceProfile) -> None:
    """Refuse a profile that holds a secret in plain text, with a NotExportable."""
    # what is hidden in a profile is not the one of the placement any more
    for found in SecretInDocument().check(to_data(profile)):
        raise NotExportable(
            f"the profile holds a secret, at {json_pointer(found.path)}: write @FILE or @env:NAME in its"
            " place, or let the program read it, and place again"
        )


def checked(given: Parameters) -> Parameters:
    """Return parameters as the manifests have them; a storage that is a path is the URI of a file."""
    if not is_label(given.namespace):
        raise NotExportable(
            f"namespace {given.namespace!r} is not valid: write up to 63 lower-case letters, digits, dashes"
        )
    if given.image is not None and not re.fullmatch(r"[a-z0-9][A-Za-z0-9._:/@-]*", given.image):
        raise NotExportable(f"image {given.image!r} is not the name of an image; write it as in flink:2.2")
    storage = f"file://{given.storage}" if given.storage.startswith("/") else given.storage
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s'\"$]+", storage) or not storage.isprintable():
        raise NotExportable(
            f"storage {given.storage!r} is not a URI; name a place that all pods can write to, as in"
            " s3://bucket/path"
        )
    if HIDDEN in masked("", storage):
        raise NotExportable("the storage has a password in its URI; give it to Flink by an option instead")
    if storage.startswith("file:") and not re.fullmatch(r"file:///[^/].*", storage):
        raise NotExportable(f"storage {given.storage!r} names no folder; write it as in {STORAGE}")
    return Parameters(given.image, given.namespace, storage.rstrip("/"))


def task_manager_sets(placement: Placement) -> tuple[list[TaskManagerSet], str]:
    """Return the StatefulSets of a placement, and what the names of all objects begin with."""
    classes: dict[str, list[PlacedTaskManager]] = defaultdict(list)
    for tm in placement.task_managers:
        # one without a class is a class of its own; no name holds a line break
        classes[f"\n{tm.id}" if tm.class_ is None else tm.class_].append(tm)
    made = labels(classes, LONGEST_CLASS)
    room = LONGEST_SET - max(len("-spare-") + max(map(len, made.values()), default=0), len("-jobmanager"))
    name = placement.metadata.name
    # a Service begins with a letter
    (job,) = labels([name if re.match("[a-z]", name) else f"job-{name}"], room).values()
    found = []
    for key, task_managers in classes.items():
        size = _size(placement, task_managers)
        for spare in (False, True):
            chosen = [tm for tm in task_managers if bool(tm.reserve) is spare]
            if chosen:
                kind = "spare" if spare else "tm"
                parts = [f"{job}-{kind}{part or ''}-{made[key]}" for part in range(_parts(chosen))]
                found.append(TaskManagerSet(parts[0], made[key], spare, parts, size, chosen))
    return found, job


def _size(placement: Placement, task_managers: Sequence[PlacedTaskManager]) -> dict[str, str]:
    """Return what a container of a class asks for: the largest of its TaskManagers, rounded up."""
    options = [(tm, exported_options(placement, tm).options) for tm in task_managers]
    memory = max(derive_taskmanager(one).process for _, one in options)
    return spelled(max(reserved_cpu(tm, one) for tm, one in options), memory)


def spelled(cpu: int, memory: int) -> dict[str, str]:
    """Spell CPU units and bytes as Kubernetes does, which has no less than a thousandth of a core."""
    thousandths = math.ceil(cpu * 1000 / CORE)
    cores = str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"
    return {"cpu": cores, "memory": f"{math.ceil(memory / MIB)}Mi"}


def for_scripts(written: Written) -> Written:
    """Return what Flink's start scripts take as arguments; the rest has to be in the image."""
    options = {key: value for key, value in written.options.items() if not key.startswith(_FROM_FILE)}
    beside = dict.fromkeys(written.options.keys() - options.keys(), "")
    return Written(options, {**written.left_out, **beside})


def _config_maps(
    target: Target, sets: Sequence[TaskManagerSet], master: Written, written: Mapping[str, Written]
) -> list[Object]:
    """Return what differs between placements: the options and lines of every set."""
    common = {key: value for key, value in master.options.items() if key not in JOBMANAGER_MEMORY}
    found = []
    for one in sets:
        # all that is of one TaskManager is in its line, so that no line changes with that of another
        own = [dict(written[tm.id].options.items() - common.items()) for tm in one.task_managers]
        lines = [" ".join(arguments(options)) for options in own]
        for part, name in enumerate(one.parts):
            chosen = lines[part * LINES : (part + 1) * LINES]
            beside = {"start.sh": START_TASKMANAGER, "options": _lines(arguments(common))}
            data = {**(beside if part == 0 else {}), f"lines-{part}": _lines(chosen)}
            if sum(len(text.encode()) for text in data.values()) > LIMIT:
                raise NotExportable(
                    f"the options of {len(chosen)} TaskManagers of class {one.label!r} are longer than the"
                    f" {LIMIT:,} bytes that a ConfigMap holds here; move options of the class into the"
                    " configuration of the image"
                )
            found.append(target.object("v1", "ConfigMap", name, "taskmanager", data=data))
    return found


def _parts(task_managers: Sequence[PlacedTaskManager]) -> int:
    """Return how many ConfigMaps the lines of some TaskManagers take, by their number alone."""
    return math.ceil(len(task_managers) / LINES)


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def service_account(target: Target, rules: Sequence[Object]) -> list[Object]:
    """Return the account that JobManager and TaskManagers run under, and what it may do."""
    component = "jobmanager"
    account = {"kind": "ServiceAccount", "name": target.job, "namespace": target.parameters.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": target.job}
    rbac = "rbac.authorization.k8s.io/v1"
    return [
        target.object("v1", "ServiceAccount", target.job, component),
        target.object(rbac, "Role", target.job, component, rules=list(rules)),
        target.object(rbac, "RoleBinding", target.job, component, roleRef=role, subjects=[account]),
    ]


def rule(group: str, *resources: str) -> Object:
    """Return that an account may do all with resources of a group of Kubernetes' API."""
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {"apiGroups": [group], "resources": list(resources), "verbs": verbs}


def _jobmanager(target: Target, master: Written) -> ControlPlane:
    name, component = target.name("jobmanager"), "jobmanager"
    options = {
        "jobmanager.rpc.address": "$(POD_IP)",
        "jobmanager.rpc.port": str(RPC),
        "jobmanager.bind-host": "0.0.0.0",
        "blob.server.port": str(BLOB),
        "rest.address": "$(POD_IP)",
        "rest.port": str(REST),
        "rest.bind-address": "0.0.0.0",
        **target.options(),
    }
    ports = {"rpc": RPC, "blob": BLOB, "rest": REST}
    container = {
        **_container(target, component, options, ports),
        "resources": _limits(spelled(CORE, derive_jobmanager(master.options).process)),
        "readinessProbe": {"httpGet": {"path": "/config", "port": "rest"}, "periodSeconds": 5},
        "livenessProbe": _alive("rpc"),
    }
    volumes = [{"name": "placement", "configMap": {"name": name}}]
    selector = target.labels(component)
    headless = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector}
    stateful = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": _pod(target, container, volumes)},
    }
    outside = {"selector": selector, "ports": _ports({"rest": REST})}
    base = [
        *service_account(target, [rule("", "configmaps")]),
        target.object("v1", "Service", name, component, spec={**headless, "ports": _ports(ports)}),
        target.object("v1", "Service", target.name("rest"), component, spec=outside),
        target.object("apps/v1", "StatefulSet", name, component, spec=stateful),
    ]
    data = {"start.sh": START_JOBMANAGER, "options": _lines(arguments(master.options))}
    return ControlPlane(name, base, [target.object("v1", "ConfigMap", name, component, data=data)])


def _task_managers(target: Target, sets: Sequence[TaskManagerSet], address: str) -> list[Object]:
    component, service = "taskmanager", target.name("tm")
    selector = target.labels(component)
    ports = {"data": DATA, "rpc": TASKMANAGER_RPC}
    headless = {"clusterIP": "None", "selector": selector, "ports": _ports(ports)}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
    return [
        target.object("v1", "Service", service, component, spec=headless),
        target.object("policy/v1", "PodDisruptionBudget", service, component, spec=budget),
        *(_task_manager_set(target, one, service, address, ports) for one in sets),
    ]


def _task_manager_set(
    target: Target, one: TaskManagerSet, service: str, address: str, ports: Mapping[str, int]
) -> Object:
    component = "taskmanager"
    own = {"flink-class": one.label, "flink-reserve": str(one.spare).lower()}
    options = {
        "jobmanager.rpc.address": address,
        "jobmanager.rpc.port": str(RPC),
        "taskmanager.host": "$(POD_IP)",
        "taskmanager.bind-host": "0.0.0.0",
        "taskmanager.rpc.port": str(TASKMANAGER_RPC),
        "taskmanager.data.port": str(DATA),
        **target.options(),
    }
    container = {
        **_container(target, component, options, ports),
        "resources": _limits(one.size),
        "readinessProbe": {"tcpSocket": {"port": "rpc"}, "periodSeconds": 5},
        "livenessProbe": _alive("rpc"),
    }
    parts = [{"configMap": {"name": name}} for name in one.parts]
    volumes = [{"name": "placement", "projected": {"sources": parts}}]
    selector = {**target.labels(component), **own}
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector},
    }
    pod = {**_pod(target, container, volumes), "topologySpreadConstraints": [spread]}
    spec = {
        "serviceName": service,
        "replicas": 0 if one.spare else len(one.task_managers),
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": selector}, "spec": pod},
    }
    found = target.object("apps/v1", "StatefulSet", one.name, component, spec=spec)
    found["metadata"]["labels"] |= own
    return found


def _container(
    target: Target, component: str, options: Mapping[str, str], ports: Mapping[str, int]
) -> Object:
    mounts = [{"name": "placement", "mountPath": FOLDER, "readOnly": True}]
    if target.volume:
        mounts.append({"name": "storage", "mountPath": target.volume})
    own = {"POD_IP": "status.podIP", "POD_NAMESPACE": "metadata.namespace"}
    return {
        "name": component,
        "image": "flink",
        "command": ["/bin/sh", f"{FOLDER}/start.sh"],
        "args": [word for key, value in options.items() for word in ("-D", f"{key}={value}")],
        "env": [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in own.items()],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "volumeMounts": mounts,
    }


def _pod(target: Target, container: Object, volumes: list[Object]) -> Object:
    return {"serviceAccountName": target.job, **pod_template(target, container, volumes)}


def pod_template(target: Target, container: Object, volumes: Sequence[Object] = ()) -> Object:
    """Return a pod of Flink's user, with the volume that all pods share."""
    claim = {"name": "storage", "persistentVolumeClaim": {"claimName": target.name("storage")}}
    return {
        "securityContext": {"runAsUser": FLINK_USER, "runAsGroup": FLINK_USER, "fsGroup": FLINK_USER},
        "containers": [container],
        "volumes": [*volumes, *([claim] if target.volume else [])],
    }


def storage_claim(target: Target) -> Object:
    """Return the volume that all pods share."""
    request = {"requests": {"storage": STORAGE_SIZE}}
    spec = {"accessModes": ["ReadWriteMany"], "resources": request}
    return target.object("v1", "PersistentVolumeClaim", target.name("storage"), "storage", spec=spec)


def _run(target: Target, program: Program, *, in_image: bool) -> Object:
    """Return the Job that submits the program; it does not try twice, since the first may have submitted."""
    rest = f"http://{target.name('rest')}:{REST}"
    container: Object = {
        "name": "run",
        "image": target.name("run"),
        "command": [word.replace("$(", "$$(") for word in run_arguments(program, rest)],
        "resources": _limits({"cpu": "1", "memory": RUN_MEMORY}),
    }
    pod: Object = {"restartPolicy": "Never", "containers": [container]}
    if not in_image:
        container["volumeMounts"] = [{"name": "documents", "mountPath": DOCUMENTS, "readOnly": True}]
        pod["volumes"] = [{"name": "documents", "configMap": {"name": target.name("documents")}}]
    template = {"metadata": {"labels": target.labels("run")}, "spec": pod}
    spec = {"backoffLimit": 0, "template": template}
    return target.object("batch/v1", "Job", target.name("run"), "run", spec=spec)


def _generator(target: Target, documents: Mapping[str, str]) -> Object:
    found = {"name": target.name("documents"), "files": list(documents)}
    return {"configMapGenerator": [{**found, "options": {"disableNameSuffixHash": True}}]}


def _limits(size: Mapping[str, str]) -> Object:
    return {"requests": dict(size), "limits": dict(size)}


def _ports(ports: Mapping[str, int]) -> list[Object]:
    return [{"name": name, "port": port, "targetPort": name} for name, port in ports.items()]


def _alive(port: str) -> Object:
    return {
        "tcpSocket": {"port": port},
        "initialDelaySeconds": 30,
        "periodSeconds": 10,
        "failureThreshold": 6,
    }


def _image(image: str) -> Object:
    """Return how kustomize puts an image in the place of ``flink``."""
    name, _, digest = image.partition("@")
    before, colon, tag = name.rpartition(":")
    tagged = bool(colon) and "/" not in tag
    found = {"name": "flink", "newName": before if tagged else name}
    return found | ({"newTag": tag} if tagged else {}) | ({"digest": digest} if digest else {})


def kustomization(*resources: str, **fields: Any) -> str:
    """Return a kustomization of some resources."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return to_yaml({**head, "resources": list(resources), **fields})


class _Dumper(yaml.SafeDumper):
    """YAML with the lines of a text below each other, and without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def to_yaml(*objects: Object) -> str:
    """Return objects as the documents of one file."""
    text: str = yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    return text
