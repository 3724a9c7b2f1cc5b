"""Secrets: from a file or a variable to Flink, and to nowhere else."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from in_process import invoke
from rest_server import CLUSTER, JOB, serving

from flink.commands import SECRET, SQL, Run
from flink.commands import SECRET_KEY as KEY
from planner.api import place
from planner.cluster import standalone
from planner.cluster.answers import Entry
from planner.cluster.credentials import AUTHORITY
from planner.cluster.errors import RestError
from planner.cluster.launches import launches, stock_launches
from planner.cluster.processes import configure, prepare, start, taskmanager_command
from planner.cluster.rest import Rest
from planner.cluster.standalone import Standalone
from planner.cluster.submit import submit
from planner.documents.cluster import Cluster
from planner.documents.job import Job
from planner.documents.profile import Program
from planner.documents.sensitive import HIDDEN
from planner.documents.write import to_data, to_json
from planner.errors import PlannerError
from planner.flink.errors import OptionRefused
from planner.flink.options import MAX_SECRET, resolved
from planner.flink.program import Toolchain, stream_graph
from planner.graph.from_job import declare
from samples import cluster_of, document, job_of


def test_values_of_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("S3", SECRET)
    options = {
        KEY: f"@{tmp_path / 'secret'}",
        "x.password": "@env:S3",
        "x.token": SECRET,
        "pipeline.name": "@x",
    }
    assert resolved(options) == {KEY: SECRET, "x.password": SECRET, "x.token": SECRET, "pipeline.name": "@x"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("@env:NOT_THERE", "no environment variable 'NOT_THERE'"),
        ("@nowhere", "cannot read nowhere: no such file"),
        ("@.", "cannot read .: is a directory"),
        ("@large", "large has more than 64 KiB"),
        ("@binary", "binary is not UTF-8"),
        ("@a\0b", "null byte"),
        (HIDDEN, "is hidden in the document; give it with -D s3.secret-key=@FILE"),
    ],
)
def test_values_that_cannot_be_had(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large").write_bytes(b"a" * (MAX_SECRET + 1))
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(OptionRefused, match=reason):
        resolved({KEY: value})


def test_a_profile_of_a_job_has_no_secrets() -> None:
    data = to_data(job_of("click-enrichment"))
    data["spec"]["flinkConfiguration"] = {
        KEY: SECRET,
        "x": "s3://KEY:SECRET@b",
        "y.token": "@env:X",
        "z": "1",
    }
    fields = declare(document(yaml.safe_dump(data), Job)).planner
    assert fields is not None
    found = fields.flink_configuration
    assert {name: found[name] for name in (KEY, "x", "y.token", "z")} == {
        KEY: HIDDEN, "x": f"s3://{HIDDEN}@b", "y.token": HIDDEN, "z": "1",
    }  # fmt: skip


def test_no_output_shows_a_secret(tmp_path: Path) -> None:
    data = to_data(job_of("click-enrichment"))
    files = []
    for name in (SECRET, "other"):
        data["spec"]["flinkConfiguration"] = {
            KEY: name, "high-availability.storageDir": f"s3://me:{name}@b", "pipeline.name": f"password={name}"
        }  # fmt: skip
        files.append(str(tmp_path / f"{len(files)}.yaml"))
        Path(files[-1]).write_text(yaml.safe_dump(data))
    commands = [
        ["diff", *files], ["diff", *files, "--format", "json"], ["show", files[0]], ["compile", files[0]],
        *(["validate", files[0], "--format", name] for name in ("text", "concise", "json", "github", "sarif")),
        ["compile", files[0], "--explain", "--format", "text"], ["recover", files[0], "-c", "nowhere"],
    ]  # fmt: skip
    for command in commands:
        done = invoke(command)
        assert SECRET not in done.stdout + done.stderr, command
    assert f'"{HIDDEN}" -> "{HIDDEN}"' in invoke(commands[0]).stdout
    found = [one["code"] for one in json.loads(invoke(commands[6]).stdout)]
    assert found.count("OPS606") == 3


def test_what_a_document_hides_is_the_users_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T", "t")
    data = yaml.safe_load(CLUSTER)
    for entry in data["spec"]["taskManagerClasses"]:
        entry["flinkConfiguration"] = {KEY: SECRET, "my.token": "@env:T", "x.dir": f"s3://me:{SECRET}@b"}
    placement = place(document(JOB, Job), document(yaml.safe_dump(data), Cluster))
    assert SECRET not in to_json(to_data(placement))
    given = launches(placement, {KEY: "@env:X", "x.dir": "s3://b"})
    del given["jobmanager"]
    assert {tuple(options[key] for key in (KEY, "my.token", "x.dir")) for _, options in given.values()} == {
        ("@env:X", "@env:T", "s3://b")
    }
    with pytest.raises(OptionRefused, match="is hidden in the document"):
        resolved(launches(placement, {})[placement.task_managers[0].id][1])


def test_contradictions_do_not_show_secrets() -> None:
    cluster = cluster_of("click-enrichment")
    for entry in cluster.spec.task_manager_classes:
        entry.flink_configuration[KEY] = SECRET
    try:
        with pytest.raises(OptionRefused) as raised:
            stock_launches(cluster, {KEY: SECRET + "2"})
    finally:
        for entry in cluster.spec.task_manager_classes:
            del entry.flink_configuration[KEY]
    assert SECRET not in str(raised.value)


def test_options_are_in_a_file_of_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / ".planner"
    folder.mkdir()
    odd = {
        KEY: SECRET,
        "a.b": "x: 'y' \"z\" # \u2028 ä {}",
        "n": "",
        "external-resources": "a;b",
        "yes": "no",
    }
    prepare(folder)
    configure(folder, "tm-0", odd)
    assert SECRET not in " ".join(taskmanager_command(folder, "tm-0", ["-Xmx1g"]))
    assert yaml.safe_load((folder / "conf/tm-0/config.yaml").read_text()) == odd
    line = ["/bin/sh", "-c", "echo said; mkdir tmp/of-java; echo x > tmp/of-java/file"]
    assert start(folder, "tm-0", line).wait() == 0
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert (folder / "log/tm-0.log").read_text() == "said\n"


def test_a_secret_that_is_not_there_keeps_a_cluster_from_starting(tmp_path: Path) -> None:
    wanted = {"jobmanager": ((), {KEY: "@env:NOT_THERE"})}
    with pytest.raises(OptionRefused, match="NOT_THERE"):
        standalone.up(tmp_path / "new", wanted, 1.0)
    assert standalone.read(tmp_path / "new") is None


def test_a_cluster_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("no folder")
    with pytest.raises(PlannerError, match="cannot hold a cluster"):
        standalone.up(tmp_path, {"jobmanager": ((), {})}, 1.0)


@pytest.mark.flink
def test_a_profile_of_a_program_has_no_secrets(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job.sql").write_text(SQL)
    monkeypatch.setenv("S3", SECRET)
    place_ = f"execution.checkpointing.dir=s3://me:{SECRET}@bucket/x"
    plain = here(tmp_path, "compile", "job.sql", "-D", f"{KEY}={SECRET}", "-D", place_)
    named = here(tmp_path, "compile", "job.sql", "-D", f"{KEY}=@env:S3", "-D", "pipeline.name=a")
    for done in (plain, named):
        assert SECRET not in done.stdout + done.stderr
        assert json.loads(done.stdout)["planner"]["flinkConfiguration"][KEY] == HIDDEN
    assert json.loads(plain.stdout)["planner"]["program"].get("configuration", {}) == {}
    assert f"{KEY} is a secret, so the profile is without it" in plain.stderr
    assert "execution.checkpointing.dir is a secret" in plain.stderr
    assert json.loads(named.stdout)["planner"]["program"]["configuration"][KEY] == "@env:S3"
    assert "secret" not in named.stderr


@pytest.mark.flink
def test_flink_gets_the_secret_and_its_errors_do_not_show_it(shared_jvm: None, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "job.sql").write_text(SQL)
    program = Program(
        file=str(tmp_path / "job.sql"),
        kind="sql",
        configuration={"state.x.password": f"@{tmp_path / 'secret'}"},
    )
    with stream_graph(program, Toolchain()) as (_, graph):
        assert graph.getJobConfiguration().toMap()["state.x.password"] == SECRET
    (tmp_path / "job.sql").write_text(f"INSERT INTO `{SECRET}` SELECT 1;")
    with pytest.raises(PlannerError) as raised, stream_graph(program, Toolchain()):
        pass
    assert HIDDEN in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.flink
@pytest.mark.parametrize("scheme", ["http", "https", "https that nobody vouches for"])
def test_flinks_client_shows_who_asks(
    shared_jvm: None, tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    (tmp_path / "job.sql").write_text(SQL)
    context = None
    if scheme.startswith("https"):
        line = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=a -addext subjectAltName=IP:127.0.0.1"
        files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
        subprocess.run([*line.split(), *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
        monkeypatch.setenv(AUTHORITY, str(tmp_path / "ca.pem"))
    trusted = "nobody" not in scheme
    if not trusted:
        monkeypatch.delenv(AUTHORITY)

    def refuse(handler: Any) -> None:
        handler.reply(b'{"errors": ["org.X: go away"]}', 403)

    with serving({"/jobs": refuse, "/v1/jobs": refuse}, context) as server:
        rest = Rest.at(server.url.replace("://", "://me:pw@"))
        program = Program(file=str(tmp_path / "job.sql"), kind="sql")
        with (
            stream_graph(program, Toolchain()) as (there, graph),
            pytest.raises(RestError, match="go away" if trusted else "certification path"),
        ):
            submit(there, graph, rest)
        assert bool(server.asked) == trusted
        assert {headers["Authorization"] for _, headers in server.asked} <= {"Basic bWU6cHc="}


@pytest.mark.flink
def test_a_real_cluster_has_its_secret_and_shows_it_nowhere(cluster: Standalone) -> None:
    options = {entry.key: entry.value for entry in Rest(cluster.url).get("/jobmanager/config", list[Entry])}
    assert options[KEY] == HIDDEN  # Flink has it, and hides it
    for name, pid in cluster.running().items():
        assert SECRET not in Path(f"/proc/{pid}/cmdline").read_text()
        assert SECRET in (cluster.folder / "conf" / name / "config.yaml").read_text()
    for path in (cluster.folder, *cluster.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    for path in (cluster.folder / standalone.STATE, *cluster.folder.glob("log/*")):
        assert SECRET not in path.read_text(errors="replace"), path
