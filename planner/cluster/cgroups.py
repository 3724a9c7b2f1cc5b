"""CPU limits of local processes by Linux control groups, version 1 or 2, where this user may make them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

PERIOD = 100_000
"""Microseconds over which a limit is kept: the kernel's default, and Kubernetes'."""
QUOTAS = ("cpu.max", "cpu.cfs_quota_us")
"""The file of the limit, of version 2 and of version 1."""
LEAST = 1_000
"""Smallest quota that the kernel takes, in microseconds."""
PROCESSES = "cgroup.procs"
_NAME = "planner-{}"
GONE_SECONDS = 2.0
_ENTER = 'echo 0 > "$0" && exec "$@"'
"""A process enters its group before it becomes Java, which looks at its limits when it starts."""


def folder_for(mark: str) -> Path | None:
    """Make the control group of a cluster and return it; None where that is not permitted."""
    for parent in _parents():
        folder = parent / _NAME.format(mark)
        if not is_folder_for(folder, mark):
            continue  # whoever reads the state of the cluster would not believe it
        if not os.access(parent / PROCESSES, os.W_OK):
            continue  # a process could not go from there into a group
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            if _limits_children(folder):
                return folder
        with suppress(OSError):
            folder.rmdir()
    return None


def is_folder_for(folder: Path, mark: str) -> bool:
    """Tell whether a folder can be the control group of a cluster; no other is written to or removed."""
    groups = [Path(place) for _, place, kind, *_ in _mounts() if kind in ("cgroup", "cgroup2")]
    own = folder.name == _NAME.format(mark) and Path(os.path.realpath(folder)) == folder
    return own and any(folder.is_relative_to(root) for root in groups)


def _limits_children(folder: Path) -> bool:
    """Tell whether groups in ``folder`` have CPU limits; version 2 has to be told to have them."""
    control = folder / "cgroup.subtree_control"
    if control.exists():
        control.write_text("+cpu")
        return True
    return any((folder / name).exists() for name in QUOTAS)


def _parents() -> Iterator[Path]:
    """Yield where a group for CPU can be: in this process's own, with version 2 beside it.

    With version 2 a group holds either processes or limited groups, the root excepted.
    """
    own = [line.split(":", 2) for line in _lines("/proc/self/cgroup")]
    for _, place, kind, options, *_ in _mounts():
        root = Path(place)
        if kind == "cgroup" and "cpu" in options.split(","):
            inside = next((path for _, names, path in own if "cpu" in names.split(",")), "/")
            yield from (parent for parent in (root / inside.strip("/"), root) if parent.is_dir())
        elif kind == "cgroup2":
            inside = next((path for number, names, path in own if (number, names) == ("0", "")), "/")
            here = root / inside.strip("/")
            yield from (parent for parent in (here.parent, root) if parent.is_relative_to(root))


def _mounts() -> list[list[str]]:
    return [line.split() for line in _lines("/proc/self/mounts")]


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def limited(folder: Path, name: str, cores: float, command: Sequence[str]) -> list[str]:
    """Return a command line that starts ``command`` with at most ``cores`` cores of CPU time.

    Raises:
        OSError: when the group of the process cannot be made.

    """
    group = folder / name
    group.mkdir(parents=True, exist_ok=True)
    quota = max(round(cores * PERIOD), LEAST)
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (group / "cpu.cfs_quota_us").write_text(str(quota))
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is: a group around this one allows less anyway
            raise
    return ["/bin/sh", "-c", _ENTER, str(group / PROCESSES), *command]


def remove(folder: Path) -> None:
    """Remove the control groups of a cluster whose processes have ended."""
    until = time.monotonic() + GONE_SECONDS
    while folder.is_dir() and time.monotonic() < until:
        for place, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):  # a process that was just killed may still be in it
                Path(place).rmdir()
        time.sleep(0.02)
