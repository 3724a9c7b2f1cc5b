"""The user's browser, which is told the address without anybody else seeing it."""

from __future__ import annotations

import atexit
import contextlib
import html
import os
import tempfile
import threading
import webbrowser
from pathlib import Path


def opened(address: str) -> None:
    """Open an address in the browser, and do not wait for it.

    The address holds a token, and command lines are everybody's to read: the browser is given a file that
    only its owner can read and that leads there. It is gone when planner ends.
    """
    handle, name = tempfile.mkstemp(prefix="planner-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        leads = html.escape(address, quote=True)
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={leads}">\n')
    atexit.register(_forgotten, name)
    threading.Thread(target=webbrowser.open, args=(Path(name).as_uri(),), daemon=True).start()


def _forgotten(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)
