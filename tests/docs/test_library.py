"""docs/library.md: its examples run and print what it shows, and it has every name of the package."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections.abc import Iterator
from doctest import ELLIPSIS, OutputChecker
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from test_architecture import loaded_modules

import planner
from docs.pages import LIBRARY, ROOT, Block, blocks, table

REAL = "# needs Flink"
"""What the first line of an example says that needs a real Flink."""
ELSEWHERE = "http://host:8081"


def examples(text: str) -> Iterator[tuple[Block, Block | None]]:
    """Yield the examples of the page, each with what it is said to print."""
    found = blocks(text)
    for block, following in pairwise([*found, None]):
        assert block is not None
        if block.language == "python":
            yield block, following if following and following.language == "text" else None


def run(block: Block, names: dict[str, Any]) -> str:
    """Run an example, with its own lines in what goes wrong, and return what it prints."""
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, str(LIBRARY), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) + "\n"


def test_examples_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("job.yaml", "cluster.yaml"):
        shutil.copy(ROOT / "samples/skewed-join" / name, name)
    page, names = LIBRARY.read_text(encoding="utf-8"), {"__name__": "example"}
    answers: list[tuple[Block, str]] = []
    for block, shown in examples(page):
        if block.text.startswith(REAL):
            assert shown is None, "what a real Flink prints is not tested"
            compile(block.text, str(LIBRARY), "exec")
            continue
        printed = run(block, names)
        if shown is None:
            assert printed == "\n", f"line {block.line} prints {printed}"
        else:
            answers.append((shown, printed))
    if pytestconfig.getoption("--update-golden"):
        for shown, printed in reversed(answers):
            if "..." not in shown.text:
                start, end = shown.span
                page = page[:start] + printed + page[end:]
        LIBRARY.write_text(page, encoding="utf-8")
        return
    for shown, printed in answers:
        assert OutputChecker().check_output(shown.text, printed, ELLIPSIS), f"{shown.line}:\n{printed}"


def test_the_example_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("job.yaml", "cluster.yaml"):
        shutil.copy(ROOT / "samples/skewed-join" / name, name)
    ((block, _),) = examples((ROOT / "README.md").read_text(encoding="utf-8"))
    assert run(block, {"__name__": "example"}).startswith("big-0 {")


@pytest.mark.flink
@pytest.mark.extended
def test_examples_with_a_real_flink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("job.sql", "job.profile.json", "cluster.yaml"):
        shutil.copy(ROOT / "samples/sql" / name, name)
    names: dict[str, Any] = {"__name__": "example", "planner": planner}
    printed = [
        run(block, names)
        for block, _ in examples(LIBRARY.read_text(encoding="utf-8"))
        if block.text.startswith(REAL) and ELSEWHERE not in block.text
    ]
    assert printed[1] != "\n"
    started, running, verified, placed = printed[2].splitlines()
    assert started == "True"
    assert re.fullmatch(r"[0-9a-f]{32} \[\]", running)
    assert verified == "[]"
    assert placed.startswith("<Placement ")
    assert planner.status() is None


def test_the_page_has_every_name() -> None:
    page = LIBRARY.read_text(encoding="utf-8")
    in_tables = {
        name
        for first in ("name", "exception")
        for part in page.split("\n## ")
        for row in table(part, first)
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert in_tables == set(planner.__all__)


def test_every_name_is_one_of_the_api() -> None:
    from planner import api

    assert set(planner.__all__) <= set(api.__all__)
    for name in planner.__all__:
        assert getattr(planner, name) is getattr(api, name)


def test_exit_codes_of_exceptions() -> None:
    from planner.cli.errors import exit_code

    rows = list(table(LIBRARY.read_text(encoding="utf-8"), "exception"))
    assert {row[0].strip("`") for row in rows} == {
        name for name in planner.__all__ if _is_exception(getattr(planner, name))
    }
    for name, _, code in rows:
        kind = getattr(planner, name.strip("`"))
        error = kind.__new__(kind)
        if isinstance(error, planner.DocumentError):
            error.findings = [planner.Finding("DOC004", planner.Severity.ERROR, "not YAML")]
        assert exit_code(error) == int(code), name
    invalid = planner.DocumentError([planner.Finding("JOB203", planner.Severity.ERROR, "a cycle")])
    assert exit_code(invalid) == 1


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def test_import_loads_neither_models_nor_solver() -> None:
    loaded = loaded_modules("import planner; planner.__version__; dir(planner)")
    assert "planner" in loaded
    assert not loaded & {"pydantic", "ortools", "numpy", "yaml", "typer", "rich", "py4j"}
