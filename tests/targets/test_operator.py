"""A placement for the Flink Kubernetes Operator: what it says of the JobManager, and what native mode loses."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from placements import placement, profile

import planner
from planner.documents.crd import OPERATOR_VERSIONS, against_definition, flink_versions
from planner.documents.source import read_sources
from planner.documents.write import to_data
from planner.memory.taskmanager import derive_taskmanager
from planner.targets.options import process_options
from planner.units import parse_size

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden/orders.operator.txt"
OF_OPERATOR = {"overlay/deployment.yaml", "overlay/kustomization.yaml", "base/jobmanager.yaml", "README.md"}


@cache
def placed(flink: str = "2.2") -> tuple[planner.ResourceProfile, planner.Placement]:
    job = profile(flink)
    return job, placement(job)


@cache
def exported(**parameters: Any) -> tuple[planner.Placement, dict[str, str]]:
    job, planned = placed(parameters.pop("flink", "2.2"))
    return planned, planner.export_operator(planned, job, **parameters)


def deployment(files: dict[str, str]) -> dict[str, Any]:
    (name,) = (name for name in files if name.endswith("deployment.yaml"))
    found: dict[str, Any] = yaml.safe_load(files[name])
    return found


@pytest.mark.parametrize("version", OPERATOR_VERSIONS)
@pytest.mark.parametrize("mode", ["standalone", "native"])
@pytest.mark.parametrize("storage", ["s3://bucket/flink", "/data"])
def test_a_flinkdeployment_is_one_of_its_operator(version: str, mode: str, storage: str) -> None:
    """By the schema of that version's definition without other fields, and by planner's rules of the operator."""
    _, files = exported(mode=mode, degrade=mode == "native", operator_version=version, storage=storage)
    found = deployment(files)
    manifest = planner.load(yaml.safe_dump(found).encode(), "deployment.yaml")
    assert planner.validate(*manifest, operator_version=version) == []


def test_the_spelling_of_an_operator_is_refused_by_the_other() -> None:
    """What the schemas are for: `resources` is not a field up to 1.15."""
    _, files = exported(operator_version="1.16")
    found = planner.validate(
        *planner.load(files["overlay/deployment.yaml"].encode()), operator_version="1.15"
    )
    assert {finding.path[:3] for finding in found} == {
        ("spec", "jobManager", "resources"),
        ("spec", "taskManager", "resources"),
    }


def test_the_versions_of_flink_that_an_operator_names_are_those_of_its_definition() -> None:
    before_3 = ("1.13", "1.14", "1.15", "1.16", "1.17", "1.18", "1.19", "1.20", "2.0", "2.1", "2.2")
    assert flink_versions("1.15") == before_3
    assert flink_versions("1.16") == (*before_3, "2.3", "2.4")
    wrong = b"kind: FlinkDeployment\nspec: {flinkVersion: v0_1}\n"
    (finding,) = against_definition(read_sources(wrong, "x")[0], "1.15")
    assert finding.message.startswith("spec.flinkVersion: 'v0_1' is not one of v1_13, v1_14")


def test_beside_the_jobmanager_everything_is_as_of_the_target_kubernetes() -> None:
    planned, files = exported()
    theirs = planner.export_kubernetes(planned, profile())
    assert files.keys() == theirs.keys() | {"overlay/deployment.yaml"}
    differing = {name for name in theirs if files[name] != theirs[name]}
    assert differing == OF_OPERATOR - {"overlay/deployment.yaml"} | {
        "base/taskmanagers.yaml",
        "overlay/placement.yaml",
    }
    address = files["base/taskmanagers.yaml"].replace(
        "rpc.address=orders\n", "rpc.address=orders-jobmanager\n"
    )
    assert address == theirs["base/taskmanagers.yaml"]
    assert theirs["overlay/placement.yaml"].endswith(files["overlay/placement.yaml"])


def test_taskmanagers_find_the_jobmanager_of_the_operator() -> None:
    """The operator calls the cluster, and so its metadata, as the FlinkDeployment."""
    _, files = exported(storage="s3://bucket/flink")
    found = deployment(files)
    options = found["spec"]["flinkConfiguration"]
    assert "kubernetes.cluster-id" not in options, "which the operator refuses"
    assert f"kubernetes.cluster-id={found['metadata']['name']}\n" in files["base/taskmanagers.yaml"]
    assert f"http://{found['metadata']['name']}-rest:8081" in files["run/job.yaml"]
    for key in ("high-availability.type", "high-availability.storageDir"):
        assert f"{key}={options[key]}\n" in files["base/taskmanagers.yaml"]


def test_the_taskmanager_that_the_operator_demands_offers_nothing_to_the_job() -> None:
    _, files = exported()
    spec = deployment(files)["spec"]
    assert spec["taskManager"]["replicas"] == 1
    assert not [key for key in spec["flinkConfiguration"] if key.startswith("external-resource")]
    options = {
        **spec["flinkConfiguration"],
        "taskmanager.memory.process.size": spec["taskManager"]["resource"]["memory"],
    }
    assert derive_taskmanager(options).task_heap > 0


def test_native_mode_is_refused_with_what_it_would_lose_in_figures() -> None:
    planned, _ = exported()
    with pytest.raises(planner.NotExportable) as caught:
        exported(mode="native")
    lost = planner.lost_in_native(planned)
    assert [one.split(":")[0] for one in lost] == ["Sizes", "Quotas", "Reserve"]
    assert " ".join(lost) in str(caught.value)
    assert f"{planned.imbalance.max:.1%} planned" in lost[1]
    for strategy in planned.stock_flink.values():
        assert strategy.max is not None
        assert f" {strategy.max:.1%}" in lost[1]
    _, files = exported(mode="native", degrade=True)
    assert all(f"* {one}\n" in files["README.md"] for one in lost)


def test_degraded_taskmanagers_have_room_for_what_any_of_the_placement_holds() -> None:
    planned, files = exported(mode="native", degrade=True)
    spec = deployment(files)["spec"]
    memory = parse_size(spec["taskManager"]["resource"]["memory"])
    options = {**spec["flinkConfiguration"], "taskmanager.memory.process.size": f"{memory}b"}
    found = derive_taskmanager(options)
    assert found.process == memory
    for tm in planned.task_managers:
        if tm.reserve:
            continue
        wanted = derive_taskmanager(process_options(planned, tm))
        for part in ("task_heap", "task_off_heap", "managed", "network"):
            assert getattr(found, part) >= getattr(wanted, part)
    assert spec["taskManager"]["resource"]["cpu"] == 4.0
    assert "slot-" not in files["deployment.yaml"]
    assert "* `user.text`\n" in files["README.md"]


def test_a_placement_on_one_taskmanager_loses_nothing() -> None:
    data = to_data(exported()[0])
    data["taskManagers"] = [one for one in data["taskManagers"] if one["id"] == "large-0"]
    planned = planner.Placement.model_validate(data)
    assert planner.lost_in_native(planned) == []
    files = planner.export_operator(planned, profile(), mode="native")
    assert "What is lost" not in files["README.md"]


@pytest.mark.parametrize("mode", ["standalone", "native"])
def test_no_secret_is_written(mode: Any) -> None:
    secret = {"s3.secret-key": "hunter2secret", "fs.url": "s3://KEY:hunter2secret@bucket"}
    job, planned = placed()
    given = [tm.model_copy(update={"flink_configuration": secret}) for tm in planned.task_managers]
    edited = planned.model_copy(update={"task_managers": given, "flink_configuration": secret})
    files = planner.export_operator(edited, job, mode=mode, degrade=mode == "native")
    assert not [name for name, text in files.items() if "hunter2secret" in text]
    assert "* `s3.secret-key`\n" in files["README.md"]


def test_a_version_of_flink_that_the_operator_does_not_know_is_refused() -> None:
    with pytest.raises(planner.NotExportable, match=r"operator 1\.15 has no name for Flink 2\.3"):
        exported(flink="2.3")
    assert deployment(exported(flink="2.3", operator_version="1.16")[1])["spec"]["flinkVersion"] == "v2_3"


def test_the_files_are_those_of_the_golden_file(pytestconfig: pytest.Config) -> None:
    shown = {name: text for name, text in exported()[1].items() if name in OF_OPERATOR}
    native = exported(mode="native", degrade=True, operator_version="1.16")[1]
    shown |= {f"native/{name}": text for name, text in native.items()}
    text = "".join(f"======== {name}\n{text}" for name, text in shown.items())
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
