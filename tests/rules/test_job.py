"""JOB: what the rules over declared operators and groups find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pytest

from rules.documents import SOURCE, find, job, op


class TestCycle:
    def test_two_operators(self) -> None:
        (found,) = find(job(SOURCE, op("a", "map", "events", "b"), op("b", "map", "a")), code="JOB203")
        assert found.message == "operators form a cycle: a <- b <- a"
        assert found.pointer == "/spec/operators/1"

    def test_self_loop(self) -> None:
        (found,) = find(job(SOURCE, op("a", "map", "events", "a")), code="JOB203")
        assert found.message == "operators form a cycle: a <- a"

    def test_names_only_the_cycle_and_not_what_reads_from_it(self) -> None:
        document = job(
            SOURCE,
            op("after", "map", "b"),
            op("a", "map", "events", "b"),
            op("b", "map", "a"),
            op("last", "map", "after"),
        )
        (found,) = find(document, code="JOB203")
        assert found.message == "operators form a cycle: b <- a <- b"

    def test_a_diamond_is_no_cycle(self) -> None:
        document = job(
            SOURCE, op("a", "map", "events"), op("b", "map", "events"), op("c", "map", "a", "b", "a")
        )
        assert find(document, code="JOB") == []

    def test_a_cycle_of_3000_operators(self) -> None:
        count = 3000
        ring = [op(f"o{n}", "map", f"o{(n - 1) % count}") for n in range(count)]
        (found,) = find(job(SOURCE, *ring), code="JOB203")
        assert found.message.startswith("operators form a cycle: o")

    def test_a_long_cycle_has_a_short_message(self) -> None:
        ring = [op(f"o{n}", "map", f"o{(n - 1) % 3000}") for n in range(3000)]
        (found,) = find(job(SOURCE, *ring), code="JOB203")
        assert len(found.message) < 500

    def test_a_long_chain_is_no_cycle(self) -> None:
        chain = [op(f"o{n}", "map", f"o{n - 1}" if n else "events") for n in range(2000)]
        assert find(job(SOURCE, *reversed(chain)), code="JOB") == []


class TestGroups:
    OPERATORS = (op("a", "source", group="io"), op("b", "map", "a", group="stat"))

    def test_without_declared_groups_every_name_is_fine(self) -> None:
        assert find(job(*self.OPERATORS), code="JOB206") == []

    def test_with_declared_groups_names_have_to_be_among_them(self) -> None:
        (found,) = find(
            job(*self.OPERATORS, slotSharingGroups=[{"name": "io"}, {"name": "state"}]), code="JOB206"
        )
        assert found.pointer == "/spec/operators/1/group"
        assert found.message == (
            "operator 'b' is in group 'stat', which is not declared, did you mean 'state'?"
        )

    def test_default_is_always_there(self) -> None:
        operators = (op("a", "source", group="default"), op("b", "map", "a", group="io"))
        assert find(job(*operators, slotSharingGroups=[{"name": "io"}]), code="JOB20") == []

    def test_an_inherited_group_is_used(self) -> None:
        operators = (op("a", "source", group="io"), op("b", "map", "a"))
        assert find(job(*operators, slotSharingGroups=[{"name": "io"}]), code="JOB208") == []

    @pytest.mark.parametrize(
        ("resources", "missing"),
        [
            ({"cpu": 1}, "no heap"),
            ({"heap": "1 gb"}, "no cpu"),
            ({"offHeap": "1 mb"}, "no cpu and no heap"),
            ({"managed": {"PYTHON": "1 mb"}}, "no cpu and no heap"),
            ({"external": {"gpu": 1}}, "no cpu and no heap"),
        ],
    )
    def test_incomplete_resources(self, resources: dict[str, Any], missing: str) -> None:
        (found,) = find(
            job(SOURCE, slotSharingGroups=[{"name": "default", "resources": resources}]), code="JOB210"
        )
        assert found.message.endswith(missing)

    @pytest.mark.parametrize("group", [{}, {"resources": {}}, {"resources": {"cpu": 1, "heap": "1 gb"}}])
    def test_complete_or_no_resources(self, group: dict[str, Any]) -> None:
        assert find(job(SOURCE, slotSharingGroups=[{"name": "default", **group}]), code="JOB210") == []
