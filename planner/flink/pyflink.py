"""A PyFlink program, compiled by the interpreter and the Flink of its author.

PyFlink's packages do not install beside planner's, so the program runs in the user's interpreter
(`pyflink_runner.py`), which starts a JVM of its own; planner connects to that one for the graph.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from planner.documents.answers import LONGEST, Answer, AnswerError, Port, read_answer
from planner.documents.profile import Program
from planner.files import write_atomically
from planner.flink.confined import Confined, confined
from planner.flink.errors import FlinkMissing, ProgramError
from planner.flink.jvm import HEAP, Jvm, disconnect, java
from planner.flink.pyflink_runner import KEY

JAVA_NOTE = "NOTE: Picked up JDK_JAVA_OPTIONS"
RUNNER = Path(__file__).with_name("pyflink_runner.py")


@contextmanager
def pyflink_graph(program: Program, interpreter: str, seconds: float) -> Iterator[tuple[Jvm, Any]]:
    """Yield the JVM of a PyFlink program and the stream graph that the program makes.

    Raises:
        ProgramError: when there is no such interpreter, it has no PyFlink, or the program fails.
        TimedOut: when it makes no job within ``seconds``.
        FlinkMissing: when the extra ``flink``, which brings Java, is not installed.

    """
    try:
        from py4j.java_gateway import GatewayParameters, JavaGateway
        from py4j.protocol import Py4JError
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

    def command(folder: str) -> list[str]:
        given = Path(folder, "given.json")
        told = json.dumps({"options": options, "arguments": program.arguments})
        write_atomically(given, told, private=True)
        return [found, str(RUNNER), program.file, str(given)]

    def environment(folder: str) -> dict[str, str]:
        java_options = f'-Xmx{HEAP} "-Djava.io.tmpdir={folder}" {os.environ.get("JDK_JAVA_OPTIONS", "")}'
        return {"JAVA_HOME": os.environ.get("JAVA_HOME", home), "JDK_JAVA_OPTIONS": java_options}

    with confined(command, environment) as process:
        with process.limited(program.file, seconds):
            port = _answer(process, program, found)
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
        try:
            jvm = Jvm(gateway, process)
            try:
                graph = jvm.view.java.lang.System.getProperties().get(KEY).getPipeline()
            except (Py4JError, OSError, AttributeError, TypeError, ValueError) as error:
                raise ProgramError(
                    f"{program.file}: {found} names port {port}, where no JVM has the program: {error}"
                ) from None
            if graph is None:
                raise ProgramError(f"{program.file}: executes no job, so there is none to compile")
            yield jvm, graph
        finally:
            disconnect(gateway)


class _Ready(Answer):
    """What the runner prints once it has run a program: the port of its JVM, or what went wrong."""

    port: Port | None = None
    error: str | None = None
    missing: str | None = None


def _answer(process: Confined, program: Program, interpreter: str) -> int:
    """Return the port of the JVM in which the program ran.

    Raises:
        ProgramError: when the interpreter does not answer as the runner does, or the program failed.

    """
    printed = process.line()
    try:
        answer = read_answer(printed.encode(), _Ready)
    except AnswerError as error:
        lines = [line for line in process.last_words().splitlines() if not line.startswith(JAVA_NOTE)]
        nothing = f"what it printed is no answer: {error}" if printed.strip() else "it printed nothing"
        reason = lines[-1][:LONGEST] if lines else nothing
        raise ProgramError(f"{program.file}: {interpreter} ended: {reason}") from None
    if answer.missing is not None:
        known = answer.missing.startswith(("pyflink", "py4j"))
        what = "has no PyFlink" if known else answer.error or "lacks a module"
        raise ProgramError(f"{interpreter} {what}; name the interpreter that has it with --python")
    if answer.error or answer.port is None:
        text = answer.error or "the interpreter names no JVM"
        raise ProgramError(text if text.startswith(program.file) else f"{program.file}: {text}")
    return answer.port
