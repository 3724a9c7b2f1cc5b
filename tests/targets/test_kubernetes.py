"""A placement as manifests of Kubernetes: what containers run, what differs, what names are."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from placements import OPTIONS, check_as_planned, fake_flink, options_of, placement, profile, started, write
from typer.main import get_command

import planner
from planner.cli.app import app
from planner.documents.load import load
from planner.documents.write import to_data
from planner.memory.taskmanager import derive_taskmanager
from planner.targets import kubernetes
from planner.targets.kubernetes_scripts import LINES
from planner.targets.options import process_options
from planner.units import MIB, parse_quantity

Manifest = dict[str, Any]
GOLDEN = Path(__file__).parent.parent / "golden/orders.kubernetes.txt"
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
MOUNT = "/placement"


@cache
def exported(options: str = OPTIONS, **parameters: str) -> tuple[planner.Placement, dict[str, str]]:
    job = profile()
    planned = placement(job, options)
    return planned, planner.export_kubernetes(planned, job, **parameters)


@cache
def parsed(text: str) -> list[Manifest]:
    return list(yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def manifests(files: dict[str, str], folders: tuple[str, ...] = ("base", "overlay", "run")) -> list[Manifest]:
    """Return all objects, those of kustomize aside."""
    texts = [
        text
        for name, text in files.items()
        if name.endswith(".yaml") and name.startswith(folders) and not name.endswith("kustomization.yaml")
    ]
    return [found for text in texts for found in parsed(text)]


def of_kind(files: dict[str, str], kind: str) -> dict[str, Manifest]:
    return {found["metadata"]["name"]: found for found in manifests(files) if found["kind"] == kind}


def run_pod(files: dict[str, str], folder: Path, stateful: Manifest, ordinal: int) -> dict[str, str]:
    """Return the options that the container of a pod starts Flink with, its ConfigMap being a folder."""
    pod = f"{stateful['metadata']['name']}-{ordinal}"
    spec = stateful["spec"]["template"]["spec"]
    maps = of_kind(files, "ConfigMap")
    (volume,) = (volume for volume in spec["volumes"] if volume["name"] == "placement")
    sources = volume["projected"]["sources"] if "projected" in volume else [volume]
    for source in sources:
        write(folder / pod, maps[source["configMap"]["name"]]["data"])
    (container,) = spec["containers"]
    values = {"POD_IP": "10.0.0.7", "POD_NAMESPACE": "prod"}
    assert {entry["name"] for entry in container["env"]} == values.keys()
    command = [
        re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], word).replace(MOUNT, str(folder / pod))
        for word in (*container["command"], *container["args"])
    ]
    home = fake_flink(folder / "flink")
    _, script, *words = started(command, {"HOSTNAME": pod, "FLINK_HOME": str(home)})
    component = stateful["metadata"]["labels"]["app.kubernetes.io/component"]
    assert script == f"{component}.sh"
    return options_of(words)


def sets(files: dict[str, str], component: str) -> dict[str, Manifest]:
    key = "app.kubernetes.io/component"
    found = of_kind(files, "StatefulSet").items()
    return {name: one for name, one in found if one["metadata"]["labels"][key] == component}


def replicas(files: dict[str, str]) -> dict[str, int]:
    """Return how many pods every StatefulSet of TaskManagers has when the job runs."""
    later = yaml.safe_load(files.get("spares/kustomization.yaml", "{}")).get("replicas", [])
    before = {name: one["spec"]["replicas"] for name, one in sets(files, "taskmanager").items()}
    return before | {one["name"]: one["count"] for one in later}


def test_every_pod_becomes_a_taskmanager_of_the_placement(tmp_path: Path) -> None:
    planned, files = exported()
    counts = replicas(files)
    found = [
        run_pod(files, tmp_path, one, ordinal)
        for name, one in sets(files, "taskmanager").items()
        for ordinal in range(counts[name])
    ]
    by_id = {options["taskmanager.resource-id"]: options for options in found}
    assert len(found) == len(planned.task_managers)
    check_as_planned(by_id, planned)
    for tm in planned.task_managers:
        options, wanted = by_id[tm.id], process_options(planned, tm)
        # what Flink's own configuration in the image says of totals is overridden
        assert options["taskmanager.memory.process.size"] == f"{derive_taskmanager(wanted).process}b"
        assert options["taskmanager.host"] == "10.0.0.7"
        assert options["kubernetes.namespace"] == "prod"


def test_the_jobmanager_is_started_highly_available(tmp_path: Path) -> None:
    planned, files = exported(storage="s3://bucket/flink/")
    (stateful,) = sets(files, "jobmanager").values()
    options = run_pod(files, tmp_path, stateful, 0)
    assert planned.flink_configuration
    assert {key: options[key] for key in planned.flink_configuration} == planned.flink_configuration
    assert options["jobmanager.rpc.address"] == "10.0.0.7"
    assert options["high-availability.type"] == "kubernetes"
    assert options["high-availability.storageDir"] == "s3://bucket/flink/high-availability"
    assert options["execution.checkpointing.dir"] == "s3://bucket/flink/checkpoints"


@pytest.mark.parametrize(
    ("pod", "said"), [("orders-tm-large-7", "no line for"), ("web", "does not end with")]
)
def test_a_pod_without_a_line_says_so(pod: str, said: str, tmp_path: Path) -> None:
    _, files = exported()
    write(tmp_path, of_kind(files, "ConfigMap")["orders-tm-large"]["data"])
    done = subprocess.run(
        ["sh", str(tmp_path / "start.sh")],
        env={"HOSTNAME": pod, "PATH": "/usr/bin:/bin", "FLINK_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 64
    assert (
        f"start.sh: {'the placement has ' * ('line' in said)}{said if 'line' in said else pod}" in done.stderr
    )
    assert said in done.stderr


def exchanged(planned: planner.Placement, class_: str) -> planner.Placement:
    """Return a placement in which the TaskManagers of a class have changed what they hold in a circle."""
    data = to_data(planned)
    own = [tm for tm in data["taskManagers"] if tm.get("class") == class_]
    contents = [{key: value for key, value in tm.items() if key != "id"} for tm in own]
    for tm, content in zip(own, contents[1:] + contents[:1], strict=True):
        name = tm["id"]
        tm.clear()
        tm.update({"id": name, **content})
    return planner.Placement.model_validate(data)


@pytest.mark.parametrize("class_", ["large", "Small_1"])
def test_two_placements_of_a_job_differ_in_lines_of_configmaps_only(class_: str) -> None:
    """Which TaskManager of a class is in reserve may change as well."""
    job = profile()
    one, mine = exported()
    theirs = planner.export_kubernetes(exchanged(one, class_), job)
    differing = {name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}
    assert differing == {"overlay/placement.yaml", "run/job.placement.json"}
    old, new = (files["overlay/placement.yaml"].splitlines() for files in (mine, theirs))
    lines = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
    assert 0 < len(lines) <= sum(tm.class_ == class_ for tm in one.task_managers)
    assert all(line.startswith("    -D ") and "resource-id=" in line for pair in lines for line in pair)


def test_containers_get_the_memory_and_cpu_of_their_class() -> None:
    planned, files = exported()
    largest: dict[str, float] = {}
    for tm in planned.task_managers:
        memory = derive_taskmanager(process_options(planned, tm)).process
        largest[tm.class_ or tm.id] = max(memory, largest.get(tm.class_ or tm.id, 0))
    found: dict[str, Any] = {}
    for one in sets(files, "taskmanager").values():
        resources = one["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        found[one["metadata"]["labels"]["flink-class"]] = resources["limits"]
    assert found["large"] == {"cpu": "4", "memory": "4096Mi"}
    (small,) = (size for label, size in found.items() if label.startswith("small-1-"))
    assert small == {"cpu": "1500m", "memory": "2048Mi"}
    assert {int(parse_quantity(size["memory"])) for size in found.values()} == set(largest.values())
    assert all(size % MIB == 0 for size in largest.values())


def test_spares_wait_for_the_job() -> None:
    planned, files = exported()
    (spare,) = (tm for tm in planned.task_managers if tm.reserve)
    (name,) = (name for name in sets(files, "taskmanager") if "-spare-" in name)
    assert sets(files, "taskmanager")[name]["spec"]["replicas"] == 0
    assert yaml.safe_load(files["spares/kustomization.yaml"])["replicas"] == [{"name": name, "count": 1}]
    assert f"resource-id={spare.id}" in of_kind(files, "ConfigMap")[name]["data"]["lines-0"]
    assert "kubectl apply -k spares" in files["README.md"]


def test_without_a_reserve_there_are_no_spares() -> None:
    job = profile()
    files = planner.export_kubernetes(placement(job, reserve=False), job)
    assert "spares/kustomization.yaml" not in files
    assert "reserve" not in files["README.md"].partition("## Start")[2]


NAMES = ["3-Way Join!", "x" * 200, "orders", "jobmanager", "é", "a" * 52]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_labels_of_kubernetes(name: str) -> None:
    job = profile()
    data = to_data(exported()[0])
    data["metadata"]["name"] = name
    for number, tm in enumerate(data["taskManagers"]):
        tm["class"] = ["1", "A", "a", "jobmanager", "y" * 90, "spare-a"][number]
        tm |= {"reserve": True, "slots": []} if number % 2 == 0 else {"reserve": None}
    planned = planner.Placement.model_validate(data)
    files = planner.export_kubernetes(planned, job)
    seen = set()
    for found in manifests(files):
        metadata = found["metadata"]
        assert LABEL.fullmatch(metadata["name"])
        assert len(metadata["name"]) <= (52 if found["kind"] == "StatefulSet" else 63)
        assert (found["kind"], metadata["name"]) not in seen
        seen.add((found["kind"], metadata["name"]))
        for value in metadata["labels"].values():
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value)
    assert len(sets(files, "taskmanager")) == len(planned.task_managers)


def test_selectors_find_exactly_their_own_pods() -> None:
    _, files = exported()
    templates = {
        name: one["spec"]["template"]["metadata"]["labels"]
        for name, one in of_kind(files, "StatefulSet").items()
    }
    for name, one in of_kind(files, "StatefulSet").items():
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert [other for other, given in templates.items() if wanted <= given.items()] == [name]
        assert one["spec"]["serviceName"] in of_kind(files, "Service")
    (budget,) = of_kind(files, "PodDisruptionBudget").values()
    wanted = budget["spec"]["selector"]["matchLabels"].items()
    guarded = {name for name, given in templates.items() if wanted <= given.items()}
    assert guarded == sets(files, "taskmanager").keys()


def test_lines_of_many_taskmanagers_are_in_several_configmaps(tmp_path: Path) -> None:
    job = profile()
    data = to_data(exported()[0])
    (first,) = (tm for tm in data["taskManagers"] if tm["id"] == "large-0")
    data["taskManagers"] = [{**first, "id": f"large-{number}"} for number in range(LINES + 2)]
    planned = planner.Placement.model_validate(data)
    files = planner.export_kubernetes(planned, job)
    (stateful,) = sets(files, "taskmanager").values()
    for ordinal in (0, LINES - 1, LINES, LINES + 1):
        options = run_pod(files, tmp_path, stateful, ordinal)
        assert options["taskmanager.resource-id"] == f"large-{ordinal}"
    for found in of_kind(files, "ConfigMap").values():
        assert sum(map(len, found["data"].values())) < kubernetes.LIMIT


def test_options_that_no_configmap_holds_are_refused() -> None:
    with pytest.raises(planner.NotExportable, match="longer than the 240,000 bytes"):
        exported(f"user.text: {'x' * 100_000}")
    with pytest.raises(planner.NotExportable, match="user.text has a line break in its value"):
        exported('user.text: "a\\nb"')


SECRETS = (
    "s3.secret-key: hunter2secret, s3.access-token: '@env:S3_TOKEN', fs.url: 's3://KEY:hunter2secret@bucket',"
    " env.java.opts.taskmanager: -Done"
)


def test_secrets_are_left_out_and_named() -> None:
    _, files = exported(SECRETS)
    for text in files.values():
        assert "hunter2secret" not in text
    assert "* `s3.secret-key`\n" in files["README.md"]
    assert "* `s3.access-token`, in the placement `@env:S3_TOKEN`\n" in files["README.md"]
    assert "* `env.java.opts.taskmanager`\n" in files["README.md"]
    shown = [name for name, text in files.items() if "****" in text or "S3_TOKEN" in text]
    assert set(shown) <= {"README.md", "run/job.placement.json"}


def test_a_secret_that_a_person_put_into_a_document_is_not_written_either() -> None:
    job, (planned, _) = profile(), exported()
    secret = {"s3.secret-key": "hunter2secret", "fs.url": "s3://KEY:hunter2secret@bucket"}
    given = [tm.model_copy(update={"flink_configuration": secret}) for tm in planned.task_managers]
    edited = planned.model_copy(update={"task_managers": given, "flink_configuration": secret})
    for files in (planner.export_kubernetes(edited, job), planner.export_flink_conf(edited, job)):
        assert "* `s3.secret-key`\n" in files["README.md"]
        assert not [name for name, text in files.items() if "hunter2secret" in text]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        (
            {"flinkConfiguration": {"s3.secret-key": "hunter2secret"}},
            "/planner/flinkConfiguration/s3.secret-key",
        ),
        (
            {"program": {"file": "a.jar", "kind": "jar", "arguments": ["--password", "hunter2secret"]}},
            "/planner/program/arguments/1",
        ),
    ],
)
def test_a_profile_with_a_secret_in_plain_text_is_refused(fields: dict[str, Any], where: str) -> None:
    data = to_data(profile())
    data["planner"] |= fields
    job = planner.ResourceProfile.model_validate(data)
    with pytest.raises(planner.NotExportable, match=f"holds a secret, at {where}:") as caught:
        planner.export_kubernetes(placement(job), job)
    assert "hunter2" not in str(caught.value)


def test_parameters_are_in_the_overlay() -> None:
    _, files = exported(
        namespace="flink-prod", image="registry:5000/team/flink:2.2-s3@sha256:ab", storage="/data"
    )
    overlay = yaml.safe_load(files["overlay/kustomization.yaml"])
    assert overlay["namespace"] == "flink-prod"
    assert overlay["images"] == [
        {"name": "flink", "newName": "registry:5000/team/flink", "newTag": "2.2-s3", "digest": "sha256:ab"}
    ]
    assert kubernetes._image("host:5000/flink") == {"name": "flink", "newName": "host:5000/flink"}
    for one in of_kind(files, "StatefulSet").values():
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "flink"
        assert {"name": "storage", "mountPath": "/data"} in container["volumeMounts"]
    assert "storage.yaml" in files["base/kustomization.yaml"]
    assert not of_kind(exported(storage="s3://b/c")[1], "PersistentVolumeClaim")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"namespace": "A b"}, "namespace 'A b' is not valid"),
        ({"image": "fl ink"}, "image 'fl ink' is not the name of an image"),
        ({"storage": "bucket"}, "storage 'bucket' is not a URI"),
        ({"storage": "file://host"}, "storage 'file://host' names no folder"),
        ({"storage": "/"}, "storage '/' names no folder"),
        ({"storage": "s3://KEY:hunter2@bucket"}, "the storage has a password in its URI"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(planner.NotExportable, match=re.escape(message)) as caught:
        exported(**parameters)
    assert "hunter2" not in str(caught.value)


def test_the_job_runs_the_program_of_the_profile() -> None:
    job = profile()
    program = planner.Program(
        file="jobs/orders.jar",
        kind="jar",
        entry_class="com.example.Orders",
        arguments=["--day", "a b", "$(POD_IP)"],
        configuration={"state.backend.type": "rocksdb", "s3.secret-key": "******", "x.token": "@env:T"},
        jars=["/opt/jars/kafka.jar"],
    )
    assert job.planner is not None
    job = job.model_copy(update={"planner": job.planner.model_copy(update={"program": program})})
    files = planner.export_kubernetes(placement(job), job)
    (run,) = of_kind(files, "Job").values()
    (container,) = run["spec"]["template"]["spec"]["containers"]
    words = container["command"]
    assert words[:3] == ["planner", "run", "/job/jobs/orders.jar"]
    verb = get_command(app).commands["run"]  # type: ignore[attr-defined]
    known = {option for parameter in verb.params for option in parameter.opts}
    assert set(words[3::2]) <= known
    rest = dict(zip(words[3::2], words[4::2], strict=True))
    assert rest["--rest"] == "http://orders-rest:8081"
    assert rest["--args"] == "--day 'a b' '$$(POD_IP)'"
    assert rest["--jar"] == "/job/kafka.jar"
    assert [word for word in words if "token" in word or "secret" in word] == ["x.token=@env:T"]
    assert "`s3.secret-key`" in files["README.md"]
    assert 'COPY ["jobs/orders.jar", "/job/jobs/orders.jar"]' in files["run/Dockerfile"]
    assert 'COPY ["kafka.jar", "/job/kafka.jar"]' in files["run/Dockerfile"]
    assert run["spec"]["backoffLimit"] == 0
    assert planner.export_kubernetes(placement(job), job) == files, "not the same bytes"


def test_the_documents_of_the_job_belong_together(tmp_path: Path) -> None:
    _, files = exported()
    write(tmp_path, files)
    again = planner.load_placement(tmp_path / "run/job.placement.json")
    assert planner.export_kubernetes(again, planner.load_profile(tmp_path / "run/job.profile.json")) == files


def test_a_placement_of_another_profile_and_a_simulation_are_refused() -> None:
    planned, _ = exported()
    with pytest.raises(planner.PlacementMismatch, match="was made from another profile"):
        planner.export_kubernetes(planned, profile("1.20"))
    simulated = planned.model_copy(update={"strategy": "flink-none"})
    with pytest.raises(planner.NotExportable, match="a simulation of flink-none"):
        planner.export_kubernetes(simulated, profile())
    twice = planned.model_copy(update={"task_managers": [*planned.task_managers, planned.task_managers[0]]})
    for write_files in (planner.export_kubernetes, planner.export_flink_conf):
        with pytest.raises(planner.NotExportable, match="two TaskManagers with the id 'large-0'"):
            write_files(twice, profile())
    blind = [tm.model_copy(update={"memory": None}) for tm in planned.task_managers]
    with pytest.raises(planner.NotExportable, match="no memory; place again"):
        planner.export_kubernetes(planned.model_copy(update={"task_managers": blind}), profile())


def test_planner_finds_nothing_wrong_in_them() -> None:
    _, files = exported()
    for name, text in files.items():
        if name.endswith(".yaml"):
            assert [finding for found in load(text, name) for finding in found.findings] == []


def test_the_files_are_those_of_the_golden_file(pytestconfig: pytest.Config) -> None:
    _, files = exported()
    shown = {name: text for name, text in files.items() if not name.endswith(".json")}
    text = "".join(f"======== {name}\n{text}" for name, text in shown.items())
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
