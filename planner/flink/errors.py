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


class ClusterFailed(RuntimeError):  # noqa: N818 - the user reads it
    """A process of a cluster ended or did not come up; the message holds the end of its log."""


class RestError(RuntimeError):
    """A cluster does not answer, or refuses what it is asked; the message names the address."""


class NoAnswer(RestError):  # noqa: N818 - the user reads it
    """Nothing answers at an address, or nothing that is Flink."""


class NotThere(RestError):  # noqa: N818 - the user reads it
    """A cluster answers that it does not have what it is asked for."""


class TimedOut(RestError):  # noqa: N818 - the user reads it
    """Something did not happen within the time that was given."""
