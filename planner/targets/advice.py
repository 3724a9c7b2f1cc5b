"""How to run a job: on TaskManagers as placed or that Flink asks for, and in which mode without quotas.

What is advised follows from figures: the placement's beside what Flink's own scheduler would do on the same
TaskManagers, simulated over random orders of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.documents.option_tables import option_table
from planner.documents.placement import Placement
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import JobType
from planner.graph.from_profile import planner_fields

BALANCE_MODE = "taskmanager.load-balance.mode"
SPREAD_OUT = "cluster.evenly-spread-out-slots"
MODES = {"none": "NONE", "slots": "SLOTS", "minResources": "MIN_RESOURCES", "tasks": "TASKS"}
"""The modes by their names in a placement."""
AS_GOOD = 1.02
"""A highest utilisation up to this many times the planned one is as good: loads are no more exact."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run the job: its highest CPU utilisation, and the options that make Flink do so.

    Of Flink's own scheduler it is the median, from ``lowest`` to ``highest``; None where slots find no room.
    """

    name: str
    median: float | None
    lowest: float | None
    highest: float | None
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is advised of one question, and why."""

    question: str
    answer: str
    reason: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Advice:
    """What is advised for a job, and the figures that it follows from: the placement first."""

    name: str
    choices: tuple[Choice, ...]
    ways: tuple[Way, ...]

    def data(self) -> dict[str, Any]:
        """Return it as plain data, utilisation as a share."""
        return {
            "job": self.name,
            "advice": [
                {
                    "question": one.question,
                    "answer": one.answer,
                    "reason": one.reason,
                    "options": dict(one.options),
                }
                for one in self.choices
            ],
            "ways": [
                {
                    "name": one.name,
                    "maxCpuUtilisation": one.median,
                    "lowest": one.lowest,
                    "highest": one.highest,
                    "options": dict(one.options),
                }
                for one in self.ways
            ],
        }


def advice(placement: Placement, profile: ResourceProfile) -> Advice:
    """Return what is advised for a job with its best placement; ``profile`` is the complete one."""
    fields = planner_fields(profile)
    planned = placement.imbalance.max
    ways = [Way("as placed", planned, planned, planned, {})]
    for key, name in MODES.items():
        options = _options(name, fields.flink_version)
        stock = next((one for mode, one in placement.stock_flink.items() if mode == key), None)
        if stock is not None and options is not None:
            ways.append(Way(f"Flink, mode {name}", stock.max, stock.lowest, stock.highest, options))
    # the worst order counts between modes that come to the same: Flink draws it at every start
    best = min(
        (way for way in ways[1:] if way.median is not None),
        key=lambda way: (way.median or 0.0, way.highest or 0.0),
        default=None,
    )
    choices = (_cluster(fields.type), _task_managers(placement, best), _without_quotas(best))
    return Advice(placement.metadata.name, choices, tuple(ways))


def _options(mode: str, version: str) -> Mapping[str, str] | None:
    """Return the options that set a mode in a version of Flink, None where it has no such mode."""
    table = option_table(version)
    known = table.options.get(BALANCE_MODE)
    if mode == "NONE":
        return {}
    if known is not None:
        return {BALANCE_MODE: mode} if mode in known.enum else None
    return {SPREAD_OUT: "true"} if mode == "SLOTS" and SPREAD_OUT in table.options else None


def _cluster(type_: JobType) -> Choice:
    if type_ is JobType.BATCH:
        return Choice(
            "cluster",
            "a session cluster, where many short jobs follow each other; else one for this job",
            "a batch job gives its slots back when it ends, and its cluster may take longer to start than it",
            {},
        )
    return Choice(
        "cluster",
        "one for this job alone",
        "what it loads, and a JobManager that fails, touch no other job; planner run submits the job graph as"
        " planned, where the JobManager of application mode compiles the program itself, without what the"
        " profile changes",
        {},
    )


def _task_managers(placement: Placement, best: Way | None) -> Choice:
    used = [tm for tm in placement.task_managers if tm.slots and not tm.reserve]
    unequal = len({tm.class_ or tm.id for tm in used}) > 1
    fixed = "fixed ones, as placed: export to kubernetes, operator (standalone) or standalone"
    planned = placement.imbalance.max
    if best is None or best.median is None:
        reason = "without quotas not every slot finds room"
    elif best.median > planned * AS_GOOD:
        reason = f"highest CPU {planned:.1%}, where Flink's own scheduler comes to {best.median:.1%} at best"
    elif unequal:
        reason = "they are of several sizes; Flink asks Kubernetes and YARN for TaskManagers of one size"
    elif any(tm.reserve for tm in placement.task_managers):
        reason = "those in reserve start when the job runs, which Flink does not do by itself"
    else:
        return Choice(
            "TaskManagers",
            "on demand: native mode of Kubernetes, or YARN",
            f"all are of one size, and Flink's own scheduler comes to {best.median:.1%}, the placement to"
            f" {planned:.1%}; it asks for as many as it needs",
            best.options,
        )
    return Choice("TaskManagers", fixed, reason, {})


def _without_quotas(best: Way | None) -> Choice:
    if best is None or best.median is None:
        return Choice("without quotas", "none of Flink's modes", "not every slot finds room under any", {})
    low, high = best.lowest or best.median, best.highest or best.median
    spread = f", and to {low:.1%} to {high:.1%} as its order of TaskManagers falls" if low != high else ""
    return Choice(
        "without quotas",
        best.name.removeprefix("Flink, "),
        f"it comes to {best.median:.1%}, the lowest of Flink's own" + spread,
        best.options,
    )
