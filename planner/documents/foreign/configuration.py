"""Flink's own configuration: ``config.yaml``, flat or nested, and ``flink-conf.yaml`` of Flink 1.x."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from planner.documents.base import Model
from planner.documents.finding import Finding, Position, Severity
from planner.documents.foreign.base import ForeignDocument
from planner.documents.job import Configuration, flatten_configuration
from planner.documents.option_tables import of_operator, of_others, option_table, supported_versions
from planner.documents.source import Index

MAX_OPTIONS = 10_000
"""How many keys a configuration may have; Flink itself has about 1,000 options."""
CONFIG, OLD_CONFIG = "config.yaml", "flink-conf.yaml"
"""What Flink calls its configuration: the second name up to 1.20, which reads it line by line."""
OLD_CONFIG_VERSION = "1.20"
_FEW_OPTIONS = 20
"""Among how many keys misspelled ones can decide what a file is; to compare spellings takes milliseconds."""
_OF_PROCESSES = ("taskmanager.", "jobmanager.")
_OF_TEMPLATES = ("{{", "{%")
"""How a line begins that decides which lines there are."""
_OF_OTHERS = {"apiVersion", "kind", "metadata", "nodes", "spec"}
"""Fields of Kubernetes objects, of planner's documents and of expert-mode plans."""


class FlinkConfiguration(ForeignDocument):
    """Options that Flink's processes read when they start.

    ``file`` is what Flink calls a file that they are all of, None where they are added to others. The file
    itself does not say of which ``version`` they are; what stands beside it may.
    """

    model_config = Model.model_config

    written: Configuration
    file: str | None = None
    version: str | None = None

    @property
    def options(self) -> Mapping[str, str]:
        """The options by key, flat."""
        return self.written

    @property
    def flink_version(self) -> str | None:
        """The version that what stands beside it names."""
        return self.version

    def outline(self) -> str:
        """Return how many options there are."""
        return f"{len(self.written)} options"


def configuration_of(data: Any) -> FlinkConfiguration | None:
    """Return the configuration that plain ``data`` is by its content, None where it is something else.

    A key that is written flat and begins as those of Flink's processes do (``taskmanager.``) decides. Else at
    least half of the keys have to be options of a version of Flink or of the operator, or nearly be spelled
    as one of a process. Nested, ``taskmanager:`` may be a section of Helm values as well.
    """
    if not isinstance(data, dict) or _OF_OTHERS & data.keys():
        return None
    try:
        options = flatten_configuration(data)
    except ValueError:
        return None
    is_one = _has_flat_option(data) or _mostly_options(options)
    return FlinkConfiguration(written=options) if 0 < len(options) <= MAX_OPTIONS and is_one else None


def _has_flat_option(keys: Iterable[str]) -> bool:
    return any(key.startswith(_OF_PROCESSES) for key in keys)


def _mostly_options(keys: Iterable[str]) -> bool:
    given = list(keys)
    if len(given) > MAX_OPTIONS:
        return False
    others = [key for key in given if not _is_option(key)]
    if len(given) <= _FEW_OPTIONS:
        others = [key for key in others if not _is_nearly_option(key)]
    return 2 * len(others) <= len(given)


def _is_option(key: str) -> bool:
    tables = map(option_table, (supported_versions()[-1], supported_versions()[0]))
    known = of_operator(key) or of_others(key)
    return "." in key and (known or any(table.find(key) or table.find_removed(key) for table in tables))


def _is_nearly_option(key: str) -> bool:
    return key.startswith(_OF_PROCESSES) and option_table(supported_versions()[-1]).suggest(key) is not None


def read_lines(text: str, name: str) -> tuple[dict[str, str], Index, list[Finding]] | None:
    """Read a text as Flink 1.x does (`GlobalConfiguration.loadYAMLResource`), None if it is something else.

    Every line is ``key: value``, from ``#`` on a comment; the last of equal keys counts. Returned are the
    options, where they are, and a finding for each line that Flink skips.
    """
    options: dict[str, str] = {}
    index: Index = {(): (Position(), Position())}
    skipped: list[Finding] = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0]
        if not content.strip():
            continue
        if content.lstrip().startswith(_OF_TEMPLATES):
            return None
        key, colon, value = content.partition(": ")
        if not (colon and key.strip() and value.strip()):
            skipped.append(_skipped(content, name, number))
            continue
        options[key.strip()] = value.strip()
        index[(key.strip(),)] = (_span(number, content, key.strip()), _span(number, content, value.strip()))
    is_object = {"kind", "apiVersion"} & options.keys()
    is_one = 0 < len(options) <= MAX_OPTIONS and (_has_flat_option(options) or _mostly_options(options))
    return (options, index, skipped) if is_one and not is_object else None


def _span(number: int, line: str, part: str) -> Position:
    start = line.rindex(part) if line.rstrip().endswith(part) else line.index(part)
    return Position(number, start + 1, number, start + 1 + len(part))


def _skipped(line: str, name: str, number: int) -> Finding:
    message = f"{line.strip()[:60]!r} is not of the form key: value, so Flink 1.x skips the line"
    hint = "write a blank after the colon, and a value"
    return Finding("DOC011", Severity.WARNING, message, hint, name, _span(number, line, line.strip()))
