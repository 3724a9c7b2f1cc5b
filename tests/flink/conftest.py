"""One JVM and one cluster that all tests share, and folders with a program for those with their own."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from in_process import Answer, invoke
from oracles.make_graphs import FUNCTIONS, reset_ids

from flink.commands import CLUSTER, SECRET, SECRET_KEY, SHARED, SQL, Run, placed, planner
from planner.cluster.processes import marked
from planner.cluster.rest import ENDED, Rest, jobs
from planner.cluster.standalone import STATE, Standalone, read
from planner.flink.jvm import Jvm, flink_jars, start_jvm
from planner.flink.program import private_field


@pytest.fixture(scope="session")
def jvm() -> Iterator[Jvm]:
    with start_jvm([*flink_jars(), FUNCTIONS]) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def freed() -> Iterator[None]:
    """Free thousands of py4j objects now: while Python parses a module they break CPython 3.11's parser."""
    yield
    gc.collect()


def fresh(jvm: Jvm) -> None:
    """Number transformations and SQL operators from 1 again, as a new JVM does."""
    reset_ids(jvm)
    module = jvm.java_class("org.apache.flink.table.planner.loader.PlannerModule")
    instance = _called(jvm, module, "getInstance")
    loader = private_field(instance, "submoduleClassLoader")
    nodes = "org.apache.flink.table.planner.plan.nodes.exec.ExecNodeContext"
    _called(jvm, jvm.view.java.lang.Class.forName(nodes, True, loader), "resetIdCounter")


def _called(jvm: Jvm, kind: object, name: str) -> object:
    lang = jvm.view.java.lang
    method = kind.getDeclaredMethod(name, jvm.array(lang.Class, []))  # type: ignore[attr-defined]
    method.setAccessible(True)
    return method.invoke(None, jvm.array(lang.Object, []))


@pytest.fixture
def shared_jvm(jvm: Jvm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is compiled in this process be compiled by the JVM of all tests."""

    @contextmanager
    def shared(_: object = None) -> Iterator[Jvm]:
        fresh(jvm)
        yield jvm

    monkeypatch.setattr("planner.flink.program.start_jvm", shared)


@pytest.fixture
def here(shared_jvm: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs planner in this process and with the JVM of all tests."""

    def run(folder: Path, *arguments: str, code: int = 0) -> Answer:
        monkeypatch.chdir(folder)
        answer = invoke(arguments)
        assert answer.exit_code == code, answer.stderr
        return answer

    return run


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """Start the cluster of all tests, under the plan of the SQL script in its folder."""
    folder = tmp_path_factory.mktemp("shared")
    _write(folder, SHARED)
    placed(
        folder, "job.sql", "-D", "parallelism.default=2", group="moved", operators="Aggregate", parallelism=3
    )
    (folder / "secret").write_text(f"{SECRET}\n")
    planner(folder, "up", "-D", f"{SECRET_KEY}=@secret")
    found = read(folder / ".planner")
    assert found is not None
    yield found
    assert "ended 3 processes" in planner(folder, "down").stderr
    assert not marked(found.mark)
    assert found.control_group is None or not found.control_group.exists()


@pytest.fixture
def cluster(started: Standalone) -> Iterator[Standalone]:
    """Return the cluster of all tests, whose jobs end with the test."""
    yield started
    rest = Rest(started.url)
    for job, state in jobs(rest).items():
        if state not in ENDED:
            rest.patch(f"/jobs/{job}")
    while any(
        tm["freeSlots"] < tm["slotsNumber"]
        for tm in rest.get("/taskmanagers", dict[str, Any])["taskmanagers"]
    ):
        time.sleep(0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a program and a cluster, whose processes end with the test."""
    _write(tmp_path, CLUSTER)
    yield tmp_path
    if (tmp_path / ".planner" / STATE).exists():
        planner(tmp_path, "down")


def _write(folder: Path, cluster: str) -> None:
    (folder / "job.sql").write_text(SQL)
    (folder / "cluster.yaml").write_text(cluster)
