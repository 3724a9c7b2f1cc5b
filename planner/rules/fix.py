"""What planner validate found, put right in the text of the files where that is mechanical."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from planner.documents.edit import edited, renamed, sources_in
from planner.documents.errors import DocumentError
from planner.documents.finding import Finding, Fix, Path
from planner.documents.load import Loaded, load
from planner.documents.source import Source

ROUNDS = 10
"""How often files are checked again: what is put right may have hidden what is wrong below it."""
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
    wanted = [(_place(sources, one), one) for one in findings if one.file == name]
    for place, finding in wanted:
        if place is not None and finding.fix is not None:
            text = _changed(text, name, place, finding.fix) or text
    return text


def _place(sources: Sequence[Source], finding: Finding) -> Place | None:
    """Return where in a file a finding is, None where that is not a place of its own."""
    for number, source in enumerate(sources):
        if finding.position in _spans(source, finding.path):
            return number, finding.path
    return None


def _spans(source: Source, path: Path) -> Iterator[object]:
    yield source.position(path)
    yield source.position(path, key=True)


def _changed(text: str, name: str, place: Place, fix: Fix) -> str | None:
    number, path = place
    source = sources_in(text, name)[number]
    if fix.key is not None:
        return renamed(source, path, fix.key)
    return edited(source, {path: source.written(path) if fix.quoted else fix.value})
