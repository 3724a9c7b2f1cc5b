"""``planner memory``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import Inputs, options
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_tables, is_json
from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.api import MemoryConfigurationError
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
        str | None, typer.Option("--config", metavar="FILE", help="Flink's config.yaml; - reads stdin.")
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
        str, typer.Option(metavar="VERSION", help="The version whose options are meant.")
    ] = "2.2",
    output_format: FormatOption = Format.AUTO,
    output: OutputOption = None,
) -> None:
    """Compute the memory of a process as Flink does, to the byte.

    \b
    Examples:
      planner memory --set taskmanager.memory.process.size=4g
      planner memory --process jobmanager --config config.yaml --format json
      planner memory --need taskHeap=2gb --need managed=4gb --need network=256mb
    """
    from planner import api
    from planner.report.memory import memory_data, memory_tree

    if needs and process is Process.JOBMANAGER:
        fail("--need is for the TaskManager")
    inputs = Inputs()
    source, configured = (None, {}) if config is None else _read(inputs, config)
    configuration = {**configured, **options(settings, "--set")}
    try:
        doubts = api.unknown_options(configuration, flink_version)
    except ValueError as error:
        fail(f"--flink-version: {error}")
    for message in doubts:
        say(f"planner: {message}")
    try:
        if needs:
            configuration = api.memory_for(_sizes(needs), configuration)
        computed = api.process_memory(api.Process(process.value), configuration)
    except api.MemoryConfigurationError as error:
        _refuse(error, source, configuration, inputs)
        raise typer.Exit(Exit.FINDINGS) from None
    inputs.spare(output)
    if is_json(output_format):
        emit(api.to_json(memory_data(computed)), output)
    else:
        emit_tables(*memory_tree(process.value, computed.parts, computed.jvm_arguments), output=output)


def _read(inputs: Inputs, name: str) -> tuple[Source, dict[str, str]]:
    from planner.documents.finding import Finding, Severity
    from planner.documents.job import flatten_configuration

    source = inputs.read_source(name)
    if not isinstance(source.data, dict):
        message = "the file is not a mapping of Flink options"
        hint = "write key: value lines"
        inputs.stop_on([Finding("DOC008", Severity.ERROR, message, hint, source.name)])
    configuration: dict[str, str] = flatten_configuration(source.data)
    return source, configuration


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
    error: MemoryConfigurationError, source: Source | None, configuration: Mapping[str, str], inputs: Inputs
) -> None:
    """Report a configuration that Flink refuses, at the option in the file that has to do with it."""
    from planner.documents.finding import Finding, Severity
    from planner.report.text import text

    hint = "planner explain " + error.code
    finding = Finding(error.code, Severity.ERROR, str(error), hint, COMMAND_LINE)
    if source is not None:
        paths = (_path(source.data, key) for key in error.keys if key in configuration)
        path = next(filter(None, paths), ())
        at = source.position(path)
        finding = Finding(error.code, Severity.ERROR, str(error), hint, source.name, at, path)
    say(text([finding], inputs.texts))


def _path(data: object, key: str) -> tuple[str, ...]:
    """Return the way to a flat key in a file that may nest it."""
    if not isinstance(data, dict):
        return ()
    if key in data:
        return (key,)
    for name, child in data.items():
        if key.startswith(f"{name}.") and (rest := _path(child, key[len(name) + 1 :])):
            return (name, *rest)
    return ()
