"""The programs of containers on Kubernetes: POSIX shell in a ConfigMap, and an image that submits the job."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Iterable

from planner.documents.profile import Program
from planner.documents.sensitive import HIDDEN
from planner.version import __version__

LINES = 100
"""TaskManagers in one ConfigMap: a choice, so that each may have 2 KB of options."""
DOCUMENTS = "/documents"
"""Where placement and profile are in the container that submits the job."""
FLINK_USER = 9999
"""The user of Flink's own images."""

_HEAD = """#!/bin/sh
# Become the WHO of this pod, with the options beside this file, which are words of a shell,
# and with the arguments of this script, which come last and win.
set -eu
here=$(dirname -- "$0")
options=$(tr '\\n' ' ' <"$here/options")
"""
_LINE = f"""# lines-0 has the first {LINES} TaskManagers, a line each; a pod has the one of its ordinal
pod=${{HOSTNAME:-$(hostname)}}
ordinal=${{pod##*-}}
case $ordinal in
'' | *[!0-9]*)
    echo "start.sh: $pod is not a pod of a StatefulSet: its name does not end with a number" >&2
    exit 64
    ;;
esac
file=$here/lines-$((ordinal / {LINES}))
line=''
if [ -f "$file" ]; then line=$(sed -n "$((ordinal % {LINES} + 1))p" "$file"); fi
if [ -z "$line" ]; then
    echo "start.sh: the placement has no line for $pod; lower the replicas of its StatefulSet" >&2
    exit 64
fi
options="$options $line"
"""
_TAIL = """eval "set -- $options \\"\\$@\\""
set -- "${FLINK_HOME:-/opt/flink}/bin/SCRIPT" start-foreground "$@"
# the entry point of Flink's own images sets up plugins and jemalloc, and becomes what it is given
if [ -x /docker-entrypoint.sh ]; then set -- /docker-entrypoint.sh "$@"; fi
exec "$@"
"""
START_JOBMANAGER = _HEAD.replace("WHO", "JobManager") + _TAIL.replace("SCRIPT", "jobmanager.sh")
START_TASKMANAGER = _HEAD.replace("WHO", "TaskManager") + _LINE + _TAIL.replace("SCRIPT", "taskmanager.sh")


WAIT = "300"
"""Seconds in which every TaskManager registers: a pod is ready when its port is open, which is before."""


def run_arguments(program: Program, rest: str) -> list[str]:
    """Return the command line that submits a program under its placement; what is hidden is left out."""
    words = ["planner", "run", *(_inside(name) for name in _sources(program))]
    words += ["--placement", f"{DOCUMENTS}/job.placement.json", "--profile", f"{DOCUMENTS}/job.profile.json"]
    words += ["--rest", rest, "--wait", WAIT]
    if program.entry_class:
        words += ["--class", program.entry_class]
    if program.arguments:
        words += ["--args", shlex.join(program.arguments)]
    for key, value in program.configuration.items():
        if HIDDEN not in value:
            words += ["-D", f"{key}={value}"]
    for jar in program.jars or ():
        words += ["--jar", _inside(jar)]
    if program.job_index is not None:
        words += ["--job-index", str(program.job_index)]
    return words


def dockerfile(program: Program, version: str, documents: Iterable[str]) -> str:
    """Return the Dockerfile of an image with planner, Flink's jars of a version, and the program."""
    lines = [
        "# planner with its extra for Flink, and the program; built in the folder that the program is in",
        "FROM python:3.12-slim",
        "RUN python3 -m pip install --no-cache-dir \\",
        f"    'flink-resource-planner[flink]=={__version__}' 'apache-flink-libraries=={version}.*'",
        "WORKDIR /job",
    ]
    for name in [*_sources(program), *(program.jars or ())]:
        lines.append(f"COPY {json.dumps([_outside(name), _inside(name)], ensure_ascii=False)}")
    lines += [f'COPY ["{name}", "{DOCUMENTS}/{name}"]' for name in documents]
    lines += [f"USER {FLINK_USER}", "ENV HOME=/tmp"]
    return "\n".join(lines) + "\n"


def _sources(program: Program) -> list[str]:
    return [program.file, *(program.scripts or ())]


def _outside(name: str) -> str:
    """Return where a file of a program is in the folder that its image is built in."""
    path = posixpath.normpath(name)
    return posixpath.basename(path) if path.startswith(("/", "..")) else path


def _inside(name: str) -> str:
    return f"/job/{_outside(name)}"
