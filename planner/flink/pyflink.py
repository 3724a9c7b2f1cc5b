"""A PyFlink program, compiled by the interpreter and the Flink of its author.

PyFlink's packages do not install beside planner's, so the program runs in the user's interpreter
(`pyflink_runner.py`), which starts a JVM of its own; planner connects to that one for the graph.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from planner.documents.profile import Program
from planner.flink.errors import FlinkMissing, ProgramError
from planner.flink.jvm import Jvm, disconnect, end_by_input, java
from planner.flink.pyflink_runner import KEY

RUNNER = Path(__file__).with_name("pyflink_runner.py")


@contextmanager
def pyflink_graph(program: Program, interpreter: str) -> Iterator[tuple[Jvm, Any]]:
    """Yield the JVM of a PyFlink program and the stream graph that the program makes.

    Raises:
        ProgramError: when there is no such interpreter, it has no PyFlink, or the program fails.
        FlinkMissing: when the extra ``flink``, which brings Java, is not installed.

    """
    try:
        from py4j.java_gateway import GatewayParameters, JavaGateway
    except ImportError:
        raise FlinkMissing from None
    found = shutil.which(interpreter)
    if found is None:
        raise ProgramError(f"there is no Python interpreter {interpreter!r}; name one with --python")
    found = os.path.abspath(found)  # TaskManagers run it from elsewhere; its links lead out of its venv
    options = {
        "python.executable": found,
        "python.client.executable": found,
        **program.configuration,
    }
    home = str(Path(java()).parent.parent)
    said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed below)
    child = subprocess.Popen(
        [found, str(RUNNER), program.file, json.dumps(options), *program.arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        env={**os.environ, "JAVA_HOME": os.environ.get("JAVA_HOME", home)},
        text=True,
    )
    try:
        answer = _answer(child, said, program, found)
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=answer["port"], auto_convert=True))
        try:
            jvm = Jvm(gateway)
            graph = jvm.view.java.lang.System.getProperties().get(KEY).getPipeline()
            if graph is None:
                raise ProgramError(f"{program.file}: executes no job, so there is none to compile")
            yield jvm, graph
        finally:
            disconnect(gateway)
    finally:
        end_by_input(child)  # its JVM ends with it
        said.close()


def _answer(
    child: subprocess.Popen[str], said: IO[str], program: Program, interpreter: str
) -> dict[str, Any]:
    assert child.stdout is not None
    line = child.stdout.readline()
    try:
        answer: dict[str, Any] = json.loads(line)
    except ValueError:
        end_by_input(child)  # its JVM ends with it
        said.seek(0)
        lines = said.read().strip().splitlines()
        reason = lines[-1] if lines else "silently"
        raise ProgramError(f"{program.file}: {interpreter} ended: {reason}") from None
    if "missing" in answer:
        what = "has no PyFlink" if str(answer["missing"]).startswith(("pyflink", "py4j")) else answer["error"]
        raise ProgramError(f"{interpreter} {what}; name the interpreter that has it with --python")
    if answer["error"]:
        text = str(answer["error"])
        raise ProgramError(text if text.startswith(program.file) else f"{program.file}: {text}")
    return answer
