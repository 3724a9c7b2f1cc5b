"""Who may ask the screen, for what, and how much: over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.screens import Screen, sample, screen

SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
PATHS = ["/", "/ui.js", "/ui.css", "/api/now", "/api/view", "/api/save", "/docs", "/openapi.json"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    folder = sample(tmp_path_factory.mktemp("ui"))
    (folder / "secret.txt").write_text("hunter2")
    with screen(folder) as found:
        yield found


@pytest.fixture(scope="module")
def opened(here: Screen) -> Screen:
    here.open()
    return here


def test_nothing_is_answered_without_the_cookie(here: Screen) -> None:
    stranger = Screen(here.folder, here.process, here.port, "")
    for path in PATHS:
        for method in ("GET", "POST"):
            status, headers, body = stranger.ask(method, path, {} if method == "POST" else None)
            assert status == 403
            assert b"ingest" not in body
            assert headers.items() >= SAFE.items()
    for token in ("", "x", here.token[:-1], here.token.swapcase(), "%00", "ä"):
        assert stranger.ask("GET", f"/?token={token.encode().hex() if token == 'ä' else token}")[0] == 403
    assert stranger.ask("GET", "/", headers={"cookie": f"planner-{here.port}=x"})[0] == 403


def test_the_token_buys_one_cookie_that_scripts_and_other_sites_do_not_get(opened: Screen) -> None:
    status, headers, _ = Screen(opened.folder, opened.process, opened.port, "").ask(
        "GET", f"/?token={opened.token}"
    )
    assert (status, headers.get("set-cookie")) == (403, None), "the token was used"
    status, headers, _ = opened.ask("GET", f"/?token={opened.token}")
    assert status == 303, "whoever has the cookie may open the address again"
    assert headers["location"] == "/"
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=strict" in headers["set-cookie"]


def test_the_page_may_load_and_run_its_own_files_alone(opened: Screen) -> None:
    status, headers, body = opened.ask("GET", "/")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in headers["content-security-policy"]
    assert b"http:" not in body
    assert opened.ask("GET", "/ui.js")[1]["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:{}", ""]
)
def test_another_host_is_refused(host: str, opened: Screen) -> None:
    assert opened.ask("GET", "/api/now", headers={"host": host.format(opened.port)})[0] in (400, 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    ],
)
def test_another_origin_is_refused(headers: dict[str, str], opened: Screen) -> None:
    assert opened.ask("POST", "/api/view", {}, headers)[0] == 403
    assert opened.ask("GET", "/api/now", headers=headers)[0] == 403


def test_a_form_of_another_site_is_refused(opened: Screen) -> None:
    form = {"content-type": "text/plain"}
    assert opened.ask("POST", "/api/stop", b"{}", form)[0] == 415
    connection = http.client.HTTPConnection("127.0.0.1", opened.port, timeout=30)
    connection.request(
        "POST", "/api/stop", b"{}", {"cookie": opened.cookie, "content-type": "application/json"}
    )
    assert connection.getresponse().status == 403, "no origin"
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "//etc/passwd",
        "/ui.js/../../job.yaml",
        "/job.yaml",
        "/secret.txt",
    ],
)
def test_no_other_file_is_read(path: str, opened: Screen) -> None:
    status, _, body = opened.ask("GET", path)
    assert status == 404
    assert b"hunter2" not in body
    assert b"operators" not in body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(method: str, opened: Screen) -> None:
    assert opened.ask(method, "/api/view")[0] in (403, 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"edits":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"edits": 5}',
        b'{"edits": [{"owner": "x", "name": "a", "field": "b", "text": "c"}]}',
        b'{"edits": [{"owner": "operator", "name": 5, "field": "b", "text": "c"}]}',
        b'{"more": 1}',
        b'{"base": {"a": 1}}',
        json.dumps(
            {"edits": [{"owner": "operator", "name": "a" * 5000, "field": "b", "text": "c"}]}
        ).encode(),
        b'{"show": NaN}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_request_that_is_not_one_is_refused_in_a_sentence(body: bytes, opened: Screen) -> None:
    status, _, answer = opened.ask("POST", "/api/view", body)
    assert status == 400
    assert json.loads(answer)["problem"]


def test_a_request_of_50_mb_is_refused_unread(opened: Screen) -> None:
    with socket.create_connection(("127.0.0.1", opened.port), timeout=30) as connection:
        head = (
            f"POST /api/view HTTP/1.1\r\nhost: 127.0.0.1:{opened.port}\r\ncookie: {opened.cookie}\r\n"
            f"origin: http://127.0.0.1:{opened.port}\r\ncontent-type: application/json\r\n"
        )
        connection.sendall(f"{head}content-length: {50 * 2**20}\r\n\r\n".encode())
        assert b" 413 " in connection.recv(100)
    with socket.create_connection(("127.0.0.1", opened.port), timeout=30) as connection:
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        try:
            for _ in range(50):
                connection.sendall(chunk)
        except OSError:
            pass  # it does not listen any more
        assert b" 413 " in connection.recv(100)
    assert opened.ask("GET", "/api/now")[0] == 200


@pytest.mark.extended
def test_a_request_that_comes_slowly_is_refused(opened: Screen) -> None:
    with socket.create_connection(("127.0.0.1", opened.port), timeout=30) as connection:
        connection.sendall(
            f"POST /api/view HTTP/1.1\r\nhost: 127.0.0.1:{opened.port}\r\ncookie: {opened.cookie}\r\n"
            f"origin: http://127.0.0.1:{opened.port}\r\ncontent-type: application/json\r\n"
            "content-length: 1000\r\n\r\n".encode()
        )
        connection.settimeout(1)
        answer, end = b"", time.monotonic() + 20
        while not answer and time.monotonic() < end:
            connection.sendall(b" ")
            try:
                answer = connection.recv(100)
            except TimeoutError:
                continue
        assert b" 408 " in answer


def test_a_view_of_edits_and_a_conflict(opened: Screen) -> None:
    edit = {"owner": "operator", "name": "sessions", "field": "parallelism", "text": "32", "was": "24"}
    state = opened.asked("/api/view", edits=[edit])
    assert "+      parallelism: 32" in state["patch"]
    job = opened.folder / "job.yaml"
    text = job.read_text()
    job.write_text(text.replace("parallelism: 16", "parallelism: 20"))
    status, _, answer = opened.ask("POST", "/api/save", {"edits": [edit], "base": state["base"]})
    assert status == 409
    assert "+  parallelism: 20" in json.loads(answer)["patch"]
    assert job.read_text() == text.replace("parallelism: 16", "parallelism: 20")
    job.write_text(text)


def test_a_name_with_a_script_in_it_is_text(tmp_path: Path) -> None:
    hostile = "<script>x</script>&\"'.yaml".replace("/", "_")
    (sample(tmp_path) / "job.yaml").rename(tmp_path / hostile)
    with screen(tmp_path, hostile) as found:
        found.open()
        body = found.ask("GET", "/")[2].decode()
        assert "<script>x" not in body
        assert "&lt;script&gt;x" in body
        assert found.asked("/api/view", edits=[])["file"] == hostile
