"""``planner export``."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from planner.cli.errors import fail
from planner.cli.inputs import Inputs, file_content
from planner.cli.output import as_file, emit, emit_folder
from planner.cli.terminal import say
from planner.cli.verify import ProfileOption


class Target(StrEnum):
    """What to write."""

    EXPERT_MODE = "expert-mode"
    OPERATOR_LABELS = "operator-labels"
    FLINK_CONF = "flink-conf"
    KUBERNETES = "kubernetes"
    OPERATOR = "operator"
    STANDALONE = "standalone"
    YARN = "yarn"
    MIGRATION_MAP = "migration-map"
    MESOS = "mesos"


class Mode(StrEnum):
    """Who starts the TaskManagers of a FlinkDeployment."""

    STANDALONE = "standalone"
    NATIVE = "native"


_KUBERNETES = {"--profile", "--image", "--namespace", "--storage"}
_OF_PLACEMENT = {
    Target.FLINK_CONF: {"--profile", "--jobmanager"},
    Target.STANDALONE: {"--profile", "--hosts"},
    Target.KUBERNETES: _KUBERNETES,
    Target.OPERATOR: {*_KUBERNETES, "--mode", "--operator-version", "--degrade"},
    Target.YARN: {"--profile", "--node-label", "--degrade"},
    Target.MIGRATION_MAP: {"--profile"},
}
"""Targets that are made from a placement, and the options of each; all but the last are folders."""


def export(
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="DOCUMENT",
            help="Job, profile or program for expert-mode; else a placement. Default: found in this folder.",
        ),
    ] = None,
    target: Annotated[
        Target,
        typer.Option("--target", metavar="TARGET", help=f"Format to write: {', '.join(Target)}."),
    ] = Target.EXPERT_MODE,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="Write to this file or folder, atomically."),
    ] = None,
    profile: ProfileOption = None,
    jobmanager: Annotated[
        str | None,
        typer.Option(
            "--jobmanager", metavar="HOST", help="flink-conf: host of the JobManager. Default: localhost."
        ),
    ] = None,
    hosts: Annotated[
        str | None,
        typer.Option(
            "--hosts", metavar="FILE", help="standalone: lines PROCESS HOST. Default: all on this machine."
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image", metavar="IMAGE", help="kubernetes, operator: image with Flink. Default: flink:VERSION."
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace", metavar="NAME", help="kubernetes, operator: namespace. Default: default."
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URI",
            help="kubernetes, operator: for checkpoints and metadata, as in s3://bucket/path. Default: a volume.",
        ),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option("--mode", help="operator: mode of the FlinkDeployment. Default: standalone."),
    ] = None,
    operator_version: Annotated[
        str | None,
        typer.Option("--operator-version", metavar="VERSION", help="operator: 1.15 or 1.16. Default: 1.15."),
    ] = None,
    degrade: Annotated[
        bool,
        typer.Option(
            "--degrade", help="operator, yarn: lose what native mode or YARN cannot express, and say what."
        ),
    ] = False,
    node_label: Annotated[
        str | None,
        typer.Option("--node-label", metavar="LABEL", help="yarn: label of the nodes for TaskManagers."),
    ] = None,
) -> None:
    """Write a job or a placement in the format of another tool.

    flink-conf is a folder with Flink's configuration for each process of a placement, standalone that and
    what starts them on hosts, kubernetes one with manifests for kustomize; operator is the same with a
    FlinkDeployment, yarn an application on YARN. migration-map is the TaskManager of every subtask, as JSON.
    operator-labels is of no job: options for the Kubernetes
    operator's own configuration, by which it labels failures with the classes that planner diagnose knows.
    Flink has had no Mesos since 1.14.

    \b
    Examples:
      planner export job.profile.json --target expert-mode -o job.json
      planner export job.placement.json --target flink-conf -o conf
      planner export job.placement.json --target standalone --hosts hosts.txt -o hosts
      planner export job.placement.json --target kubernetes -o k8s
      planner export --target kubernetes -o k8s --storage s3://bucket/path
      planner export --target operator --mode native --degrade -o native
      planner export --target yarn --degrade -o yarn
      planner export --target migration-map -o map.json
      planner export --target operator-labels
    """
    given = {
        "--profile": profile,
        "--jobmanager": jobmanager,
        "--hosts": None if hosts is None else _text(hosts),
        "--image": image,
        "--namespace": namespace,
        "--storage": storage,
        "--mode": None if mode is None else mode.value,
        "--operator-version": operator_version,
        "--degrade": degrade or None,
        "--node-label": node_label,
    }
    if target is Target.MESOS:
        fail("Flink has had no Mesos since 1.14; export to kubernetes, operator, yarn or standalone")
    for option, value in given.items():
        if value is not None and option not in _OF_PLACEMENT.get(target, ()):
            fail(f"{option} is not for --target {target}; leave it out")
    if target in _OF_PLACEMENT:
        parameters = {
            option.removeprefix("--").replace("-", "_"): value
            for option, value in given.items()
            if value is not None and option != "--profile"
        }
        _export_placement(document, target, output, profile, parameters)
    else:
        _export_job(document, target, None if output is None else as_file(output))


def _text(name: str) -> str:
    try:
        return file_content(name).decode()
    except UnicodeDecodeError:
        fail(f"{name} is not UTF-8 text; save it as that")


def _export_job(job: str | None, target: Target, output: Path | None) -> None:
    from planner import api

    if target is Target.OPERATOR_LABELS:
        if job is not None:
            fail("--target operator-labels is the same for every job; leave the job out")
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in api.operator_labels().items())
        emit("".join(lines), output)
        return
    inputs = Inputs()
    document = inputs.job(job)
    inputs.require_valid()
    inputs.spare(output)
    emit(api.to_json(api.export(document, api.Target(target.value))), output)


def _export_placement(
    name: str | None, target: Target, output: str | None, profile: str | None, parameters: dict[str, Any]
) -> None:
    from planner import api

    if output is None and target is not Target.MIGRATION_MAP:
        fail(f"--target {target} writes a folder; name it with -o DIR")
    inputs = Inputs()
    placement = inputs.binding_placement(name)
    document = inputs.origin_of(placement, profile)
    if document is None:
        fail("the profile or job that the placement was made from is not here; name it with --profile FILE")
    if output is None or target is Target.MIGRATION_MAP:
        file = None if output is None else as_file(output)
        inputs.spare(file)
        emit(api.to_json(api.export_migration_map(placement, document)), file)
        return
    writers: dict[Target, Callable[..., dict[str, str]]] = {
        Target.FLINK_CONF: api.export_flink_conf,
        Target.STANDALONE: api.export_standalone,
        Target.KUBERNETES: api.export_kubernetes,
        Target.OPERATOR: api.export_operator,
        Target.YARN: api.export_yarn,
    }
    emit_folder(writers[target](placement, document, **parameters), Path(output))
    if parameters.get("degrade"):
        lost = api.lost_on_yarn if target is Target.YARN else api.lost_in_native
        say("\n".join(lost(placement)))
