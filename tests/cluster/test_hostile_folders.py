"""What stands in the folder of a cluster is not believed: it may be a copy, or from anybody."""

from __future__ import annotations

import copy
import json
import os
import shutil
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import invoke
from rest_server import planned

from planner import api
from planner.api import clusters
from planner.api.clusters import rest_of
from planner.cluster import cgroups, standalone
from planner.cluster.errors import ClusterFailed, ClusterFolderError
from planner.cluster.migrate import journal_of
from planner.cluster.processes import MARK, marked
from planner.cluster.standalone import JOURNAL, STATE, down, read
from planner.documents.write import to_data

DEEP: Any = 0
for _ in range(70):
    DEEP = [DEEP]
STATE_DATA: dict[str, Any] = {
    "mark": uuid.uuid4().hex,
    "restPort": 20_001,
    "rpcPort": 20_002,
    "controlGroup": None,
    "flinkHome": None,
    "launches": {"jobmanager": [["-Xmx512m"], {}], "tm-0": [[], {"taskmanager.cpu.cores": "1.0"}]},
}


def folder_with(tmp_path: Path, **changed: Any) -> Path:
    folder = tmp_path / ".planner"
    folder.mkdir()
    (folder / STATE).write_text(json.dumps({**STATE_DATA, **changed}))
    return folder


def test_a_state_that_is_right(tmp_path: Path) -> None:
    found = read(folder_with(tmp_path))
    assert found is not None
    assert found.running() == {}
    assert set(found.launches) == {"jobmanager", "tm-0"}


@pytest.mark.parametrize(
    "changed",
    [
        {"mark": ""}, {"mark": None}, {"mark": "../x"}, {"restPort": 0}, {"restPort": "x"}, {"rpcPort": 1e999},
        {"restPort": 10**400}, {"launches": []}, {"launches": {}}, {"launches": DEEP}, {"mark": DEEP},
        {"launches": {"tm": [[], {}]}}, {"launches": {"jobmanager": [[], {}], "../x": [[], {}]}},
        {"launches": {"jobmanager": [[], {}], "a" * 300: [[], {}]}}, {"launches": {"jobmanager": [[1], {}]}},
        {"launches": {"jobmanager": [[], {"a": None}]}}, {"launches": {"jobmanager": "ab"}},
        {"spares": ["tm-9"]}, {"controlGroup": 7}, {"controlGroup": "/"}, {"controlGroup": "/tmp"}, {"flinkHome": []},
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["status", "down", "verify", "import job"])
def test_no_state_is_a_traceback(
    tmp_path: Path, changed: dict[str, Any], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = folder_with(tmp_path, **changed)
    if verb == "verify":
        with pytest.raises(ClusterFolderError):
            rest_of(None, folder)
        return
    done = invoke(verb.split())
    assert done.exit_code == 2
    assert f"{folder / STATE} cannot be read" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 10**6, b"\xff\xfe", b"[]", b"null", b"7"])
def test_no_text_is_a_traceback(tmp_path: Path, raw: bytes) -> None:
    folder = folder_with(tmp_path)
    (folder / STATE).write_bytes(raw)
    with pytest.raises(ClusterFolderError, match="remove it"):
        read(folder)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / STATE).unlink()
    os.mkfifo(folder / STATE)
    with pytest.raises(ClusterFolderError, match="no regular file"):
        read(folder)


SETUP: dict[str, Any] = {
    "launches": {"tm-0": [[], {"taskmanager.cpu.cores": "1.0"}]}, "spares": [], "generations": {},
}  # fmt: skip


def journal_data() -> dict[str, Any]:
    placement = to_data(planned()[0])
    return {
        "id": "0" * 32,
        "step": "restart",
        "old": SETUP,
        "new": SETUP,
        "before": placement,
        "after": placement,
    }


def journal_in(folder: Path, **changed: Any) -> Path:
    (folder / JOURNAL).write_text(json.dumps({**journal_data(), **changed}))
    return folder


def test_a_journal_that_is_right(tmp_path: Path) -> None:
    found = journal_of(journal_in(tmp_path))
    assert found is not None
    assert found.step == "restart"


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 7}, {"step": "\x1b[31m"}, {"aborting": "maybe"}, {"called": DEEP}, {"callbacks": {"preRestart": 1}},
        {"new": {}}, {"new": {**SETUP, "spares": ["tm-9"]}}, {"new": {**SETUP, "generations": {"tm-0": 10**400}}},
        {"old": {**SETUP, "launches": {"../../x": [[], {}]}}}, {"old": {**SETUP, "launches": {"a" * 300: [[], {}]}}},
        {"before": {}}, {"after": {"kind": "Placement"}}, {"after": DEEP},
    ],
)  # fmt: skip
def test_no_journal_is_a_traceback(
    tmp_path: Path, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = journal_in(folder_with(tmp_path), **changed)
    for option in ("--status", "--resume", "--abort"):
        done = invoke(["migrate", option])
        assert done.exit_code == 2
        assert f"{folder / JOURNAL} cannot be read" in done.stderr.replace("\n", " ")


def test_a_journal_is_read_like_a_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / JOURNAL)
    with pytest.raises(ClusterFolderError, match="no regular file"):
        journal_of(tmp_path)
    for raw in (b"", b"{", b"[" * 10**6, b"\xff\xfe"):
        (tmp_path / JOURNAL).unlink()
        (tmp_path / JOURNAL).write_bytes(raw)
        with pytest.raises(ClusterFolderError, match="remove it"):
            journal_of(tmp_path)


def test_a_migration_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ClusterFolderError, match="no cluster runs in"):
        api.migrate(planned()[0], planned()[0], folder=tmp_path / "typo")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("kept")
    launches = {"jobmanager": ((), {})}
    for name in ("lock", "cluster.json", "conf", "log", "tmp"):
        folder = tmp_path / f"with-{name}"
        folder.mkdir()
        (folder / name).symlink_to(precious / "file" if "." in name or name == "lock" else precious)
        with pytest.raises(ClusterFolderError):
            standalone.up(folder, launches, 1.0)
    assert (precious / "file").read_text() == "kept"
    assert [file.name for file in precious.iterdir()] == ["file"]
    assert stat.S_IMODE(precious.stat().st_mode) == 0o755


def test_a_state_of_another_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ClusterFolderError, match="belongs to another user"):
        read(folder)


def test_only_the_control_group_of_a_cluster_is_ever_removed(tmp_path: Path) -> None:
    precious = tmp_path / f"planner-{STATE_DATA['mark']}" / "empty"
    precious.mkdir(parents=True)
    folder = folder_with(tmp_path, controlGroup=str(precious.parent))
    with pytest.raises(ClusterFolderError, match="is not the control group of a cluster"):
        down(folder)
    assert precious.exists()


def test_what_is_a_control_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = tmp_path.resolve() / "cgroup"
    (root / "planner-m").mkdir(parents=True)
    (root / "other").mkdir()
    (tmp_path / "planner-m").symlink_to(root / "planner-m")
    monkeypatch.setattr(cgroups, "_mounts", lambda: [["x", str(root), "cgroup2", "rw"]])
    assert cgroups.is_folder_for(root / "planner-m", "m")
    assert not cgroups.is_folder_for(root / "planner-m", "n")
    assert not cgroups.is_folder_for(root / "other", "m")
    assert not cgroups.is_folder_for(root / "other/../planner-m", "m")
    assert not cgroups.is_folder_for(tmp_path / "planner-m", "m")


@pytest.fixture
def original(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a cluster of one process, which waits for its end."""
    folder = folder_with(tmp_path)
    mark = {**os.environ, MARK: STATE_DATA["mark"]}
    line = "import time; time.sleep(60)"
    arguments = [sys.executable, "-c", line, "taskmanager.resource-id=tm-0"]
    with subprocess.Popen(arguments, cwd=folder, env=mark) as process:
        yield folder
        process.kill()


def test_a_copy_of_a_folder_does_not_end_the_cluster(original: Path, tmp_path: Path) -> None:
    shutil.copytree(original, tmp_path / "copy")
    copied = read(tmp_path / "copy")
    assert copied is not None
    assert copied.running() == {}
    assert down(tmp_path / "copy") == []
    own = read(original)
    assert own is not None
    assert set(own.running()) == {"tm-0"}
    assert down(original) == ["tm-0"]
    assert not marked(STATE_DATA["mark"])


def test_a_folder_that_was_moved_is_still_the_clusters(original: Path, tmp_path: Path) -> None:
    original.rename(tmp_path / "moved")
    assert down(tmp_path / "moved") == ["tm-0"]


def test_a_flink_that_only_a_folder_names_is_not_run(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    (foreign / "lib").mkdir(parents=True)
    (foreign / "lib/flink-dist-2.2.1.jar").write_bytes(b"")
    folder = folder_with(tmp_path, flinkHome=str(foreign))
    launches = copy.deepcopy(STATE_DATA["launches"])
    with pytest.raises(ClusterFailed, match=f"its Flink was {foreign}: name that again"):
        standalone.up(folder, launches, 1.0)
    assert clusters._home(folder) is None


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("a" * 300, "a/b", "..", ""):
        with pytest.raises(ClusterFolderError, match="cannot be the id of a TaskManager here"):
            standalone.up(tmp_path, {"jobmanager": ((), {}), name: ((), {})}, 1.0)
