"""A report as one HTML page: the data of `planner.api.report` with the screens of ``ui/`` built in.

The page loads nothing, runs no script and no style but those whose digest its policy names, and holds
documents as data alone: ``ui/`` shows every name as text.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any

from planner.version import __version__

_ESCAPED = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def page(data: Mapping[str, Any], outline: str) -> str:
    """Return a report; ``outline`` is what it says in a sentence where scripts do not run."""
    assets = files(__package__) / "assets"
    script, style = ((assets / name).read_text(encoding="utf-8") for name in ("report.js", "report.css"))
    name = html.escape(str(data["placement"]["metadata"]["name"]))
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)};"
        " base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="planner {__version__}">
<title>{name} - planner report</title>
<style>{style}</style>
</head>
<body>
<noscript><h1>{name}</h1><p>{html.escape(outline)}</p>
<p>The views of this report need JavaScript. Download the file and open it in a browser.</p></noscript>
<script type="application/json" id="data">{embedded(data)}</script>
<script>{script}</script>
</body>
</html>
"""


def embedded(data: Mapping[str, Any]) -> str:
    """Return ``data`` as JSON in which nothing ends a script element or a line of JavaScript."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPED)


def _digest(text: str) -> str:
    """Return the source expression of a Content-Security-Policy that allows exactly ``text``."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
