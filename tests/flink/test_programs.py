"""Programs compiled by a real Flink, edited, run under their plan on a real cluster, and verified."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from in_process import invoke

from flink.commands import ENVIRONMENT, JAR, SHARED, SQL, Run, edited, placed, planner
from planner.cluster.processes import marked
from planner.cluster.rest import ENDED, Rest, jobs
from planner.cluster.standalone import Standalone, read

pytestmark = pytest.mark.flink


def test_a_script_runs_as_planned(cluster: Standalone, here: Run) -> None:
    """Every step a process of its own: compiled, placed and up before this, down after all tests."""
    folder = cluster.folder.parent
    dry = here(folder, "run", "job.sql", "--dry-run").stdout
    assert "parallelism 2 becomes 3" in dry
    assert "group default becomes moved" in dry
    assert "as planned" in planner(folder, "run", "job.sql").stderr
    rest = Rest(cluster.url)
    (job,) = (name for name, state in jobs(rest).items() if state == "RUNNING")
    told = rest.get(f"/jobs/{job}", dict[str, Any])["vertices"]
    assert {v["parallelism"] for v in told if "Aggregate" in v["name"]} == {3}
    assert {v["parallelism"] for v in told if "Aggregate" not in v["name"]} == {2}
    assert "as planned" in planner(folder, "verify").stderr
    assert planner(folder, "status").stdout.count("registered") == 2
    imported = json.loads(planner(folder, "import", "job").stdout)
    planned = json.loads(here(folder, "compile", "job.profile.json").stdout)
    assert imported["vertices"].keys() == planned["vertices"].keys()

    # a second run finds the slots taken, and says so at once
    assert "holds slots of this placement" in here(folder, "run", "job.sql", code=1).stderr


@pytest.mark.extended
def test_a_script_survives_a_kill(folder: Path) -> None:
    placed(
        folder, "job.sql", "-D", "parallelism.default=2", group="count", operators="Aggregate", parallelism=3
    )
    planner(folder, "up")
    assert "as planned" in planner(folder, "run", "job.sql").stderr
    cluster = read(folder / ".planner")
    assert cluster is not None
    os.kill(cluster.running()["small-0"], signal.SIGKILL)
    while "small-0" in cluster.running():
        time.sleep(0.1)
    assert "not running" in planner(folder, "status", code=1).stdout
    assert planner(folder, "verify", code=1).stderr
    planner(folder, "up")
    end = time.monotonic() + 240
    while subprocess.run(
        [sys.executable, "-m", "planner", "verify"], cwd=folder, env=ENVIRONMENT, capture_output=True
    ).returncode:
        assert time.monotonic() < end
    assert "ended 3 processes" in planner(folder, "down").stderr
    assert not marked(cluster.mark)


WINDOW = """CREATE TABLE s (a INT, b INT, t AS PROCTIME())
  WITH ('connector' = 'datagen', 'rows-per-second' = '50');
CREATE TABLE k (a INT, w TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO k SELECT a, window_start, SUM(b)
FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(t), INTERVAL '1' SECOND)) GROUP BY a, window_start, window_end;
"""


@pytest.mark.extended
def test_a_window_runs_with_what_nobody_declared(folder: Path) -> None:
    """Its operators have only a weight, and estimates that bend."""
    (folder / "job.sql").write_text(WINDOW)
    planner(folder, "compile", "job.sql", "-D", "parallelism.default=8", "-o", "job.profile.json")
    placed = planner(folder, "place", "job.profile.json", "-c", "cluster.yaml", "-o", "job.placement.json")
    assert "since the estimate does not fit" in placed.stderr
    planner(folder, "up")
    assert "as planned" in planner(folder, "run", "job.sql").stderr
    time.sleep(3)  # more than one window
    assert "as planned" in planner(folder, "verify").stderr


BATCH = """SET 'execution.runtime-mode' = 'batch';
CREATE TABLE a (k BIGINT, v BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000');
CREATE TABLE b (k BIGINT, w BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000');
CREATE TABLE o (k BIGINT, s BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT a.k, SUM(a.v + b.w) FROM a JOIN b ON a.k = b.k GROUP BY a.k;
"""


@pytest.mark.extended
def test_a_batch_script_runs_as_planned(folder: Path) -> None:
    """Stage by stage in fewer slots than it has subtasks, with a shuffle that the edit brings back."""
    (folder / "job.sql").write_text(BATCH)
    planner(folder, "compile", "job.sql", "-D", "parallelism.default=2", "-o", "job.profile.json")
    profile = json.loads((folder / "job.profile.json").read_text())
    assert profile["planner"]["flinkConfiguration"]["jobmanager.scheduler"] == "Default"
    for node in profile["nodes"]:
        node["profile"]["parallelism"] = 1 if "Join" in node["desc"] else 2
    resources = {"cpu": 0.25, "heap": "32 mb", "offHeap": "0 mb", "managed": {"operator": "64 mb"}}
    profile["ssgProfiles"] = [{"name": "default", **resources}]
    (folder / "job.profile.json").write_text(json.dumps(profile))
    planner(folder, "place", "job.profile.json", "-c", "cluster.yaml", "-o", "job.placement.json")
    planner(folder, "up", "-D", "jobmanager.scheduler=AdaptiveBatch")
    assert "the adaptivebatch scheduler, which ignores" in planner(folder, "run", "job.sql", code=2).stderr
    planner(folder, "down")
    planner(folder, "up")
    assert "as planned" in planner(folder, "run", "job.sql").stderr


def test_a_jar_runs_as_planned(folder: Path, cluster: Standalone, here: Run) -> None:
    """On a cluster that was made for another job with the same groups."""
    arguments, at = ["--args", "exchange rebalance 2 2"], ["--dir", str(cluster.folder)]
    (folder / "cluster.yaml").write_text(SHARED)
    placed(folder, str(JAR), *arguments, group="moved", operators="Sink", parallelism=3, run=here)
    assert "as planned" in here(folder, "run", str(JAR), *arguments, *at).stderr
    loaded = json.loads(here(folder, "import", "load", "job.profile.json", "--window", "12", *at).stdout)
    loads = {n["desc"]: n["planner"]["load"] for n in loaded["nodes"] if n["planner"].get("load")}
    assert loads["Source: numbers"]["cpu"] > 0  # the source feeds a chain that never rests
    assert all("recordsPerSecond" in load or "cpu" in load for load in loads.values())
    _imported(folder, here, at)
    # a cluster that is otherwise than planned is refused before anything is submitted
    placement = json.loads((folder / "job.placement.json").read_text())
    placement["taskManagers"][0]["memory"]["dynamicOptions"]["external-resource.slot-moved.amount"] = "9"
    (folder / "other.json").write_text(json.dumps(placement))
    for verb in (["verify", "other.json"], ["run", str(JAR), "-p", "other.json"]):
        assert "quota slot-moved" in here(folder, *verb, "--profile", "job.profile.json", *at, code=1).stderr


@pytest.mark.extended
@pytest.mark.parametrize(
    ("program", "moved", "mode"),
    [
        ("side", "again", "BATCH"),
        ("side", "again", "STREAMING"),
        ("cache", "reader", "BATCH"),
        ("commit out", "Sink:", "BATCH"),
        ("broadcast", "ruled", "STREAMING"),
        ("together", "Sink", "STREAMING"),
    ],
)
def test_unusual_programs_run_as_planned(folder: Path, program: str, moved: str, mode: str) -> None:
    """Run and verified while they run, and then to their end."""
    out = folder / "out"
    arguments = ["--class", "UnusualJob", "--args", f"{program.replace('out', str(out))} slowly"]
    settings = ["-D", f"execution.runtime-mode={mode}", "-D", "parallelism.default=2"]
    placed(folder, str(JAR), *arguments, *settings, group="moved", operators=moved, parallelism=3)
    planner(folder, "up")
    ran = planner(folder, "run", str(JAR))
    assert "as planned" in ran.stderr
    assert "as planned" in planner(folder, "verify").stderr
    cluster = read(folder / ".planner")
    assert cluster is not None
    rest, end = Rest(cluster.url), time.monotonic() + 120
    while (state := jobs(rest)[ran.stdout.strip()]) not in ENDED:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert state == "FINISHED"
    if "out" in program:  # what was written was committed
        lines = [line for file in out.rglob("part-*") for line in file.read_text().split()]
        assert sorted(map(int, lines)) == list(range(1, 100_001))


def _imported(folder: Path, here: Run, at: list[str]) -> None:
    """What REST tells of the running job and its cluster is enough to place it again."""
    here(folder, "import", "job", "-o", "imported.profile.json", *at)
    imported = json.loads((folder / "imported.profile.json").read_text())
    planned = json.loads(here(folder, "compile", "job.profile.json").stdout)
    assert imported["vertices"].keys() == planned["vertices"].keys()

    def shape(profile: dict[str, Any]) -> dict[str, tuple[int, int, list[dict[str, str]]]]:
        vertices = profile["planner"]["vertices"]
        return {v["id"]: (v["parallelism"], v["maxParallelism"], v["inputs"]) for v in vertices}

    assert shape(imported) == shape(planned)
    assert len({vertex["group"] for vertex in imported["planner"]["vertices"]}) == 2
    here(folder, "import", "cluster", "-o", "imported.yaml", *at)
    cluster = yaml.safe_load((folder / "imported.yaml").read_text())
    assert [manager["id"] for manager in cluster["spec"]["taskManagers"]] == ["large-0", "small-0"]
    assert [entry["cpu"] for entry in cluster["spec"]["taskManagerClasses"]] == [2, 1]
    for group in imported["ssgProfiles"]:
        group.update(cpu=0.25, heap="32 mb", offHeap="0 mb")
    (folder / "imported.profile.json").write_text(json.dumps(imported))
    again = here(folder, "place", "imported.profile.json", "-c", "imported.yaml").stdout
    assert {tm["id"] for tm in json.loads(again)["taskManagers"]} == {"large-0", "small-0"}


def test_edits_outlive_a_new_compilation(folder: Path, here: Run) -> None:
    here(folder, "compile", "job.sql", "-o", "job.profile.json")
    edited(folder / "job.profile.json", "count", "Aggregate", 3)
    again = here(folder, "compile", "job.sql", "--from", "job.profile.json")
    nodes = {node["desc"]: node["profile"] for node in json.loads(again.stdout)["nodes"]}
    assert {p["group"] for desc, p in nodes.items() if "Aggregate" in desc} == {"count"}
    assert {p["parallelism"] for desc, p in nodes.items() if "Aggregate" in desc} == {3}
    assert not again.stderr

    changed = SQL.replace("INSERT INTO k SELECT b, CAST(a AS BIGINT) FROM s;", "")
    (folder / "job.sql").write_text(changed.replace("a > 0", "a > 7"))
    drifted = here(folder, "compile", "job.sql", "--from", "job.profile.json")
    assert "gone:" in drifted.stderr
    nodes = {node["desc"]: node["profile"] for node in json.loads(drifted.stdout)["nodes"]}
    assert "count" in {p["group"] for p in nodes.values()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;", "job.sql:1: a query that prints its rows is not a job"),
        ("-- c\nCREATE TABLE k (a INT) WITH ('connector'='blackhole');\nINSERT INTO k\n SELECT x;", "job.sql:4:9: "),
        ("CREATE TABLE k (a INT) WITH ('connector'='blackhole');\nEXECUTE STATEMENT SET BEGIN\n  INSERT INTO k SELECT x;\nEND;", "job.sql:3:24: "),
        ("CREATE TABLE k (a INT) WITH ('connector'='blackhole')", "holds no INSERT"),
        ("DELETE FROM k WHERE a = 1;", "job.sql:1: DELETE starts something when it is run"),
        ("REPLACE TABLE k WITH ('connector'='blackhole') AS SELECT 1;", "job.sql:1: REPLACE TABLE AS starts something"),
        ("CREATE TABLE k (a INT) WITH ('connector'='kafka');\nINSERT INTO k SELECT 1;", "job.sql: there is no jar with the connector 'kafka': write ADD JAR"),
        ("BEGIN STATEMENT SET;", "has no END"),
        ("INSERT INTO nowhere SELECT 1;", "job.sql:1: Cannot find table"),
        ("\udcff", "not UTF-8"),
        ("", "holds no INSERT"),
    ],
)  # fmt: skip
def test_broken_scripts(folder: Path, here: Run, text: str, message: str) -> None:
    (folder / "job.sql").write_bytes(text.encode(errors="surrogateescape"))
    found = here(folder, "compile", "job.sql", code=2).stderr
    assert message in found


TABLES = """CREATE TABLE s (a INT, b STRING) WITH ('connector' = 'datagen');
CREATE TABLE k (b STRING) WITH ('connector' = 'blackhole');
"""
FIRST, SECOND = "INSERT INTO k SELECT b FROM s WHERE a > 1;\n", "INSERT INTO k SELECT UPPER(b) FROM s;\n"


def nodes_of(text: str) -> list[dict[str, Any]]:
    return [{**node, "planner": None} for node in json.loads(text)["nodes"]]


def test_scripts_of_one_session(folder: Path, here: Run, shared_jvm: None) -> None:
    """Several files in order are what one file with all of it is; so is the same from stdin."""
    (folder / "init.sql").write_text(TABLES + "QUIT;\nnothing is read here")
    (folder / "query.sql").write_text(FIRST)
    (folder / "job.sql").write_text(TABLES + FIRST)
    whole = here(folder, "compile", "job.sql").stdout
    split = here(folder, "compile", "init.sql", "query.sql").stdout
    assert nodes_of(split) == nodes_of(whole)
    assert json.loads(split)["metadata"]["name"] == "query"
    program = json.loads(split)["planner"]["program"]
    assert (program["file"], program["scripts"]) == ("init.sql", ["query.sql"])
    piped = invoke(("compile", "-", "--kind", "sql"), TABLES + FIRST)
    assert nodes_of(piped.stdout) == nodes_of(whole)
    behind = invoke(("compile", str(folder / "init.sql"), "-"), FIRST)
    assert nodes_of(behind.stdout) == nodes_of(whole)
    (folder / "query.sql").write_text("INSERT INTO nowhere SELECT 1;")
    assert "query.sql:1: Cannot find table" in here(folder, "compile", "init.sql", "query.sql", code=2).stderr
    wrong = invoke(("compile", "-", "--kind", "sql"), "SELECT 1;")
    assert "<stdin>:1: a query that prints its rows is not a job" in wrong.stderr


def test_create_table_as_is_compiled_as_its_insert(folder: Path, here: Run) -> None:
    (folder / "job.sql").write_text(
        TABLES + "CREATE TABLE t (b STRING) WITH ('connector' = 'blackhole');\nINSERT INTO t SELECT b FROM s;"
    )
    apart = here(folder, "compile", "job.sql").stdout
    (folder / "job.sql").write_text(
        TABLES + "CREATE TABLE t WITH ('connector' = 'blackhole') AS SELECT b FROM s;"
    )
    assert nodes_of(here(folder, "compile", "job.sql").stdout) == nodes_of(apart)


def test_one_of_several_jobs(folder: Path, here: Run) -> None:
    (folder / "job.sql").write_text(TABLES + FIRST + SECOND)
    together = here(folder, "compile", "job.sql")
    assert "its 2 INSERTs are compiled as one job; the SQL client would start 2" in together.stderr
    second = here(folder, "compile", "job.sql", "--job-index", "2")
    assert second.stderr == "planner: job.sql: makes 2 jobs; number 2 is compiled\n"
    assert "there is no job 3" in here(folder, "compile", "job.sql", "--job-index", "3", code=2).stderr
    (folder / "job.sql").write_text(TABLES + SECOND)
    assert nodes_of(here(folder, "compile", "job.sql").stdout) == nodes_of(second.stdout)


def test_a_jar_beside_the_script(folder: Path, here: Run) -> None:
    (folder / "job.sql").write_text(TABLES + FIRST)
    profile = json.loads(here(folder, "compile", "job.sql", "--jar", str(JAR)).stdout)
    assert profile["planner"]["program"]["jars"] == [str(JAR)]
    assert "none.jar is not there" in here(folder, "compile", "job.sql", "--jar", "none.jar", code=2).stderr


DEPLOYMENT = """\
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: three}
spec:
  flinkVersion: v2_2
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "2"
    pipeline.max-parallelism: "24"
    pipeline.jars: local:///a.jar
    s3.secret-key: hidden
  jobManager: {resource: {memory: 2g, cpu: 1}}
  taskManager: {resource: {memory: 4g, cpu: 4}}
  job: {jarURI: "local:///opt/flink/usrlib/sql-runner.jar", parallelism: 3, args: [job.sql]}
"""


def test_a_deployment_and_its_program(folder: Path, here: Run) -> None:
    """Cluster and job of a manifest can be placed at once; secrets of the manifest stay there."""
    (folder / "deploy.yaml").write_text(DEPLOYMENT)
    (folder / "job.sql").write_text(TABLES + FIRST)
    arguments = ["--program", "job.sql", "--job-out", "job.profile.json", "-o", "cluster.yaml"]
    here(folder, "import", "deployment", "deploy.yaml", *arguments)
    profile = json.loads((folder / "job.profile.json").read_text())
    assert {node["profile"]["parallelism"] for node in profile["nodes"]} == {3}
    assert profile["planner"]["program"]["configuration"] == {
        "parallelism.default": "3",
        "pipeline.max-parallelism": "24",
    }
    placed = here(folder, "place", "job.profile.json", "-c", "cluster.yaml", "--format", "json")
    assert len(json.loads(placed.stdout)["taskManagers"]) == 2
    alone = here(folder, "import", "deployment", "deploy.yaml", "--program", "job.sql", code=2)
    assert "--program and --job-out go together" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.sql", "b.jar"), "several files make one program only where all are SQL scripts"),
        (("-", "--kind", "jar"), "only a SQL script can come from stdin"),
        (("a.jar", "--job-index", "1"), "--job-index is for SQL scripts"),
        (("a.py", "--jar", "b.jar"), "pipeline.jars"),
        (("a.yaml", "b.yaml"), "name one job"),
        (("--kind", "sql"), "name one, or - for stdin"),
    ],
)
def test_what_makes_no_program(here: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in here(tmp_path, "compile", *arguments, code=2).stderr


def test_broken_jars(folder: Path, here: Run) -> None:
    (folder / "job.jar").write_bytes(b"PK no")
    broken = str(folder / "job.jar")
    assert f"{broken}: " in here(folder, "compile", broken, code=2).stderr
    assert "not there" in here(folder, "compile", "none.jar", code=2).stderr
    found = here(folder, "compile", str(JAR), "--class", "NoSuch", code=2).stderr
    assert "NoSuch" in found
    assert (
        "is not a Flink distribution" in here(folder, "compile", str(JAR), "--flink-home", ".", code=2).stderr
    )


def test_a_cluster_that_does_not_answer(folder: Path, here: Run) -> None:
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=1, run=here)
    found = here(folder, "run", "job.sql", "--rest", "http://127.0.0.1:9", code=2).stderr
    assert "no Flink REST API at http://127.0.0.1:9" in found
    assert "start one with planner up" in here(folder, "run", "job.sql", code=2).stderr


def test_no_address(folder: Path, here: Run) -> None:
    placed(folder, "job.sql", group="count", operators="Aggregate", parallelism=1, run=here)
    found = here(folder, "verify", "--rest", "nonsense://", code=2).stderr
    assert "'nonsense://' is not a valid REST address" in found


PYFLINK = os.environ.get("PLANNER_PYFLINK")
"""An interpreter with the package apache-flink, which does not install beside planner."""
PROGRAM = """from pyflink.common import Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.number_seq import NumberSequenceSource

env = StreamExecutionEnvironment.get_execution_environment()
numbers = env.from_source(
    NumberSequenceSource(1, 10**12), WatermarkStrategy.no_watermarks(), "numbers", Types.LONG()
)
numbers.map(lambda n: n + 1, Types.LONG()).name("one more").disable_chaining().print()
print("a program prints")
env.execute("python")
"""


@pytest.mark.extended
@pytest.mark.skipif(not PYFLINK, reason="PLANNER_PYFLINK names no interpreter with PyFlink")
def test_a_pyflink_program_runs_as_planned(folder: Path) -> None:
    (folder / "job.py").write_text(PROGRAM)
    python = ["--python", os.path.relpath(str(PYFLINK), folder)]  # TaskManagers run it from elsewhere
    placed(folder, "job.py", *python, group="python", operators="one more", parallelism=2)
    planner(folder, "up")
    assert "as planned" in planner(folder, "run", "job.py", *python).stderr
    (folder / "job.py").write_text("x = 1\ny = x / 0\n")
    assert "job.py:2: ZeroDivisionError" in planner(folder, "compile", "job.py", *python, code=2).stderr


def test_an_interpreter_without_pyflink(folder: Path) -> None:
    (folder / "job.py").write_text(PROGRAM)
    found = planner(folder, "compile", "job.py", "--python", "no-such-python", code=2).stderr
    assert "no Python interpreter 'no-such-python'" in found
