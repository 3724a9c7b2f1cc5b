"""`planner ui` as a process of its own, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samples import FOLDER

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Screen:
    """A running screen: its folder, its address, and the cookie of whoever opened that."""

    folder: Path
    process: subprocess.Popen[str]
    port: int
    token: str
    cookie: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer; ``body`` is sent as JSON from the page's origin."""
        sent = {"cookie": self.cookie} if self.cookie else {}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if method == "POST":
            sent |= {"origin": f"http://127.0.0.1:{self.port}", "content-type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()

    def open(self) -> None:
        """Buy the cookie with the token, as a browser does."""
        status, headers, _ = self.ask("GET", f"/?token={self.token}")
        assert status == 303
        self.cookie = headers["set-cookie"].partition(";")[0]

    def asked(self, path: str, **body: Any) -> Any:
        """Return what a request from the page gets."""
        status, _, answer = self.ask("POST", path, body)
        assert status == 200, answer
        return json.loads(answer)


def sample(folder: Path, name: str = "click-enrichment") -> Path:
    """Copy a sample into a folder."""
    for file in ("job.yaml", "cluster.yaml"):
        shutil.copy(FOLDER / name / file, folder / file)
    return folder


@contextlib.contextmanager
def screen(folder: Path, *arguments: str) -> Iterator[Screen]:
    """Yield `planner ui`, started in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "ui", "--no-open", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", line):
                yield Screen(folder, process, int(found[1]), found[2])
                break
        else:
            raise AssertionError("planner ui did not start")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
