"""What verbs share: reading inputs, writing results, reporting findings, exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from planner.documents.cluster import Cluster
    from planner.documents.finding import Finding
    from planner.documents.job import Job
    from planner.documents.load import Loaded
    from planner.documents.placement import Placement
    from planner.documents.profile import ResourceProfile
    from planner.documents.source import Source

STDIN = "-"
D = TypeVar("D")
PROFILE_PATTERN = "*.profile.json"
LONGEST = 1000
"""Characters of a line on stderr; names and numbers of a document can be megabytes."""


class Exit(IntEnum):
    """What planner's exit code says."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INFEASIBLE = 3
    TIME = 4


JobArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="JOB",
        help="Job or ResourceProfile; - reads stdin. Default: *.profile.json or job.yaml here.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, whole or not at all."),
]


def say(text: str) -> None:
    """Print a summary or a problem for people, to stderr: no control characters, no endless line."""
    if sys.stderr is None:
        return
    for line in text.removesuffix("\n").split("\n"):
        shown = "".join(char if char.isprintable() else "?" for char in line)
        sys.stderr.write((shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "...") + "\n")


def fail(message: str, code: Exit = Exit.USAGE) -> NoReturn:
    """Say what is wrong and end."""
    say("planner: " + message.replace("\n", " "))
    raise typer.Exit(code)


def emit(text: str, output: Path | None = None) -> None:
    """Write a result to ``output``, or to stdout."""
    try:
        if output is not None:
            write_whole(output, text)
        elif sys.stdout is None:
            fail("stdout is closed; name a file with -o")
        else:
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if output is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush
        fail(f"cannot write {output or 'to stdout'}: {error.strerror or error}")


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never half of it.

    Raises:
        OSError: when the folder does not allow it; the old file is then untouched.

    """
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe cannot be replaced
        path.write_text(text, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    handle, name = tempfile.mkstemp(prefix=".planner-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def wants_color(stream_is_terminal: bool) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR is set."""
    return stream_is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def automatic_format(chosen: str) -> str:
    """Return text on a terminal and json elsewhere where the user leaves it to planner."""
    if chosen != "auto":
        return chosen
    return "text" if sys.stdout.isatty() else "json"


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


class Inputs:
    """Documents that a verb read, and the texts that findings point into."""

    def __init__(self) -> None:
        self.loaded: list[Loaded] = []
        self.findings: list[Finding] = []
        self.texts: dict[str, str] = {}
        self.unreadable = False
        self.names: list[str] = []

    def keep(self, output: Path | None) -> None:
        """End where ``output`` is one of the files that were read: it would be lost."""
        for name in self.names:
            with contextlib.suppress(OSError):
                if output is not None and os.path.isfile(output) and os.path.samefile(output, name):
                    fail(f"{output} is an input of this command; write to another file")

    def read(self, name: str, shown: str | None = None) -> list[Loaded]:
        """Read one file; what is wrong with it is kept in ``findings``."""
        from planner.documents.finding import Finding, Severity
        from planner.documents.load import DocumentError, load

        shown = shown or ("<stdin>" if name == STDIN else name) or "<no name>"
        self.texts.setdefault(shown, "")
        self.names.append(name)
        try:
            raw = read_bytes(name)
        except OSError as error:
            self.unreadable = True
            reason = (
                "is a directory"
                if isinstance(error, IsADirectoryError)
                else (error.strerror or str(error)).lower()
            )
            hint = (
                "name the documents in it"
                if isinstance(error, IsADirectoryError)
                else "check the path and its permissions"
            )
            self.findings.append(Finding("DOC000", Severity.ERROR, f"cannot be read: {reason}", hint, shown))
            return []
        self.texts[shown] = raw[: 2**22].decode("utf-8-sig", "replace")
        try:
            loaded = load(raw, shown)
        except DocumentError as error:
            self.unreadable = True
            self.findings += error.findings
            return []
        self.loaded += loaded
        return loaded

    def read_source(self, name: str) -> Source:
        """Read a file that is none of planner's documents: a catalogue, or Flink's own configuration."""
        from planner.documents.source import DocumentError, read_sources

        shown = "<stdin>" if name == STDIN else name
        self.names.append(name)
        try:
            raw = read_bytes(name)
            self.texts[shown] = raw[: 2**20].decode("utf-8-sig", "replace")
            return read_sources(raw, shown)[0]
        except OSError as error:
            fail(f"cannot read {name}: {error.strerror or error}")
        except DocumentError as error:
            self.unreadable = True
            self.stop_on(error.findings)
            raise

    def stop_on(self, findings: Sequence[Finding]) -> None:
        """Report ``findings`` on stderr and end if one of them is an error."""
        from planner.documents.finding import Severity
        from planner.report.text import text

        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        if errors:
            say(text(errors, self.texts))
            raise typer.Exit(Exit.USAGE if self.unreadable else Exit.FINDINGS)


def default_job() -> str:
    """Return the job of the current folder: its only profile, else job.yaml."""
    profiles = sorted(str(path) for path in Path().glob(PROFILE_PATTERN))
    if len(profiles) == 1:
        return profiles[0]
    if len(profiles) > 1:
        fail(f"there are several profiles here, name one: {', '.join(profiles[:5])}")
    found = next((name for name in ("job.yaml", "job.yml", "job.json") if Path(name).exists()), None)
    if found is None:
        fail(f"there is no {PROFILE_PATTERN} and no job.yaml here; name a job, as in path/to/job.yaml")
    return found


def default_cluster() -> str:
    """Return the cluster of the current folder."""
    found = next(
        (name for name in ("cluster.yaml", "cluster.yml", "cluster.json") if Path(name).exists()),
        None,
    )
    if found is None:
        fail("there is no cluster.yaml here; name one with --cluster FILE")
    return found


def default_placement() -> str:
    """Return the only placement of the current folder."""
    found = sorted(str(path) for path in Path().glob("*.placement.json"))
    if len(found) != 1:
        several = f"there are several placements here, name one: {', '.join(found[:5])}"
        fail(several if found else "there is no *.placement.json here; name one with --placement FILE")
    return found[0]


def pick_job(inputs: Inputs, name: str) -> Job | ResourceProfile:
    """Read the job or profile in a file, or compile a program; end with findings if there is none."""
    from planner.cli.programs import compile_with_flink, is_program, program_of
    from planner.documents.job import Job
    from planner.documents.profile import ResourceProfile

    if is_program(name):
        inputs.names.append(name)
        return compile_with_flink(program_of(name))
    kinds: tuple[type[Job | ResourceProfile], ...] = (Job, ResourceProfile)
    return _pick(inputs, name, kinds, "Job or ResourceProfile")


def pick_cluster(inputs: Inputs, name: str) -> Cluster:
    """Read the cluster in a file; end with findings if there is none."""
    from planner.documents.cluster import Cluster

    return _pick(inputs, name, (Cluster,), "Cluster")


def pick_placement(inputs: Inputs, name: str) -> Placement:
    """Read the placement in a file; end with findings if there is none."""
    from planner.documents.placement import Placement

    return _pick(inputs, name, (Placement,), "Placement")


def pick_plan(inputs: Inputs, name: str) -> Placement:
    """Read the placement in a file that is to be kept to; end if it only tells what Flink alone might do."""
    found = pick_placement(inputs, name)
    if found.strategy is not None:
        fail(f"{name} is what Flink alone might do ({found.strategy}), no plan; place without --strategy")
    return found


def _pick(inputs: Inputs, name: str, kinds: tuple[type[D], ...], wanted: str) -> D:
    loaded = inputs.read(name)
    found = [entry.document for entry in loaded if isinstance(entry.document, kinds)]
    if len(found) == 1:
        return found[0]
    return _no_document(inputs, loaded, name, wanted, len(found))


def _no_document(inputs: Inputs, loaded: Iterable[Loaded], name: str, wanted: str, count: int) -> NoReturn:
    inputs.stop_on([*inputs.findings, *(finding for entry in loaded for finding in entry.findings)])
    fail(f"{name} holds {'more than one' if count else 'no'} {wanted}")


def progress(description: str) -> contextlib.AbstractContextManager[Callable[[str], None]]:
    """Return a spinner on stderr that tells what is being done, nothing where nobody watches."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext(lambda _: None)
    return _Spinner(description)


class _Spinner(contextlib.AbstractContextManager[Callable[[str], None]]):
    def __init__(self, description: str) -> None:
        from rich.console import Console

        console = Console(stderr=True, no_color=not wants_color(True))
        self._status = console.status(description)

    def __enter__(self) -> Callable[[str], None]:
        self._status.start()
        return lambda text: self._status.update(text)

    def __exit__(self, *_: object) -> None:
        self._status.stop()


_loaded: list[float] = [time.monotonic()]


def begun() -> float:
    """Return when the command began, for time limits: a process's first one when the program was loaded."""
    return _loaded.pop() if _loaded else time.monotonic()


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether Ctrl-C was pressed; pressed again, it ends the process.

    The signal is read from a pipe, so that it is seen while a solver's code runs as well.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    seen = False

    def pressed() -> bool:
        nonlocal seen
        with contextlib.suppress(BlockingIOError):
            seen = seen or bool(os.read(read, 1))
        return seen

    def handler(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, handler)
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield pressed
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
        os.close(read)
        os.close(write)
