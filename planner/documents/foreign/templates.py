"""Files that have to be filled in first: templates of Helm and Jinja, and variables of a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from planner.documents.errors import DocumentError, at_offset, document_error
from planner.documents.finding import Finding, Path, Severity
from planner.documents.foreign.base import ForeignDocument
from planner.documents.job import option_paths
from planner.documents.option_tables import OptionTable, option_table, supported_versions

_PLACEHOLDER = re.compile(
    r"\{\{.*?\}\}"  # Helm, Jinja, Hugo
    r"|\{%.*?%\}|<%.*?%>"  # Jinja, ERB
    r"|\$\{[^{}]*\}|\$[A-Za-z_][A-Za-z0-9_]*"  # envsubst, as the entry point of Flink's image calls it
    r"|__[A-Z][A-Z0-9_]*__"
    r"|\A<[A-Za-z_][\w .-]*>\Z",  # what a person or a script is to write over
    re.DOTALL,
)
_EXPRESSION = re.compile(r"^[^#\n]*?(\{\{|\{%)", re.MULTILINE)
"""What makes a text a template; not in a comment, where it may be an example."""


_VARIABLE = re.compile(r"(\$\{[A-Za-z_][^{}]*\})")


def is_placeholder(value: object) -> bool:
    """Tell whether a value, or a part of it, is filled in later: ``${SLOTS}``, ``{{ .Values.slots }}``."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def is_wholly_placeholder(value: str) -> bool:
    """Tell whether nothing of a value is there yet."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def explain_template(error: DocumentError, name: str, text: str) -> DocumentError:
    """Return ``error``, or the one that says that the text is a template, where that is why it is no YAML."""
    if error.findings[0].code != "DOC004":
        return error
    expression = _EXPRESSION.search(text) or _variable_in(text, error.findings[0].position.line)
    if expression is None:
        return error
    message = "is a template that is not filled in, so it is no YAML yet"
    hint = "a template has to be rendered first, for example by helm template or envsubst"
    return document_error(name, "DOC004", message, hint, at_offset(text, expression.start(1)))


def _variable_in(text: str, line: int) -> re.Match[str] | None:
    """Return the first variable of a shell in a line."""
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[: line - 1]))
    return _VARIABLE.search(text, start, start + len(lines[line - 1])) if line <= len(lines) else None


def without_values(data: Any, paths: list[Path]) -> Any:
    """Return ``data`` as if nobody had written the values at ``paths``; a list goes as a whole."""
    if not paths or not isinstance(data, dict):
        return data
    gone = {path[0] for path in paths if len(path) == 1 or isinstance(path[1], int)}
    below = {key: [path[1:] for path in paths if len(path) > 1 and path[0] == key] for key in data}
    return {key: without_values(value, below[key]) for key, value in data.items() if key not in gone}


def unchecked(document: ForeignDocument, data: Any) -> Iterator[Path]:
    """Yield where in ``data`` placeholders stand for values that would be checked if they were there."""
    written = option_paths(data, document.options_path)
    table = option_table(document.flink_version or supported_versions()[-1])
    for key, setting in document.settings().items():
        if is_placeholder(setting.value) and _has_form(table, key):
            yield setting.path
    for key, value in document.options.items():
        if is_placeholder(value) and _has_form(table, key):
            yield written[key]


def _has_form(table: OptionTable, key: str) -> bool:
    option = table.find(key)
    return option is not None and option.type not in ("String", "Map")


def placeholders_finding(values: list[tuple[Path, object]]) -> Finding:
    """Return the one finding of a document with placeholders, with its first one as an example."""
    path, value = values[0]
    alone = len(values) == 1
    many = "1 checked value is a placeholder" if alone else f"{len(values)} checked values are placeholders"
    such = "," if len(values) == 1 else ", such as"
    text = " ".join(str(value).split())[:40]
    return Finding(
        "DOC012",
        Severity.WARNING,
        f"{many}{such} {text!r}: what will be there is not checked",
        "fill the template in first, for example by helm template or envsubst, and check the result",
        path=path,
    )
