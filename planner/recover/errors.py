"""What can be wrong between documents of a recovery."""

from __future__ import annotations


class PlacementMismatchError(ValueError):
    """A placement that is not of this job."""
