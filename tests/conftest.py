"""Options and fixtures for all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

settings.register_profile("planner", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("planner")


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
"""Tests of Flink that start clusters of their own."""


def pytest_configure() -> None:
    """Let processes of the tests end by SIGINT, also where a shell started these in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share one Flink and its JVM in one worker; the others go where there is room."""
    for item in items:
        if item.path.parent.name == "flink" and item.path.stem not in OWN_CLUSTERS:
            item.add_marker(pytest.mark.xdist_group("flink"))
