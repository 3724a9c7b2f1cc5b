"""Options and fixtures for all tests."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files again")
    parser.addoption("--oracles", help="folder with more answers of real Flink to test against")


OWN_CLUSTERS = (
    "test_export",
    "test_kills",
    "test_migrate",
    "test_restarts",
    "test_supervise",
    "test_versions",
)
"""Tests of Flink that start clusters of their own, one after the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share one Flink and its JVM in one of two workers, and those with clusters of their own."""
    for item in items:
        if item.path.is_relative_to(item.config.rootpath / "tests" / "flink"):
            group = "clusters" if item.path.stem in OWN_CLUSTERS else "flink"
            item.add_marker(pytest.mark.xdist_group(group))
