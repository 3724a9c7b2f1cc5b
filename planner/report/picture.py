"""A placement as one picture, SVG without script or font: for a page, a slide, or a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from planner.documents.placement import PlacedTaskManager, Placement
from planner.place.model.objective import CPU_LEVEL
from planner.report.printable import plain
from planner.report.tables import STOCK_NAMES

WIDTH, LINE, LEFT, BAR = 960, 22, 210, 360
"""Pixels: of the picture, a line, the names, and the longest bar. Behind that is what a TaskManager holds."""
ROWS = 40
"""Bars before the rest is only counted."""
COLORS = (
    "#3a7bd5", "#c7591b", "#2a9160", "#9a5bc7", "#a97f0c", "#d2487b",
    "#17899c", "#7b7d26", "#6a6fd8", "#b0574a", "#54892f", "#8d6a9e",
)  # fmt: skip
"""Those of the report's views: distinct on white and on dark grey."""
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1b2230}.dim{fill:#576071}.track{fill:#e6e9ee}.fill{fill:#3a7bd5}.stock{fill:#9aa3b2}"
    ".ground{fill:#fff}.bound{stroke:#1c7a4a;stroke-width:1.5;stroke-dasharray:4 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ef}.dim{fill:#a3acbb}.track{fill:#303744}"
    ".ground{fill:#1a1e26}.bound{stroke:#62c992}}"
)


def picture(placement: Placement) -> str:
    """Return a bar for each kind of TaskManager: its CPU utilisation, and how many slots of each group it holds.

    TaskManagers of one class with equal quotas are one bar, the fullest first, and a bar that is full is all
    CPU. The dashed line is the bound: no placement has a lower highest utilisation. Below are TaskManagers in
    reserve, and simulations of Flink's own scheduler.
    """
    bars = _alike([tm for tm in placement.task_managers if tm.slots])
    stock = [
        (STOCK_NAMES[name], found.max)
        for name, found in placement.stock_flink.items()
        if found.max is not None
    ]
    groups = list(dict.fromkeys(slot.group for tm in placement.task_managers for slot in tm.slots))
    colors = {group: COLORS[number % len(COLORS)] for number, group in enumerate(groups)}
    end = max([1.0, placement.imbalance.max, *(share for _, share in stock)])
    scale = BAR / end
    level = next((one for one in placement.objective if one.name == CPU_LEVEL), None)
    status = f"simulation of {placement.strategy}" if placement.strategy else level.status if level else ""
    found = f"highest CPU utilisation {placement.imbalance.max:.2%}, {status}; dashed: the proven bound"
    lines = [
        _text(16, 26, plain(placement.metadata.name, 28), "style='font-weight:600'"),
        _text(LEFT, 26, found, "", "dim"),
        _text(LEFT + BAR + 66, 54, "slots of each group", "", "dim"),
        *_legend(groups, colors),
    ]
    top = 74
    for name, tm in bars[:ROWS]:
        lines += [
            _text(LEFT - 10, top + 15, plain(name, 30), "text-anchor='end'"),
            f"<rect class='track' x='{LEFT}' y='{top + 3}' width='{BAR}' height='16' rx='3'/>",
            f"<rect class='fill' x='{LEFT}' y='{top + 3}' width='{tm.utilisation.get('cpu', 0.0) * scale:.1f}'"
            " height='16' rx='3'/>",
            *_held(tm, colors, top),
            _text(LEFT + BAR + 8, top + 15, f"{tm.utilisation.get('cpu', 0.0):.1%}"),
        ]
        top += LINE
    if len(bars) > ROWS:
        lines.append(
            _text(LEFT - 10, top + 15, f"and {len(bars) - ROWS} kinds more", "text-anchor='end'", "dim")
        )
        top += LINE
    if level is not None and level.bound is not None and level.bound > 0:
        x = LEFT + level.bound * scale
        lines.append(f"<line class='bound' x1='{x:.1f}' x2='{x:.1f}' y1='68' y2='{top + 2}'/>")
    for name, tm in _alike([tm for tm in placement.task_managers if tm.reserve])[:ROWS]:
        lines += [
            _text(LEFT - 10, top + 15, plain(name, 30), "text-anchor='end'", "dim"),
            _text(LEFT, top + 15, "in reserve, for the slots of a loss", "", "dim"),
            *_held(tm, colors, top),
        ]
        top += LINE
    for name, share in stock:
        lines += [
            _text(LEFT - 10, top + 17, f"Flink, {name}", "text-anchor='end'", "dim"),
            f"<rect class='stock' x='{LEFT}' y='{top + 8}' width='{share * scale:.1f}' height='10' rx='3'/>",
            _text(LEFT + BAR + 8, top + 17, f"{share:.1%}", "", "dim"),
        ]
        top += LINE
    height = top + 16
    name = plain(placement.metadata.name)
    label = escape(f"{name}: highest CPU utilisation {placement.imbalance.max:.2%}", quote=True)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}'"
        f' height=\'{height}\' role="img" aria-label="{label}">\n<style>{STYLE}</style>\n'
        f"<rect class='ground' width='{WIDTH}' height='{height}'/>\n" + "\n".join(lines) + "\n</svg>\n"
    )


def _alike(task_managers: Sequence[PlacedTaskManager]) -> list[tuple[str, PlacedTaskManager]]:
    """Return the fullest TaskManager of each kind with what the kind is called."""
    alike: dict[tuple[str, tuple[tuple[str, int], ...]], list[PlacedTaskManager]] = {}
    for tm in sorted(task_managers, key=lambda tm: -tm.utilisation.get("cpu", 0.0)):
        alike.setdefault((tm.class_ or "", tuple(sorted(tm.quotas.items()))), []).append(tm)
    return [
        (kind[0].id + (f" and {len(kind) - 1} alike" if kind[1:] else ""), kind[0]) for kind in alike.values()
    ]


def _held(tm: PlacedTaskManager, colors: dict[str, str], top: int) -> Iterator[str]:
    """Yield how many slots of each group a TaskManager holds."""
    x = LEFT + BAR + 66
    for group, slots in tm.quotas.items():
        if not slots:
            continue
        if x > WIDTH - 50:
            yield _text(x, top + 15, "...", "", "dim")
            return
        yield (
            f"<rect x='{x}' y='{top + 5}' width='11' height='11' rx='2' fill='{colors.get(group, '#999')}'>"
            f"<title>{escape(plain(group))}</title></rect>"
        )
        yield _text(x + 15, top + 15, str(slots))
        x += 22 + 8 * len(str(slots))


def _legend(groups: list[str], colors: dict[str, str]) -> Iterator[str]:
    x = 16.0
    for group in groups:
        name = plain(group, 24)
        if x + 30 + 7 * len(name) > LEFT + BAR:
            yield _text(x, 54, "...", "", "dim")
            return
        yield f"<rect x='{x:.0f}' y='44' width='11' height='11' rx='2' fill='{colors[group]}'/>"
        yield _text(x + 16, 54, name)
        x += 34 + 7 * len(name)


def _text(x: float, y: float, text: str, more: str = "", kind: str = "") -> str:
    classed = f" class='{kind}'" if kind else ""
    return (
        f"<text x='{x:.0f}' y='{y:.0f}'{classed}{' ' + more if more else ''}>{escape(plain(text, 90))}</text>"
    )
