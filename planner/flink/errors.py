"""What can go wrong between planner and Flink as a compiler; every message is for the user."""

from __future__ import annotations

from planner.errors import PlannerError


class FlinkMissing(PlannerError):
    """The extra ``flink`` is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "planner needs Flink for this, which is its extra: pip install 'flink-resource-planner[flink]',"
            " or in a checkout: pip install '.[flink]'"
        )


class NoFlinkHome(PlannerError):
    """The folder that was named does not hold a Flink distribution."""


class OptionRefused(PlannerError):
    """An option that planner or a document sets otherwise, or whose value cannot be had."""


class ProgramError(PlannerError):
    """A program that Flink cannot turn into a stream graph; the message is for its author."""
