"""The pictures of docs/ui.md: every view, light and dark, of a small job and a large one (needs Chromium).

.venv/bin/python tools/screens.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
SCREENS = ROOT / "docs/screens"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SMALL, LARGE = "click-enrichment", "large"


def main() -> None:
    """Write all pictures."""
    SCREENS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, sample in (("", SMALL), ("large-", LARGE)):
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
                with tempfile.TemporaryDirectory() as folder:
                    shoot(context.new_page(), Path(folder), sample, name, scheme)
                context.close()
        browser.close()
    (SCREENS / "edit-light.png").replace(ROOT / "docs/ui.png")


def shoot(page: Any, folder: Path, sample: str, prefix: str, scheme: str) -> None:
    """Start planner ui on a sample and picture its views."""
    for file in ("job.yaml", "cluster.yaml"):
        shutil.copy(ROOT / "samples" / sample / file, folder)
    command = [sys.executable, "-m", "planner", "ui", "--no-open", "--placement", "job.placement.json"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = re.search(r"http\S+", process.stderr.readline())
        assert found is not None
        page.goto(found.group())
        page.locator(".vertex").first.wait_for()

        def picture(view: str) -> None:
            page.mouse.move(640, 795)
            page.wait_for_timeout(300)
            page.screenshot(path=SCREENS / f"{prefix}{view}-{scheme}.png")

        picture("graph")
        if sample == SMALL:
            page.get_by_role("button", name=re.compile("^task sessions,")).click()
            page.get_by_label("Parallelism", exact=True).fill("many")
            page.get_by_label("Parallelism", exact=True).press("Enter")
            page.get_by_text("expected a whole number").first.wait_for()
            picture("edit")
            page.get_by_label("Parallelism", exact=True).fill("32")
            page.get_by_label("Parallelism", exact=True).press("Enter")
            page.get_by_text("\N{MULTIPLICATION SIGN}32").wait_for()
            page.get_by_role("button", name="Changes").click()
            picture("changes")
            page.keyboard.press("Escape")
        page.get_by_role("tab", name="Placement").click()
        page.get_by_role("button", name="Balance").click()
        page.locator(".card").first.wait_for(timeout=60_000)
        page.locator(".card").nth(1).click()
        picture("placement")
        page.get_by_role("tab", name="Recovery").click()
        page.locator(".row").first.click()
        picture("recovery")
        page.get_by_role("tab", name="Compare").click()
        page.get_by_text("Beside Flink's own scheduler").wait_for(timeout=60_000)
        picture("compare")
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


if __name__ == "__main__":
    main()
