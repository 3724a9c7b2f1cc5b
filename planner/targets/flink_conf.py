"""A folder of Flink's configuration for every process of a placement."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from planner.documents.placement import Placement
from planner.memory.jvm_arguments import JAVA_17
from planner.targets.errors import NotExportable
from planner.targets.names import labels
from planner.targets.options import (
    JOBMANAGER_MEMORY,
    Written,
    console_logging,
    exported_task_managers,
    left_out_lines,
    without_secrets,
)

JOBMANAGER = "jobmanager"
LOCALHOST = "localhost"
"""Where Flink's own configuration has the JobManager."""
_LOCAL = {
    JOBMANAGER: {"jobmanager.bind-host": LOCALHOST, "rest.bind-address": LOCALHOST},
    "": {"taskmanager.bind-host": LOCALHOST, "taskmanager.host": LOCALHOST},
}
"""Options that keep a cluster of one machine off its network, as in Flink's own configuration."""
_JAVA, _OLD_JAVA = "env.java.opts.all", "env.java.opts"
_START = """#!/bin/sh
# sh start.sh NAME [-D KEY=VALUE]...: become a process of the placement, in the foreground.
# NAME is a folder beside this file.
set -eu
here=$(cd "$(dirname -- "$0")" && pwd)
name=${1:?say which process: the name of a folder beside start.sh}
if [ ! -f "$here/$name/FILE" ]; then
    echo "start.sh: there is no $here/$name/FILE; name a folder beside start.sh" >&2
    exit 64
fi
shift
FLINK_CONF_DIR=$here/$name
export FLINK_CONF_DIR
bin=${FLINK_HOME:?is not set; set it to the folder of a Flink distribution}/bin
if [ "$name" = jobmanager ]; then
    exec "$bin/jobmanager.sh" start-foreground "$@"
fi
# taskmanager.sh spells a list of several resources wrongly; the one here wins
resources=$(sed -n 's/^external-resources: *"\\{0,1\\}\\([^"]*\\)"\\{0,1\\}$/\\1/p' "$FLINK_CONF_DIR/FILE")
if [ -n "$resources" ]; then set -- -D "external-resources=$resources" "$@"; fi
exec "$bin/taskmanager.sh" start-foreground "$@"
"""


class _Quoted(str):
    """A value of an option: text, whatever it looks like."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@dataclass(frozen=True, slots=True)
class Configured:
    """What a README tells of: processes by their folders, which ``names`` has by id of a TaskManager."""

    placement: Placement
    names: Mapping[str, str]
    processes: Mapping[str, Written]
    file: str
    version: str


def process_names(placement: Placement) -> dict[str, str]:
    """Return what the folder of each TaskManager is called, by its id."""
    return labels((tm.id for tm in placement.task_managers), reserved=(JOBMANAGER,))


def flink_conf(
    placement: Placement,
    version: str,
    jobmanager: str = LOCALHOST,
    readme: Callable[[Configured], str] | None = None,
) -> dict[str, str]:
    """Return files by name: a folder of configuration for each process, what starts one, and a README.

    ``version`` of Flink decides the format: ``config.yaml``, and ``flink-conf.yaml`` before 2.0.
    ``jobmanager`` is the host that the JobManager runs on, and ``readme`` writes another README.

    Raises:
        NotExportable: when the format cannot hold an option, when a TaskManager has no memory or no id of its
            own, or when ``jobmanager`` is no host.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", jobmanager):
        raise NotExportable(f"{jobmanager!r} is not the name of a host, or its address")
    file, write = _format(version)
    address = {"jobmanager.rpc.address": jobmanager}
    names = process_names(placement)
    master = without_secrets({**JOBMANAGER_MEMORY, **(placement.flink_configuration or {}), **address})
    processes = {JOBMANAGER: master}
    for name, found in exported_task_managers(placement).items():
        processes[names[name]] = Written({**found.options, **address}, found.left_out)
    files = {
        "README.md": (readme or _readme)(Configured(placement, names, processes, file, version)),
        "start.sh": _START.replace("FILE", file),
    }
    for name, process in processes.items():
        local = _LOCAL.get(name, _LOCAL[""]) if jobmanager == LOCALHOST else {}
        options = {**local, **process.options}
        own = options.pop(_OLD_JAVA, "")  # which Flink reads where the new one is not set
        options[_JAVA] = " ".join([*JAVA_17, *options.get(_JAVA, own).split()])
        files[f"{name}/{file}"] = write(options)
        files[f"{name}/log4j-console.properties"] = console_logging(process.options)
    return files


def _format(version: str) -> tuple[str, Callable[[Mapping[str, str]], str]]:
    return ("flink-conf.yaml", _flat) if version.startswith("1.") else ("config.yaml", _nested)


def configuration_file(version: str, options: Mapping[str, str]) -> tuple[str, str]:
    """Return the name of Flink's configuration file, and the options as it holds them.

    Raises:
        NotExportable: when the format cannot hold an option.

    """
    file, write = _format(version)
    return file, write(options)


def _nested(options: Mapping[str, str]) -> str:
    """Return options as Flink 2 has them; below one that has a value itself, longer keys keep their dots."""
    tree: dict[str, Any] = {}
    for key, value in sorted(options.items()):
        *path, last = key.split(".")
        node = tree
        for depth, part in enumerate(path):
            child = node.setdefault(part, {})
            if isinstance(child, str):
                last = ".".join([*path[depth:], last])
                break
            node = child
        node[last] = _Quoted(value)
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    return text


def _flat(options: Mapping[str, str]) -> str:
    """Return options as Flink 1 reads them, line by line (`GlobalConfiguration.loadYAMLResource`)."""
    for key, value in options.items():
        if "#" in value or "\n" in value or "\r" in value or ": " in key or value != value.strip():
            raise NotExportable(
                f"{key}: flink-conf.yaml of Flink 1 cannot hold {value!r}: what follows a # is a comment, a"
                " value ends with its line, and blanks at its ends are lost; change the value"
            )
    return "".join(f"{key}: {value}\n" for key, value in sorted(options.items()))


def _readme(configured: Configured) -> str:
    placement, names = configured.placement, configured.names
    first = [tm for tm in placement.task_managers if not tm.reserve]
    spare = [tm for tm in placement.task_managers if tm.reserve]
    lines = [
        f"# {placement.metadata.name} on Flink {configured.version}",
        "",
        f"A folder with `{configured.file}` for each process of the placement. On each machine, with this"
        " folder and",
        "`FLINK_HOME` set to a Flink distribution, start the JobManager and then the TaskManagers:",
        "",
        "```sh",
        f"sh start.sh {JOBMANAGER}",
        *(f"sh start.sh {names[tm.id]}" for tm in first),
        "```",
        "",
        "Each runs in the foreground, as a service manager expects it, until SIGTERM. `start.sh` sets",
        "`FLINK_CONF_DIR` and becomes Flink's own `jobmanager.sh` or `taskmanager.sh`.",
        "",
        "Then submit the job under its placement; planner verifies that Flink keeps to it:",
        "",
        "```sh",
        "planner run PROGRAM -p PLACEMENT --rest http://HOST:8081",
        "```",
    ]
    if spare:
        lines += [
            "",
            "When the job runs, and not before, start the TaskManagers in reserve:",
            "",
            "```sh",
            *(f"sh start.sh {names[tm.id]}" for tm in spare),
            "```",
        ]
    return "\n".join([*lines, *notes(configured)]) + "\n"


def notes(configured: Configured) -> list[str]:
    """Return the lines of a README on folders that are called otherwise, and on options that are left out."""
    lines = []
    if renamed := {name: label for name, label in configured.names.items() if name != label}:
        lines += ["", "Folders that do not have the name of their TaskManager:", ""]
        lines += [f"* `{label}` is `{name}`" for name, label in renamed.items()]
    if left_out := {key: why for one in configured.processes.values() for key, why in one.left_out.items()}:
        lines += [
            "",
            f"No secret is in these files. Put these options into each `{configured.file}` on the machines"
            " yourself:",
            "",
            *left_out_lines(left_out),
        ]
    return lines
