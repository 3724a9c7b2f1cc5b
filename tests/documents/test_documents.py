"""Loading and writing the five documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from planner.api import compile_job, place, recover, to_json
from planner.documents.load import KINDS, load
from planner.documents.profile import ResourceProfile
from planner.documents.schema import json_schema
from planner.documents.suggestions import did_you_mean
from planner.documents.write import digest, to_data
from samples import FOLDER, SAMPLES, cluster_of, job_of

DATA = Path(__file__).parent / "data"
JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: j}
spec:
  operators:
    - {id: a, kind: source}
    - {id: b, inputs: [a], parallelism: 2}
"""


def findings(text: str) -> list[tuple[str, int, int, str]]:
    (loaded,) = load(text.encode(), "doc.yaml")
    return [(f.code, f.position.line, f.position.column, f.message) for f in loaded.findings]


def changed(old: str, new: str) -> list[tuple[str, int, int, str]]:
    assert old in JOB
    return findings(JOB.replace(old, new))


def test_unknown_fields_are_errors_with_a_suggestion() -> None:
    ((code, line, column, message),) = changed("parallelism", "paralelism")
    assert (code, line, column) == ("DOC101", 8, 28)
    assert "did you mean 'parallelism'" in message


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("slotSharingGroup", ["coLocationGroup", "group"], "group"),
        ("slotSharingGroup", ["slotSharingGroups"], "slotSharingGroups"),
        ("partitioner", ["from", "ship"], "ship"),
        ("replicas", ["count", "name"], "count"),
        ("paralelism", ["parallelism"], "parallelism"),
    ],
)
def test_words_of_flink_lead_to_those_of_the_document(name: str, known: list[str], meant: str) -> None:
    assert did_you_mean(name, known) == f", did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("{name: j}", "{}", "DOC102", "no field 'name'"),
        ("parallelism: 2", "parallelism: two", "DOC103", "expected a whole number, found 'two'"),
        ("parallelism: 2", "parallelism: 0", "DOC104", "at least 1"),
        ("parallelism: 2", "parallelism: 40000", "DOC104", "at most 32768"),
        ("parallelism: 2", "parallelism: 2.0", "DOC103", "whole number"),
        ("parallelism: 2", "load: {cpu: -1}", "DOC104", "cores"),
        ("parallelism: 2", "chaining: sometimes", "DOC104", "ALWAYS, HEAD, NEVER"),
        ("parallelism: 2", "resources: {heap: 1.5g}", "DOC104", "has decimals"),
        ("kind: Job", "kind: Jbo", "DOC009", "did you mean 'Job'"),
        ("kind: Job", "kindx: Job", "DOC009", "does not say what kind"),
        ("planner/v1", "planner/v9", "DOC010", "unknown apiVersion"),
        ("kind: source", "kind: yes", "DOC104", "x"),
        ("spec:", "spec:\n  flinkVersion: 2.2", "DOC104", "in quotes"),
    ],
)
def test_errors_are_in_the_users_words(old: str, new: str, code: str, words: str) -> None:
    found = changed(old, new)
    if words == "x":  # an unquoted yes is text in YAML 1.2, so the document is well formed
        assert found == []
        return
    assert [entry[0] for entry in found] == [code]
    assert words in found[0][3]


def test_options_within_a_document_without_a_kind_are_not_taken_for_the_document() -> None:
    with_options = JOB.replace("spec:", "spec:\n  flinkConfiguration: {state.backend.type: rocksdb}")
    found = findings(with_options.replace("kind: Job\n", ""))
    assert [entry[0] for entry in found] == ["DOC009"]


@pytest.mark.parametrize(
    ("amount", "codes"), [("2", []), ("2.0", []), ("1.5", ["DOC104"]), ("0", ["DOC104"])]
)
def test_external_resources_of_a_taskmanager_are_counted_in_whole_numbers(
    amount: str, codes: list[str]
) -> None:
    found = findings(f"""
apiVersion: planner/v1
kind: Cluster
metadata: {{name: c}}
spec:
  taskManagerClasses:
    - {{name: gpu, count: 1, cpu: 1, memory: {{process: 1 gb}}, external: {{gpu: {amount}}}}}
""")
    assert [code for code, *_ in found] == codes


def test_unquoted_numbers_in_options_keep_their_spelling() -> None:
    text = JOB.replace("spec:", "spec:\n  flinkConfiguration: {a: {b: 1.10, c: 010}, d: true, e: [x, y]}")
    (loaded,) = load(text.encode(), "doc.yaml")
    document: Any = loaded.document
    assert document.spec.flink_configuration == {"a.b": "1.10", "a.c": "10", "d": "true", "e": "x;y"}


@pytest.mark.parametrize("name", SAMPLES)
def test_everything_written_fits_its_schema_and_reads_back(name: str) -> None:
    job, cluster = job_of(name), cluster_of(name)
    profile, _ = compile_job(job)
    placement = place(job, cluster)
    plan = recover(job, placement)
    for document in (profile, placement, plan):
        text = to_json(to_data(document))
        jsonschema.Draft202012Validator(json_schema(type(document).__name__)).validate(json.loads(text))
        (loaded,) = load(text.encode(), "doc.json")
        assert loaded.findings == ()
        assert loaded.document is not None
        assert to_json(to_data(loaded.document)) == text
        assert digest(loaded.document) == digest(document)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("kind", ["job", "cluster"])
def test_samples_fit_the_published_schemas(name: str, kind: str) -> None:
    import yaml

    schema = json.loads((FOLDER.parent / f"schemas/{kind}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    data = yaml.safe_load((FOLDER / name / f"{kind}.yaml").read_text())
    jsonschema.Draft202012Validator(schema).validate(data)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_valid(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))


def test_an_edit_of_a_profile_takes_effect() -> None:
    profile, _ = compile_job(job_of("click-enrichment"))
    data = to_data(profile)
    data["nodes"][3]["profile"]["parallelism"] = 30
    data["nodes"][4]["profile"]["group"] = "ingest"
    (loaded,) = load(to_json(data).encode(), "edited.json")
    assert isinstance(loaded.document, ResourceProfile)
    again, job = compile_job(loaded.document)
    assert again.planner is not None
    assert again.planner.groups["sessions"].slots == 30
    assert {v.group for v in job.vertices if v.name == "out: Writer"} == {"ingest"}
