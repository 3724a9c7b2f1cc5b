"""The README beside the manifests of a placement: what to run, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planner.documents.profile import Program
from planner.targets.kubernetes_scripts import LINES
from planner.targets.options import left_out_lines

_BASE = "JobManager, Services, and one StatefulSet for each TaskManager class"
_BESIDE = "a service account, Services, and one StatefulSet for each TaskManager class"


def readme(
    job: str,
    namespace: str,
    program: Program | None,
    *,
    known: bool,
    volume: str | None,
    operator: str | None,
    spares: bool,
    left_out: Mapping[str, str],
    hidden: Sequence[str],
    documents: Sequence[str],
) -> str:
    """Return a README that depends on the job and on its classes, and on nothing that a placement moves.

    Args:
        job: what the names of all objects begin with.
        namespace: where they are.
        program: what the Job submits, None where it is to be submitted otherwise.
        known: whether the profile says so.
        volume: where the shared volume is mounted, if there is one.
        operator: version of the operator that starts the JobManager, if one does.
        spares: whether there are TaskManagers in reserve.
        left_out: Flink's options that are not in the manifests, with their references.
        hidden: options of the program that are not in the Job.
        documents: documents that the image has to hold, since no ConfigMap can.

    """
    parts = [
        _start(job, namespace, volume, operator),
        _run(job, namespace, program, known=known, hidden=hidden, documents=documents),
        _spares() if spares else (),
        _change(job, namespace),
        _options(job, left_out),
        _own(job, namespace, volume),
    ]
    return "\n".join(line for part in parts for line in part)


def _start(job: str, namespace: str, volume: str | None, operator: str | None) -> Iterator[str]:
    yield f"# {job} on Kubernetes\n"
    if operator is not None:
        yield f"""The Flink Kubernetes Operator, {operator} or later, starts the JobManager by the
FlinkDeployment in `overlay`; it has to watch the namespace. The TaskManagers are StatefulSets beside
it, since a FlinkDeployment has one kind of TaskManager. The operator demands one of its own kind: it
has no quota, so no slot of the job comes to it. Leave its `replicas` at 1.
"""
    yield f"""\
| folder | what is in it |
|---|---|
| `base` | {_BASE if operator is None else _BESIDE} |
| `overlay` | namespace and image, and the placement: a ConfigMap with a line for each pod |
| `spares` | the same, with the TaskManagers in reserve started, if there are any |
| `run` | a Job that submits the program under the placement, and the Dockerfile of its image |

## Start

```sh
kubectl create namespace {namespace}     # unless it is there
kubectl apply -k overlay
kubectl -n {namespace} wait pod --for=condition=Ready --timeout=10m \\
    -l 'app.kubernetes.io/instance={job},app.kubernetes.io/component!=run'
```

Where no pod is there yet, kubectl says so; repeat the last line.
"""
    if volume is not None:
        yield f"""The volume `{job}-storage`, mounted at `{volume}`, holds checkpoints and the JobManager's
metadata. Its storage class has to let pods on several nodes write (ReadWriteMany); on a
cluster of one node a patch to ReadWriteOnce does.
`planner export --storage s3://bucket/path` uses an object store instead.
"""


def _run(
    job: str,
    namespace: str,
    program: Program | None,
    *,
    known: bool,
    hidden: Sequence[str],
    documents: Sequence[str],
) -> Iterator[str]:
    yield "## Submit the job\n"
    if program is None:
        yield f"""A PyFlink program is submitted from where its interpreter is:

```sh
kubectl -n {namespace} port-forward service/{job}-rest 8081 &
planner run PROGRAM -p PLACEMENT --profile PROFILE --rest http://localhost:8081
```
"""
        return
    if not known:
        yield f"""The profile was not compiled from a program. The Job expects one that is called
`{program.file}`.
"""
    if documents:
        names = " and ".join(f"`run/{name}`" for name in documents)
        yield f"""{names} are too large for a ConfigMap.
Copy them into the folder that the image is built in.
"""
    yield f"""In the folder with the program, with this folder beside it at EXPORT:

```sh
docker build -f EXPORT/run/Dockerfile -t {job}-run .
```

Push the image, and say in a kustomization of your own what it is called (below). Then, here:

```sh
kubectl apply -k run
kubectl -n {namespace} wait --for=condition=Complete --timeout=10m job/{job}-run
kubectl -n {namespace} logs job/{job}-run
```

The Job submits once and verifies that Flink keeps to the placement. Delete it before it is applied again:
`kubectl -n {namespace} delete job {job}-run`.
"""
    if hidden:
        yield f"""The program takes options that the profile hides. Add them to the command of the Job,
from a Secret: {", ".join(f"`{key}`" for key in hidden)}.
"""


def _spares() -> Iterator[str]:
    yield """## Start the TaskManagers in reserve

When the job runs, and not before, since it would take their slots:

```sh
kubectl apply -k spares
```

From then on apply `spares` instead of `overlay`, which would stop them again. Before the job is submitted
anew, apply `overlay`.
"""


def _change(job: str, namespace: str) -> Iterator[str]:
    yield f"""## Change to another placement

Export it into the same folder. `kubectl diff -k overlay` shows the lines that change. The first
line of `lines-0` is that of the pod that ends with `-0`, the first of `lines-1` that of `-{LINES}`.
Apply it, then delete the pods whose line has changed; they come back with their new line:

```sh
kubectl apply -k overlay
kubectl -n {namespace} delete pod {job}-tm-CLASS-ORDINAL
```

Applying restarts no TaskManager, not even for another image: their StatefulSets have the update
strategy OnDelete. `planner migrate --to PLACEMENT --apply --kubernetes FOLDER --rest URL` does all of it with
one restart of the job, waits, verifies, and can be taken back; FOLDER is the one to apply.
"""


def _options(job: str, left_out: Mapping[str, str]) -> Iterator[str]:
    if not left_out:
        return
    yield "\n".join(
        [
            "## Options to put in yourself",
            "",
            "No secret is in these files. Flink needs these options from its configuration in the image:",
            "",
            *left_out_lines(left_out),
            "",
            "Or add them to the arguments of a container, from a Secret:",
            "",
            "```yaml",
            "args: [..., -D, s3.secret-key=$(S3_SECRET_KEY)]",
            f"env: [{{name: S3_SECRET_KEY, valueFrom: {{secretKeyRef: {{name: {job}, key: s3}}}}}}]",
            "```",
            "",
            "Options that begin with `env.` work from the image's configuration only.",
            "",
        ]
    )


def _own(job: str, namespace: str, volume: str | None) -> Iterator[str]:
    storage = "the size of the volume, " if volume is not None else ""
    yield f"""## Your own changes

The next export replaces every file here and refuses a folder with others in it. What is yours
({storage}a node selector, Secrets, the image of the Job) goes into a kustomization of
your own, elsewhere, that has one of these as a resource:

```yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources: [EXPORT/overlay]
patches:
  - target: {{kind: StatefulSet, labelSelector: flink-class=CLASS}}
    patch: |
      - {{op: add, path: /spec/template/spec/nodeSelector, value: {{topology.kubernetes.io/zone: a}}}}
```

For the Job these are the lines that name its image:

```yaml
resources: [EXPORT/run]
images: [{{name: {job}-run, newName: REGISTRY/{job}-run, newTag: v1}}]
```

Pods of a class are spread over zones. Where the placement counts on the zone of a class, give it
a node selector as above.
"""
