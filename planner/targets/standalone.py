"""A placement on hosts: configuration of every process, and a script and systemd units that start them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from planner.documents.placement import Placement
from planner.documents.write import to_data, to_json
from planner.targets.errors import NotExportable
from planner.targets.flink_conf import JOBMANAGER, LOCALHOST, Configured, flink_conf, notes, process_names
from planner.targets.names import labels
from planner.targets.options import committed
from planner.targets.standalone_scripts import cluster_script, jobmanager_unit, taskmanager_unit

REST = "8081"
"""The port of the REST interface where no option says another one."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_RESERVE = "reserve"


def on_hosts(placement: Placement, version: str, hosts: str | None = None) -> dict[str, str]:
    """Return files by name: those of `flink_conf`, a script for a host, units of systemd, and a README.

    ``hosts`` has a line with the name of each process and its host, as the file of that name that is written;
    without it all are on one machine.

    Raises:
        NotExportable: when ``hosts`` does not have each process once, or for a reason of `flink_conf`.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    names = process_names(placement)
    processes = [JOBMANAGER, *names.values()]
    where = dict.fromkeys(processes, LOCALHOST) if hosts is None else _hosts(hosts, processes)
    master = where[JOBMANAGER]
    far = next((name for name in processes if where[name] != LOCALHOST), None)
    if master == LOCALHOST and far is not None:
        raise NotExportable(
            f"hosts: the JobManager is on {LOCALHOST}, where {far} on {where[far]} does not find it;"
            " write its host as the others reach it"
        )
    (job,) = labels([placement.metadata.name]).values()
    reserve = {names[tm.id] for tm in placement.task_managers if tm.reserve}
    rest = f"http://{master}:{(placement.flink_configuration or {}).get('rest.port', REST)}"
    units = {JOBMANAGER: jobmanager_unit(job, JOBMANAGER)}
    units |= {label: taskmanager_unit(job, label, name, rest) for name, label in names.items()}
    return {
        **flink_conf(placement, version, master, lambda found: _readme(found, job, where, reserve, rest)),
        "hosts": "".join(
            f"{name} {where[name]}{f' {_RESERVE}' if name in reserve else ''}\n" for name in processes
        ),
        "cluster.sh": cluster_script(job),
        "job.placement.json": to_json(to_data(committed(placement))),
        **{f"systemd/flink-{job}-{name}.service": text for name, text in units.items()},
    }


def _hosts(text: str, processes: Collection[str]) -> dict[str, str]:
    """Return the host of each process; what is in reserve is up to the placement, whatever the file says."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, host, *rest = [*words, ""] if len(words) == 1 else words
        if not _HOST.fullmatch(host) or rest not in ([], [_RESERVE]):
            raise NotExportable(
                f"hosts:{number}: write the name of a process and its host, as in large-0 node-3"
            )
        if name not in processes:
            known = ", ".join(processes)
            raise NotExportable(f"hosts:{number}: the placement has no process {name!r}; it has {known}")
        if name in found:
            raise NotExportable(f"hosts:{number}: {name} is there twice; leave one out")
        found[name] = host
    if missing := [name for name in processes if name not in found]:
        raise NotExportable(f"hosts: there is no line for {', '.join(missing)}; say where each runs")
    return found


def _readme(
    configured: Configured, job: str, where: Mapping[str, str], reserve: Collection[str], rest: str
) -> str:
    hosts = list(dict.fromkeys(where.values()))
    waiting = [host for host in hosts if any(where[name] == host for name in reserve)]
    lines = [
        f"# {configured.placement.metadata.name} on hosts, Flink {configured.version}",
        "",
        "Copy this folder to the same place on each host, and set `FLINK_HOME` to a Flink distribution.",
        "`hosts` says which process runs where; to change it, edit a copy and export with `--hosts COPY`.",
        "",
        "## Start",
        "",
        "On each host, with its name as in `hosts`:",
        "",
        "```sh",
        *(f"sh cluster.sh start {host}" for host in hosts),
        "```",
        "",
        "Options for all of its processes may follow: `-D KEY=VALUE`. Then submit the job under its",
        "placement; planner verifies that Flink keeps to it:",
        "",
        "```sh",
        f"planner run PROGRAM -p job.placement.json --profile PROFILE --rest {rest}",
        "```",
    ]
    if waiting:
        lines += [
            "",
            "When the job runs, and not before, start the TaskManagers in reserve:",
            "",
            "```sh",
            *(f"sh cluster.sh spares {host}" for host in waiting),
            "```",
        ]
    lines += [
        "",
        "## Stop",
        "",
        "```sh",
        *(f"sh cluster.sh stop {host}" for host in hosts),
        "```",
        "",
        "## With systemd",
        "",
        "Instead of `cluster.sh`: systemd starts the processes with the machine, and `planner supervise`",
        "restarts a TaskManager in place. planner, a user `flink`, and a folder for journals that it may",
        f"write to have to be there, and these lines in `/etc/default/flink-{job}`, with absolute paths:",
        "",
        "```sh",
        "FLINK_HOME=/opt/flink",
        f"EXPORT=/opt/{job}",
        f"JOURNALS=/var/log/{job}",
        "```",
        "",
        "On each host, copy its units from `systemd` to `/etc/systemd/system`, then:",
        "",
        "```sh",
        "systemctl daemon-reload",
    ]
    for host in hosts:
        units = " ".join(
            f"flink-{job}-{name}" for name in where if where[name] == host and name not in reserve
        )
        if units:
            lines.append(f"systemctl enable --now {units}     # on {host}")
    lines.append("```")
    if reserve:
        lines += [
            "",
            "Those in reserve are started when the job runs, and are not enabled: "
            + ", ".join(f"`flink-{job}-{name}` on {where[name]}" for name in where if name in reserve)
            + ".",
        ]
    return "\n".join([*lines, *notes(configured)]) + "\n"
