"""The supervisor as a process, with small children instead of a JVM."""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_server import JOB_ID, Answers, serving

from planner.cluster import supervisor
from planner.cluster.processes import supervised_id
from planner.cluster.supervisor import (
    JOURNAL_BYTES,
    ControlGroup,
    Journal,
    Rest,
    RestError,
    canceling,
    control_group,
    metrics,
)

PROGRAM = Path(supervisor.__file__)
SECONDS = 60.0
WAIT = "exec sleep 1000"
MEMORY = 40 * 2**20


def until(true: Callable[[], Any]) -> Any:
    end = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


class Supervised:
    """A supervisor of a shell script, and its journal."""

    def __init__(self, folder: Path, script: str, before: tuple[str, ...] = (), **spec: Any) -> None:
        self.journal = folder / "journal.jsonl"
        data = {
            "taskManager": "tm-1", "command": ["/bin/sh", "-c", script], "folder": str(folder),
            "journal": str(self.journal), **spec,
        }  # fmt: skip
        (folder / "spec.json").write_text(json.dumps(data))
        self.process = subprocess.Popen(
            [*before, sys.executable, "-I", "-S", str(PROGRAM), "--spec", str(folder / "spec.json"), "tm-1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PLANNER_REST_TOKEN": "hunter2/+x"},
        )

    def entries(self, decision: str | None = None) -> list[dict[str, Any]]:
        """Return what the journal has by now."""
        if not self.journal.exists():
            return []
        found = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [entry for entry in found if decision in (None, entry["decision"])]

    def started(self, run: int = 1) -> int:
        """Return the id of a run's process."""
        process: int = until(lambda: self.entries("start")[run - 1 : run])[0]["process"]
        return process

    def over(self) -> tuple[int, str, str]:
        """Return exit code and output of the supervisor."""
        out, err = self.process.communicate(timeout=SECONDS)
        assert "Traceback" not in err
        return self.process.returncode, out, err


Start = Callable[..., Supervised]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Start]:
    """Return what starts a supervisor, which ends with the test."""
    running: list[Supervised] = []

    def start(script: str, **spec: Any) -> Supervised:
        running.append(Supervised(tmp_path, script, **spec))
        return running[-1]

    yield start
    for one in running:
        with contextlib.suppress(ProcessLookupError):
            one.process.terminate()
        try:
            one.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.communicate()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_stands_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(PROGRAM.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert imported <= set(sys.stdlib_module_names)


def test_killed_it_is_started_again_and_stopped_it_ends(supervised: Start, tmp_path: Path) -> None:
    run = supervised(f"pwd >> where; {WAIT}")
    first = run.started()
    assert supervised_id(run.process.pid) == "tm-1"
    assert supervised_id(first) is None
    until(lambda: (tmp_path / "where").exists())
    os.kill(first, signal.SIGKILL)
    second = run.started(2)
    assert second != first
    (entry,) = run.entries("restart")
    assert (entry["exitCode"], entry["exitName"], entry["outOfMemory"]) == (137, "SIGKILL", None)
    assert entry["seen"] == "ended with 137 (SIGKILL)"
    until(lambda: (tmp_path / "where").read_text() == f"{tmp_path}\n" * 2)
    run.process.terminate()
    code, _, said = run.over()
    assert code == 143
    assert not alive(second)
    assert [entry["decision"] for entry in run.entries()] == ["start", "restart", "start", "stop", "exit"]
    assert "tm-1: ended with 137 (SIGKILL); starting it again now" in said


def test_it_is_small(supervised: Start) -> None:
    with serving({"/jobs/overview": {"jobs": []}}) as server:
        run = supervised(WAIT, rest=server.url, settings={"cancelLimit": 3, "window": 10})
        run.started()
        until(lambda: len(server.asked) > 2)
        assert int(status(run.process.pid, "VmHWM")) * 1024 < MEMORY
        run.process.terminate()
        run.over()
    assert server.asked[0][1]["Authorization"] == "Bearer hunter2/+x"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_signals_are_passed_on(supervised: Start, name: str) -> None:
    run = supervised(f"trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done")
    until(lambda: run.process.stdout.readline() == "ready\n" if run.process.stdout else False)
    run.process.send_signal(getattr(signal, f"SIG{name}"))
    code, out, _ = run.over()
    assert (code, out) == (7, f"got {name}\n")


def test_what_does_not_end_is_killed_with_all_it_has_started(supervised: Start) -> None:
    run = supervised(
        "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.05; done", settings={"grace": 0.3}
    )
    assert run.process.stdout is not None
    below = int(run.process.stdout.readline())
    run.process.terminate()
    code, _, said = run.over()
    assert code == 137
    assert "killing it" in said
    assert not alive(below)
    assert [entry["decision"] for entry in run.entries()][1:] == ["stop", "kill", "exit"]


def test_a_script_that_ends_at_once_leaves_its_process_the_time_to_end(supervised: Start) -> None:
    inner = 'trap "sleep 0.4; echo orderly; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    run = supervised(f"sh -c '{inner}'; true")
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "ready\n"
    run.process.terminate()
    code, out, _ = run.over()
    assert (code, out) == (143, "orderly\n")


def test_nothing_of_a_run_is_left_when_the_next_begins(supervised: Start) -> None:
    run = supervised("sleep 1000 & echo $!; wait")
    assert run.process.stdout is not None
    below = int(run.process.stdout.readline())
    os.kill(run.started(), signal.SIGKILL)
    run.started(2)
    assert not alive(below)


def test_orphans_are_reaped(supervised: Start) -> None:
    run = supervised(f"for i in 1 2 3; do (setsid sh -c 'echo $$; sleep 0.2' &) ; done; {WAIT}")
    assert run.process.stdout is not None
    orphans = [int(run.process.stdout.readline()) for _ in range(3)]
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
    assert children(run.process.pid) == [run.started()]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root can make a process 1"
)
def test_as_process_1(supervised: Start) -> None:
    before = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    run = supervised(f"echo $PPID; (setsid sleep 0.1 &); {WAIT}", before=before)
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == "1\n"
    (first,) = children(run.process.pid)
    until(lambda: len(children(first)) == 1)
    os.kill(children(first)[0], signal.SIGKILL)
    run.started(2)
    until(lambda: len(children(first)) == 1)
    os.kill(first, signal.SIGTERM)
    assert run.over()[0] == 143


def test_it_gives_up_with_its_own_code(supervised: Start) -> None:
    run = supervised("echo why; echo password: hunter2; exit 239", settings={"restarts": 2, "backOff": 0.05})
    code, _, said = run.over()
    assert code == supervisor.GAVE_UP
    assert "giving up: restart 2 of at most 2 in 3600 s; exit code 70" in said
    restarts = run.entries("restart")
    assert [entry["afterSeconds"] for entry in restarts] == [0, 0.05]
    assert run.entries("give-up")[0]["output"] == ["why", "password: ******"]


def test_a_command_that_is_not_there(supervised: Start) -> None:
    run = supervised("", command=["/no/such/command"], settings={"restarts": 0})
    assert run.over()[0] == supervisor.GAVE_UP
    assert run.entries("give-up")[0]["exitName"] == "the command was not found"


def test_output_is_passed_on_and_its_end_kept(supervised: Start) -> None:
    script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo error >&2; exit 1"
    run = supervised(script, settings={"restarts": 0})
    _, out, said = run.over()
    assert out == "".join(f"line {n}\n" for n in range(2000))
    assert "\nerror\n" in f"\n{said}"
    kept = run.entries("give-up")[0]["output"]
    assert len(kept) == supervisor.LINES
    assert {"line 1999", "error"} <= set(kept)


def test_output_in_a_file(supervised: Start, tmp_path: Path) -> None:
    run = supervised("echo $$; exit 1", log="tm-1.log", settings={"restarts": 1})
    _, out, _ = run.over()
    assert out == ""
    (one,), (two,) = (entry["output"] for entry in run.entries() if entry["decision"] != "start")
    assert (tmp_path / "tm-1.log").read_text() == f"{two}\n"
    assert (tmp_path / "tm-1.log.1").read_text() == f"{one}\n"
    assert (tmp_path / "tm-1.log").stat().st_mode & 0o777 == 0o600


def test_its_credentials_are_not_those_of_the_process(supervised: Start) -> None:
    run = supervised('echo "${PLANNER_REST_TOKEN:-none}"')
    assert run.over()[:2] == (0, "none\n")
    assert "hunter2" not in run.journal.read_text()


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "j"), "tm-1")
    for _ in range(40):
        journal.write("restart", {"output": ["x" * 1000] * 80})
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= JOURNAL_BYTES


@pytest.mark.parametrize("journal", ["/no/such/folder/j", "pipe"])
def test_without_a_journal_it_goes_on(supervised: Start, tmp_path: Path, journal: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # which nobody reads
    run = supervised("echo fine", journal=journal)
    code, out, said = run.over()
    assert (code, out) == (0, "fine\n")
    assert said.count("cannot be written") == 1


def test_no_half_of_an_entry_is_left(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "j"), "tm-1")
    journal.write("start", {})
    before = (tmp_path / "j").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))  # as a disk with so much left
    try:
        journal.write("restart", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "j").read_bytes() == before


def test_messages_hold_nothing_that_a_terminal_obeys(capfd: pytest.CaptureFixture[str]) -> None:
    Journal(None, "\x1b[31mtm\udcff").say("\u202eslow \x9bmap\n" + "x" * 5000)
    said = capfd.readouterr().err
    assert said.startswith("supervise: ?[31mtm?: ?slow ?map?x")
    assert said.endswith("x\n")
    assert len(said) <= supervisor.LONGEST_MESSAGE + 1


@pytest.mark.parametrize("place", [("settings", "grace"), ("settings", "window"), ("limits", "resident")])
def test_numbers_that_no_clock_holds_are_refused(place: tuple[str, str]) -> None:
    for number in ("1" + "0" * 400, "1e308", "Infinity", "NaN", "-1"):
        text = f'{{"taskManager": "a", "command": ["b"], "{place[0]}": {{"{place[1]}": {number}}}}}'
        with pytest.raises(ValueError, match=f"{place[0]}.{place[1]}: it has to be a number"):
            supervisor.read_spec(text)


def test_a_bad_specification_is_said(tmp_path: Path) -> None:
    (tmp_path / "spec").write_text("{}")
    for arguments in ([], ["--spec", str(tmp_path / "spec")], ["--spec", str(tmp_path / "none")]):
        done = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True)
        assert done.returncode == supervisor.BAD_SPEC
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "kills", "limit", "threads"),
    [
        ({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "memory.limit_in_bytes": "1000\n"}, 3, 1000, None),
        ({"memory.events": "oom 9\noom_kill 2\noom_group_kill 0\n", "memory.max": "2000\n", "pids.max": "50\n"}, 2, 2000, 50),
        ({"memory.limit_in_bytes": "9223372036854771712\n"}, 0, None, None),
        ({"memory.max": "max\n", "pids.max": "max\n"}, 0, None, None),
        ({}, 0, None, None),
    ],
)  # fmt: skip
def test_what_a_control_group_tells(
    tmp_path: Path, files: dict[str, str], kills: int, limit: int | None, threads: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = ControlGroup(tmp_path, tmp_path)
    assert (group.oom_kills(), group.limit(), group.threads()) == (kills, limit, threads)
    assert ControlGroup(None, None).oom_kills() == 0


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """Return a control group that limits memory to 64 MiB, of version 1 or 2."""
    parent = control_group(os.getpid()).memory
    if parent is None or not os.access(parent / "cgroup.procs", os.W_OK):
        pytest.skip("no control group for memory can be made")
    group = parent / f"planner-test-{os.getpid()}"
    try:
        group.mkdir()
        file = next(
            file for name in ("memory.limit_in_bytes", "memory.max") if (file := group / name).exists()
        )
        file.write_text(str(64 * 2**20))
    except (OSError, StopIteration):
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip("no control group for memory can be made")
    yield group
    until(lambda: not (group / "cgroup.procs").read_text().split())
    until(lambda: not group.rmdir())


def test_an_oom_kill_is_told_from_other_kills(supervised: Start, memory_group: Path) -> None:
    fill = "import time; time.sleep(0.8); held = [bytes([1]) * 2**20 for _ in range(200)]"
    run = supervised(f"echo 0 > {memory_group}/cgroup.procs && exec {sys.executable} -S -c '{fill}'")
    (entry,) = until(lambda: run.entries("restart"))[:1]
    assert (entry["exitCode"], entry["outOfMemory"], entry["oomKills"]) == (137, "container", 1)
    assert entry["limits"]["resident"] == 64 * 2**20
    run.process.terminate()
    run.over()


def overview(count: int) -> dict[str, Any]:
    return {"jobs": [{"jid": JOB_ID, "tasks": {"running": 1, "canceling": count}}]}


def stuck(answers: Answers) -> None:
    """Let a subtask on tm-1 be cancelled from now on."""
    subtasks = [
        {"subtask": index, "attempt": 0, "status": status, "taskmanager-id": task_manager}
        for index, (task_manager, status) in enumerate(
            [("tm-2", "CANCELING"), ("tm-1", "CANCELED"), ("tm-1", "CANCELING"), ("tm-1", "RUNNING")]
        )
    ]
    vertices = [
        {"id": "u", "name": "other", "tasks": {"CANCELING": 0}},
        {"id": "v", "name": "slow map", "tasks": {"CANCELING": 2}},
    ]
    answers[f"/jobs/{JOB_ID}"] = {"vertices": vertices}
    answers[f"/jobs/{JOB_ID}/vertices/v"] = {"subtasks": subtasks}
    answers["/jobs/overview"] = overview(1)


def test_a_cancellation_that_takes_too_long(supervised: Start) -> None:
    answers: Answers = {"/jobs/overview": overview(0), "/taskmanagers/tm-1/metrics": []}
    with serving(answers) as server:
        run = supervised(WAIT, rest=server.url, settings={"cancelLimit": 1})
        run.started()
        until(lambda: server.asked)
        stuck(answers)
        entry = until(lambda: run.entries("end"))[0]
        assert 1 <= entry["seconds"] < SECONDS
        assert (entry["subtask"], entry["limit"]) == ("slow map (3)", 1)
        answers["/jobs/overview"] = overview(0)
        run.started(2)
        assert run.entries("restart")[0]["exitCode"] == 143


def test_cancellations_that_follow_each_other_are_not_one(supervised: Start) -> None:
    attempts = itertools.count()
    with serving({"/taskmanagers/tm-1/metrics": []}) as server:
        stuck(server.answers)
        server.answers[f"/jobs/{JOB_ID}/vertices/v"] = lambda: {
            "subtasks": [
                {"subtask": 0, "attempt": next(attempts), "status": "CANCELING", "taskmanager-id": "tm-1"}
            ]
        }
        run = supervised(WAIT, rest=server.url, settings={"cancelLimit": 1})
        until(lambda: next(attempts) > 8)
        assert run.entries("end") == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        7,
        None,
        b"{",
        b"[" * 100_000,
        b"\xff",
        {"jobs": 1},
        {"jobs": [1, {"tasks": []}]},
        {"jobs": [{"tasks": {"canceling": "NaN"}}]},
        {"jobs": [{"tasks": {"canceling": 10**400}}]},
    ],
)
def test_a_server_that_is_not_flink_tells_nothing(answer: Any) -> None:
    with serving({"/jobs/overview": answer, "/taskmanagers/tm-1/metrics": answer}) as server:
        rest = Rest(server.url, {})
        for asked in (canceling, metrics):
            with contextlib.suppress(RestError):
                assert not asked(rest, "tm-1")


@pytest.mark.parametrize("start", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nA: b"])
def test_the_time_limit_is_for_the_whole_answer(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: Any) -> None:
        handler.wfile.write(start)
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)

    monkeypatch.setattr(supervisor, "REST_SECONDS", 0.2)
    with serving({"/jobs/overview": drip}) as server:
        begun = time.monotonic()
        with pytest.raises(RestError):
            canceling(Rest(server.url, {}), "tm-1")
        assert time.monotonic() - begun < 10


def test_credentials_that_cannot_be_had_are_said(tmp_path: Path) -> None:
    with pytest.raises(RestError, match="cannot read /dev/zero: it has more than 64 KiB"):
        Rest("http://127.0.0.1:9", {"PLANNER_REST_TOKEN": "@/dev/zero"})
    for file in (tmp_path / "none", PROGRAM):
        with pytest.raises(RestError, match=f"PLANNER_REST_CA: {file} cannot be used"):
            Rest("https://127.0.0.1:9", {"PLANNER_REST_CA": str(file)}).get("/")


def test_a_server_that_does_not_answer_changes_nothing(supervised: Start) -> None:
    with serving({}) as server:
        run = supervised(WAIT, rest=server.url, settings={"cancelLimit": 1})
        until(lambda: len(server.asked) > 1)
        run.process.terminate()
        code, _, said = run.over()
        assert code == 143
        assert (
            said.count("answers 404 to /jobs/overview; cancellations and leaks in the JVM are not seen") == 1
        )
        assert [entry["decision"] for entry in run.entries()] == ["start", "stop", "exit"]


@pytest.mark.extended
@pytest.mark.parametrize("figure", ["direct", "metaspace"])
def test_a_leak_that_the_jvm_tells(supervised: Start, figure: str) -> None:
    """The growth is slow enough to be seen in 6 s, and stops with the first process."""
    used = itertools.count(860, 2)
    metric = supervisor.METRICS[figure]
    answers: Answers = {
        "/jobs/overview": {"jobs": []},
        "/taskmanagers/tm-1/metrics": lambda: [{"id": metric, "value": str(next(used))}],
    }
    with serving(answers) as server:
        run = supervised(WAIT, rest=server.url, settings={"window": 6}, limits={figure: 1000})
        entry = until(lambda: run.entries("end"))[0]
        assert (entry["reason"], entry["figure"], entry["limit"]) == ("leak", figure, 1000)
        assert entry["floors"] == sorted(entry["floors"])
        assert entry["peak"][figure] < 1000
        run.started(2)


@pytest.mark.extended
def test_a_leak_of_threads(supervised: Start, tmp_path: Path) -> None:
    (tmp_path / "leak.py").write_text(
        "import threading, time\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(1000,)).start()\n    time.sleep(0.06)\n"
    )
    run = supervised(
        f"exec {sys.executable} leak.py",
        settings={"window": 6, "shares": {"threads": 0.7}},
        limits={"threads": 200},
    )
    entry = until(lambda: run.entries("end"))[0]
    assert (entry["figure"], entry["limit"]) == ("threads", 200)
    run.started(2)


def test_memory_that_runs_out_is_adjusted_and_taken_back(supervised: Start) -> None:
    out_of_metaspace = 'echo "java.lang.OutOfMemoryError: Metaspace"; echo "has $0" >> had; exit 3'
    change = {"option": "size", "from": "1048576b", "to": "2097152b", "why": "once"}
    step = {"changes": [change], "words": {"size=1": "size=2"}, "limits": {"metaspace": 7}}
    one = supervised(
        "",
        command=["/bin/sh", "-c", out_of_metaspace, "size=1"],
        limits={"metaspace": 5},
        settings={"restarts": 2, "backOff": 0},
        adjust={"mode": "apply", "steps": {"metaspace": step}},
    )
    code, _, err = one.over()
    assert code == 70
    assert (one.journal.parent / "had").read_text().split("\n") == [
        "has size=1",
        "has size=2",
        "has size=1",
        "",
    ]
    told = [entry["decision"] for entry in one.entries()]
    assert told == ["start", "restart", "adjust", "start", "restart", "take-back", "start", "give-up"]
    assert [entry["limits"]["metaspace"] for entry in one.entries("start")] == [5, 7, 5]
    assert [entry.get("adjusted") for entry in one.entries("start")] == [None, ["metaspace"], None]
    (adjust,), (back,) = one.entries("adjust"), one.entries("take-back")
    assert (adjust["run"], adjust["memory"], adjust["changes"]) == (1, "metaspace", [change])
    assert back["changes"] == [{**change, "from": "2097152b", "to": "1048576b"}]
    assert "metaspace ran out; from now on size: 1 mb -> 2 mb" in err
    assert "did not help; taken back: size: 2 mb -> 1 mb" in err


def test_a_proposal_is_said_and_changes_nothing(supervised: Start) -> None:
    step = {"changes": [{"option": "size", "from": "1b", "to": "x"}], "words": {"a": "b"}}
    one = supervised(
        "",
        command=["/bin/sh", "-c", 'echo "$0: OutOfMemoryError: Java heap space"; exit 3', "a"],
        settings={"restarts": 1, "backOff": 0},
        adjust={"mode": "propose", "steps": {"heap": step}},
    )
    _, out, err = one.over()
    assert out.splitlines() == ["a: OutOfMemoryError: Java heap space"] * 2
    assert len(one.entries("propose")) == 1
    assert "size: 0 mb -> x would help" in err
