"""docs/architecture.md: its picture, its rooms and its storeys are those of the code."""

from __future__ import annotations

import re
from collections import defaultdict

from test_architecture import FLOORS, NAMES, STOREYS, imported, room

from docs.pages import ROOT, blocks, table

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
BELOW = {"errors", "files", "units", "version"}
"""The modules below all rooms, which the picture leaves out."""
ROOMS = {room(name) for name in NAMES} - BELOW - {"", "__main__"}


def arrows() -> set[tuple[str, str]]:
    (picture,) = (block.text for block in blocks(PAGE) if block.language == "mermaid")
    return set(re.findall(r"^    (\w+) --> (\w+)$", picture, re.MULTILINE))


def imports() -> set[tuple[str, str]]:
    """Return the rooms that import each other."""
    pairs = {
        (room(name), room(other))
        for name, path in NAMES.items()
        for other in imported(path)
        if other in NAMES
    }
    return {(one, other) for one, other in pairs if one != other and {one, other} <= ROOMS}


def test_the_picture_has_every_room() -> None:
    assert {name for arrow in arrows() for name in arrow} == ROOMS
    assert {name for floor in FLOORS for name in floor} >= ROOMS


def test_arrows_go_down_and_are_imports() -> None:
    floors = {name: number for number, names in enumerate(FLOORS) for name in names}
    for one, other in arrows():
        assert floors[other] < floors[one]
    assert arrows() <= imports()


def test_every_import_is_along_arrows() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for name in (name for names in FLOORS for name in names):
        for one, other in arrows():
            if one == name:
                below[name] |= {other, *below[other]}
    for one, other in imports():
        assert other in below[one], f"{one} imports {other}"


def test_the_table_has_every_room() -> None:
    rooms = {row[0].strip("`"): row[2] for row in table(PAGE, "room")}
    assert rooms.keys() == ROOMS
    for name, files in rooms.items():
        for file in re.findall(r"`(\S+\.py)`", files):
            assert (ROOT / "planner" / name / file).is_file(), file


def test_the_table_has_every_storey() -> None:
    assert [re.findall(r"`(\w+)`", row[0]) for row in table(PAGE, "storey")] == [
        [name for name in storey if name in {room(module, 2) for module in NAMES if room(module) == "place"}]
        for storey in STOREYS
    ]
