"""What `planner scale` proposes: the ways to rescale a job, the one that is chosen, and its profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from planner.documents.profile import ResourceProfile
from planner.graph.from_profile import OVERRIDES
from planner.recover.candidates import Candidate, RestartPart
from planner.recover.rescaling import Rescaling, Scaled, group_slots, overrides, remarks, requirements


@dataclass(frozen=True)
class ScalingPlan:
    """A rescaling of a job.

    ``profile`` is the complete profile of ``chosen``, one of ``candidates``. ``restart`` are the parts of the
    time that the job stands still, none where they are not known. ``fine_grained`` tells whether a group of
    the job has resources of its own, which only Flink's default scheduler keeps.
    """

    name: str
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    profile: ResourceProfile
    restart: tuple[RestartPart, ...]
    fine_grained: bool

    @property
    def scaling(self) -> Rescaling:
        """The new parallelism of every vertex."""
        return self.chosen.scaling

    @property
    def changed(self) -> bool:
        """Whether any parallelism differs from the present one."""
        return any(one.parallelism != one.present for one in self.scaling.vertices)

    @property
    def restart_seconds(self) -> float | None:
        """How long the job stands still, None where that is not known."""
        return sum(part.seconds for part in self.restart) if self.restart else None

    def remarks(self) -> Iterator[str]:
        """Yield what a person should know of single vertices."""
        return remarks(self.scaling)

    def data(self) -> dict[str, Any]:
        """Return it as plain data: shares of time as numbers from 0, seconds, records a second."""
        slots = group_slots(self.scaling)
        return {
            "job": self.name,
            "utilisation": float(self.scaling.target),
            "chosen": self.chosen.name,
            "vertices": [_vertex(one) for one in self.scaling.vertices],
            "groups": {group: {"present": now, "slots": new} for group, (now, new) in slots.items()},
            "candidates": [one.data() for one in self.candidates],
            "restart": [
                {"part": part.name, "seconds": round(part.seconds, 3), "source": part.source}
                for part in self.restart
            ],
            "remarks": list(self.remarks()),
            "options": {OVERRIDES: overrides(self.scaling)},
            "resourceRequirements": None if self.fine_grained else requirements(self.scaling),
        }


def _vertex(one: Scaled) -> dict[str, Any]:
    shares = one.demand.shares
    figures: Mapping[str, Fraction | None] = {
        "busyNow": one.work.busy,
        "busyAtPresentParallelism": one.busy_now,
        "busy": one.busy,
        "trueRecordsPerSecond": one.work.true_rate,
        "recordsPerSecond": None if one.work.records_in is None else one.work.records_in * one.demand.factor,
    }
    return {
        "id": one.vertex.id,
        "name": one.vertex.name,
        "group": one.vertex.group,
        "present": one.present,
        "parallelism": one.parallelism,
        "needed": one.needed,
        "maxParallelism": one.vertex.max_parallelism,
        "division": str(shares.division),
        "parts": shares.parts,
        "fullestShare": round(float(shares.fullest(one.parallelism)), 9),
        **{name: None if value is None else round(float(value), 6) for name, value in figures.items()},
        "rateFactor": round(float(one.demand.factor), 9),
        "bound": str(one.bound),
        "why": one.why,
    }
