"""Standard streams that are closed, full, slow or unread: every verb does what it does, and says what was lost."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from planner import api
from planner.cli.app import app
from planner.cli.errors import data_lost
from planner.cli.streams import Stream, for_people
from planner.cluster.processes import Ports
from planner.cluster.standalone import Standalone
from planner.cluster.verify import Deviation
from samples import FOLDER

ROOT = FOLDER.parent
LOST = "planner: cannot write to stdout: "
COMMAND = get_command(app)

JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: small}
spec:
  operators:
    - {id: read, kind: source, parallelism: 2}
    - {id: count, kind: map, parallelism: 3, inputs: [read]}
"""
CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: small}
spec: {taskManagerClasses: [{name: tm, count: 2, cpu: 4, memory: {process: 4 gb}}]}
"""

DEPLOYMENT = """apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: basic}
spec:
  image: flink:2.2
  flinkVersion: v2_2
  flinkConfiguration: {taskmanager.numberOfTaskSlots: "2"}
  serviceAccount: flink
  jobManager: {resource: {memory: 2048m, cpu: 1}}
  taskManager: {resource: {memory: 2048m, cpu: 1}}
  job: {jarURI: "local:///opt/job.jar", parallelism: 2, upgradeMode: stateless}
"""
VERBS: dict[str, str] = {
    "--version": "--version",
    "--help": "--help",
    "compile": "compile job.yaml",
    "compile text": "compile job.yaml --format text --explain",
    "validate": "validate broken.yaml",
    "validate json": "validate job.yaml --format json",
    "place": "place job.yaml -c cluster.yaml --no-meta",
    "place text": "place job.yaml -c cluster.yaml --no-meta --format text",
    "place infeasible": "place job.yaml -c small.yaml",
    "place pareto": "place job.yaml -c cluster.yaml --from plan.json --pareto",
    "recover": "recover job.yaml -p plan.json",
    "scale": "scale job.yaml",
    "advise": "advise job.yaml -c cluster.yaml --time-limit 5",
    "size": "size job.yaml -c cluster.yaml --time-limit 5",
    "supervise": "supervise -t tm-0 -p plan.json --print spec -- java Main",
    "migrate": "migrate job.yaml -p plan.json --to plan.json",
    "memory": "memory --set taskmanager.memory.process.size=4g",
    "memory text": "memory --set taskmanager.memory.process.size=4g --format text",
    "up": "up cluster.yaml",
    "status": "status",
    "down": "down",
    "run": "run job.sql -p plan.json",
    "run dry": "run job.sql -p plan.json --dry-run",
    "verify": "verify plan.json",
    "diff": "diff job.yaml other.yaml",
    "diagnose": "diagnose tm.log",
    "diagnose json": "diagnose tm.log --format json",
    "import load": "import load job.profile.json",
    "import deployment": "import deployment deployment.yaml",
    "import job": "import job",
    "import cluster": "import cluster",
    "show": "show job.yaml",
    "show mermaid": "show job.yaml --format mermaid",
    "export": "export job.yaml",
    "report": "report plan.json --job job.yaml",
    "ui": "ui nowhere.yaml",
    "explain": "explain",
    "explain code": "explain GRA301",
    "explain memory": "explain memory plan.json",
    "schema": "schema job",
    "usage": "place --nonsense",
    "missing": "show nowhere.yaml",
}
WITH_FILE = (
    *(
        "compile",
        "validate",
        "place",
        "recover",
        "memory",
        "import load",
        "show",
        "export",
        "report",
        "schema",
    ),
    *("diagnose", "diagnose json"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a document of every kind."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "job.yaml").write_text(JOB)
    (folder / "other.yaml").write_text(JOB.replace("map", "filter"))
    (folder / "cluster.yaml").write_text(CLUSTER)
    (folder / "small.yaml").write_text(CLUSTER.replace("cpu: 4", "cpu: 0.1"))
    (folder / "broken.yaml").write_bytes((FOLDER / "broken/GRA301.yaml").read_bytes())
    (folder / "job.sql").write_text("")
    (folder / "tm.log").write_text("java.lang.OutOfMemoryError: Java heap space\n")
    (folder / "deployment.yaml").write_text(DEPLOYMENT)
    profile = api.compile(api.load_job(folder / "job.yaml"))
    api.save(profile, folder / "job.profile.json")
    api.save(api.place(profile, api.load_cluster(folder / "cluster.yaml")), folder / "plan.json")
    return folder


@pytest.fixture(autouse=True)
def fakes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer for clusters and programs, which these tests are not about; return what was asked for."""
    monkeypatch.chdir(folder)
    profile, graph = api.compile_job(api.load_job(folder / "job.yaml"))
    cluster = Standalone(folder, "0" * 32, Ports(1, 2), {"jobmanager": ((), {}), "a": ((), {})})
    status = api.ClusterStatus("http://h", {"jobmanager": 1, "a": None}, frozenset())
    plan = SimpleNamespace(profile=profile, graph=graph, edits=[])
    answers = {
        "up": cluster,
        "down": ["jobmanager", "a"],
        "status": status,
        "run": SimpleNamespace(
            job="0" * 32, url="http://h", plan=plan, finished=False, deviations=[], lacking={}
        ),
        "plan_run": plan,
        "verify": [Deviation("a", "slots", "2", "1")],
        "import_load": (profile, SimpleNamespace(vertices=())),
        "import_job": profile,
        "import_cluster": (api.load_cluster(folder / "cluster.yaml"), ["a"]),
    }
    asked: list[str] = []

    def answer(name: str) -> Callable[..., Any]:
        def call(*_: object, **__: object) -> Any:
            asked.append(name)
            return answers[name]

        return call

    for name in answers:
        monkeypatch.setattr(api, name, answer(name))
    for real in (api.place, api.pareto):
        monkeypatch.setattr(api, real.__name__, partial(_placed, real))
    return asked


_PLACED: dict[str, Any] = {}


def _placed(real: Callable[..., Any], job: api.Job, cluster: api.Cluster, *rest: Any, **options: Any) -> Any:
    """Return what was placed before; that takes longest and is not what these tests are about."""
    key = real.__name__ + cluster.model_dump_json()
    if key not in _PLACED:
        _PLACED[key] = real(job, cluster, *rest, **options)
    return _PLACED[key]


@contextmanager
def opened(end: str) -> Iterator[tuple[int | None, list[bytes]]]:
    """Yield the descriptor of a stream, and a list that holds what arrived there when it is closed."""
    arrived: list[bytes] = []
    if end == "closed":
        yield None, arrived
        return
    if end == "full":
        descriptor = os.open("/dev/full", os.O_WRONLY)
    elif end == "file":
        file = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        descriptor = os.dup(file.fileno())
    else:
        read, descriptor = os.pipe()
        if end == "slow":
            os.set_blocking(descriptor, False)
            reader = threading.Thread(target=_read_slowly, args=(read, arrived))
            reader.start()
        else:
            os.close(read)
    try:
        yield descriptor, arrived
    finally:
        os.close(descriptor)
        if end == "slow":
            reader.join()
        elif end == "file":
            file.seek(0)
            arrived.append(file.read())
            file.close()


def _read_slowly(descriptor: int, into: list[bytes]) -> None:
    time.sleep(0.05)  # so that the pipe is full first
    with open(descriptor, "rb") as pipe:
        into.append(pipe.read())


def run(command: str, out: str = "file", err: str = "file") -> tuple[int, str, str]:
    """Run planner in this process with such streams; return its exit code and what arrived on them."""
    before = sys.stdout, sys.stderr
    with opened(out) as (stdout, said), opened(err) as (stderr, told):
        sys.stdout = Stream(stdout, data_lost)  # type: ignore[assignment]
        sys.stderr = Stream(stderr, lambda _: None, for_people)  # type: ignore[assignment]
        try:
            COMMAND.main(args=shlex.split(command), prog_name="planner")
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.stdout, sys.stderr = before
    assert isinstance(code, int)
    return code, b"".join(said).decode(), b"".join(told).decode()


def test_every_verb_is_here() -> None:
    names = {command.name for command in app.registered_commands} | {
        f"import {command.name}" for group in app.registered_groups for command in group.typer_instance.registered_commands
    }  # fmt: skip
    assert names <= {re.sub(r" [-\w]+\.\w+.*", "", name) for name in VERBS}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_on_every_stream(name: str, fakes: list[str]) -> None:
    """Messages that are lost change nothing; data that is lost is said; a slow reader gets all of it."""
    code, out, err = run(VERBS[name])
    asked = fakes.copy()
    assert out or err
    assert run(VERBS[name], out="slow", err="slow") == (code, out, err)
    for end in ("closed", "full", "unread"):
        fakes.clear()
        assert run(VERBS[name], err=end) == (code, out, "")
        assert fakes == asked
        fakes.clear()
        lost, _, said = run(VERBS[name], out=end)
        assert fakes == asked
        if not out:
            assert (lost, said) == (code, err)
        elif end == "unread":
            assert lost == 141
            assert LOST not in said
        else:
            assert lost == 2
            assert said.splitlines()[-1].startswith(LOST)
            assert said.count(LOST) == 1


@pytest.mark.parametrize("name", WITH_FILE)
def test_a_file_is_written_whatever_the_streams(name: str, tmp_path: Path) -> None:
    command = VERBS[name] + f" -o {tmp_path}/"
    code = run(command + "file")[0]
    for end in ("closed", "full", "unread"):
        assert run(command + end, out=end, err=end)[0] == code
        assert (tmp_path / "file").read_bytes() == (tmp_path / end).read_bytes() != b""


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.integers(0, 3))
def test_a_stream_writes_everything_once(texts: list[str], times: int) -> None:
    texts = [*texts, *["x" * 70_000] * times]
    with opened("slow") as (descriptor, arrived):
        stream = Stream(descriptor, data_lost)
        assert [stream.write(text) for text in texts] == list(map(len, texts))
    assert b"".join(arrived).decode() == "".join(texts)


@pytest.mark.parametrize(
    "command", ["{}", "--{}", "show --{}", "show x --format {}", "explain {}", "show {}"]
)
def test_a_command_line_is_told_without_what_a_terminal_obeys(command: str) -> None:
    code, _, said = run(command.format("a\u202eb\x9bc"))
    assert code == 2
    assert said.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "command",
    [
        "place job.yaml https://me:hunter2@h",
        "show https://me:hunter2@h/job.yaml",
        "scale job.yaml --rate https://me:hunter2@h",
        "migrate --on preRestat=https://me:hunter2@h",
        "migrate --on 'curl -u me:hunter2 h'",
        "up cluster.yaml -D 's3.secret-key hunter2'",
        "memory --set 's3.secret-key: hunter2'",
        "run job.sql -p plan.json --rest ftp://me:hunter2@h --from-savepoint s3://me:hunter2@b/x",
    ],
)
def test_a_command_line_is_told_without_passwords(command: str) -> None:
    _, out, said = run(command)
    assert said or command.startswith("run")  # a fake answers
    assert "hunter2" not in out + said


def test_halves_of_characters_are_replaced() -> None:
    with opened("file") as (descriptor, arrived):
        Stream(descriptor, data_lost).write("a\ud800b")
    assert arrived == [b"a?b"]


# --- the process ---------------------------------------------------------------------------------------


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which ``planner`` is this checkout's."""
    script = script.replace("planner ", f"{sys.executable} -m planner ")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=folder, env=environment)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("planner schema job >/dev/full", 2, LOST + "No space left on device"),
        ("planner recover job.yaml -p plan.json >&-", 2, LOST + "it is closed"),
        ("planner explain | true; exit ${PIPESTATUS[0]}", 141, ""),
        ("planner show job.yaml -o f >&- 2>&-; code=$?; cat f; exit $code", 0, ""),
    ],
)
def test_a_process_says_what_it_could_not_write(script: str, code: int, said: str, folder: Path) -> None:
    done = shell(script, folder, PYTHONUNBUFFERED="1")
    assert (done.returncode, done.stderr.strip()) == (code, said)
    if "cat f" in script:
        assert done.stdout.startswith("Job small")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_process_writes_all_to_a_pipe_that_does_not_block(unbuffered: str, folder: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    arrived: list[bytes] = []
    reader = threading.Thread(target=_read_slowly, args=(read, arrived))
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "schema", "placement"],
        stdout=write,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        cwd=folder,
    )
    os.close(write)
    reader.start()
    assert process.wait() == 0
    reader.join()
    assert json.loads(arrived[0])["$schema"]


def test_what_a_process_starts_does_not_print_into_its_files(folder: Path) -> None:
    """A file that is opened while stderr is closed does not become the stderr of what is started next."""
    code = (
        "import subprocess, sys\nfrom planner.cli.streams import own_streams\nown_streams(sys.exit)\n"
        "file = open('f', 'w')\nassert file.fileno() > 2\n"
        "subprocess.run(['sh', '-c', 'echo x >&2; echo y'], check=True)"
    )
    done = shell(f"{sys.executable} -c {shlex.quote(code)} >&- 2>&-", folder)
    assert done.returncode == 0
    assert (folder / "f").read_text() == ""


def test_data_goes_to_stdout_while_a_terminal_shows_progress(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", *shlex.split(VERBS["place pareto"])],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
    )
    os.close(theirs)
    shown = threading.Thread(target=_drain, args=(ours,))
    shown.start()
    out, _ = process.communicate()
    shown.join()
    assert process.returncode == 0
    assert json.loads(out)


def _drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 65536):
            pass
    os.close(descriptor)
