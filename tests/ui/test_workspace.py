"""What a screen does to files: it writes those it was given, whole, and never over somebody else's edit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from planner import api
from planner.ui.draft import Edit, draft_of
from planner.ui.edited_file import Changed, Refused
from planner.ui.fields import Owner
from planner.ui.workspace import Workspace
from samples import cluster_of, job_of
from ui.screens import sample

EDIT = Edit(owner=Owner.OPERATOR, name="sessions", field="parallelism", text="32", was="24")


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    sample(tmp_path)
    return Workspace(tmp_path / "job.yaml", cluster_of("click-enrichment"), tmp_path / "job.placement.json")


def found(place: Workspace) -> str:
    """Wait for the search and return its placement's name."""
    end = time.monotonic() + 60
    while (search := place.searching()) and search["running"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert search is not None
    assert search["problem"] is None
    name: str = search["result"]
    return name


def test_a_saved_edit_is_in_the_file_and_nothing_else_is(place: Workspace) -> None:
    before, base = place.file.read()
    digest = place.save_job([EDIT], base)
    assert place.file.read() == (before.replace("parallelism: 24", "parallelism: 32"), digest)
    assert sorted(path.name for path in place.file.path.parent.iterdir()) == ["cluster.yaml", "job.yaml"]


def test_a_byte_order_mark_and_line_ends_stay(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + (sample(tmp_path) / "job.yaml").read_bytes()
    (tmp_path / "job.yaml").write_bytes(text)
    place = Workspace(tmp_path / "job.yaml")
    place.save_job([EDIT], place.file.read()[1])
    assert (tmp_path / "job.yaml").read_bytes() == text.replace(b"parallelism: 24", b"parallelism: 32")


def test_lines_that_end_as_in_windows_stay(tmp_path: Path) -> None:
    text = (sample(tmp_path) / "job.yaml").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "job.yaml").write_bytes(text)
    place = Workspace(tmp_path / "job.yaml")
    place.save_job([EDIT], place.file.read()[1])
    assert (tmp_path / "job.yaml").read_bytes() == text.replace(b"parallelism: 24", b"parallelism: 32")


def test_a_file_that_was_changed_is_not_written_over(place: Workspace) -> None:
    before, base = place.file.read()
    theirs = before.replace("parallelism: 16", "parallelism: 20")
    place.file.path.write_text(theirs)
    with pytest.raises(Changed) as caught:
        place.save_job([EDIT], base)
    assert "-  parallelism: 16\n+  parallelism: 20\n" in caught.value.patch
    assert place.file.path.read_text() == theirs
    place.save_job([EDIT], caught.value.digest)
    assert place.file.path.read_text() == theirs.replace("parallelism: 24", "parallelism: 32")


def test_an_edit_that_somebody_else_made_otherwise_is_said(place: Workspace) -> None:
    before, _ = place.file.read()
    place.file.path.write_text(before.replace("parallelism: 24", "parallelism: 28"))
    state = place.state([EDIT], None, None)
    assert "is '28' in the file now" in state["refused"][0]["reason"]
    with pytest.raises(Refused, match="is '28'"):
        place.save_job([EDIT], state["base"])


def test_what_a_file_was_is_not_known_after_a_restart(place: Workspace) -> None:
    with pytest.raises(Changed):
        place.state([EDIT], "0" * 64, None)


def test_a_change_while_the_edits_are_made_is_not_written_over(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from planner.ui import workspace

    text, base = place.file.read()
    theirs = text.replace("parallelism: 16", "parallelism: 20")

    def slow(*arguments: Any) -> Any:
        place.file.path.write_text(theirs)
        return draft_of(*arguments)

    monkeypatch.setattr(workspace, "draft_of", slow)
    with pytest.raises(Changed):
        place.save_job([EDIT], base)
    assert place.file.path.read_text() == theirs


def test_a_placement_of_somebody_else_is_replaced_only_when_asked_twice(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 2, None)
    name = found(place)
    assert place.target is not None
    place.save_placement(name)
    place.target.write_text("theirs")
    with pytest.raises(Refused, match="changed by somebody else; save again to replace it"):
        place.save_placement(name)
    assert place.target.read_text() == "theirs"
    place.save_placement(name)
    assert api.load_placement(place.target) == place.shown[name].placement


def test_the_placement_of_a_file_stays_however_many_are_made(place: Workspace) -> None:
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    placement = api.simulate(job, cluster, api.Mode.SLOTS)
    first = place.add("of the file", placement, of_file=True)
    for number in range(50):
        place.add(str(number), placement)
    assert first in place.shown
    assert len(place.shown) == 20


def test_a_placement_of_another_cluster_is_not_current(place: Workspace) -> None:
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    name = place.add("p", api.simulate(job, cluster, api.Mode.SLOTS), of_file=True)
    assert place.state([], None, name)["placements"][0]["current"]
    place.cluster = cluster_of("large")
    (shown,) = place.state([], None, name)["placements"]
    assert (shown["current"], shown["elsewhere"]) == (False, True)


def test_a_drain_is_stopped(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 2, None)
    name = found(place)
    place.drain([], base, name, "large-0")
    place.stop()
    end = time.monotonic() + 30
    while (search := place.searching()) and search["running"]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_file_that_cannot_be_written_is_left_alone(place: Workspace) -> None:
    text, base = place.file.read()
    place.file.path.chmod(0o444)
    with pytest.raises(Refused, match="cannot be written"):
        place.save_job([EDIT], base)
    assert place.file.path.read_text() == text


def test_a_file_that_is_gone_is_a_problem_in_words(place: Workspace) -> None:
    place.file.path.unlink()
    with pytest.raises(Refused, match="cannot be read"):
        place.state([], None, None)
    assert place.digest() is None


def test_balance_keep_and_save(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([EDIT], base, 2, None)
    name = found(place)
    state = place.state([EDIT], base, None)
    assert state["shown"] == name
    assert state["data"]["placement"]["imbalance"]["max"] == state["placements"][0]["highest"]
    placement = place.shown[name].placement
    tm = next(tm for tm in placement.task_managers if tm.slots)
    assert place.slots(name, tm.id) == api.to_data(tm)["slots"]
    told = place.recovery([EDIT], base, name)
    assert told["recovery"]["failures"]
    assert sum(len(tm["slots"]) for tm in told["placement"]["taskManagers"]) == 64
    assert not state["placements"][0]["saved"]
    assert not place.state([], base, name)["placements"][0]["current"]
    place.save_placement(name)
    assert place.target is not None
    assert api.load_placement(place.target) == place.shown[name].placement
    assert place.state([EDIT], base, None)["placements"][0]["saved"]


def test_a_search_that_is_stopped_keeps_the_best(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 30, None)
    with pytest.raises(Refused, match="runs already"):
        place.balance([], base, 30, None)
    while (search := place.searching()) and search["running"] and search["best"] is None:
        time.sleep(0.01)
    place.stop()
    assert place.shown[found(place)].placement.task_managers


def test_drain_and_move_and_compare(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 2, None)
    name = found(place)
    place.drain([], base, name, "small-3")
    drained = place.shown[found(place)]
    assert "small-3" not in {tm.id for tm in drained.placement.task_managers if tm.slots}
    source = next(tm for tm in place.shown[name].placement.task_managers if tm.quotas.get("ingest"))
    target = next(
        tm for tm in place.shown[name].placement.task_managers if tm.id != source.id and not tm.reserve
    )
    moved, problems = place.move([], base, name, "ingest", source.id, target.id)
    assert not problems
    after = {tm.id: tm.quotas for tm in place.shown[moved].placement.task_managers}
    assert after[source.id].get("ingest", 0) == source.quotas["ingest"] - 1
    assert after[target.id]["ingest"] == target.quotas.get("ingest", 0) + 1
    names = [one["name"] for one in place.compared([], base, moved)]
    modes = ("NONE", "SLOTS", "MIN_RESOURCES", "TASKS")
    assert names[:4] == [f"Flink, mode {mode}, one simulated order" for mode in modes]
    assert names[4:] == ["balanced", "without small-3"]


def test_a_move_that_does_not_fit_says_what_it_breaks(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 2, None)
    name = found(place)
    small = next(tm for tm in place.shown[name].placement.task_managers if tm.id.startswith("small"))
    problems: list[str] = []
    for _ in range(8):
        source = next(
            tm
            for tm in place.shown[name].placement.task_managers
            if tm.id != small.id and tm.quotas.get("sessions")
        )
        moved, problems = place.move([], base, name, "sessions", source.id, small.id)
        if problems:
            break
        name = moved
    assert any(small.id in problem for problem in problems)


def test_what_cannot_fit_names_the_groups(place: Workspace) -> None:
    base = place.file.read()[1]
    heap = Edit(owner=Owner.GROUP, name="enrich", field="heap", text="900 gb", was="768 mb")
    place.balance([heap], base, 2, None)
    while (search := place.searching()) and search["running"]:
        time.sleep(0.01)
    assert search is not None
    assert "proven infeasible" in search["problem"]
    assert search["groups"] == ["enrich"]


def test_what_fits_nowhere_is_said_before_a_search(place: Workspace) -> None:
    base = place.file.read()[1]
    much = Edit(owner=Owner.GROUP, name="sessions", field="cpu", text="40", was="2")
    state = place.state([much], base, None)
    (found,) = (one for one in state["findings"] if one["code"] == "FIT801")
    (group,) = (one for one in state["groups"] if one["name"] == "sessions")
    (field,) = (one for one in group["fields"] if one["name"] == "cpu")
    assert found["path"] == list(field["path"])
    assert state["data"] is not None, "it is a job all the same"


def test_a_report_is_of_the_placement_that_is_shown(place: Workspace) -> None:
    base = place.file.read()[1]
    place.balance([], base, 1, None)
    name = found(place)
    report = place.report([], base, name)
    assert report["name"] == "click-enrichment.report.html"
    assert report["page"].startswith("<!doctype html>")
    with pytest.raises(api.PlacementMismatch, match="another version of the job"):
        place.report([EDIT], base, name)


@pytest.mark.parametrize("act", ["balance", "drain", "move", "compared", "save_placement"])
def test_what_is_not_there_is_refused_in_words(act: str, tmp_path: Path) -> None:
    bare = Workspace(sample(tmp_path) / "job.yaml")
    base = bare.file.read()[1]
    arguments: dict[str, tuple[Any, ...]] = {
        "balance": ([], base, 1.0, None),
        "drain": ([], base, "p1", "tm"),
        "move": ([], base, "p1", "g", "a", "b"),
        "compared": ([], base, "p1"),
        "save_placement": ("p1",),
    }
    with pytest.raises(Refused):
        getattr(bare, act)(*arguments[act])


def test_secrets_do_not_reach_the_screen(tmp_path: Path) -> None:
    path = sample(tmp_path) / "job.yaml"
    text = path.read_text().replace(
        "flinkConfiguration:\n", "flinkConfiguration:\n    s3.secret-key: hunter2\n"
    )
    path.write_text(text)
    place = Workspace(path, cluster_of("click-enrichment"))
    state = place.state([EDIT], None, None)
    assert state["data"] is not None
    assert "hunter2" not in api.to_json(state["data"])


def test_a_saved_placement_is_called_as_its_file_and_the_one_before_is_not(place: Workspace) -> None:
    """Two placements under one name would say that the file holds what it does not hold."""
    cluster = cluster_of("click-enrichment")
    before = api.simulate(job_of("click-enrichment"), cluster, api.Mode.SLOTS)
    place.add("job.placement.json", before, of_file=True)
    _, base = place.file.read()
    place.balance([], base, 10, None)
    name = found(place)

    def labels() -> list[str]:
        return [one["label"] for one in place.state([], None, None)["placements"]]

    assert labels() == ["job.placement.json", "balanced"]
    place.save_placement(name)
    assert labels() == ["job.placement.json as it was", "job.placement.json, balanced"]
    compared = [one["name"] for one in place.compared([], base, name)]
    assert compared[-1] == "job.placement.json as it was"


def test_flink_is_simulated_on_what_a_drain_leaves(place: Workspace) -> None:
    _, base = place.file.read()
    place.balance([], base, 10, None)
    place.drain([], base, found(place), "small-3")
    drained = found(place)
    simulated = place.compared([], base, drained)[0]["placement"]
    assert "small-3" not in {tm["id"] for tm in simulated["taskManagers"]}
