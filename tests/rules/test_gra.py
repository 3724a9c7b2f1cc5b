"""GRA: what the rules over the graph find, and what they leave alone."""

from __future__ import annotations

import pytest

from planner.documents.finding import Finding, Severity
from rules.documents import COUNT, SOURCE, find, job, op


class TestKeyGroups:
    @pytest.mark.parametrize(
        ("parallelism", "groups", "found"),
        [
            (4, 128, False),
            (128, 128, False),
            (3, 128, False),
            (100, 128, True),
            (24, 128, True),
            (24, 720, False),
            (100, 720, True),
            (7, 720, False),
            (1, 1, False),
        ],
    )
    def test_uneven_key_groups(self, parallelism: int, groups: int, found: bool) -> None:
        document = job(SOURCE, COUNT, parallelism=parallelism, maxParallelism=groups)
        assert bool(find(document, code="GRA303")) is found

    def test_says_how_many(self) -> None:
        (found,) = find(job(SOURCE, COUNT, parallelism=100, maxParallelism=128), code="GRA303")
        assert found.message == "128 key groups on 100 subtasks of 'count': some get 2, some 1"
        assert found.severity is Severity.INFO

    def test_an_operator_without_keys(self) -> None:
        document = job(SOURCE, op("a", "map", "events"), parallelism=100, maxParallelism=128)
        assert find(document, code="GRA303") == []

    def test_more_subtasks_than_key_groups_are_another_finding(self) -> None:
        codes = [f.code for f in find(job(SOURCE, COUNT, parallelism=200, maxParallelism=128), code="GRA30")]
        assert "GRA302" in codes
        assert "GRA303" not in codes


class TestChains:
    def groups(self, *, ship: str | None = None, parallelism: int = 2, kind: str = "map") -> list[Finding]:
        entry = {"from": "events", **({"ship": ship} if ship else {})}
        operators = (
            {**SOURCE, "group": "io", "parallelism": 2},
            op("work", kind, entry, group="work", parallelism=parallelism),
        )
        return find(job(*operators), code="GRA304")

    def test_a_chain_that_a_group_breaks(self) -> None:
        (found,) = self.groups()
        assert found.message == "'events' -> 'work' is not chained: groups 'io' and 'work' differ"
        assert found.pointer == "/spec/operators/1/inputs/0"
        assert len(self.groups(ship="forward")) == 1

    @pytest.mark.parametrize("ship", ["rebalance", "hash", "rescale"])
    def test_an_edge_that_is_not_chained_anyway(self, ship: str) -> None:
        assert self.groups(ship=ship) == []

    def test_other_parallelism_and_two_inputs(self) -> None:
        assert self.groups(parallelism=4) == []
        operators = (
            {**SOURCE, "group": "io"},
            op("more", "source", group="io"),
            op("both", "connect", "events", "more", group="work"),
        )
        assert find(job(*operators), code="GRA304") == []

    def test_one_group(self) -> None:
        assert find(job(SOURCE, op("a", "map", "events")), code="GRA304") == []

    def test_chaining_is_off(self) -> None:
        operators = ({**SOURCE, "group": "io"}, op("a", "map", "events", group="work"))
        options = {"pipeline.operator-chaining.enabled": False}
        assert find(job(*operators, flinkConfiguration=options), code="GRA304") == []
