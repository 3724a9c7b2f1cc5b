"""Where the screen listens, and how it ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from in_process import invoke

from planner.ui.server import HOST, PORT, PortTaken, listen
from ui.screens import sample, screen


def test_it_listens_on_this_machine_alone() -> None:
    with listen(None) as found:
        assert found.getsockname()[0] == HOST == "127.0.0.1"
        with listen(None) as other:
            assert other.getsockname()[1] not in (PORT, found.getsockname()[1])


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(PortTaken, match="address already in use"):
            listen(taken.getsockname()[1])


def test_ctrl_c_ends_it_and_its_address(tmp_path: Path) -> None:
    with screen(sample(tmp_path)) as found:
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(10) == 0
        assert found.process.stderr is not None
        assert "Traceback" not in found.process.stderr.read()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((HOST, found.port), timeout=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ui", "x.sql"], "planner compile makes one of a program"),
        (["ui", "-"], "name a Job or ResourceProfile in a file"),
        (["ui", "gone.yaml"], "cannot be read"),
        (["ui", "cluster.yaml"], "holds no Job or ResourceProfile"),
        (["ui", "job.yaml", "--port", "80"], "1024"),
    ],
)
def test_what_cannot_be_edited_is_refused(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample(tmp_path))
    done = invoke(arguments)
    assert done.exit_code == 2
    assert message in done.stderr
