"""CLU: what the rules over clusters find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from rules.documents import STANDARD, cluster, find


class TestClusters:
    @pytest.mark.parametrize(
        ("numbers", "expected"),
        [
            ({"count": 2}, []),
            ({"min": 1, "max": 3}, []),
            ({"min": 2}, []),
            ({"max": 2}, []),
            ({"min": 3, "max": 2}, ["CLU705"]),
            ({"count": 1, "max": 2}, ["CLU705"]),
            ({"count": 0}, ["CLU703"]),
            ({}, ["CLU703"]),
        ],
    )
    def test_numbers(self, numbers: dict[str, int], expected: list[str]) -> None:
        shape = {"name": "a", "cpu": 1, "memory": {"process": "4 gb"}, **numbers}
        assert [finding.code for finding in find(cluster(shape))] == expected

    def test_a_name_that_a_class_makes(self) -> None:
        listed = [{"id": "standard-1", "class": "standard"}]
        (found,) = find(cluster(STANDARD, taskManagers=listed))
        assert (found.code, found.pointer) == ("CLU701", "/spec/taskManagers/0/id")

    def test_a_class_that_is_not_there(self) -> None:
        (found,) = find(cluster(STANDARD, taskManagers=[{"id": "a", "class": "standart"}]))
        assert (found.code, found.pointer) == ("CLU702", "/spec/taskManagers/0/class")

    @pytest.mark.parametrize("count", [4, 5])
    def test_reserve(self, count: int) -> None:
        (found,) = find(cluster(STANDARD, reserve={"taskManagers": count}))
        assert (found.code, found.message) == ("CLU704", f"{count} of 4 TaskManagers are kept in reserve")

    @pytest.mark.parametrize(
        ("reserve", "expected"),
        [
            ({"classes": {"standard": 3}}, []),
            ({"classes": {"standard": 4}}, ["4 of 4 TaskManagers are kept in reserve"]),
            (
                {"classes": {"standard": 5}},
                [
                    "the reserve is to have TaskManagers of class 'standard', of which the cluster has 4, not 5"
                ],
            ),
            (
                {"classes": {"standart": 1}},
                [
                    "the reserve is to have TaskManagers of class 'standart', of which the cluster has none,"
                    " did you mean 'standard'?"
                ],
            ),
            (
                {"classes": {"standard": 1}, "taskManagers": 1},
                ["the reserve has a number, 1, and numbers of classes"],
            ),
            (
                {"classes": {"standard": 1}, "cover": "any-one"},
                ["the reserve has a number, 1, and a cover, any-one"],
            ),
        ],
    )
    def test_a_reserve_of_classes(self, reserve: dict[str, Any], expected: list[str]) -> None:
        assert [found.message for found in find(cluster(STANDARD, reserve=reserve))] == expected
