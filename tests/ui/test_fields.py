"""What can be edited is found in a document as it was written, also in one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from planner import api
from planner.documents.source import read_sources
from planner.ui.fields import Form, Owned, Owner, as_value, owned_fields
from samples import FOLDER, job_of

TEXT = (FOLDER / "click-enrichment/job.yaml").read_text()


def fields(data: Any, owner: Owner, name: str) -> dict[str, str | None]:
    (found,) = [one for one in owned_fields(data) if (one.owner, one.name) == (owner, name)]
    return {field.name: field.text for field in found.fields}


def test_a_job() -> None:
    data = read_sources(TEXT.encode(), "job.yaml")[0].data
    assert fields(data, Owner.OPERATOR, "sessions") == {
        "parallelism": "24",
        "maxParallelism": None,
        "chaining": None,
        "group": "sessions",
        "load.cpu": "1.45",
        "load.busy": None,
        "load.recordsPerSecond": "5200",
        "load.bytesPerRecord": "690",
        "state.size": "180 gb",
    }
    assert fields(data, Owner.GROUP, "sessions") == {
        "cpu": "2",
        "heap": "1 gb",
        "offHeap": None,
        "managed.STATE_BACKEND": "2 gb",
        "managed.OPERATOR": None,
        "managed.PYTHON": None,
    }


def test_what_one_group_has_of_others_can_be_given_to_all() -> None:
    groups = [{"name": "a", "resources": {"external": {"gpu": 1}}}, {"name": "b"}]
    data = {"spec": {"slotSharingGroups": groups}}
    assert fields(data, Owner.GROUP, "a")["external.gpu"] == "1"
    assert fields(data, Owner.GROUP, "b")["external.gpu"] is None


def test_a_profile() -> None:
    data = read_sources(api.to_json(api.to_data(api.compile(job_of("click-enrichment")))).encode(), "p")[
        0
    ].data
    node = next(node for node in data["nodes"] if node["planner"]["operator"] == "sessions")
    found = fields(data, Owner.OPERATOR, str(node["id"]))
    assert (found["parallelism"], found["group"], found["load.cpu"]) == ("24", "sessions", "1.45")
    assert fields(data, Owner.GROUP, "sessions")["managed.STATE_BACKEND"] == "2 gb"


@pytest.mark.parametrize("name", ["click-enrichment", "large", "skewed-join", "nightly-batch", "cdc-to-lake"])
def test_each_value_stands_where_its_path_leads(name: str) -> None:
    (source,) = read_sources((FOLDER / name / "job.yaml").read_bytes(), "job.yaml")
    for one in owned_fields(source.data):
        for field in one.fields:
            assert field.path[: len(one.root)] == one.root
            if field.text is not None:
                at = source.position(field.path)
                assert field.text in source.lines[at.line - 1]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"spec": None},
        {"spec": {"operators": "x", "slotSharingGroups": [1, None, {"name": 5}]}},
        {"spec": {"operators": [None, {"id": None}, {"id": "a", "load": 3, "group": ["x"]}]}},
        {"nodes": [{"id": 1, "profile": None}], "ssgProfiles": [{"name": "g", "managed": [1]}]},
    ],
)
def test_what_is_no_document_has_no_fields_or_empty_ones(data: Any) -> None:
    found: list[Owned] = owned_fields(data)
    assert all(field.text is None for one in found for field in one.fields)


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (Form.COUNT, " 8 ", 8),
        (Form.COUNT, "x", "x"),
        (Form.COUNT, "1.5", "1.5"),
        (Form.NUMBER, "0.25", 0.25),
        (Form.NUMBER, "500m", "500m"),
        (Form.NUMBER, "2", 2),
        (Form.NUMBER, "1e400", "1e400"),
        (Form.SIZE, "512 mb", "512 mb"),
        (Form.SIZE, "512", 512),
        (Form.NUMBER, "1e-7", 1e-7),
        (Form.NUMBER, "", ""),
        (Form.NUMBER, ".", "."),
        (Form.GROUP, "7", "7"),
        (Form.COUNT, "9" * 40, "9" * 40),
    ],
)
def test_what_is_typed(form: Form, text: str, value: object) -> None:
    found = as_value(form, text)
    assert (found, type(found)) == (value, type(value))
