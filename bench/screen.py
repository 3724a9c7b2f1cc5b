"""How fast the screen is: first paint, an edit and its answer, a frame of a pan (needs Chromium).

    .venv/bin/python bench/screen.py [--runs N] [--write]

A job of 500 operators with 1,000 slots on 100 TaskManagers, and one of 100,000 slots on 5,000 TaskManagers
with its placement. Times are those of the browser; the server and the browser share the machine.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/benchmarks/screen.md"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--disable-background-networking"]


def job(chains: int, length: int, groups: int, parallelism: int) -> dict[str, Any]:
    """Return a job of ``chains`` chains of ``length`` operators, each reading from one before it."""
    operators = []
    for chain in range(chains):
        group = f"g{chain % groups}"
        for step in range(length):
            before = f"o{chain}-{step - 1}" if step else f"o{chain - groups}-{length - 1}"
            ship = {} if step else {"ship": "hash"}
            inputs = [] if not step and chain < groups else [{"from": before, **ship}]
            operators.append(
                {
                    "id": f"o{chain}-{step}",
                    "kind": "map" if inputs else "kafka-source",
                    "group": group,
                    "parallelism": parallelism,
                    "inputs": inputs,
                    "load": {"cpu": 0.01 + (chain + step) % 7 / 100},
                }
            )
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": f"job-of-{len(operators)}"},
        "spec": {
            "slotSharingGroups": [
                {"name": f"g{number}", "resources": {"cpu": 0.2, "heap": "64 mb"}} for number in range(groups)
            ],
            "operators": operators,
        },
    }


def cluster(count: int, cpu: int, process: str, slots: int) -> dict[str, Any]:
    """Return a cluster of two classes."""
    return {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "c"},
        "spec": {
            "taskManagerClasses": [
                {
                    "name": "a",
                    "count": count // 2,
                    "cpu": cpu,
                    "memory": {"process": process},
                    "slots": slots,
                },
                {
                    "name": "b",
                    "count": count - count // 2,
                    "cpu": cpu,
                    "memory": {"process": process},
                    "slots": slots,
                },
            ]
        },
    }


CASES = {
    "500 operators, 1,000 slots": (job(100, 5, 20, 50), cluster(100, 16, "8 gb", 20), False),
    "100,000 slots on 5,000 TaskManagers": (job(10, 1, 10, 10_000), cluster(5000, 16, "16 gb", 40), True),
}
PAN = """async (svg) => {
  const frames = []; let last = performance.now();
  const box = svg.getBoundingClientRect();
  const at = (x, y) => ({clientX: x, clientY: y, bubbles: true, view: window});
  const fire = (type, x, y) => svg.dispatchEvent(new MouseEvent(type, at(x, y)));
  fire('mousedown', box.left + 20, box.top + 20);
  for (let step = 0; step < 60; step++) {
    fire('mousemove', box.left + 20 + step * 3, box.top + 20 + step);
    await new Promise(requestAnimationFrame);
    const now = performance.now(); frames.push(now - last); last = now;
  }
  fire('mouseup', box.left + 20, box.top + 20);
  return frames.slice(1);
}"""
EDIT = """async (field, value) => {
  const id = field.id, began = performance.now();
  field.value = value;
  field.dispatchEvent(new Event('change'));
  while (document.getElementById(id).defaultValue !== value) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
SCROLL = """async (list) => {
  const frames = []; let last = performance.now();
  for (let step = 0; step < 60; step++) {
    list.scrollTop += 400;
    await new Promise(requestAnimationFrame);
    const now = performance.now(); frames.push(now - last); last = now;
  }
  return frames.slice(1);
}"""


def measured(browser: Any, folder: Path, placed: bool) -> dict[str, list[float]]:
    """Open the screen on a folder and time it."""
    options = ["--placement", "job.placement.json"] if placed else []
    command = [sys.executable, "-m", "planner", "ui", "--no-open", *options]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        found = re.search(r"http\S+", process.stderr.readline())
        assert found is not None
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        address, _, token = found.group().partition("?")
        page.goto(f"{address}?{token}#{'placement' if placed else 'graph'}")
        page.locator(".card" if placed else ".vertex").first.wait_for()
        began = time.perf_counter()
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(f"{address}#{'placement' if placed else 'graph'}")
        page.locator(".card" if placed else ".vertex").first.wait_for()
        times = {"first paint, s": [time.perf_counter() - began]}
        if placed:
            times["a frame of scrolling, ms"] = page.locator(".virtual").evaluate(SCROLL)
            page.get_by_role("tab", name="Graph").click()
        times["a frame of a pan, ms"] = page.locator(".graph").evaluate(PAN)
        page.locator(".vertex").first.click()
        field = page.get_by_label("CPU load of a subtask", exact=True).first
        if not field.is_visible():
            page.locator("details.fields summary").first.click()
        times["an edit and its answer, s"] = []
        for value in ("0.03", "0.04", "0.05"):
            field = page.get_by_label("CPU load of a subtask", exact=True).first
            field.focus()
            times["an edit and its answer, s"].append(field.evaluate(EDIT, value) / 1000)
        page.close()
        return times
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def main() -> None:
    """Measure all cases and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *sandbox])
        for name, (declared, places, placed) in CASES.items():
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                (folder / "job.yaml").write_text(yaml.safe_dump(declared, sort_keys=False))
                (folder / "cluster.yaml").write_text(yaml.safe_dump(places, sort_keys=False))
                if placed:
                    command = [sys.executable, "-m", "planner", "place", "-o", "job.placement.json"]
                    subprocess.run([*command, "--time-limit", "30"], cwd=folder, check=True)
                times: dict[str, list[float]] = {}
                for _ in range(asked.runs):
                    for what, some in measured(browser, folder, placed).items():
                        times.setdefault(what, []).extend(some)
                rows += [(name, what, statistics.median(some), max(some)) for what, some in times.items()]
        browser.close()
    lines = ["| job | what | median | worst |", "|---|---|--:|--:|"]
    lines += [f"| {name} | {what} | {middle:.3g} | {worst:.3g} |" for name, what, middle, worst in rows]
    print("\n".join(lines))
    if asked.write:
        head = (
            PAGE.read_text(encoding="utf-8").partition("| job |")[0] if PAGE.exists() else "# The screen\n\n"
        )
        PAGE.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
