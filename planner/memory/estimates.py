"""Which figures of a slot nobody declared: what planner made up, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.documents.profile import Reason, ResourceProfile, SsgProfile
from planner.documents.vocabulary import UseCase
from planner.graph.from_profile import planner_fields
from planner.memory.managed import consumer_weights, split
from planner.units import parse_cpu, parse_size

FIGURES = ("cpu", "heap", "off_heap", "managed")
"""What a slot sharing group reserves for a slot; network memory is never an estimate."""
FIRM = ("declared", "exact")
"""Reasons of these kinds bind a placement; others describe."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much of a figure is planner's estimate, CPU units or bytes, and what it is made from."""

    amount: int
    reason: str


def estimates(profile: ResourceProfile) -> dict[str, dict[str, Estimate]]:
    """Return the estimates in a complete profile, by group and figure.

    A figure that differs from what its reasons add up to was edited, and is its author's.
    """
    fields = planner_fields(profile)
    weights = consumer_weights(fields.flink_configuration)
    found: dict[str, dict[str, Estimate]] = {}
    for group in profile.ssg_profiles:
        if group.name in fields.groups:
            reasons = fields.groups[group.name].explanation
            found[group.name] = dict(_estimates(group, reasons, weights))
    return {name: figures for name, figures in found.items() if figures}


def without_reasons(profile: ResourceProfile) -> ResourceProfile:
    """Return a complete profile whose figures are as firm as if they were declared: of slots that run."""
    fields = planner_fields(profile)
    groups = {name: one.model_copy(update={"explanation": []}) for name, one in fields.groups.items()}
    return profile.model_copy(update={"planner": fields.model_copy(update={"groups": groups})})


def _estimates(
    group: SsgProfile, reasons: list[Reason], weights: Mapping[UseCase, int]
) -> list[tuple[str, Estimate]]:
    found: list[tuple[str, Estimate]] = []
    for figure, name, value in (
        ("cpu", "cpu", group.cpu),
        ("heap", "heap", group.heap),
        ("off_heap", "offHeap", group.off_heap),
        ("managed", "managed", sum(group.managed.values())),
    ):
        mine = [one for one in reasons if one.figure == name or one.figure.startswith(f"{name}.")]
        if not value or value != _total(figure, mine, weights):
            continue
        firm = sum(_amount(one) for one in mine if one.confidence in FIRM)
        made_up = [one for one in mine if one.confidence not in FIRM]
        if made_up and value > firm:
            found.append((figure, Estimate(value - firm, "; ".join(one.reason for one in made_up))))
    return found


def _amount(reason: Reason) -> int:
    return parse_cpu(reason.value) if reason.figure == "cpu" else parse_size(reason.value)


def _total(figure: str, reasons: list[Reason], weights: Mapping[UseCase, int]) -> int:
    """Return what reasons add up to; managed memory as the weights of its use cases split it."""
    if figure != "managed":
        return sum(_amount(one) for one in reasons)
    needs = dict.fromkeys(UseCase, 0)
    for one in reasons:
        needs[UseCase(one.figure.removeprefix("managed."))] += _amount(one)
    return sum(split(needs, weights).values())
