"""A document with edits that are not in its file yet: its text, what is wrong with it, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from planner import api
from planner.documents.edit import appended, edited, sources_in
from planner.documents.load import documents_in
from planner.ui.fields import Owned, Owner, as_value, is_job, listed_groups, owned_fields

LONGEST = 4096
"""Characters of a value that is typed."""


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
    """An edit that cannot be made, and why."""

    edit: Edit
    reason: str


@dataclass(frozen=True)
class Draft:
    """The text of a file with edits in it but for those that were refused; ``profile`` is that of its job."""

    text: str
    loaded: api.Loaded | None
    findings: tuple[api.Finding, ...]
    owned: tuple[Owned, ...]
    refused: tuple[Refusal, ...]
    profile: api.ResourceProfile | None = None

    @property
    def job(self) -> api.Job | api.ResourceProfile | None:
        """The job or profile; None where there is none that planner can work with."""
        document = self.loaded.document if self.loaded else None
        if not isinstance(document, api.Job | api.ResourceProfile):
            return None
        return None if any(one.severity is api.Severity.ERROR for one in self.findings) else document


def draft_of(text: str, name: str, edits: Sequence[Edit] = ()) -> Draft:
    """Return a file's text with ``edits`` made in it one after the other; ``name`` is what findings call it.

    An edit is refused where its operator, group or field is not there, where ``was`` is not what stands
    there, and where the text cannot be changed in place.
    """
    refused: list[Refusal] = []
    for edit in edits:
        changed = _made(text, name, edit)
        if isinstance(changed, Refusal):
            refused.append(changed)
        else:
            text = changed
    try:
        sources = sources_in(text, name)
        found = documents_in(sources) if sources else api.load(text, name)
    except api.DocumentError as error:
        return Draft(text, None, tuple(error.findings), (), tuple(refused))
    loaded = _the_job(found)
    findings, profiles = api.checked(*found)
    owned = owned_fields(loaded.source.data) if loaded else []
    profile = profiles[0] if len(profiles) == 1 else None
    return Draft(text, loaded, tuple(findings), tuple(owned), tuple(refused), profile)


def _the_job(found: Sequence[api.Loaded]) -> api.Loaded | None:
    """Return the only job or profile among documents, one that cannot be read among them."""
    jobs = [one for one in found if isinstance(one.document, api.Job | api.ResourceProfile)]
    if not jobs:
        jobs = [one for one in found if one.document is None]
    return jobs[0] if len(jobs) == 1 else None


@lru_cache(maxsize=100)  # a draft is made of all its edits each time that one is added
def _made(text: str, name: str, edit: Edit) -> str | Refusal:
    """Return the text with an edit in it."""
    jobs = [one for one in sources_in(text, name) if is_job(one.data)]
    if len(jobs) != 1:
        return Refusal(edit, "the file cannot be read as one job or profile")
    (source,) = jobs
    data = source.data
    owner = next(
        (one for one in owned_fields(data) if (one.owner, one.name) == (edit.owner, edit.name)),
        None,
    )
    if owner is None and (edit.owner, edit.field) == (Owner.GROUP, "name"):
        more = appended(source, listed_groups(data), {"name": edit.name})
        return more or Refusal(edit, f"the file has no place for group {edit.name!r}; list it there by hand")
    field = next((one for one in owner.fields if one.name == edit.field), None) if owner else None
    if field is None:
        return Refusal(edit, f"there is no {edit.owner} {edit.name!r} with {edit.field} any more")
    if field.text != edit.was:
        there = "nothing" if field.text is None else repr(field.text)
        return Refusal(edit, f"{edit.field} of {edit.owner} {edit.name!r} is {there} in the file now")
    if edit.text == field.text:
        return text
    value = None if edit.text is None else as_value(field.form, edit.text)
    changed = edited(source, {field.path: value})
    return changed or Refusal(edit, "the text cannot be changed in place there; edit the file by hand")


def difference(before: str, after: str, name: str) -> str:
    """Return what differs between two texts of a file, as a patch."""
    lines = unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )
