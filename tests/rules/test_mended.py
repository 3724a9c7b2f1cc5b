"""Every sample with a fault has a mended form, in which nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.documents.job import flatten_configuration
from planner.documents.source import read_sources
from planner.memory.launch import launch_taskmanager
from planner.memory.process import MemoryConfigurationError
from rules.samples import FOLDER, MENDED, SAMPLES, findings_of

CONFIGURATIONS = sorted((FOLDER / "config").iterdir())


def configuration(path: Path) -> dict[str, str]:
    (source,) = read_sources(path.read_bytes(), path.name)
    return flatten_configuration(source.data)


def test_every_sample_has_its_mended_form() -> None:
    faulty, mended = ({p.relative_to(f) for p in f.rglob("*.*")} for f in (FOLDER, MENDED))
    assert mended == faulty


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_fault_is_gone_and_nothing_else_is_wrong(path: Path) -> None:
    assert path.stem in {finding.code for finding in findings_of(path)}
    mended = MENDED / path.name
    assert findings_of(mended) == []
    if path.suffix == ".yaml":
        assert mended.read_text().startswith(f"# {path.stem}, mended: ")


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_configuration_that_flink_refuses(path: Path) -> None:
    with pytest.raises(MemoryConfigurationError) as raised:
        launch_taskmanager(configuration(path))
    assert raised.value.code == path.stem
    assert launch_taskmanager(configuration(MENDED / "config" / path.name)).memory.process > 0
