"""Small placements to export, and Flink's start scripts replaced by what tells its arguments."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import planner
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import derive_taskmanager
from planner.targets.options import process_options
from samples import document

JOB = """\
apiVersion: planner/v1
kind: Job
metadata: {name: orders}
spec:
  parallelism: 4
  recovery: fast
  slotSharingGroups:
    - {name: read, resources: {cpu: 0.5, heap: 128 mb}}
    - {name: hot & cold, resources: {cpu: 1, heap: 256 mb, managed: {state_backend: 64 mb}}}
  operators:
    - {id: a, kind: kafka-source, uid: a, group: read}
    - {id: b, kind: map, uid: b, group: hot & cold, inputs: [{from: a, ship: hash}]}
"""
CLUSTER = """\
apiVersion: planner/v1
kind: Cluster
metadata: {name: small}
spec:
  taskManagerClasses:
    - {name: large, count: 2, cpu: 4, memory: {process: 4 gb}, slots: 8}
    - {name: Small_1, count: 3, cpu: 1.5, memory: {process: 2 gb}, slots: 4,
       flinkConfiguration: {OPTIONS}}
  taskManagers: [{id: jobmanager, cpu: 1, memory: {process: 2 gb}, slots: 2}]
  reserve: {taskManagers: 1}
"""
OPTIONS = """taskmanager.registration.timeout: 7 min, user.text: "it's $HOME; `x` \\"y\\" \\\\", akka.ask.timeout: 9 s"""


def profile(version: str = "2.2") -> planner.ResourceProfile:
    """Return the profile of the job, for a version of Flink."""
    text = JOB.replace("  parallelism", f'  flinkVersion: "{version}"\n  parallelism', 1)
    return planner.compile(document(text, planner.Job))


def placement(
    job: planner.ResourceProfile, options: str = OPTIONS, *, reserve: bool = True
) -> planner.Placement:
    """Return a placement of the job; the options are those of its small TaskManagers."""
    text = CLUSTER.replace("OPTIONS", options)
    if not reserve:
        text = text.replace("  reserve: {taskManagers: 1}\n", "")
    return planner.place(job, document(text, planner.Cluster), time_limit=20)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by name."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def fake_flink(folder: Path) -> Path:
    """Make a distribution whose start scripts print process id, configuration folder and arguments."""
    for name in ("taskmanager.sh", "jobmanager.sh"):
        script = folder / "bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text('#!/bin/sh\nprintf \'%s\\0\' "$$" "${FLINK_CONF_DIR:-}" "${0##*/}" "$@"\n')
        script.chmod(0o755)
    return folder


def started(command: list[str], environment: Mapping[str, str]) -> list[str]:
    """Run a command that has to become a start script of Flink's; return its configuration, name and words."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin", **environment}
    ) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    pid, *words, end = output.split("\0")
    assert int(pid) == process.pid, "a shell is left between, which keeps signals to itself"
    assert end == ""
    return words


def options_of(words: list[str]) -> dict[str, str]:
    """Return the options among the arguments of a start script; the last of two wins, as in Flink."""
    assert words[0] == "start-foreground"
    assert words[1::2] == ["-D"] * (len(words) // 2)
    return dict(word.split("=", 1) for word in words[2::2])


def check_as_planned(found: Mapping[str, Mapping[str, str]], planned: planner.Placement) -> None:
    """Check that processes with these options, by id, are the TaskManagers of a placement."""
    assert found.keys() == {tm.id for tm in planned.task_managers}
    for tm in planned.task_managers:
        options, wanted = found[tm.id], process_options(planned, tm)
        assert {key: options[key] for key in wanted} == wanted
        assert tm.memory is not None
        assert jvm_arguments(derive_taskmanager(options)) == tm.memory.jvm_arguments
