"""Flink's failover strategy: what restarts when a task fails."""

from __future__ import annotations

from collections.abc import Mapping

FAILOVER = "jobmanager.execution.failover-strategy"
"""Whether a region or the whole job restarts. `DefaultSchedulerFactory` reads it from the JobManager's own
configuration: in that of a job alone it would have no effect."""


def restarts_fully(options: Mapping[str, str]) -> bool:
    """Tell whether the whole job restarts whatever fails."""
    return options.get(FAILOVER, "region").strip().lower() == "full"
