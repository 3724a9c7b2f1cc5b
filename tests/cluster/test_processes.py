"""What the command line and the logging of a local process are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.cluster.processes import configure, java_options
from planner.flink.errors import OptionRefused

ALL, TASK_MANAGER = "env.java.opts.all", "env.java.opts.taskmanager"


def test_java_options_are_those_of_all_processes_and_then_its_own(tmp_path: Path) -> None:
    options = {
        TASK_MANAGER: "-Dc=3",
        ALL: "-Da=1  -Db=2",
        "env.java.opts.jobmanager": "-Djm",
        "env.java.default-opts.all": "-Ddefault",
    }
    assert java_options(tmp_path, "tm-0", options) == ["-Ddefault", "-Da=1", "-Db=2", "-Dc=3"]
    assert java_options(tmp_path, "jobmanager", options) == ["-Ddefault", "-Da=1", "-Db=2", "-Djm"]
    assert java_options(tmp_path, "tm-0", {"env.java.opts": "-Dold"}) == ["-Dold"]
    assert java_options(tmp_path, "tm-0", {"env.java.opts": "-Dold", ALL: "-Dnew"}) == ["-Dnew"]
    assert java_options(tmp_path, "tm-0", {}) == []


def test_java_options_are_read_as_by_flinks_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are filled in, quotes end with the text, and no command runs."""
    monkeypatch.setenv("AGENT", "/opt/agent.jar")
    text = '-javaagent:$AGENT "-Xlog:gc*:file=${FLINK_LOG_PREFIX}.gc.log" -Dx=$(touch ran) -Dn=$NONE'
    assert java_options(tmp_path, "tm.1", {TASK_MANAGER: text}) == [
        "-javaagent:/opt/agent.jar",
        f"-Xlog:gc*:file={tmp_path}/log/tm.1.gc.log",
        "-Dx=$(touch",
        "ran)",
        "-Dn=$NONE",
    ]
    with pytest.raises(OptionRefused, match="a quote in it does not end"):
        java_options(tmp_path, "tm", {ALL: '-Dx="1'})


@pytest.mark.parametrize(
    ("level", "written"), [(None, "INFO"), ("warn", "WARN"), ("WARN\nappender.x = y", "INFO"), ("", "INFO")]
)
def test_the_log_level_is_that_of_the_options(tmp_path: Path, level: str | None, written: str) -> None:
    (tmp_path / "conf").mkdir()
    configure(tmp_path, "tm", {} if level is None else {"env.log.level": level})
    first, *rest = (tmp_path / "conf/tm/log4j.properties").read_text().splitlines()
    assert first == f"rootLogger.level = {written}"
    assert not any("appender.x" in line for line in rest)
