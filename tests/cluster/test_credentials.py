"""Who asks is shown to the address that the user named, and to nobody else."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import invoke
from rest_server import cluster_answers, serving

from planner.cluster import credentials
from planner.cluster.credentials import AUTHORITY, TOKEN, USER
from planner.cluster.errors import NoAnswer, RestError
from planner.cluster.rest import Rest, jobs

SECRET = "hunter2/x@y"
BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (TOKEN, USER, AUTHORITY):
        monkeypatch.delenv(name, raising=False)


def shown(url: str) -> list[str | None]:
    """Return the Authorization headers that a server gets when it is asked at an address with `{}` for its own."""
    with serving(cluster_answers()) as server:
        rest = Rest.at(url.replace("{}", server.url.removeprefix("http://")))
        assert rest.url == server.url
        assert SECRET not in repr(rest)
        jobs(rest)
        return [headers["Authorization"] for _, headers in server.asked]


def test_nobody_is_shown() -> None:
    assert shown("{}") == [None]


def test_credentials_of_the_address() -> None:
    assert shown("http://me:hunter2%2Fx%40y@{}") == [BASIC]


def test_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(USER, f"me:{SECRET}")
    assert shown("{}") == [BASIC]
    (tmp_path / "token").write_text("abc.def\n")
    monkeypatch.setenv(TOKEN, f"@{tmp_path / 'token'}")
    assert shown("{}") == ["Bearer abc.def"]
    monkeypatch.setenv("ELSEWHERE", "ghi")
    monkeypatch.setenv(TOKEN, "@env:ELSEWHERE")
    assert shown("{}") == ["Bearer ghi"]
    assert shown("http://me:hunter2%2Fx%40y@{}") == [BASIC]  # what is nearer goes first


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (TOKEN, "a\r\nX: hunter2"), (TOKEN, "hunter2\u00e9"), (TOKEN, "@/nowhere/hunter2"), (USER, "hunter2"),
        (TOKEN, "@env:NOT_THERE"), (AUTHORITY, "/nowhere"),
    ],
)  # fmt: skip
def test_credentials_that_are_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(NoAnswer) as raised:
        Rest.at("http://host:8081")
    assert name in str(raised.value)
    assert "hunter2" not in str(raised.value).replace("/nowhere/hunter2", "")


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2@127.0.0.1:9", "http://me:hunter2@", "http://me:hunter2@host/path", "me:hunter2@host/x",
        "ftp://me:hunter2@host", "http://me:hunter2@host:port", "http://me:hunter2@[::1", "me:hunter2@127.0.0.1:9",
        "http://me:hunter2@host\x00", "http://me:1#hunter2@host", "http://me:hunter2/x@host:9",
    ],
)  # fmt: skip
def test_a_password_is_in_no_message(url: str, tmp_path: Path) -> None:
    done = invoke(["import", "job", "--rest", url])
    assert done.exit_code == 2
    assert "hunter2" not in done.stderr + done.stdout


def refusing(status: int, **headers: str) -> Callable[[Any], None]:
    def refuse(handler: Any) -> None:
        handler.reply(b"", status, **headers)

    return refuse


def test_a_server_that_asks_who_it_is() -> None:
    with serving({"/jobs": refusing(401)}) as server, pytest.raises(RestError, match=f"set {USER}=USER"):
        jobs(Rest.at(server.url))


def test_a_redirect_gets_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "abc")
    with serving(cluster_answers()) as target:
        answers = {"/jobs": refusing(302, Location=target.url.replace("//", "//a:hunter2@") + "/jobs")}
        with serving(answers) as server, pytest.raises(RestError) as raised:
            jobs(Rest.at(server.url))
        assert target.asked == []
    assert "hunter2" not in str(raised.value)


def test_a_cluster_of_planners_own_is_shown_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "abc")
    assert Rest("http://127.0.0.1:8081").shown == credentials.NOBODY


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with a key and a certificate of 127.0.0.1 that signs itself."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    line = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*line.split(), "-keyout", str(file), "-out", str(file.with_name("ca.pem"))],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text() + file.with_name("ca.pem").read_text())
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    """Return the address of a cluster behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(cluster_answers(), context) as server:
        yield server.url


def test_a_server_that_nobody_vouches_for(secure: str) -> None:
    with pytest.raises(NoAnswer, match="certificate verify failed"):
        jobs(Rest.at(secure))


def test_a_server_that_a_named_authority_vouches_for(
    secure: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUTHORITY, str(certificate.with_name("ca.pem")))
    monkeypatch.setenv(TOKEN, "abc")
    assert len(jobs(Rest.at(secure))) == 1


def test_a_file_that_is_no_authority(secure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    monkeypatch.setenv(AUTHORITY, str(tmp_path / "ca.pem"))
    with pytest.raises(NoAnswer):
        jobs(Rest.at(secure))
