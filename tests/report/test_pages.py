"""The page of every code, and the list of all codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from planner.graph.kinds import KINDS
from planner.report.pages import listing, page
from planner.rules.base import Rule
from planner.rules.registry import BY_CODE, RULES

DOCS = Path(__file__).parents[2] / "docs" / "rules"


def test_a_page() -> None:
    rule = BY_CODE["JOB209"]
    assert page("JOB209") == (
        "# JOB209: duplicate-uid\n\nTwo operators have the same uid.\n\nSeverity: error\n\n"
        f"## Why\n\n{rule.why}\n\n## What to do\n\ngive every operator its own uid\n\n"
        f"## Source\n\n{rule.source}:\n{rule.source_url}\n"
    )


def test_an_example_stands_before_the_source() -> None:
    text = page("JOB209", "## Example\n\nhere")
    assert text is not None
    assert text.index("its own uid\n\n## Example\n\nhere\n\n## Source\n") > 0


def test_there_is_no_page_of_another_code() -> None:
    assert page("JOB299") is None


def test_the_page_of_unknown_kinds_lists_the_known_ones() -> None:
    text = page("JOB205") or ""
    assert re.findall(r"^\* `(.*?)`: ", text, re.M) == list(KINDS)


def test_the_list_has_every_code_in_80_columns() -> None:
    lines = listing().splitlines()
    assert [line[:6] for line in lines if line[0] != " "] == [rule.code for rule in RULES]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_written_page_has_the_fault_and_its_mended_form(rule: Rule) -> None:
    code = rule.code
    text = (DOCS / f"{code}.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
    kinds = [kind for kind, _ in blocks]
    if code in ("DOC000", "DOC001", "DOC002"):
        assert kinds == ["sh", "sh"]
        return
    assert kinds in (["yaml", "text", "yaml"], ["json", "text", "json"])
    assert blocks[1][1].startswith(f"{code} ")
    assert blocks[0][1] != blocks[2][1]
    list(yaml.safe_load_all(blocks[2][1]))
    assert text.endswith(f"{rule.source_url}\n")
