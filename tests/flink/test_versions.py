"""The way from a program to a verified run on other versions of Flink than the extra's.

PLANNER_FLINK_HOMES names distributions, separated as in PATH; ``make test-all`` installs them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flink.commands import JAR, placed, planner

pytestmark = [pytest.mark.flink, pytest.mark.extended]
HOMES = [Path(home) for home in os.environ.get("PLANNER_FLINK_HOMES", "").split(os.pathsep) if home]


@pytest.mark.skipif(not HOMES, reason="PLANNER_FLINK_HOMES names no distributions")
@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.parent.name)
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
