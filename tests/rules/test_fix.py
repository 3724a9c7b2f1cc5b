"""What validate --fix changes, what it leaves to people, and that it changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import planner

MANIFESTS = sorted((Path(__file__).parent / "manifests").glob("*.*"))
HEAD = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: a, namespace: jobs}
spec:
  serviceAccount: flink
"""


def fixed(text: str, name: str = "d.yaml") -> str:
    return planner.fix(*planner.load(text.encode(), name)).get(name, text)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('  flinkVersion: "1.20"  # kept', "  flinkVersion: v1_20  # kept"),
        ("  flinkversion: v1_20", "  flinkVersion: v1_20"),
        ("  flinkVersion: v1_20\n  flinkConfiguration: {state.backend: rocksdb, a.b: c} # d", "  flinkVersion: v1_20\n  flinkConfiguration: {state.backend.type: rocksdb, a.b: c} # d"),
        ("  flinkVersion: v1_20\n  flinkConfiguration:\n    # first\n    state.backend: rocksdb # why", "  flinkVersion: v1_20\n  flinkConfiguration:\n    # first\n    state.backend.type: rocksdb # why"),
        ("  flinkVersion: v1_20\n  flinkConfiguration:\n    state:\n      backend: rocksdb # x", "  flinkVersion: v1_20\n  flinkConfiguration:\n    state:\n      backend.type: rocksdb # x"),
        ("  flinkConfiguration:\n    kubernetes.cluster-id: a\n    x.y: z", "  flinkConfiguration:\n    x.y: z"),
        ("  podTemplate: {spec: {containers: [{name: x, env: [{name: A, value: 1.10}]}]}}", '  podTemplate: {spec: {containers: [{name: x, env: [{name: A, value: "1.10"}]}]}}'),
        ("  podTemplate: {metadata: {labels: {on: true}}}", '  podTemplate: {metadata: {labels: {on: "true"}}}'),
        ("  podTemplate: {spec: {nodeselector: {disktype: 1}}}", '  podTemplate: {spec: {nodeSelector: {disktype: "1"}}}'),
    ],
)  # fmt: skip
def test_what_is_mechanical_is_put_right_in_place(wrong: str, right: str) -> None:
    assert fixed(f"{HEAD}{wrong}\n") == f"{HEAD}{right}\n"


@pytest.mark.parametrize(
    "line",
    [
        "  flinkConfiguration: {kubernetes.cluster-id: other}",  # somebody counts on that name
        "  flinkVersion: v1_20\n  flinkConfiguration: {state.backend: rocksdb, state.backend.type: hashmap}",  # which one is meant?
        "  flinkVersion: v1_20\n  flinkConfiguration: {state.backend: rocksdb} # planner: ignore[CFG402]",
        "  flinkVersoin: v1_20",  # another spelling is a guess
        "  image: flink:1.20\n  Image: flink:1.20",
        "  podTemplate: {spec: {containers: {name: x}}}",
        "  flinkVersion: v1_16\n  flinkConfiguration: {state.backend: rocksdb, restart-strategy: none}",  # it has no other key
        "  flinkVersion: 1.2",  # what is left of 1.20
        "  flinkVersion: v1_20\n  flinkConfiguration: {high-availability.zookeeper.path.namespace: a}",  # refused by the operator
        "  flinkConfiguration: {kubernetes.cluster-id: a}",  # nothing else is there
        "  flinkConfiguration:\n    kubernetes.cluster-id: a # why\n    x.y: z",
        "  job: {jarURI: a, Parallelism: 3, parallelIsm: 4}",
        "  taskManager: &a {replicas: 1}\n  jobManager: {<<: *a, Replicas: 2}",
        "  job: {jarURI: a, parallelism: &p 2}\n  podTemplate: {spec: {containers: [{name: x, env: [{name: A, value: *p}]}]}}",
        "  podTemplate: {spec: {containers: [{name: x, env: [&e {name: A, value: '5'}, {<<: *e, value: &v 5}]}]}}",
    ],
)
def test_what_needs_somebody_to_decide_is_left(line: str) -> None:
    assert fixed(f"{HEAD}{line}\n") == f"{HEAD}{line}\n"


def test_a_key_is_not_renamed_for_a_version_that_nobody_names() -> None:
    assert fixed("state.backend: rocksdb\n", "config.yaml") == "state.backend: rocksdb\n"


def test_a_key_that_would_have_to_stand_elsewhere_is_left() -> None:
    text = (
        HEAD + "  flinkVersion: v1_20\n  flinkConfiguration:\n    state:\n      savepoints: {dir: s3://a/b}\n"
    )
    assert fixed(text) == text


def test_a_text_within_a_configmap_is_left_and_offers_no_fix() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  config.yaml: |\n    state.backend: rocksdb\n"
    (finding, *_) = planner.validate(*planner.load(text.encode(), "c.yaml"))
    assert (finding.code, finding.fix) == ("CFG402", None)
    assert fixed(text, "c.yaml") == text


def test_the_second_document_of_a_file_is_put_right_where_it_stands() -> None:
    one = HEAD + "  flinkVersion: v1_20\n"
    assert (
        fixed(f"{one}---\n{HEAD}  flinkVersion: 1.19\n---\n{one}")
        == f"{one}---\n{HEAD}  flinkVersion: v1_19\n---\n{one}"
    )


def test_a_code_can_be_left_out() -> None:
    text = f"{HEAD}  flinkVersion: 1.20\n  flinkConfiguration: {{state.backend: rocksdb}}\n"
    (new,) = planner.fix(*planner.load(text.encode(), "d.yaml"), ignore=["CFG"]).values()
    assert "v1_20" in new
    assert "{state.backend: rocksdb}" in new


def test_json_counts_lines_as_json_does() -> None:
    text = '{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "spec": {\n'
    text += '"image": "x\u2028y",\n"podTemplate": {"metadata": {"labels": {"a": 5,\n"b": true}}}}}\n'
    assert fixed(text, "d.json") == text.replace("5", '"5"').replace("true", '"true"')


def test_a_template_in_a_blue_green_deployment_is_put_right_once() -> None:
    text = HEAD.replace("FlinkDeployment", "FlinkBlueGreenDeployment").replace(
        "  serviceAccount: flink\n", ""
    )
    text += (
        "  other: {}\n  template:\n    metadata: {labels: {a: 5}}\n    spec:\n      serviceAccount: flink\n"
    )
    text += "      podTemplate: {metadata: {labels: {a: 7}}}\n"
    assert fixed(text) == text.replace("a: 5", 'a: "5"').replace("a: 7", 'a: "7"')


def test_json_stays_json() -> None:
    text = '{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "spec": {"flinkversion": "v1_20"}}'
    assert fixed(text, "d.json") == text.replace("flinkversion", "flinkVersion")


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_nothing_new_is_wrong_afterwards_and_no_comment_is_lost(file: Path) -> None:
    text = file.read_text()
    try:
        before = planner.validate(*planner.load(text.encode(), file.name))
    except planner.DocumentError:
        return
    new = fixed(text, file.name)
    after = planner.validate(*planner.load(new.encode(), file.name))
    known = {(one.code, one.path[:-1]) for one in before}
    assert [one for one in after if (one.code, one.path[:-1]) not in known] == []
    assert len(after) <= len(before)
    assert fixed(new, file.name) == new
    gone = [
        line for line in text.splitlines() if line.lstrip().startswith("#") and line not in new.splitlines()
    ]
    assert gone == []
