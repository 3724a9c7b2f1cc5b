"""The verbs as functions: what they return, and that every failure is a `PlannerError` that says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import planner
from planner import api
from samples import FOLDER, cluster_of, job_of

JOB, CLUSTER = FOLDER / "click-enrichment/job.yaml", FOLDER / "click-enrichment/cluster.yaml"
CYCLE = """apiVersion: planner/v1
kind: Job
metadata: {name: cycle}
spec:
  operators:
    - {id: a, inputs: [b]}
    - {id: b, inputs: [a]}
"""
TINY = """apiVersion: planner/v1
kind: Cluster
metadata: {name: tiny}
spec: {taskManagerClasses: [{name: tiny, count: 1, cpu: 1, memory: {process: 4 gb}}]}
"""


@pytest.fixture(scope="module")
def placement() -> api.Placement:
    return planner.place(job_of("click-enrichment"), cluster_of("click-enrichment"))


def written(folder: Path, text: str) -> Path:
    path = folder / "document.yaml"
    path.write_text(text)
    return path


def test_documents_load_by_what_they_are() -> None:
    assert isinstance(planner.load_job(JOB), planner.Job)
    assert isinstance(planner.load_cluster(str(CLUSTER)), planner.Cluster)
    profile = planner.compile(planner.load_job(JOB))
    assert isinstance(profile, planner.ResourceProfile)


def test_a_profile_is_a_job_as_well(tmp_path: Path) -> None:
    path = tmp_path / "job.profile.json"
    planner.save(planner.compile(job_of("click-enrichment")), path)
    assert planner.load_job(path) == planner.load_profile(path)


@pytest.mark.parametrize(
    ("load", "text", "code", "words"),
    [
        (planner.load_job, None, "DOC000", "cannot be read: no such file or directory"),
        (planner.load_job, TINY, "DOC009", "has no Job or ResourceProfile in it"),
        (planner.load_cluster, f"{TINY}---\n{TINY}", "DOC009", "has more than one Cluster in it"),
        (planner.load_job, "a: [", "DOC004", "is not valid YAML"),
        (
            planner.load_cluster,
            TINY.replace("cpu: 1", "cpu: none"),
            "DOC104",
            "is not a valid number of cores",
        ),
        (planner.load_profile, CYCLE, "DOC009", "has no ResourceProfile in it"),
    ],
)
def test_what_does_not_load_says_where_and_why(
    load: object, text: str | None, code: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "missing.yaml" if text is None else written(tmp_path, text)
    with pytest.raises(planner.DocumentError) as caught:
        load(path)  # type: ignore[operator]
    (finding,) = caught.value.findings
    assert (finding.code, finding.file) == (code, str(path))
    assert words in finding.message


def test_a_job_that_is_not_valid_is_refused_with_its_findings(tmp_path: Path) -> None:
    job = planner.load_job(written(tmp_path, CYCLE))
    for verb in (planner.compile, lambda job: planner.place(job, cluster_of("click-enrichment"))):
        with pytest.raises(planner.DocumentError) as caught:
            verb(job)
        assert [finding.code for finding in caught.value.findings] == ["JOB203"]


def test_documents_in_memory_are_validated_without_positions(tmp_path: Path) -> None:
    findings = planner.validate(planner.load_job(written(tmp_path, CYCLE)))
    assert [(finding.code, finding.file) for finding in findings] == [("JOB203", "<Job>")]
    job = planner.load_job(JOB)
    alone = {finding.code for finding in planner.validate(job)}
    tiny = planner.load_cluster(written(tmp_path, TINY))
    assert {finding.code for finding in planner.validate(job, tiny)} - alone == {"FIT801", "FIT802"}
    assert {finding.code for finding in planner.validate(job, tiny, fit=False)} & {
        "FIT801",
        "FIT802",
    } == set()


def test_infeasible_carries_its_explanation(tmp_path: Path) -> None:
    tiny = planner.load_cluster(written(tmp_path, TINY))
    with pytest.raises(planner.Infeasible) as caught:
        planner.place(job_of("click-enrichment"), tiny)
    conflict = caught.value.explanation.conflicts[0]
    assert conflict.groups
    assert conflict.message in str(caught.value)
    data = caught.value.explanation.data()
    assert data["status"] == "infeasible"
    json.dumps(data)


TIGHT = """apiVersion: planner/v1
kind: Job
metadata: {name: tight}
spec:
  slotSharingGroups:
    - {name: a, resources: {cpu: 3, heap: 1 mb, offHeap: 0 mb}}
    - {name: b, resources: {cpu: 2, heap: 1 mb, offHeap: 0 mb}}
  operators:
    - {id: x, kind: map, group: a, parallelism: 2}
    - {id: y, kind: map, group: b, parallelism: 3}
"""


def test_no_placement_in_time_is_not_called_infeasible(tmp_path: Path) -> None:
    """Slots of 3, 3, 2, 2 and 2 cores fill two TaskManagers of 6 in one way, which greedy placing misses."""
    job = planner.load_job(written(tmp_path, TIGHT.replace("kind: map", "kind: source")))
    cluster = planner.load_cluster(written(tmp_path, TINY.replace("count: 1, cpu: 1", "count: 2, cpu: 6")))
    stop = api.Stop(seconds=10.0, interrupted=lambda: True)
    with pytest.raises(planner.TimedOut, match="no proof that there is none") as caught:
        planner.place(job, cluster, clock=api.Clock(stop))
    assert caught.value.best is None
    assert planner.place(job, cluster).imbalance.max == 1.0


def test_progress_is_told_with_value_and_bound() -> None:
    steps: list[str] = []
    planner.place(
        job_of("skewed-join"), cluster_of("skewed-join"), progress=lambda what, *_: steps.append(what)
    )
    assert steps[0] == "first placement"


def test_the_same_seed_gives_the_same_placement(placement: api.Placement) -> None:
    again = planner.place(job_of("click-enrichment"), cluster_of("click-enrichment"), seed=1)
    assert again.model_copy(update={"meta": None}) == placement.model_copy(update={"meta": None})


def test_a_placement_knows_the_job_it_was_made_from(placement: api.Placement) -> None:
    assert api.made_from(placement, job_of("click-enrichment"))
    assert not api.made_from(placement, job_of("skewed-join"))
    with pytest.raises(planner.PlacementMismatch, match="the placement is not of this job"):
        planner.recover(job_of("skewed-join"), placement)
    with pytest.raises(planner.PlacementMismatch, match="was made for another cluster than"):
        planner.up(placement, cluster_of("skewed-join"))


def test_a_previous_placement_gives_moves(placement: api.Placement) -> None:
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    again = planner.place(job, cluster, previous=placement)
    assert again.moves is not None
    assert again.moves.moved == 0
    points = planner.pareto(job, cluster, placement)
    assert points[0].moved == 0


def test_simulations_say_what_they_are() -> None:
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    simulation = planner.simulate(job, cluster, planner.Mode.SLOTS, seed=7)
    assert simulation.strategy == "flink-slots"
    assert simulation.meta is not None
    assert simulation.meta.seed == 7


def test_flinks_scheduler_may_find_no_room(tmp_path: Path) -> None:
    tiny = planner.load_cluster(written(tmp_path, TINY))
    with pytest.raises(planner.NoRoom, match="another seed may"):
        planner.simulate(job_of("click-enrichment"), tiny, planner.Mode.NONE)


def test_differences_go_by_name(placement: api.Placement) -> None:
    changed = placement.model_copy(update={"task_managers": placement.task_managers[1:]})
    assert planner.diff(placement, placement) == []
    (difference,) = planner.diff(placement, changed)
    assert difference.path == f"taskManagers[{placement.task_managers[0].id}]"


def test_schemas_go_by_any_spelling() -> None:
    assert (
        planner.schema("resource-profile") == planner.schema("Profile") == planner.schema("ResourceProfile")
    )
    with pytest.raises(ValueError, match="there is no document of kind 'plan'"):
        planner.schema("plan")


def test_memory_forwards_and_backwards() -> None:
    options = planner.memory_for({"task_heap": 2**30, "managed": 2**30})
    memory = planner.process_memory(planner.Process.TASKMANAGER, options)
    sizes = {part.name: part.size for part in memory.parts}
    assert (sizes["taskHeap"], sizes["managed"], sizes["network"]) == (2**30, 2**30, 64 * 2**20)
    assert memory.process == sum(sizes.values())
    with pytest.raises(ValueError, match="'heap' is not one of"):
        planner.memory_for({"heap": 1})
    with pytest.raises(planner.MemoryConfigurationError):
        planner.process_memory(planner.Process.TASKMANAGER, {})


def test_options_that_flink_would_ignore_are_named() -> None:
    (message,) = api.unknown_options({"taskmanager.memory.proces.size": "1g", "parallelism.default": "2"})
    assert message == (
        "Flink 2.2.1 has no option 'taskmanager.memory.proces.size',"
        " did you mean 'taskmanager.memory.process.size'?"
    )


def test_clusters_that_are_not_there(tmp_path: Path, placement: api.Placement) -> None:
    assert planner.status(tmp_path) is None
    assert planner.status(str(tmp_path)) is None
    assert planner.down(tmp_path) is None
    with pytest.raises(planner.ClusterFolderError, match="no cluster in"):
        planner.verify(placement, folder=tmp_path)
    with pytest.raises(planner.NoAnswer, match="no Flink REST API at"):
        planner.import_cluster(rest="http://127.0.0.1:9")
    with pytest.raises(planner.RestError, match="is not a valid REST address"):
        planner.import_job(rest="nonsense://")
    with pytest.raises(planner.ClusterFailed, match="not a cluster for this machine"):
        planner.up(cluster=cluster_of("large"), folder=tmp_path)
    with pytest.raises(planner.OptionRefused, match="planner chooses that"):
        planner.up(placement, options={"rest.port": "1"}, folder=tmp_path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, placement: api.Placement) -> None:
    path = tmp_path / "job.placement.json"
    planner.save(placement, path)
    assert planner.load_placement(path) == placement
    before = path.read_bytes()
    with pytest.raises(OSError, match="No such file or directory"):
        planner.save(placement, tmp_path / "missing" / "job.placement.json")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_printed_documents_are_one_line(placement: api.Placement) -> None:
    job = job_of("click-enrichment")
    documents = [job, cluster_of("click-enrichment"), planner.compile(job), placement]
    for document in [*documents, planner.recover(job, placement)]:
        text = repr(document)
        assert text.startswith(f"<{document.kind} 'click-enrichment'") or document.kind == "Cluster"
        assert str(document) == text
        assert len(text) < 140
        assert "\n" not in text


def test_every_failure_has_one_root() -> None:
    kinds = [getattr(planner, name) for name in planner.__all__]
    exceptions = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(exceptions) > 10
    assert all(issubclass(kind, planner.PlannerError) for kind in exceptions)


def test_packages_do_not_hide_the_verbs_of_their_name() -> None:
    import planner.place.solve
    import planner.recover.settings

    assert planner.place is api.place  # type: ignore[comparison-overlap]
    assert planner.recover is api.recover  # type: ignore[comparison-overlap]
    assert set(planner.__all__) <= set(dir(planner))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        planner.nonsense  # noqa: B018


def test_names_of_the_library_are_those_of_the_api() -> None:
    assert [name for name in planner.__all__ if name not in api.__all__] == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"objective": (planner.Objective.SPREAD,)},
        {"objective": ()},
        {"objective": ("nonsense",)},
        {"objective": (planner.Objective.DEPLOYMENTS, planner.Objective.CPU)},
        {"time_limit": -1},
        {"workers": 0},
        {"gap_limit": -0.1},
        {"slack": -0.1},
    ],
    ids=str,
)
def test_limits_and_objectives_that_are_not_possible_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="level|has to be|have to be|begins with cpu"):
        planner.place(job_of("skewed-join"), cluster_of("skewed-join"), **arguments)  # type: ignore[arg-type]


def test_a_previous_placement_is_one_of_this_job(placement: api.Placement) -> None:
    job, cluster = job_of("skewed-join"), cluster_of("skewed-join")
    with pytest.raises(planner.PlacementMismatch, match="no group is in both"):
        planner.place(job, cluster, previous=placement)
    simulation = planner.simulate(job, cluster, planner.Mode.SLOTS)
    with pytest.raises(planner.PlacementMismatch, match="is a simulation"):
        planner.pareto(job, cluster, simulation)


def test_messages_name_the_file_and_the_place(tmp_path: Path) -> None:
    with pytest.raises(planner.DocumentError, match=r"missing\.yaml: cannot be read"):
        planner.load_job(tmp_path / "missing.yaml")
    path = written(tmp_path, CYCLE.replace("spec:", "speck:"))
    with pytest.raises(planner.DocumentError, match=r"document\.yaml:4:1: unknown field 'speck'"):
        planner.load_job(path)
