"""Runs in the user's interpreter, not in planner's: a PyFlink program up to where it would submit its job.

    python pyflink_runner.py PROGRAM GIVEN

PyFlink starts its own JVM; in it, execution environments only record what they are asked to execute. Then
one line of JSON goes to the original stdout, with the port of that JVM, and planner reads the recorded
graph there until it ends this process. It imports nothing of planner. GIVEN is a file with the program's
options and arguments, {"options": {...}, "arguments": [...]}: command lines are for everybody to see.
"""

import json
import os
import runpy
import signal
import sys
import traceback

KEY = "planner.program"
LONGEST = 4000
"""Characters of an error that planner is told."""


def main() -> None:
    """Run the program that the command line names, tell planner where to look, and wait to be ended."""
    sys.path.pop(0)  # planner's own folder
    told, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # programs print
    os.dup2(2, 1)
    with open(sys.argv[2], encoding="utf-8") as file:
        given = json.load(file)
    os.unlink(sys.argv[2])
    answer: dict[str, object]
    try:
        answer = run(sys.argv[1], given["options"], given["arguments"])
    except ImportError as error:
        answer = {"error": f"cannot import {error.name}", "missing": error.name or ""}
    told.write(json.dumps(answer) + "\n")
    told.close()
    while True:
        signal.pause()


def run(program: str, options: dict[str, str], arguments: list[str]) -> dict[str, object]:
    """Return the port of PyFlink's JVM, and what went wrong, if anything did."""
    from py4j.protocol import Py4JJavaError
    from pyflink.java_gateway import get_gateway  # type: ignore[import-untyped]

    gateway = get_gateway()
    flink = gateway.jvm.org.apache.flink
    loader = gateway.jvm.java.lang.Thread.currentThread().getContextClassLoader()
    configuration = flink.configuration.Configuration.fromMap(options)
    parallelism = int(options.get("parallelism.default", "1"))
    recording = flink.client.program.StreamPlanEnvironment(configuration, loader, parallelism)
    recording.setAsContext()
    gateway.jvm.java.lang.System.getProperties().put(KEY, recording)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
    failed = None
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        failed = f"the program ended with {ended.code}" if ended.code else None
    except Py4JJavaError as error:
        failed = str(error.java_exception.toString())[:LONGEST]
    except BaseException as error:
        trace = traceback.extract_tb(error.__traceback__)
        here = [frame for frame in trace if os.path.abspath(frame.filename) == os.path.abspath(program)]
        line = f"{program}:{here[-1].lineno}: " if here else ""
        failed = f"{line}{type(error).__name__}: {error}"[:LONGEST]
    if recording.getPipeline() is not None:
        failed = None  # Flink ends a program by an exception once its job is recorded
    return {"port": gateway.gateway_parameters.port, "error": failed}


if __name__ == "__main__":
    main()
