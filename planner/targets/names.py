"""Names of a placement as names that file systems and Kubernetes take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

LONGEST = 63
"""Characters of a label of RFC 1123."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def is_label(name: str, longest: int = LONGEST) -> bool:
    """Tell whether a name is a label of RFC 1123."""
    return len(name) <= longest and _LABEL.fullmatch(name) is not None


def labels(names: Iterable[str], longest: int = LONGEST, reserved: Collection[str] = ()) -> dict[str, str]:
    """Return a label of RFC 1123 for each name, no two alike; a name that is one is kept.

    Any other has a digest of itself behind what is left of it, so it does not depend on the names beside it.
    """
    names = list(dict.fromkeys(names))
    found = {name: name for name in names if is_label(name, longest) and name not in reserved}
    taken = {*found, *reserved}
    for name in names:
        if name not in found:
            found[name] = _made(name, longest, taken)
            taken.add(found[name])
    return {name: found[name] for name in names}


def _made(name: str, longest: int, taken: Collection[str]) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    made = ""
    for digits in range(8, longest):
        made = f"{readable[: longest - digits - 1]}-{digest[:digits]}".strip("-")
        if made not in taken:
            break
    return made
