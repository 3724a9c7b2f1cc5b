"""Where the values of a compiled job come from."""

from __future__ import annotations

from planner.documents.job import Job
from planner.documents.profile import ResourceProfile
from planner.graph.from_job import job_max_parallelism
from planner.graph.from_profile import operator_id


def explanation(document: Job | ResourceProfile, profile: ResourceProfile) -> str:
    """Return, for every operator and group, which values were declared and which were filled in."""
    lines: list[str] = []
    if isinstance(document, Job):
        lines += _operators(document, profile)
    figures = profile.planner.groups if profile.planner else {}
    for name, derived in figures.items():
        lines.append(f"group {name}: {derived.slots} slots")
        for reason in derived.explanation:
            source = f"; {reason.source}" if reason.source else ""
            lines.append(f"  {reason.figure} {reason.value} ({reason.confidence}): {reason.reason}{source}")
    return "\n".join(lines) + "\n"


def _operators(job: Job, profile: ResourceProfile) -> list[str]:
    spec = job.spec
    ids = {node.id: operator_id(node) for node in profile.nodes}
    ships = {(ids[edge.source], edge.target): edge.strategy for edge in reversed(profile.edges)}
    parallelism = "spec.parallelism" if spec.parallelism else "parallelism.default or 1"
    lines: list[str] = []
    for operator, node in zip(spec.operators, profile.nodes, strict=True):
        figures = node.profile
        lines.append(f"operator {operator.id}")
        source = "declared" if operator.parallelism else parallelism
        lines.append(f"  parallelism {figures.parallelism}: {source}")
        if operator.max_parallelism:
            source = "declared"
        elif job_max_parallelism(spec):
            source = "spec.maxParallelism or pipeline.max-parallelism"
        else:
            source = "Flink's rule: the next power of two of 1.5 x parallelism, 128 to 32768"
        lines.append(f"  maxParallelism {figures.max_parallelism}: {source}")
        source = "declared" if operator.group else "inherited from its inputs where they agree, else default"
        lines.append(f"  group {figures.group}: {source}")
        source = "declared" if operator.chaining else f"what a {operator.kind} has"
        lines.append(f"  chaining {figures.chaining}: {source}")
        lines.append(
            f"  name {node.desc!r}: {'declared' if operator.name else 'how Flink names a ' + operator.kind}"
        )
        for entry in operator.inputs:
            source = (
                "declared" if entry.ship else "Flink's rule: FORWARD for equal parallelism, else REBALANCE"
            )
            lines.append(f"  input {entry.from_} {ships[entry.from_, node.id]}: {source}")
    return lines
