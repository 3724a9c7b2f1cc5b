"""What can go wrong between planner and a real Flink; every message is for the user."""

from __future__ import annotations


class FlinkMissing(RuntimeError):  # noqa: N818 - the user reads it, and it names the cure
    """The extra ``planner[flink]`` is not installed."""

    def __init__(self) -> None:
        super().__init__("planner needs real Flink for this: pip install 'planner[flink]'")


class NoFlinkHome(ValueError):  # noqa: N818 - the user reads it
    """The folder that was named holds no Flink."""


class ProgramError(ValueError):
    """A program that Flink cannot turn into a stream graph; the message is for its author."""
