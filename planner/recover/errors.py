"""What can be wrong between documents of a recovery."""

from __future__ import annotations

from planner.errors import PlannerError


class PlacementMismatch(PlannerError):
    """A placement that is not of this job."""
