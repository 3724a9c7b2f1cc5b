"""Differences as Markdown, for a comment on a pull request."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.documents.difference import Difference
from planner.documents.placement import PlacedTaskManager, Placement
from planner.place.model.objective import CPU_LEVEL
from planner.report.printable import plain

ROWS = 60
"""Lines of a table before the rest is only counted: a comment on GitHub has 65,536 characters at most."""
NAMED = 12
"""TaskManagers that are named before the rest is only counted."""
LONGEST = 80
"""Characters of a value before it is cut."""


def code(text: str, longest: int = LONGEST) -> str:
    """Return a text that Markdown shows as it is, in a cell of a table too: no markup, no mention, no link."""
    text = plain(text.replace("\n", " "), longest).replace("|", "\\|").strip()
    if not text:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def difference_table(name: str, found: Sequence[Difference]) -> str:
    """Return what differs between two documents, a line for each field."""
    if not found:
        return f"{code(name)}: no difference\n"
    rows = [(code(one.path), _value(one.old), _value(one.new)) for one in found]
    return f"**{code(name)}**\n\n{_table(('field', 'before', 'after'), rows)}"


def placement_table(old: Placement, new: Placement) -> str:
    """Return what a placement changes: its figures, what each TaskManager holds, and which restart."""
    before, after = _held(old), _held(new)
    ids = [tm.id for tm in old.task_managers]
    ids += [tm.id for tm in new.task_managers if tm.id not in before]
    alike: dict[tuple[str, str], list[str]] = {}
    for one in ids:
        there, here = before.get(one, "-"), after.get(one, "-")
        if there != here:
            alike.setdefault((there, here), []).append(one)
    changed = [(_names(names), *contents) for contents, names in alike.items()]
    figures = _table(("", "before", "after"), list(_figures(old, new)), right=True)
    text = f"**Placement {code(new.metadata.name)}**\n\n{figures}\n"
    if not changed:
        return f"{text}Every TaskManager holds what it held.\n"
    restarted = _restarted(old, new)
    which = f": {_names(restarted)}" if restarted else ""
    text += f"{_count(len(restarted), 'TaskManager')} to start again with other options{which}.\n\n"
    return text + _table(("TaskManagers", "before", "after"), changed)


def _figures(old: Placement, new: Placement) -> Iterator[tuple[str, str, str]]:
    for label, figure in (
        ("highest CPU", lambda one: f"{one.imbalance.max:.2%}"),
        ("no placement is below", _bound),
        ("highest / mean CPU", lambda one: f"{one.imbalance.max_over_mean:.3f}"),
        ("TaskManagers with slots", lambda one: str(sum(1 for tm in _used(one)))),
        ("TaskManagers in reserve", lambda one: str(sum(1 for tm in one.task_managers if tm.reserve))),
        ("slots", lambda one: str(sum(sum(tm.quotas.values()) for tm in _used(one)))),
    ):
        yield label, figure(old), figure(new)
    yield "slots that are new where they are", "", str(_moved(old, new))


def _bound(placement: Placement) -> str:
    bound = next((one.bound for one in placement.objective if one.name == CPU_LEVEL), None)
    return "-" if bound is None else f"{bound:.2%}"


def _used(placement: Placement) -> list[PlacedTaskManager]:
    return [tm for tm in placement.task_managers if not tm.reserve and any(tm.quotas.values())]


def _moved(old: Placement, new: Placement) -> int:
    """Return how many slots stand where none of their group stood, by TaskManager."""
    before = {tm.id: Counter(tm.quotas) for tm in _used(old)}
    return sum((Counter(tm.quotas) - before.get(tm.id, Counter())).total() for tm in _used(new))


def _restarted(old: Placement, new: Placement) -> list[str]:
    """Return the TaskManagers of both that start with other options or JVM arguments."""
    before = {tm.id: tm.memory for tm in old.task_managers}
    return [tm.id for tm in new.task_managers if tm.id in before and before[tm.id] != tm.memory]


def _held(placement: Placement) -> dict[str, str]:
    return {
        tm.id: f"in reserve: {_spelled(tm.quotas)}" if tm.reserve else _spelled(tm.quotas)
        for tm in placement.task_managers
    }


def _spelled(quotas: Mapping[str, int]) -> str:
    return ", ".join(f"{code(group)} x{slots}" for group, slots in quotas.items() if slots) or "no slots"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(code(one) for one in names[:NAMED]) + more


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    rule = ["---", *("--:" if right else "---" for _ in columns[1:])]
    lines = [columns, rule, *rows[:ROWS]]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + (f"\nand {len(rows) - ROWS} more\n" if len(rows) > ROWS else "")
