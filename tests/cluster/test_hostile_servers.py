"""What a server answers is not believed, whatever it is and whichever verb asks."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from in_process import invoke
from rest_server import JOB_ID, Answers, cluster_answers, planned, serving

from planner import api
from planner.cluster import measure, rest, run, transport
from planner.cluster.errors import NoAnswer, NotThere, RestError
from planner.cluster.rest import Rest, task_managers
from planner.cluster.run import Plan, run_program
from planner.documents import answers
from planner.documents.profile import Program
from planner.documents.write import to_data, to_json
from planner.errors import PlannerError
from planner.flink.program import Toolchain

DEEP: Any = 0
for _ in range(70):
    DEEP = [DEEP]
HOSTILE = [
    None, True, "x", "\0\x1b[31m\r\nX: y", "", "a" * 5000, "\ud800", -7, 10**30, 10**450, 1e308, -0.5, 0,
    float("inf"), float("nan"), [], {}, [{}], {"a": None}, DEEP,
]  # fmt: skip
"""What is put in the place of a value; the numbers that JSON does not have are written as Python does."""


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(run, "LOST_SECONDS", 0.0)
    monkeypatch.setattr(run, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(measure, "COLLECTED", 0.05)
    monkeypatch.setattr(measure, "FRESH", 0.0)
    monkeypatch.setattr(measure, "MEASURED_AGAIN", 0.0)


def verify(url: str) -> object:
    placement, profile, _ = planned()
    return api.verify(placement, profile, rest=url)


def import_load(url: str) -> object:
    return to_json(to_data(api.import_load(planned()[1], rest=url, window=0.001)[0]))


def import_job(url: str) -> object:
    return to_json(to_data(api.import_job(rest=url)))


def import_cluster(url: str) -> object:
    return to_json(to_data(api.import_cluster(rest=url)[0]))


def run_it(url: str) -> object:
    """Run a program whose compilation and submission are taken for done."""
    placement, profile, graph = planned()
    monkey = pytest.MonkeyPatch()
    monkey.setattr(run, "execute", lambda *_: (Plan(profile, graph, []), JOB_ID))
    monkey.setattr(run, "_job_in_slots", lambda rest, placement, note: task_managers(rest, note) and None)
    try:
        return run_program(
            Program(file="job.sql", kind="sql"), None, placement, Rest.at(url), Toolchain(), 0.0
        )
    finally:
        monkey.undo()


VERBS: dict[str, Callable[[str], object]] = {
    "verify": verify,
    "import load": import_load,
    "import job": import_job,
    "import cluster": import_cluster,
    "diagnose": lambda url: [one.kind.name for one in api.diagnose([], rest=url)],
    "scale": lambda url: [api.adaptive(rest=url), *api.restart_parts(rest=url)],
    "run": run_it,
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_every_verb_makes_of_good_answers(verb: str) -> None:
    with serving(cluster_answers()) as server:
        done = VERBS[verb](server.url)
    if verb in ("verify", "diagnose"):
        assert done == ([] if verb == "verify" else ["user-code"])
    elif verb == "scale":
        assert done
    elif verb == "run":
        assert isinstance(done, api.Run)
        assert not done.deviations
    else:
        assert api.load(str(done))[0].document is not None


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in plain data, the whole included; the entries of a list are alike."""
    yield path
    entries = (
        data.items() if isinstance(data, dict) else enumerate(data[:1]) if isinstance(data, list) else ()
    )
    for key, value in entries:
        yield from places(value, (*path, key))


def plain(answer: Any) -> Any:
    return answer() if callable(answer) else answer


def replaced(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(data)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("verb", "share"),
    [*((verb, 5) for verb in VERBS), *(pytest.param(v, 1, marks=pytest.mark.extended) for v in VERBS)],
)
def test_no_value_in_the_place_of_another_is_a_traceback(
    verb: str, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_: Answers = {}
    asked = set()

    def answer(url: str, *_: object) -> bytes:
        path = unquote(url.removeprefix("http://cluster:80").partition("?")[0])
        asked.add(path)
        if path not in answers_:
            raise transport.Refused(404, "Not Found", b"", None)
        return json.dumps(plain(answers_[path])).encode()

    monkeypatch.setattr(rest, "request", answer)
    answers_ |= cluster_answers()
    VERBS[verb]("cluster")
    cases = [
        (path, place, value)
        for path in sorted(asked & answers_.keys())
        for place in places(plain(answers_[path]))
        for value in HOSTILE
    ]
    refused = 0
    for path, place, value in cases[::share]:
        answers_ |= cluster_answers()
        answers_[path] = replaced(plain(answers_[path]), place, value)
        try:
            VERBS[verb]("cluster")
        except PlannerError as error:
            refused += 1
            assert len(str(error)) < 2000, (path, place, value)
    assert refused > len(cases[::share]) / 5


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", [302, 404, 503])
def test_what_is_gone_between_two_questions(verb: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_ = cluster_answers()
    asked: list[str] = []
    gone = 0

    def answer(url: str, *_: object) -> bytes:
        path = unquote(url.removeprefix("http://cluster:80").partition("?")[0])
        asked.append(path)
        if len(asked) >= gone > 0 or path not in answers_:
            raise transport.Refused(status, "Gone", b'{"errors": ["a\\u001b[31m"]}', "http://elsewhere")
        return json.dumps(plain(answers_[path])).encode()

    monkeypatch.setattr(rest, "request", answer)
    VERBS[verb]("cluster")
    for gone in range(1, len(asked) + 1):  # noqa: B007, read by what answers
        asked.clear()
        with contextlib.suppress(PlannerError):
            VERBS[verb]("cluster")


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte at a time for ever."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.02)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    drip(handler)


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        handler.wfile.write(b"[" * 65536)


def replies(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: Any) -> None:
        handler.reply(body, status, **headers)

    return reply


def writes(raw: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)

    return write


def forever(raw: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        while True:
            handler.wfile.write(raw)
            time.sleep(0.005)

    return write


ATTACKS: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "a byte at a time": drip,
    "a byte of a header at a time": drip_headers,
    "no answer": silent,
    "an endless answer": endless,
    "a length that is a lie": writes(b"HTTP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}"),
    "half an answer": writes(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
    "chunks that are none": writes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "nothing but Continue": forever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers without end": forever(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 90),
    "a header of a megabyte": writes(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 2**20),
    "many small chunks": writes(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 99999
    ),
    "a compressed answer": replies(b"\x1f\x8b\x08\x00", 200, **{"Content-Encoding": "gzip"}),
    "no HTTP": writes(b"\x00\xff\r\n\r\n"),
    "a redirect": replies(b"", 302, Location="http://127.0.0.1:9/elsewhere"),
    "a redirect to a file": replies(b"", 301, Location="file:///etc/passwd"),
    "a redirect to itself": replies(b"", 307, Location="/jobs"),
    "an error of depth": replies(b'{"errors":' + b"[" * 5000, 500),
    "an error that is a number": replies(b'{"errors": 7}', 400),
    "an error without words": replies(b"", 503),
    "an error of many lines": replies(json.dumps({"errors": ["a\x1b[31m\n" * 9999]}).encode(), 500),
    "depth": replies(b"[" * 100_000),
    "much depth": replies(b"[" * 5_000_000),
    "no JSON": replies(b"<html>"),
    "nothing": replies(b""),
    "no text": replies(b"\xff\xfe"),
    "a key twice": replies(b'{"jobs": [], "jobs": []}'),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_way_to_answer_is_believed_by_any_verb(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SECONDS", 0.15)
    monkeypatch.setattr(transport, "MAX_ANSWER", 2**23)
    for verb in VERBS.values():
        hostile = dict.fromkeys(cluster_answers(), ATTACKS[attack])
        with serving(hostile) as server:
            begun = time.monotonic()
            with pytest.raises(RestError) as raised:
                verb(server.url)
            assert time.monotonic() - begun < 5
            assert len(str(raised.value)) < 1000
            assert server.url in str(raised.value)


def test_the_limit_is_for_the_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SECONDS", 0.3)
    with serving({"/jobs": drip}) as server, pytest.raises(NoAnswer, match=r"takes more than 0.3 s"):
        Rest(server.url).get("/jobs", dict[str, Any])


def test_the_limit_is_for_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 2**20)
    with serving({"/jobs": endless}) as server, pytest.raises(NoAnswer, match="more than 1 MiB"):
        Rest(server.url).get("/jobs", dict[str, Any])


def test_answers_of_any_size_below_the_limit_are_read() -> None:
    text = "x" * (3 * 2**20)
    with serving({"/jobs": {"text": text}}) as server:
        assert Rest(server.url).get("/jobs", dict[str, str]) == {"text": text}


def test_redirects_are_not_followed() -> None:
    with serving(cluster_answers()) as target:
        answer = replies(b"", 302, Location=f"{target.url}/jobs")
        with serving({"/jobs": answer}) as server, pytest.raises(RestError, match=target.url):
            rest.jobs(Rest(server.url))
        assert not target.asked


def test_what_is_not_there() -> None:
    with serving({}) as server, pytest.raises(NotThere, match="answers 404 to /jobs: not found"):
        rest.jobs(Rest(server.url))


def test_a_server_that_is_no_flink(tmp_path: Path) -> None:
    with serving({"/jobs": {"jobs": [{"id": "../../x", "status": "RUNNING"}]}}) as server:
        done = invoke(["import", "job", "--rest", server.url])
    assert done.exit_code == 2
    assert "does not answer /jobs as Flink does: jobs[0].id" in done.stderr


@pytest.mark.parametrize("job", ["../config", "a b", "x\r\nHost: y", "?x", "%2e%2e/x", "\x1b"])
def test_the_id_of_a_job_is_no_path(job: str) -> None:
    with serving(cluster_answers()) as server:
        with pytest.raises(RestError):
            api.import_job(rest=server.url, job=job)
        assert all(path.startswith(f"/jobs/{job}") for path, _ in server.asked)


def test_many_task_managers_are_told_of() -> None:
    answers_ = cluster_answers()
    listed = answers_["/taskmanagers"]["taskmanagers"][0]
    one = answers_[f"/taskmanagers/{listed['id']}"]
    names = [f"tm-{number}" for number in range(250)]
    answers_ |= {f"/taskmanagers/{name}": one for name in names}
    answers_["/taskmanagers"] = {"taskmanagers": [{**listed, "id": name} for name in names]}
    told: list[str] = []
    with serving(answers_) as server:
        api.import_cluster(rest=server.url, note=told.append)
    assert told == [f"asking the cluster for each TaskManager, {n} of 250" for n in (0, 100, 200)]


def test_memory_that_is_not_told_yet_is_no_deviation() -> None:
    answers_ = cluster_answers()
    for path, answer in answers_.items():
        if path.startswith("/taskmanagers/") and isinstance(answer, dict):
            answer["memoryConfiguration"] = dict.fromkeys(answer["memoryConfiguration"])
    with serving(answers_) as server:
        assert verify(server.url) == []


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(NoAnswer, match="no Flink REST API at"):
            rest.jobs(Rest(url))


def test_the_largest_answer_is_one_number() -> None:
    assert answers.MAX_ANSWER == transport.MAX_ANSWER


def test_an_imported_job_has_no_secrets() -> None:
    answers_ = cluster_answers()
    answers_["/jobmanager/config"] += [
        {"key": "execution.checkpointing.dir", "value": "s3://KEY:hunter2@bucket/x"},
        {"key": "state.x.secret-key", "value": "hunter2"},
        {"key": "pipeline.global-job-parameters", "value": "db-password:hunter2,a:b"},
        {"key": "s3.secret-key", "value": "hunter2"},
    ]
    with serving(answers_) as server:
        text = str(import_job(server.url))
    assert "hunter2" not in text
    assert "s3://******@bucket/x" in text
    assert "db-password:******,a:b" in text
