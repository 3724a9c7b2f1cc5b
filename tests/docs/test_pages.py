"""README and docs: links lead somewhere, verbs and options exist, words are those of the glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, anchors, blocks, links, prose, table

NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
PATHS = re.compile(r"`((?:planner|tests|docs|samples|schemas|tools|bench)/[\w./*<>-]+)`")
NOT_SAID = (
    "held against",
    "Flink alone",
    "whole or not at all",
    "does not work out",
    "do not work out",
    "nobody wants",
    "ways to die",
    "pip install planner",
    "pip install 'planner",
)


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_files_that_a_page_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8").partition("## What moved")[0]
    for name in PATHS.findall(prose(text)):
        pattern = re.sub(r"<\w+>", "*", name.rstrip("/"))
        assert list(ROOT.glob(pattern)), name


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_words_that_are_not_used(path: Path) -> None:
    text = " ".join(path.read_text(encoding="utf-8").split())
    if path.name == "glossary.md":
        text = re.sub(r"\([^)]*\)", "", text)
    for words in NOT_SAID:
        assert words not in text


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links((ROOT / "README.md").read_text())}
    assert set(PAGES) - {ROOT / "README.md"} <= linked


def test_the_glossary_is_in_order() -> None:
    rows = list(table((ROOT / "docs/glossary.md").read_text(encoding="utf-8"), "term"))
    terms = [row[0] for row in rows]
    assert terms == sorted(terms, key=str.lower)
    assert all(len(row) == 3 and all(row) for row in rows)


def test_the_readme_has_every_verb_and_option() -> None:
    """Verbs of the table are those of the command line, and options on the page are those of a verb."""
    from typer.main import get_command

    from planner.cli.app import app

    commands = dict(get_command(app).commands)  # type: ignore[attr-defined]
    imports = commands.pop("import").commands
    verbs = {*commands, *(f"import {name}" for name in imports)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {name for row in table(readme, "verb") for name in re.findall(r"`([a-z]+(?: [a-z]+)?)", row[0])}
    assert {name for name in named if name != "explain memory"} == verbs
    options = {
        option
        for command in (*commands.values(), *imports.values())
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    } | {"--help", "--install-completion", "--version"}
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        code = [
            *re.findall(r"`([^`\n]+)`", prose(text)),
            *(b.text for b in blocks(text) if b.language == "sh"),
        ]
        for piece in code:
            for line in piece.splitlines():
                if re.match(r"(planner |--)", line):
                    assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= options, line


def test_the_page_of_recovery_has_every_option_of_a_fast_one() -> None:
    from planner.recover.settings import SETTINGS

    rows = list(table((ROOT / "docs/recovery.md").read_text(encoding="utf-8"), "option"))
    assert rows == [[f"`{one.key}`", one.flink, one.fast, one.reason, one.risk] for one in SETTINGS]


def test_the_readme_has_every_exit_code() -> None:
    from planner.cli.errors import Exit

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [int(row[0]) for row in table(readme, "exit code")] == [code.value for code in Exit]


def test_the_readme_shows_what_is_printed(pytestconfig: pytest.Config) -> None:
    """The sample output is the end of a golden file, which the tests of the command line hold current."""
    golden = (ROOT / "tests/golden/click-enrichment.place.txt").read_text(encoding="utf-8")
    printed = golden[golden.index("16 TaskManagers\n") :].rstrip("\n") + "\n"
    path = ROOT / "README.md"
    readme = path.read_text(encoding="utf-8")
    (shown,) = (
        block for block in blocks(readme) if block.language == "text" and "TaskManagers" in block.text
    )
    assert max(map(len, printed.splitlines())) <= 80
    if pytestconfig.getoption("--update-golden"):
        start, end = shown.span
        path.write_text(readme[:start] + printed + readme[end:], encoding="utf-8")
        return
    assert shown.text == printed
