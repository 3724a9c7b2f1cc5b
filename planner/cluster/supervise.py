"""What `planner.cluster.supervisor` runs: the command line and limits of one TaskManager of a placement.

In a container a command of the user's is the TaskManager, mostly Flink's ``taskmanager.sh``, which takes the
options of the placement as arguments and works out the same JVM arguments from them (`BashJavaUtils`). In the
folder of a local cluster planner's own command line is.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from planner.cluster import standalone, supervisor
from planner.cluster.credentials import AUTHORITY, USER
from planner.cluster.launches import task_manager_options
from planner.cluster.processes import MARK, log_file
from planner.cluster.rest import Rest
from planner.documents.placement import Placement
from planner.documents.sensitive import HIDDEN, is_reference, masked
from planner.flink.errors import OptionRefused
from planner.memory.taskmanager import derive_taskmanager

PROGRAM = Path(supervisor.__file__)
SHELL_PROGRAM = PROGRAM.with_suffix(".sh")
THREADS = 4000
"""How many threads a TaskManager may have where nothing else limits them: a choice, Flink has no limit."""
_INTERPRETER = ("-I", "-S")
"""Neither the user's Python settings nor installed packages: nothing of that is needed, or held in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Supervision:
    """A specification for the supervisor, and the environment and folder that it runs in.

    ``left_out`` are options of the placement whose values are secrets, which the image has to have.
    """

    spec: Mapping[str, Any]
    environment: Mapping[str, str] = dataclasses.field(repr=False)
    folder: Path | None = None
    left_out: Sequence[str] = ()


def in_container(
    placement: Placement,
    name: str,
    command: Sequence[str],
    rest: str | None = None,
    journal: str | None = None,
    settings: Mapping[str, float] | None = None,
) -> Supervision:
    """Return how a command runs as a TaskManager of a placement.

    Raises:
        OptionRefused: when the placement has no such TaskManager, or says nothing of its memory.
        MemoryConfigurationError: when its memory options are inconsistent.
        NoAnswer: when ``rest`` is no address.

    """
    found = next((tm for tm in placement.task_managers if tm.id == name), None)
    if found is None:
        raise OptionRefused(f"the placement has no TaskManager {name!r}; it has {_some(placement)}")
    if found.memory is None:
        raise OptionRefused(f"the placement gives TaskManager {name!r} no memory; place again")
    options = {**(placement.flink_configuration or {}), **task_manager_options(found)}
    memory = derive_taskmanager(options)
    options |= {
        "taskmanager.resource-id": name,
        # instead of those in the image's configuration, such as the 1728m of Flink's own
        "taskmanager.memory.process.size": f"{memory.process}b",
        "taskmanager.memory.flink.size": f"{memory.flink}b",
    }
    # a command line is for everybody to see
    secret = [
        key for key, value in options.items() if is_reference(key, value) or HIDDEN in masked(key, value)
    ]
    words = [word for key, value in options.items() if key not in secret for word in ("-D", f"{key}={value}")]
    first, *others = command
    arguments = found.memory.jvm_arguments if os.path.basename(first) == "java" else []
    address, environment = _address(rest)
    spec = _spec(name, [first, *arguments, *others, *words], options, settings, rest=address)
    return Supervision(
        {**spec, "journal": journal or f"{name}.supervise.jsonl"}, environment, left_out=secret
    )


def in_folder(
    folder: Path,
    name: str,
    settings: Mapping[str, float] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Supervision:
    """Return how a TaskManager of the local cluster in a folder runs; the one that runs now is ended.

    Raises:
        ClusterFolderError: when there is no cluster in the folder, or its state cannot be read.
        ClusterFailed: when its JobManager does not run, or the TaskManager is supervised already.
        OptionRefused: when it has no such TaskManager.

    """
    cluster, process, command = standalone.hand_over(folder, name, note)
    spec = _spec(process, command, cluster.launches[name][1], settings, rest=cluster.url)
    log = log_file(cluster.folder, process)
    places = {"log": str(log), "journal": str(log.with_name(f"{process}.supervise.jsonl"))}
    return Supervision({**spec, **places}, {**_nobody(), MARK: cluster.mark}, cluster.folder)


def _spec(
    name: str,
    command: Sequence[str],
    options: Mapping[str, str],
    settings: Mapping[str, float] | None,
    rest: str | None,
) -> dict[str, Any]:
    return {
        "taskManager": name,
        "command": list(command),
        "rest": rest,
        "limits": limits(options),
        "settings": dict(settings or {}),
    }


def limits(options: Mapping[str, str]) -> dict[str, int]:
    """Return what a TaskManager with these options may use, by the supervisor's name of it.

    Raises:
        MemoryConfigurationError: when its memory options are inconsistent.

    """
    memory = derive_taskmanager(options)
    return {
        "resident": memory.process,
        "direct": memory.framework_off_heap + memory.task_off_heap + memory.network,
        "metaspace": memory.jvm_metaspace,
        "threads": THREADS,
    }


def _some(placement: Placement) -> str:
    names = [tm.id for tm in placement.task_managers]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _address(rest: str | None) -> tuple[str | None, dict[str, str]]:
    """Return an address without user and password, and the environment that has them instead."""
    if rest is None:
        return None, _nobody()
    found = Rest.at(rest)
    parts = urlsplit(rest if "://" in rest else f"http://{rest}")
    if parts.username is None:
        return found.url, dict(os.environ)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    authority = {AUTHORITY: os.environ[AUTHORITY]} if AUTHORITY in os.environ else {}
    return found.url, {**_nobody(), **authority, USER: user}


def _nobody() -> dict[str, str]:
    """Return the environment without what is shown to other clusters."""
    return {key: value for key, value in os.environ.items() if key not in supervisor.CREDENTIALS}


def become(supervision: Supervision) -> NoReturn:
    """Replace this process by a small one that supervises; nothing of planner stays in memory.

    The specification is in memory as well, on stdin: no file is left, and no folder has to be writable.

    Raises:
        OSError: when the system does not do that.

    """
    text = json.dumps(supervision.spec).encode()
    memory = os.memfd_create("supervise")
    os.write(memory, text)
    os.dup2(memory, 0)
    if supervision.folder is not None:
        os.umask(0o077)
        os.chdir(supervision.folder)
    name = str(supervision.spec["taskManager"])
    words = [sys.executable, *_INTERPRETER, str(PROGRAM), "--spec", "/proc/self/fd/0", name]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(words[0], words, dict(supervision.environment))
