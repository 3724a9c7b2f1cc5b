"""A job's program to the stream graph that Flink builds from it, inside the JVM."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.documents.base import MAX_PARALLELISM
from planner.documents.profile import Program, ResourceProfile
from planner.documents.sensitive import without_secrets
from planner.files import real
from planner.flink.datastream_v2 import record_v2
from planner.flink.errors import ProgramError
from planner.flink.jvm import HEAP, Jvm, flink_jars, start_jvm
from planner.flink.options import resolved
from planner.flink.pyflink import pyflink_graph
from planner.flink.sql import ScriptError, Statement, statements

RUNTIME_MODE = "execution.runtime-mode"
SCHEDULER = "jobmanager.scheduler"
_PLACE = re.compile(r"(?:[Aa]t|[Ff]rom) line (\d+), column (\d+)(?: to line \d+, column \d+)?:?\s*")
_LOOKING = ("SHOW", "DESCRIBE", "DESC", "EXPLAIN", "HELP", "CLEAR")
"""Statements that only print: a script may hold them, and they say nothing about the job."""
_LEAVING = ("QUIT", "EXIT")
"""Statements after which the SQL client reads no further."""
_STARTING = ("UPDATE", "DELETE", "TRUNCATE", "CALL", "EXECUTE", "STOP", "COMPILE", "ANALYZE")
_MATERIALIZED = "MaterializedTable"
"""Statements that would start something by themselves, by first word, or part of the class of operation."""
_AS_QUERY = "CreateTableASOperation"
_REPLACING = "ReplaceTableAsOperation"
_NO_FACTORY = re.compile(r"Could not find any factory for identifier '([^']*)' that implements '([\w.]*)'")
STDIN = "-"
"""The name of a script that is read from stdin."""


COMPILE_SECONDS = 120.0
"""How long a program may take to make its job, unless told otherwise; most take less than ten seconds."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What compiles programs: a Flink distribution instead of the extra's, an interpreter with PyFlink.

    ``time_limit`` is how many seconds a program may take to make its job.
    """

    flink_home: Path | None = None
    python: str = "python3"
    time_limit: float = COMPILE_SECONDS


def as_compiled(program: Program, profile: ResourceProfile | None) -> Program:
    """Return ``program`` with the entry class, arguments and options that its profile was compiled with.

    What ``program`` itself names goes before them.
    """
    given = profile.planner.program if profile is not None and profile.planner else None
    if given is None:
        return program
    same = program.file == given.file
    return program.model_copy(
        update={
            "entry_class": program.entry_class or given.entry_class,
            "arguments": program.arguments or given.arguments,
            "configuration": {**given.configuration, **program.configuration},
            "scripts": program.scripts or (given.scripts if same else None),
            "jars": program.jars or given.jars,
            "job_index": program.job_index or given.job_index,
        }
    )


@contextmanager
def stream_graph(
    program: Program, tools: Toolchain, note: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[Jvm, Any]]:
    """Yield a JVM and in it Flink's ``StreamGraph`` of a program, with the jars that it needs attached.

    Batch programs are compiled for Flink's default scheduler unless they, or an option, name another: the
    adaptive one asks for a slot for every subtask (`SimpleExecutionSlotAllocator`) and knows no groups.
    ``note`` is told what a user should know of how the program was read.

    Raises:
        ProgramError: when the program cannot be read or Flink refuses it.
        TimedOut: when it makes no job within the time limit.
        OptionRefused: when a secret that an option names cannot be had.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when the distribution that is named holds no Flink.

    """
    for name in (program.file, *(program.scripts or ()), *(program.jars or ())):
        if name != STDIN and not os.path.isfile(name):
            raise ProgramError(f"{name} is not there")
    given = {SCHEDULER: "Default", **resolved(program.configuration)}
    program = program.model_copy(update={"configuration": given})
    if program.kind == "python":
        default_parallelism(program)
        with (
            _without_secrets(program),
            pyflink_graph(program, tools.python, tools.time_limit) as (jvm, graph),
            _told(program.file, jvm),
        ):
            yield jvm, _without_iterations(graph, program)
        return
    with (
        _without_secrets(program),
        start_jvm(flink_jars(tools.flink_home)) as jvm,
        _told(program.file, jvm),
        _own_classes(jvm),
    ):
        with jvm.process.limited(program.file, tools.time_limit):
            graph = script_graph(jvm, program, note) if program.kind == "sql" else _of_jar(jvm, program)
        yield jvm, _without_iterations(graph, program)


def _without_iterations(graph: Any, program: Program) -> Any:
    if graph.isIterative():
        raise ProgramError(
            f"{program.file}: uses iterate(), whose feedback edges planner does not support; Flink 2.0"
            " removed it"
        )
    return graph


def require_compilable(graph: Any, program: Program) -> None:
    """Let Flink itself compile a stream graph to a job graph, which changes it, so read it before.

    Raises:
        ProgramError: with Flink's reason when it refuses.

    """
    from py4j.protocol import Py4JJavaError

    try:
        graph.getJobGraph()
    except Py4JJavaError as error:
        reason = root_cause(error.java_exception)
        raise ProgramError(f"{program.file}: Flink refuses to compile this job: {reason}") from None


@contextmanager
def _without_secrets(program: Program) -> Iterator[None]:
    """Keep the secrets of a program out of what Flink says about it."""
    try:
        yield
    except ProgramError as error:
        raise ProgramError(without_secrets(str(error), program.configuration)) from None


@contextmanager
def _told(name: str, jvm: Jvm) -> Iterator[None]:
    """Turn what Flink throws into its cause, in one line, and the end of its JVM into the reason."""
    from py4j.protocol import Py4JError, Py4JJavaError

    try:
        yield
    except Py4JJavaError as error:
        raise ProgramError(f"{name}: {root_cause(error.java_exception)}") from None
    except (Py4JError, ConnectionError):
        if jvm.process.running():
            raise
        if "OutOfMemoryError" in jvm.process.last_words():
            reason = f"the program takes more memory than the {HEAP} that it may while it is compiled"
        else:
            reason = "it was killed, or the program calls System.exit"
        raise ProgramError(f"{name}: the JVM of Flink ended in the middle: {reason}") from None


def messages(exception: Any) -> Iterator[str]:
    """Yield the messages of a Java exception and its causes, outermost first, with their class."""
    while exception is not None:
        message, name = exception.getMessage(), exception.getClass().getSimpleName()
        yield f"{message.strip()} ({name})" if message else name
        exception = exception.getCause()


def root_cause(exception: Any) -> str:
    """Return the message of the innermost cause of a Java exception; for a missing jar, how to add it."""
    text = list(messages(exception))[-1]
    found = _NO_FACTORY.search(text)
    return _missing(found) if found else text


def _configuration(jvm: Jvm, options: Mapping[str, str]) -> Any:
    return jvm.view.org.apache.flink.configuration.Configuration.fromMap(dict(options))


@contextmanager
def _own_classes(jvm: Jvm) -> Iterator[None]:
    """Take back at the end what :func:`_load_from` has set."""
    from py4j.protocol import Py4JError

    before = jvm.view.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        yield
    finally:
        with suppress(Py4JError, OSError):  # the JVM may have ended
            _load_from(jvm, before)


def _load_from(jvm: Jvm, loader: Any) -> None:
    """Let what Flink does from here on find the classes of a program."""
    jvm.view.java.lang.Thread.currentThread().setContextClassLoader(loader)


def _of_jar(jvm: Jvm, program: Program) -> Any:
    from py4j.protocol import Py4JJavaError

    client = jvm.view.org.apache.flink.client.program
    configuration = _configuration(jvm, program.configuration)
    builder = client.PackagedProgram.newBuilder()
    builder = builder.setJarFile(jvm.view.java.io.File(program.file)).setConfiguration(configuration)
    builder = builder.setArguments(jvm.array(jvm.view.java.lang.String, program.arguments))
    if program.entry_class:
        builder = builder.setEntryPointClassName(program.entry_class)
    extra = [real(name).as_uri() for name in program.jars or ()]
    builder = builder.setUserClassPaths([jvm.view.java.net.URI.create(url).toURL() for url in extra])
    packaged = builder.build()
    parallelism = default_parallelism(program)
    loader = packaged.getUserCodeClassLoader()
    recorded = record_v2(jvm, loader, configuration, parallelism, program)
    try:
        graph = client.PackagedProgramUtils.getPipelineFromProgram(
            packaged, configuration, parallelism, False
        )
    except Py4JJavaError:
        graph = recorded()
        if graph is None:
            raise
    if "StreamGraph" not in graph.getClass().getSimpleName():
        raise ProgramError(f"{program.file}: is not a DataStream or Table program")
    _load_from(jvm, loader)
    attach_jars(jvm, graph, [*(url.toString() for url in packaged.getJobJarAndDependencies()), *extra])
    return graph


def default_parallelism(program: Program) -> int:
    """Return the parallelism of operators that name none.

    Raises:
        ProgramError: when the option for it is no number.

    """
    text = program.configuration.get("parallelism.default", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= MAX_PARALLELISM):
        raise ProgramError(
            f"parallelism.default has to be a whole number from 1 to {MAX_PARALLELISM}, not {text!r}"
        )
    return int(text)


def private_field(instance: Any, name: str) -> Any:
    """Return a private field of a Java object, None where no class of it has one."""
    kind = instance.getClass()
    while kind is not None:
        for field in kind.getDeclaredFields():
            if field.getName() == name:
                field.setAccessible(True)
                return field.get(instance)
        kind = kind.getSuperclass()
    return None


def has_method(instance: Any, name: str) -> bool:
    """Tell whether a Java object has a method; py4j itself finds out only when it is called."""
    return any(method.getName() == name for method in instance.getClass().getMethods())


def attach_jars(jvm: Jvm, graph: Any, urls: Sequence[str]) -> None:
    """Let a stream graph take jars along when it is submitted; before Flink 2.0 its options hold them."""
    if has_method(graph, "addJar"):
        for url in urls:
            graph.addJar(jvm.view.org.apache.flink.core.fs.Path(jvm.view.java.net.URI.create(url)))
    elif urls:
        jars = jvm.view.org.apache.flink.configuration.PipelineOptions.JARS
        graph.getJobConfiguration().set(jars, jvm.view.java.util.ArrayList(list(urls)))


class _Script:
    """A SQL script while it is run: the table environment, and the INSERTs that make the job."""

    def __init__(self, jvm: Jvm, program: Program, parts: Sequence[Statement]) -> None:
        flink = jvm.view.org.apache.flink
        self.jvm = jvm
        self.name = program.file
        self.index = program.job_index
        self.inserts = 0
        self.jobs = 0
        self.open_set = False
        mode = _runtime_mode(program, parts)
        batch = mode == "batch"
        named = batch or RUNTIME_MODE in program.configuration
        options = {**program.configuration, **({RUNTIME_MODE: mode.upper()} if named else {})}
        configuration = _configuration(jvm, options)
        # not getExecutionEnvironment, whose default parallelism is the number of cores here
        self.env = flink.streaming.api.environment.StreamExecutionEnvironment(configuration)
        settings = flink.table.api.EnvironmentSettings.newInstance().withConfiguration(configuration)
        settings = settings.inBatchMode() if batch else settings.inStreamingMode()
        bridge = flink.table.api.bridge.java.StreamTableEnvironment
        self.tables = bridge.create(self.env, settings.build())
        self.together = self.tables.createStatementSet()
        for jar in program.jars or ():
            self.tables.executeSql(f"ADD JAR '{str(real(jar)).replace(chr(39), chr(39) * 2)}'")

    def run(self, statement: Statement) -> None:
        """Run a statement, or keep it where it is an INSERT."""
        from py4j.protocol import Py4JJavaError

        try:
            self._run(statement)
        except Py4JJavaError as error:
            raise self.thrown(statement, error.java_exception) from None

    def thrown(self, statement: Statement, exception: Any) -> ProgramError:
        """Return the error of what Flink threw; any of its causes may tell the line within the statement."""
        place = next((found for text in messages(exception) if (found := _PLACE.search(text))), None)
        text = _PLACE.sub("", root_cause(exception))
        if place is None:
            return self._error(statement.line, None, text)
        line, column = int(place[1]), int(place[2])
        first = statement.column if line == 1 else 0
        return self._error(statement.line + line - 1, first + column, text)

    def refused(self, statement: Statement, message: str) -> ProgramError:
        """Return the error of a statement that planner itself does not take."""
        return self._error(statement.line, None, message)

    def _error(self, line: int, column: int | None, message: str) -> ProgramError:
        place = f"{'<stdin>' if self.name == STDIN else self.name}:{line}" + (f":{column}" if column else "")
        text = re.sub(
            r"\. ?Was expecting .*", ". Flink's parser expects something else here", " ".join(message.split())
        )
        return ProgramError(f"{place}: {text}")

    def _run(self, statement: Statement) -> None:
        if statement.head in _LOOKING:
            return
        if statement.inner:
            self.jobs += 1
            for inner in statement.inner:
                self._insert(inner)
            return
        if statement.head in _STARTING:
            raise self._no_job(statement, statement.head)
        (operation,) = list(self.tables.getParser().parse(statement.text))
        kind = operation.getClass().getSimpleName()
        if _MATERIALIZED in kind or kind == _REPLACING:
            raise self._no_job(statement, "REPLACE TABLE AS" if kind == _REPLACING else "MATERIALIZED TABLE")
        if kind == "SetOperation":
            if operation.getKey().isPresent():
                self.tables.getConfig().set(operation.getKey().get(), operation.getValue().get())
        elif kind == "ResetOperation":
            raise self.refused(statement, "RESET is not supported in a script that is compiled; remove it")
        elif kind == "BeginStatementSetOperation":
            self.jobs, self.open_set = self.jobs + 1, True
        elif kind == "EndStatementSetOperation":
            self.open_set = False
        elif statement.head == "INSERT":
            self.jobs += not self.open_set
            self._insert(statement)
        elif kind == _AS_QUERY:
            self.jobs += not self.open_set
            self._create_as(operation)
        elif kind.endswith("QueryOperation"):
            raise self.refused(statement, "a query that prints its rows is not a job; write INSERT INTO")
        else:
            self.tables.executeSql(statement.text)

    def _insert(self, statement: Statement) -> None:
        """Add an INSERT to the job; tables and views are those that there are at this place of the script."""
        from py4j.protocol import Py4JJavaError

        if statement.head != "INSERT":
            raise self.refused(statement, "a statement set holds INSERT statements only")
        if not self._is_meant():
            return
        try:
            self.together.addInsertSql(statement.text)
        except Py4JJavaError as error:
            raise self.thrown(statement, error.java_exception) from None
        self.inserts += 1

    def _create_as(self, operation: Any) -> None:
        """Create the table of a CREATE TABLE AS, and add what it inserts to the job without running it."""
        create = operation.getCreateTableOperation()
        self.tables.executeInternal(create)
        if self._is_meant():
            query = private_field(operation, "sinkModifyQuery")
            view = self._table_of(query)
            self.together.addInsert(create.getTableIdentifier().asSerializableString(), view)
            self.inserts += 1

    def _table_of(self, query: Any) -> Any:
        """Return the Table of a query operation; the method for that is not public."""
        kind = self.tables.getClass()
        while kind is not None:
            for method in kind.getDeclaredMethods():
                parameters = [parameter.getSimpleName() for parameter in method.getParameterTypes()]
                if method.getName() == "createTable" and parameters == ["QueryOperation"]:
                    method.setAccessible(True)
                    arguments = self.jvm.array(self.jvm.view.java.lang.Object, [query])
                    return method.invoke(self.tables, arguments)
            kind = kind.getSuperclass()
        raise ProgramError(f"{self.name}: this Flink does not compile CREATE TABLE AS")

    def _is_meant(self) -> bool:
        return self.index is None or self.index == self.jobs

    def _no_job(self, statement: Statement, what: str) -> ProgramError:
        return self.refused(
            statement,
            f"{what} starts something when it is run, so it is not compiled: a job is made of INSERT, of"
            " statement sets, and of CREATE TABLE AS",
        )

    def graph(self) -> Any:
        """Return the stream graph of all INSERTs together."""
        self.together.attachAsDataStream()
        resources = private_field(self.tables, "resourceManager")
        if resources is not None:  # jars of ADD JAR and of functions
            resources.addJarConfiguration(self.tables.getConfig())
            _load_from(self.jvm, resources.getUserClassLoader())
        options = self.tables.getConfig().getConfiguration()
        self.env.configure(options, self.jvm.view.java.lang.Thread.currentThread().getContextClassLoader())
        graph = self.env.getStreamGraph()
        name = options.toMap().get("pipeline.name")
        graph.setJobName(name or ("stdin" if self.name == STDIN else Path(self.name).stem))
        pipeline = self.jvm.view.org.apache.flink.configuration.PipelineOptions
        attach_jars(self.jvm, graph, [str(jar) for jar in options.get(pipeline.JARS) or ()])
        return graph


def _runtime_mode(program: Program, parts: Sequence[Statement]) -> str:
    """Return batch or streaming: what the script or its options set, before anything is created."""
    found = program.configuration.get(RUNTIME_MODE, "streaming")
    for statement in parts:
        if statement.head == "SET" and RUNTIME_MODE in statement.text:
            found = statement.text.rpartition("=")[2]
    return found.strip().strip("'\"").lower()


def script_graph(jvm: Jvm, program: Program, note: Callable[[str], None]) -> Any:
    """Return the stream graph of a SQL script.

    Raises:
        ProgramError: when it cannot be read, or Flink refuses one of its statements.

    """
    names = [program.file, *(program.scripts or ())]
    parts = [(name, statement) for name in names for statement in _statements_of(name)]
    script = _Script(jvm, program, [statement for _, statement in parts])
    left = ""
    for name, statement in parts:
        if statement.head in _LEAVING:
            left = name  # the SQL client goes on with the next file
        elif name != left:
            script.name = name
            script.run(statement)
    script.name = names[-1]
    if script.open_set:
        raise ProgramError(f"{script.name}: BEGIN STATEMENT SET has no END")
    if script.jobs == 0:
        raise ProgramError(f"{script.name}: holds no INSERT, so there is no job to compile")
    if program.job_index is not None and program.job_index > script.jobs:
        count = "one job" if script.jobs == 1 else f"{script.jobs} jobs"
        raise ProgramError(f"{script.name}: makes {count}; there is no job {program.job_index}")
    if script.jobs > 1 and program.job_index is None:
        note(
            f"planner: {script.name}: its {script.inserts} INSERTs are compiled as one job; the SQL client"
            f" would start {script.jobs}, and --job-index N compiles one of them"
        )
    elif script.jobs > 1:
        note(f"planner: {script.name}: makes {script.jobs} jobs; number {program.job_index} is compiled")
    return script.graph()


def _statements_of(name: str) -> list[Statement]:
    try:
        return statements(_stdin() if name == STDIN else Path(name).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ProgramError(f"{name}: is not UTF-8 text") from None
    except OSError as error:
        raise ProgramError(f"{name}: {error.strerror or error}") from None
    except ScriptError as error:
        raise ProgramError(f"{name}: {error}") from None


def _stdin() -> str:
    if sys.stdin is None:
        raise OSError("stdin is closed")
    return sys.stdin.buffer.read().decode("utf-8")


def _missing(found: re.Match[str]) -> str:
    """Say which jar is not there, and how to add it, instead of which factories are."""
    what = "format" if "Format" in found[2] else "catalog" if "Catalog" in found[2] else "connector"
    return (
        f"there is no jar with the {what} '{found[1]}': write ADD JAR 'FILE', or add --jar FILE, or name"
        " the Flink distribution that has it in lib/ with --flink-home DIR"
    )
