"""Foreign code within bounds: it ends with planner, at its limit and at Ctrl-C, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from in_process import invoke

from flink.commands import ENVIRONMENT, JAR, Run, command, descendants, planner
from planner.errors import TimedOut
from planner.flink.confined import KEPT, confined

SECONDS = 20.0


def shell(script: str) -> Callable[[str], list[str]]:
    return lambda _: ["sh", "-c", script]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "sleep" in command(pid)


def peak(pid: int) -> int:
    """Return the most memory that a process has had, in kB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files of this process and those it starts."""
    folder = tmp_path / "a b"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_there_is_nothing_to_read() -> None:
    with confined(shell("cat; echo read")) as process:
        assert process.line() == "read"


def test_it_is_in_a_session_of_its_own() -> None:
    with confined(shell("echo $$; sleep 1000")) as process:
        assert os.getsid(int(process.line())) not in (os.getsid(0), os.getpid())


@pytest.mark.parametrize("then", ["true", "sleep 1000"])
def test_nothing_is_left_behind(temporary: Path, then: str) -> None:
    """Neither processes that it has started nor files, whether it still runs at the end or not."""
    with confined(shell(f'sleep 1000 & echo $!; touch "$TMPDIR/a"; {then}')) as process:
        pid = int(process.line())
        until(lambda: runs(pid) and [*temporary.glob("*/a")])
    until(lambda: not runs(pid))
    assert not [*temporary.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_with_planner_however_that_ends(temporary: Path, number: signal.Signals) -> None:
    script = (
        "import signal, time\nfrom planner.flink.confined import confined\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # nohup lets what it starts ignore it
        'with confined(lambda _: ["sh", "-c", "sleep 1000 & touch \\"$TMPDIR/a\\"; sleep 1000"]):\n'
        "    time.sleep(1000)\n"
    )
    environment = {**ENVIRONMENT, "TMPDIR": str(temporary)}
    owner = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL)
    try:
        until(lambda: len([pid for pid in descendants(owner.pid) if runs(pid)]) == 2)
        pids = [pid for pid in descendants(owner.pid) if runs(pid)]
        assert [*temporary.glob("*/a")]
    finally:
        owner.send_signal(number)
        owner.wait()
    until(lambda: not any(map(runs, pids)))
    until(lambda: not [*temporary.iterdir()])


def test_what_it_says_is_kept_from_its_end() -> None:
    with confined(shell("yes | head -c 50000000 >&2; echo last >&2; echo done")) as process:
        assert process.line() == "done"
        said = process.last_words()
    assert said.endswith("y\nlast")
    assert len(said) <= KEPT
    assert not process.running()


def test_a_line_has_an_end() -> None:
    with confined(shell("head -c 50000000 /dev/zero")) as process:
        assert len(process.line()) < 100_000


@pytest.mark.parametrize("waiting", ["sleep 1000", "echo 1; sleep 1000", "sleep 1000 & wait"])
def test_a_limit_ends_it(waiting: str) -> None:
    def read_on() -> None:
        with process.limited("job.jar", 0.2):
            while True:
                int(process.line() or "none")

    with confined(shell(waiting)) as process, pytest.raises(TimedOut, match="has made no job after 0.2 s"):
        read_on()


def test_a_limit_that_is_kept_changes_nothing() -> None:
    with confined(shell("echo 1; sleep 0.3; echo 2")) as process:
        with process.limited("job.jar", 0.2):
            assert process.line() == "1"
        assert process.line() == "2"
    with confined(shell("echo 1")) as process, pytest.raises(ValueError), process.limited("job.jar", 9):
        raise ValueError


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '[]'; echo why >&2", "ended: why"),
        ("echo '{}'", "names no JVM"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", "is no answer"),
        ("yes | head -c 50000000", "is no answer"),
        ("exit 1", "ended: it printed nothing"),
    ],
)
def test_an_interpreter_that_answers_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    (tmp_path / "job.py").write_text("")
    answer = invoke(["compile", "job.py", "--python", str(python)])
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_an_interpreter_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nsleep 1000\n")
    python.chmod(0o755)
    (tmp_path / "job.py").write_text("")
    answer = invoke(["compile", "job.py", "--python", str(python), "--time-limit", "1"])
    assert answer.exit_code == 4
    assert "job.py has made no job after 1 s" in answer.stderr


# --- with Flink ----------------------------------------------------------------------------------------


@pytest.mark.flink
@pytest.mark.parametrize("what", ["read", "start"])
def test_a_main_that_reads_or_starts_something(here: Run, tmp_path: Path, what: str) -> None:
    """What it reads is at its end; what it starts is no part of the job."""
    assert json.loads(here(tmp_path, "compile", str(JAR), "--args", f"first {what}").stdout)["nodes"]


@pytest.mark.flink
def test_a_main_that_does_not_end(tmp_path: Path, temporary: Path) -> None:
    arguments = ("compile", str(JAR), "--args", "first wait", "--time-limit", "4")
    assert "test-job.jar has made no job after 4 s" in planner(tmp_path, *arguments, code=4).stderr
    assert not [*temporary.iterdir()]


@pytest.mark.flink
def test_ctrl_c_is_quiet(tmp_path: Path, temporary: Path) -> None:
    """While the JVM starts, while Flink works and while a main waits; nothing is left behind."""
    for seconds in (0.0, 0.5, 3.0):
        process = subprocess.Popen(
            [sys.executable, "-m", "planner", "compile", str(JAR), "--args", "first wait"],
            env={**ENVIRONMENT, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(lambda: descendants(process.pid))  # noqa: B023
        time.sleep(seconds)
        pids = descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        out, _ = process.communicate(timeout=SECONDS)
        assert (process.returncode, out) == (130, b"")
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))  # noqa: B023
        assert not [*temporary.iterdir()]


@pytest.mark.flink
@pytest.mark.extended
@pytest.mark.parametrize(
    ("what", "code", "said"), [("print", 0, ""), ("allocate", 2, "more memory than the 2g")]
)
def test_a_main_that_takes_much(tmp_path: Path, what: str, code: int, said: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "planner", "compile", str(JAR), "--args", f"first {what}"],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        most = 0
        while process.poll() is None:
            most = max(most, *map(peak, [process.pid, *descendants(process.pid)]))
            time.sleep(0.05)
        assert (process.returncode, said in process.stderr.read()) == (code, True)
    assert most < (2**20 if what == "print" else 3 * 2**20)
