"""The screen as people use it: Chromium, a real server, real files."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planner import api
from samples import FOLDER
from ui.screens import Screen, sample, screen

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(
        CHROMIUM is None, reason="NO CHROMIUM IS INSTALLED: the screen is not tested in a browser"
    ),
    pytest.mark.xdist_group("browser"),
]
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]
JOB = (FOLDER / "click-enrichment/job.yaml").read_text()
TIMES = "\N{MULTIPLICATION SIGN}"
SECONDS = 20_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Screen]:
    with screen(sample(tmp_path), "--placement", "job.placement.json") as found:
        yield found


@pytest.fixture
def page(chromium: Any, here: Screen) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    found = context.new_page()
    found.set_default_timeout(SECONDS)
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.goto(here.address)
    found.locator(".vertex").first.wait_for()
    yield found
    context.close()
    assert not faults


def task(page: Any, name: str) -> None:
    """Select a task in the graph."""
    page.get_by_role("button", name=re.compile(f"^task {name},")).click()


def typed(page: Any, label: str, value: str) -> None:
    """Type into a field of the selected task and leave it."""
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def settled(page: Any, text: str) -> None:
    page.get_by_text(text).first.wait_for()


def runs(page: Any, parallelism: int) -> None:
    """Wait until a task of the graph has a parallelism."""
    settled(page, f"{TIMES}{parallelism}")


def saved(here: Screen) -> str:
    return (here.folder / "job.yaml").read_text()


def test_a_slot_that_fits_nowhere_is_marked_at_once(page: Any) -> None:
    task(page, "sessions")
    typed(page, "CPU", "40")
    settled(page, "sessions does not fit")
    assert page.get_by_label("CPU", exact=True).get_attribute("aria-invalid") == "true"
    typed(page, "CPU", "2")
    page.get_by_text("sessions does not fit").wait_for(state="detached")


def test_a_misspelled_group_is_said_to_be_new(page: Any) -> None:
    task(page, "sessions")
    typed(page, "Group", "sesions")
    settled(page, "Group sesions is new")
    settled(page, "Undo if you meant sessions.")
    assert "sesions" in page.locator(".legend").first.inner_text()
    assert "sessions" not in page.locator(".legend").first.inner_text(), "no task is in it any more"


def test_a_report_of_what_is_shown(page: Any, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Placement").click()
    page.get_by_role("button", name="Balance").click()
    page.locator(".card").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    assert download.value.suggested_filename == "click-enrichment.report.html"
    download.value.save_as(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")


def test_edit_see_an_error_mend_it_and_save(page: Any, here: Screen) -> None:
    task(page, "sessions")
    typed(page, "Parallelism", "many")
    settled(page, "expected a whole number")
    assert page.get_by_label("Parallelism", exact=True).get_attribute("aria-invalid") == "true"
    assert page.locator(".vertex .finding.error").count() == 1, "the node shows it"
    assert page.get_by_text(f"{TIMES}24").count(), "the last graph that could be made is shown"
    typed(page, "Parallelism", "32")
    runs(page, 32)
    assert page.locator(".finding.error").count() == 0
    typed(page, "Group", "heavy")
    page.get_by_role("img", name="slot sharing group heavy").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("img", name="slot sharing group heavy").wait_for(state="detached")
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("img", name="slot sharing group heavy").wait_for()
    page.locator("body").press("d")
    dialog = page.get_by_role("dialog")
    assert "+      parallelism: 32" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    assert saved(here) == JOB
    page.get_by_role("button", name="Save job.yaml").click()
    settled(page, "job.yaml is saved.")
    more = "    - name: heavy\n      resources:\n        cpu: 2\n        heap: 1 gb\n        managed:\n          state_backend: 2 gb\n"
    by_hand = JOB.replace("  operators:\n", f"{more}  operators:\n")
    by_hand = by_hand.replace("parallelism: 24", "parallelism: 32")
    assert saved(here) == by_hand.replace("group: sessions\n", "group: heavy\n"), "listed as its old group is"


def test_a_task_is_dragged_into_another_group(page: Any, here: Screen) -> None:
    box = page.get_by_role("button", name=re.compile("^task enrich")).bounding_box()
    into = page.get_by_role("img", name="slot sharing group sessions").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(into["x"] + 60, into["y"] + 60, steps=8)
    page.mouse.up()
    page.get_by_role("img", name="slot sharing group enrich").wait_for(state="detached")
    page.locator("body").press("Control+s")
    settled(page, "job.yaml is saved.")
    assert saved(here) == JOB.replace("      group: enrich\n", "      group: sessions\n")


def test_everything_by_keyboard(page: Any, here: Screen) -> None:
    vertex = page.get_by_role("button", name=re.compile("^task enrich"))
    vertex.focus()
    vertex.press("Enter")
    typed(page, "Parallelism", "20")
    runs(page, 20)
    focused = page.evaluate("document.activeElement.id")
    assert focused == "field-operator-enrich-parallelism", "the focus stays where it was"
    page.locator("body").press("Control+z")
    page.get_by_role("button", name="Saved").wait_for()
    page.get_by_role("tab", name="Graph").focus()
    page.get_by_role("tab", name="Graph").press("ArrowRight")
    settled(page, "There is no placement yet")
    assert saved(here) == JOB


def balanced(page: Any) -> None:
    page.get_by_role("tab", name="Placement").click()
    page.get_by_role("button", name="Balance").click()
    page.locator(".card").first.wait_for()


def test_balance_compare_drain_try_and_save(page: Any, here: Screen) -> None:
    balanced(page)
    page.get_by_role("button", name="Save job.placement.json").click()
    settled(page, "job.placement.json is saved.")
    written = api.load_placement(here.folder / "job.placement.json")
    assert written.objective[0].status == "optimal"
    page.get_by_role("tab", name="Compare").click()
    settled(page, "Flink, mode SLOTS, one simulated order")
    page.get_by_role("tab", name="Recovery").click()
    settled(page, "What a loss restarts")
    page.get_by_role("tab", name="Placement").click()
    page.locator(".card", has_text="small-3").click()
    page.get_by_role("button", name="Drain small-3").click()
    page.get_by_label("Placement that is shown").locator("option", has_text="without small-3").wait_for(
        state="attached"
    )
    page.get_by_role("tab", name="Compare").click()
    settled(page, "Beside Flink's own scheduler")
    page.locator("select").last.select_option(label="job.placement.json, balanced")
    settled(page, "not there")
    page.get_by_role("tab", name="Placement").click()
    settled(page, "of TaskManagers that are gone stand elsewhere")
    page.locator(".card", has_text="large-0").click()
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator(".banner", has_text=re.compile("highest CPU|does not hold")).wait_for()
    assert api.load_placement(here.folder / "job.placement.json") == written, "a try writes nothing"


def test_a_slot_is_dragged_to_another_taskmanager(page: Any) -> None:
    balanced(page)
    source = page.locator('.card[data-tm="large-0"] .cells path').first
    target = page.locator('.card[data-tm="large-1"]')
    group = source.get_attribute("data-group")
    box, to = source.bounding_box(), target.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(to["x"] + 30, to["y"] + 30, steps=5)
    assert page.locator(".card.over").count() == 1
    page.mouse.up()
    told = page.locator(".banner", has_text=re.compile("highest CPU|does not hold"))
    told.wait_for()
    assert f"One slot of {group} from large-0 to large-1" in told.inner_text()


def test_the_page_is_no_higher_than_the_window(page: Any) -> None:
    task(page, "sessions")
    settled(page, "Edit the")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_an_edit_makes_a_placement_old_and_undoing_it_makes_it_current(page: Any) -> None:
    balanced(page)
    page.get_by_role("tab", name="Graph").click()
    task(page, "sessions")
    typed(page, "Parallelism", "32")
    runs(page, 32)
    page.get_by_role("tab", name="Placement").click()
    settled(page, "This placement is of the job before your edits")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("This placement is of the job before your edits").first.wait_for(state="detached")


def test_what_does_not_fit_is_shown_on_the_groups(page: Any) -> None:
    task(page, "enrich")
    typed(page, "Heap", "900 gb")
    page.get_by_role("button", name="Save job.yaml").wait_for()
    page.get_by_role("tab", name="Placement").click()
    page.get_by_role("button", name="Balance").click()
    settled(page, "proven infeasible")
    page.get_by_role("tab", name="Graph").click()
    assert page.locator(".group.conflict").count() == 1


def test_a_search_is_stopped_and_keeps_the_best(chromium: Any, tmp_path: Path) -> None:
    # the levels after the first take their time on 200 TaskManagers
    with screen(sample(tmp_path, "large")) as here:
        page = chromium.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(here.address)
        page.get_by_role("tab", name="Placement").click()
        page.get_by_label("Seconds to search").fill("600")
        page.get_by_label("Seconds to search").blur()
        page.get_by_role("button", name="Balance").click()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Balance").wait_for()
        page.locator(".card, .banner.error").first.wait_for()
        page.close()


def test_two_editors_never_write_over_each_other(page: Any, chromium: Any, here: Screen) -> None:
    with screen(here.folder) as there:
        other = chromium.new_context().new_page()
        other.set_default_timeout(SECONDS)
        other.goto(there.address)
        task(other, "sessions")
        typed(other, "Parallelism", "28")
        task(page, "enrich")
        typed(page, "Parallelism", "20")
        runs(page, 20)
        other.get_by_role("button", name="Save job.yaml").click()
        settled(other, "job.yaml is saved.")
        page.locator("body").press("Control+s")
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("was changed by somebody else").wait_for()
        assert "+      parallelism: 28" in dialog.inner_text()
        assert "enrich: parallelism" in dialog.inner_text()
        theirs = JOB.replace("parallelism: 24", "parallelism: 28")
        assert saved(here) == theirs
        dialog.get_by_role("button", name="Keep my edits").click()
        runs(page, 28)
        page.get_by_role("button", name="Save job.yaml").click()
        settled(page, "job.yaml is saved.")
        assert saved(here) == theirs.replace(
            "kind: async-io\n      group: enrich\n",
            "kind: async-io\n      group: enrich\n      parallelism: 20\n",
        )


def test_the_same_field_changed_on_disk_is_a_person_s_choice(page: Any, here: Screen) -> None:
    task(page, "sessions")
    typed(page, "Parallelism", "32")
    runs(page, 32)
    theirs = JOB.replace("parallelism: 24", "parallelism: 28")
    (here.folder / "job.yaml").write_text(theirs)
    page.get_by_role("button", name="Compare", exact=True).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Keep my edits").click()
    settled(page, "is '28' in the file now")
    page.get_by_role("button", name="Leave out").click()
    page.get_by_role("button", name="Saved").wait_for()
    runs(page, 28)
    assert saved(here) == theirs


def test_a_change_on_disk_is_taken_up_where_nothing_was_edited(page: Any, here: Screen) -> None:
    (here.folder / "job.yaml").write_text(JOB.replace("parallelism: 24", "parallelism: 28"))
    runs(page, 28)


def test_a_server_that_is_gone_loses_nothing(chromium: Any, tmp_path: Path) -> None:
    folder = sample(tmp_path)
    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    with screen(folder) as first:
        page.goto(first.address)
        task(page, "sessions")
        typed(page, "Parallelism", "32")
        runs(page, 32)
        port = first.port
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        typed(page, "Parallelism", "40")
        settled(page, "kept in this browser")
    with screen(folder, "--port", str(port)) as second:
        page.goto(second.address)
        runs(page, 40)
        page.get_by_role("button", name="Save job.yaml").click()
        settled(page, "job.yaml is saved.")
    context.close()
    assert (folder / "job.yaml").read_text() == JOB.replace("parallelism: 24", "parallelism: 40")


def test_a_server_killed_while_it_saves_leaves_the_old_file_or_the_new_one(
    chromium: Any, tmp_path: Path
) -> None:
    by_hand = JOB.replace("parallelism: 24", "parallelism: 32")
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        with screen(sample(folder)) as here:
            context = chromium.new_context()
            page = context.new_page()
            page.set_default_timeout(SECONDS)
            page.goto(here.address)
            task(page, "sessions")
            typed(page, "Parallelism", "32")
            runs(page, 32)
            page.get_by_role("button", name="Save job.yaml").click(no_wait_after=True)
            page.wait_for_timeout(number * 10)
            here.process.send_signal(signal.SIGKILL)
            here.process.wait()
            context.close()
        assert (folder / "job.yaml").read_text() in (JOB, by_hand)


def test_a_script_in_every_name_is_shown_as_text(chromium: Any, tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=document.title='broken'>"
    text = JOB
    for name in ("click-enrichment", "ingest", "sessions", "enrich"):
        text = re.sub(rf"\b{name}\b", lambda _, name=name: json.dumps(name + hostile), text)
    (sample(tmp_path) / "job.yaml").write_text(text)
    with screen(tmp_path) as here:
        page = chromium.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(here.address)
        page.locator(".vertex").first.wait_for()
        page.locator(".vertex").first.click()
        page.locator("body").press("d")
        for view in ("Placement", "Recovery", "Compare"):
            page.get_by_role("tab", name=view).click()
        assert page.locator("img").count() == 0
        assert "broken" not in page.title().partition(" - ")[2]
        assert page.get_by_text("<img src=x").count()
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_with_disabilities_out(scheme: str, chromium: Any, here: Screen) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.goto(here.address)
    page.locator(".vertex").first.wait_for()
    faults: dict[str, list[str]] = {}

    def look(view: str) -> None:
        for one in Axe().run(page).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                faults.setdefault(view, []).append(f"{one['id']}: {one['nodes'][0]['html'][:200]}")

    look("graph")
    task(page, "sessions")
    look("task")
    typed(page, "Parallelism", "many")
    settled(page, "expected a whole number")
    look("error")
    typed(page, "Parallelism", "32")
    page.locator("body").press("d")
    look("changes")
    page.keyboard.press("Escape")
    balanced(page)
    look("placement")
    page.locator(".card").first.click()
    look("TaskManager")
    page.get_by_role("tab", name="Recovery").click()
    look("recovery")
    page.locator(".row").first.click()
    look("loss")
    page.get_by_role("tab", name="Compare").click()
    settled(page, "Beside Flink's own scheduler")
    look("compare")
    context.close()
    assert not faults
