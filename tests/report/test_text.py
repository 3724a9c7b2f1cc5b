"""Findings as text."""

from __future__ import annotations

from report.broken import FORWARD, FORWARD_HINT, PATH, UNEQUAL, UNEQUAL_HINT, output


def test_text() -> None:
    assert output("text").splitlines() == [
        f"{PATH}:10:7: info GRA309: {UNEQUAL}",
        "   10 |     - id: orders",
        "      |       ^",
        f"  = help: {UNEQUAL_HINT}",
        "",
        f"{PATH}:16:11: error GRA301: {FORWARD}",
        "   16 |         - {from: orders, ship: forward}  # <- here",
        "      |           ^",
        f"  = help: {FORWARD_HINT}",
        "",
    ]


def test_concise() -> None:
    assert output("concise").splitlines() == [
        f"{PATH}:10:7: GRA309 {UNEQUAL}",
        f"{PATH}:16:11: GRA301 {FORWARD}",
    ]
