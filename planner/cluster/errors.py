"""What can go wrong between planner and a running cluster; every message is for the user."""

from __future__ import annotations


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
