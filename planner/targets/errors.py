"""What cannot be written for another tool."""

from __future__ import annotations

from planner.errors import PlannerError


class NotExportable(PlannerError):
    """A placement, or a parameter beside it, that a target cannot express."""
