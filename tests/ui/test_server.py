"""Where the screen listens, and how it ends."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest
from in_process import invoke

from planner import api
from planner.ui.browser import opened
from planner.ui.server import HOST, PORT, PortTaken, listen
from samples import cluster_of, job_of
from ui.screens import sample, screen


def test_it_listens_on_this_machine_alone() -> None:
    with listen(None) as found:
        assert found.getsockname()[0] == HOST == "127.0.0.1"
        with listen(None) as other:
            assert other.getsockname()[1] not in (PORT, found.getsockname()[1])


@pytest.mark.extended
def test_connections_without_a_request_are_closed(tmp_path: Path) -> None:
    with screen(sample(tmp_path)) as found:
        found.open()
        held = [socket.create_connection((HOST, found.port), timeout=30) for _ in range(150)]
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert found.ask("GET", "/api/now")[0] == 200
        assert held[0].recv(10) == b"", "it was closed"
        for connection in held:
            connection.close()


def test_a_placement_is_not_saved_over_other_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample(tmp_path))
    for name in ("job.yaml", "cluster.yaml"):
        done = invoke(["ui", "job.yaml", "--placement", name])
        assert done.exit_code == 2
        assert "is an input of this command" in done.stderr
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    placement = api.to_yaml(api.to_data(api.simulate(job, cluster, api.Mode.SLOTS)))
    (tmp_path / "both.yaml").write_text(f"{(tmp_path / 'cluster.yaml').read_text()}---\n{placement}")
    done = invoke(["ui", "job.yaml", "--placement", "both.yaml"])
    assert done.exit_code == 2
    assert "holds other documents too" in done.stderr


def test_the_browser_is_told_the_address_in_a_file_of_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    opened("http://127.0.0.1:1/?token=abc")
    while not seen:
        time.sleep(0.01)
    path = Path(seen[0].removeprefix("file://"))
    assert "abc" not in seen[0]
    assert "token=abc" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()


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
        (["ui", "job.yaml", "--placement", "nowhere/p.json"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_edited_is_refused(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample(tmp_path))
    done = invoke(arguments)
    assert done.exit_code == 2
    assert message in done.stderr
