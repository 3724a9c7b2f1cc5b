"""Every code of planner is described, once and in one way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import planner
from planner.documents.finding import Severity
from planner.rules.base import (
    ClusterRule,
    DataRule,
    FitRule,
    JobRule,
    ManifestRule,
    OptionRule,
    Rule,
    TogetherRule,
)
from planner.rules.registry import BY_CODE, MODULES, RULES

FOLDER = Path(planner.__file__).parent
READERS = [
    *(FOLDER / "documents").rglob("*.py"),
    *(FOLDER / "memory").glob("*.py"),
    *(FOLDER / "cli").glob("*.py"),
]
RAISED = re.compile(r'"((?:DOC|MEM)\d{3})"')


def test_codes_and_names_are_unique_within_a_module() -> None:
    assert len(BY_CODE) == len(RULES)
    for module in MODULES:
        names = [rule.name for rule in RULES if type(rule).__module__ == module.__name__]
        assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_is_in_the_module_of_its_prefix_and_says_everything(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)
    assert type(rule).__module__ == f"planner.rules.{rule.code[:3].lower()}"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert isinstance(rule.severity, Severity)
    for sentence in (rule.summary, rule.why):
        assert re.fullmatch(r"[A-Z].*\.", sentence)
    assert rule.hint
    assert not rule.hint.endswith(".")
    assert rule.source
    assert re.fullmatch(r"https://\S+", rule.source_url)


def test_what_has_no_check_is_raised_by_a_reader() -> None:
    """The codes in the sources of what reads documents and configurations are those without a check."""
    checks = (JobRule, OptionRule, DataRule, ManifestRule, ClusterRule, FitRule, TogetherRule)
    unchecked = {rule.code for rule in RULES if not isinstance(rule, checks)}
    raised = {code for path in READERS for code in RAISED.findall(path.read_text(encoding="utf-8"))}
    assert unchecked == raised


def test_sources_are_of_one_version_of_flink() -> None:
    flink = [
        rule.source_url for rule in RULES if "flink" in rule.source_url and "realtime" not in rule.source_url
    ]
    assert len(flink) > 40
    for url in flink:
        assert re.match(
            r"https://(nightlies\.apache\.org/flink/flink-docs-release-2\.2/docs/\S+/"
            r"|github\.com/apache/flink/blob/release-2\.2\.1/\S+\.java"
            r"|github\.com/apache/flink-kubernetes-operator/blob/release-1\.15\.0/\S+\.java"
            r"|github\.com/apache/flink/pull/\d+)$",
            url,
        )
