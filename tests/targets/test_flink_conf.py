"""A folder of Flink's configuration for every process of a placement."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from placements import OPTIONS, check_as_planned, fake_flink, placement, profile, started, write

import planner
from planner.targets.flink_conf import _nested

FILES = {"1.20": "flink-conf.yaml", "2.2": "config.yaml"}
VERSIONS = sorted(FILES)


@cache
def exported(version: str, options: str = OPTIONS) -> tuple[planner.Placement, dict[str, str]]:
    job = profile(version)
    planned = placement(job, options)
    return planned, planner.export_flink_conf(planned, job)


def flattened(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested options with full keys, as Flink reads them (`YamlParserUtils.flatten`)."""
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, str] = {}
    for key, item in value.items():
        found |= flattened(item, f"{prefix}.{key}" if prefix else key)
    return found


def read(text: str, version: str) -> dict[str, str]:
    if version.startswith("1."):
        lines = [line.split("#", 2)[0].split(": ", 1) for line in text.splitlines()]
        return {key.strip(): value.strip() for key, value in lines}
    return flattened(yaml.safe_load(text))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_taskmanager_has_the_memory_and_quotas_of_the_placement(version: str) -> None:
    planned, files = exported(version)
    by_id = {}
    for name, text in files.items():
        options = read(text, version) if name.endswith(FILES[version]) else {}
        if "taskmanager.resource-id" in options:
            by_id[options["taskmanager.resource-id"]] = options
    check_as_planned(by_id, planned)
    for options in by_id.values():
        assert options["jobmanager.rpc.address"] == "localhost"
        assert "--add-opens=java.base/java.util=ALL-UNNAMED" in options["env.java.opts.all"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_script_becomes_flinks_with_the_list_of_quotas(version: str, tmp_path: Path) -> None:
    planned, files = exported(version)
    write(tmp_path / "conf", files)
    environment = {"FLINK_HOME": str(fake_flink(tmp_path / "flink"))}
    names = {Path(name).parent.name for name in files} - {""}
    assert len(names) == 1 + len(planned.task_managers)
    for name in names:
        command = ["sh", str(tmp_path / "conf/start.sh"), name, "-D", "a=b c"]
        folder, script, *words = started(command, environment)
        assert Path(folder) == tmp_path / "conf" / name
        options = read((Path(folder) / FILES[version]).read_text(), version)
        quotas = options.get("external-resources")
        assert script == ("jobmanager.sh" if name == "jobmanager" else "taskmanager.sh")
        own = ["-D", f"external-resources={quotas}"] if quotas else []
        assert words == ["start-foreground", *own, "-D", "a=b c"]


def test_a_taskmanager_that_is_called_as_the_jobmanager_has_another_folder() -> None:
    _, files = exported("2.2")
    folders = {Path(name).parent.name for name in files}
    assert {"jobmanager", "large-0"} <= folders
    (other,) = (name for name in folders if name.startswith("jobmanager-"))
    assert f"* `{other}` is `jobmanager`" in files["README.md"]
    assert "taskmanager.resource-id" not in files["jobmanager/config.yaml"]


def test_another_host_is_where_all_look_for_the_jobmanager() -> None:
    job = profile()
    files = planner.export_flink_conf(placement(job), job, jobmanager="jm.example")
    for name, text in files.items():
        if name.endswith("config.yaml"):
            options = read(text, "2.2")
            assert options["jobmanager.rpc.address"] == "jm.example"
            assert not [key for key in options if "bind" in key]


def test_spares_are_started_last() -> None:
    planned, files = exported("2.2")
    (spare,) = (tm.id for tm in planned.task_managers if tm.reserve)
    before, after = files["README.md"].split("When the job runs, and not before")
    commands = re.compile(r"^sh start.sh (\S+)$", re.MULTILINE)
    assert len(commands.findall(after)) == 1
    assert len(commands.findall(before)) == len(planned.task_managers)
    assert f"sh start.sh {spare}" not in before.splitlines()


SECRETS = (
    "s3.secret-key: hunter2secret, s3.access-token: '@env:S3_TOKEN', fs.url: 's3://KEY:hunter2secret@bucket'"
)


def test_secrets_are_left_out_and_named() -> None:
    _, files = exported("2.2", SECRETS)
    for text in files.values():
        assert "hunter2secret" not in text
        assert "****" not in text
    assert "* `s3.secret-key`\n" in files["README.md"]
    assert "* `s3.access-token`, in the placement `@env:S3_TOKEN`\n" in files["README.md"]
    assert "* `fs.url`\n" in files["README.md"]
    assert not [name for name, text in files.items() if name != "README.md" and "S3_TOKEN" in text]


@pytest.mark.parametrize("value", ["a # b", "' a'", '"a\\nb"'])
def test_what_the_old_format_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(planner.NotExportable, match="user.text: flink-conf.yaml of Flink 1 cannot hold"):
        exported("1.20", f"user.text: {value if value[0] in chr(34) + chr(39) else repr(value)}")


KEYS = st.lists(st.sampled_from(["a", "b", "c-d", "é"]), min_size=1, max_size=4).map(".".join)
VALUES = st.text("ab 01.:#\"'\\\n\t{}[]é@%&*!|>-~,", max_size=12) | st.sampled_from(
    ["1e3", "yes", "0x1f", "null", "12:30", "2026-01-01", "=", "<<"]
)


@given(st.dictionaries(KEYS, VALUES))
def test_nested_options_are_read_as_they_were(options: dict[str, str]) -> None:
    """A key may have a value itself and others below it, as ``high-availability`` of old."""
    assert flattened(yaml.safe_load(_nested(options)) or {}, "") == options or not options


def test_java_options_of_a_class_follow_those_that_flink_needs() -> None:
    planned, files = exported("2.2", "env.java.opts: -Done -Dtwo")
    name = next(tm.id for tm in planned.task_managers if tm.class_ == "large")
    assert "-Done" not in files[f"{name}/config.yaml"]
    own = [read(text, "2.2") for file, text in files.items() if file.startswith("small-1-")]
    found = [options["env.java.opts.all"] for options in own if "env.java.opts.all" in options]
    assert len(found) == 3
    assert all(text.endswith("ALL-UNNAMED -Done -Dtwo") for text in found)
