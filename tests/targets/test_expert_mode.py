"""Profiles as official expert-mode documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import planner
from planner.targets.expert_mode import expert_mode
from samples import SAMPLES, job_of

DATA = Path(__file__).parent.parent / "documents/data"
OFFICIAL = sorted(DATA.glob("expert-*.json"))


def mentions(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(mentions(item, key) for item in value.values())
    return isinstance(value, list) and any(mentions(item, key) for item in value)


@pytest.mark.parametrize("path", OFFICIAL, ids=lambda path: path.stem)
def test_an_official_document_comes_back_as_it_was(path: Path) -> None:
    assert expert_mode(planner.load_profile(path)) == json.loads(path.read_text())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_profile_of_planners_loses_only_its_own_fields(name: str, tmp_path: Path) -> None:
    profile = planner.compile(job_of(name))
    plain = planner.export(profile)
    assert list(plain) == ["ssgProfiles", "nodes", "edges", "vertices"]
    assert not mentions(plain, "planner")
    assert [group["name"] for group in plain["ssgProfiles"]] == [g.name for g in profile.ssg_profiles]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plain))
    again = planner.load_profile(path)
    assert [node.profile for node in again.nodes] == [node.profile for node in profile.nodes]
    assert expert_mode(again) == plain
