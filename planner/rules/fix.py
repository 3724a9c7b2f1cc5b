"""What planner validate found, put right in the text of the files where that is mechanical."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from planner.documents.edit import edited, renamed, sources_in, value_at
from planner.documents.errors import DocumentError
from planner.documents.finding import Finding, Fix, Path
from planner.documents.load import Loaded, load
from planner.documents.source import Source
from planner.documents.suggestions import same_letters

ROUNDS = 10
"""How often files are checked again: what is put right may have hidden what is wrong below it."""
QUOTES = ("'", '"')
_PLAIN = re.compile(r"[\w.+-]+")
"""A scalar as it is: no quotes, alias, anchor or bracket."""
Place = tuple[int, Path]
"""The number of a document in its file, and a path in it."""


def fixed(
    documents: Sequence[Loaded], check: Callable[[Sequence[Loaded]], Sequence[Finding]]
) -> dict[str, str]:
    """Return the new texts of the files in which something can be put right, by their names.

    Comments, order and layout stay. ``check`` returns the findings of documents. A change that cannot be made
    where it is written, as within a text in a ConfigMap, is left out.
    """
    texts = {one.source.name: one.source.text for one in documents}
    new: dict[str, str] = {}
    for _ in range(ROUNDS):
        found = [finding for finding in check(documents) if finding.fix is not None]
        changed = {
            name: text for name in texts if (text := _of_file(name, texts[name], found)) != texts[name]
        }
        if not changed:
            break
        new |= changed
        texts |= changed
        try:
            documents = [one for name, text in texts.items() for one in load(text, name)]
        except DocumentError:  # it was readable as it was
            return {}
    return new


def _of_file(name: str, text: str, findings: Sequence[Finding]) -> str:
    """Return a text with all changes that can be made in it."""
    sources = sources_in(text, name)
    wanted = dict.fromkeys(
        (place, one.fix)
        for one in findings
        if one.file == name and (place := _place(sources, one)) and one.fix
    )
    for number, source in enumerate(sources):
        values = {
            path: value
            for (which, path), fix in wanted
            if which == number and fix.key is None and (value := _value(source, path, fix)) is not None
        }
        together = edited(sources_in(text, name)[number], values)
        for path, value in values.items() if together is None else ():
            text = edited(sources_in(text, name)[number], {path: value}) or text
        text = together or text
    for (number, path), fix in wanted:
        source = sources_in(text, name)[number]
        if fix.key is not None and _alone(source, path):
            text = renamed(source, path, fix.key) or text
        elif fix == Fix() and _removable(source, path):
            text = edited(source, {path: None}) or text
    return text


def _place(sources: Sequence[Source], finding: Finding) -> Place | None:
    """Return where in a file a finding is, None where that is not a place of its own."""
    for number, source in enumerate(sources):
        if finding.position in (source.position(finding.path), source.position(finding.path, key=True)):
            return number, finding.path
    return None


def _value(source: Source, path: Path, fix: Fix) -> str | None:
    """Return what a value becomes, None where it is not a plain one that is written there."""
    written = source.written(path)
    if written is None:
        return None
    if fix.quoted:
        return written if _PLAIN.fullmatch(written) else None
    return fix.value if _PLAIN.fullmatch(written) or written[:1] in QUOTES else None


def _alone(source: Source, path: Path) -> bool:
    """Tell whether no other key beside one differs from it in case or separators only."""
    parent = value_at(source.data, path[:-1])
    return isinstance(parent, dict) and same_letters(str(path[-1]), map(str, parent)) == path[-1]


def _removable(source: Source, path: Path) -> bool:
    """Tell whether a field can go with nothing else: it has others beside it, one line, and no comment."""
    parent, written = value_at(source.data, path[:-1]), source.written(path)
    if not isinstance(parent, dict) or len(parent) == 1 or written is None:
        return False
    at = source.position(path)
    rest = source.text.split("\n")[at.end_line - 1][at.end_column - 1 :]
    return "#" not in rest and written[:1] not in ("&", "*")
