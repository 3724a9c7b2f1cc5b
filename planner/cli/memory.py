"""``planner memory``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.common import (
    Exit,
    Inputs,
    OutputOption,
    automatic_format,
    emit,
    fail,
    say,
    wants_color,
)
from planner.cli.place import Format, FormatOption

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.documents.source import Source
    from planner.memory.process import MemoryConfigurationError

COMMAND_LINE = "<command line>"


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
    inputs = Inputs()
    source, configuration = _configuration(inputs, config, settings or [])
    from planner.memory.process import MemoryConfigurationError

    if needs and process is Process.JOBMANAGER:
        fail("--need is for the TaskManager")
    try:
        if needs:
            configuration = _backwards(needs, configuration)
        text = (
            _json(process, configuration)
            if automatic_format(output_format) == "json"
            else _text(process, configuration, output is None)
        )
    except MemoryConfigurationError as error:
        _refuse(error, source, configuration, inputs)
    inputs.keep(output)
    emit(text, output)


def _configuration(
    inputs: Inputs, config: str | None, settings: list[str]
) -> tuple[Source | None, dict[str, str]]:
    """Return the options of the file and those of the command line over them."""
    source: Source | None = None
    options: dict[str, str] = {}
    if config is not None:
        source, options = _read(inputs, config)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            fail(f"--set takes KEY=VALUE, not {setting!r}")
        options[key.strip()] = value
    _warn_of_unknown(options)
    return source, options


def _warn_of_unknown(options: Mapping[str, str]) -> None:
    """Say which keys Flink would ignore without a word."""
    from planner.documents.option_tables import option_table
    from planner.rules.validate import CLUSTER_VERSION

    table = option_table(CLUSTER_VERSION)
    for key in options:
        if not (table.find(key) or table.passes_on(key) or table.find_removed(key)):
            close = table.suggest(key)
            also = f", did you mean {close!r}?" if close else ""
            say(f"planner: Flink {CLUSTER_VERSION} knows no option {key[:80]!r} and ignores it{also}")


def _read(inputs: Inputs, name: str) -> tuple[Source, dict[str, str]]:
    from planner.documents.finding import Finding, Severity
    from planner.documents.job import flatten_configuration

    source = inputs.read_source(name)
    if not isinstance(source.data, dict):
        inputs.stop_on(
            [
                Finding(
                    "DOC008",
                    Severity.ERROR,
                    "the file is not a mapping of Flink options",
                    "write key: value lines",
                    source.name,
                )
            ]
        )
    options: dict[str, str] = flatten_configuration(source.data)
    return source, options


def _backwards(needs: list[str], configuration: Mapping[str, str]) -> dict[str, str]:
    from planner.memory.process import Options
    from planner.memory.sizing import exact_options, size_taskmanager
    from planner.memory.taskmanager import PREFIX
    from planner.place.model.task_managers import MIN_NETWORK
    from planner.units import parse_size_lenient

    names = {
        "taskHeap": "task_heap",
        "taskOffHeap": "task_off_heap",
        "managed": "managed",
        "network": "network",
    }
    sizes: dict[str, int] = {}
    for need in needs:
        name, _, size = need.partition("=")
        if name not in names:
            fail(f"--need takes PART=SIZE with one of {', '.join(names)}, not {need!r}")
        if names[name] in sizes:
            fail(f"--need {name} is given twice")
        try:
            sizes[names[name]] = parse_size_lenient(size)
        except ValueError as error:
            fail(f"--need {name}: {error}")
    sizes.setdefault("network", Options(configuration, PREFIX, {}).sized("network.min", MIN_NETWORK))
    return {**configuration, **exact_options(size_taskmanager(sizes, configuration))}


def _json(process: Process, configuration: Mapping[str, str]) -> str:
    from planner.documents.write import to_json
    from planner.memory.launch import launch_jobmanager, launch_taskmanager

    launch = (launch_taskmanager if process is Process.TASKMANAGER else launch_jobmanager)(configuration)
    parts = {part.name: part.size for part in _parts(process, configuration)}
    parts |= {"flink": launch.memory.flink, "process": launch.memory.process}
    data = {
        "jvmArguments": launch.jvm_arguments,
        "dynamicOptions": dict(launch.dynamic_options),
        "parts": parts,
    }
    return to_json(data)


def _parts(process: Process, configuration: Mapping[str, str]) -> list:  # type: ignore[type-arg]
    from planner.memory.breakdown import jobmanager_parts, taskmanager_parts

    return (taskmanager_parts if process is Process.TASKMANAGER else jobmanager_parts)(configuration)


def _text(process: Process, configuration: Mapping[str, str], to_terminal: bool) -> str:
    import sys

    from planner.memory.launch import launch_jobmanager, launch_taskmanager
    from planner.report.memory import memory_tree

    launch = (launch_taskmanager if process is Process.TASKMANAGER else launch_jobmanager)(configuration)
    color = to_terminal and wants_color(sys.stdout.isatty())
    return memory_tree(process.value, _parts(process, configuration), launch.jvm_arguments, color=color)


def _refuse(
    error: MemoryConfigurationError, source: Source | None, configuration: Mapping[str, str], inputs: Inputs
) -> None:
    """Report a configuration that Flink refuses, at the option in the file that has to do with it."""
    from planner.documents.finding import Finding, Severity
    from planner.report.text import text

    found = Finding(error.code, Severity.ERROR, str(error), "planner explain " + error.code, COMMAND_LINE)
    if source is not None:
        path = next(
            (p for key in error.keys if key in configuration for p in [_path(source.data, key)] if p), ()
        )
        found = Finding(
            error.code, Severity.ERROR, str(error), found.hint, source.name, source.position(path), path
        )
    say(text([found], inputs.texts))
    raise typer.Exit(Exit.FINDINGS)


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
