"""The screen beside a real cluster: what differs from the placement, and its load taken into the file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flink.commands import placed, planner
from planner import api
from planner.cluster.standalone import read
from planner.ui.draft import Edit
from planner.ui.fields import Owner
from planner.ui.workspace import Workspace

pytestmark = [pytest.mark.flink, pytest.mark.extended]


def test_the_cluster_beside_its_placement_and_its_load_in_the_file(folder: Path) -> None:
    placed(
        folder, "job.sql", "-D", "parallelism.default=2", group="moved", operators="Aggregate", parallelism=3
    )
    planner(folder, "up")
    planner(folder, "run", "job.sql")
    running = read(folder / ".planner")
    assert running is not None
    path = folder / "job.profile.json"
    screen = Workspace(path, api.load_cluster(folder / "cluster.yaml"), rest=running.url)
    name = screen.add("job.placement.json", api.load_placement(folder / "job.placement.json"))
    base = screen.file.read()[1]
    assert screen.state([], None, name)["placements"][0]["current"]
    assert screen.deviations([], base, name) == []
    screen.measure([], base, 5)
    while (search := screen.searching()) and search["running"]:
        time.sleep(0.1)
    assert search is not None
    assert search["problem"] is None
    loads = search["loads"]
    profile = api.load_profile(path)
    assert loads["operators"].keys() == {str(node.id) for node in profile.nodes}
    assert loads["cores"].keys() == {tm.id for tm in screen.shown[name].placement.task_managers}
    edits = [
        Edit(owner=Owner.OPERATOR, name=number, field="load.cpu", text=str(load["cpu"]), was=None)
        for number, load in loads["operators"].items()
        if "cpu" in load
    ]
    assert not screen.state(edits, base, name)["refused"]
    screen.save_job(edits, base)
    after = {str(node.id): node.planner.load for node in api.load_profile(path).nodes if node.planner}
    assert any(loads["operators"].values())
    for number, load in loads["operators"].items():
        there = after[number]
        assert (api.to_data(there).get("cpu") if there else None) == load.get("cpu")


def test_a_cluster_that_does_not_answer_is_said(folder: Path) -> None:
    path = folder / "job.yaml"
    path.write_text(
        "apiVersion: planner/v1\nkind: Job\nmetadata: {name: a}\nspec: {operators: [{id: a, kind: kafka-source}]}\n"
    )
    screen = Workspace(path, api.load_cluster(folder / "cluster.yaml"), rest="http://127.0.0.1:9")
    job = api.load_job(path)
    assert screen.cluster is not None
    name = screen.add("p", api.place(job, screen.cluster, time_limit=1))
    with pytest.raises(api.RestError, match="127.0.0.1:9"):
        screen.deviations([], screen.file.read()[1], name)
