"""The command line as a user meets it: outputs, exit codes, files, pipes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from planner.cli.app import app
from planner.cli.errors import Exit
from samples import FOLDER, SAMPLES

GOLDEN = Path(__file__).parent.parent / "golden"
JOB, CLUSTER = str(FOLDER / "skewed-join/job.yaml"), str(FOLDER / "skewed-join/cluster.yaml")
VERBS = [command.name or str(command.callback) for command in app.registered_commands]
TOO_SMALL = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: small}
spec: {taskManagerClasses: [{name: tiny, count: 2, cpu: 4, memory: {process: 16 gb}}]}
"""


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("verb", ["compile", "place", "recover", "show"])
def test_samples_print_what_they_did_before(name: str, verb: str, request: pytest.FixtureRequest) -> None:
    """Golden files; write them again with: pytest --update-golden."""
    job, cluster = str(FOLDER / name / "job.yaml"), str(FOLDER / name / "cluster.yaml")
    extra = {
        "compile": ["--format", "text"],
        "place": ["-c", cluster, "--format", "text"],
        "recover": ["-c", cluster, "--format", "text"],
        "show": ["--format", "mermaid"],
    }[verb]
    result = run(verb, job, *extra)
    assert result.exit_code == 0, result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines() if verb != "show")
    golden = GOLDEN / f"{name}.{verb}.txt"
    if request.config.getoption("--update-golden"):
        golden.write_text(result.stdout, encoding="utf-8")
    assert result.stdout == golden.read_text(encoding="utf-8")


def test_same_bytes_whatever_instructions_a_processor_has() -> None:
    """NumPy sorts in other ways with AVX2 and AVX-512; without a stable order equal ones are exchanged."""
    folder = FOLDER / "large"
    command = [sys.executable, "-m", "planner", "place", folder / "job.yaml", "-c", folder / "cluster.yaml"]
    limit = ["--time-limit", "60"]  # work ends it in a few seconds, and on a busy machine the clock must not
    found = [
        subprocess.run(
            [*command, *limit, "--format", "json", "--no-meta"],
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled},
            capture_output=True,
            check=True,
        ).stdout
        for disabled in ("", "X86_V3")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("verb", ["compile", "place", "recover"])
def test_same_input_same_bytes(verb: str) -> None:
    extra = [] if verb == "compile" else ["-c", CLUSTER, "--format", "json"]
    extra += ["--no-meta", "--seed", "3", "--workers", "1"] if verb == "place" else []
    first, second = run(verb, JOB, *extra), run(verb, JOB, *extra)
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    json.loads(first.stdout)


def test_verbs_take_the_documents_before_theirs(tmp_path: Path) -> None:
    profile, placement = tmp_path / "j.profile.json", tmp_path / "j.placement.json"
    assert run("compile", JOB, "-o", str(profile)).exit_code == 0
    assert run("place", str(profile), "-c", CLUSTER, "-o", str(placement), "--no-meta").exit_code == 0
    straight = run("place", JOB, "-c", CLUSTER, "--format", "json", "--no-meta")
    assert placement.read_text() == straight.stdout
    result = run("recover", str(profile), "-p", str(placement), "--format", "json")
    assert json.loads(result.stdout)["inputs"]["profile"] == json.loads(straight.stdout)["inputs"]["profile"]


def test_a_bare_verb_finds_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(JOB, tmp_path / "job.yaml")
    shutil.copy(CLUSTER, tmp_path / "cluster.yaml")
    monkeypatch.chdir(tmp_path)
    assert run("place", "--balance").exit_code == 0
    assert run("validate").exit_code == 0
    assert run("recover").exit_code == 0
    (tmp_path / "cluster.yaml").unlink()
    result = run("place")
    assert result.exit_code == Exit.USAGE
    assert "--cluster" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["validate", JOB], Exit.OK),
        (["validate", str(FOLDER / "broken/GRA301.yaml")], Exit.FINDINGS),
        (["validate", "nowhere.yaml"], Exit.USAGE),
        (["validate", "--format", "nonsense", JOB], Exit.USAGE),
        (["nonsense"], Exit.USAGE),
        (["compile", str(FOLDER / "broken/DOC004.yaml")], Exit.USAGE),
        (["compile", str(FOLDER / "broken/JOB202.yaml")], Exit.FINDINGS),
        (["compile", CLUSTER], Exit.USAGE),
        (["schema", "nonsense"], Exit.USAGE),
        (["explain", "nonsense"], Exit.USAGE),
        (["place", "-", "-c", "-"], Exit.USAGE),
    ],
)
def test_exit_codes(arguments: list[str], code: Exit) -> None:
    assert run(*arguments).exit_code == code


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_has_examples_on_lines_of_their_own(verb: str) -> None:
    help_text = run(verb, "--help").stdout
    lines = [line.strip() for line in help_text.splitlines()]
    first = lines.index("Examples:") + 1
    assert lines[first].startswith(f"planner {verb}")
    assert "\b" not in help_text
    assert r"\b" not in help_text
    assert max(map(len, lines)) <= 80


def test_infeasible_says_why_and_what_helps(tmp_path: Path) -> None:
    small = tmp_path / "cluster.yaml"
    small.write_text(TOO_SMALL)
    result = run("place", JOB, "-c", str(small))
    assert result.exit_code == Exit.INFEASIBLE
    assert result.stdout == ""
    for words in ("cpu", "tiny", "more TaskManagers like 'tiny'", "hot"):
        assert words in result.stderr


def test_stdin_and_its_name() -> None:
    broken = (FOLDER / "broken/GRA301.yaml").read_bytes()
    result = run("validate", "-", "--stdin-filename", "jobs/a.yaml", "--format", "concise", stdin=broken)
    assert result.exit_code == Exit.FINDINGS
    assert result.stdout.startswith("jobs/a.yaml:")


def test_output_is_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")
    assert run("compile", str(FOLDER / "broken/JOB202.yaml"), "-o", str(target)).exit_code == Exit.FINDINGS
    assert target.read_text() == "before"
    assert run("compile", JOB, "-o", str(tmp_path / "missing/out.json")).exit_code == Exit.USAGE
    assert run("compile", JOB, "-o", str(tmp_path)).exit_code == Exit.USAGE
    assert run("compile", JOB, "-o", str(target)).exit_code == Exit.OK
    assert json.loads(target.read_text())["kind"] == "ResourceProfile"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_output_keeps_a_link_and_the_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("before")
    real.chmod(0o600)
    link.symlink_to(real)
    assert run("compile", JOB, "-o", str(link)).exit_code == Exit.OK
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert json.loads(real.read_text())


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_read_only_file_is_not_replaced(tmp_path: Path, mode: int) -> None:
    """Though its folder would allow it, and for root as well, whom the system lets write everything."""
    target = tmp_path / "out.json"
    target.write_text("before")
    target.chmod(mode)
    result = run("compile", JOB, "-o", str(target))
    assert result.exit_code == Exit.USAGE
    assert f"cannot write {target}: the file is read-only" in result.stderr
    assert target.read_text() == "before"
    assert target.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("verb", ["compile", "show", "export"])
def test_a_folder_is_not_made_a_file(tmp_path: Path, verb: str) -> None:
    result = run(verb, JOB, "-o", f"{tmp_path}/new/")
    assert result.exit_code == Exit.USAGE
    assert "new/: that is a folder; name a file in it" in result.stderr
    assert not [*tmp_path.iterdir()]


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m planner compile {FOLDER / 'large/job.yaml'} | head -c 10"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert len(done.stdout) == 10


def test_no_colour_without_a_terminal() -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "planner", "place", JOB, "-c", CLUSTER, "--format", "text"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_explain_names_every_code() -> None:
    listing = run("explain").stdout.splitlines()
    assert max(map(len, listing)) <= 80
    codes = [line for line in listing if not line.startswith(" ")]
    assert len(codes) > 60
    pages = {page.stem for page in (FOLDER.parent / "docs/rules").glob("*.md")} - {"README"}
    assert {line.split()[0] for line in codes} == pages
    for line in codes[::10]:
        page = run("explain", line.split()[0].lower())
        assert page.exit_code == 0
        assert "## What to do" in page.stdout


def test_compile_explains_where_values_come_from() -> None:
    result = run("compile", str(FOLDER / "nightly-batch/job.yaml"), "--explain", "--format", "text")
    assert "parallelism 48: declared" in result.stderr
    assert "parallelism 32: spec.parallelism" in result.stderr
    assert "estimate" in result.stderr


@pytest.mark.parametrize("verb", ["compile", "validate", "show", "export", "place", "recover"])
def test_an_input_is_not_overwritten(verb: str, tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    shutil.copy(JOB, job)
    cluster = ["-c", CLUSTER] if verb in ("place", "recover") else []
    result = run(verb, str(job), *cluster, "-o", str(job))
    assert result.exit_code == Exit.USAGE
    assert "is an input of this command" in result.stderr
    assert job.read_bytes() == Path(JOB).read_bytes()


@pytest.mark.parametrize("name", SAMPLES)
def test_an_exported_document_compiles_and_is_exported_again(name: str, tmp_path: Path) -> None:
    first, profile, second = (str(tmp_path / f"{step}.json") for step in "abc")
    assert run("export", str(FOLDER / name / "job.yaml"), "-o", first).exit_code == Exit.OK
    assert run("compile", first, "-o", profile).exit_code == Exit.OK
    assert run("export", profile, "-o", second).exit_code == Exit.OK
    one, two = (json.loads(Path(path).read_text()) for path in (first, second))
    vertices = [sorted(document.pop("vertices").values()) for document in (one, two)]  # ids follow from uids
    assert one == two
    assert vertices[0] == vertices[1]


@pytest.mark.parametrize("broken", ["lost", "twice", "same-id"])
def test_recover_refuses_a_placement_that_is_not_whole(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "placement.json"
    run("place", JOB, "-c", CLUSTER, "-o", str(file))
    placement = json.loads(file.read_text())
    first, second = [tm for tm in placement["taskManagers"] if tm["slots"]][:2]
    if broken == "lost":
        first["slots"].pop()
    elif broken == "twice":
        second["slots"].append(first["slots"][0])
    else:
        second["id"] = first["id"]
    file.write_text(json.dumps(placement))
    result = run("recover", JOB, "-p", str(file))
    assert result.exit_code == Exit.USAGE
    assert "the placement is not of this job" in result.stderr
    assert not result.stdout


def test_recover_of_parts_is_data_as_well(tmp_path: Path) -> None:
    part = ["recover", JOB, "-c", CLUSTER, "--task", "e"]
    told = run(*part)
    assert told.stdout.count(" subtasks restart") > 1
    assert run(*part, "-o", str(tmp_path / "plan.json")).stdout == ""
    data = json.loads((tmp_path / "plan.json").read_text())
    assert {scope["name"] for scope in data["scopes"]} == {
        line.rpartition(":")[0] for line in told.stdout.splitlines()
    }
    assert json.loads(run(*part, "--format", "json").stdout) == data
    for option in ("--task", "--group", "--zone", "--task-manager"):
        assert run("recover", JOB, "-c", CLUSTER, option, "").exit_code == 2


def test_memory_says_which_option_flink_would_ignore() -> None:
    result = run(
        "memory",
        "--set",
        "taskmanager.memory.process.size=4g",
        "--set",
        "taskmanager.memory.managed.fracton=1",
    )
    assert result.exit_code == Exit.OK
    assert "did you mean 'taskmanager.memory.managed.fraction'?" in result.stderr


@pytest.mark.parametrize(
    ("version", "key", "said"),
    [
        ("1.20", "cluster.evenly-spread-out-slots=true", ""),
        ("2.2", "cluster.evenly-spread-out-slots=true", "was removed in Flink 2.0 and is ignored; use"),
        (
            "1.19",
            "execution.checkpointing.dir=s3://b",
            "its key there is 'state.checkpoints.dir'",
        ),
        ("3.0", "parallelism.default=1", "planner has no options of Flink 3.0; those of Flink 2.3 are used"),
    ],
)
def test_memory_with_the_options_of_a_version(version: str, key: str, said: str) -> None:
    size = "taskmanager.memory.process.size=4g"
    result = run("memory", "--set", size, "--set", key, "--flink-version", version)
    assert result.exit_code == Exit.OK
    assert said in result.stderr
    assert bool(said) == bool(result.stderr)


def test_memory_of_no_version_of_flink() -> None:
    result = run("memory", "--set", "taskmanager.memory.process.size=4g", "--flink-version", "latest")
    assert result.exit_code == Exit.USAGE
    assert "--flink-version: not a Flink version: 'latest'" in result.stderr


def test_memory_backwards_leaves_network_at_its_minimum() -> None:
    parts = json.loads(run("memory", "--need", "taskHeap=1 gb", "--format", "json").stdout)["parts"]
    assert parts["network"] == 64 * 2**20
    wrong = run("memory", "--need", "taskHeap=1 gb", "--set", "taskmanager.memory.network.min=lots")
    assert wrong.exit_code == Exit.FINDINGS
    assert "MEM" in wrong.stderr


def test_infeasible_names_the_fewest_additional_task_managers(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("""
apiVersion: planner/v1
kind: Job
metadata: {name: wide}
spec: {operators: [{id: read, kind: source, parallelism: 45, resources: {cpu: 1, heap: 64 mb}}]}
""")
    (tmp_path / "cluster.yaml").write_text(TOO_SMALL)  # two of 4 cores
    result = run("place", str(tmp_path / "job.yaml"), "-c", str(tmp_path / "cluster.yaml"))
    assert result.exit_code == Exit.INFEASIBLE
    assert "10 more TaskManagers like 'tiny' would make it fit" in result.stderr


def test_a_catalogue_is_not_overwritten(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text("kafka-source: 96 mb\n")
    result = run("compile", JOB, "--catalogue", str(catalogue), "-o", str(catalogue))
    assert result.exit_code == Exit.USAGE
    assert catalogue.read_text() == "kafka-source: 96 mb\n"


def test_an_older_profile_is_not_used_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(JOB, tmp_path / "job.yaml")
    monkeypatch.chdir(tmp_path)
    assert run("compile", "job.yaml", "-o", "job.profile.json").exit_code == 0
    os.utime("job.yaml", (1, 1))
    assert run("show").stderr == ""
    os.utime("job.profile.json", (0, 0))
    assert "using job.profile.json; job.yaml is newer" in run("show").stderr


def test_a_choice_that_is_not_there_is_said_in_a_sentence() -> None:
    done = run("place", JOB, "--strategy", "x")
    assert done.exit_code == Exit.USAGE
    assert "Invalid value for '--strategy': 'x' is not one of 'planner', 'flink-none'" in done.stderr


def test_an_option_of_flink_without_a_value_is_not_told_where_it_may_be_a_secret(tmp_path: Path) -> None:
    script = tmp_path / "job.sql"
    script.write_text("SELECT 1")
    done = run("compile", str(script), "-D", "s3.secret-key:hunter2")
    assert done.exit_code == Exit.USAGE
    assert "write -D key=value" in done.stderr
    assert "hunter2" not in done.stderr
    assert "-D parallelism: write" in run("compile", str(script), "-D", "parallelism").stderr
