"""Tables for people: 80 columns, names as they are, nothing that a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import planner
from planner import api
from planner.place.infeasible import Conflict, Explanation, MoreTaskManagers
from planner.report import tables
from planner.report.screen import render
from planner.units import GIB, KIB, MIB
from samples import SAMPLES, cluster_of, job_of

NASTY = "a\x1b[31mb‮c[bold]d"


@pytest.mark.parametrize("name", SAMPLES)
def test_all_tables_of_a_sample_fit_80_columns(name: str) -> None:
    profile, graph = api.compile_job(job_of(name))
    placement = planner.place(job_of(name), cluster_of(name))
    text = render(
        tables.job_table(profile, graph),
        tables.group_table(profile),
        tables.placement_table(placement),
        tables.balance_lines(placement),
        tables.recovery_lines(*api.restart_outline(profile, graph)),
        tables.failure_table(planner.recover(job_of(name), placement)),
    )
    assert max(map(len, text.splitlines())) <= 80


def test_names_are_shown_without_what_a_terminal_would_obey() -> None:
    text = render(tables.cluster_table("http://h", [(NASTY, "1", "up")]))
    assert "a?[31mb?c[bold]d" in text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 mb"),
        (512 * KIB, "512 kb"),
        (MIB, "1 mb"),
        (1500 * MIB, "1500 mb"),
        (GIB, "1 gb"),
        (64 * GIB + 5 * MIB, "64 gb"),
    ],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert tables.short_size(size) == text


@given(st.floats(-1, 3), st.integers(1, 40))
def test_bars_have_their_width(share: float, width: int) -> None:
    drawn = tables.bar(share, width)
    assert len(drawn) == width
    assert drawn.count("█") == min(max(int(round(min(max(share, 0.0), 1.0) * width * 8) / 8), 0), width)


def test_why_nothing_fits_names_resource_groups_and_help() -> None:
    conflict = Conflict("cpu", ("a", "b"), tuple(f"t{n}" for n in range(9)), "not enough cpu")
    lines = tables.infeasible_lines(
        Explanation((conflict,), (MoreTaskManagers("t", 2),), complete=True, reserve=1)
    )
    assert lines == [
        "  why:           not enough cpu",
        "  resource:      cpu",
        "  groups:        a, b",
        "  TaskManagers:  t0, t1, t2, t3, t4, t5 and 3 more",
        "  in reserve:    1 of the TaskManagers",
        "  what helps:    2 more TaskManagers like 't' would make it fit",
    ]


def test_no_change_of_a_program_is_said() -> None:
    assert "none" in tables.edit_lines([])
    assert tables.edit_lines(["x: parallelism 1 becomes 2"]).splitlines()[1] == "  x: parallelism 1 becomes 2"
