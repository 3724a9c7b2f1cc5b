"""``planner place`` as users and scripts meet it: objectives, re-placement, limits, interrupts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from planner.cli.app import app
from planner.cli.errors import Exit
from planner.documents.load import load
from planner.place import engine
from samples import FOLDER

JOB, CLUSTER = (str(FOLDER / "click-enrichment" / name) for name in ("job.yaml", "cluster.yaml"))
ONE = {
    "apiVersion": "planner/v1",
    "kind": "Job",
    "metadata": {"name": "one"},
    "spec": {
        "type": "streaming",
        "slotSharingGroups": [{"name": "big", "resources": {"cpu": 3, "heap": "1 gb"}}],
        "operators": [
            {"id": "src", "kind": "datagen-source", "parallelism": 4, "group": "big"},
        ],
    },
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["place", *arguments])


def placed(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--format", "json", "--no-meta")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    (document,) = load(result.stdout.encode(), "placement.json")
    assert not document.findings
    return found


def cluster_file(folder: Path, *classes: dict[str, Any]) -> str:
    file = folder / "cluster.yaml"
    entries = [{"memory": {"process": "8 gb"}, "slots": 8, **entry} for entry in classes]
    document = {"apiVersion": "planner/v1", "kind": "Cluster", "metadata": {"name": "c"}}
    file.write_text(yaml.safe_dump({**document, "spec": {"taskManagerClasses": entries}}))
    return str(file)


def job_file(folder: Path, **placement: object) -> str:
    job = json.loads(json.dumps(ONE))
    if placement:
        job["spec"]["slotSharingGroups"][0]["placement"] = placement
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    return str(file)


def test_pack_leaves_taskmanagers_empty() -> None:
    packed, balanced = placed(JOB, "-c", CLUSTER, "--pack"), placed(JOB, "-c", CLUSTER)
    used = [tm for tm in packed["taskManagers"] if tm["slots"]]
    assert packed["objective"][0] == {**packed["objective"][0], "name": "taskManagers", "value": len(used)}
    assert len(used) < sum(1 for tm in balanced["taskManagers"] if tm["slots"])
    assert all(tm["reserve"] for tm in packed["taskManagers"] if not tm["slots"])


def test_objective_picks_the_levels() -> None:
    names = [level["name"] for level in placed(JOB, "-c", CLUSTER, "--objective", "cpu,memory")["objective"]]
    assert names == ["maxCpuUtilisation", "maxMemoryUtilisation"]


PIPELINES = """
apiVersion: planner/v1
kind: Job
metadata: {name: two}
spec:
  parallelism: 8
  slotSharingGroups: [{name: a, resources: {cpu: 0.25, heap: 64 mb}}, {name: b, resources: {cpu: 0.5, heap: 64 mb}}]
  operators:
    - {id: orders, kind: source, group: a}
    - {id: count, kind: process, group: a, inputs: [{from: orders, ship: hash}]}
    - {id: clicks, kind: source, group: b}
    - {id: sum, kind: process, group: b, inputs: [{from: clicks, ship: hash}], state: {size: 16 gb, backend: rocksdb}}
"""
FIVE = """
apiVersion: planner/v1
kind: Cluster
metadata: {name: five}
spec:
  taskManagerClasses:
    - {name: large, count: 2, cpu: 4, memory: {process: 6 gb}}
    - {name: small, count: 3, cpu: 2, memory: {process: 4 gb}}
"""


def test_pipelines_stand_apart_so_that_a_loss_restarts_little(tmp_path: Path) -> None:
    """The state of the second pipeline makes it 32 of 48; two large TaskManagers can hold it, or one with more."""
    (tmp_path / "job.yaml").write_text(PIPELINES)
    (tmp_path / "cluster.yaml").write_text(FIVE)
    files = [str(tmp_path / "job.yaml"), "-c", str(tmp_path / "cluster.yaml")]
    highest, restarts = placed(*files, "--objective", "cpu,blast")["objective"]
    assert (highest["value"], restarts["value"]) == (0.5, 19.2)
    assert restarts["name"] == "expectedRestarts"
    assert restarts["status"] == "optimal"
    highest, restarts = placed(*files, "--objective", "cpu,blast", "--slack", "60%")["objective"]
    assert (highest["value"], restarts["value"]) == (0.75, 16)
    points = json.loads(run(*files, "--objective", "cpu,blast", "--pareto", "--format", "json").stdout)[
        "pareto"
    ]
    assert {(0.5, 19.2), (0.75, 16)} <= {
        (one["maxCpuUtilisation"], one["expectedRestarts"]) for one in points
    }
    shown = run(*files, "--objective", "cpu,blast", "--pareto", "--format", "text").stdout
    assert "Balance against restarts" in shown
    nothing = run(*files, "--objective", "cpu,traffic", "--pareto")
    assert nothing.exit_code == Exit.USAGE
    assert "declares no loads for traffic" in nothing.stderr


def test_simple_is_few_different_quotas_at_half_a_percent(tmp_path: Path) -> None:
    """Ten equal TaskManagers and 25 slots of one group, 13 of another: no two contents can be that."""
    (tmp_path / "job.yaml").write_text(
        "apiVersion: planner/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  slotSharingGroups:\n"
        "    - {name: a, resources: {cpu: 0.1, heap: 64 mb, offHeap: 0}}\n"
        "    - {name: b, resources: {cpu: 0.1, heap: 64 mb, offHeap: 0}}\n  operators:\n"
        "    - {id: x, kind: source, group: a, parallelism: 25}\n"
        "    - {id: y, kind: source, group: b, parallelism: 13}\n"
    )
    (tmp_path / "cluster.yaml").write_text(
        "apiVersion: planner/v1\nkind: Cluster\nmetadata: {name: c}\nspec:\n  taskManagerClasses:\n"
        "    - {name: tm, count: 10, cpu: 4, memory: {process: 6 gb}}\n"
    )
    files = [str(tmp_path / "job.yaml"), "-c", str(tmp_path / "cluster.yaml")]
    highest, deployments = placed(*files, "--simple")["objective"]
    assert highest["value"] == 0.1
    assert (deployments["value"], deployments["bound"], deployments["boundKind"]) == (3, 3, "multiples")
    assert deployments["status"] == "optimal"
    assert "Deployments      3, proven least" in run(*files, "--simple", "--format", "text").stdout


def test_at_most_so_many_different_quotas(tmp_path: Path) -> None:
    """What is most even takes four; with three the highest is a little more, with two none is found."""
    highest, deployments = placed(JOB, "-c", CLUSTER, "--contents", "4")["objective"]
    assert highest["status"] == "optimal"
    assert deployments["value"] <= 4
    fewer, deployments = placed(JOB, "-c", CLUSTER, "--contents", "3")["objective"]
    assert deployments["value"] == 3
    assert highest["value"] < fewer["value"] < highest["value"] * 1.01
    none = run(JOB, "-c", CLUSTER, "--contents", "1", "-o", str(tmp_path / "x.json"))
    assert none.exit_code == Exit.TIME
    assert "no placement with at most 1 different quotas was found" in none.stderr
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--objective", "spread"], "begins with cpu"),
        (["--objective", "cpu,speed"], "'speed' is not a level"),
        (["--objective", "cpu,cpu"], "twice"),
        (["--objective", "cpu,deployments,spread"], "last"),
        (["--objective", "cpu", "--pack"], "leave out one"),
        (["--simple", "--pack"], "leave out one of --simple and --pack"),
        (["--simple", "--objective", "cpu"], "leave out one of --simple and --objective"),
        (["--simple", "--from", "old.json"], "leave out one of --simple and --from"),
        (["--contents", "3", "--simple"], "leave out one of --contents and --simple"),
        (["--contents", "3", "--slack", "1%"], "leave out one of --contents and --slack"),
        (["--slack", "5%"], "--from"),
        (["--pareto"], "--from"),
        (["--pareto", "--objective", "cpu,memory,spread"], "balance with one level"),
        (["--gap-limit", "small"], "'small' is not a percentage"),
        (["--gap-limit", "-1%"], "'-1%' is not a percentage"),
        (["--gap-limit", "2"], "'2' is not a percentage"),
    ],
)
def test_options_that_make_no_sense(options: list[str], part: str) -> None:
    result = run(JOB, "-c", CLUSTER, *options)
    assert result.exit_code == Exit.USAGE
    assert part in result.stderr


def test_the_highest_and_who_decides_it() -> None:
    placement = placed(JOB, "-c", CLUSTER)
    level = placement["objective"][0]
    decided = level["decidedBy"]
    (manager,) = (tm for tm in placement["taskManagers"] if tm["id"] == decided["taskManager"])
    assert manager["utilisation"]["cpu"] == level["value"] == placement["imbalance"]["max"]
    assert decided["group"] in manager["quotas"]


def test_nothing_moves_where_nothing_changed(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    assert run(JOB, "-c", CLUSTER, "-o", str(before)).exit_code == 0
    again = placed(JOB, "-c", CLUSTER, "--from", str(before))
    assert again["moves"]["moved"] == 0
    assert again["inputs"]["previous"].startswith("sha256:")
    old = {tm["id"]: tm["quotas"] for tm in json.loads(before.read_text())["taskManagers"]}
    assert {tm["id"]: tm["quotas"] for tm in again["taskManagers"]} == old


def test_a_lost_taskmanager_is_repaired(tmp_path: Path) -> None:
    before, whole = tmp_path / "before.json", tmp_path / "whole.yaml"
    cluster = yaml.safe_load(Path(CLUSTER).read_text())
    cluster["spec"].pop("reserve", None)
    whole.write_text(yaml.safe_dump(cluster))
    assert run(JOB, "-c", str(whole), "-o", str(before)).exit_code == 0
    entry = next(e for e in cluster["spec"]["taskManagerClasses"] if e["count"] > 1)
    entry["count"] -= 1
    less = tmp_path / "cluster.yaml"
    less.write_text(yaml.safe_dump(cluster))
    gone = f"{entry['name']}-{entry['count']}"
    lost = sum(
        sum(tm["quotas"].values())
        for tm in json.loads(before.read_text())["taskManagers"]
        if tm["id"] == gone
    )
    best = placed(JOB, "-c", str(less))["objective"][0]["value"]
    after = placed(JOB, "-c", str(less), "--from", str(before), "--slack", "0%")
    assert after["objective"][0]["value"] == best
    assert after["moves"]["lost"] == lost > 0
    near = placed(JOB, "-c", str(less), "--from", str(before), "--slack", "20%")
    assert near["moves"]["moved"] <= after["moves"]["moved"]
    curve = run(JOB, "-c", str(less), "--from", str(before), "--pareto", "--format", "json")
    points = json.loads(curve.stdout)["pareto"]
    assert points[-1]["maxCpuUtilisation"] == best


def test_a_good_enough_gap_ends_the_search() -> None:
    level = placed(JOB, "-c", CLUSTER, "--gap-limit", "100%")["objective"][0]
    assert level["gap"] <= 1


@pytest.mark.parametrize(
    ("options", "code"),
    [({"jobmanager.scheduler": "adaptive"}, "CFG407"), ({"scheduler-mode": "reactive"}, "CFG407"), ({}, "")],
)
def test_a_placement_that_flink_will_not_follow_is_said_to_be_so(
    tmp_path: Path, options: dict[str, str], code: str
) -> None:
    plain = {"operators": [{"id": "src", "kind": "datagen-source", "parallelism": 4}]}
    job = tmp_path / "plain.yaml"
    job.write_text(yaml.safe_dump({**ONE, "spec": {**plain, "flinkConfiguration": options}}))
    result = run(str(job), "-c", cluster_file(tmp_path, {"name": "s", "count": 3, "cpu": 4}))
    assert result.exit_code == 0
    assert (f"warning {code}" in result.stderr) == bool(code)
    assert json.loads(result.stdout)["taskManagers"]


def test_infeasible_as_data(tmp_path: Path) -> None:
    result = run(
        job_file(tmp_path),
        "-c",
        cluster_file(tmp_path, {"name": "s", "count": 3, "cpu": 4}),
        "--format",
        "json",
    )
    assert result.exit_code == Exit.INFEASIBLE
    found = json.loads(result.stdout)
    assert found["status"] == "infeasible"
    assert found["conflicts"][0]["groups"] == ["big"]
    assert {"addTaskManagers": {"like": "s", "count": 1}} in found["changes"]
    assert "one more TaskManager like 's'" in result.stderr


def test_more_taskmanagers_do_not_help_who_is_pinned_to_one(tmp_path: Path) -> None:
    cluster = cluster_file(tmp_path, {"name": "a", "count": 2, "cpu": 9})
    result = run(job_file(tmp_path, pinned=["a-0"]), "-c", cluster, "--format", "json")
    assert result.exit_code == Exit.INFEASIBLE
    (change,) = json.loads(result.stdout)["changes"]
    assert (change["lower"]["group"], change["lower"]["resource"]) == ("big", "cpu")
    assert 2.2 < change["lower"]["to"] <= 2.25


def test_constraints_from_the_job(tmp_path: Path) -> None:
    cluster = cluster_file(
        tmp_path,
        {"name": "a", "count": 2, "cpu": 16, "labels": {"zone": "x"}},
        {"name": "b", "count": 2, "cpu": 16, "labels": {"zone": "y"}},
    )
    spread = placed(job_file(tmp_path, maxPerTaskManager=1), "-c", cluster)
    assert [tm["quotas"] for tm in spread["taskManagers"]] == [{"big": 1}] * 4
    pinned = placed(job_file(tmp_path, pinned=["a-1"]), "-c", cluster)
    assert {tm["id"]: tm["quotas"].get("big", 0) for tm in pinned["taskManagers"]}["a-1"] == 4
    zones = placed(job_file(tmp_path, minZones=2, forbidden=["a-0", "b-0"]), "-c", cluster)
    assert {tm["id"] for tm in zones["taskManagers"] if tm["slots"]} == {"a-1", "b-1"}


def zoned(folder: Path, *sizes: tuple[str, int, int]) -> str:
    """Write a cluster with classes of a zone, a count and a CPU each."""
    return cluster_file(
        folder,
        *(
            {"name": f"c{n}", "count": count, "cpu": cpu, "labels": {"zone": zone}}
            for n, (zone, count, cpu) in enumerate(sizes)
        ),
    )


def test_the_best_choice_of_zones_is_found(tmp_path: Path) -> None:
    cluster = zoned(tmp_path, ("x", 4, 4), ("y", 1, 12), ("z", 1, 10))
    job = job_file(tmp_path, minZones=2, maxPerTaskManager=2)
    level = placed(job, "-c", cluster)["objective"][0]
    assert (level["value"], level["status"]) == (0.6, "optimal")  # two each on y and z


def test_many_zones_where_a_group_may_not_stand(tmp_path: Path) -> None:
    cluster = zoned(tmp_path, *((f"z{n}", 1, 8) for n in range(9)))
    placement = placed(job_file(tmp_path, minZones=2, pinned=["c7", "c8"]), "-c", cluster)
    assert {tm["id"] for tm in placement["taskManagers"] if tm["slots"]} == {"c7-0", "c8-0"}


def test_what_fits_nowhere_is_infeasible_in_any_zones(tmp_path: Path) -> None:
    result = run(job_file(tmp_path, minZones=2), "-c", zoned(tmp_path, ("x", 3, 2), ("y", 3, 2), ("z", 3, 2)))
    assert result.exit_code == Exit.INFEASIBLE
    assert "one slot of group 'big' needs 3 cores" in result.stderr


def test_parts_that_leave_memory_over_are_refused(tmp_path: Path) -> None:
    parts = {"taskHeap": "1 gb", "taskOffHeap": "512 mb", "managed": "1 gb", "network": "128 mb"}
    shape = {"name": "c", "count": 2, "cpu": 8, "memory": {"flink": "8 gb", **parts}}
    result = run(job_file(tmp_path), "-c", cluster_file(tmp_path, shape))
    assert result.exit_code == Exit.FINDINGS
    assert "leave one out" in result.stderr


def test_what_is_kept_in_reserve_is_told(tmp_path: Path) -> None:
    file = cluster_file(tmp_path, {"name": "s", "count": 4, "cpu": 4})
    cluster = yaml.safe_load(Path(file).read_text())
    cluster["spec"]["reserve"] = {"taskManagers": 1}
    Path(file).write_text(yaml.safe_dump(cluster))
    result = run(job_file(tmp_path), "-c", file, "--format", "json")
    assert result.exit_code == Exit.INFEASIBLE
    assert json.loads(result.stdout)["reserve"] == 1
    assert "in reserve:    1 of the TaskManagers" in result.stderr


def test_infeasible_as_data_of_a_curve(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    job = job_file(tmp_path)
    assert (
        run(
            job, "-c", cluster_file(tmp_path, {"name": "s", "count": 4, "cpu": 4}), "-o", str(before)
        ).exit_code
        == 0
    )
    small = cluster_file(tmp_path, {"name": "s", "count": 3, "cpu": 4})
    result = run(job, "-c", small, "--from", str(before), "--pareto", "--format", "json")
    assert result.exit_code == Exit.INFEASIBLE
    assert json.loads(result.stdout)["status"] == "infeasible"


def test_a_refused_placement_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "check", lambda *_: ["slot x is not placed"])
    target = tmp_path / "placement.json"
    result = run(JOB, "-c", CLUSTER, "-o", str(target))
    assert result.exit_code == Exit.USAGE
    assert "slot x is not placed" in result.stderr
    assert not target.exists()


def hard(folder: Path) -> tuple[str, str]:
    """Write a job and cluster that no search ends within seconds: loads like random numbers."""
    count = 60
    groups = [{"name": f"g{i}", "resources": {"cpu": "0.1", "heap": "32 mb"}} for i in range(count)]
    operators = [
        {
            "id": f"o{i}",
            "kind": "datagen-source",
            "parallelism": 3,
            "group": f"g{i}",
            "load": {"cpu": round(0.5 + (i * 7919 % 9973) / 9973, 7)},
        }
        for i in range(count)
    ]
    job = {**ONE, "spec": {"type": "streaming", "slotSharingGroups": groups, "operators": operators}}
    (folder / "job.yaml").write_text(json.dumps(job))
    sizes = [{"name": f"c{cpu}", "count": 9, "cpu": cpu} for cpu in (5, 7, 11)]
    return str(folder / "job.yaml"), cluster_file(folder, *sizes)


def test_an_interrupt_returns_the_best_so_far(tmp_path: Path) -> None:
    job, cluster = hard(tmp_path)
    target = tmp_path / "placement.json"
    command = [sys.executable, "-m", "planner", "place", job, "-c", cluster, "-o", str(target)]
    for seconds in (4, 12, 40):  # on a busy machine there is no placement after four
        child = subprocess.Popen([*command, "--time-limit", "300"], stderr=subprocess.PIPE, text=True)
        time.sleep(seconds)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        if child.returncode not in (Exit.TIME, Exit.INTERRUPTED):
            break
    assert child.returncode == 0, errors
    assert "interrupted; this is the best placement so far" in errors
    assert json.loads(target.read_text())["objective"][0]["status"] in ("feasible", "optimal")


class TestSeveralJobs:
    """Jobs that share a cluster, and those that are added beside what runs."""

    def jobs(self, folder: Path, *names: str) -> list[str]:
        found = []
        for number, name in enumerate(names, 1):
            document: dict[str, Any] = json.loads(json.dumps(ONE))
            document["metadata"]["name"] = name
            document["spec"]["operators"][0]["parallelism"] = number
            document["spec"]["slotSharingGroups"][0]["resources"]["cpu"] = 0.5
            path = folder / f"{name}.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            result = CliRunner().invoke(
                app, ["compile", str(path), "-o", str(folder / f"{name}.profile.json")]
            )
            assert result.exit_code == 0, result.stderr
            found.append(str(folder / f"{name}.profile.json"))
        return found

    def test_a_table_says_what_each_job_has(self, tmp_path: Path) -> None:
        result = run(*self.jobs(tmp_path, "a", "b"), "-c", CLUSTER, "--format", "text")
        assert result.exit_code == 0, result.stderr
        lines = [line.split() for line in result.stdout.splitlines() if line]
        assert lines[1] == ["job", "slots", "cores", "on", "highest", "alone"]
        assert lines[3][:3] == ["b", "2", "1.00"]
        assert lines[4][:3] == ["a", "1", "0.50"]
        assert "Flink scheduler" not in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80

    def test_a_job_is_added_beside_what_runs(self, tmp_path: Path) -> None:
        """The profiles of those that stay are taken from beside their placement."""
        first, second, third = self.jobs(tmp_path, "a", "b", "c")
        before, after = str(tmp_path / "before.placement.json"), str(tmp_path / "after.placement.json")
        assert run(first, second, "-c", CLUSTER, "-o", before).exit_code == 0
        result = run(third, "--keep", before, "-c", CLUSTER, "-o", after)
        assert result.exit_code == 0, result.stderr
        assert "a (stays)" in result.stderr
        old, new = (json.loads(Path(name).read_text(encoding="utf-8")) for name in (before, after))
        assert [(name, one.get("kept")) for name, one in new["jobs"].items()] == [
            ("c", None),
            ("a", True),
            ("b", True),
        ]
        for was, now in zip(old["taskManagers"], new["taskManagers"], strict=True):
            assert was.get("reserve") or was["quotas"].items() <= now["quotas"].items()
        Path(second).unlink()
        Path(tmp_path / "b.json").unlink()
        result = run(third, "--keep", before, "-c", CLUSTER)
        assert result.exit_code == Exit.USAGE
        assert "the slots of 'b' are to stay, and its profile is not here" in result.stderr

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--strategy", "flink-slots"], "--strategy is for one job"),
            (["--pareto", "--objective", "cpu,memory"], "--pareto is for one job"),
        ],
    )
    def test_what_is_for_one_job(self, tmp_path: Path, options: list[str], reason: str) -> None:
        result = run(*self.jobs(tmp_path, "a", "b"), "-c", CLUSTER, *options)
        assert result.exit_code == Exit.USAGE
        assert reason in result.stderr

    def test_verbs_ask_which_job(self, tmp_path: Path) -> None:
        """What runs or checks one job names it; what is for one job alone says so."""
        first, second = self.jobs(tmp_path, "a", "b")
        both = str(tmp_path / "all.placement.json")
        assert run(first, second, "-c", CLUSTER, "-o", both).exit_code == 0
        for verb, reason in (
            (["recover", second, "-p", both], ""),
            (["verify", both, "--rest", "http://127.0.0.1:9"], "name the profile of the one that is meant"),
            (["export", both, "--target", "standalone", "-o", str(tmp_path / "x")], "of several jobs (a, b)"),
            (["recover", second, "-p", both, "--group", "big"], ""),
            (["ui", second, "--placement", both], "of several jobs (a, b)"),
            (["report", both, "-o", str(tmp_path / "x.html")], "of several jobs (a, b)"),
        ):
            result = CliRunner().invoke(app, verb)
            assert result.exit_code == (Exit.USAGE if reason else Exit.OK), (verb, result.stderr)
            assert reason in result.stderr.replace("\n", " ")
