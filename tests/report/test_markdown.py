"""Differences as Markdown: right, short, and without anything that Markdown or GitHub reads as more than text."""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner import api
from planner.documents.difference import Difference
from planner.report.markdown import ROWS, code, difference_table, placement_table
from samples import cluster_of, job_of


@cache
def placements() -> tuple[api.Placement, api.Placement]:
    job, cluster = job_of("click-enrichment"), cluster_of("click-enrichment")
    return api.simulate(job, cluster, api.Mode.SLOTS), api.place(job, cluster, time_limit=1)


def test_a_placement_tells_its_figures_and_what_each_holds() -> None:
    old, new = placements()
    text = placement_table(old, new)
    assert f"| highest CPU | {old.imbalance.max:.2%} | {new.imbalance.max:.2%} |" in text
    assert "| TaskManagers in reserve | 0 | 1 |" in text
    slots = sum(len(tm.slots) for tm in new.task_managers)
    assert f"| slots | {slots} | {slots} |" in text
    for tm in new.task_managers:
        if tm.reserve:
            assert f"in reserve: `{next(iter(tm.quotas))}`" in text
    before = {tm.id: tm.quotas for tm in old.task_managers}
    moved = sum(
        max(0, slots - before.get(tm.id, {}).get(group, 0))
        for tm in new.task_managers
        if not tm.reserve
        for group, slots in tm.quotas.items()
    )
    assert f"| slots that are new where they are |  | {moved} |" in text


def test_the_same_placement_changes_nothing() -> None:
    _, new = placements()
    assert placement_table(new, new).endswith("Every TaskManager holds what it held.\n")


def test_fields_of_other_documents() -> None:
    found = [Difference("spec.a", 1, 2), Difference("spec.b", None, {"x": "y|z"}), Difference("c", "d", None)]
    assert difference_table("job.yaml", found) == (
        "**`job.yaml`**\n\n| field | before | after |\n| --- | --- | --- |\n"
        '| `spec.a` | `1` | `2` |\n| `spec.b` | - | `{"x": "y\\|z"}` |\n| `c` | `d` | - |\n'
    )
    assert difference_table("job.yaml", []) == "`job.yaml`: no difference\n"
    many = [Difference(str(number), 1, 2) for number in range(ROWS + 5)]
    assert difference_table("job.yaml", many).endswith("\nand 5 more\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("@team <img src=x>", "`@team <img src=x>`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a|b", "`a\\|b`"),
        ("a\nb", "`a b`"),
        ("", ""),
        ("x" * 200, "`" + "x" * 77 + "...`"),
    ],
)
def test_a_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert code(text) == shown


@given(st.text(st.sampled_from("`|\\ a<@*_[]\n"), max_size=20))
def test_no_text_ends_its_own_span_or_cell(text: str) -> None:
    shown = code(text)
    if not shown:
        assert not text.strip()
        return
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inner = shown[len(fence) : -len(fence)]
    assert shown.endswith(fence)
    assert len(fence) not in {len(run) for run in re.findall("`+", inner)}
    assert "\n" not in shown
    assert inner.count("|") == inner.count("\\|")
