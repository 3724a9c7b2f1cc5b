"""docs/diagnosis.md: its table is that of the code, and its example is what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import invoke

from docs.pages import ROOT, blocks
from planner.recover.diagnosis.classes import CLASSES

PAGE = ROOT / "docs/diagnosis.md"
EXAMPLE = ROOT / "tests/recover/logs/heap-2.2.1"
HEAD = "| class | what it means | what to do | evidence |\n|---|---|---|---|\n"


def rows() -> str:
    return "".join(
        f"| `{one.name}` | {one.title}. {one.cause} | {one.remedy} | {_evidence(one.evidence)} |\n"
        for one in CLASSES
    )


def _evidence(messages: tuple[str, ...]) -> str:
    return "<br>".join(f"`{message}`" for message in messages) or "a task that failed, and its trace"


def test_the_page_is_current(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(EXAMPLE)
    answer = invoke(["diagnose", "."])
    assert answer.exit_code == 1
    assert max(map(len, answer.stdout.splitlines())) <= 80
    text = PAGE.read_text(encoding="utf-8")
    (shown,) = (block for block in blocks(text) if block.language == "text")
    printed = answer.stdout.rstrip("\n") + "\n"
    before, _, rest = text.partition(HEAD)
    table = rest[: rest.index("\n\n") + 1] if not rest.startswith("\n") else ""
    if pytestconfig.getoption("--update-golden"):
        text = before + HEAD + rows() + rest[len(table) :]
        start, end = shown.span
        Path(PAGE).write_text(text[:start] + printed + text[end:], encoding="utf-8")
        return
    assert shown.text == printed
    assert table == rows()
