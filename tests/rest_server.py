"""A small HTTP server that answers as a cluster would, or as no cluster would."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import planner
from planner.api import compile_job, place
from planner.cluster.verify import _PARTS as PARTS
from planner.cluster.verify import _SLOT_PARTS as SLOT_PARTS
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph
from planner.memory.taskmanager import derive_taskmanager
from planner.place.model.quotas import quota_name
from planner.place.model.slots import slot_resources
from planner.units import CORE, MIB
from samples import document

JOB_ID = "0123456789abcdef0123456789abcdef"
JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: clicks}
spec:
  slotSharingGroups:
    - {name: heavy, resources: {cpu: 0.5, heap: 64 mb, managed: {STATE_BACKEND: 32 mb}}}
  operators:
    - {id: read, kind: source, parallelism: 2, group: heavy}
    - {id: count, kind: keyed-process, parallelism: 2, group: heavy, inputs: [{from: read, ship: HASH}]}
"""
CLUSTER = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses: [{name: tm, cpu: 1, memory: {process: 1 gb}, count: 2}]
"""
Respond = Callable[[BaseHTTPRequestHandler], None]
Answers = dict[str, Any]
"""What is answered to a path: plain data, bytes, or a function that answers."""


@cache
def planned() -> tuple[Placement, ResourceProfile, JobGraph]:
    """Return a placed job of two vertices on two TaskManagers."""
    job, cluster = document(JOB, planner.Job), document(CLUSTER, planner.Cluster)
    return place(job, cluster), *compile_job(job)


def cluster_answers() -> Answers:
    """Return the answers of a cluster that keeps to the placement, by path."""
    placement, profile, graph = planned()
    resources = slot_resources(profile)
    answers: Answers = {
        "/config": {"flink-version": "2.2.1", "refresh-interval": 3000, "features": {"web-submit": True}},
        "/jobmanager/config": [
            {"key": "state.backend.type", "value": "rocksdb"},
            {"key": "jobmanager.rpc.port", "value": "6123"},
        ],
        "/jobs": {"jobs": [{"id": JOB_ID, "status": "RUNNING"}]},
        f"/jobs/{JOB_ID}/checkpoints/config": {"interval": 30_000, "state_backend": "EmbeddedRocksDB"},
        f"/jobs/{JOB_ID}/checkpoints": {
            "counts": {},
            "latest": {"completed": {"id": 7, "end_to_end_duration": 1200}},
        },
        f"/jobs/{JOB_ID}/exceptions": {"exceptionHistory": {"entries": [{"stacktrace": "a.B: why\n\tat x"}]}},
    }
    listed = []
    where: dict[str, str] = {}
    for tm in placement.task_managers:
        assert tm.memory is not None
        memory, options = derive_taskmanager(tm.memory.dynamic_options), tm.memory.dynamic_options
        whole = {
            "cpuCores": float(options["taskmanager.cpu.cores"]),
            "extendedResources": {quota_name(group): float(n) for group, n in tm.quotas.items()},
        }
        slots = [
            {"jobId": JOB_ID, "resource": _slot(resources[group], group)}
            for group, count in tm.quotas.items()
            for _ in range(count)
        ]
        listed.append({"id": tm.id, "path": f"pekko://{tm.id}", "totalResource": whole})
        answers[f"/taskmanagers/{tm.id}"] = {
            "id": tm.id,
            "slotsNumber": len(slots),
            "totalResource": whole,
            "allocatedSlots": slots,
            "hardware": {"cpuCores": 8, "managedMemory": 1},
            "memoryConfiguration": {told: getattr(memory, name) for told, name in PARTS.items()},
        }
        answers[f"/taskmanagers/{tm.id}/metrics"] = _growing()
        where |= {subtask: tm.id for slot in tm.slots for subtask in slot.subtasks}
    answers["/taskmanagers"] = {"taskmanagers": listed}
    operator = {node.id: node.planner.operator for node in profile.nodes if node.planner}
    by_index = {vertex.index: vertex for vertex in graph.vertices}
    vertices, nodes = [], []
    for vertex in graph.vertices:
        vertices.append(
            {
                "id": vertex.id,
                "slotSharingGroupId": "g",
                "name": vertex.name,
                "maxParallelism": vertex.max_parallelism,
                "parallelism": vertex.parallelism,
            }
        )
        inputs = [
            {"num": 0, "id": by_index[e.source].id, "ship_strategy": "HASH", "exchange": "pipelined_bounded"}
            for e in graph.edges
            if e.target == vertex.index
        ]
        nodes.append({"id": vertex.id, **({"inputs": inputs} if inputs else {})})
        path = f"/jobs/{JOB_ID}/vertices/{vertex.id}"
        answers[path] = {
            "subtasks": [
                {
                    "subtask": index,
                    "status": "RUNNING",
                    "attempt": 0,
                    "taskmanager-id": where[f"{operator[vertex.nodes[0]]}/{index}"],
                }
                for index in range(vertex.parallelism)
            ]
        }
        answers[f"{path}/subtasks/metrics"] = [
            {"id": "busyTimeMsPerSecond", "avg": 500.0},
            {"id": "backPressuredTimeMsPerSecond", "avg": "NaN"},
            {"id": "numRecordsOutPerSecond", "avg": 10.5},
            {"id": "numBytesOutPerSecond", "avg": 1000.0},
        ]
        answers[f"{path}/metrics"] = [
            {"id": f"{index}.busyTimeMsPerSecond", "value": "250.0"} for index in range(vertex.parallelism)
        ]
    answers[f"/jobs/{JOB_ID}"] = {
        "jid": JOB_ID,
        "name": "clicks",
        "state": "RUNNING",
        "job-type": "STREAMING",
        "vertices": vertices,
        "plan": {"jid": JOB_ID, "nodes": nodes},
    }
    answers[f"/jobs/{JOB_ID}/checkpoints/details/7"] = {
        "tasks": {graph.vertices[-1].id: {"state_size": 4096}}
    }
    return answers


def _slot(resources: Any, group: str) -> dict[str, Any]:
    memory = {told: getattr(resources, name) // MIB for told, name in SLOT_PARTS.items()}
    return {"cpuCores": resources.cpu / CORE, **memory, "extendedResources": {quota_name(group): 1.0}}


def _growing() -> Callable[[], list[dict[str, str]]]:
    count = itertools.count(10**9, 10**7)
    return lambda: [{"id": "Status.JVM.CPU.Time", "value": str(next(count))}]


class Handler(BaseHTTPRequestHandler):
    """Answers a path with what the server has for it."""

    server: Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((path, self.headers))
        answer = self.server.answers.get(path)
        if callable(answer):
            if answer.__code__.co_argcount:
                answer(self)
                return
            answer = answer()
        if answer is None and path not in self.server.answers:
            self.reply(b'{"errors": ["org.apache.flink.X: not found"]}', 404)
            return
        self.reply(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers.get("Content-Type") == "application/json":
            self.server.sent.append(json.loads(body))
        while "chunked" in self.headers.get("Transfer-Encoding", ""):
            size = int(self.rfile.readline(), 16)
            self.rfile.read(size + 2)
            if size == 0:
                break
        self.do_GET()

    def do_PUT(self) -> None:
        self.server.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0))))
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Has answers by path, and remembers what was asked for."""

    daemon_threads = True

    def __init__(self, answers: Answers, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http" if context is None else "https"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []
        self.sent: list[Any] = []

    @property
    def url(self) -> str:
        """Return the address."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """Keep quiet about clients that go away."""


@contextmanager
def serving(answers: Answers, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server until the block ends, behind TLS with a ``context``."""
    with Server(answers, context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
