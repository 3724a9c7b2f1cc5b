"""Names that a person may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``, did you mean 'x'?`` with the known name that is most like ``name``, empty where none is."""
    folded = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name[:60].lower(), folded, 1, 0.6)
    return f", did you mean {folded[close[0]]!r}?" if close else ""
