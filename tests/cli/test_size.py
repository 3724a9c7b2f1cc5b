"""``planner size`` as users and scripts meet it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import Answer, invoke

import planner

JOB = """
apiVersion: planner/v1
kind: Job
metadata: {name: clicks}
spec:
  slotSharingGroups: [{name: state, resources: {cpu: 0.8, heap: 256 mb}}]
  operators:
    - {id: clicks, kind: kafka-source, load: {cpu: 0.3}}
    - {id: count, kind: window, parallelism: 8, group: state, inputs: [{from: clicks, ship: hash}], load: {cpu: 0.8}}
    - {id: out, kind: kafka-sink, parallelism: 2, inputs: [count], load: {cpu: 0.1}}
"""
OFFERS = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: offers}
spec:
  taskManagerClasses:
    - {name: small, max: 40, cpu: 2, memory: {process: 4 gb}, price: 0.096}
    - {name: large, max: 1, cpu: 8, memory: {process: 16 gb}, price: 0.34}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "offers.yaml").write_text(OFFERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def size(*arguments: str, code: int = 0) -> Answer:
    answer = invoke(["size", "-c", "offers.yaml", *arguments])
    assert answer.exit_code == code, answer.stderr
    return answer


@pytest.mark.usefixtures("folder")
def test_figures_and_a_cluster_to_place_on() -> None:
    found: dict[str, Any] = json.loads(size("--format", "json", "-o", "cluster.yaml").stdout)
    assert found["status"] == "optimal"
    assert found["taskManagers"] == {"small": 1, "large": 1}
    assert found["alone"]["large"] == {"price": None, "bound": None}
    cluster = planner.load_cluster("cluster.yaml")
    assert [one.count for one in cluster.spec.task_manager_classes] == [1, 1]
    assert planner.place(planner.load_job("job.yaml"), cluster).imbalance.max <= 0.8


@pytest.mark.usefixtures("folder")
def test_as_a_table() -> None:
    said = size("--format", "text").stdout
    assert "no TaskManager above 80% of its CPU" in said
    assert "too few" in said
    assert "optimal, nothing costs less" in said


@pytest.mark.usefixtures("folder")
def test_too_few_of_all() -> None:
    Path("offers.yaml").write_text(OFFERS.replace("max: 40", "max: 1"))
    assert "the highest CPU utilisation is at least" in size("--utilisation", "0.5", code=3).stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", price: 0.34", "", "class 'large' has no price"),
        ("price: 0.34", "price: 1e300", "too large"),
        ("price: 0.34", "price: .inf", "offers.yaml:8"),
        ("price: 0.34", "price: .nan", "offers.yaml:8"),
    ],
)
def test_prices_that_are_none(old: str, new: str, said: str) -> None:
    Path("offers.yaml").write_text(OFFERS.replace(old, new))
    answer = invoke(["size", "-c", "offers.yaml"])
    assert answer.exit_code in (1, 2)
    assert said in answer.stderr
    assert "offers.yaml:8" in answer.stderr


NODE = "{apiVersion: v1, kind: Node, status: {allocatable: {cpu: CPU, memory: 64Gi}}}"


def test_on_the_nodes_that_there_are(folder: Path) -> None:
    """A TaskManager of eight cores and a JobManager are more than eight: five of two on three nodes."""
    (folder / "nodes.yaml").write_text("\n---\n".join([NODE.replace("CPU", "4")] * 3))
    found = json.loads(size("--nodes", "nodes.yaml", "--format", "json").stdout)
    assert found["taskManagers"] == {"small": 5, "large": 0}
    assert found["status"] == "optimal"
    (folder / "few.yaml").write_text(NODE.replace("CPU", "4"))
    answer = size("--nodes", "few.yaml", code=3)
    assert "no TaskManagers that are enough, and a JobManager, fit on the nodes" in answer.stderr


def test_within_a_quota(folder: Path) -> None:
    (folder / "quota.yaml").write_text("{kind: ResourceQuota, spec: {hard: {pods: 4}}}")
    found = json.loads(size("--quota", "quota.yaml", "--format", "json").stdout)
    assert sum(found["taskManagers"].values()) <= 3


@pytest.mark.usefixtures("folder")
def test_what_if_there_is_more_to_do() -> None:
    answer = size("--what-if", "2", "--what-if", "50", "--format", "text")
    assert "Parallelism x 2" in answer.stdout
    assert "Parallelism x 50 all TaskManagers that there may be cannot hold it" in answer.stdout
    assert "Vendor units" in answer.stdout


def test_a_file_that_is_not_there_or_holds_no_node(folder: Path) -> None:
    assert "cannot read gone.yaml: No such file" in size("--nodes", "gone.yaml", code=2).stderr
    (folder / "other.yaml").write_text("{kind: Pod}")
    assert "holds no Node that takes pods" in size("--nodes", "other.yaml", code=2).stderr
    (folder / "bad.yaml").write_text(NODE.replace("CPU", "four"))
    assert "bad.yaml:1:58" in size("--nodes", "bad.yaml", code=1).stderr


def test_the_placement_comes_with_the_cluster(folder: Path) -> None:
    size("-o", "cluster.yaml", "-p", "job.placement.json")
    placed = planner.load_placement("job.placement.json")
    assert placed.imbalance.max <= 0.8
    assert invoke(["validate", "job.yaml", "cluster.yaml", "job.placement.json"]).exit_code == 0
    assert (
        planner.place(planner.load_job("job.yaml"), planner.load_cluster("cluster.yaml")).inputs
        == placed.inputs
    )
