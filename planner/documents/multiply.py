"""A job with more of everything: every parallelism times a factor."""

from __future__ import annotations

import math
from fractions import Fraction

from planner.documents.job import Job
from planner.documents.profile import ResourceProfile
from planner.errors import PlannerError


class AboveMaxParallelism(PlannerError):
    """A parallelism that is multiplied is more than the most that its operator may have."""


def multiplied(job: Job | ResourceProfile, factor: Fraction) -> Job | ResourceProfile:
    """Return a job in which every parallelism is ``factor`` times what it is, rounded up.

    What has parallelism 1 keeps it: mostly it is there once for a reason. Loads are those of a subtask and
    stay, so the job does ``factor`` times the work.

    Raises:
        AboveMaxParallelism: when that is more than a maximum parallelism that the document says.

    """
    if isinstance(job, Job):
        spec = job.spec
        operators = [
            one.model_copy(
                update={
                    "parallelism": _times(
                        one.parallelism, factor, one.max_parallelism or spec.max_parallelism, one.id
                    )
                }
            )
            for one in spec.operators
        ]
        whole = _times(spec.parallelism, factor, spec.max_parallelism, "the job")
        return job.model_copy(
            update={"spec": spec.model_copy(update={"parallelism": whole, "operators": operators})}
        )
    nodes = [
        node.model_copy(
            update={
                "profile": node.profile.model_copy(
                    update={
                        "parallelism": _times(
                            node.profile.parallelism,
                            factor,
                            node.profile.max_parallelism,
                            node.desc or str(node.id),
                        )
                    }
                )
            }
        )
        for node in job.nodes
    ]
    return job.model_copy(update={"nodes": nodes})


def _times(now: int | None, factor: Fraction, most: int | None, what: str) -> int | None:
    if now is None or now == 1:
        return now
    more = max(1, math.ceil(now * factor))
    if most is not None and more > most:
        raise AboveMaxParallelism(
            f"{what}: {factor} times {now} subtasks are more than its max parallelism, {most}"
        )
    return more
