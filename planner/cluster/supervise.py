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
from planner.cluster.processes import MARK, log_file
from planner.cluster.rest import Rest
from planner.documents.placement import PlacedMemory, PlacedTaskManager, Placement
from planner.documents.sensitive import holds_secret
from planner.files import real
from planner.flink.errors import OptionRefused
from planner.memory.jvm_arguments import jvm_arguments
from planner.memory.taskmanager import TaskManagerMemory, derive_taskmanager
from planner.recover.adjustments import Adjustment, adjustments
from planner.recover.diagnosis.changes import Change
from planner.targets.options import process_options, task_manager_options
from planner.units import parse_size

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
    adjust: str = "propose",
) -> Supervision:
    """Return how a command runs as a TaskManager of a placement.

    ``adjust`` is one of `planner.cluster.supervisor.MODES`.

    Raises:
        OptionRefused: when the placement has no such TaskManager, or says nothing of its memory.
        MemoryConfigurationError: when its memory options are inconsistent.
        NoAnswer: when ``rest`` is no address.

    """
    found, planned = _planned(placement, name)
    options = process_options(placement, found)
    # totals too, instead of those in the image's configuration, such as the 1728m of Flink's own
    options |= derive_taskmanager(options).all_options()
    # a command line is for everybody to see
    secret = [key for key, value in options.items() if holds_secret(key, value)]
    words = [word for key, value in options.items() if key not in secret for word in ("-D", f"{key}={value}")]
    first, *others = command
    arguments = planned.jvm_arguments if os.path.basename(first) == "java" else []
    address, environment = _address(rest)
    spec = _spec(name, [first, *arguments, *others, *words], options, settings, address, found, adjust)
    return Supervision(
        {**spec, "journal": journal or f"{name}.supervise.jsonl"}, environment, left_out=secret
    )


def in_folder(
    folder: Path,
    name: str,
    settings: Mapping[str, float] | None = None,
    note: Callable[[str], None] = lambda _: None,
    placement: Placement | None = None,
    adjust: str = "propose",
) -> Supervision:
    """Return how a TaskManager of the local cluster in a folder runs; the one that runs now is ended.

    Without the ``placement`` of the cluster it is not known what is free in its memory: nothing is adjusted.

    Raises:
        ClusterFolderError: when there is no cluster in the folder, or its state cannot be read.
        ClusterFailed: when its JobManager does not run, or the TaskManager is supervised already.
        OptionRefused: when it has no such TaskManager, or gives it other memory than the placement.

    """
    found = None if placement is None else _planned(placement, name)[0]
    there = standalone.read(real(folder))
    if found is not None and there is not None and name in there.launches:
        _alike(found, there.launches[name][1])
    cluster, process, command = standalone.hand_over(folder, name, note)
    options = cluster.launches[name][1]
    if found is not None:
        sizes = derive_taskmanager(options).all_options()  # what is adjusted has to stand on the command line
        command += [word for key, value in sizes.items() for word in ("-D", f"{key}={value}")]
    spec = _spec(process, command, options, settings, cluster.url, found, adjust)
    log = log_file(cluster.folder, process)
    places = {"log": str(log), "journal": str(log.with_name(f"{process}.supervise.jsonl"))}
    return Supervision({**spec, **places}, {**_nobody(), MARK: cluster.mark}, cluster.folder)


def _planned(placement: Placement, name: str) -> tuple[PlacedTaskManager, PlacedMemory]:
    found = next((tm for tm in placement.task_managers if tm.id == name), None)
    if found is None:
        raise OptionRefused(f"the placement has no TaskManager {name!r}; it has {_some(placement)}")
    if found.memory is None:
        raise OptionRefused(f"the placement gives TaskManager {name!r} no memory; place again")
    return found, found.memory


def _alike(found: PlacedTaskManager, options: Mapping[str, str]) -> None:
    """Refuse a placement that a TaskManager with these options was not started with."""
    if derive_taskmanager(task_manager_options(found)) != derive_taskmanager(options):
        raise OptionRefused(
            f"the placement gives {found.id} other memory than the cluster does; name the placement that the"
            " cluster was started with"
        )


def _spec(
    name: str,
    command: Sequence[str],
    options: Mapping[str, str],
    settings: Mapping[str, float] | None,
    rest: str | None,
    planned: PlacedTaskManager | None,
    adjust: str,
) -> dict[str, Any]:
    memory = derive_taskmanager(options)
    found = adjustments(planned) if planned is not None and adjust != "off" else {}
    mode = adjust if planned is not None else "off"
    return {
        "taskManager": name,
        "command": list(command),
        "rest": rest,
        "limits": limits(memory),
        "settings": dict(settings or {}),
        "adjust": {"mode": mode, "steps": _steps(found, memory, frozenset(command))},
    }


def _steps(
    found: Mapping[str, Adjustment], before: TaskManagerMemory, words: frozenset[str]
) -> dict[str, Any]:
    """Return adjustments as the supervisor looks them up, with what they make of the words of a command."""
    now, own = limits(before), _words(before)
    return {
        kind: {
            "changes": [_change(change) for change in one.changes if change.before != change.after],
            "words": {
                old: new
                for old, new in zip(own, _words(one.memory), strict=True)
                if old != new and old in words
            },
            "limits": {
                figure: size
                for figure, size in limits(one.memory).items()
                if size != now[figure] and figure != "resident"
            },
            "takes": list(one.takes),
            "then": _steps(one.then, before, words),
        }
        for kind, one in found.items()
    }


def _words(memory: TaskManagerMemory) -> list[str]:
    """Return the words of a command line that say how large the memory of a TaskManager is."""
    return [*jvm_arguments(memory), *(f"{key}={value}" for key, value in memory.all_options().items())]


def _change(change: Change) -> dict[str, str]:
    before, after = (parse_size(size or "0") for size in (change.before, change.after))
    return {"option": change.option, "from": f"{before}b", "to": f"{after}b", "why": change.why}


def limits(memory: TaskManagerMemory) -> dict[str, int]:
    """Return what a TaskManager may use, by the supervisor's name of it."""
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
