"""A document with edits that are not in its file yet: its text, what is wrong with it, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from planner import api
from planner.documents.edit import Value, appended, edited, sources_in
from planner.documents.finding import Path
from planner.documents.load import documents_in
from planner.documents.source import Source
from planner.ui.fields import Owned, Owner, as_value, is_job, listed_groups, owned_fields

LONGEST = 4096
"""Characters of a value that is typed."""
FIT = "FIT"
"""What codes begin with that say how a job fits a cluster."""
KEPT = 8
"""Drafts of which the text is kept, for the next one, which has an edit more or less."""


class Edit(BaseModel):
    """One field set to another value, or taken out where ``text`` is None; ``was`` is what it replaces.

    The field ``name`` of a group that the document does not list puts it there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owner: Annotated[Owner, Field(strict=False)]
    name: Annotated[str, Field(max_length=LONGEST)]
    field: Annotated[str, Field(max_length=LONGEST)]
    text: Annotated[str, Field(max_length=LONGEST)] | None
    was: Annotated[str, Field(max_length=LONGEST)] | None = None


@dataclass(frozen=True)
class Refusal:
    """An edit that cannot be made, the place of it among all, and why."""

    index: int
    edit: Edit
    reason: str


@dataclass(frozen=True)
class Draft:
    """The text of a file with edits in it, without those that were refused.

    ``profile`` is the complete one of the job, None where no graph can be built.
    """

    text: str
    loaded: api.Loaded | None
    findings: tuple[api.Finding, ...]
    owned: tuple[Owned, ...]
    refused: tuple[Refusal, ...]
    profile: api.ResourceProfile | None = None

    @property
    def job(self) -> api.Job | api.ResourceProfile | None:
        """The job or profile; None where there is none that planner can work with, on whatever cluster."""
        document = self.loaded.document if self.loaded else None
        if not isinstance(document, api.Job | api.ResourceProfile):
            return None
        wrong = (one for one in self.findings if not one.code.startswith(FIT))
        return None if any(one.severity is api.Severity.ERROR for one in wrong) else document


def draft_of(text: str, name: str, edits: Sequence[Edit] = (), cluster: api.Cluster | None = None) -> Draft:
    """Return a file's text with ``edits`` made in it one after the other; ``name`` is what findings call it.

    Where there is a ``cluster``, whether the job fits it is among the findings.

    An edit is refused where its operator, group or field is not there, where ``was`` is not what stands
    there, and where the text cannot be changed in place.
    """
    text, refused = _KEPT.of(text, name, tuple(edits))
    try:
        sources = sources_in(text, name)
        found = documents_in(sources) if sources else api.load(text, name)
    except api.DocumentError as error:
        return Draft(text, None, tuple(error.findings), (), refused)
    loaded = _the_job(found)
    findings, profiles = api.checked(*found, cluster=cluster)
    owned = owned_fields(loaded.source.data) if loaded else []
    profile = profiles[0] if len(profiles) == 1 else None
    return Draft(text, loaded, tuple(findings), tuple(owned), refused, profile)


def _the_job(found: Sequence[api.Loaded]) -> api.Loaded | None:
    """Return the only job or profile among documents, one that cannot be read among them."""
    jobs = [one for one in found if isinstance(one.document, api.Job | api.ResourceProfile)]
    if not jobs:
        jobs = [one for one in found if one.document is None]
    return jobs[0] if len(jobs) == 1 else None


Edited = tuple[str, tuple[Refusal, ...]]


class _Kept:
    """The last drafts: one with some edits more goes on from there."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, tuple[Edit, ...]], Edited] = {}

    def of(self, text: str, name: str, edits: tuple[Edit, ...]) -> Edited:
        """Return a text with edits in it, and which of them are refused."""
        known: tuple[Edit, ...] = ()
        start, refused = text, tuple[Refusal, ...]()
        for (base, called, some), found in list(self._kept.items()):
            if (base, called) == (text, name) and len(known) < len(some) and some == edits[: len(some)]:
                known, (start, refused) = some, found
        done, more = _made(start, name, edits, len(known))
        found = done, (*refused, *more)
        self._kept[text, name, edits] = found
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return found


_KEPT = _Kept()


def _made(text: str, name: str, edits: Sequence[Edit], first: int) -> tuple[str, list[Refusal]]:
    """Return a text with the edits from the one numbered ``first`` on, as many at once as do not meet."""
    refused: list[Refusal] = []
    while first < len(edits):
        jobs = [one for one in sources_in(text, name) if is_job(one.data)]
        if len(jobs) != 1:
            reason = "the file cannot be read as one job or profile"
            return text, refused + [Refusal(n, edits[n], reason) for n in range(first, len(edits))]
        owned = {(one.owner, one.name): one for one in owned_fields(jobs[0].data)}
        values: dict[Path, Value | None] = {}
        numbers: list[int] = []
        met: set[tuple[str, str, str]] = set()
        last = first
        while last < len(edits):
            edit = edits[last]
            owner = owned.get((edit.owner, edit.name))
            if owner is None and (edit.owner, edit.field) == (Owner.GROUP, "name"):
                break  # a group that is listed anew
            if (key := (edit.owner, edit.name, edit.field)) in met:
                break  # what stands there is known when those before are made
            met.add(key)
            found = _value(edit, owner)
            if not isinstance(found, str):
                values[found[0]] = found[1]
                numbers.append(last)
            elif found:
                refused.append(Refusal(last, edit, found))
            last += 1
        changed = edited(jobs[0], values) if values else text
        if changed is None and len(numbers) > 1:
            for number in numbers:
                text, more = _made(text, name, edits[: number + 1], number)
                refused += more
        elif changed is None:
            reason = "the text cannot be changed in place there; edit the file by hand"
            refused.append(Refusal(numbers[0], edits[numbers[0]], reason))
        else:
            text = changed
        if last == first:
            text, more = _listed(text, jobs[0], edits[last], last)
            refused += more
            last += 1
        first = last
    return text, sorted(refused, key=lambda one: one.index)


def _listed(text: str, source: Source, edit: Edit, number: int) -> tuple[str, list[Refusal]]:
    """Return a text with a group more in its list."""
    changed = appended(source, listed_groups(source.data), {"name": edit.name})
    if changed is not None:
        return changed, []
    reason = f"the file has no place for group {edit.name!r}; list it there by hand"
    return text, [Refusal(number, edit, reason)]


def _value(edit: Edit, owner: Owned | None) -> tuple[Path, Value | None] | str:
    """Return what an edit puts where, a reason why it is refused, or nothing where it is made already."""
    if owner is not None and (edit.owner, edit.field) == (Owner.GROUP, "name"):
        return ""
    field = next((one for one in owner.fields if one.name == edit.field), None) if owner else None
    if field is None:
        return f"there is no {edit.owner} {edit.name!r} with {edit.field} any more"
    if field.text != edit.was:
        there = "nothing" if field.text is None else repr(field.text)
        return f"{edit.field} of {edit.owner} {edit.name!r} is {there} in the file now"
    if edit.text == field.text:
        return ""
    return field.path, None if edit.text is None else as_value(field.form, edit.text)
