"""``planner memory``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import Inputs, options
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_tables, is_json
from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.api import MemoryConfigurationError
    from planner.documents.finding import Path
    from planner.documents.source import Source

COMMAND_LINE = "<command line>"
NEEDS = {"taskHeap": "task_heap", "taskOffHeap": "task_off_heap", "managed": "managed", "network": "network"}


class Process(StrEnum):
    """Which process of Flink."""

    TASKMANAGER = "taskmanager"
    JOBMANAGER = "jobmanager"


def memory(
    process: Annotated[
        Process, typer.Option("--process", help="Which process to compute.")
    ] = Process.TASKMANAGER,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="FILE", help="Flink's configuration, or a FlinkDeployment; - reads stdin."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A Flink option, over the file; repeatable."),
    ] = None,
    needs: Annotated[
        list[str] | None,
        typer.Option(
            "--need",
            metavar="PART=SIZE",
            help="Backwards: taskHeap, taskOffHeap, managed or network that a TaskManager has to have; repeatable.",
        ),
    ] = None,
    flink_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="The version whose options are meant. Default: what a manifest says, else 2.2.",
        ),
    ] = None,
    output_format: FormatOption = Format.AUTO,
    output: OutputOption = None,
) -> None:
    """Compute the memory of a process as Flink does, to the byte.

    \b
    Examples:
      planner memory --set taskmanager.memory.process.size=4g
      planner memory --process jobmanager --config config.yaml --format json
      planner memory --config deployment.yaml
      planner memory --need taskHeap=2gb --need managed=4gb --need network=256mb
    """
    from planner import api
    from planner.report.memory import memory_data, memory_tree

    if needs and process is Process.JOBMANAGER:
        fail("--need is for the TaskManager")
    inputs = Inputs()
    given = options(settings, "--set")
    try:
        doubts = api.unknown_options(given, flink_version or api.CLUSTER_VERSION)
    except ValueError as error:
        fail(f"--flink-version: {error}")
    read = None if config is None else _read(inputs, config, flink_version, process.value)
    configuration = {**(read.configuration if read else {}), **given}
    for message in doubts:
        say(f"planner: {message}")
    try:
        if needs:
            configuration = api.memory_for(_sizes(needs), configuration)
        computed = api.process_memory(api.Process(process.value), configuration)
    except api.MemoryConfigurationError as error:
        _refuse(error, read, given, inputs)
        raise typer.Exit(Exit.FINDINGS) from None
    inputs.spare(output)
    if is_json(output_format):
        emit(api.to_json(memory_data(computed)), output)
    else:
        emit_tables(*memory_tree(process.value, computed.parts, computed.jvm_arguments), output=output)


@dataclass(frozen=True)
class _Read:
    """The options of a file, and where they are in it."""

    source: Source
    configuration: Mapping[str, str]
    paths: Mapping[str, Path]


def _read(inputs: Inputs, name: str, version: str | None, process: str) -> _Read:
    """Read the options of a file; say what is wrong with them but does not keep memory from adding up.

    Of several, as in a Compose file, it is the one that sets memory of the process.
    """
    from planner import api
    from planner.report.text import concise

    loaded = inputs.read(name)
    inputs.stop_on(inputs.findings)
    found = [(entry, options) for entry in loaded if (options := api.configuration_of(entry)) is not None]
    if not found:
        inputs.stop_on([finding for entry in loaded for finding in entry.findings])
        fail(f"{name} holds no configuration of Flink; give one")
    if len(found) > 1:
        some = [each for each in found if any(key.startswith(f"{process}.memory.") for key in each[1][0])]
        if len(some) != 1:
            which = f"{len(some) or 'none'} of them with memory of a {process}"
            fail(f"{name} holds {len(found)} configurations of Flink, {which}; give one in a file of its own")
        found = some
    entry, (configuration, paths) = found[0]
    if isinstance(entry.document, api.FlinkConfiguration) and version is not None:
        entry = replace(entry, document=entry.document.model_copy(update={"version": version}))
    if entry.document is not None:
        wrong = [finding for finding in api.validate(entry) if not finding.code.startswith("MEM4")]
        if wrong:
            say(concise(wrong, inputs.texts))
    return _Read(entry.source, configuration, paths)


def _sizes(needs: list[str]) -> dict[str, int]:
    from planner import api

    sizes: dict[str, int] = {}
    for need in needs:
        name, _, size = need.partition("=")
        if name not in NEEDS:
            fail(f"--need takes PART=SIZE with one of {', '.join(NEEDS)}, not {need!r}")
        if NEEDS[name] in sizes:
            fail(f"--need {name} is given twice")
        try:
            sizes[NEEDS[name]] = api.parse_size(size)
        except ValueError as error:
            fail(f"--need {name}: {error}")
    return sizes


def _refuse(
    error: MemoryConfigurationError, read: _Read | None, given: Mapping[str, str], inputs: Inputs
) -> None:
    """Report a configuration that Flink refuses, at the option in the file that has to do with it."""
    from planner.documents.finding import Finding, Severity
    from planner.report.text import text

    hint = "planner explain " + error.code
    finding = Finding(error.code, Severity.ERROR, str(error), hint, COMMAND_LINE)
    if read is not None:
        keys = [key for key in error.keys if key in read.paths and key not in given]
        path = read.paths[keys[0]] if keys else ()
        at = read.source.position(path)
        finding = replace(finding, file=read.source.name, position=at, path=read.source.absolute(path))
    say(text([finding], inputs.texts))
