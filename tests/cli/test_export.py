"""``planner export`` of a placement: which options go together, and what becomes of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import invoke
from placements import JOB, placement, profile

import planner
from planner import files
from planner.files import write_folder


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a profile and its placement."""
    folder = tmp_path_factory.mktemp("export")
    job = profile()
    planner.save(job, folder / "orders.profile.json")
    planner.save(placement(job), folder / "orders.placement.json")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", ["kubernetes", "operator", "flink-conf", "standalone"])
def test_a_placement_is_written_as_a_folder_again_and_again(
    target: str, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(documents)
    answer = invoke(["export", "--target", target, "-o", f"{tmp_path}/out/"])
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout == ""
    assert f"{tmp_path}/out/README.md says what to run" in answer.stderr
    first = contents(tmp_path / "out")
    assert (tmp_path / "out/start.sh").exists() == (target in ("flink-conf", "standalone"))
    (tmp_path / "out/README.md").write_text("edited")
    assert invoke(["export", "--target", target, "-o", f"{tmp_path}/out"]).exit_code == 0
    assert contents(tmp_path / "out") == first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


REFUSED = {
    "a folder is named": (
        ["--target", "kubernetes"],
        "--target kubernetes writes a folder; name it with -o DIR",
    ),
    "image": (
        ["--target", "flink-conf", "--image", "x", "-o", "out"],
        "--image is not for --target flink-conf",
    ),
    "host": (
        ["--target", "kubernetes", "--jobmanager", "x", "-o", "out"],
        "--jobmanager is not for --target kube",
    ),
    "profile": (["--profile", "x"], "--profile is not for --target expert-mode; leave it out"),
    "storage": (["--target", "kubernetes", "--storage", "x", "-o", "out"], "storage 'x' is not a URI"),
    "host name": (
        ["--target", "flink-conf", "--jobmanager", "a b", "-o", "out"],
        "'a b' is not the name of a host",
    ),
    "no parent": (
        ["--target", "kubernetes", "-o", "no/where"],
        "cannot write no/where: No such file or directory",
    ),
    "native": (
        ["--target", "operator", "--mode", "native", "-o", "out"],
        "native mode starts TaskManagers of one kind",
    ),
    "nothing to lose": (
        ["--target", "operator", "--degrade", "-o", "out"],
        "standalone mode expresses the whole placement; leave degrade out",
    ),
    "operator": (
        ["--target", "operator", "--operator-version", "1.9", "-o", "out"],
        "operator '1.9' is not one whose resources planner knows: 1.15 and 1.16",
    ),
    "hosts": (["--target", "standalone", "--hosts", "no", "-o", "out"], "cannot read no: No such file"),
    "processes": (
        ["--target", "standalone", "--hosts", "orders.profile.json", "-o", "out"],
        "hosts:1: write the name of a process and its host",
    ),
    "mode": (["--target", "kubernetes", "--mode", "native", "-o", "out"], "--mode is not for --target kube"),
    "a file": (["--target", "kubernetes", "-o", "orders.profile.json"], "it is a file; name a folder"),
    "documents": (["--target", "kubernetes", "-o", "."], "it holds orders.p"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused(
    name: str, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(documents)
    arguments, message = REFUSED[name]
    before = contents(documents)
    answer = invoke(["export", *(["orders.placement.json"] if name != "profile" else []), *arguments])
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert contents(documents) == before


def test_a_placement_without_its_profile_is_refused(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.placement.json").write_bytes((documents / "orders.placement.json").read_bytes())
    answer = invoke(["export", "--target", "kubernetes", "-o", "out"])
    assert answer.exit_code == 2
    assert "name it with --profile FILE" in answer.stderr
    planner.save(profile("1.20"), tmp_path / "other.json")
    answer = invoke(["export", "--target", "kubernetes", "--profile", "other.json", "-o", "out"])
    assert answer.exit_code == 2
    assert "was made from another profile" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_job_is_found_beside_its_placement(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which placement a person makes without ever writing a profile."""
    monkeypatch.chdir(tmp_path)
    beside = tmp_path / "orders"
    beside.mkdir()
    (beside / "p.placement.json").write_bytes((documents / "orders.placement.json").read_bytes())
    arguments = ["export", "orders/p.placement.json", "--target", "flink-conf", "-o"]
    (beside / "job.yaml").write_text(JOB.replace("parallelism: 4", "parallelism: 5"))
    assert invoke([*arguments, "out"]).exit_code == 2
    (beside / "job.yaml").write_text(JOB)
    (tmp_path / "job.yaml").write_text("nothing of planner's")
    answer = invoke([*arguments, "out"])
    assert answer.exit_code == 0, answer.stderr
    named = invoke([*arguments, "named", "--profile", "orders/job.yaml"])
    assert named.exit_code == 0, named.stderr
    assert contents(tmp_path / "named") == contents(tmp_path / "out")


FILES = {"README.md": "one\n", "a/start.sh": "#!/bin/sh\n"}


@pytest.mark.parametrize("foreign", ["mine.txt", "a/mine.txt", ".hidden"])
def test_a_folder_with_files_of_others_is_left_alone(foreign: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_folder(folder, FILES)
    (folder / foreign).write_text("mine")
    before = contents(folder)
    with pytest.raises(FileExistsError, match=f"it holds {foreign}, which planner has not written"):
        write_folder(folder, {"README.md": "two\n"})
    assert contents(folder) == before


def test_a_folder_that_no_export_has_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(FileExistsError, match=r"it holds README\.md"):
        write_folder(tmp_path, FILES)
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(FileExistsError):
        write_folder(link, FILES)


def test_files_of_the_export_before_go(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir(mode=0o750)
    write_folder(folder, FILES)
    assert (folder / "a/start.sh").stat().st_mode & 0o100
    assert folder.stat().st_mode & 0o777 == 0o750
    write_folder(folder, {"b": "two\n"})
    assert contents(folder).keys() == {"b", ".planner-export"}


@pytest.mark.parametrize("step", range(6))
def test_a_write_that_fails_leaves_the_folder_as_it_was(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step that changes files fails in turn, until none is left to fail."""
    folder = tmp_path / "out"
    write_folder(folder, FILES)
    before = contents(folder)
    done = 0

    def counted(name: str) -> None:
        original = getattr(Path, name)

        def replaced(path: Path, *arguments: object, **more: object) -> object:
            nonlocal done
            done += 1
            if done == step + 1:
                raise OSError(28, "No space left on device")
            return original(path, *arguments, **more)

        monkeypatch.setattr(files.Path, name, replaced)

    for name in ("write_text", "replace", "rename"):
        counted(name)
    try:
        write_folder(folder, {"README.md": "two\n", "b": "x"})
    except OSError:
        assert contents(folder) == before
    else:
        assert step == 5
        assert contents(folder)["README.md"] == "two\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
