"""A folder with a program and a cluster, whose processes end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flink.commands import CLUSTER, SQL, planner


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "job.sql").write_text(SQL)
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    yield tmp_path
    planner(tmp_path, "down")
