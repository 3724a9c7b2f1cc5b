"""Names that a person may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_OTHER_WORDS = {
    "slotsharinggroup": "group",
    "partitioner": "ship",
    "partitioning": "ship",
    "shipstrategy": "ship",
    "replicas": "count",
    "taskheap": "heap",
    "taskoffheap": "offHeap",
    "cpucores": "cpu",
    "type": "kind",
    "classname": "entryClass",
    "mainclass": "entryClass",
    "jarfile": "jarURI",
}
"""Words of Flink, Kubernetes and other operators for fields that are spelled otherwise, in lower case."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'x'?`` with the known name that is most like ``name``, empty where none is."""
    folded = {candidate.lower(): candidate for candidate in known}
    lowered = name[:60].lower()
    other = _OTHER_WORDS.get(lowered, "")
    close = [other.lower()] if other in folded.values() else []
    close = close or difflib.get_close_matches(lowered, folded, 1, 0.6)
    return f", did you mean {folded[close[0]]!r}?" if close else ""


def same_letters(name: str, known: Iterable[str]) -> str | None:
    """Return the one known name that differs in case, dashes and underscores only, None where none does."""
    same = [one for one in known if _letters(one) == _letters(name)]
    return same[0] if len(same) == 1 else None


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
