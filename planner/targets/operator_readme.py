"""The README beside a FlinkDeployment in native mode, with what is lost there of a placement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.targets.options import left_out_lines
from planner.targets.uniform import lost_lines


def native_readme(
    job: str,
    namespace: str,
    operator: str,
    lost: Sequence[str],
    left_out: Mapping[str, str],
    differing: Sequence[str],
) -> str:
    """Return a README.

    Args:
        job: the name of the FlinkDeployment.
        namespace: where it is.
        operator: the version of the operator that has to be there.
        lost: what native mode cannot express, a sentence each.
        left_out: Flink's options that are not in the manifests, with their references.
        differing: options that TaskManagers of the placement do not have alike, which no one has here.

    """
    lines = [
        f"# {job} on Kubernetes, in native mode",
        "",
        f"A FlinkDeployment for the Flink Kubernetes Operator, {operator} or later, which has to watch",
        "the namespace. Its JobManager asks Kubernetes for TaskManagers when the job needs slots, all of",
        "one kind.",
        "",
    ]
    lines += [
        *lost_lines(lost, differing),
        "## Start",
        "",
        "```sh",
        f"kubectl create namespace {namespace}     # unless it is there",
        "kubectl apply -k .",
        f"kubectl -n {namespace} wait flinkdeployment/{job} --timeout=10m \\",
        "    --for=jsonpath='{.status.jobManagerDeploymentStatus}'=READY",
        "```",
        "",
        "## Submit the job",
        "",
        "With Flink's own client: `planner run` asks for quotas, which no TaskManager has here, and the job",
        "would wait for slots.",
        "",
        "```sh",
        f"kubectl -n {namespace} port-forward service/{job}-rest 8081 &",
        "flink run -m localhost:8081 PROGRAM",
        "```",
        "",
        "Slot sharing groups have the resources that the program itself gives them.",
    ]
    if left_out:
        lines += [
            "",
            "## Options to put in yourself",
            "",
            "No secret is in these files. Flink needs these options, from Secrets by a pod template or from",
            "the configuration of the image:",
            "",
            *left_out_lines(left_out),
        ]
    return "\n".join(lines) + "\n"
