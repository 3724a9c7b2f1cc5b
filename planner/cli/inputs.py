"""Inputs: which documents and programs a command line means, read with their findings."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TypeVar

import typer

from planner.cli.errors import Exit, fail
from planner.cli.terminal import progress, say

if TYPE_CHECKING:
    from planner.documents.cluster import Cluster
    from planner.documents.finding import Finding
    from planner.documents.job import Job
    from planner.documents.load import Document, Loaded
    from planner.documents.placement import Placement
    from planner.documents.profile import Program, ResourceProfile
    from planner.documents.source import Source

STDIN = "-"
PROFILE_PATTERN = "*.profile.json"
JOB_NAMES = ("job.yaml", "job.yml", "job.json")
CLUSTER_NAMES = ("cluster.yaml", "cluster.yml", "cluster.json")
KINDS: dict[str, Literal["jar", "sql", "python"]] = {".jar": "jar", ".sql": "sql", ".py": "python"}
SHOWN_BYTES = 4 * 2**20
"""How much of a file is kept to show the lines of findings."""
D = TypeVar("D")
J = TypeVar("J", "Job", "ResourceProfile")

JobArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="JOB",
        help="Job or ResourceProfile; - reads stdin. Default: *.profile.json or job.yaml here.",
    ),
]
JobsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="JOB",
        help="Job or ResourceProfile, or several that share the cluster; - reads stdin."
        " Default: *.profile.json or job.yaml here.",
        show_default=False,
    ),
]
ClassOption = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Entry class of a JAR whose manifest names none."),
]
ArgumentsOption = Annotated[
    str | None, typer.Option("--args", metavar="TEXT", help="Arguments of the program, quoted as in a shell.")
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "-D",
        metavar="KEY=VALUE",
        help="A Flink option for the program; secrets as KEY=@FILE or KEY=@env:NAME.",
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--flink-home", metavar="DIR", help="A Flink distribution to use instead of the extra."),
]


class Kind(StrEnum):
    """What a program is, where its name does not say so."""

    JAR = "jar"
    SQL = "sql"
    PYTHON = "python"


KindOption = Annotated[
    Kind | None, typer.Option("--kind", help="What the program is, where its name does not say; - is SQL.")
]
JarOption = Annotated[
    list[Path] | None,
    typer.Option("--jar", metavar="FILE", help="A jar that a SQL script or JAR needs; repeatable."),
]
JobIndexOption = Annotated[
    int | None,
    typer.Option(
        "--job-index",
        min=1,
        max=2**31 - 1,
        metavar="N",
        help="Which job of a SQL script that makes several. Default: all as one.",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python", metavar="COMMAND", help="Interpreter that has PyFlink, for a .py file. Default: python3."
    ),
]


class Inputs:
    """Documents that a verb read, and the texts that findings point into."""

    def __init__(self) -> None:
        self.loaded: list[Loaded] = []
        self.findings: list[Finding] = []
        self.texts: dict[str, str] = {}
        self.unreadable = False
        self.names: list[str] = []

    def spare(self, output: Path | None) -> None:
        """End where ``output`` is one of the files that were read: it would be lost."""
        for name in self.names:
            with contextlib.suppress(OSError):
                if output is not None and os.path.isfile(output) and os.path.samefile(output, name):
                    fail(f"{output} is an input of this command; write to another file")

    def read(self, name: str, shown: str | None = None) -> list[Loaded]:
        """Read one file; what is wrong with it is kept in ``findings``."""
        from planner.api import legible
        from planner.documents.errors import DocumentError
        from planner.documents.finding import Finding, Severity
        from planner.documents.load import load

        shown = legible(shown or ("<stdin>" if name == STDIN else name) or "<no name>")
        self.texts.setdefault(shown, "")
        self.names.append(name)
        try:
            raw = read_bytes(name)
        except OSError as error:
            self.unreadable = True
            folder = isinstance(error, IsADirectoryError)
            reason = "is a directory" if folder else (error.strerror or str(error)).lower()
            hint = "name the documents in it" if folder else "check the path and its permissions"
            self.findings.append(Finding("DOC000", Severity.ERROR, f"cannot be read: {reason}", hint, shown))
            return []
        self.texts[shown] = raw[:SHOWN_BYTES].decode("utf-8-sig", "replace")
        try:
            loaded = load(raw, shown)
        except DocumentError as error:
            self.unreadable = True
            self.findings += error.findings
            return []
        self.loaded += loaded
        return loaded

    def read_source(self, name: str) -> Source:
        """Read a file that is not a document: a catalogue."""
        from planner.api import legible
        from planner.documents.errors import DocumentError
        from planner.documents.source import read_sources

        shown = "<stdin>" if name == STDIN else legible(name)
        self.names.append(name)
        try:
            raw = read_bytes(name)
            self.texts[shown] = raw[:SHOWN_BYTES].decode("utf-8-sig", "replace")
            return read_sources(raw, shown)[0]
        except OSError as error:
            fail(f"cannot read {name}: {error.strerror or error}")
        except DocumentError as error:
            self.unreadable = True
            self.stop_on(error.findings)
            raise

    def stop_on(self, findings: Sequence[Finding]) -> None:
        """Report ``findings`` on stderr and end if one of them is an error."""
        from planner.documents.finding import Severity, sort_findings
        from planner.report.text import text

        errors = [finding for finding in sort_findings(findings) if finding.severity is Severity.ERROR]
        if errors:
            say(text(errors, self.texts))
            raise typer.Exit(Exit.USAGE if self.unreadable else Exit.FINDINGS)

    def where(self, document: object, path: tuple[str | int, ...]) -> str:
        """Return file, line and column of a place in a document, for the start of a message; none if unknown."""
        for one in self.loaded:
            if one.document is document:
                at = one.source.position(path)
                return f"{one.source.name}:{at.line}:{at.column}: "
        return ""

    def require_valid(self, *, fit: bool = True) -> list[Finding]:
        """Report errors in the documents read so far and end if there are any; return the other findings."""
        from planner import api

        found = api.validate(*self.loaded, fit=fit)
        self.stop_on(found)
        return found

    def job(self, name: str | None) -> Job | ResourceProfile:
        """Return the job or profile in a file, or compile a program; end with findings if there is none."""
        from planner.documents.job import Job
        from planner.documents.profile import ResourceProfile

        name = default_job() if name is None else name
        if is_program(name):
            self.names.append(name)
            return compile_with_flink(program([name]))
        kinds: tuple[type[Job | ResourceProfile], ...] = (Job, ResourceProfile)
        return self._only(name, kinds, "Job or ResourceProfile")

    def profile(self, name: str, option: str) -> ResourceProfile:
        """Return the valid profile in a file that an option names; end if it is a job or not valid."""
        from planner.documents.profile import ResourceProfile

        document = self.job(name)
        if not isinstance(document, ResourceProfile):
            fail(f"{option}: {name} is a Job, not a ResourceProfile; compile it first")
        self.require_valid()
        return document

    def cluster(self, name: str | None) -> Cluster:
        """Return the cluster in a file, that of a FlinkDeployment too; end with findings if there is none."""
        from planner.documents.cluster import Cluster

        name = _default_cluster() if name is None else name
        loaded = self.read(name)
        documents = [entry.document for entry in loaded if isinstance(entry.document, Cluster)]
        if not documents and (found := self.deployment(loaded)) is not None:
            return found
        return self._one(documents, loaded, name, "Cluster")

    def deployment(self, loaded: Sequence[Loaded]) -> Cluster | None:
        """Return the TaskManagers of the FlinkDeployment among ``loaded``; say what had to be assumed."""
        from planner import api

        if any(isinstance(entry.document, api.FlinkDeployment) for entry in loaded):
            self.require_valid(fit=False)
        found = api.cluster_of_deployment(*loaded)
        if found is None:
            return None
        for assumption in found.assumed:
            say(f"planner: {assumption}")
        return found.cluster

    def placement(self, name: str | None) -> Placement:
        """Return the placement in a file; end with findings if there is none."""
        from planner.documents.placement import Placement

        return self._only(_default_placement() if name is None else name, (Placement,), "Placement")

    def binding_placement(self, name: str | None) -> Placement:
        """Return a placement that is to be carried out; end if it only simulates Flink's own scheduler."""
        name = _default_placement() if name is None else name
        placement = self.placement(name)
        self.require_valid()
        if placement.strategy is not None:
            fail(f"{name} ({placement.strategy}) is a simulation, not a placement; rerun without --strategy")
        return placement

    def profile_of(self, placement: Placement, name: str | None) -> ResourceProfile | None:
        """Return the profile that a placement was made from: the one named, or one here with its digest."""
        if name is not None:
            return self.profile(name, "--profile")
        from planner.documents.profile import ResourceProfile

        return self._beside(placement, (PROFILE_PATTERN,), ResourceProfile)

    def origin_of(self, placement: Placement, name: str | None) -> Job | ResourceProfile | None:
        """Return what a placement was made from: what is named, or a profile or job here with its digest."""
        from planner.documents.job import Job

        if placement.jobs is not None:
            fail(f"the placement is of several jobs ({', '.join(placement.jobs)}), this takes that of one")
        if name is None:
            return self.profile_of(placement, None) or self._beside(placement, JOB_NAMES, Job)
        document = self.job(name)
        self.require_valid()
        return document

    def jobs_kept(
        self, placement: Placement, named: Sequence[Job | ResourceProfile]
    ) -> list[Job | ResourceProfile]:
        """Return the jobs of a placement that are not ``named``, from profiles and jobs here or beside it."""
        from planner import api

        wanted = api.jobs_of(placement)
        for document in named:
            wanted.pop(api.profile_digest(document), None)
        found: list[Job | ResourceProfile] = []
        for file, other in self._others((PROFILE_PATTERN, *JOB_NAMES)) if wanted else ():
            if isinstance(other, api.Job | api.ResourceProfile):
                if (digest := api.profile_digest(other)) not in wanted:
                    continue
                del wanted[digest]
                self.names.append(file)
                found.append(other)
        if wanted:
            fail(
                f"the slots of {next(iter(wanted.values()))!r} are to stay, and its profile is not here;"
                " name it beside the others"
            )
        return found

    def _beside(self, placement: Placement, patterns: Sequence[str], kind: type[J]) -> J | None:
        """Return what a placement was made from among the files here, and beside those that were read."""
        from planner import api

        for file, document in self._others(patterns):
            if isinstance(document, kind) and api.made_from(placement, document):
                self.names.append(file)
                return document
        return None

    def _others(self, patterns: Sequence[str]) -> Iterator[tuple[str, Document]]:
        """Return the valid documents in files here and beside those that were read, each with its file."""
        from planner import api
        from planner.documents.finding import Severity
        from planner.documents.foreign.base import ForeignDocument

        folders = {Path(), *(Path(other).parent for other in self.names)}
        for file in sorted({path for folder in folders for one in patterns for path in folder.glob(one)}):
            for entry in Inputs().read(str(file)):
                if entry.document is None or isinstance(entry.document, ForeignDocument):
                    continue
                if any(finding.severity is Severity.ERROR for finding in api.validate(entry)):
                    continue  # another's, which may be broken
                yield str(file), entry.document

    def only_document(self, name: str) -> Document:
        """Return the only document in a file, of any kind; end with findings if it is not valid."""
        from planner.documents.foreign.base import ForeignDocument

        documents = [entry.document for entry in self.read(name)]
        self.stop_on(self.findings)
        own = [document for document in documents if document is not None]
        if len(own) != 1 or isinstance(own[0], ForeignDocument):
            count = "more than one document" if len(own) > 1 else "no document of planner"
            fail(f"{name} holds {count}")
        return own[0]

    def _only(self, name: str, kinds: tuple[type[D], ...], wanted: str) -> D:
        loaded = self.read(name)
        documents = [entry.document for entry in loaded if isinstance(entry.document, kinds)]
        return self._one(documents, loaded, name, wanted)

    def _one(self, documents: Sequence[D], loaded: Sequence[Loaded], name: str, wanted: str) -> D:
        if len(documents) == 1:
            return documents[0]
        return self._no_document(bool(documents), loaded, name, wanted)

    def _no_document(self, several: bool, loaded: Sequence[Loaded], name: str, wanted: str) -> NoReturn:
        self.stop_on([*self.findings, *(finding for entry in loaded for finding in entry.findings)])
        fail(
            f"{name} holds more than one {wanted}"
            if several
            else f"{name} holds no {wanted}{_instead(loaded)}"
        )


def _instead(loaded: Iterable[Loaded]) -> str:
    """Return what is in files of others instead of a document of planner, and what to do with it."""
    from planner.documents.foreign.base import ForeignDocument, KubernetesObject
    from planner.documents.foreign.deployment import FlinkDeployment

    others = [entry.document for entry in loaded if isinstance(entry.document, ForeignDocument)]
    deployment = next((other for other in others if isinstance(other, FlinkDeployment)), None)
    if deployment is not None:
        job = deployment.spec.job
        program = (job.jar_uri if job else None) or "the program"
        return (
            f" but FlinkDeployment {deployment.name!r}; compile its program ({program}) from where it is built, and"
            " use the FlinkDeployment as the cluster (planner place -c)"
        )
    if not others:
        return ""
    other = others[0]
    return (
        f" but {other.kind} {other.name!r}"
        if isinstance(other, KubernetesObject)
        else " but a Flink configuration"
    )


def read_bytes(name: str) -> bytes:
    """Return the content of a file, or of stdin for ``-``.

    Raises:
        OSError: when it cannot be read.

    """
    from planner.documents.source import MAX_BYTES

    if name == STDIN:
        if sys.stdin is None:
            raise OSError("stdin is closed")
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with open(name, "rb") as file:
        return file.read(MAX_BYTES + 1)


def file_content(name: str) -> bytes:
    """Return the content of a file, or of stdin for ``-``; end where it cannot be read."""
    try:
        return read_bytes(name)
    except OSError as error:
        fail(f"cannot read {name}: {error.strerror or error}")


def default_documents() -> list[str]:
    """Return the job of the current folder, and its cluster if there is one."""
    cluster = next((name for name in CLUSTER_NAMES if Path(name).exists()), None)
    return [default_job(), *([cluster] if cluster else [])]


def default_job() -> str:
    """Return the profile or job that is meant where none is named; end where it is not clear."""
    profiles = sorted(str(path) for path in Path().glob(PROFILE_PATTERN))
    if len(profiles) == 1:
        job = next((name for name in JOB_NAMES if Path(name).exists()), None)
        if job is not None and Path(job).stat().st_mtime > Path(profiles[0]).stat().st_mtime:
            say(f"planner: using {profiles[0]}; {job} is newer, name it or compile it again")
        return profiles[0]
    if len(profiles) > 1:
        fail(f"there are several profiles here, name one: {', '.join(profiles[:5])}")
    found = next((name for name in JOB_NAMES if Path(name).exists()), None)
    if found is None:
        fail(f"there is no {PROFILE_PATTERN} and no job.yaml here; name a job, as in path/to/job.yaml")
    return found


def _default_cluster() -> str:
    found = next((name for name in CLUSTER_NAMES if Path(name).exists()), None)
    if found is None:
        fail("there is no cluster.yaml here; name one with --cluster FILE")
    return found


def _default_placement() -> str:
    found = sorted(str(path) for path in Path().glob("*.placement.json"))
    if len(found) != 1:
        several = f"there are several placements here, name one: {', '.join(found[:5])}"
        fail(several if found else "there is no *.placement.json here; name a placement")
    return found[0]


def is_program(name: str | None) -> bool:
    """Tell whether a file name is that of a program."""
    return name is not None and Path(name).suffix.lower() in KINDS


def program(
    names: Sequence[str],
    entry_class: str | None = None,
    arguments: str | None = None,
    settings: list[str] | None = None,
    *,
    kind: Kind | None = None,
    jars: Sequence[Path] | None = None,
    job_index: int | None = None,
) -> Program:
    """Return the program that a command line names: one file, or the SQL scripts of one session in order."""
    from planner.documents.profile import Program

    several = len(names) > 1  # of which stdin can only be SQL
    kinds = {"sql" if several and name == STDIN else program_kind(name, kind) for name in names}
    if len(names) > 1 and kinds != {"sql"}:
        fail(f"{', '.join(names)}: several files make one program only where all are SQL scripts")
    (found,) = kinds
    if found == "sql" and (entry_class or arguments):
        fail("a SQL script has no entry class and takes no arguments")
    if found == "python" and entry_class:
        fail("a PyFlink program has no entry class")
    if found == "python" and jars:
        fail(
            "--jar is for SQL scripts and JARs; a PyFlink program names its jars with -D pipeline.jars=URL;URL"
        )
    if found != "sql" and job_index is not None:
        fail(
            "--job-index is for SQL scripts; of any other program Flink compiles the first job that it executes"
        )
    if found != "sql" and STDIN in names:
        fail("only a SQL script can come from stdin")
    for text in (*names, *map(str, jars or ()), entry_class or "", arguments or ""):
        _for_flink(text)
    try:
        words = shlex.split(arguments or "")
    except ValueError as error:
        fail(f"--args: {error}")
    return Program(
        file=names[0],
        kind=found,
        entry_class=entry_class or None,
        arguments=words,
        configuration=options(settings),
        scripts=list(names[1:]) or None,
        jars=[str(jar) for jar in jars or ()] or None,
        job_index=job_index,
    )


def program_kind(name: str, kind: Kind | None = None) -> Literal["jar", "sql", "python"]:
    """Return what a program is by its name, or as ``kind`` says; end where neither tells."""
    if kind is not None:
        return KINDS[f".{'py' if kind is Kind.PYTHON else kind}"]
    if not is_program(name):
        fail(f"{name} is not a program; name a .jar, .sql or .py file, or say what it is with --kind")
    return KINDS[Path(name).suffix.lower()]


def options(settings: list[str] | None, name: str = "-D") -> dict[str, str]:
    """Return the Flink options of ``-D key=value`` arguments."""
    from planner.documents.sensitive import is_sensitive, masked

    found = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            fail(f"{name} {masked('', first_word(setting))}: write {name} key=value")
        _for_flink(key if is_sensitive(key) else setting)
        found[key.strip()] = value.strip()
    return found


def _for_flink(text: str) -> None:
    """End where a name or value that Flink is to be given is no text, as a file name can be."""
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        fail(f"{text}: it is not UTF-8 text, so Flink cannot be given it; name it otherwise")


def first_word(text: str) -> str:
    """Return how an argument that is written wrongly begins; what follows may be a secret."""
    return next(iter(text.split()), "")[:60]


def quiet_bridge() -> None:
    """Keep the traces off stderr that py4j logs when a JVM ends, and say what planner itself warns of."""
    import logging

    class Said(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(f"planner: {record.getMessage()}")

    logging.getLogger().addHandler(logging.NullHandler())
    own = logging.getLogger("planner")
    if not own.handlers:
        own.addHandler(Said())


def compile_with_flink(
    program: Program,
    previous: ResourceProfile | None = None,
    home: Path | None = None,
    python: str | None = None,
    seconds: float | None = None,
) -> ResourceProfile:
    """Return the profile of a program; say how it has drifted from the previous one."""
    from planner import api

    quiet_bridge()
    with progress(f"compiling {program.file} with Flink"):
        profile, drift = api.compile_program(
            program,
            previous,
            flink_home=home,
            python=python or "python3",
            time_limit=seconds or api.COMPILE_SECONDS,
            note=say,
        )
    if drift:
        say(f"planner: {program.file} is not what the previous profile was compiled from")
        for line in drift.lines():
            say(f"  {line}")
    return profile
