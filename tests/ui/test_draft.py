"""Edits in a text: what a person would have written, or a reason why not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import api
from planner.report.patch import patch
from planner.ui.draft import Edit, draft_of
from planner.ui.fields import Owner, owned_fields
from samples import FOLDER, SAMPLES, job_of

TEXT = (FOLDER / "click-enrichment/job.yaml").read_text()
PROFILE = api.to_json(api.to_data(api.compile(job_of("click-enrichment"))))


def edit(name: str, field: str, text: str | None, was: str | None, owner: Owner = Owner.OPERATOR) -> Edit:
    return Edit(owner=owner, name=name, field=field, text=text, was=was)


def test_edits_are_what_a_person_would_write() -> None:
    draft = draft_of(
        TEXT,
        "job.yaml",
        [
            edit("sessions", "parallelism", "32", "24"),
            edit("enrich", "load.cpu", "0.7", "0.64"),
            edit("enrich", "offHeap", "128 mb", "64 mb", Owner.GROUP),
            edit("out", "group", "enrich", None),
            edit("sessions", "heap", None, "1 gb", Owner.GROUP),
        ],
    )
    by_hand = (
        TEXT.replace("parallelism: 24", "parallelism: 32")
        .replace("cpu: 0.64", "cpu: 0.7")
        .replace("offHeap: 64 mb", "offHeap: 128 mb")
        .replace("kind: kafka-sink\n", "kind: kafka-sink\n      group: enrich\n")
        .replace("heap: 1 gb, ", "")
    )
    assert draft.text == by_hand
    assert not draft.refused
    assert draft.loaded is not None


GROUPS = TEXT[TEXT.index("  slotSharingGroups:") : TEXT.index("  operators:")]


def test_a_group_that_is_not_listed_is_put_there() -> None:
    listed = [edit("heavy", "name", "heavy", None, Owner.GROUP), edit("heavy", "cpu", "2", None, Owner.GROUP)]
    after = "    - name: heavy\n      resources:\n        cpu: 2\n"
    draft = draft_of(TEXT, "job.yaml", listed)
    assert draft.text == TEXT.replace(GROUPS, GROUPS + after)
    bare = TEXT.replace(GROUPS, "")
    draft = draft_of(bare, "job.yaml", listed[:1])
    assert "  slotSharingGroups:\n    - name: heavy\n" in draft.text
    assert draft.text.replace("  slotSharingGroups:\n    - name: heavy\n", "") == bare
    listed.append(edit("heavy", "heap", "1 gb", None, Owner.GROUP))
    draft = draft_of(PROFILE, "p.json", [*listed, edit("5", "group", "heavy", "sessions")])
    assert not draft.refused
    assert draft.job is not None, draft.findings
    assert api.compile(draft.job).ssg_profiles[-1].name == "heavy"


def test_many_edits_are_made_at_once() -> None:
    text = (FOLDER / "large/job.yaml").read_text()
    (loaded,) = api.load(text, "job.yaml")
    edits = [
        Edit(owner=one.owner, name=one.name, field=f"load.{field.name[5:]}", text="0.5", was=field.text)
        for one in owned_fields(loaded.source.data)
        for field in one.fields
        if field.name in ("load.cpu", "load.busy")
    ]
    draft = draft_of(text, "job.yaml", edits)
    assert not draft.refused
    one_by_one = text
    for one in edits:
        one_by_one = draft_of(one_by_one, "job.yaml", [one]).text
    assert draft.text == one_by_one
    assert draft_of(text, "job.yaml", edits[:-1]).text != draft.text


def test_a_group_that_others_listed_meanwhile_is_there() -> None:
    listed = edit("sessions", "name", "sessions", None, Owner.GROUP)
    assert draft_of(TEXT, "job.yaml", [listed]).text == TEXT


def test_a_job_of_kubernetes_beside_it_is_left_alone() -> None:
    text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\n---\n" + TEXT
    draft = draft_of(text, "all.yaml", [edit("sessions", "parallelism", "32", "24")])
    assert draft.text == text.replace("parallelism: 24", "parallelism: 32")


def test_undone_edits_leave_no_trace() -> None:
    there = [edit("out", "parallelism", "4", None), edit("out", "parallelism", None, "4")]
    assert draft_of(TEXT, "job.yaml", there).text == TEXT


def test_a_wrong_value_is_a_finding_at_its_line_and_can_be_mended() -> None:
    wrong = edit("sessions", "parallelism", "many", "24")
    draft = draft_of(TEXT, "job.yaml", [wrong])
    assert draft.job is None
    (finding,) = draft.findings
    assert (finding.severity, finding.path) == (api.Severity.ERROR, ("spec", "operators", 3, "parallelism"))
    assert (
        "many" in TEXT.replace("parallelism: 24", "parallelism: many").splitlines()[finding.position.line - 1]
    )
    mended = draft_of(TEXT, "job.yaml", [wrong, edit("sessions", "parallelism", "30", "many")])
    assert mended.text == TEXT.replace("parallelism: 24", "parallelism: 30")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (edit("sessions", "parallelism", "32", "23"), "is '24' in the file now"),
        (edit("sessions", "parallelism", "32", None), "is '24' in the file now"),
        (edit("out", "parallelism", "32", "4"), "is nothing in the file now"),
        (edit("gone", "parallelism", "32", "23"), "there is no operator 'gone'"),
        (edit("sessions", "uid", "x", "sessions"), "with uid any more"),
        (edit("default", "cpu", "1", None, Owner.GROUP), "there is no group 'default'"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_the_others_are_made(one: Edit, reason: str) -> None:
    draft = draft_of(TEXT, "job.yaml", [one, edit("enrich", "load.cpu", "1", "0.64")])
    (refused,) = draft.refused
    assert reason in refused.reason
    assert draft.text == TEXT.replace("cpu: 0.64", "cpu: 1")


def test_an_edit_finds_its_operator_where_lines_were_put_in_before_it() -> None:
    moved = TEXT.replace(
        "    - id: parse\n", "    - {id: more, kind: map, inputs: [clicks]}\n    - id: parse\n"
    )
    draft = draft_of(moved, "job.yaml", [edit("sessions", "parallelism", "32", "24")])
    assert draft.text == moved.replace("parallelism: 24", "parallelism: 32")


@pytest.mark.parametrize(
    "text", ["", "a: [", "\0", "kind: Cluster\napiVersion: planner/v1\n", "a: &x 1\nb: *y\n"]
)
def test_a_file_that_is_no_job_is_said_and_not_changed(text: str) -> None:
    draft = draft_of(text, "job.yaml", [edit("a", "parallelism", "1", None)])
    assert draft.text == text
    assert draft.job is None
    assert draft.findings
    assert draft.refused


VALUES = st.sampled_from(
    ["1", "7", "512 mb", "x: y", "#", "true", "head", "0.5", "500m", "'", '"', "{", "ä b"]
)


@settings(max_examples=60)
@given(st.data(), st.sampled_from([TEXT, PROFILE]))
def test_any_edit_of_any_field_reads_back_as_typed(data: st.DataObject, text: str) -> None:
    (loaded,) = api.load(text, "job")
    one = data.draw(st.sampled_from(owned_fields(loaded.source.data)))
    field = data.draw(st.sampled_from(one.fields))
    value = data.draw(VALUES)
    change = Edit(owner=one.owner, name=one.name, field=field.name, text=value, was=field.text)
    draft = draft_of(text, "job", [change])
    assert not draft.refused
    (again,) = [other for other in draft.owned if (other.owner, other.name) == (one.owner, one.name)]
    assert next(other.text for other in again.fields if other.name == field.name) == value
    changed = [line for line in patch(text, draft.text, "job").splitlines()[2:] if line[:1] in "+-"]
    assert len(changed) <= 4


def test_the_difference_is_a_patch() -> None:
    assert patch("a\nb", "a\nc", "x") == (
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_the_profile_of_a_draft_is_that_of_compile(name: str) -> None:
    text = (FOLDER / name / "job.yaml").read_text()
    draft = draft_of(text, "job.yaml")
    assert draft.profile == api.compile(job_of(name))


def test_the_job_s_own_catalogue_counts() -> None:
    text = TEXT.replace(
        "  slotSharingGroups:", "  offHeapCatalogue: {async-io: 300 mb}\n  slotSharingGroups:"
    )
    draft = draft_of(text.replace(", offHeap: 64 mb", ""), "job.yaml")
    assert draft.job is not None
    assert draft.profile == api.compile(draft.job)
    assert next(group for group in draft.profile.ssg_profiles if group.name == "enrich").off_heap == 300 << 20
