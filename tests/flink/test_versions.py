"""The way from a program to a verified run on other versions of Flink than the extra's.

PLANNER_FLINK_HOMES names distributions, separated as in PATH; ``make test-all`` installs them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from oracles.make_graphs import FUNCTIONS

from flink.commands import JAR, placed, planner
from flink.test_differential import program_profiles, script_profiles
from planner.flink.jvm import flink_jars, start_jvm

pytestmark = [pytest.mark.flink, pytest.mark.extended]
HOMES = [Path(home) for home in os.environ.get("PLANNER_FLINK_HOMES", "").split(os.pathsep) if home]


VERSIONS = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.parent.name)
COUNT = int(os.environ.get("PLANNER_DIFFERENTIAL_COUNT", "24"))
SEED = int(os.environ.get("PLANNER_DIFFERENTIAL_SEED", "20263"))


@pytest.mark.skipif(not HOMES, reason="PLANNER_FLINK_HOMES names no distributions")
@VERSIONS
def test_random_programs_and_scripts(home: Path, tmp_path: Path) -> None:
    """Not one difference, in programs and scripts as they are and edited."""
    with start_jvm([*flink_jars(home), FUNCTIONS]) as jvm:
        found = [
            *(s for edited in (False, True) for s in program_profiles(jvm, COUNT, SEED, edited)),
            *(s for edited in (False, True) for s in script_profiles(jvm, COUNT, SEED, tmp_path, edited)),
        ]
    assert found.count(True) > COUNT
    assert not found.count(False)


@pytest.mark.skipif(not HOMES, reason="PLANNER_FLINK_HOMES names no distributions")
@VERSIONS
@pytest.mark.parametrize("program", ["job.sql", str(JAR)])
def test_from_a_program_to_a_verified_run(folder: Path, home: Path, program: str) -> None:
    flink = ["--flink-home", str(home)]
    if program == "job.sql":
        arguments, moved = [program, "-D", "parallelism.default=2"], "Aggregate"
    else:
        arguments, moved = [program, "--args", "exchange rebalance 2 3"], "Sink"
    placed(folder, *arguments, *flink, group="moved", operators=moved, parallelism=4)
    version = json.loads((folder / "job.profile.json").read_text())["planner"]["flinkVersion"]
    (jar,) = home.glob("lib/flink-dist-*.jar")
    assert jar.name.startswith(f"flink-dist-{version}.")
    planner(folder, "up", *flink)
    if version != "2.2":
        wrong = planner(folder, "run", program, "--rest", _url(folder), code=2).stderr
        assert f"runs Flink {version}" in wrong
    assert "as planned" in planner(folder, "run", program).stderr  # with the cluster's own Flink
    imported = json.loads(planner(folder, "import", "job").stdout)
    planned = json.loads(planner(folder, "compile", "job.profile.json").stdout)
    assert imported["vertices"].keys() == planned["vertices"].keys()


def _url(folder: Path) -> str:
    return f"http://127.0.0.1:{json.loads((folder / '.planner/cluster.json').read_text())['restPort']}"


@pytest.mark.skipif(not HOMES, reason="PLANNER_FLINK_HOMES names no distributions")
@VERSIONS
def test_what_this_flink_refuses(folder: Path, home: Path) -> None:
    def refused(*arguments: str) -> str:
        unusual = ["--class", "UnusualJob", "--flink-home", str(home), "--args"]
        found = planner(folder, "compile", str(JAR), *unusual, *arguments, code=2)
        return str(found.stderr)

    assert "not supported for custom partitioners" in refused("custom")
    assert "Cannot co-locate" in refused("together", "-D", "execution.runtime-mode=BATCH")
    loop = "uses iterate(), whose feedback edges" if "1.20" in str(home) else "NoSuchMethodException"
    assert loop in refused("iterate")
