"""The marker of tests that ``make test`` leaves out, for when pyproject.toml does not have it."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "extended: what make test leaves out and make test-all runs")
