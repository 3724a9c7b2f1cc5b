"""A placement for YARN: an application that asks for its containers itself, all of one size."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import planner_fields
from planner.targets.errors import NotExportable
from planner.targets.flink_conf import configuration_file
from planner.targets.options import (
    JOBMANAGER_MEMORY,
    LOG_LEVEL,
    console_logging,
    exported_task_managers,
    left_out_lines,
    without_secrets,
)
from planner.targets.uniform import differing, largest, lost, lost_lines, uniform_options
from planner.units import CORE

_RUN = """#!/bin/sh
# sh run.sh PROGRAM.jar [ARGUMENT]...: run the program as an application on YARN, with conf beside this file.
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
flink=${FLINK_HOME:?is not set; set it to the folder of a Flink distribution}/bin/flink
if [ -z "${HADOOP_CLASSPATH:-}" ]; then
    echo 'run.sh: HADOOP_CLASSPATH is not set; export HADOOP_CLASSPATH=$(hadoop classpath)' >&2
    exit 64
fi
FLINK_CONF_DIR=$here/conf
export FLINK_CONF_DIR
exec "$flink" ACTION -t yarn-application "$@"
"""


def yarn(
    placement: Placement, profile: ResourceProfile, *, node_label: str | None = None, degrade: bool = False
) -> dict[str, str]:
    """Return Flink's configuration for an application on YARN, a script that runs one, and a README.

    ``node_label`` is that of the nodes on which TaskManagers may run. With ``degrade`` is lost what YARN
    cannot express; the README and `lost_on_yarn` say what.

    Raises:
        NotExportable: when YARN cannot express the placement and it is not to ``degrade``, or when an option
            cannot be written.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    if node_label is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", node_label):
        raise NotExportable(f"{node_label!r} is not the label of a node: letters, digits, _ and -")
    written = exported_task_managers(placement)
    missing = lost_on_yarn(placement)
    if missing and not degrade:
        raise NotExportable(
            "Flink asks YARN for containers of one size, when it needs them, and this placement needs more."
            f" {' '.join(missing)} Export for the target standalone, or degrade to lose this"
        )
    version, worker = planner_fields(profile).flink_version, uniform_options(placement)
    size = largest(placement)
    ours = {
        "taskmanager.memory.process.size": f"{size.memory}b",
        "yarn.application.name": placement.metadata.name,
        "yarn.containers.vcores": str(math.ceil(size.cpu / CORE)),
        **({"yarn.taskmanager.node-label": node_label} if node_label else {}),
    }
    common = placement.flink_configuration or {}
    options = without_secrets({**ours, **JOBMANAGER_MEMORY, **common, **worker})
    file, text = configuration_file(version, options.options)
    left_out = {key: why for one in (options, *written.values()) for key, why in one.left_out.items()}
    unequal = differing(written.values(), options.options)
    action = "run-application" if version.startswith("1.") else "run"
    return {
        "README.md": _readme(placement.metadata.name, file, missing, left_out, unequal),
        "run.sh": _RUN.replace("ACTION", action),
        f"conf/{file}": text,
        "conf/log4j.properties": console_logging(options.options),
        "conf/log4j-cli.properties": console_logging({LOG_LEVEL: "WARN"}),
    }


def lost_on_yarn(placement: Placement) -> list[str]:
    """Return what YARN loses of a placement; see `lost`."""
    return lost(placement, "Flink on YARN", "a new container")


def _readme(
    job: str, file: str, missing: Sequence[str], left_out: Mapping[str, str], unequal: Sequence[str]
) -> str:
    lines = [
        f"# {job} on YARN",
        "",
        f"`conf/{file}` is Flink's configuration of an application of its own: its JobManager asks YARN for",
        "containers when the job needs slots, all of one size. YARN rounds their memory up to a multiple of",
        "`yarn.scheduler.minimum-allocation-mb`, and gives at most `yarn.scheduler.maximum-allocation-mb`.",
        "",
    ]
    lines += [
        *lost_lines(missing, unequal),
        "## Start",
        "",
        "On a machine with Flink and a client of the cluster:",
        "",
        "```sh",
        "export FLINK_HOME=/opt/flink HADOOP_CLASSPATH=$(hadoop classpath)",
        "sh run.sh PROGRAM.jar",
        "```",
        "",
        "`-D KEY=VALUE` before the program sets more, such as `yarn.application.queue`. `planner run` is not",
        "for this: it asks for quotas, which no TaskManager has here, and the job would wait for slots. Slot",
        "sharing groups have the resources that the program itself gives them.",
        "",
        "## High availability",
        "",
        "YARN starts a JobManager that fails again up to `yarn.application-attempts` times. For the job to",
        "go on from its last checkpoint it has to find its metadata: set `high-availability.type: zookeeper`",
        "with `high-availability.zookeeper.quorum` and `high-availability.storageDir`.",
    ]
    if left_out:
        lines += [
            "",
            "## Options to put in yourself",
            "",
            "No secret is in these files. Flink needs these options:",
            "",
            *left_out_lines(left_out),
        ]
    return "\n".join(lines) + "\n"
